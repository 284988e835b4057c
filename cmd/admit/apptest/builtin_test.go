package apptest_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/admitdev/admit/cmd/admit/apptest"
)

// TestTheMedplumCLISignsInByTheBrowser sends what `medplum login` does: no secret, no challenge.
func TestTheMedplumCLISignsInByTheBrowser(t *testing.T) {
	const back = "http://localhost:9615"
	query := url.Values{"client_id": {"medplum-cli"}, "redirect_uri": {back}, "scope": {"openid"}, "response_type": {"code"}, "prompt": {"login"}}
	for _, tc := range []struct {
		name, allowed string
		works         bool
	}{{"old clients are let in", "true", true}, {"by default", "", false}} {
		t.Run(tc.name, func(t *testing.T) {
			s := apptest.Start(t, apptest.With("ADMIT_ALLOW_PKCE_PLAIN="+tc.allowed))
			who := s.As(apptest.Practitioner)
			v := newVisitor(t, s).send(http.MethodGet, "/oauth2/authorize?"+query.Encode(), nil)
			bare := s.As(apptest.Anonymous).POST("/auth/login", `{"email":"`+who.Email+`","password":"`+apptest.Password+`","clientId":"medplum-cli","scope":"openid"}`).
				WantStatus(http.StatusOK).Field("code")
			exchange := func(code string) *apptest.Answer {
				return s.As(apptest.Anonymous).FORM("/oauth2/token", url.Values{
					"grant_type": {"authorization_code"}, "code": {code}, "client_id": {"medplum-cli"}, "redirect_uri": {back},
				}.Encode())
			}
			if !tc.works {
				assert.Equal(t, "invalid_request", v.at(back).Get("error"))
				exchange(bare).WantStatus(http.StatusBadRequest)
				return
			}
			v.fill("email", who.Email, "password", apptest.Password)
			require.Contains(t, v.page, "Allow The Medplum command line?")
			tokens := exchange(v.fill("answer", "allow").at(back).Get("code")).WantStatus(http.StatusOK)
			assert.Equal(t, "Clinic", tokens.Field("project.display"))
			assert.NotEmpty(t, tokens.Field("profile.display"))
			me := s.As(apptest.Anonymous).With("Authorization", "Bearer "+tokens.Field("access_token")).GET("/auth/me").WantStatus(http.StatusOK)
			assert.Equal(t, who.Profile, me.Field("membership.profile.reference"))
			other := strings.Replace(query.Encode(), "9615", "9616", 1)
			assert.Equal(t, http.StatusBadRequest, v.send(http.MethodGet, "/oauth2/authorize?"+other, nil).status)
		})
	}
}
