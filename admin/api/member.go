package api

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/admitdev/admit/admin"
	"github.com/admitdev/admit/fhir/caller"
	"github.com/admitdev/admit/pkg/web"
)

// invite answers as a FHIR create would, but with 200 (contract §7.4). Unlike Medplum it refuses a field that it does
// not know: a policy whose name is misspelt would leave the member the default ones.
func (h *Handler) invite(c echo.Context) error {
	var in admin.Invitation
	if err := web.ReadJSON(c, &in, web.RefuseUnknown()); err != nil {
		return err
	}
	key := c.Request().Header.Get("Idempotency-Key")
	made, err := h.Admin.Invite(c.Request().Context(), caller.From(c), c.Param("project"), in, key)
	if err != nil {
		return err
	}
	return resource(c, http.StatusOK, web.FHIRJSON, made)
}

func (h *Handler) member(c echo.Context) error {
	found, err := h.Admin.Member(c.Request().Context(), caller.From(c), c.Param("project"), c.Param("membership"))
	if err != nil {
		return err
	}
	return resource(c, http.StatusOK, plainJSON, found)
}

// updateMember takes a FHIR resource, so its body is read as strictly as one.
func (h *Handler) updateMember(c echo.Context) error {
	body, err := web.ReadBody(c, web.MaxJSON)
	if err != nil {
		return err
	}
	made, err := h.Admin.UpdateMember(c.Request().Context(), caller.From(c), c.Param("project"), c.Param("membership"), body)
	if err != nil {
		return err
	}
	return resource(c, http.StatusOK, plainJSON, made)
}

func (h *Handler) deleteMember(c echo.Context) error {
	if err := h.Admin.DeleteMember(c.Request().Context(), caller.From(c), c.Param("project"), c.Param("membership")); err != nil {
		return err
	}
	return done(c)
}

func (h *Handler) resetPassword(c echo.Context) error {
	err := h.Admin.ResetMemberPassword(c.Request().Context(), caller.From(c), c.Param("project"), c.Param("membership"))
	if err != nil {
		return err
	}
	return done(c)
}

// resetMFA takes the method that Medplum's newer clients name; an authenticator is the one that there is.
func (h *Handler) resetMFA(c echo.Context) error {
	var in struct {
		Method string `json:"method"`
	}
	if err := web.ReadJSON(c, &in); err != nil {
		return err
	}
	err := h.Admin.ResetMemberMFA(c.Request().Context(), caller.From(c), c.Param("project"), c.Param("membership"), in.Method)
	if err != nil {
		return err
	}
	return done(c)
}

func (h *Handler) forcePassword(c echo.Context) error {
	var in admin.ForcedPassword
	if err := web.ReadJSON(c, &in); err != nil {
		return err
	}
	if err := h.Admin.ForcePassword(c.Request().Context(), caller.From(c), in); err != nil {
		return err
	}
	return done(c)
}

func (h *Handler) sessions(c echo.Context) error {
	all, err := h.Admin.MemberSessions(c.Request().Context(), caller.From(c), c.Param("project"), c.Param("membership"))
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, map[string][]admin.Session{"sessions": all})
}

func (h *Handler) endSession(c echo.Context) error {
	err := h.Admin.EndMemberSession(c.Request().Context(), caller.From(c), c.Param("project"), c.Param("membership"), c.Param("login"))
	if err != nil {
		return err
	}
	return done(c)
}
