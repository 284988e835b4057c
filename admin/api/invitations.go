package api

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/admitdev/admit/admin"
	"github.com/admitdev/admit/fhir/caller"
	"github.com/admitdev/admit/pkg/outcome"
	"github.com/admitdev/admit/pkg/web"
)

// mountInvitations adds the native routes about what became of invites. They are made at /invite.
func (h *Handler) mountInvitations(p *echo.Group) {
	p.GET("/invitations", h.invitations)
	p.GET("/invitations/:invitation", h.invitation)
	p.PATCH("/invitations/:invitation", h.grantInvitation)
	p.POST("/invitations/:invitation/resend", h.resendInvitation)
	p.POST("/invitations/:invitation/extend", h.extendInvitation)
	p.POST("/invitations/:invitation/revoke", h.revokeInvitation)
	p.POST("/invitations/:invitation/link", h.invitationLink)
}

func (h *Handler) invitations(c echo.Context) error {
	q := admin.InvitationQuery{
		Email: c.QueryParam("email"), Profile: c.QueryParam("profile"), InvitedBy: c.QueryParam("invitedBy"), Cursor: c.QueryParam("cursor"),
	}
	if states := c.QueryParam("state"); states != "" {
		q.States = strings.Split(states, ",")
	}
	var err error
	if q.Limit, err = limit(c, 1000); err != nil {
		return err
	}
	for name, into := range map[string]*time.Time{"since": &q.Since, "until": &q.Until} {
		if value := c.QueryParam(name); value != "" {
			if *into, err = time.Parse(time.RFC3339, value); err != nil {
				return outcome.New(outcome.Invalid, "Expected a time such as 2026-03-01T08:00:00Z").At(name)
			}
		}
	}
	page, err := h.Admin.Invitations(c.Request().Context(), caller.From(c), c.Param("project"), q)
	return answer(c, http.StatusOK, page, err)
}

// limit is how long a page is to be, 0 for as long as usual.
func limit(c echo.Context, most int) (int, error) {
	value := c.QueryParam("limit")
	if value == "" {
		return 0, nil
	}
	n, err := strconv.Atoi(value)
	if err != nil || n < 1 || n > most {
		return 0, outcome.New(outcome.Invalid, "Limit must be between 1 and %d", most).At("limit")
	}
	return n, nil
}

// invited writes an invitation with the version by which a change names it.
func invited(c echo.Context, in admin.InvitationDetails, err error) error {
	if err == nil {
		c.Response().Header().Set("ETag", `W/"`+in.Version+`"`)
	}
	return answer(c, http.StatusOK, in, err)
}

func (h *Handler) invitation(c echo.Context) error {
	found, err := h.Admin.Invitation(c.Request().Context(), caller.From(c), c.Param("project"), c.Param("invitation"))
	return invited(c, found, err)
}

// which is the invitation that the address names, in the version that the request names.
func which(c echo.Context) admin.InvitationChange {
	return admin.InvitationChange{Project: c.Param("project"), ID: c.Param("invitation"), Version: ifMatch(c)}
}

func (h *Handler) grantInvitation(c echo.Context) error {
	var in admin.InvitationGrant
	if err := web.ReadJSON(c, &in, web.RefuseUnknown()); err != nil {
		return err
	}
	changed, err := h.Admin.GrantInvitation(c.Request().Context(), caller.From(c), which(c), in)
	return invited(c, changed, err)
}

func (h *Handler) resendInvitation(c echo.Context) error {
	key := c.Request().Header.Get("Idempotency-Key")
	changed, err := h.Admin.ResendInvitation(c.Request().Context(), caller.From(c), which(c), key)
	return invited(c, changed, err)
}

func (h *Handler) extendInvitation(c echo.Context) error {
	var in struct {
		ExpiresAt time.Time `json:"expiresAt"`
	}
	if err := web.ReadJSON(c, &in, web.RefuseUnknown()); err != nil {
		return err
	}
	changed, err := h.Admin.ExtendInvitation(c.Request().Context(), caller.From(c), which(c), in.ExpiresAt)
	return invited(c, changed, err)
}

func (h *Handler) revokeInvitation(c echo.Context) error {
	changed, err := h.Admin.RevokeInvitation(c.Request().Context(), caller.From(c), which(c))
	return invited(c, changed, err)
}

func (h *Handler) invitationLink(c echo.Context) error {
	made, err := h.Admin.InvitationLink(c.Request().Context(), caller.From(c), which(c))
	secretAnswer(c)
	return answer(c, http.StatusOK, made, err)
}
