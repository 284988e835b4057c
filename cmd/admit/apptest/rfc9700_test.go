package apptest_test

import (
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tidwall/gjson"

	"github.com/admitdev/admit/cmd/admit/apptest"
)

// protocol is a server with an app, somebody who may use it, and a program.
type protocol struct {
	*apptest.Server
	client, secret string
	ask            func(more ...string) string
	email          string
	browser        *visitor // who knows the person by now
}

func newProtocol(t *testing.T, s *apptest.Server) protocol {
	client, ask := newApp(s)
	secret := s.As(apptest.Admin).GET("/fhir/R4/ClientApplication/" + client).Field("secret")
	return protocol{s, client, secret, ask, s.As(apptest.Practitioner).Email, newVisitor(t, s)}
}

// code lets the app in and gives its code.
func (p protocol) code(t *testing.T, more ...string) string {
	t.Helper()
	v := p.browser.send(http.MethodGet, p.ask(more...), nil)
	if strings.Contains(v.page, `type="password"`) {
		v.fill("email", p.email, "password", apptest.Password)
	}
	return v.fill("answer", "allow").at(appRedirect).Get("code")
}

func (p protocol) tokens(t *testing.T) *apptest.Answer {
	t.Helper()
	return exchangeApp(p.Server, p.client, p.code(t, "scope", "openid offline_access")).WantStatus(http.StatusOK)
}

func (p protocol) refused(t *testing.T, more ...string) url.Values {
	t.Helper()
	answer := newVisitor(t, p.Server).send(http.MethodGet, p.ask(more...), nil).at(appRedirect)
	assert.Empty(t, answer.Get("code"))
	return answer
}

func (p protocol) refresh(token string, more ...string) *apptest.Answer {
	form := url.Values{"grant_type": {"refresh_token"}, "refresh_token": {token}, "client_id": {p.client}}
	for i := 0; i < len(more); i += 2 {
		form.Set(more[i], more[i+1])
	}
	return p.As(apptest.Anonymous).FORM("/oauth2/token", form.Encode())
}

func (p protocol) bearer(token string) *apptest.Client {
	return p.As(apptest.Anonymous).With("Authorization", "Bearer "+token)
}

// requirement is a MUST of a text, by its section.
type requirement struct {
	section string
	holds   func(t *testing.T, p protocol)
}

// TestRFC9700 has one test for each requirement of the OAuth security best current practice that falls
// to an authorization or resource server of this kind.
func TestRFC9700(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		p := newProtocol(t, s)
		for _, r := range rfc9700() {
			t.Run(r.section, func(t *testing.T) { r.holds(t, p) })
		}
	})
}

