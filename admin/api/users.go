package api

import (
	"encoding/json"
	"net/http"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/admitdev/admit/admin"
	"github.com/admitdev/admit/fhir/caller"
	"github.com/admitdev/admit/fhir/medplum"
	"github.com/admitdev/admit/pkg/web"
)

// mountUsers adds the native routes about the users of a project, their groups and their roles. Bodies
// and answers are plain JSON, described by /openapi.json.
func (h *Handler) mountUsers(p *echo.Group) {
	p.GET("/users", h.listUsers)
	p.POST("/users", h.createUser)
	p.GET("/users/find", h.findUser)
	p.POST("/users/batch-get", h.readUsers)
	p.POST("/users/batch-create", h.createUsers)
	p.POST("/users/batch-delete", h.deleteUsers)
	p.POST("/users/forgotten-password", h.forgotPassword)
	p.GET("/users/:user", h.readUser)
	p.PATCH("/users/:user", h.updateUser)
	p.DELETE("/users/:user", h.deleteUser)
	p.POST("/users/:user/block", h.setUserStatus(admin.StatusBlocked))
	p.POST("/users/:user/unblock", h.setUserStatus(admin.StatusActive))
	p.POST("/users/:user/undelete", h.undeleteUser)
	p.POST("/users/:user/purge", h.purgeUser)
	p.PATCH("/users/:user/properties", h.updateCustom(func(f *admin.UserFields, values custom) { f.Properties = values }))
	p.PATCH("/users/:user/custom-data", h.updateCustom(func(f *admin.UserFields, values custom) { f.CustomData = values }))
	p.PUT("/users/:user/profile", h.assignProfile)
	h.mountUserTokens(p)
	h.mountUserRights(p)
}

// custom are values that Admit keeps and never acts upon.
type custom = map[string]json.RawMessage

// answer writes what a service gave, or passes its error on.
func answer(c echo.Context, status int, made any, err error) error {
	if err != nil {
		return err
	}
	return c.JSON(status, made)
}

// finished answers "All OK" unless the service failed.
func finished(c echo.Context, err error) error {
	if err != nil {
		return err
	}
	return done(c)
}

// user writes a user with the version by which an update names it.
func user(c echo.Context, status int, u admin.User, err error) error {
	if err != nil {
		return err
	}
	c.Response().Header().Set("ETag", `W/"`+u.Version+`"`)
	return c.JSON(status, u)
}

func (h *Handler) listUsers(c echo.Context) error {
	q := admin.UserQuery{
		Search: c.QueryParam("search"), Status: admin.Status(c.QueryParam("status")), Patient: c.QueryParam("patient"),
		Practitioner: c.QueryParam("practitioner"), Profile: c.QueryParam("profile"), Role: c.QueryParam("role"),
		Group: c.QueryParam("group"), Cursor: c.QueryParam("cursor"), Total: c.QueryParam("total") == "true",
	}
	if ids := c.QueryParam("ids"); ids != "" {
		q.IDs = strings.Split(ids, ",")
	}
	var err error
	if q.Limit, err = limit(c, 1000); err != nil {
		return err
	}
	page, err := h.Admin.ListUsers(c.Request().Context(), caller.From(c), c.Param("project"), q)
	return answer(c, http.StatusOK, page, err)
}

func (h *Handler) createUser(c echo.Context) error {
	var in admin.UserDraft
	if err := web.ReadJSON(c, &in, web.RefuseUnknown()); err != nil {
		return err
	}
	made, err := h.Admin.CreateUser(c.Request().Context(), caller.From(c), c.Param("project"), in)
	return user(c, http.StatusCreated, made, err)
}

func (h *Handler) findUser(c echo.Context) error {
	name := admin.UserName{
		Email: c.QueryParam("email"), Login: c.QueryParam("login"), Phone: c.QueryParam("phone"), ExternalID: c.QueryParam("externalId"),
	}
	found, err := h.Admin.FindUser(c.Request().Context(), caller.From(c), c.Param("project"), name)
	return user(c, http.StatusOK, found, err)
}

func (h *Handler) readUser(c echo.Context) error {
	found, err := h.Admin.ReadUser(c.Request().Context(), caller.From(c), c.Param("project"), c.Param("user"))
	return user(c, http.StatusOK, found, err)
}

func (h *Handler) updateUser(c echo.Context) error {
	var in admin.UserFields
	if err := web.ReadJSON(c, &in, web.RefuseUnknown()); err != nil {
		return err
	}
	made, err := h.Admin.UpdateUser(c.Request().Context(), caller.From(c), c.Param("project"), c.Param("user"), ifMatch(c), in)
	return user(c, http.StatusOK, made, err)
}

// ifMatch is the version that the request names, empty for any.
func ifMatch(c echo.Context) string {
	return strings.Trim(strings.TrimPrefix(c.Request().Header.Get("If-Match"), "W/"), `"`)
}

func (h *Handler) updateCustom(set func(*admin.UserFields, custom)) echo.HandlerFunc {
	return func(c echo.Context) error {
		var values custom
		if err := web.ReadJSON(c, &values); err != nil {
			return err
		}
		var in admin.UserFields
		set(&in, values)
		made, err := h.Admin.UpdateUser(c.Request().Context(), caller.From(c), c.Param("project"), c.Param("user"), "", in)
		return user(c, http.StatusOK, made, err)
	}
}

func (h *Handler) deleteUser(c echo.Context) error {
	return finished(c, h.Admin.DeleteUser(c.Request().Context(), caller.From(c), c.Param("project"), c.Param("user")))
}

func (h *Handler) setUserStatus(status admin.Status) echo.HandlerFunc {
	return func(c echo.Context) error {
		made, err := h.Admin.SetUserStatus(c.Request().Context(), caller.From(c), c.Param("project"), c.Param("user"), status)
		return user(c, http.StatusOK, made, err)
	}
}

func (h *Handler) undeleteUser(c echo.Context) error {
	made, err := h.Admin.UndeleteUser(c.Request().Context(), caller.From(c), c.Param("project"), c.Param("user"))
	return user(c, http.StatusOK, made, err)
}

func (h *Handler) purgeUser(c echo.Context) error {
	return finished(c, h.Admin.PurgeUser(c.Request().Context(), caller.From(c), c.Param("project"), c.Param("user")))
}

func (h *Handler) assignProfile(c echo.Context) error {
	var profile medplum.Reference
	if err := web.ReadJSON(c, &profile, web.RefuseUnknown()); err != nil {
		return err
	}
	made, err := h.Admin.AssignProfile(c.Request().Context(), caller.From(c), c.Param("project"), c.Param("user"), profile)
	return user(c, http.StatusOK, made, err)
}

func (h *Handler) forgotPassword(c echo.Context) error {
	var in struct {
		Email      string `json:"email"`
		Login      string `json:"login"`
		Phone      string `json:"phone"`
		ExternalID string `json:"externalId"`
	}
	if err := web.ReadJSON(c, &in, web.RefuseUnknown()); err != nil {
		return err
	}
	return finished(c, h.Admin.ForgotPassword(c.Request().Context(), caller.From(c), c.Param("project"), admin.UserName(in)))
}
