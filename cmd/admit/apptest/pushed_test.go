package apptest_test

import (
	"crypto"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/lestrrat-go/jwx/v2/jwa"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/admitdev/admit/cmd/admit/apptest"
	"github.com/admitdev/admit/pkg/store"
	"github.com/admitdev/admit/pkg/store/storetest"
)

// pusher is a client that pushes what it asks for.
type pusher struct {
	*apptest.Server
	t      *testing.T
	client string
	ask    func(more ...string) string
}

func newPusher(t *testing.T, s *apptest.Server) pusher {
	t.Helper()
	client, ask := newApp(s)
	return pusher{s, t, client, ask}
}

func (p pusher) push(more ...string) *apptest.Answer {
	p.t.Helper()
	return p.As(apptest.Anonymous).FORM("/oauth2/par", mustURL(p.t, p.ask(more...)).RawQuery)
}

// pushed is the address for a browser with a request that was pushed.
func (p pusher) pushed(more ...string) string {
	p.t.Helper()
	return p.by(p.client, p.push(more...).WantStatus(http.StatusCreated).Field("request_uri"))
}

func (p pusher) by(client, reference string, beside ...string) string {
	query := url.Values{"client_id": {client}, "request_uri": {reference}}
	for i := 0; i < len(beside); i += 2 {
		query.Set(beside[i], beside[i+1])
	}
	return "/oauth2/authorize?" + query.Encode()
}

func (p pusher) visit(address string) *visitor {
	p.t.Helper()
	return newVisitor(p.t, p.Server).send(http.MethodGet, address, nil)
}

// refused wants a page that leads nowhere.
func (p pusher) refused(why string, v *visitor) {
	p.t.Helper()
	assert.Equal(p.t, http.StatusBadRequest, v.status, why)
	assert.Empty(p.t, v.header.Get("Location"), why)
	assert.NotContains(p.t, v.page, "<form", why)
}

// tagged gives the client a tag, or takes all away.
func (p pusher) tagged(codes ...string) {
	p.t.Helper()
	admin, tags := p.As(apptest.Admin), []any{}
	for _, code := range codes {
		tags = append(tags, map[string]any{"system": "https://admit.dev/client", "code": code})
	}
	var resource map[string]any
	admin.GET("/fhir/R4/ClientApplication/" + p.client).OK().Into(&resource)
	resource["meta"] = map[string]any{"tag": tags}
	changed, err := json.Marshal(resource)
	require.NoError(p.t, err)
	admin.PUT("/fhir/R4/ClientApplication/"+p.client, string(changed)).OK()
}

func TestAPushedRequestGivesOneCode(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		p, member := newPusher(t, s), s.As(apptest.Practitioner)
		made := p.push().WantStatus(http.StatusCreated)
		reference := made.Field("request_uri")
		assert.Regexp(t, `^urn:ietf:params:oauth:request_uri:[\w-]{32,}$`, reference)
		assert.Equal(t, "90", made.Field("expires_in"))
		assert.Contains(t, made.Header.Get("Cache-Control"), "no-store")

		begun := p.by(p.client, reference, "scope", "openid user/*.cruds", "redirect_uri", "http://127.0.0.1:9/back", "state", "other", "prompt", "none")
		v := p.visit(begun)
		require.Equal(t, http.StatusOK, v.status, v.page)
		p.refused("a second browser", p.visit(begun))
		action, signIn := v.form()
		assert.NotContains(t, signIn.Get("request"), "user%2FPatient.rs", "what was pushed stays here")
		v.fill("email", member.Email, "password", apptest.Password)
		assert.NotContains(t, v.page, "user/*.cruds")
		consent, allowed := v.form()
		allowed.Set("answer", "allow")

		again := *v // the form of the sign-in is sent once more, from the page before
		signIn.Set("email", member.Email)
		signIn.Set("password", apptest.Password)
		_, fresh := v.form()
		signIn.Set("token", fresh.Get("token"))
		again.send(http.MethodPost, action, signIn)
		require.Equal(t, http.StatusOK, again.status, again.page)
		second, more := again.form()
		more.Set("answer", "allow")
		allowed.Set("token", more.Get("token"))
		answer := again.send(http.MethodPost, second, more).at(appRedirect)
		assert.Equal(t, "s t&1", answer.Get("state"))
		exchangeApp(s, p.client, answer.Get("code")).OK()
		late := v.send(http.MethodPost, consent, allowed)
		assert.Equal(t, http.StatusBadRequest, late.status, "the other login gets no code")
		assert.Empty(t, late.header.Get("Location"))
		p.refused("used", p.visit(p.by(p.client, reference)))
	})
}

