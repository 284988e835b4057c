package rest

import (
	"net/http"
	"slices"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/admitdev/admit/pkg/outcome"
)

// MountUnrouted answers for the addresses and methods that no other route has. It comes last: each
// group that is made puts its own answer there.
func (h *Handler) MountUnrouted(g *echo.Group) {
	g.RouteNotFound("", unrouted)
	g.RouteNotFound("/*", unrouted)
}

// unrouted tells a method that is not allowed (RFC 9110 §15.5.6) from an address that is not there.
func unrouted(c echo.Context) error {
	allowed := allowedMethods(c)
	if len(allowed) == 0 {
		return outcome.New(outcome.NotFound, "")
	}
	c.Response().Header().Set(echo.HeaderAllow, strings.Join(allowed, ", "))
	return outcome.New(outcome.MethodNotAllowed, "")
}

// allowedMethods are those that have a route at the request's address. HEAD goes with GET.
func allowedMethods(c echo.Context) (allowed []string) {
	routes, path := c.Echo().Routes(), echo.GetPath(c.Request())
	operation := strings.Contains(path, "/$")
	for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete} {
		found := c.Echo().NewContext(c.Request(), nil)
		c.Echo().Router().Find(method, path, found)
		if !slices.ContainsFunc(routes, func(r *echo.Route) bool { return r.Method == method && r.Path == found.Path() }) {
			continue
		}
		if operation && !strings.Contains(found.Path(), "/$") { // the name of an operation is no id
			continue
		}
		if allowed = append(allowed, method); method == http.MethodGet {
			allowed = append(allowed, http.MethodHead)
		}
	}
	return allowed
}
