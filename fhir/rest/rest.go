package rest

import (
	"github.com/labstack/echo/v4"

	"github.com/admitdev/admit/fhir/repo"
)

// Handler serves FHIR R4 under the group it is mounted on.
type Handler struct {
	repo *repo.Repo
	base string
}

// New makes a Handler; base is the absolute URL of the surface with its final slash
// (https://example.com/fhir/R4/).
func New(r *repo.Repo, base string) *Handler { return &Handler{repo: r, base: base} }

// Mount adds the routes that need a caller to g (…/fhir/R4).
func (h *Handler) Mount(g *echo.Group) {}

// MountPublic adds metadata and $versions, which need none.
func (h *Handler) MountPublic(g *echo.Group) {}
