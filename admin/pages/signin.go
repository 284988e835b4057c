package pages

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/admitdev/admit/admin"
	"github.com/admitdev/admit/fhir/medplum"
	"github.com/admitdev/admit/pkg/store"
	"github.com/admitdev/admit/pkg/web"
)

func (h *Handler) askSignIn(c echo.Context) error {
	keepOrigin(c)
	return show(c, http.StatusOK, h.ask(h.signInForm(c.QueryParam("project"), "")))
}

// keepOrigin lets the browser say where the form came from: without that an old one could not be told
// from another site's. There is no secret in the address to keep.
func keepOrigin(c echo.Context) { c.Response().Header().Set("Referrer-Policy", "same-origin") }

func (h *Handler) signIn(c echo.Context) error {
	keepOrigin(c)
	entered, err := web.ReadForm(c)
	if err != nil {
		return err
	}
	in := admin.LoginRequest{Email: entered.Get("email"), Password: entered.Get("password")}
	if project := entered.Get("project"); store.ValidProject(project) {
		in.ProjectID = project
	}
	who, err := h.SignIn.Prove(c.Request().Context(), in, device(c))
	if err != nil {
		f := h.signInForm(in.ProjectID, in.Email)
		status, mendable := f.blame(err)
		if !mendable {
			return err
		}
		if in.ProjectID == "" && f.problem != "" {
			f.problem += ". If you belong to one organisation alone, as patients do, sign in by the link in your mail: it names the organisation."
		}
		return show(c, status, h.ask(f))
	}
	return show(c, http.StatusOK, h.signedIn(who))
}

// profileType is what somebody is in a project.
func profileType(profile medplum.Reference) string {
	resourceType, _ := profile.Split()
	return resourceType
}

// signInForm carries the project of those who belong to one alone: their address says nothing
// without it.
func (h *Handler) signInForm(project, email string) form {
	f := form{
		title: "Sign in", button: "Sign in",
		fields: []field{
			{name: "email", label: "Email", kind: "email", autocomplete: "username", value: email},
			{name: "password", label: "Password", kind: "password", autocomplete: "current-password"},
		},
		further: &link{h.toReset(project).address, "Forgot your password?"},
	}
	if store.ValidProject(project) {
		f.hidden = []field{{name: "project", value: project}}
	}
	f.focus()
	return f
}
