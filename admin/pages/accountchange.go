package pages

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"slices"

	"github.com/labstack/echo/v4"

	"github.com/admitdev/admit/admin"
	"github.com/admitdev/admit/pkg/outcome"
	"github.com/admitdev/admit/pkg/store"
	"github.com/admitdev/admit/pkg/web"
)

// change is something that people change of their account, with a page of its own.
type change struct {
	name string
	ask  func(ctx context.Context, a admin.Account, entered url.Values) (form, error)
	do   func(ctx context.Context, a admin.Account, entered url.Values) (changed, error)
}

// changed is what came of it. Without a title the account is shown again.
type changed struct {
	title, text string
	codes       []string
	next        *link
	then        string // the change to go on to
}

func (h *Handler) changes() []change {
	return []change{
		{"confirm", h.confirmForm, h.confirm},
		{"password", h.newPasswordForm, h.newPassword},
		{"email", h.newEmailForm, h.newEmail},
		{"authenticator", h.authenticatorForm, h.authenticator},
		{"authenticator-remove", h.removeAuthenticatorForm, h.removeAuthenticator},
		{"recovery-codes", h.recoveryCodesForm, h.recoveryCodes},
		{"passkey", h.newPasskeyForm, h.newPasskey},
		{"passkey-rename", h.renamePasskeyForm, h.renamePasskey},
		{"passkey-delete", h.deletePasskeyForm, h.deletePasskey},
		{"session-end", h.endSessionForm, h.endOwnSession},
		{"sign-out", h.signOutForm, h.signOut},
	}
}

func (h *Handler) askChange(ch change) echo.HandlerFunc {
	return func(c echo.Context) error {
		keepOrigin(c)
		return h.withAccount(c, func(a admin.Account) error {
			f, err := ch.ask(c.Request().Context(), a, c.QueryParams())
			if err != nil {
				return h.orConfirm(c, ch, err)
			}
			return show(c, http.StatusOK, h.ask(h.changeForm(ch, f)))
		})
	}
}

func (h *Handler) change(ch change) echo.HandlerFunc {
	return func(c echo.Context) error {
		keepOrigin(c)
		entered, err := web.ReadForm(c)
		if err != nil {
			return err
		}
		return h.withAccount(c, func(a admin.Account) error {
			ctx := c.Request().Context()
			done, err := ch.do(ctx, a, entered)
			if err == nil {
				return h.changed(c, done)
			}
			if admin.Stale(err) {
				return h.orConfirm(c, ch, err)
			}
			f, failed := ch.ask(ctx, a, entered)
			if failed != nil {
				return err
			}
			return h.askAgain(c, h.changeForm(ch, f), err)
		})
	}
}

// changeForm completes a form of the account.
func (h *Handler) changeForm(ch change, f form) form {
	f.action, f.further = h.accountAddress(ch.name), &link{h.accountAddress(), "Back to your account"}
	if f.passkey != nil {
		f.passkey.action = f.action
	}
	f.focus()
	return f
}

// withAccount goes on with whoever has signed in to their account, and sends others to do so.
func (h *Handler) withAccount(c echo.Context, then func(admin.Account) error) error {
	a, err := h.SignIn.Account(c.Request().Context(), accountBrowser(c), device(c))
	if errors.Is(err, store.ErrNotFound) {
		return h.toAccount(c)
	}
	if err != nil {
		return err
	}
	return then(a)
}

// orConfirm lets somebody who signed in some time ago show again who they are.
func (h *Handler) orConfirm(c echo.Context, ch change, err error) error {
	if !admin.Stale(err) {
		return err
	}
	return c.Redirect(http.StatusSeeOther, h.accountAddress("confirm")+"?"+url.Values{"then": {ch.name}}.Encode())
}

func (h *Handler) changed(c echo.Context, done changed) error {
	switch {
	case len(done.codes) > 0:
		return h.showCodes(c, done.codes)
	case done.title != "":
		return show(c, http.StatusOK, h.message(done.title, done.text, done.next))
	case done.then != "":
		return c.Redirect(http.StatusSeeOther, h.accountAddress(done.then))
	}
	return h.toAccount(c)
}

