// Package pages is what people see of Admit in a browser: setting a password from a mailed link,
// proving an address, setting up the first super administrator, signing in, and letting a client in
// (the authorization endpoint), signing out, and looking after their own account.
//
//   - A page works without script, passkeys aside, and loads nothing but the one style sheet and, where
//     a passkey may be used, the one script.
//   - GET changes nothing that matters: mail scanners open links. Acting is a POST.
//   - A POST from another site is refused (Sec-Fetch-Site, Origin).
//   - A page with a secret in its address sends no referrer.
//   - Pages decide nothing: they call the same services as the API.
//
// With ADMIT_APP_URL set, mailed links and the authorization endpoint lead to another application; then
// only the set-up page is served here.
package pages

import (
	"embed"
	"fmt"
	"net/http"
	"net/url"

	"github.com/a-h/templ"
	"github.com/labstack/echo/v4"

	"github.com/admitdev/admit/admin"
	"github.com/admitdev/admit/pkg/oauth"
	"github.com/admitdev/admit/pkg/outcome"
	"github.com/admitdev/admit/pkg/web"
)

//go:embed style.css passkey.js
var assets embed.FS

// Options are what the pages stand on.
type Options struct {
	Service         *admin.Service
	SignIn          *admin.SignIn
	OAuth           *oauth.Server
	AppName         string
	MinPassword     int // characters
	BaseURL, AppURL *url.URL
}

// Handler is the pages.
type Handler struct {
	Options
	guard  *http.CrossOriginProtection
	policy string // Content-Security-Policy
}

// New makes the pages.
//
// Errors: BaseURL is no origin.
func New(o Options) (*Handler, error) {
	guard := http.NewCrossOriginProtection()
	// Behind a proxy the Host of a request need not be the one that browsers know.
	if err := guard.AddTrustedOrigin(o.BaseURL.Scheme + "://" + o.BaseURL.Host); err != nil {
		return nil, err
	}
	return &Handler{o, guard, fmt.Sprintf(policy, o.BaseURL.JoinPath("assets/passkey.js"), o.BaseURL.JoinPath("auth/passkey/"))}, nil
}

// Mount adds the pages to the server's root. A group there would answer for every path of the server
// that is nobody's, so each route has its middleware to itself.
func (h *Handler) Mount(e *echo.Echo) {
	e.GET("/assets/style.css", asset("style.css", "text/css"))
	e.GET("/assets/passkey.js", asset("passkey.js", "text/javascript"))
	h.page(e, "/setup/:secret", h.askSetUp, h.setUp)
	h.mountAuthorize(e)
	h.mountExternal(e)
	h.mountEndSession(e)
	if h.AppURL.String() != h.BaseURL.String() {
		return
	}
	h.page(e, "/setpassword/:id/:secret", h.askPassword, h.setPassword)
	h.page(e, "/verifyemail/:id/:secret", h.askVerification, h.verifyEmail)
	h.page(e, "/signin", h.askSignIn, h.signIn)
	h.page(e, "/resetpassword", h.askReset, h.reset)
	h.mountAccount(e)
}

func (h *Handler) page(e *echo.Echo, path string, ask, act echo.HandlerFunc) {
	around := []echo.MiddlewareFunc{web.Errors(h.renderError), h.protect}
	e.GET(path, ask, around...)
	e.POST(path, act, around...)
}

// policy lets a page load its style sheet and the one script, which may ask for challenges, and post to
// itself, and nothing else.
const policy = "default-src 'none'; style-src 'self'; script-src %s; connect-src %s; img-src data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// protect refuses what another site makes a browser send.
func (h *Handler) protect(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		c.Response().Header().Set("Content-Security-Policy", h.policy)
		if err := h.guard.Check(c.Request()); err != nil {
			return outcome.New(outcome.Forbidden, "This form was sent by another site")
		}
		return next(c)
	}
}

// asset serves a file. Browsers keep it and ask again whether it is still the same.
func asset(name, contentType string) echo.HandlerFunc {
	return func(c echo.Context) error {
		content, err := assets.ReadFile(name)
		if err != nil {
			return err
		}
		c.Response().Header().Set("Cache-Control", "public, max-age=300")
		c.Response().Header().Del("Pragma")
		c.Response().Header().Del("Expires")
		return c.Blob(http.StatusOK, contentType+"; charset=utf-8", content)
	}
}

// show writes a page.
func show(c echo.Context, status int, page templ.Component) error {
	c.Response().Header().Set(echo.HeaderContentType, echo.MIMETextHTMLCharsetUTF8)
	c.Response().WriteHeader(status)
	return page.Render(c.Request().Context(), c.Response())
}

// renderError is the one renderer of errors on pages.
func (h *Handler) renderError(c echo.Context, err error) error {
	known := web.Known(c, err)
	title, text := "Something went wrong", known.Error()
	switch known.Code {
	case outcome.NotFound:
		title, text = "Page not found", "There is no such page, or the link is not complete."
	case outcome.Exception:
		text = "The server could not do this. Please try again later. " + known.Issues[0].Diagnostics
	}
	return show(c, known.Code.Status, h.message(title, text, nil))
}
