package api

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/admitdev/admit/admin"
	"github.com/admitdev/admit/fhir/caller"
	"github.com/admitdev/admit/fhir/medplum"
	"github.com/admitdev/admit/pkg/web"
)

func (h *Handler) mountUserRights(p *echo.Group) {
	p.GET("/users/:user/groups", h.userGroups)
	p.PUT("/users/:user/groups/:group", h.joinGroup)
	p.DELETE("/users/:user/groups/:group", h.quitGroup)
	p.GET("/users/:user/roles", h.userRoles)
	p.POST("/users/:user/roles", h.addRoles)
	p.DELETE("/users/:user/roles/:role", h.removeRole)
	p.GET("/users/:user/policies", h.userPolicies)
	p.POST("/users/:user/policies", h.addPolicies)
	p.DELETE("/users/:user/policies/:role", h.removeRole) // a policy that a role is, by the same id

	p.GET("/groups", h.groups)
	p.POST("/groups", h.createGroup)
	p.GET("/groups/:group", h.readGroup)
	p.PATCH("/groups/:group", h.updateGroup)
	p.DELETE("/groups/:group", h.deleteGroup)
	p.GET("/roles", h.roles)
	p.POST("/roles", h.createRole)
	p.GET("/roles/:role", h.readRole)
	p.DELETE("/roles/:role", h.deleteRole)
}

func (h *Handler) userGroups(c echo.Context) error {
	found, err := h.Admin.ReadUser(c.Request().Context(), caller.From(c), c.Param("project"), c.Param("user"))
	return answer(c, http.StatusOK, map[string][]admin.UserGroup{"groups": found.Groups}, err)
}

func (h *Handler) joinGroup(c echo.Context) error {
	group, err := web.PathParam(c, "group")
	if err != nil {
		return err
	}
	made, err := h.Admin.JoinGroup(c.Request().Context(), caller.From(c), c.Param("project"), c.Param("user"), group)
	return user(c, http.StatusOK, made, err)
}

func (h *Handler) quitGroup(c echo.Context) error {
	group, err := web.PathParam(c, "group")
	if err != nil {
		return err
	}
	made, err := h.Admin.QuitGroup(c.Request().Context(), caller.From(c), c.Param("project"), c.Param("user"), group)
	return user(c, http.StatusOK, made, err)
}

func (h *Handler) userRoles(c echo.Context) error {
	found, err := h.Admin.ReadUser(c.Request().Context(), caller.From(c), c.Param("project"), c.Param("user"))
	return answer(c, http.StatusOK, map[string][]admin.UserRole{"roles": found.Roles}, err)
}

func (h *Handler) addRoles(c echo.Context) error {
	var in struct {
		Roles []string `json:"roles"`
	}
	if err := web.ReadJSON(c, &in, web.RefuseUnknown()); err != nil {
		return err
	}
	made, err := h.Admin.AddRoles(c.Request().Context(), caller.From(c), c.Param("project"), c.Param("user"), in.Roles)
	return user(c, http.StatusOK, made, err)
}

func (h *Handler) removeRole(c echo.Context) error {
	role, err := web.PathParam(c, "role")
	if err != nil {
		return err
	}
	made, err := h.Admin.RemoveRoles(c.Request().Context(), caller.From(c), c.Param("project"), c.Param("user"), []string{role})
	return user(c, http.StatusOK, made, err)
}

func (h *Handler) userPolicies(c echo.Context) error {
	found, err := h.Admin.UserPolicies(c.Request().Context(), caller.From(c), c.Param("project"), c.Param("user"))
	return answer(c, http.StatusOK, map[string][]medplum.Access{"policies": found}, err)
}

func (h *Handler) addPolicies(c echo.Context) error {
	var in struct {
		Policies []medplum.Access `json:"policies"`
	}
	if err := web.ReadJSON(c, &in, web.RefuseUnknown()); err != nil {
		return err
	}
	made, err := h.Admin.AddPolicies(c.Request().Context(), caller.From(c), c.Param("project"), c.Param("user"), in.Policies)
	return user(c, http.StatusOK, made, err)
}

func (h *Handler) groups(c echo.Context) error {
	found, next, err := h.Admin.Groups(c.Request().Context(), caller.From(c), c.Param("project"), c.QueryParam("cursor"))
	return answer(c, http.StatusOK, struct {
		Groups []admin.UserGroup `json:"groups"`
		Next   string            `json:"next,omitempty"`
	}{found, next}, err)
}

func (h *Handler) createGroup(c echo.Context) error {
	var in admin.GroupFields
	if err := web.ReadJSON(c, &in, web.RefuseUnknown()); err != nil {
		return err
	}
	made, err := h.Admin.CreateGroup(c.Request().Context(), caller.From(c), c.Param("project"), in)
	return answer(c, http.StatusCreated, made, err)
}

func (h *Handler) readGroup(c echo.Context) error {
	group, err := web.PathParam(c, "group")
	if err != nil {
		return err
	}
	found, err := h.Admin.ReadGroup(c.Request().Context(), caller.From(c), c.Param("project"), group)
	return answer(c, http.StatusOK, found, err)
}

func (h *Handler) updateGroup(c echo.Context) error {
	group, err := web.PathParam(c, "group")
	if err != nil {
		return err
	}
	var in admin.GroupFields
	if err := web.ReadJSON(c, &in, web.RefuseUnknown()); err != nil {
		return err
	}
	made, err := h.Admin.UpdateGroup(c.Request().Context(), caller.From(c), c.Param("project"), group, in)
	return answer(c, http.StatusOK, made, err)
}

func (h *Handler) deleteGroup(c echo.Context) error {
	group, err := web.PathParam(c, "group")
	if err != nil {
		return err
	}
	return finished(c, h.Admin.DeleteGroup(c.Request().Context(), caller.From(c), c.Param("project"), group, ifMatch(c)))
}

func (h *Handler) roles(c echo.Context) error {
	found, next, err := h.Admin.Roles(c.Request().Context(), caller.From(c), c.Param("project"), c.QueryParam("cursor"))
	return answer(c, http.StatusOK, struct {
		Roles []admin.Role `json:"roles"`
		Next  string       `json:"next,omitempty"`
	}{found, next}, err)
}

func (h *Handler) createRole(c echo.Context) error {
	var in admin.RoleDraft
	if err := web.ReadJSON(c, &in, web.RefuseUnknown()); err != nil {
		return err
	}
	made, err := h.Admin.CreateRole(c.Request().Context(), caller.From(c), c.Param("project"), in)
	return answer(c, http.StatusCreated, made, err)
}

func (h *Handler) readRole(c echo.Context) error {
	role, err := web.PathParam(c, "role")
	if err != nil {
		return err
	}
	found, err := h.Admin.ReadRole(c.Request().Context(), caller.From(c), c.Param("project"), role)
	return answer(c, http.StatusOK, found, err)
}

func (h *Handler) deleteRole(c echo.Context) error {
	role, err := web.PathParam(c, "role")
	if err != nil {
		return err
	}
	return finished(c, h.Admin.DeleteRole(c.Request().Context(), caller.From(c), c.Param("project"), role))
}
