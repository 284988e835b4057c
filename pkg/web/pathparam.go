package web

import (
	"net/url"
	"unicode/utf8"

	"github.com/labstack/echo/v4"

	"github.com/admitdev/admit/pkg/outcome"
)

// PathParam is a parameter of the path that may hold any character, escaped or not. What is not UTF-8 names
// nothing.
func PathParam(c echo.Context, name string) (value string, err error) {
	value = c.Param(name)
	if c.Request().URL.RawPath != "" {
		value, err = url.PathUnescape(value)
	}
	if err != nil || !utf8.ValidString(value) {
		return "", outcome.New(outcome.NotFound, "")
	}
	return value, nil
}
