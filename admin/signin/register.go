package signin

import (
	"github.com/labstack/echo/v4"

	"github.com/admitdev/admit/admin"
	"github.com/admitdev/admit/pkg/web"
)

func (h *Handler) newUser(c echo.Context) error {
	var in admin.NewUser
	if err := web.ReadJSON(c, &in); err != nil {
		return err
	}
	made, err := h.people.Register(c.Request().Context(), in, device(c))
	return answer(c, made, err)
}

func (h *Handler) newProject(c echo.Context) error {
	var in further
	if err := web.ReadJSON(c, &in); err != nil {
		return err
	}
	step, err := h.people.NewProject(c.Request().Context(), in.Login, in.ProjectName)
	return answer(c, step, err)
}

func (h *Handler) newPatient(c echo.Context) error {
	var in further
	if err := web.ReadJSON(c, &in); err != nil {
		return err
	}
	step, err := h.people.NewPatient(c.Request().Context(), in.Login, in.ProjectID)
	return answer(c, step, err)
}
