package pages

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/admitdev/admit/admin"
	"github.com/admitdev/admit/pkg/store"
	"github.com/admitdev/admit/pkg/web"
)

func (h *Handler) askReset(c echo.Context) error {
	keepOrigin(c)
	return show(c, http.StatusOK, h.ask(h.resetForm(c.QueryParam("project"), "")))
}

// reset asks for a link. Its answer is the same whether there is such an account or not.
func (h *Handler) reset(c echo.Context) error {
	keepOrigin(c)
	entered, err := web.ReadForm(c)
	if err != nil {
		return err
	}
	in := admin.ResetRequest{Email: entered.Get("email")}
	if project := entered.Get("project"); store.ValidProject(project) {
		in.ProjectID = project
	}
	if err := h.SignIn.ResetPassword(c.Request().Context(), in, device(c)); err != nil {
		f := h.resetForm(in.ProjectID, in.Email)
		status, mendable := f.blame(err)
		if !mendable {
			return err
		}
		return show(c, status, h.ask(f))
	}
	return show(c, http.StatusOK, h.message("Look into your mail",
		"If there is an account with this address, a link to set a new password is on its way. It works once, for an hour.", h.toSignIn(in.ProjectID)))
}

// resetForm carries the project as the sign-in form does.
func (h *Handler) resetForm(project, email string) form {
	f := form{
		title: "Forgot your password?", button: "Send me a link",
		intro: "Tell us your email address, and we send you a link to set a new password.",
		fields: []field{
			{name: "email", label: "Email", kind: "email", autocomplete: "username", value: email},
		},
		further: h.toSignIn(project),
	}
	if store.ValidProject(project) {
		f.hidden = []field{{name: "project", value: project}}
	}
	f.focus()
	return f
}
