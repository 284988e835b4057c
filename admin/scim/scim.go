package scim

import (
	"context"
	"net/http"
	"net/url"
	"regexp"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/admitdev/admit/admin"
	"github.com/admitdev/admit/fhir/caller"
	"github.com/admitdev/admit/pkg/outcome"
)

// Handler is the routes.
type Handler struct {
	Admin *admin.Service

	base   *url.URL // of the surface
	users  users
	groups groups
}

// New makes a Handler.
func New(services *admin.Service) *Handler {
	h := &Handler{Admin: services, base: services.BaseURL.JoinPath("scim/v2")}
	h.users, h.groups = users{userKind(), h}, groups{groupKind(), h}
	return h
}

// collection is the resources of a kind in the caller's project. Versions are empty for any.
type collection interface {
	kindOf() *kind
	create(ctx context.Context, who caller.Caller, raw object) (object, error)
	read(ctx context.Context, who caller.Caller, id string, chosen choice) (object, error)
	replace(ctx context.Context, who caller.Caller, id, version string, raw object) (object, error)
	// patch gives no resource when there is nothing to tell.
	patch(ctx context.Context, who caller.Caller, id, version string, raw object) (object, error)
	delete(ctx context.Context, who caller.Caller, id, version string) error
	list(ctx context.Context, who caller.Caller, q query) (page []object, total int, err error)
}

func (h *Handler) collections() []collection { return []collection{h.users, h.groups} }

// Mount adds the routes to the group of /scim/v2, on which there is a caller.
func (h *Handler) Mount(g *echo.Group) {
	g.Use(h.administers)
	for _, all := range h.collections() {
		r := routes{all}
		endpoint := "/" + all.kindOf().endpoint
		g.GET(endpoint, r.list)
		g.POST(endpoint, r.create)
		g.POST(endpoint+"/.search", r.search)
		g.GET(endpoint+"/:id", r.read)
		g.PUT(endpoint+"/:id", r.replace)
		g.PATCH(endpoint+"/:id", r.patch)
		g.DELETE(endpoint+"/:id", r.remove)
	}
	g.POST("/Bulk", h.bulk)
	me := routes{h.users}
	g.GET("/Me", own(me.read))
	g.PUT("/Me", own(me.replace))
	g.PATCH("/Me", own(me.patch))
	g.DELETE("/Me", own(me.remove))
	h.mountDiscovery(g)
}

// own is what a route does to the caller's own User (RFC 7644 §3.11). A client has none.
func own(do echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		_, id := caller.From(c).Membership.Split()
		c.SetParamNames("id")
		c.SetParamValues(id)
		return do(c)
	}
}

// administers lets administrators through, and their clients.
func (h *Handler) administers(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		if err := h.Admin.Administers(c.Request().Context(), caller.From(c)); err != nil {
			return err
		}
		return next(c)
	}
}

// routes are those of a collection.
type routes struct{ collection }

// idForm is that of every id that Admit gives.
var idForm = regexp.MustCompile(`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`)

// idOf is the id in the address.
func idOf(c echo.Context) (string, error) {
	if id := c.Param("id"); idForm.MatchString(id) {
		return id, nil
	}
	return "", outcome.New(outcome.NotFound, "")
}

// versionOf reads an ETag, which is empty or * for any version.
func versionOf(tag string) string {
	if tag = strings.TrimSpace(tag); tag == "*" {
		return ""
	}
	return strings.Trim(strings.TrimPrefix(tag, "W/"), `"`)
}

// resource writes one resource with the headers by which it is recognised.
func (r routes) resource(c echo.Context, status int, doc object) error {
	chosen, err := r.chosen(c)
	if err != nil {
		return err
	}
	header := c.Response().Header()
	meta, _ := doc[attrMeta].(object)
	if location, ok := meta["location"].(string); ok && status == http.StatusCreated {
		header.Set(echo.HeaderLocation, location)
	}
	if version, ok := meta["version"].(string); ok {
		header.Set("ETag", version)
		if asked := c.Request().Header.Get("If-None-Match"); c.Request().Method == http.MethodGet && asked != "" && versionOf(asked) == versionOf(version) {
			return c.NoContent(http.StatusNotModified)
		}
	}
	return write(c, status, chosen.of(doc))
}

func (r routes) chosen(c echo.Context) (choice, error) {
	return r.kindOf().choose(names(c, "attributes"), names(c, "excludedAttributes"))
}

func (r routes) create(c echo.Context) error {
	var raw object
	if err := readJSON(c, &raw); err != nil {
		return err
	}
	doc, err := r.collection.create(c.Request().Context(), caller.From(c), raw)
	if err != nil {
		return err
	}
	return r.resource(c, http.StatusCreated, doc)
}

func (r routes) read(c echo.Context) error {
	id, err := idOf(c)
	if err != nil {
		return err
	}
	chosen, err := r.chosen(c)
	if err != nil {
		return err
	}
	doc, err := r.collection.read(c.Request().Context(), caller.From(c), id, chosen)
	if err != nil {
		return err
	}
	return r.resource(c, http.StatusOK, doc)
}

// changing is what a collection does to one resource.
type changing func(ctx context.Context, who caller.Caller, id, version string, raw object) (object, error)

func (r routes) replace(c echo.Context) error { return r.change(c, r.collection.replace) }

func (r routes) patch(c echo.Context) error { return r.change(c, r.collection.patch) }

func (r routes) change(c echo.Context, do changing) error {
	id, err := idOf(c)
	if err != nil {
		return err
	}
	var raw object
	if err := readJSON(c, &raw); err != nil {
		return err
	}
	ctx, who := c.Request().Context(), caller.From(c)
	doc, err := do(ctx, who, id, versionOf(c.Request().Header.Get("If-Match")), raw)
	if err != nil {
		return err
	}
	if doc == nil {
		if c.QueryParam("attributes") == "" {
			return c.NoContent(http.StatusNoContent)
		}
		chosen, err := r.chosen(c)
		if err != nil {
			return err
		}
		if doc, err = r.collection.read(ctx, who, id, chosen); err != nil {
			return err
		}
	}
	return r.resource(c, http.StatusOK, doc)
}

func (r routes) remove(c echo.Context) error {
	id, err := idOf(c)
	if err != nil {
		return err
	}
	if err := r.delete(c.Request().Context(), caller.From(c), id, versionOf(c.Request().Header.Get("If-Match"))); err != nil {
		return err
	}
	return c.NoContent(http.StatusNoContent)
}

func (r routes) list(c echo.Context) error {
	q, err := r.kindOf().queryOf(c)
	if err != nil {
		return err
	}
	return r.page(c, q)
}

func (r routes) search(c echo.Context) error {
	q, err := r.kindOf().searchOf(c)
	if err != nil {
		return err
	}
	return r.page(c, q)
}

func (r routes) page(c echo.Context, q query) error {
	docs, total, err := r.collection.list(c.Request().Context(), caller.From(c), q)
	if err != nil {
		return err
	}
	for i, doc := range docs {
		docs[i] = q.chosen.of(doc)
	}
	return write(c, http.StatusOK, listOf(docs, total, q.startIndex))
}
