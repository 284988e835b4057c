package pages

import (
	"errors"
	"net/http"
	"net/url"

	"github.com/labstack/echo/v4"

	"github.com/admitdev/admit/admin"
	"github.com/admitdev/admit/pkg/mail"
	"github.com/admitdev/admit/pkg/outcome"
	"github.com/admitdev/admit/pkg/store"
	"github.com/admitdev/admit/pkg/web"
)

// askPassword shows the form of a mailed link. It looks at the link and does not use it up.
func (h *Handler) askPassword(c echo.Context) error {
	link, err := h.SignIn.PasswordLink(c.Request().Context(), c.Param("id"), c.Param("secret"))
	if err != nil {
		return h.deadLink(c, err)
	}
	return show(c, http.StatusOK, h.ask(h.passwordForm(link)))
}

func (h *Handler) setPassword(c echo.Context) error {
	entered, err := web.ReadForm(c)
	if err != nil {
		return err
	}
	ctx := c.Request().Context()
	link, err := h.SignIn.PasswordLink(ctx, c.Param("id"), c.Param("secret"))
	if err != nil {
		return h.deadLink(c, err)
	}
	setting := admin.PasswordSetting{ID: c.Param("id"), Secret: c.Param("secret"), Password: entered.Get("password")}
	if err := h.SignIn.SetPassword(ctx, setting); err != nil {
		f := h.passwordForm(link)
		status, mendable := f.blame(err)
		if !mendable {
			return err
		}
		return show(c, status, h.ask(f))
	}
	return show(c, http.StatusOK, h.message("Your password is set", "You can sign in now.", h.toSignIn(link.Project)))
}

func (h *Handler) passwordForm(link admin.Link) form {
	f := form{
		title: "Set password", button: "Set password",
		intro: "Choose the new password of your account.",
		fields: []field{
			// A password manager wants to know whose password it is.
			{name: "email", label: "Email", kind: "email", autocomplete: "username", value: link.Email, readonly: true},
			{name: "password", label: "New password", kind: "password", autocomplete: "new-password", hint: h.passwordHint()},
		},
	}
	if link.Invite {
		f.title, f.intro = "Welcome", "Choose a password for your account."
		if project := mail.OneLine(link.InvitedTo); project != "" {
			f.intro = "You were invited to " + project + ". " + f.intro
		}
	}
	f.fields[1].focused = true
	return f
}

// deadLink says what is wrong with a link in words for whoever clicked on it, and where to go on.
func (h *Handler) deadLink(c echo.Context, err error) error {
	status, text, next := http.StatusBadRequest, "This link is not valid. Please check that you have all of it.", h.toSignIn("")
	var dead *admin.DeadLink
	switch {
	case errors.As(err, &dead):
		text, next = deadText(dead), h.toReset(dead.Project)
	case outcome.Has(err, outcome.NotFound):
		status = http.StatusNotFound
	case !outcome.Has(err, outcome.Invalid):
		return err
	}
	return show(c, status, h.message("This link does not work", text, next))
}

func deadText(dead *admin.DeadLink) string {
	switch {
	case dead.Used:
		return "This link was used already. If it was not you who used it, ask for a new password."
	case dead.Invite:
		return "This link has expired. Ask whoever invited you for a new one, or ask for a new password."
	}
	return "This link has expired. You can ask for a new one."
}

// toReset leads to the page that asks for a new password.
func (h *Handler) toReset(project string) *link {
	return &link{inProject(h.BaseURL.JoinPath("resetpassword"), project), "Ask for a new password"}
}

// inProject names the project of those who belong to one alone: their address says nothing without it.
func inProject(page *url.URL, project string) string {
	if store.ValidProject(project) {
		page.RawQuery = url.Values{"project": {project}}.Encode()
	}
	return page.String()
}

// toSignIn leads to the sign-in page. A User of one project alone signs in to that by name.
func (h *Handler) toSignIn(project string) *link {
	return &link{inProject(h.AppURL.JoinPath("signin"), project), "Sign in"}
}
