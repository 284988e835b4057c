package apptest_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const (
	ann       = "ann@hospital.example"
	letsIn    = "Your sign-in works"
	notProof  = "Failed to verify code"
	byDomain  = `"domain":"hospital.example"`
	byAnother = `"domain":"second.example"`
)

// fromProvider is the page that somebody sees who comes from the provider, which bends its ID token.
func (w *asvs) fromProvider(t *testing.T, who map[string]any, bend func(map[string]any)) *visitor {
	t.Helper()
	w.hospital.idp.bend = bend
	defer func() { w.hospital.idp.bend = nil }()
	return w.hospital.idp.signIn(newVisitor(t, w.Server), w.hospital.wish(byDomain), who)
}

// refusedToken wants a changed ID token to let nobody in, and the right one to do so.
func (w *asvs) refusedToken(t *testing.T, claim string, values ...any) {
	t.Helper()
	w.known(t)
	for _, value := range values {
		v := w.fromProvider(t, person("1", ann), func(claims map[string]any) { claims[claim] = value })
		assert.Equal(t, http.StatusBadRequest, v.status, value)
		assert.Contains(t, v.page, notProof, value)
	}
}

// known wants the provider to be believed about ann, subject 1.
func (w *asvs) known(t *testing.T) {
	t.Helper()
	require.Contains(t, w.fromProvider(t, person("1", ann), nil).page, letsIn)
}

// started is where the start of a journey to the provider leads.
func (w *asvs) started(t *testing.T) *visitor {
	t.Helper()
	v := newVisitor(t, w.Server).send(http.MethodGet, w.hospital.wish(byDomain), nil)
	require.True(t, strings.HasPrefix(v.header.Get("Location"), w.hospital.idp.URL+"/authorize?"), v.page)
	return v
}

// providersAreKeptApart: neither another domain's address nor a subject of another provider is somebody.
func providersAreKeptApart(t *testing.T, w *asvs) {
	w.known(t)
	assert.Contains(t, w.fromProvider(t, person("9", w.staff.Email), nil).page, "does not match domain")
	second := newProvider(t)
	w.newDomain("second.example", second)
	v := second.signIn(newVisitor(t, w.Server), w.hospital.wish(byAnother), person("1", "stranger@second.example"))
	assert.Contains(t, v.page, "User not found", "the subject is another provider's")
	assert.Contains(t, second.signIn(v, w.hospital.wish(byAnother), person("1", ann)).page, "does not match domain")
}

// subjectsAreWho: not the address, which the provider may give to somebody else.
func subjectsAreWho(t *testing.T, w *asvs) {
	w.known(t)
	assert.Contains(t, w.fromProvider(t, person("1", "renamed@hospital.example"), nil).page, letsIn)
	assert.Contains(t, w.fromProvider(t, person("2", ann), nil).page, "known to the identity provider as somebody else")
}

// answersOfOthers: a code that comes with another issuer is shown to nobody.
func answersOfOthers(t *testing.T, w *asvs) {
	idp, v := w.hospital.idp, newVisitor(t, w.Server)
	for _, issuer := range []string{"", "https://evil.example"} {
		back := mustURL(t, idp.there(v, w.hospital.wish(byDomain), person("1", ann)))
		query, asked := back.Query(), idp.asked["/token"]
		query.Set("iss", issuer)
		if issuer == "" {
			query.Del("iss")
		}
		v.send(http.MethodGet, "/auth/external?"+query.Encode(), nil)
		assert.Equal(t, http.StatusBadRequest, v.status, issuer)
		assert.Equal(t, asked, idp.asked["/token"], issuer)
	}
	w.known(t)
}

// metadataOfOthers: a discovery document that names another issuer, or other endpoints, leads nowhere.
func metadataOfOthers(t *testing.T, w *asvs) {
	liar := newProvider(t)
	liar.describe = func(document map[string]any) { document["issuer"] = w.hospital.idp.URL }
	moved := newProvider(t)
	moved.describe = func(document map[string]any) { document["token_endpoint"] = w.hospital.idp.URL + "/token" }
	for domain, idp := range map[string]*provider{"liar.example": liar, "moved.example": moved} {
		w.newDomain(domain, idp)
		v := newVisitor(t, w.Server).send(http.MethodGet, w.hospital.wish(`"domain":"`+domain+`"`), nil)
		assert.Equal(t, http.StatusBadRequest, v.status, domain)
		assert.Empty(t, v.header.Get("Location"), domain)
		assert.NotZero(t, idp.asked["/.well-known/openid-configuration"], domain)
	}
	w.started(t)
}

// unsignedAssertions: neither a provider's nor a client's is believed without its own key's signature.
func unsignedAssertions(t *testing.T, w *asvs) {
	w.known(t)
	idp, stranger := w.hospital.idp, newProviderKey(t)
	right := idp.sign
	defer func() { idp.sign = right }()
	for name, sign := range map[string]func(map[string]any) string{
		"no signature":    func(claims map[string]any) string { return unsigned(t, claims, "none") },
		"a shared secret": func(claims map[string]any) string { return hmacSigned(t, claims, providerSecret) },
		"another key": func(claims map[string]any) string {
			return signJWT(t, stranger, claims, map[string]any{"kid": idp.key.KeyID()})
		},
		"a signature of something else": func(claims map[string]any) string {
			own := right(claims)
			claims["sub"] = "2"
			other := right(claims)
			return other[:strings.LastIndex(other, ".")] + own[strings.LastIndex(own, "."):]
		},
	} {
		idp.sign = sign
		v := w.fromProvider(t, person("1", ann), nil)
		assert.Equal(t, http.StatusBadRequest, v.status, name)
		assert.Contains(t, v.page, notProof, name)
	}
}

// sessionsElsewhere: ending Admit's session asks the provider again, and ends nothing there.
func sessionsElsewhere(t *testing.T, w *asvs) {
	h := w.hospital
	v := newVisitor(t, w.Server)
	tokens := exchangeApp(w.Server, h.client, h.idp.signIn(v, h.byClient(), person("1", ann)).at(appRedirect).Get("code")).OK()
	asked := len(h.idp.asked)
	w.nobody.With("Authorization", "Bearer "+tokens.Field("access_token")).POST("/oauth2/logout", "").OK()
	assert.Equal(t, http.StatusUnauthorized, w.opens(tokens.Field("access_token")))
	assert.Len(t, h.idp.asked, asked, "nothing of the provider's was asked")
	v.send(http.MethodGet, h.byClient(), nil)
	assert.True(t, strings.HasPrefix(v.header.Get("Location"), h.idp.URL+"/authorize?"), v.page)
	documented(t, "ending one leaves the other, and a new sign-in asks the provider again")
}

// strengthOfProviders: a provider that does not say that there were several factors counts as a password.
func strengthOfProviders(t *testing.T, w *asvs) {
	const email = "strong@hospital.example"
	w.hospital.invite(email, `,"mfaRequired":true`)
	come := func(more map[string]any) *visitor {
		return w.hospital.idp.signIn(newVisitor(t, w.Server), w.hospital.forDomain(), saying(person("strong", email), more))
	}
	for _, said := range []map[string]any{nil, {"amr": []string{"pwd"}}, {"acr": "gold"}} {
		assert.Contains(t, come(said).page, "Set up a second factor", said)
	}
	assert.Contains(t, come(map[string]any{"amr": []string{"pwd", "otp"}}).page, "Allow Growth")
	documented(t, "one that says nothing counts as a password")
}
