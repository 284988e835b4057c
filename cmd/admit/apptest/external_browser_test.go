package apptest_test

import (
	"net/http"
	"net/url"
	"testing"

	"github.com/admitdev/admit/cmd/admit/apptest"
)

// TestTheWaysToSignInElsewhereInABrowser are looked at.
func TestTheWaysToSignInElsewhereInABrowser(t *testing.T) {
	b := startBrowser(t)
	if b == nil {
		return
	}
	s := apptest.Start(t, apptest.With("ADMIT_ALLOW_PRIVATE_URLS=true"))
	h := hospital{Server: s, idp: newProvider(t), admin: s.As(apptest.Admin)}
	s.As(apptest.SuperAdmin).POST("/fhir/R4/DomainConfiguration",
		`{"resourceType":"DomainConfiguration","domain":"hospital.example","identityProvider":`+h.idp.config("")+`}`).WantStatus(http.StatusCreated)
	h.client = h.newClient(h.admin, `,"identityProvider":`+h.idp.config(""))
	b.open(s.URL + "/oauth2/authorize?" + url.Values{
		"response_type": {"code"}, "client_id": {h.client}, "redirect_uri": {appRedirect}, "scope": {"openid"},
		"code_challenge": {appChallenge()}, "code_challenge_method": {"S256"},
	}.Encode())
	b.wants("Continue with 127.0.0.1")
	b.wantAccessible()
	b.shoot("authorize-elsewhere")
	b.open(s.URL + "/auth/external/start")
	b.wants("Your organisation’s account")
	b.wantAccessible()
	b.shoot("external-organisation")
	b.open(s.URL + "/auth/external?code=x&state=x")
	b.wants("Invalid state")
	b.wantAccessible()
	b.shoot("external-error")
}