func rfc9700() []requirement {
	return []requirement{
		{"§2.1 redirect URIs are compared character by character", func(t *testing.T, p protocol) {
			for _, uri := range []string{appRedirect + "#", appRedirect + "/", strings.ToUpper(appRedirect[:8]) + appRedirect[8:], "https://app.example/callback", "https://app.example:443/callback?from=admit"} {
				v := newVisitor(t, p.Server).send(http.MethodGet, p.ask("redirect_uri", uri), nil)
				assert.Equal(t, http.StatusBadRequest, v.status, uri)
				assert.Empty(t, v.header.Get("Location"), "§4.11.2: nobody is sent to it")
			}
		}},
		{"§2.1.1 PKCE is there, and S256 is what counts", func(t *testing.T, p protocol) {
			assert.Equal(t, "invalid_request", p.refused(t, "code_challenge", "", "code_challenge_method", "").Get("error"))
			assert.Equal(t, "invalid_request", p.refused(t, "code_challenge_method", "plain").Get("error"))
			methods := p.As(apptest.Anonymous).GET("/.well-known/oauth-authorization-server").Field("code_challenge_methods_supported")
			assert.Equal(t, `["S256"]`, methods)
		}},
		{"§2.1.1 a code is bound to the challenge of its request", func(t *testing.T, p protocol) {
			exchangeApp(p.Server, p.client, p.code(t), "code_verifier", strings.Repeat("x", 43)).WantStatus(http.StatusBadRequest)
			exchangeApp(p.Server, p.client, p.code(t), "code_verifier", "").WantStatus(http.StatusBadRequest)
		}},
		{"§2.1.1 a challenge cannot be taken away (§4.8.2 PKCE downgrade)", func(t *testing.T, p protocol) {
			admin := p.As(apptest.Admin)
			made := admin.POST("/admin/projects/"+admin.Project+"/client", `{"name":"Loose","pkceOptional":true,"redirectUris":["`+appRedirect+`"]}`).WantStatus(http.StatusCreated)
			loose, secret := made.Field("id"), made.Field("secret")
			exchangeApp(p.Server, loose, p.code(t, "client_id", loose), "code_verifier", "", "client_secret", secret).WantStatus(http.StatusBadRequest)
			bare := p.code(t, "client_id", loose, "code_challenge", "", "code_challenge_method", "")
			exchangeApp(p.Server, loose, bare, "client_secret", secret).WantStatus(http.StatusBadRequest) // a verifier without a challenge
			exchangeApp(p.Server, loose, bare, "code_verifier", "").WantStatus(http.StatusBadRequest)     // nothing proves who it is
			exchangeApp(p.Server, loose, bare, "code_verifier", "", "client_secret", secret).WantStatus(http.StatusOK)
		}},
		{"§2.1.2 no token comes from the authorization endpoint", func(t *testing.T, p protocol) {
			for _, kind := range []string{"token", "id_token", "id_token token", "code token", "code id_token", "none"} {
				assert.Equal(t, "unsupported_response_type", p.refused(t, "response_type", kind).Get("error"), kind)
			}
		}},
		{"§2.2.2 refresh tokens of public clients rotate, and reuse ends them (§4.14.2)", func(t *testing.T, p protocol) {
			first := p.tokens(t)
			second := p.refresh(first.Field("refresh_token")).WantStatus(http.StatusOK)
			p.refresh(first.Field("refresh_token")).WantStatus(http.StatusBadRequest)
			p.refresh(second.Field("refresh_token")).WantStatus(http.StatusBadRequest)
			p.bearer(second.Field("access_token")).GET("/oauth2/userinfo").WantStatus(http.StatusUnauthorized)
		}},
		{"§2.3 a token gives no more than was allowed", func(t *testing.T, p protocol) {
			tokens := exchangeApp(p.Server, p.client, p.code(t, "scope", "openid user/Patient.r")).WantStatus(http.StatusOK)
			as := p.bearer(tokens.Field("access_token"))
			as.POST("/fhir/R4/Patient", `{"resourceType":"Patient"}`).WantStatus(http.StatusForbidden)
			as.GET("/fhir/R4/Observation").WantStatus(http.StatusForbidden)
		}},
		{"§2.3 a token is for this server alone", func(t *testing.T, p protocol) {
			_, claims, _ := parts(t, p.tokens(t).Field("access_token"))
			assert.Equal(t, p.URL+"/", claims["aud"])
			assert.Equal(t, claims["iss"], claims["aud"])
		}},
		{"§2.4 no password grant", func(t *testing.T, p protocol) {
			form := url.Values{"grant_type": {"password"}, "username": {p.email}, "password": {apptest.Password}, "client_id": {p.client}, "client_secret": {p.secret}}
			p.As(apptest.Anonymous).FORM("/oauth2/token", form.Encode()).WantStatus(http.StatusBadRequest)
		}},
		{"§2.5 clients authenticate by keys where they have some", func(t *testing.T, p protocol) {
			methods := p.As(apptest.Anonymous).GET("/.well-known/oauth-authorization-server").Field("token_endpoint_auth_methods_supported")
			assert.Contains(t, methods, "private_key_jwt")
			admin := p.As(apptest.Admin)
			signed := admin.POST("/admin/projects/"+admin.Project+"/client", `{"name":"Keys","jwksUri":"https://app.example/jwks","redirectUris":["`+appRedirect+`"]}`).WantStatus(http.StatusCreated).Field("id")
			got := exchangeApp(p.Server, signed, p.code(t, "client_id", signed)).WantStatus(http.StatusBadRequest)
			assert.Equal(t, "invalid_client", got.Field("error"))
		}},
		{"§4.1.3 codes go to no redirect URI that another client has", func(t *testing.T, p protocol) {
			admin := p.As(apptest.Admin)
			other := admin.POST("/admin/projects/"+admin.Project+"/client", `{"name":"Other","redirectUris":["https://other.example/"]}`).WantStatus(http.StatusCreated).Field("id")
			assert.Equal(t, http.StatusBadRequest, newVisitor(t, p.Server).send(http.MethodGet, p.ask("client_id", other), nil).status)
			exchangeApp(p.Server, other, p.code(t)).WantStatus(http.StatusBadRequest)
		}},
		{"§4.2.4 codes and tokens do not leak by the Referer header", func(t *testing.T, p protocol) {
			v := newVisitor(t, p.Server).send(http.MethodGet, p.ask(), nil)
			assert.Regexp(t, `^(no-referrer|same-origin)$`, v.header.Get("Referrer-Policy"))
			assert.Contains(t, v.header.Get("Content-Security-Policy"), "default-src 'none'")
		}},
		{"§4.3.2 no token in a query is taken", func(t *testing.T, p protocol) {
			token := p.tokens(t).Field("access_token")
			p.As(apptest.Anonymous).GET("/oauth2/userinfo?access_token=" + token).WantStatus(http.StatusUnauthorized)
			p.As(apptest.Anonymous).GET("/fhir/R4/Patient?access_token=" + token).WantStatus(http.StatusUnauthorized)
		}},
		{"§4.4.2 answers say who gives them (mix-up, RFC 9207)", func(t *testing.T, p protocol) {
			assert.Equal(t, p.URL+"/", p.refused(t, "response_type", "token").Get("iss"))
			v := newVisitor(t, p.Server).send(http.MethodGet, p.ask(), nil).fill("email", p.email, "password", apptest.Password)
			assert.Equal(t, p.URL+"/", v.fill("answer", "allow").at(appRedirect).Get("iss"))
		}},
		{"§4.5.3 a code is good once, and its replay ends its tokens (RFC 6749 §4.1.2)", func(t *testing.T, p protocol) {
			code := p.code(t, "scope", "openid offline_access")
			tokens := exchangeApp(p.Server, p.client, code).WantStatus(http.StatusOK)
			assert.Equal(t, "invalid_grant", exchangeApp(p.Server, p.client, code).WantStatus(http.StatusBadRequest).Field("error"))
			p.bearer(tokens.Field("access_token")).GET("/oauth2/userinfo").WantStatus(http.StatusUnauthorized)
			p.refresh(tokens.Field("refresh_token")).WantStatus(http.StatusBadRequest)
		}},
		{"§4.5.3 of twenty at once one gets tokens", func(t *testing.T, p protocol) {
			code := p.code(t)
			var wait sync.WaitGroup
			statuses := make([]int, 20)
			for i := range statuses {
				wait.Go(func() { statuses[i] = exchangeApp(p.Server, p.client, code).Status })
			}
			wait.Wait()
			won := 0
			for _, status := range statuses {
				if status == http.StatusOK {
					won++
				}
			}
			assert.Equal(t, 1, won)
		}},
		{"§4.7.1 a form of ours is sent by the browser that it was made for (CSRF)", func(t *testing.T, p protocol) {
			v := newVisitor(t, p.Server).send(http.MethodGet, p.ask(), nil)
			action, fields := v.form()
			fields.Set("email", p.email)
			fields.Set("password", apptest.Password)
			assert.Equal(t, http.StatusForbidden, newVisitor(t, p.Server).send(http.MethodPost, action, fields).status)
			assert.Equal(t, http.StatusForbidden, v.send(http.MethodPost, action, fields, "Sec-Fetch-Site", "cross-site").status)
		}},
		{"§4.11.2 nobody is redirected before the client is known", func(t *testing.T, p protocol) {
			v := newVisitor(t, p.Server).send(http.MethodGet, p.ask("client_id", "nobody", "redirect_uri", "https://evil.example/"), nil)
			assert.Equal(t, http.StatusBadRequest, v.status)
			assert.Empty(t, v.header.Get("Location"))
		}},
		{"§4.12 a redirect after a form repeats no form (303)", func(t *testing.T, p protocol) {
			v := newVisitor(t, p.Server).send(http.MethodGet, p.ask(), nil).fill("email", p.email, "password", apptest.Password).fill("answer", "allow")
			assert.Equal(t, http.StatusSeeOther, v.status)
		}},
		{"§4.14.2 a refresh token is bound to its client", func(t *testing.T, p protocol) {
			token := p.tokens(t).Field("refresh_token")
			other := p.As(apptest.Program)
			p.refresh(token, "client_id", other.ClientID, "client_secret", other.ClientSecret).WantStatus(http.StatusBadRequest)
			p.refresh(token, "client_secret", "wrong").WantStatus(http.StatusBadRequest)
			p.refresh(token).WantStatus(http.StatusOK)
		}},
		{"§4.15.1 a client is nobody's user", func(t *testing.T, p protocol) {
			admin := p.As(apptest.Admin)
			_, id, _ := strings.Cut(admin.User, "/")
			made := admin.POST("/admin/projects/"+admin.Project+"/client", `{"id":"`+id+`","name":"Twin"}`).WantStatus(http.StatusCreated)
			assert.NotEqual(t, id, made.Field("id"), "no client chooses the id that its sub is")
		}},
		{"§4.16.1 no page of ours is framed", func(t *testing.T, p protocol) {
			v := newVisitor(t, p.Server).send(http.MethodGet, p.ask(), nil)
			assert.Contains(t, v.header.Get("Content-Security-Policy"), "frame-ancestors 'none'")
		}},
		{"RFC 6749 §5.1 no answer with tokens is kept", func(t *testing.T, p protocol) {
			assert.Contains(t, p.tokens(t).Header.Get("Cache-Control"), "no-store")
		}},
		{"RFC 6749 §2.3.1 Basic credentials are form-decoded, §3.2 a parameter is given once", func(t *testing.T, p protocol) {
			as := p.As(apptest.Anonymous)
			as.FORM("/oauth2/token", "grant_type=client_credentials&grant_type=client_credentials").WantStatus(http.StatusBadRequest)
			program := p.As(apptest.Program)
			encoded := "%" + strings.ToUpper(hexOf(program.ClientID[0])) + program.ClientID[1:]
			request := as.With("Authorization", basicAuth(encoded, program.ClientSecret))
			request.FORM("/oauth2/token", "grant_type=client_credentials").WantStatus(http.StatusOK)
		}},
		{"RFC 7009 §2.1, RFC 7662 §2.1 both want the client to show who it is", func(t *testing.T, p protocol) {
			token := p.tokens(t).Field("access_token")
			named, wrong := "&client_id="+p.client, "&client_id="+p.client+"&client_secret=wrong"
			for _, asked := range [][]string{{"/oauth2/introspect", "", named, wrong}, {"/oauth2/revoke", "", wrong}} {
				for _, who := range asked[1:] {
					got := p.As(apptest.Anonymous).FORM(asked[0], "token="+token+who).WantStatus(http.StatusUnauthorized)
					assert.Equal(t, "invalid_client", got.Field("error"))
				}
			}
			p.bearer(token).GET("/oauth2/userinfo").WantStatus(http.StatusOK)
			// One that got its tokens by PKCE alone ends them so: it may run in a browser.
			p.As(apptest.Anonymous).FORM("/oauth2/revoke", "token="+token+named).WantStatus(http.StatusOK)
			p.bearer(token).GET("/oauth2/userinfo").WantStatus(http.StatusUnauthorized)
		}},
	}
}

// TestSUBIsTheSameEverywhere (OpenID Connect Core §5.3.2, RFC 7662 §2.2).
func TestSUBIsTheSameEverywhere(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		p := newProtocol(t, s)
		tokens := p.tokens(t)
		_, user, _ := strings.Cut(s.As(apptest.Practitioner).User, "/")
		for _, name := range []string{"access_token", "id_token"} {
			_, claims, _ := parts(t, tokens.Field(name))
			assert.Equal(t, user, claims["sub"], name)
		}
		token := tokens.Field("access_token")
		assert.Equal(t, user, p.bearer(token).GET("/oauth2/userinfo").WantStatus(http.StatusOK).Field("sub"))
		told := p.As(apptest.Program).FORM("/oauth2/introspect", "token="+token).WantStatus(http.StatusOK)
		assert.Equal(t, user, told.Field("sub"))
		next := p.refresh(tokens.Field("refresh_token")).WantStatus(http.StatusOK)
		_, claims, _ := parts(t, next.Field("id_token"))
		assert.Equal(t, user, claims["sub"])
		require.Equal(t, "true", told.Field("active"))
		require.True(t, gjson.ValidBytes(told.Body))
	})
}
