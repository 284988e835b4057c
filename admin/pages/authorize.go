package pages

import (
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/admitdev/admit/admin"
	"github.com/admitdev/admit/pkg/mail"
	"github.com/admitdev/admit/pkg/oauth"
	"github.com/admitdev/admit/pkg/outcome"
	"github.com/admitdev/admit/pkg/secret"
	"github.com/admitdev/admit/pkg/web"
)

// The pages of the authorization endpoint. The request that the client sent goes along from form to
// form and is judged anew each time, so nobody gains by changing it. A login belongs to the browser
// that began it: its cookie must come with every form, and so must a token made from the cookie, which
// another site can neither read nor guess.

// authorizePath is the authorization endpoint; its forms are below it.
const authorizePath = "oauth2/authorize"

// browserCookie names the cookie by which a browser is known again.
const browserCookie = "admit_browser"

func (h *Handler) mountAuthorize(e *echo.Echo) {
	around := []echo.MiddlewareFunc{web.Errors(h.renderError), h.styled}
	e.GET("/"+authorizePath, h.authorize, around...)
	e.POST("/"+authorizePath, h.authorize, around...)
	around = append(around, h.protect)
	for name, act := range map[string]func(echo.Context, asked) error{
		"signin": h.signInFor, "passkey": h.passkeyFor, "factor": h.factorFor, "saved": h.savedFor, "profile": h.profileFor, "launch": h.launchFor, "consent": h.consentFor,
	} {
		e.POST("/"+authorizePath+"/"+name, h.form(act), around...)
	}
}

// styled lets the pages of errors have their style as well.
func (h *Handler) styled(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		c.Response().Header().Set("Content-Security-Policy", h.policy)
		return next(c)
	}
}

// asked is a request to the authorization endpoint on its way through the forms.
type asked struct {
	oauth.Authorization
	query   string // as the client sent it
	browser string // the value of the cookie
	entered url.Values
}

// known is the browser as the store knows it.
func (a asked) known() string {
	if a.browser == "" {
		return ""
	}
	return secret.SHA256(a.browser)
}

// token proves that a form was made for the browser that sends it.
func (a asked) token() string { return secret.SHA256("form " + a.browser) }

// authorize is GET or POST /oauth2/authorize.
func (h *Handler) authorize(c echo.Context) error {
	given := c.QueryParams()
	if c.Request().Method == http.MethodPost {
		var err error
		if given, err = web.ReadForm(c); err != nil {
			return err
		}
	}
	a := asked{query: given.Encode(), browser: cookie(c)}
	var err error
	if a.Authorization, err = h.OAuth.Begin(c.Request().Context(), given); err != nil {
		return h.refused(c, err)
	}
	if h.AppURL.String() != h.BaseURL.String() && !a.asks("none") {
		return c.Redirect(http.StatusFound, h.AppURL.JoinPath("oauth").String()+"?"+a.Parameters.Encode())
	}
	return h.begin(c, a)
}

func (a asked) asks(prompt string) bool {
	for _, p := range a.Prompts {
		if p == prompt {
			return true
		}
	}
	return false
}

// begin goes on from a session that the browser has, or asks who it is.
func (h *Handler) begin(c echo.Context, a asked) error {
	var step admin.Step
	allowed := false
	if !a.asks("login") && !a.asks("select_account") {
		var err error
		if step, allowed, err = h.SignIn.Resume(c.Request().Context(), a.Authorization, a.known(), device(c)); err != nil {
			return err
		}
	}
	switch {
	case a.asks("none") && step.Login == "":
		return h.refused(c, h.OAuth.Refuse(a.Authorization, oauth.LoginRequired, "There is no session"))
	case a.asks("none") && !allowed:
		return h.refused(c, h.OAuth.Refuse(a.Authorization, oauth.ConsentRequired, "The client was not allowed this before"))
	case a.asks("none"):
		return h.allowSilently(c, a, step.Login)
	case step.Login != "":
		return h.next(c, a, step)
	}
	if a.browser == "" {
		a.browser = h.newBrowser(c)
	}
	return h.askWho(c, a)
}

