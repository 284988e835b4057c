package apptest_test

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/lestrrat-go/jwx/v2/jwa"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tidwall/gjson"

	"github.com/admitdev/admit/cmd/admit/apptest"
	"github.com/admitdev/admit/pkg/clock"
)

func mustURL(t *testing.T, text string) *url.URL {
	t.Helper()
	u, err := url.Parse(text)
	require.NoError(t, err)
	return u
}

// clockID is a reference with an id of its own.
func clockID() string { return "x/" + clock.System{}.NewID() }

// asvsOAuth is chapter 10.
func asvsOAuth() []asvsLine {
	return []asvsLine{
		{number: "10.1.1", words: "tokens go to who needs them alone", check: func(t *testing.T, w *asvs) {
			v, answer := w.allowed(t, w.staff)
			assert.NotContains(t, v.header.Get("Location"), "token", "no token is in an address")
			assert.NotEmpty(t, answer.Get("code"))
		}},
		{number: "10.1.2", words: "what comes back belongs to the transaction that was begun", check: func(t *testing.T, w *asvs) {
			begun := newVisitor(t, w.Server).send(http.MethodGet, w.ask(), nil)
			action, fields := begun.form()
			fields.Set("email", w.staff.Email)
			fields.Set("password", apptest.Password)
			stranger := newVisitor(t, w.Server).send(http.MethodPost, action, fields, "Origin", "https://evil.example")
			assert.GreaterOrEqual(t, stranger.status, http.StatusBadRequest)
		}},
		{number: "10.2.1", words: "as a client: forged answers are refused (state, PKCE)", check: func(t *testing.T, w *asvs) {
			answer := w.nobody.GET("/auth/external?code=x&state=" + url.QueryEscape(`{"clientId":"`+w.app+`"}`))
			assert.GreaterOrEqual(t, answer.Status, http.StatusBadRequest)
		}},
		{number: "10.2.2", words: "as a client: providers are not mixed up", check: answersOfOthers},
		{number: "10.2.3", words: "as a client: no scope but what is needed is asked for", check: func(t *testing.T, w *asvs) {
			asked := strings.Fields(mustURL(t, w.started(t).header.Get("Location")).Query().Get("scope"))
			assert.Contains(t, asked, "openid")
			assert.Subset(t, []string{"openid", "email", "profile"}, asked)
		}},
		{number: "10.3.1", words: "an access token for another service is refused", check: func(t *testing.T, w *asvs) {
			assert.Equal(t, http.StatusUnauthorized, w.opens(w.elsewhere.As(apptest.Admin).Token))
		}},
		{number: "10.3.2", words: "what a token may do is part of the decision", check: func(t *testing.T, w *asvs) {
			_, answer := w.allowed(t, w.staff, "scope", "openid user/Patient.rs")
			as := w.nobody.With("Authorization", "Bearer "+exchangeApp(w.Server, w.app, answer.Get("code")).OK().Field("access_token"))
			as.GET("/fhir/R4/Patient").OK()
			as.GET("/fhir/R4/Observation").WantStatus(http.StatusForbidden)
			as.POST("/fhir/R4/Patient", `{"resourceType":"Patient"}`).WantStatus(http.StatusForbidden)
		}},
		{number: "10.3.3", words: "a token names its person by what nobody else gets", check: func(t *testing.T, w *asvs) {
			_, claims, _ := parts(t, w.staff.Token)
			assert.Equal(t, idOf(w.staff.User), claims["sub"])
			assert.Equal(t, w.URL+"/", claims["iss"])
		}},
		{number: "10.3.4", words: "how and when somebody signed in counts where it must", check: func(t *testing.T, w *asvs) {
			v, answer := w.allowed(t, w.staff)
			exchangeApp(w.Server, w.app, answer.Get("code")).OK()
			assert.NotEmpty(t, v.send(http.MethodGet, w.ask("prompt", "none"), nil).at(appRedirect).Get("code"))
			assert.Equal(t, "login_required", v.send(http.MethodGet, w.ask("prompt", "none", "max_age", "0"), nil).at(appRedirect).Get("error"))
		}},
		{number: "10.3.5", words: "stolen access tokens are of no use (DPoP)", check: func(t *testing.T, w *asvs) {
			b, p := newBound(t, w.Server), newProver(t, jwa.ES256)
			token := b.token(p.proof("POST", b.tokenURL, "")).OK().Field("access_token")
			b.patients("DPoP", token, p.proof("GET", b.patientsURL, token)).OK()
			b.patients("Bearer", token, "").WantStatus(http.StatusUnauthorized)
			b.patients("DPoP", token, newProver(t, jwa.ES256).proof("GET", b.patientsURL, token)).WantStatus(http.StatusUnauthorized)
		}},
		{number: "10.4.1", words: "redirect URIs are compared exactly with what is registered", check: func(t *testing.T, w *asvs) {
			for _, bad := range []string{appRedirect + "x", "https://app.example/callback", "https://app.example.evil.example/callback", "https://app.example/callback/../x?from=admit"} {
				v := newVisitor(t, w.Server).send(http.MethodGet, w.ask("redirect_uri", bad), nil)
				assert.Equal(t, http.StatusBadRequest, v.status, bad)
				assert.Empty(t, v.header.Get("Location"), bad)
			}
		}},
		{number: "10.4.2", words: "a code works once; a second try revokes its tokens", check: func(t *testing.T, w *asvs) {
			_, answer := w.allowed(t, w.staff)
			token := exchangeApp(w.Server, w.app, answer.Get("code")).OK().Field("access_token")
			exchangeApp(w.Server, w.app, answer.Get("code")).WantStatus(http.StatusBadRequest)
			assert.Equal(t, http.StatusUnauthorized, w.opens(token))
		}},
		{number: "10.4.3", words: "a code lives a minute at most", check: func(t *testing.T, w *asvs) {
			_, answer := w.allowed(t, w.staff)
			w.sql(t, `UPDATE authorization_code SET expires_at = expires_at - 61000 WHERE NOT used`)
			exchangeApp(w.Server, w.app, answer.Get("code")).WantStatus(http.StatusBadRequest)
		}},
		{number: "10.4.4", words: "no implicit or password grant", check: func(t *testing.T, w *asvs) {
			w.nobody.FORM("/oauth2/token", "grant_type=password&username="+url.QueryEscape(w.staff.Email)+"&password="+apptest.Password).WantStatus(http.StatusBadRequest)
			v := newVisitor(t, w.Server).send(http.MethodGet, w.ask("response_type", "token"), nil)
			assert.NotContains(t, v.header.Get("Location"), "access_token")
			assert.NotContains(t, w.nobody.GET("/.well-known/openid-configuration").OK().Field("grant_types_supported"), "password")
		}},
		{number: "10.4.5", words: "a refresh token used twice ends the session", check: func(t *testing.T, w *asvs) {
			c := w.newMember("twice")
			second := w.refresh(c.RefreshToken).OK()
			w.refresh(c.RefreshToken).WantStatus(http.StatusBadRequest)
			w.refresh(second.Field("refresh_token")).WantStatus(http.StatusBadRequest)
			assert.Equal(t, http.StatusUnauthorized, w.opens(second.Field("access_token")))
		}},
		{number: "10.4.6", words: "codes want PKCE with S256", check: func(t *testing.T, w *asvs) {
			for _, more := range [][]string{{"code_challenge", "", "code_challenge_method", ""}, {"code_challenge", appVerifier, "code_challenge_method", "plain"}} {
				v := newVisitor(t, w.Server).send(http.MethodGet, w.ask(more...), nil)
				assert.Equal(t, "invalid_request", v.at(appRedirect).Get("error"), more)
			}
			_, answer := w.allowed(t, w.staff)
			exchangeApp(w.Server, w.app, answer.Get("code"), "code_verifier", "another-verifier-of-at-least-forty-three-chars").WantStatus(http.StatusBadRequest)
		}},
		{number: "10.4.7", words: "clients that register themselves are checked and told of", check: func(t *testing.T, w *asvs) {
			w.nobody.POST("/oauth2/register?project="+w.other.Project, `{"redirect_uris":["`+appRedirect+`"]}`).WantStatus(http.StatusForbidden)
			endpoint := registering(w.Server, "")
			for _, bad := range []string{"javascript:alert(1)", "http://evil.example/", "https://a.example/#f"} {
				w.nobody.POST(endpoint, `{"redirect_uris":["`+bad+`"]}`).WantStatus(http.StatusBadRequest)
			}
			made := w.nobody.POST(endpoint, `{"redirect_uris":["`+appRedirect+`"],"client_name":"Stranger"}`).WantStatus(http.StatusCreated)
			id := made.Field("client_id")
			w.nobody.FORM("/oauth2/token", "grant_type=client_credentials&client_id="+id+"&client_secret="+made.Field("client_secret")).WantStatus(http.StatusBadRequest)
			v := newVisitor(t, w.Server).send(http.MethodGet, w.ask("client_id", id, "scope", "openid"), nil).fill("email", w.staff.Email, "password", apptest.Password)
			assert.Contains(t, v.page, "has registered itself; nobody has checked")
		}},
		{number: "10.4.8", words: "refresh tokens end at a fixed time", check: tooOld},
		{number: "10.4.9", words: "people revoke what clients were given", check: func(t *testing.T, w *asvs) {
			c := w.newMember("revokes")
			_, answer := w.allowed(t, c)
			token := exchangeApp(w.Server, w.app, answer.Get("code")).OK().Field("access_token")
			_, claims, _ := parts(t, token)
			c.POST("/auth/revoke", `{"loginId":"`+claims["login_id"].(string)+`"}`).OK()
			assert.Equal(t, http.StatusUnauthorized, w.opens(token))
		}},
		{number: "10.4.10", words: "confidential clients show who they are", check: func(_ *testing.T, w *asvs) {
			made := w.admin.POST("/admin/projects/"+w.admin.Project+"/client", `{"name":"C"}`).WantStatus(http.StatusCreated)
			w.nobody.FORM("/oauth2/token", "grant_type=client_credentials&client_id="+made.Field("id")).WantStatus(http.StatusBadRequest)
			w.nobody.FORM("/oauth2/token", "grant_type=client_credentials&client_id="+made.Field("id")+"&client_secret=wrong").WantStatus(http.StatusBadRequest)
			w.nobody.FORM("/oauth2/introspect", "token="+w.staff.Token).WantStatus(http.StatusUnauthorized)
			w.nobody.FORM("/oauth2/token", "grant_type=client_credentials&client_id="+made.Field("id")+"&client_secret="+made.Field("secret")).OK()
		}},
		{number: "10.4.11", words: "clients get the scopes they need alone", check: func(t *testing.T, w *asvs) {
			endpoint := registering(w.Server, `,{"name":"clientRegistrationScope","valueString":"openid patient/Patient.rs"}`)
			made := w.nobody.POST(endpoint, `{"redirect_uris":["`+appRedirect+`"],"scope":"openid user/*.cruds","token_endpoint_auth_method":"none"}`).WantStatus(http.StatusCreated)
			assert.Equal(t, "openid", made.Field("scope"))
			v := newVisitor(t, w.Server).send(http.MethodGet, w.ask("client_id", made.Field("client_id"), "scope", "openid user/Patient.rs"), nil)
			assert.Equal(t, "invalid_scope", v.at(appRedirect).Get("error"))
			_, answer := w.allowed(t, w.staff, "scope", "openid user/Patient.rs")
			tokens := exchangeApp(w.Server, w.app, answer.Get("code")).OK()
			assert.Equal(t, "openid user/Patient.rs", tokens.Field("scope"))
			w.nobody.With("Authorization", "Bearer "+tokens.Field("access_token")).GET("/fhir/R4/Observation").WantStatus(http.StatusForbidden)
		}},
		{number: "10.4.12", words: "only the response mode that is needed is allowed", check: func(t *testing.T, w *asvs) {
			v := newVisitor(t, w.Server).send(http.MethodGet, w.ask("response_mode", "fragment"), nil)
			assert.NotEqual(t, http.StatusOK, v.status)
			assert.NotContains(t, v.header.Get("Location"), "#code")
		}},
		{number: "10.4.13", words: "authorization requests are pushed (PAR)", check: pushedAlone},
		{number: "10.4.14", words: "access tokens are bound to the client's key (DPoP)", check: func(t *testing.T, w *asvs) {
			b, p := newBound(t, w.Server), newProver(t, jwa.ES256)
			assert.Equal(t, "DPoP", b.token(p.proof("POST", b.tokenURL, "")).OK().Field("token_type"))
			got := w.admin.GET("/fhir/R4/ClientApplication/" + b.id).OK()
			var resource map[string]any
			got.Into(&resource)
			resource["meta"] = map[string]any{"tag": []any{map[string]any{"system": "https://admit.dev/client", "code": "dpop-bound-access-tokens"}}}
			changed, err := json.Marshal(resource)
			require.NoError(t, err)
			w.admin.PUT("/fhir/R4/ClientApplication/"+b.id, string(changed)).OK()
			assert.Equal(t, "invalid_dpop_proof", b.token("").WantStatus(http.StatusBadRequest).Field("error"))
			delete(resource, "meta")
			changed, err = json.Marshal(resource)
			require.NoError(t, err)
			w.admin.PUT("/fhir/R4/ClientApplication/"+b.id, string(changed)).OK()
		}},
		{number: "10.4.15", words: "authorization_details come from the client's backend", applies: "authorization_details are not taken"},
		{number: "10.4.16", words: "clients authenticate by keys alone", check: keysAlone},
		{number: "10.5.1", words: "as a client: ID tokens are not replayed (nonce)", check: func(t *testing.T, w *asvs) {
			first := mustURL(t, w.started(t).header.Get("Location")).Query().Get("nonce")
			require.NotEmpty(t, first)
			assert.NotEqual(t, first, mustURL(t, w.started(t).header.Get("Location")).Query().Get("nonce"))
			w.refusedToken(t, "nonce", first, "")
		}},
		{number: "10.5.2", words: "as a client: people are known by issuer and sub", check: subjectsAreWho},
		{number: "10.5.3", words: "as a client: metadata names the issuer that was expected", check: metadataOfOthers},
		{number: "10.5.4", words: "as a client: an ID token is for Admit", check: func(t *testing.T, w *asvs) {
			w.refusedToken(t, "aud", "somebody else", []string{providerClient, "somebody else"}, "")
		}},
		{number: "10.5.5", words: "as a client: back-channel logout is checked", applies: "back-channel logout is not taken"},
		{number: "10.6.1", words: "no implicit flow of OpenID Connect", check: func(t *testing.T, w *asvs) {
			assert.Equal(t, `["code"]`, w.nobody.GET("/.well-known/openid-configuration").OK().Field("response_types_supported"))
			for _, kind := range []string{"id_token", "token", "id_token token", "code token"} {
				v := newVisitor(t, w.Server).send(http.MethodGet, w.ask("response_type", kind), nil)
				assert.NotEqual(t, http.StatusOK, v.status, kind)
			}
		}},
		{number: "10.6.2", words: "nobody is signed out by somebody's link", check: func(t *testing.T, w *asvs) {
			v, tokens, _, ask := signedInto(t, w.Server)
			v.send(http.MethodGet, "/oauth2/logout?client_id=x", nil)
			assert.Equal(t, http.StatusOK, w.opens(tokens.Field("access_token")))
			assert.Contains(t, v.send(http.MethodGet, ask(), nil).page, "Allow")
		}},
		{number: "10.7.1", words: "people consent to each request", check: func(t *testing.T, w *asvs) {
			v, answer := w.allowed(t, w.staff)
			exchangeApp(w.Server, w.app, answer.Get("code")).OK()
			assert.Contains(t, v.send(http.MethodGet, w.ask(), nil).page, "Allow Growth")
			assert.Equal(t, "consent_required", v.send(http.MethodGet, w.ask("prompt", "none", "scope", "openid user/Condition.rs"), nil).at(appRedirect).Get("error"))
		}},
		{number: "10.7.2", words: "consent says who asks, and for what", check: func(t *testing.T, w *asvs) {
			v := newVisitor(t, w.Server).send(http.MethodGet, w.ask(), nil).fill("email", w.staff.Email, "password", apptest.Password)
			for _, said := range []string{"Growth &lt;b&gt;chart", "https://app.example", "see Observation"} {
				assert.Contains(t, v.page, said)
			}
		}},
		{number: "10.7.3", words: "people see and revoke what they have consented to", check: func(t *testing.T, w *asvs) {
			c := w.newMember("consents")
			v, answer := w.allowed(t, c, "scope", "openid user/Patient.rs")
			token := exchangeApp(w.Server, w.app, answer.Get("code")).OK().Field("access_token")
			silently := func() string {
				return v.send(http.MethodGet, w.ask("scope", "openid user/Patient.rs", "prompt", "none"), nil).at(appRedirect).Get("error")
			}
			require.Empty(t, silently())
			given := gjson.GetBytes(c.GET("/auth/sessions").OK().Body, `sessions.#(client.id=="`+w.app+`")`)
			assert.Equal(t, "openid user/Patient.rs", given.Get("scope").String())
			account := newVisitor(t, w.Server).send(http.MethodGet, "/account", nil).fill("email", c.Email, "password", apptest.Password)
			assert.Contains(t, account.send(http.MethodGet, "/account", nil).page, "allowed to: know who you are, see Patient")
			c.POST("/auth/revoke", `{"loginId":"`+given.Get("id").String()+`"}`).OK()
			assert.Equal(t, http.StatusUnauthorized, w.opens(token))
			assert.Equal(t, "login_required", silently(), "the consent is gone with it")
		}},
	}
}

