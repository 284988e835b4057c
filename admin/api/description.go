package api

import (
	"net/http"
	"sync"

	"github.com/labstack/echo/v4"

	"github.com/admitdev/admit/admin/openapi"
)

// MountDescription adds /openapi.json, which anybody may read.
func MountDescription(e *echo.Echo) {
	document := sync.OnceValues(openapi.Document)
	e.GET("/openapi.json", func(c echo.Context) error {
		content, err := document()
		if err != nil {
			return err
		}
		return c.JSONBlob(http.StatusOK, content)
	})
}