// allowSilently gives the code of a client that was allowed all of it before.
func (h *Handler) allowSilently(c echo.Context, a asked, login string) error {
	missing, err := h.SignIn.MissingContext(c.Request().Context(), login, a.Authorization)
	switch {
	case err != nil:
		return err
	case missing == "Patient":
		return h.refused(c, h.OAuth.Refuse(a.Authorization, oauth.InteractionRequired, "A patient must be chosen"))
	}
	return h.allow(c, a, login, a.Scope)
}

// refused answers what cannot go on: at the client where that is safe, else here.
func (h *Handler) refused(c echo.Context, err error) error {
	var to *oauth.Redirection
	if errors.As(err, &to) {
		return c.Redirect(http.StatusSeeOther, to.Location)
	}
	return err
}

// form reads a form of ours with the request that it belongs to.
func (h *Handler) form(act func(echo.Context, asked) error) echo.HandlerFunc {
	return func(c echo.Context) error {
		entered, err := web.ReadForm(c)
		if err != nil {
			return err
		}
		a := asked{query: entered.Get("request"), browser: cookie(c), entered: entered}
		if a.browser == "" || !secret.Equal(entered.Get("token"), a.token()) {
			return outcome.New(outcome.Forbidden, "This form is not this browser's. Please go back to the application and begin again; cookies must be allowed.")
		}
		given, err := url.ParseQuery(a.query)
		if err != nil {
			return outcome.New(outcome.Invalid, "")
		}
		if a.Authorization, err = h.OAuth.Authorization(c.Request().Context(), given); err != nil {
			return h.refused(c, err)
		}
		return act(c, a)
	}
}

// next shows what a login needs.
func (h *Handler) next(c echo.Context, a asked, step admin.Step) error {
	switch {
	case len(step.RecoveryCodes) > 0:
		f := codesForm(step.RecoveryCodes)
		f.action, f.hidden = h.action("saved"), h.hiddenOf(a, step.Login)
		return h.page200(c, a, f)
	case step.MFAEnrollRequired, step.MFARequired:
		return h.page200(c, a, h.factorForm(step, h.action("factor"), h.hiddenOf(a, step.Login)))
	case step.Consent:
		return h.consent(c, a, step.Login)
	}
	return h.page200(c, a, h.profileForm(a, step))
}

// pending is the login that a form goes on with, if it is this browser's and for this request.
func (h *Handler) pending(c echo.Context, a asked) (string, error) {
	login, err := h.SignIn.Pending(c.Request().Context(), a.entered.Get("login"), a.known(), a.Authorization)
	return login.ID, err
}

func (h *Handler) profileFor(c echo.Context, a asked) error {
	login, err := h.pending(c, a)
	if err != nil {
		return err
	}
	step, err := h.SignIn.ChooseProfile(c.Request().Context(), login, a.entered.Get("profile"), device(c))
	if err != nil {
		return err
	}
	return h.next(c, a, step)
}

func (h *Handler) consentFor(c echo.Context, a asked) error {
	login, err := h.pending(c, a)
	if err != nil {
		return err
	}
	if a.entered.Get("answer") != "allow" {
		return h.refused(c, h.OAuth.Refuse(a.Authorization, oauth.AccessDenied, "The user did not allow it"))
	}
	return h.allow(c, a, login, strings.Join(a.entered["scope"], " "))
}

// allow sends the browser back to the client with its code.
func (h *Handler) allow(c echo.Context, a asked, login, scope string) error {
	code, err := h.SignIn.Allow(c.Request().Context(), login, scope, a.Pushed)
	if err != nil {
		return h.again(c, a, h.consentForm(a, login), err)
	}
	return c.Redirect(http.StatusSeeOther, h.OAuth.Granted(a.Authorization, code))
}

// again shows a form with what was wrong.
func (h *Handler) again(c echo.Context, a asked, f form, err error) error {
	status, mendable := f.blame(err)
	if !mendable {
		return err
	}
	h.letThrough(c, a)
	return show(c, status, h.ask(f))
}