func TestAReferenceIsGoodForItsClientAndInTimeAlone(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		p := newPusher(t, s)
		other, _ := newApp(s)
		reference := p.push().WantStatus(http.StatusCreated).Field("request_uri")
		p.refused("another client's", p.visit(p.by(other, reference)))
		p.refused("no client", p.visit(p.by("", reference)))
		p.refused("unknown", p.visit(p.by(p.client, reference+"x")))

		v := p.visit(p.ask()) // has the token of a form, and sends it with a request that nobody has begun
		v.fill("request", strings.TrimPrefix(p.by(p.client, reference), "/oauth2/authorize?"), "email", s.As(apptest.Practitioner).Email, "password", apptest.Password)
		p.refused("not begun", v)

		require.Equal(t, http.StatusOK, p.visit(p.by(p.client, reference)).status, "all that has not used it up")
		late := p.pushed()
		require.NoError(t, s.Store.InTx(t.Context(), func(tx *store.Tx) error {
			_, err := storetest.SQL(t, tx).ExecContext(t.Context(), `UPDATE pushed_request SET expires_at = expires_at - 90000 WHERE NOT begun`)
			return err
		}))
		p.refused("run out", p.visit(late))
	})
}

func TestAPushIsJudgedLikeTheRequestItself(t *testing.T) {
	s := apptest.Start(t)
	p := newPusher(t, s)
	program := s.As(apptest.Program)
	for _, tc := range []struct {
		name, code string
		more       []string
	}{
		{"a redirect URI that is not the client's", "invalid_request", []string{"redirect_uri", "https://evil.example/"}},
		{"no redirect URI", "invalid_request", []string{"redirect_uri", ""}},
		{"no PKCE", "invalid_request", []string{"code_challenge", "", "code_challenge_method", ""}},
		{"another response type", "unsupported_response_type", []string{"response_type", "token"}},
		{"a scope that is none", "invalid_scope", []string{"scope", "é"}},
		{"a request object", "request_not_supported", []string{"request", "x"}},
		{"a reference", "invalid_request", []string{"request_uri", p.push().Field("request_uri")}},
		{"an unknown client", "invalid_request", []string{"client_id", "00000000-0000-4000-8000-000000000000"}},
		{"no client", "invalid_request", []string{"client_id", ""}},
		{"a wrong secret", "invalid_request", []string{"client_secret", "wrong"}},
		{"another's secret", "invalid_request", []string{"client_secret", program.ClientSecret}},
	} {
		got := p.push(tc.more...).WantStatus(http.StatusBadRequest)
		assert.Equal(t, tc.code, got.Field("error"), tc.name)
		assert.Empty(t, got.Header.Get("Location"), tc.name)
	}
	p.tagged("keys-alone")
	assert.Equal(t, "invalid_client", p.push().WantStatus(http.StatusBadRequest).Field("error"), "its name alone does not count")
}

// pushedAlone is ASVS 10.4.13: a client may be held to pushing.
func pushedAlone(t *testing.T, w *asvs) {
	p := newPusher(t, w.Server)
	configuration := w.nobody.GET("/.well-known/openid-configuration").OK()
	assert.Equal(t, w.URL+"/oauth2/par", configuration.Field("pushed_authorization_request_endpoint"))
	assert.Equal(t, "false", configuration.Field("require_pushed_authorization_requests"))
	p.tagged("require-pushed-authorization-requests")
	v := p.visit(p.ask())
	assert.Equal(t, "invalid_request", v.at(appRedirect).Get("error"))
	v = p.visit(p.pushed())
	require.Equal(t, http.StatusOK, v.status, v.page)
	v.fill("request", mustURL(t, p.ask()).RawQuery, "email", w.staff.Email, "password", apptest.Password)
	assert.Equal(t, "invalid_request", v.at(appRedirect).Get("error"), "nor is another request put in its place")
	v = p.visit(p.pushed()).fill("email", w.staff.Email, "password", apptest.Password)
	assert.NotEmpty(t, v.fill("answer", "allow").at(appRedirect).Get("code"))
}

