package pages

import (
	"net/http"
	"net/url"

	"github.com/labstack/echo/v4"

	"github.com/admitdev/admit/pkg/oauth"
	"github.com/admitdev/admit/pkg/outcome"
	"github.com/admitdev/admit/pkg/secret"
	"github.com/admitdev/admit/pkg/web"
)

// endSessionPath is where clients send a browser to sign out. /oauth2/logout is another: it takes an
// access token and answers programs.
const endSessionPath = "oauth2/end-session"

func (h *Handler) mountEndSession(e *echo.Echo) {
	around := []echo.MiddlewareFunc{web.Errors(h.renderError), h.styled}
	e.GET("/"+endSessionPath, h.endSession, around...)
	e.POST("/"+endSessionPath, h.endSession, around...)
	e.POST("/"+endSessionPath+"/confirm", h.confirmEnd, append(around, h.protect)...)
}

// endSession is GET or POST /oauth2/end-session. Without a hint anybody's link could have led here,
// so the person is asked (RP-Initiated Logout §2).
func (h *Handler) endSession(c echo.Context) error {
	given := c.QueryParams()
	if c.Request().Method == http.MethodPost {
		var err error
		if given, err = web.ReadForm(c); err != nil {
			return err
		}
	}
	ctx := c.Request().Context()
	e, err := h.OAuth.EndSession(ctx, given)
	if err != nil {
		return err
	}
	a := asked{query: given.Encode(), browser: cookie(c)}
	if e.Login == "" && a.browser != "" {
		a.Client, a.RedirectURI = e.Client, e.Location
		return h.page200(c, a, form{
			title: "Sign out", button: "Sign out", intro: "This ends every session that was begun in this browser.",
			action: h.BaseURL.JoinPath(endSessionPath, "confirm").String(), hidden: h.hiddenOf(a, ""),
		})
	}
	if e.Login != "" {
		if err := h.OAuth.EndHinted(ctx, e.Login); err != nil {
			return err
		}
	}
	return h.ended(c, e)
}

// toSignOut leads there from the pages that know somebody already.
func (h *Handler) toSignOut() *link {
	return &link{h.BaseURL.JoinPath(endSessionPath).String(), "Sign out"}
}

// confirmEnd is the answer of the person who was asked.
func (h *Handler) confirmEnd(c echo.Context) error {
	entered, err := web.ReadForm(c)
	if err != nil {
		return err
	}
	a := asked{browser: cookie(c)}
	if a.browser == "" || !secret.Equal(entered.Get("token"), a.token()) {
		return outcome.New(outcome.Forbidden, "This form is not this browser's")
	}
	given, err := url.ParseQuery(entered.Get("request"))
	if err != nil {
		return outcome.New(outcome.Invalid, "")
	}
	e, err := h.OAuth.EndSession(c.Request().Context(), given)
	if err == nil {
		err = h.OAuth.EndBrowser(c.Request().Context(), a.known())
	}
	if err != nil {
		return err
	}
	return h.ended(c, e)
}

// ended leads back to the client, or says that it is done.
func (h *Handler) ended(c echo.Context, e oauth.EndSession) error {
	if e.Location != "" {
		return c.Redirect(http.StatusSeeOther, e.Location)
	}
	return show(c, http.StatusOK, h.message("You are signed out", "You may close this window.", nil))
}
