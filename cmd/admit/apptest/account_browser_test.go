package apptest_test

import (
	"context"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/webauthn"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"github.com/admitdev/admit/cmd/admit/apptest"
)

// withAuthenticator gives the browser an authenticator that is always touched and unlocked.
func (b *browser) withAuthenticator() {
	b.t.Helper()
	b.do(func(ctx context.Context, t *chromedp.Target) (chromedp.Void, error) {
		if _, err := cdp.Call(ctx, t, webauthn.Enable, webauthn.EnableParams{}); err != nil {
			return chromedp.Void{}, err
		}
		_, err := cdp.Call(ctx, t, webauthn.AddVirtualAuthenticator, webauthn.AddVirtualAuthenticatorParams{
			Options: &webauthn.VirtualAuthenticatorOptions{
				Protocol: webauthn.AuthenticatorProtocolCtap2, Transport: webauthn.AuthenticatorTransportInternal,
				HasResidentKey: true, HasUserVerification: true, IsUserVerified: true, AutomaticPresenceSimulation: true,
			},
		})
		return chromedp.Void{}, err
	})
}

// tabTo goes from one thing to the next, as somebody without a mouse does, to what has this name, and
// presses Enter there. Whatever is reached on the way must be seen to be.
func (b *browser) tabTo(name string) {
	b.t.Helper()
	for range 40 {
		b.do(chromedp.KeyEvent("\t"))
		at, err := chromedp.Run(b.ctx, chromedp.Evaluate[[]string](`(e => [e.ariaLabel || e.textContent.trim(), getComputedStyle(e).outlineStyle])(document.activeElement)`))
		if err != nil {
			b.t.Fatal(err)
		}
		if strings.HasPrefix(at[0], name) {
			require.NotEqual(b.t, "none", at[1], "the focus does not show on "+name)
			b.do(chromedp.KeyEvent("\r"))
			return
		}
	}
	b.shoot("failure")
	b.t.Fatalf("the keyboard does not reach %q:\n%s", name, b.text())
}

func (b *browser) page(says, shot string) {
	b.t.Helper()
	b.wants(says)
	b.wantAccessible()
	b.shoot(shot)
}

// TestPeopleKeepTheirAccountInABrowser does all that the page of one's own account offers, by keyboard
// alone and with an authenticator of the browser.
func TestPeopleKeepTheirAccountInABrowser(t *testing.T) {
	b := startBrowser(t)
	if b == nil {
		return
	}
	s := apptest.Start(t, apptest.Named("localhost"))
	member := s.As(apptest.Practitioner)
	_, ask := newApp(s)
	b.withAuthenticator()

	b.open(s.URL + "/account/passkey") // leads to the sign-in
	b.page("to see and change your account", "signin")
	b.do(chromedp.KeyEvent(member.Email + "\twrong-password\r"))
	b.page("Email or password is invalid", "signin-error")
	b.do(chromedp.KeyEvent(apptest.Password + "\r"))
	b.page("Your sessions", "account")

	b.tabTo("Add a passkey")
	b.page("Name of this device", "passkey")
	b.do(chromedp.KeyEvent("Laptop\r"))
	b.page("Your recovery codes", "codes")
	code := regexp.MustCompile(`([A-Z2-7]{5}-){4}[A-Z2-7]{5}`).FindString(b.text())
	b.tabTo("I have kept them")
	b.page("10 recovery codes left", "account-passkey")
	b.tabTo("Rename passkey Laptop")
	b.page("Rename a passkey", "rename")
	b.do(chromedp.KeyEvent("Old \r"))
	b.wants("Old Laptop")
	b.tabTo("Set up an authenticator app")
	b.page("Set up an authenticator app", "authenticator")
	b.do(chromedp.KeyEvent("000000\r"))
	b.page("Invalid token", "authenticator-error")
	b.tabTo("Back to your account")
	b.wants("Your sessions")
	b.tabTo("End the session of Signed in without an application")
	b.page("End this session?", "session-end")
	b.tabTo("End session")
	b.wants("Your sessions")
	require.Equal(t, http.StatusUnauthorized, member.GET("/auth/me").Status, "an ended session is dead at once")
	b.tabTo("Sign out")
	b.wants("Sign out?")
	b.tabTo("Sign out")
	b.page("You are signed out", "signed-out")

	b.open(s.URL + ask("redirect_uri", "http://127.0.0.1:9/back"))
	b.page("to go on to", "authorize-signin")
	b.do(chromedp.KeyEvent(member.Email + "\t" + apptest.Password + "\r"))
	b.page("Use your passkey, or enter a recovery code", "factor")
	b.tabTo("Use a passkey")
	b.page("Allow Growth", "consent")
	b.open(s.URL + ask("redirect_uri", "http://127.0.0.1:9/back", "prompt", "login"))
	b.wants("to go on to")
	b.tabTo("Sign in with a passkey")
	b.wants("Allow Growth")

	b.open(s.URL + "/account")
	b.wants("to see and change your account")
	b.enter(member.Email + "\t" + apptest.Password)
	b.wants("enter a recovery code")
	b.enter(code)
	b.wants("9 recovery codes left")
	b.tabTo("Change your email address")
	b.page("New email address", "email")
	b.open(s.URL + "/account/confirm?then=passkey")
	b.page("Is it still you?", "confirm")
	b.tabTo("Use a passkey")
	b.wants("Name of this device")
	b.open(s.URL + "/account")
	b.wants("Your sessions")
	b.tabTo("Delete passkey Old Laptop")
	b.page("Delete “Old Laptop”?", "passkey-delete")
	b.tabTo("Delete")
	b.wants("Add a passkey")
	require.NotContains(t, b.text(), "recovery codes")
	b.tabTo("Change your password")
	b.page("Present password", "password")
	b.do(chromedp.KeyEvent(apptest.Password + "\tAnother-horse-battery-25\r"))
	b.wants("Your password is changed")
}
