package pages

import (
	"encoding/json"
	"net/url"
	"slices"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/admitdev/admit/admin"
	"github.com/admitdev/admit/pkg/secret"
)

func (h *Handler) signInFor(c echo.Context, a asked) error {
	in := admin.LoginRequest{Email: a.entered.Get("email"), Password: a.entered.Get("password")}
	return h.enter(c, a, in.Email, func(a asked) (admin.Step, error) {
		in.Wish = admin.WishOf(a.Authorization, a.known())
		return h.SignIn.Login(c.Request().Context(), in, device(c))
	})
}

func (h *Handler) passkeyFor(c echo.Context, a asked) error {
	return h.enter(c, a, "", func(a asked) (admin.Step, error) {
		in := admin.PasskeyLogin{Wish: admin.WishOf(a.Authorization, a.known()), Credential: credential(a.entered)}
		return h.SignIn.LoginByPasskey(c.Request().Context(), in, device(c))
	})
}

// enter signs in under a new value of the cookie: one from before may be known to somebody.
func (h *Handler) enter(c echo.Context, a asked, email string, signIn func(asked) (admin.Step, error)) error {
	a.browser = secret.Token(16)
	step, err := signIn(a)
	if err != nil {
		a.browser = cookie(c)
		return h.again(c, a, h.signInTo(a, email), err)
	}
	h.setBrowser(c, a.browser)
	return h.next(c, a, step)
}

// credential is what the script has put into a form; nothing at all is a wrong one.
func credential(entered url.Values) json.RawMessage {
	return json.RawMessage(entered.Get("credential"))
}

func (h *Handler) signInTo(a asked, email string) form {
	f := h.signInForm(a.Client.Project, email)
	f.action, f.hidden = h.action("signin"), h.hiddenOf(a, "")
	f.intro = "to go on to " + clientName(a)
	f.passkey = h.passkeySignIn(h.action("passkey"), f.hidden)
	return f
}

// passkeySignIn is the other way to sign in; nil where there can be no passkeys.
func (h *Handler) passkeySignIn(action string, hidden []field) *passkeyForm {
	if !h.SignIn.PasskeysWork() {
		return nil
	}
	return &passkeyForm{
		ceremony: "get", from: h.BaseURL.JoinPath("auth/passkey/login-options").String(),
		action: action, hidden: hidden, button: "Sign in with a passkey",
	}
}

func (h *Handler) factorFor(c echo.Context, a asked) error {
	login, err := h.pending(c, a)
	if err != nil {
		return err
	}
	step, err := h.verify(c, login, a.entered)
	if err != nil {
		current, failed := h.SignIn.Status(c.Request().Context(), login)
		if failed != nil {
			return failed
		}
		return h.again(c, a, h.factorForm(current, h.action("factor"), h.hiddenOf(a, login)), err)
	}
	return h.next(c, a, step)
}

// verify takes what a form of factorForm sends.
func (h *Handler) verify(c echo.Context, login string, entered url.Values) (admin.Step, error) {
	ctx := c.Request().Context()
	code := strings.ReplaceAll(entered.Get("code"), " ", "")
	switch {
	case entered.Has("credential"):
		return h.SignIn.VerifyPasskey(ctx, login, credential(entered))
	case entered.Get("enrol") != "":
		return h.SignIn.EnrollLogin(ctx, login, code)
	}
	return h.SignIn.VerifyMFA(ctx, login, code)
}

// savedFor goes on once recovery codes were shown.
func (h *Handler) savedFor(c echo.Context, a asked) error {
	login, err := h.pending(c, a)
	if err != nil {
		return err
	}
	step, err := h.SignIn.Status(c.Request().Context(), login)
	if err != nil {
		return err
	}
	return h.next(c, a, step)
}

// factorForm asks for the second factor, or to set one up.
func (h *Handler) factorForm(step admin.Step, action string, hidden []field) form {
	if step.MFAEnrollRequired {
		f := enrolForm(step.EnrollURI, step.EnrollQRCode)
		f.action, f.hidden = action, append(hidden, field{name: "enrol", value: "1"})
		return f
	}
	f := form{
		title: "Second factor", button: "Go on", action: action, hidden: hidden,
		intro:  "Enter the code that your authenticator app shows, or a recovery code.",
		fields: []field{{name: "code", label: "Code", kind: "text", autocomplete: "one-time-code"}},
	}
	if !slices.Contains(step.MFAMethods, "totp") {
		f.intro = "Use your passkey, or enter a recovery code."
	}
	if slices.Contains(step.MFAMethods, "passkey") && h.SignIn.PasskeysWork() {
		f.passkey = &passkeyForm{
			ceremony: "get", from: h.BaseURL.JoinPath("auth/passkey/verify-options").String(), action: action, hidden: hidden, button: "Use a passkey",
		}
	}
	f.focus()
	return f
}

// enrolForm shows the key of an authenticator app and asks for its first code.
func enrolForm(uri, image string) form {
	f := form{
		title: "Set up a second factor", button: "Go on", image: image,
		intro:  "Scan the picture with an authenticator app, then enter the code that it shows.",
		fields: []field{{name: "code", label: "Code of six digits", kind: "text", autocomplete: "one-time-code"}},
	}
	if address, err := url.Parse(uri); err == nil {
		f.fields[0].hint = "Without a camera, type this key into the app: " + address.Query().Get("secret")
	}
	f.focus()
	return f
}

// codesForm shows recovery codes.
func codesForm(codes []string) form {
	return form{
		title: "Your recovery codes", button: "I have kept them", codes: codes,
		intro: "Keep these codes where you find them without your phone. Each lets you sign in once in place of your second factor. They are not shown again.",
	}
}
