package apptest_test

import (
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"net/url"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/admitdev/admit/cmd/admit/apptest"
)

func hexOf(b byte) string { return hex.EncodeToString([]byte{b}) }

func basicAuth(id, secret string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(id+":"+secret))
}

// TestEachKindOfTokenOpensItsOwnEndpointAlone shows everything that looks like a token to everything
// that takes one.
func TestEachKindOfTokenOpensItsOwnEndpointAlone(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		p := newProtocol(t, s)
		program := s.As(apptest.Program)
		kinds := func(t *testing.T) map[string]string { // fresh ones, for an endpoint may use one up or end them
			tokens := p.tokens(t)
			_, claims, _ := parts(t, tokens.Field("access_token"))
			login, _ := claims["login_id"].(string)
			code := p.code(t)
			return map[string]string{
				"access": tokens.Field("access_token"), "id": tokens.Field("id_token"), "refresh": tokens.Field("refresh_token"),
				"code": code, "login id": login, "client secret": p.secret, "nothing": "",
			}
		}
		form := func(path string, pairs ...string) int {
			fields := url.Values{}
			for i := 0; i < len(pairs); i += 2 {
				fields.Set(pairs[i], pairs[i+1])
			}
			return s.As(apptest.Anonymous).FORM(path, fields.Encode()).Status
		}
		bearer := func(method, path, body string) func(string) bool {
			return func(token string) bool { return p.bearer(token).Do(method, path, body).Status < 300 }
		}
		for _, endpoint := range []struct {
			name  string
			takes []string
			opens func(token string) bool
		}{
			{"GET /fhir/R4/Patient", []string{"access"}, bearer("GET", "/fhir/R4/Patient", "")},
			{"GET /auth/me", []string{"access"}, bearer("GET", "/auth/me", "")},
			{"GET /oauth2/userinfo", []string{"access"}, bearer("GET", "/oauth2/userinfo", "")},
			{"POST /oauth2/logout", []string{"access"}, bearer("POST", "/oauth2/logout", "")},
			{"POST /oauth2/introspect, to ask with", []string{"access"}, func(token string) bool {
				return p.bearer(token).FORM("/oauth2/introspect", "token="+program.Token).Status == http.StatusOK
			}},
			{"POST /oauth2/introspect, to ask about", []string{"access"}, func(token string) bool {
				return program.FORM("/oauth2/introspect", "token="+url.QueryEscape(token)).Field("active") == "true"
			}},
			{"POST /oauth2/introspect, to ask about one's own", []string{"access", "refresh"}, func(token string) bool {
				own := url.Values{"token": {token}, "client_id": {p.client}, "client_secret": {p.secret}}
				return s.As(apptest.Anonymous).FORM("/oauth2/introspect", own.Encode()).Field("active") == "true"
			}},
			{"POST /oauth2/token, to refresh", []string{"refresh"}, func(token string) bool { return p.refresh(token).Status == http.StatusOK }},
			{"POST /oauth2/token, as a code", []string{"code"}, func(token string) bool { return exchangeApp(s, p.client, token).Status == http.StatusOK }},
			{"POST /oauth2/token, as a client's assertion", nil, func(token string) bool {
				return form("/oauth2/token", "grant_type", "client_credentials", "client_assertion", token,
					"client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer") == http.StatusOK
			}},
			{"POST /oauth2/token, to exchange", nil, func(token string) bool {
				return form("/oauth2/token", "grant_type", "urn:ietf:params:oauth:grant-type:token-exchange", "client_id", p.client, "client_secret", p.secret,
					"subject_token", token, "subject_token_type", "urn:ietf:params:oauth:token-type:access_token") == http.StatusOK
			}},
			{"GET /oauth2/authorize, as a hint", []string{"id", "nothing"}, func(token string) bool {
				return newVisitor(t, s).send(http.MethodGet, p.ask("id_token_hint", token), nil).status == http.StatusOK
			}},
			{"GET /oauth2/end-session, as a hint", []string{"id"}, func(token string) bool {
				v := newVisitor(t, s).send(http.MethodGet, endSession("id_token_hint", token, "post_logout_redirect_uri", appRedirect), nil)
				return v.status == http.StatusSeeOther
			}},
			{"POST /auth/scope, to go on with", nil, func(token string) bool {
				return s.As(apptest.Anonymous).POST("/auth/scope", `{"login":"`+token+`","scope":"openid"}`).Status == http.StatusOK // it has given tokens
			}},
		} {
			t.Run(endpoint.name, func(t *testing.T) {
				var opened []string
				for _, kind := range []string{"access", "id", "refresh", "code", "login id", "client secret", "nothing"} {
					if endpoint.opens(kinds(t)[kind]) {
						opened = append(opened, kind)
					}
				}
				assert.Equal(t, endpoint.takes, opened)
			})
		}
		t.Run("POST /oauth2/revoke ends a session by its access and its refresh token alone", func(t *testing.T) {
			for kind, ends := range map[string]bool{"access": true, "refresh": true, "id": false, "code": false, "login id": false} {
				given := kinds(t)
				assert.Less(t, form("/oauth2/revoke", "token", given[kind], "client_id", p.client, "client_secret", p.secret), 300, kind)
				assert.Equal(t, ends, p.bearer(given["access"]).GET("/oauth2/userinfo").Status == http.StatusUnauthorized, kind)
			}
		})
	})
}
