package pages

import (
	"cmp"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/admitdev/admit/admin"
	"github.com/admitdev/admit/pkg/outcome"
	"github.com/admitdev/admit/pkg/secret"
	"github.com/admitdev/admit/pkg/web"
)

// The journey to an identity provider and back. It belongs to the browser that begins it: a state that
// another browser brings back is unknown, so nobody can be signed in as somebody else by a link.

// journeyCookie names the cookie of the browsers that are at a provider.
const journeyCookie = "admit_external"

// maxState bounds the wishes of a client.
const maxState = 8 << 10

func (h *Handler) mountExternal(e *echo.Echo) {
	around := []echo.MiddlewareFunc{web.Errors(h.renderExternal), h.styled}
	e.GET("/auth/external", h.externalBack, around...)
	e.GET(admin.ExternalStart, h.externalStart, around...)
	e.POST(admin.ExternalStart, h.externalByEmail, append(around, h.protect)...)
}

// renderExternal shows people a page and programs an OperationOutcome.
func (h *Handler) renderExternal(c echo.Context, err error) error {
	if !strings.Contains(c.Request().Header.Get(echo.HeaderAccept), echo.MIMETextHTML) {
		return web.Outcome(c, err)
	}
	known := web.Known(c, err)
	if known.Code.Status >= http.StatusInternalServerError || known.Code == outcome.NotFound {
		return h.renderError(c, err)
	}
	text := known.Error() + ". Please go back to the application and begin again."
	return show(c, known.Code.Status, h.message("You are not signed in", text, nil))
}

// elsewhere adds to the sign-in page the ways by the client's own provider and by that of a domain.
func (h *Handler) elsewhere(c echo.Context, a asked, f form) (form, error) {
	ctx := c.Request().Context()
	host, err := h.SignIn.ClientProvider(ctx, a.Client.ID)
	if err != nil {
		return f, err
	}
	if host != "" {
		f.others = append(f.others, link{h.startAt(url.Values{"provider": {"client"}, "request": {a.query}}), "Continue with " + host})
	}
	domains, err := h.SignIn.AnyDomainProvider(ctx)
	if domains {
		f.others = append(f.others, link{h.startAt(url.Values{"request": {a.query}}), "Use your organisation’s account"})
	}
	return f, err
}

func (h *Handler) startAt(query url.Values) string {
	at := h.BaseURL.JoinPath(admin.ExternalStart)
	at.RawQuery = query.Encode()
	return at.String()
}

// externalStart sends the browser to the provider that the query names: that of a domain, or the client's
// whose request or wishes (state, as Medplum's clients write them) come along.
func (h *Handler) externalStart(c echo.Context) error {
	in, err := h.externalWish(c)
	if err != nil {
		return err
	}
	if in.Domain == "" && in.ClientID == "" {
		keepOrigin(c)
		return show(c, http.StatusOK, h.ask(h.organisationForm(in.Request, "")))
	}
	browser := journeyOf(c)
	if browser == "" {
		browser = secret.Token(16)
	}
	to, err := h.SignIn.StartExternal(c.Request().Context(), in, browser, device(c))
	if err != nil {
		return err
	}
	h.setJourney(c, browser)
	return c.Redirect(http.StatusSeeOther, to)
}

// externalWish reads the query of a start.
func (h *Handler) externalWish(c echo.Context) (in admin.ExternalWish, err error) {
	query := c.QueryParams()
	if state := query.Get("state"); state != "" {
		if in, err = wishOfState(state); err != nil {
			return in, err
		}
	}
	if domain := query.Get("domain"); domain != "" {
		in.Domain = domain
	}
	in.Request = query.Get("request")
	if in.Request == "" {
		return in, nil
	}
	a, err := h.requested(c, in.Request)
	if err != nil {
		return in, err
	}
	if in.ClientID = ""; query.Get("provider") == "client" {
		in.ClientID = a.Client.ID
	}
	if in.ProjectID = a.Client.Project; a.MaxAge >= 0 {
		in.MaxAge = &a.MaxAge
	}
	return in, nil
}

// wishOfState reads the JSON that Medplum's clients send as state. What it asks for and is not done here is
// refused, not left out.
func wishOfState(state string) (admin.ExternalWish, error) {
	var in struct {
		admin.ExternalWish
		Issuer   string `json:"issuer"`
		ReturnTo string `json:"returnTo"`
		Launch   string `json:"launch"`
		Request  string `json:"request"`
	}
	switch {
	case len(state) > maxState || json.Unmarshal([]byte(state), &in) != nil:
		return in.ExternalWish, outcome.New(outcome.Invalid, "Invalid state")
	case in.Issuer != "":
		return in.ExternalWish, outcome.New(outcome.Invalid, "Identity provider not found")
	case in.ReturnTo != "" || in.Launch != "" || in.Request != "":
		return in.ExternalWish, outcome.New(outcome.Invalid, "returnTo and launch do not go with an external sign-in; a launch goes to the authorization endpoint")
	}
	return in.ExternalWish, nil
}

// requested is the request to the authorization endpoint, judged anew.
func (h *Handler) requested(c echo.Context, query string) (a asked, err error) {
	given, err := url.ParseQuery(query)
	if err != nil {
		return a, outcome.New(outcome.Invalid, "")
	}
	a.query = query
	a.Authorization, err = h.OAuth.Authorization(c.Request().Context(), given)
	return a, err
}

// organisationForm asks for the address whose domain says where to go.
func (h *Handler) organisationForm(request, email string) form {
	f := form{
		title: "Your organisation’s account", button: "Go on", action: h.startAt(nil),
		intro:  "Enter your email address at your organisation. You then sign in there.",
		fields: []field{{name: "email", label: "Email", kind: "email", autocomplete: "username", value: email}},
		hidden: []field{{name: "request", value: request}},
	}
	f.focus()
	return f
}

