package signin_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/admitdev/admit/pkg/store"
)

const (
	wrongPasskey  = "credential The passkey was not accepted"
	usedChallenge = "credential This challenge was not given, was used or has expired; ask for a new one"
)

func (w *world) loginByPasskey(a *authenticator, options object) answer {
	w.t.Helper()
	return w.do("POST", "/auth/passkey/login", "", with(object{"credential": a.get(options)}))
}

func passkeyLife(t *testing.T, w *world) {
	email := w.email("ada")
	token, _ := w.owner(email, "Clinic")
	a := newAuthenticator(w)
	options := w.asked("/auth/passkey/register-options", token, object{})
	require.Equal(t, "required", options["authenticatorSelection"].(map[string]any)["userVerification"])
	require.Equal(t, "required", options["authenticatorSelection"].(map[string]any)["residentKey"])
	require.Equal(t, "admit.example", options["rp"].(map[string]any)["id"])
	w.do("POST", "/auth/passkey/register", token, object{"name": " ", "credential": a.create(options)}).refusedWith(t, 400, "name Missing name")
	added := w.post200("/auth/passkey/register", token, object{"name": "Laptop", "credential": a.create(options)})
	require.Len(t, added.json["recoveryCodes"], 10, "a first factor comes with recovery codes")
	w.do("POST", "/auth/passkey/register", token, object{"name": "Again", "credential": a.create(options)}).refusedWith(t, 400, usedChallenge)
	again := w.asked("/auth/passkey/register-options", token, object{})
	require.Len(t, again["excludeCredentials"], 1)
	w.do("POST", "/auth/passkey/register", token, object{"name": "Same id", "credential": a.create(again)}).refusedWith(t, 400, wrongPasskey)

	request := w.asked("/auth/passkey/login-options", "", object{})
	require.Empty(t, request["allowCredentials"], "nobody is asked who they are")
	require.Equal(t, "required", request["userVerification"])
	got := w.loginByPasskey(a, request)
	require.Equal(t, 200, got.status, got.body)
	fresh := w.token(got.text("code"))
	w.wantLive(fresh)

	list := func() []any { return w.do("GET", "/auth/passkey", fresh, nil).json["passkeys"].([]any) }
	require.Len(t, list(), 1)
	require.NotEmpty(t, list()[0].(map[string]any)["lastUsed"])
	w.do("POST", "/auth/passkey/rename", fresh, object{"id": encode(a.id), "name": "Old laptop"}).refusedWith(t, 200, "All OK")
	require.Equal(t, "Old laptop", list()[0].(map[string]any)["name"])

	require.Equal(t, true, w.login(email, nil).json["mfaRequired"], "the password alone is no longer enough")
	other, _ := w.owner(w.email("bob"), "Elsewhere")
	for _, path := range []string{"/auth/passkey/rename", "/auth/passkey/delete"} {
		require.Equal(t, 404, w.do("POST", path, other, object{"id": encode(a.id), "name": "Mine"}).status)
	}
	w.do("POST", "/auth/passkey/delete", fresh, object{"id": encode(a.id)}).refusedWith(t, 200, "All OK")
	require.Empty(t, list())
	w.loginByPasskey(a, w.asked("/auth/passkey/login-options", "", object{})).refusedWith(t, 400, wrongPasskey)
	require.NotEmpty(t, w.login(email, nil).text("code"), "with the last factor the second step ends")
}

func passkeyAsSecondFactor(t *testing.T, w *world) {
	email := w.email("ada")
	token, _ := w.owner(email, "Clinic")
	a, stranger := w.enrolled(token), newAuthenticator(w)
	step := w.login(email, nil)
	require.Equal(t, []any{"passkey", "recovery-code"}, step.json["mfaMethods"])
	id := step.text("login")
	verify := func(a *authenticator, login string, options object) answer {
		return w.do("POST", "/auth/passkey/verify", "", object{"login": login, "credential": a.get(options)})
	}
	ask := func(login string) object {
		return w.asked("/auth/passkey/verify-options", "", object{"login": login})
	}
	require.Len(t, ask(id)["allowCredentials"], 1)
	stranger.handle = a.handle
	verify(stranger, id, ask(id)).refusedWith(t, 400, wrongPasskey)
	second := w.login(email, nil).text("login")
	verify(a, second, ask(id)).refusedWith(t, 400, usedChallenge)
	w.do("POST", "/auth/mfa/verify", "", object{"login": id, "token": "123456"}).refusedWith(t, 400, "Secret not found")
	options := ask(id)
	done := verify(a, id, options)
	require.Equal(t, 200, done.status, done.body)
	w.wantLive(w.token(done.text("code")))
	verify(a, second, options).refusedWith(t, 400, usedChallenge)
}