func (h *Handler) confirmForm(ctx context.Context, a admin.Account, entered url.Values) (form, error) {
	hidden := []field{{name: "then", value: entered.Get("then")}}
	f := form{
		title: "Is it still you?", button: "Go on", hidden: hidden,
		intro:  "You signed in some time ago. Before this change, show again who you are.",
		fields: []field{{name: "password", label: "Password", kind: "password", autocomplete: "current-password", optional: a.TOTP}},
	}
	if a.TOTP {
		f.fields = append(f.fields, field{name: "token", label: "Or a code of your authenticator app", kind: "text", autocomplete: "one-time-code", optional: true})
	}
	if len(a.Passkeys) == 0 || !h.SignIn.PasskeysWork() {
		return f, nil
	}
	options, err := h.SignIn.PasskeyStepUp(ctx, a.Caller)
	if err != nil {
		return f, err
	}
	raw, err := json.Marshal(options)
	f.passkey = &passkeyForm{ceremony: "get", options: string(raw), hidden: hidden, button: "Use a passkey"}
	return f, err
}

func (h *Handler) confirm(ctx context.Context, a admin.Account, entered url.Values) (changed, error) {
	proof := admin.Proof{Password: entered.Get("password"), Token: entered.Get("token"), Credential: credential(entered)}
	if err := h.SignIn.StepUp(ctx, a.Caller, proof); err != nil {
		return changed{}, err
	}
	then := entered.Get("then")
	known := slices.ContainsFunc(h.changes(), func(ch change) bool { return ch.name == then })
	if !known || then == "passkey-rename" || then == "passkey-delete" || then == "session-end" { // of something that is chosen on the page
		then = ""
	}
	return changed{then: then}, nil
}

func (h *Handler) newPasswordForm(_ context.Context, a admin.Account, _ url.Values) (form, error) {
	return form{
		title: "Change your password", button: "Change password", intro: "This ends all your sessions; then you sign in with the new password.",
		fields: []field{
			{name: "oldPassword", label: "Present password", kind: "password", autocomplete: "current-password"},
			{name: "newPassword", label: "New password", kind: "password", autocomplete: "new-password", hint: h.passwordHint()},
		},
		hidden: []field{{name: "email", value: a.Email}},
	}, nil
}

func (h *Handler) newPassword(ctx context.Context, a admin.Account, entered url.Values) (changed, error) {
	err := h.SignIn.ChangePassword(ctx, a.Caller, entered.Get("oldPassword"), entered.Get("newPassword"))
	return changed{title: "Your password is changed", text: "Sign in with it now.", next: &link{h.accountAddress() + projectQuery(a), "Sign in"}}, err
}

// projectQuery keeps the project of a User who belongs to it alone.
func projectQuery(a admin.Account) string {
	if a.Project == "" {
		return ""
	}
	return "?project=" + a.Project
}

func (h *Handler) newEmailForm(_ context.Context, _ admin.Account, entered url.Values) (form, error) {
	return form{
		title: "Change your email address", button: "Send a link",
		intro:  "We send a link to the new address; the change happens when you open it. Your present address is told.",
		fields: []field{{name: "email", label: "New email address", kind: "email", autocomplete: "email", value: entered.Get("email")}},
	}, nil
}

func (h *Handler) newEmail(ctx context.Context, a admin.Account, entered url.Values) (changed, error) {
	err := h.SignIn.ChangeEmail(ctx, a.Caller, entered.Get("email"))
	return changed{
		title: "Look into your mail", text: "A link is on its way to the new address. It works once, for an hour.",
		next: &link{h.accountAddress(), "Back to your account"},
	}, err
}

func (h *Handler) endSessionForm(_ context.Context, _ admin.Account, entered url.Values) (form, error) {
	return form{title: "End this session?", button: "End session", hidden: []field{{name: "id", value: entered.Get("id")}}}, nil
}

func (h *Handler) endOwnSession(ctx context.Context, a admin.Account, entered url.Values) (changed, error) {
	err := h.SignIn.RevokeLogin(ctx, a.Caller, entered.Get("id"))
	if outcome.Has(err, outcome.NotFound) { // it has run out meanwhile
		err = nil
	}
	return changed{}, err
}

func (h *Handler) signOutForm(context.Context, admin.Account, url.Values) (form, error) {
	return form{title: "Sign out?", button: "Sign out"}, nil
}

func (h *Handler) signOut(ctx context.Context, a admin.Account, _ url.Values) (changed, error) {
	return changed{title: "You are signed out", text: "You may close this window."}, h.SignIn.RevokeLogin(ctx, a.Caller, a.Caller.LoginID)
}