// externalByEmail tells where the domain of an address signs in. It leads there by a link: browsers hold
// what follows a form to form-action.
func (h *Handler) externalByEmail(c echo.Context) error {
	keepOrigin(c)
	entered, err := web.ReadForm(c)
	if err != nil {
		return err
	}
	request, email := entered.Get("request"), strings.TrimSpace(entered.Get("email"))
	method, err := h.SignIn.Method(c.Request().Context(), email)
	if err == nil && method.Domain == "" {
		err = outcome.New(outcome.Invalid, "Nobody signs in elsewhere with an address of this domain").At("email")
	}
	if err != nil {
		f := h.organisationForm(request, email)
		status, mendable := f.blame(err)
		if !mendable {
			return err
		}
		return show(c, status, h.ask(f))
	}
	next := link{h.startAt(url.Values{"domain": {method.Domain}, "request": {request}}), "Continue with " + method.Domain}
	return show(c, http.StatusOK, h.message("Your organisation’s account", "You sign in where "+method.Domain+" does, and come back here.", &next))
}

// externalBack is where providers send browsers back to.
func (h *Handler) externalBack(c echo.Context) error {
	query := c.QueryParams()
	for _, name := range []string{"code", "state", "iss", "error"} {
		if len(query[name]) > 1 {
			return outcome.New(outcome.Invalid, "A parameter is given twice")
		}
	}
	answer := admin.ExternalAnswer{Code: query.Get("code"), State: query.Get("state"), Issuer: query.Get("iss"), Error: query.Get("error")}
	ctx := c.Request().Context()
	back, err := h.SignIn.FinishExternal(ctx, answer, journeyOf(c))
	if err != nil {
		return err
	}
	if back.Request != "" {
		return h.externalFor(c, back)
	}
	step, err := h.SignIn.BeginExternal(ctx, back, back.Wish, device(c))
	if err != nil {
		return err
	}
	to, ok := h.afterExternal(back, step)
	switch {
	case !ok && step.Code == "" && back.RedirectURI != "":
		back.Request = requestOf(back)
		return h.externalFor(c, back)
	case !ok && (step.MFARequired || step.MFAEnrollRequired):
		return outcome.New(outcome.Invalid, "A second factor is required, for which the application must name where it goes on")
	case !ok:
		return show(c, http.StatusOK, h.message("Your sign-in works", "Go on in the application that you use.", nil))
	}
	return c.Redirect(http.StatusFound, to)
}

// requestOf is the request to the authorization endpoint that says what a client's wishes do, for whom our own
// pages ask what the sign-in still needs.
func requestOf(back admin.Return) string {
	query := url.Values{
		"response_type": {"code"}, "client_id": {back.ClientID}, "redirect_uri": {back.RedirectURI}, "scope": {cmp.Or(back.Scope, "openid")},
		"code_challenge": {back.CodeChallenge}, "code_challenge_method": {back.CodeChallengeMethod}, "nonce": {back.Nonce},
	}
	for name := range query {
		if query.Get(name) == "" {
			query.Del(name)
		}
	}
	return query.Encode()
}

// externalFor goes on with the request to the authorization endpoint.
func (h *Handler) externalFor(c echo.Context, back admin.Return) error {
	a, err := h.requested(c, back.Request)
	if err != nil {
		return h.refused(c, err)
	}
	a.browser = h.newBrowser(c) // a value from before the sign-in may be known to somebody
	step, err := h.SignIn.BeginExternal(c.Request().Context(), back, admin.WishOf(a.Authorization, a.known()), device(c))
	if err != nil {
		return h.again(c, a, h.signInTo(a, ""), err)
	}
	return h.next(c, a, step)
}

// afterExternal is where a browser goes with its login: to the client with the code, or to the application
// that goes on with the login. Our own pages do not: they begin at the authorization endpoint.
func (h *Handler) afterExternal(back admin.Return, step admin.Step) (to string, ok bool) {
	if back.RedirectURI != "" && step.Code != "" {
		at, err := url.Parse(back.RedirectURI)
		if err != nil {
			return "", false
		}
		query := at.Query()
		query.Set("login", step.Login)
		query.Set("code", step.Code)
		query.Set("iss", h.OAuth.Issuer())
		at.RawQuery = query.Encode()
		return at.String(), true
	}
	if h.AppURL.String() == h.BaseURL.String() {
		return "", false
	}
	page, query := "signin", url.Values{}
	if back.ClientID != "" {
		page = "oauth"
	}
	for name, value := range map[string]string{
		"login": step.Login, "client_id": back.ClientID, "redirect_uri": back.RedirectURI, "scope": back.Scope, "nonce": back.Nonce,
		"code_challenge": back.CodeChallenge, "code_challenge_method": back.CodeChallengeMethod,
	} {
		if value != "" {
			query.Set(name, value)
		}
	}
	at := h.AppURL.JoinPath(page)
	at.RawQuery = query.Encode()
	return at.String(), true
}

func journeyOf(c echo.Context) string {
	kept, err := c.Cookie(journeyCookie)
	if err != nil || len(kept.Value) > 100 {
		return ""
	}
	return kept.Value
}

// setJourney lets the browser be known when it comes back. Lax, because the provider leads it here.
func (h *Handler) setJourney(c echo.Context, value string) {
	c.SetCookie(&http.Cookie{ //nolint:gosec // Secure where the server is: https has it
		Name: journeyCookie, Value: value, Path: h.BaseURL.Path + "auth/external", HttpOnly: true,
		Secure: h.BaseURL.Scheme == "https", SameSite: http.SameSiteLaxMode,
	})
}
