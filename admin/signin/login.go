package signin

import (
	"github.com/labstack/echo/v4"

	"github.com/admitdev/admit/admin"
	"github.com/admitdev/admit/pkg/outcome"
	"github.com/admitdev/admit/pkg/web"
)

func (h *Handler) method(c echo.Context) error {
	var in struct {
		Email string `json:"email"`
	}
	if err := web.ReadJSON(c, &in); err != nil {
		return err
	}
	method, err := h.people.Method(c.Request().Context(), in.Email)
	return answer(c, method, err)
}

func (h *Handler) login(c echo.Context) error {
	var in admin.LoginRequest
	if err := web.ReadJSON(c, &in); err != nil {
		return err
	}
	step, err := h.people.Login(c.Request().Context(), in, device(c))
	return answer(c, step, err)
}

// google is not done here: Google is an identity provider like any other.
func (h *Handler) google(echo.Context) error {
	return outcome.New(outcome.NotSupported, "Google is configured as an identity provider of the client or of the domain (https://accounts.google.com)")
}

func (h *Handler) status(c echo.Context) error {
	step, err := h.people.Status(c.Request().Context(), c.Param("login"))
	return answer(c, step, err)
}

// further is what goes on with a login.
type further struct {
	Login       string `json:"login"`
	Profile     string `json:"profile"`
	Scope       string `json:"scope"`
	Token       string `json:"token"`
	ProjectName string `json:"projectName"`
	ProjectID   string `json:"projectId"`
}

func (h *Handler) profile(c echo.Context) error {
	var in further
	if err := web.ReadJSON(c, &in); err != nil {
		return err
	}
	step, err := h.people.ChooseProfile(c.Request().Context(), in.Login, in.Profile, device(c))
	return answer(c, step, err)
}

func (h *Handler) scope(c echo.Context) error {
	var in further
	if err := web.ReadJSON(c, &in); err != nil {
		return err
	}
	step, err := h.people.ChooseScope(c.Request().Context(), in.Login, in.Scope)
	return answer(c, step, err)
}

func (h *Handler) clientInfo(c echo.Context) error {
	info, err := h.people.ClientInfo(c.Request().Context(), c.Param("id"))
	return answer(c, info, err)
}