// TestACodeIsBoundToTheKeyOfItsRequest: RFC 9449 §10.
func TestACodeIsBoundToTheKeyOfItsRequest(t *testing.T) {
	s := apptest.Start(t)
	p, member := newPusher(t, s), s.As(apptest.Practitioner)
	mine, thief := newProver(t, jwa.ES256), newProver(t, jwa.ES256)
	digest, err := mine.public().Thumbprint(crypto.SHA256)
	require.NoError(t, err)
	thumbprint := base64.RawURLEncoding.EncodeToString(digest)
	push := func(prover prover, more ...string) *apptest.Answer {
		return s.As(apptest.Anonymous).With("DPoP", prover.proof("POST", s.URL+"/oauth2/par", "")).FORM("/oauth2/par", mustURL(t, p.ask(more...)).RawQuery)
	}
	assert.Equal(t, "invalid_dpop_proof", push(thief, "dpop_jkt", thumbprint).WantStatus(http.StatusBadRequest).Field("error"))
	assert.Equal(t, "invalid_request", p.push("dpop_jkt", "x").WantStatus(http.StatusBadRequest).Field("error"))
	for name, address := range map[string]string{
		"pushed with a proof": p.by(p.client, push(mine).WantStatus(http.StatusCreated).Field("request_uri")),
		"pushed by its name":  p.pushed("dpop_jkt", thumbprint),
		"not pushed":          p.ask("dpop_jkt", thumbprint),
	} {
		code := p.visit(address).fill("email", member.Email, "password", apptest.Password).fill("answer", "allow").at(appRedirect).Get("code")
		form := url.Values{"grant_type": {"authorization_code"}, "code": {code}, "client_id": {p.client}, "redirect_uri": {appRedirect}, "code_verifier": {appVerifier}}.Encode()
		assert.Equal(t, "invalid_dpop_proof", s.As(apptest.Anonymous).FORM("/oauth2/token", form).WantStatus(http.StatusBadRequest).Field("error"), name)
		stolen := s.As(apptest.Anonymous).With("DPoP", thief.proof("POST", s.URL+"/oauth2/token", "")).FORM("/oauth2/token", form)
		assert.Equal(t, "invalid_dpop_proof", stolen.WantStatus(http.StatusBadRequest).Field("error"), name)
		got := s.As(apptest.Anonymous).With("DPoP", mine.proof("POST", s.URL+"/oauth2/token", "")).FORM("/oauth2/token", form).OK()
		assert.Equal(t, "DPoP", got.Field("token_type"), name)
	}
}

// TestAPushedRequestIsUsedUpOnce holds what decides between two consents at once.
func TestAPushedRequestIsUsedUpOnce(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		ctx := t.Context()
		use := func() (used bool) {
			require.NoError(t, s.Store.InTx(ctx, func(tx *store.Tx) (err error) {
				used, err = tx.UsePushedRequest(ctx, "hash")
				return err
			}))
			return used
		}
		begin := func(client string) bool {
			begun, err := s.Store.BeginPushedRequest(ctx, "hash", client, time.Hour)
			require.NoError(t, err)
			return begun
		}
		require.NoError(t, s.Store.AddPushedRequest(ctx, store.PushedRequest{Hash: "hash", Client: "c", Parameters: "{}", ExpiresAt: store.At(time.Now().Add(time.Minute))}))
		assert.False(t, use(), "not begun")
		assert.Equal(t, []bool{false, true, false}, []bool{begin("d"), begin("c"), begin("c")})
		assert.Equal(t, []bool{true, false}, []bool{use(), use()})
		require.NoError(t, s.Store.AddPushedRequest(ctx, store.PushedRequest{Hash: "hash", Client: "c", Parameters: "{}", ExpiresAt: store.At(time.Now().Add(-25 * time.Hour))}))
		assert.False(t, begin("c"), "run out")
		require.NoError(t, s.Store.ForgetRunOut(ctx))
		_, err := s.Store.PushedRequest(ctx, "hash")
		require.ErrorIs(t, err, store.ErrNotFound)
	})
}
