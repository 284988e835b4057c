package web

import (
	"net/url"

	"github.com/labstack/echo/v4"

	"github.com/admitdev/admit/pkg/outcome"
)

// PathParam is a parameter of the path that may hold any character, escaped or not.
func PathParam(c echo.Context, name string) (string, error) {
	if c.Request().URL.RawPath == "" {
		return c.Param(name), nil
	}
	value, err := url.PathUnescape(c.Param(name))
	if err != nil {
		return "", outcome.New(outcome.NotFound, "")
	}
	return value, nil
}
