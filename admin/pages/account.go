package pages

import (
	"errors"
	"net/http"
	"net/url"

	"github.com/labstack/echo/v4"

	"github.com/admitdev/admit/admin"
	"github.com/admitdev/admit/pkg/secret"
	"github.com/admitdev/admit/pkg/store"
	"github.com/admitdev/admit/pkg/web"
)

// The page of one's own account. Its session is a cookie of its own, which no other site can make a
// browser send (SameSite=Strict).

const accountCookie = "admit_account"

func (h *Handler) mountAccount(e *echo.Echo) {
	h.page(e, "/account", h.account, h.enterAccount)
	h.page(e, "/account/factor", h.toAccount, h.accountFactor)
	for _, ch := range h.changes() {
		h.page(e, "/account/"+ch.name, h.askChange(ch), h.change(ch))
	}
}

func (h *Handler) accountAddress(more ...string) string {
	return h.BaseURL.JoinPath("account").JoinPath(more...).String()
}

func (h *Handler) toAccount(c echo.Context) error {
	return c.Redirect(http.StatusSeeOther, h.accountAddress())
}

// accountBrowser is the browser as the store knows it, by its cookie.
func accountBrowser(c echo.Context) string {
	kept, err := c.Cookie(accountCookie)
	if err != nil || kept.Value == "" || len(kept.Value) > 100 {
		return ""
	}
	return secret.SHA256(kept.Value)
}

func (h *Handler) setAccountCookie(c echo.Context, value string) {
	c.SetCookie(&http.Cookie{ //nolint:gosec // Secure where the server is: https has it
		Name: accountCookie, Value: value, Path: h.BaseURL.Path + "account", HttpOnly: true,
		Secure: h.BaseURL.Scheme == "https", SameSite: http.SameSiteStrictMode,
	})
}

// account shows the account of whoever has signed in to it, and asks others to.
func (h *Handler) account(c echo.Context) error {
	keepOrigin(c)
	a, err := h.SignIn.Account(c.Request().Context(), accountBrowser(c), device(c))
	if errors.Is(err, store.ErrNotFound) {
		return show(c, http.StatusOK, h.ask(h.accountSignIn(c.QueryParam("project"), "")))
	}
	if err != nil {
		return err
	}
	return show(c, http.StatusOK, h.accountPage(a))
}

func (h *Handler) accountSignIn(project, email string) form {
	f := h.signInForm(project, email)
	f.intro, f.action = "to see and change your account", h.accountAddress()
	f.passkey = h.passkeySignIn(f.action, nil)
	return f
}

func (h *Handler) enterAccount(c echo.Context) error {
	keepOrigin(c)
	entered, err := web.ReadForm(c)
	if err != nil {
		return err
	}
	value := secret.Token(16)
	step, err := h.stepIntoAccount(c, entered, secret.SHA256(value))
	if err != nil {
		return h.askAgain(c, h.accountSignIn(entered.Get("project"), entered.Get("email")), err)
	}
	h.setAccountCookie(c, value)
	return h.accountStep(c, step)
}

func (h *Handler) stepIntoAccount(c echo.Context, entered url.Values, browser string) (admin.Step, error) {
	ctx := c.Request().Context()
	if entered.Has("credential") {
		return h.SignIn.EnterAccountByPasskey(ctx, credential(entered), browser, device(c))
	}
	in := admin.LoginRequest{Email: entered.Get("email"), Password: entered.Get("password")}
	if project := entered.Get("project"); store.ValidProject(project) {
		in.ProjectID = project
	}
	return h.SignIn.EnterAccount(ctx, in, browser, device(c))
}

// accountStep shows what a sign-in to the account needs next.
func (h *Handler) accountStep(c echo.Context, step admin.Step) error {
	switch {
	case step.MFARequired, step.MFAEnrollRequired:
		return show(c, http.StatusOK, h.ask(h.accountFactorForm(step)))
	case len(step.RecoveryCodes) > 0:
		return h.showCodes(c, step.RecoveryCodes)
	}
	return h.toAccount(c)
}

func (h *Handler) showCodes(c echo.Context, codes []string) error {
	f := codesForm(codes)
	f.button, f.further = "", &link{h.accountAddress(), "I have kept them"}
	return show(c, http.StatusOK, h.ask(f))
}

func (h *Handler) accountFactorForm(step admin.Step) form {
	return h.factorForm(step, h.accountAddress("factor"), []field{{name: "login", value: step.Login}})
}

func (h *Handler) accountFactor(c echo.Context) error {
	keepOrigin(c)
	entered, err := web.ReadForm(c)
	if err != nil {
		return err
	}
	ctx, id := c.Request().Context(), entered.Get("login")
	step, err := h.SignIn.VerifyAccount(ctx, id, accountBrowser(c), func(login string) (admin.Step, error) {
		return h.verify(c, login, entered)
	})
	if err != nil {
		current, failed := h.SignIn.Status(ctx, id)
		if failed != nil {
			return failed
		}
		return h.askAgain(c, h.accountFactorForm(current), err)
	}
	return h.accountStep(c, step)
}

// askAgain shows a form with what was wrong.
func (h *Handler) askAgain(c echo.Context, f form, err error) error {
	status, mendable := f.blame(err)
	if !mendable {
		return err
	}
	return show(c, status, h.ask(f))
}
