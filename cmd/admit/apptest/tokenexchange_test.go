package apptest_test

import (
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/admitdev/admit/cmd/admit/apptest"
)

const tokenType = "urn:ietf:params:oauth:token-type:"

// exchangeExternal asks for tokens of ours for one of the provider's.
func (h hospital) exchangeExternal(token string, more ...string) *apptest.Answer {
	form := url.Values{
		"grant_type": {"urn:ietf:params:oauth:grant-type:token-exchange"}, "client_id": {h.client},
		"subject_token": {token}, "subject_token_type": {tokenType + "access_token"},
	}
	for i := 0; i < len(more); i += 2 {
		if form.Set(more[i], more[i+1]); more[i+1] == "" {
			form.Del(more[i])
		}
	}
	return h.As(apptest.Anonymous).FORM("/oauth2/token", form.Encode())
}

func TestATokenOfTheClientsProviderIsExchanged(t *testing.T) {
	withProvider(t, func(t *testing.T, h hospital) {
		membership := h.invite("ann@hospital.example", "")
		ann := person("1", "ann@hospital.example")
		got := h.exchangeExternal(h.idp.access(ann), "scope", "openid offline_access", "audience", h.URL+"/", "resource", h.URL+"/fhir/R4",
			"requested_token_type", tokenType+"access_token").WantStatus(http.StatusOK)
		assert.Equal(t, tokenType+"access_token", got.Field("issued_token_type"))
		assert.Equal(t, "openid offline_access", got.Field("scope"))
		as := h.As(apptest.Anonymous).With("Authorization", "Bearer "+got.Field("access_token"))
		assert.Equal(t, membership, as.GET("/auth/me").WantStatus(http.StatusOK).Field("membership.id"))
		h.As(apptest.Anonymous).FORM("/oauth2/token", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {got.Field("refresh_token")}}.Encode()).WantStatus(http.StatusOK)
		h.exchangeExternal(h.idp.idToken(ann, ""), "subject_token_type", tokenType+"id_token").WantStatus(http.StatusOK)
		readable := signJWT(t, h.idp.key, map[string]any{"iss": h.idp.URL, "azp": providerClient, "sub": "1"}, nil)
		h.idp.codes[readable] = &journeyAt{who: ann}
		h.exchangeExternal(readable).WantStatus(http.StatusOK)
		old := h.As(apptest.Anonymous).POST("/auth/exchange", `{"clientId":"`+h.client+`","externalAccessToken":"`+h.idp.access(ann)+`"}`).WantStatus(http.StatusOK)
		assert.NotEmpty(t, old.Field("access_token"))

		second := h.invite("ann@hospital.example", `,"forceNewMembership":true`)
		h.exchangeExternal(h.idp.access(ann)).WantStatus(http.StatusBadRequest)
		chosen := h.exchangeExternal(h.idp.access(ann), "membership_id", second).WantStatus(http.StatusOK)
		as = h.As(apptest.Anonymous).With("Authorization", "Bearer "+chosen.Field("access_token"))
		assert.Equal(t, second, as.GET("/auth/me").WantStatus(http.StatusOK).Field("membership.id"))
	})
}

