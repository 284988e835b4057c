package api

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/admitdev/admit/admin"
	"github.com/admitdev/admit/fhir/caller"
	"github.com/admitdev/admit/pkg/outcome"
	"github.com/admitdev/admit/pkg/web"
)

func (h *Handler) superForcePassword(c echo.Context) error {
	var in admin.ForcedPassword
	if err := web.ReadJSON(c, &in); err != nil {
		return err
	}
	if err := h.Admin.SuperForcePassword(c.Request().Context(), caller.From(c), in); err != nil {
		return err
	}
	return done(c)
}

// reindex takes what Medplum's App sends. How fast Admit goes it decides itself, and it always makes all rows
// of a type again, so of the rest only the type counts.
func (h *Handler) reindex(c echo.Context) error {
	var in struct {
		ResourceType string `json:"resourceType"`
	}
	if err := web.ReadJSON(c, &in); err != nil {
		return err
	}
	who := caller.From(c)
	if who.SuperAdmin && !web.RespondAsync(c.Request().Header) {
		return outcome.New(outcome.Invalid, `Operation requires "Prefer: respond-async"`)
	}
	status, err := h.Admin.Reindex(c.Request().Context(), who, in.ResourceType)
	if err != nil {
		return err
	}
	c.Response().Header().Set("Content-Location", status)
	return web.WriteOutcome(c, outcome.New(outcome.Accepted, "").Because("%s", status))
}

func (h *Handler) purge(c echo.Context) error {
	var in admin.Purge
	if err := web.ReadJSON(c, &in); err != nil {
		return err
	}
	if err := h.Admin.Purge(c.Request().Context(), caller.From(c), in); err != nil {
		return err
	}
	return done(c)
}

// migrations answers as Medplum does, whose data migrations run after a deployment. Admit has none: each
// migration is done before the server answers. They are listed beside.
func (h *Handler) migrations(c echo.Context) error {
	list, err := h.Admin.Migrations(c.Request().Context(), caller.From(c))
	return answer(c, http.StatusOK, map[string]any{"postDeployMigrations": []int{}, "pendingPostDeployMigration": 0, "migrations": list}, err)
}

func (h *Handler) mail(c echo.Context) error {
	list, err := h.Admin.Mail(c.Request().Context(), caller.From(c), c.QueryParam("after"))
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, list)
}

func (h *Handler) mailMessage(c echo.Context) error {
	message, err := h.Admin.MailMessage(c.Request().Context(), caller.From(c), c.Param("mail"))
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, message)
}