// keysAlone has a client with a secret that works lose it, and its name, by the tag.
func keysAlone(t *testing.T, w *asvs) {
	made := w.admin.POST("/admin/projects/"+w.admin.Project+"/client", `{"name":"Signs","redirectUris":["`+appRedirect+`"]}`).WantStatus(http.StatusCreated)
	id, secret := made.Field("id"), made.Field("secret")
	_, given := w.allowed(t, w.staff, "client_id", id, "scope", "openid offline_access")
	refreshes := exchangeApp(w.Server, id, given.Get("code")).OK().Field("refresh_token")
	_, given = w.allowed(t, w.staff, "client_id", id, "scope", "openid offline_access")
	code := given.Get("code")
	basic := w.nobody.With("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(id+":"+secret)))
	tries := map[string]func() *apptest.Answer{
		"client_credentials": func() *apptest.Answer {
			return w.nobody.FORM("/oauth2/token", "grant_type=client_credentials&client_id="+id+"&client_secret="+secret)
		},
		"client_credentials, Basic": func() *apptest.Answer { return basic.FORM("/oauth2/token", "grant_type=client_credentials") },
		"introspect":                func() *apptest.Answer { return basic.FORM("/oauth2/introspect", "token="+w.staff.Token) },
		"FHIR":                      func() *apptest.Answer { return basic.GET("/fhir/R4/Patient") },
	}
	for name, try := range tries {
		assert.Equal(t, http.StatusOK, try().Status, name)
	}
	w.admin.With("Content-Type", "application/json-patch+json").PATCH("/fhir/R4/ClientApplication/"+id, `[{"op":"add","path":"/meta/tag","value":[{"system":"https://admit.dev/client","code":"keys-alone"}]}]`).OK()
	for name, try := range tries {
		assert.GreaterOrEqual(t, try().Status, http.StatusBadRequest, name)
	}
	assert.Equal(t, "invalid_client", exchangeApp(w.Server, id, code).WantStatus(http.StatusBadRequest).Field("error"))
	exchangeApp(w.Server, id, code, "client_secret", secret).WantStatus(http.StatusBadRequest)
	w.refresh(refreshes).WantStatus(http.StatusBadRequest)
	exchange := w.nobody.FORM("/oauth2/token", "grant_type=urn:ietf:params:oauth:grant-type:token-exchange&subject_token=x&client_id="+id).WantStatus(http.StatusBadRequest)
	assert.Equal(t, "invalid_client", exchange.Field("error"))
}
