package pages

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/admitdev/admit/admin"
	"github.com/admitdev/admit/pkg/web"
)

func (h *Handler) askSetUp(c echo.Context) error {
	if err := h.Service.MaySetUp(c.Request().Context(), c.Param("secret")); err != nil {
		return err
	}
	return show(c, http.StatusOK, h.ask(h.setUpForm(admin.SuperAdmin{})))
}

func (h *Handler) setUp(c echo.Context) error {
	entered, err := web.ReadForm(c)
	if err != nil {
		return err
	}
	ctx := c.Request().Context()
	if err := h.Service.MaySetUp(ctx, c.Param("secret")); err != nil {
		return err
	}
	in := admin.SuperAdmin{
		FirstName: entered.Get("firstName"), LastName: entered.Get("lastName"),
		Email: entered.Get("email"), Password: entered.Get("password"),
	}
	if err := h.Service.SetUp(ctx, in); err != nil {
		f := h.setUpForm(in)
		status, mendable := f.blame(err)
		if !mendable {
			return err
		}
		return show(c, status, h.ask(f))
	}
	return show(c, http.StatusOK, h.message("You are the super administrator", "You can sign in now.", h.toSignIn("")))
}

func (h *Handler) setUpForm(in admin.SuperAdmin) form {
	f := form{
		title: "Set up", button: "Create the super administrator",
		intro: "This server has no super administrator yet. Who is it to be?",
		fields: []field{
			{name: "firstName", label: "First name", kind: "text", autocomplete: "given-name", value: in.FirstName},
			{name: "lastName", label: "Last name", kind: "text", autocomplete: "family-name", value: in.LastName},
			{name: "email", label: "Email", kind: "email", autocomplete: "username", value: in.Email},
			{name: "password", label: "Password", kind: "password", autocomplete: "new-password", hint: h.passwordHint()},
		},
	}
	f.focus()
	return f
}