func TestWhatATokenExchangeRefuses(t *testing.T) {
	withProvider(t, func(t *testing.T, h hospital) {
		h.invite("ann@hospital.example", "")
		ann := person("1", "ann@hospital.example")
		narrow := h.newClient(h.admin, `,"defaultScope":["openid","user/Patient.rs"],"identityProvider":`+h.idp.config(""))
		other := newProvider(t)
		member := h.Invite(h.admin, "Practitioner", "bob@hospital.example", "")
		others := h.As(apptest.OtherAdmin).Membership[len("ProjectMembership/"):]
		at := func(claims map[string]any) string {
			token := signJWT(t, h.idp.key, claims, nil)
			h.idp.codes[token] = &journeyAt{who: ann} // the provider's userinfo knows it all the same
			return token
		}
		bent := func(name string, value any) string {
			h.idp.bend = func(claims map[string]any) { claims[name] = value }
			defer func() { h.idp.bend = nil }()
			return h.idp.idToken(ann, "")
		}
		idToken := []string{"subject_token_type", tokenType + "id_token"}
		good := h.idp.access(ann)
		for _, tc := range []struct {
			name, token, code, description string
			more                           []string
		}{
			{"no client", good, "invalid_request", "Invalid client", []string{"client_id", ""}},
			{"a client without a provider", good, "invalid_request", "Invalid client", []string{"client_id", h.newClient(h.admin, "")}},
			{"a wrong secret", good, "invalid_request", "Invalid secret", []string{"client_secret", "wrong"}},
			{"no token", "", "invalid_request", "Invalid subject_token", nil},
			{"no type", good, "invalid_request", "Invalid subject_token_type", []string{"subject_token_type", ""}},
			{"another type", good, "invalid_request", "Invalid subject_token_type", []string{"subject_token_type", tokenType + "saml2"}},
			{"a refresh token", good, "invalid_request", "Invalid subject_token_type", []string{"subject_token_type", tokenType + "refresh_token"}},
			{"an actor", good, "invalid_request", "actor_token is not supported", []string{"actor_token", good, "actor_token_type", tokenType + "access_token"}},
			{"another kind wanted", good, "invalid_request", "The requested_token_type must be " + tokenType + "access_token", []string{"requested_token_type", tokenType + "refresh_token"}},
			{"another audience", good, "invalid_target", "The audience must be " + h.URL + "/", []string{"audience", "https://evil.example/"}},
			{"another resource", good, "invalid_target", "The resource must be " + h.URL + "/fhir/R4", []string{"resource", h.URL + "/fhir/R4.evil.example"}},
			{"a wider scope", good, "invalid_scope", "The scope is wider than the client's", []string{"client_id", narrow, "scope", "openid user/*.*"}},
			{"a bad scope", good, "invalid_scope", "Invalid scope", []string{"scope", "a\"b"}},
			{"another's membership", good, "invalid_request", "User not found", []string{"membership_id", others}},
			{"an unknown token", "junk", "invalid_request", "Invalid subject_token", nil},
			{"two tokens in one", good + "\r\nX: y", "invalid_request", "Invalid subject_token", nil},
			{"our own access token", member.Token, "invalid_request", "Invalid subject_token", nil},
			{"our own refresh token", member.RefreshToken, "invalid_request", "Invalid subject_token", nil},
			{"our own access token as an ID token", member.Token, "invalid_request", "Invalid subject_token", idToken},
			{"a token for another client", at(map[string]any{"iss": h.idp.URL, "azp": "another"}), "invalid_request", "Invalid subject_token", nil},
			{"a token for another client, by another name", at(map[string]any{"iss": h.idp.URL, "client_id": "another"}), "invalid_request", "Invalid subject_token", nil},
			{"a token of another issuer", at(map[string]any{"iss": other.URL}), "invalid_request", "Invalid subject_token", nil},
			{"an ID token for another client", bent("aud", "another"), "invalid_request", "Invalid subject_token", idToken},
			{"an ID token of another issuer", bent("iss", other.URL), "invalid_request", "Invalid subject_token", idToken},
			{"an ID token that has expired", bent("exp", time.Now().Add(-time.Hour).Unix()), "invalid_request", "Invalid subject_token", idToken},
			{"an ID token that nobody signed", unsigned(t, map[string]any{"iss": h.idp.URL, "aud": providerClient, "sub": "1", "exp": time.Now().Add(time.Hour).Unix()}, "none"), "invalid_request", "Invalid subject_token", idToken},
			{"somebody unknown", h.idp.access(person("2", "zoe@hospital.example")), "invalid_request", "User not found", nil},
			{"an address that is not verified", h.idp.access(map[string]any{"sub": "3", "email": "ann@hospital.example"}), "invalid_request", "The identity provider has not verified the email address", nil},
		} {
			t.Run(tc.name, func(t *testing.T) {
				got := h.exchangeExternal(tc.token, tc.more...).WantStatus(http.StatusBadRequest)
				assert.Equal(t, tc.code+": "+tc.description, got.Field("error")+": "+got.Field("error_description"))
			})
		}
		h.exchangeExternal(good, "client_id", narrow, "scope", "openid").WantStatus(http.StatusOK)
		h.idp.answers["/userinfo"] = func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "{}", http.StatusTooManyRequests) }
		h.exchangeExternal(good).WantStatus(http.StatusTooManyRequests)
		h.As(apptest.Anonymous).POST("/auth/exchange", `{"clientId":"x"}`).WantStatus(http.StatusBadRequest).WantText("Missing externalAccessToken")
		h.As(apptest.Anonymous).POST("/auth/google", `{}`).WantStatus(http.StatusBadRequest).WantIssue("not-supported")
		// A token of the provider's own opens nothing without the exchange.
		h.As(apptest.Anonymous).With("Authorization", "Bearer "+h.idp.idToken(ann, "")).GET("/auth/me").WantStatus(http.StatusUnauthorized)
	})
}