// badPasskeys: whatever is wrong with an answer, there is no session, and the challenge is used up.
func badPasskeys(t *testing.T, w *world) {
	token, _ := w.owner(w.email("ada"), "Clinic")
	otherToken, _ := w.owner(w.email("bob"), "Elsewhere")
	for _, tc := range []struct {
		name  string
		spoil func(a, of *authenticator)
	}{
		{"origin of another site", func(a, _ *authenticator) { a.origin = "https://admit.example.evil.example" }},
		{"origin of another port", func(a, _ *authenticator) { a.origin = "http://admit.example:81" }},
		{"another relying party", func(a, _ *authenticator) { a.rpID = "example" }},
		{"user not verified", func(a, _ *authenticator) { a.flags = userPresent }},
		{"user not present", func(a, _ *authenticator) { a.flags = userVerified }},
		{"another key", func(a, of *authenticator) { a.key = newAuthenticator(of.w).key }},
		{"an unknown passkey", func(a, of *authenticator) { a.id = newAuthenticator(of.w).id }},
		{"somebody else's handle", func(a, of *authenticator) { a.handle = of.handle }},
		{"no handle", func(a, _ *authenticator) { a.handle = nil }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			a, of := w.enrolled(token), w.enrolled(otherToken)
			spoiled := *a
			tc.spoil(&spoiled, of)
			options := w.asked("/auth/passkey/login-options", "", object{})
			w.loginByPasskey(&spoiled, options).refusedWith(t, 400, wrongPasskey)
			w.loginByPasskey(a, options).refusedWith(t, 400, usedChallenge)
			w.loginByPasskey(a, object{"challenge": encode(a.id)}).refusedWith(t, 400, usedChallenge)
			require.Equal(t, 200, w.loginByPasskey(a, w.asked("/auth/passkey/login-options", "", object{})).status)
			w.post200("/auth/passkey/delete", token, object{"id": encode(a.id)})
			w.post200("/auth/passkey/delete", otherToken, object{"id": encode(of.id)})
		})
	}
	a := w.enrolled(token)
	for name, credential := range map[string]any{"none": nil, "no object": 1, "empty": object{}} {
		got := w.do("POST", "/auth/passkey/login", "", with(object{"credential": credential}))
		require.Equal(t, 400, got.status, name)
	}
	for _, other := range []object{w.asked("/auth/passkey/register-options", token, object{}), w.asked("/auth/stepup-options", token, object{})} {
		w.loginByPasskey(a, other).refusedWith(t, 400, usedChallenge) // made for something else
	}
	options := w.asked("/auth/passkey/login-options", "", object{})
	w.clock.move(5 * time.Minute)
	w.loginByPasskey(a, options).refusedWith(t, 400, usedChallenge)
}

func badRegistrations(t *testing.T, w *world) {
	token, _ := w.owner(w.email("ada"), "Clinic")
	other, _ := w.owner(w.email("bob"), "Elsewhere")
	for name, spoil := range map[string]func(*authenticator){
		"origin":   func(a *authenticator) { a.origin = "https://evil.example" },
		"party":    func(a *authenticator) { a.rpID = "evil.example" },
		"verified": func(a *authenticator) { a.flags = userPresent },
	} {
		a := newAuthenticator(w)
		spoil(a)
		got := w.do("POST", "/auth/passkey/register", token, object{"name": name, "credential": a.create(w.asked("/auth/passkey/register-options", token, object{}))})
		got.refusedWith(t, 400, wrongPasskey)
	}
	a := newAuthenticator(w)
	stolen := object{"name": "Stolen", "credential": a.create(w.asked("/auth/passkey/register-options", token, object{}))}
	w.do("POST", "/auth/passkey/register", other, stolen).refusedWith(t, 400, usedChallenge)
	require.Empty(t, w.do("GET", "/auth/passkey", other, nil).json["passkeys"])
	require.Equal(t, 401, w.do("POST", "/auth/passkey/register-options", "", object{}).status)
}

// copiedPasskey: of an authenticator and its copy the one that is behind shows itself by its count.
func copiedPasskey(t *testing.T, w *world) {
	token, _ := w.owner(w.email("ada"), "Clinic")
	a := w.enrolled(token)
	theCopy := *a
	ask := func() object { return w.asked("/auth/passkey/login-options", "", object{}) }
	require.Equal(t, 200, w.loginByPasskey(a, ask()).status)
	w.loginByPasskey(&theCopy, ask()).refusedWith(t, 400, "credential This passkey may have been copied. Sign in another way and delete it.")
	a.count = 100
	require.Equal(t, 200, w.loginByPasskey(a, ask()).status)
}

// passkeyOpensNoMore: whoever registers somebody else's address cannot reach with a passkey what the
// password cannot, and loses it when the owner shows that the address is theirs.
func passkeyOpensNoMore(t *testing.T, w *world) {
	email := w.email("victim")
	token, own := w.owner(email, "Stranger's")
	a := w.enrolled(token)
	_, project := w.owner(w.email("ada"), "Clinic")
	w.join(email, project)
	got := w.loginByPasskey(a, w.asked("/auth/passkey/login-options", "", object{}))
	require.NotEmpty(t, got.text("code"), got.body)
	require.Equal(t, "Project/"+own, w.exchange(got.text("code")).json["project"].(map[string]any)["reference"])
	letter := w.sendReset(email)
	w.post200("/auth/setpassword", "", object{"id": letter.Request, "secret": letter.Secret, "password": another})
	w.loginByPasskey(a, w.asked("/auth/passkey/login-options", "", object{})).refusedWith(t, 400, wrongPasskey)
	ref, _ := w.userOf(store.SystemProject, email)
	left, err := w.store.Passkeys(t.Context(), ref)
	require.NoError(t, err)
	require.Empty(t, left)
}