func (h *Handler) page200(c echo.Context, a asked, f form) error {
	h.letThrough(c, a)
	return show(c, http.StatusOK, h.ask(f))
}

// letThrough lets the answer to a form lead to the client: browsers hold redirects to form-action too.
func (h *Handler) letThrough(c echo.Context, a asked) {
	keepOrigin(c)
	to, err := url.Parse(a.RedirectURI)
	if err != nil || to.Scheme == "" { // nobody waits to be led back to
		return
	}
	source := to.Scheme + ":"
	if to.Scheme == "https" || to.Scheme == "http" {
		source = to.Scheme + "://" + to.Host
	}
	c.Response().Header().Set("Content-Security-Policy",
		strings.Replace(h.policy, "form-action 'self'", "form-action 'self' "+source, 1))
}

// hiddenOf goes along with every form.
func (h *Handler) hiddenOf(a asked, login string) []field {
	hidden := []field{{name: "request", value: a.query}, {name: "token", value: a.token()}}
	if login != "" {
		hidden = append(hidden, field{name: "login", value: login})
	}
	return hidden
}

func (h *Handler) action(name string) string {
	return h.BaseURL.JoinPath(authorizePath, name).String()
}

// clientName is the client as people are told of it.
func clientName(a asked) string {
	if name := mail.OneLine(a.Client.Name); name != "" {
		return name
	}
	return "An application"
}

// askWho is the sign-in page, with the ways by identity providers.
func (h *Handler) askWho(c echo.Context, a asked) error {
	f, err := h.elsewhere(c, a, h.signInTo(a, a.LoginHint))
	if err != nil {
		return err
	}
	return h.page200(c, a, f)
}

func (h *Handler) profileForm(a asked, step admin.Step) form {
	f := form{
		title: "Who are you today?", button: "Go on", action: h.action("profile"), hidden: h.hiddenOf(a, step.Login),
		choices: choices{legend: "Choose how you go on to " + clientName(a), name: "profile", kind: "radio"},
		further: h.toSignOut(),
	}
	for i, m := range step.Memberships {
		text := mail.OneLine(m.Profile.Display) + ", " + profileType(m.Profile) + " at " + mail.OneLine(m.Project.Display)
		f.choices.options = append(f.choices.options, option{m.ID, text, i == 0})
	}
	return f
}

func (h *Handler) consentForm(a asked, login string) form {
	f := form{
		title: "Allow " + clientName(a) + "?", button: "Allow", second: "Do not allow", action: h.action("consent"), hidden: h.hiddenOf(a, login),
		intro:   "You go back to " + origin(a.RedirectURI) + ".",
		choices: choices{legend: "It asks to", name: "scope", kind: "checkbox"},
		further: h.toSignOut(),
	}
	switch {
	case a.Client.Registered:
		f.intro += " This application has registered itself; nobody has checked that it is what its name says."
	case !oauth.AboutData(a.Scope):
		f.intro += " It can then see and change all that you can."
	}
	f.choices.options = scopeOptions(a.Scope)
	return f
}

// origin is where a redirect URI leads, as people know it.
func origin(redirectURI string) string {
	to, err := url.Parse(redirectURI)
	if err != nil || to.Host == "" {
		return redirectURI
	}
	return to.Scheme + "://" + to.Host
}

func cookie(c echo.Context) string {
	kept, err := c.Cookie(browserCookie)
	if err != nil || len(kept.Value) > 100 {
		return ""
	}
	return kept.Value
}

func (h *Handler) newBrowser(c echo.Context) string {
	value := secret.Token(16)
	h.setBrowser(c, value)
	return value
}

// setBrowser makes the browser known. The cookie ends with the browser's session and goes to these
// pages alone; Lax, because a client leads the browser here.
func (h *Handler) setBrowser(c echo.Context, value string) {
	c.SetCookie(&http.Cookie{ //nolint:gosec // Secure where the server is: https has it
		Name: browserCookie, Value: value, Path: h.BaseURL.Path + "oauth2", HttpOnly: true,
		Secure: h.BaseURL.Scheme == "https", SameSite: http.SameSiteLaxMode,
	})
}
