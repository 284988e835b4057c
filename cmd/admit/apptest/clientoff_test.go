package apptest_test

import (
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/admitdev/admit/cmd/admit/apptest"
	"github.com/admitdev/admit/pkg/store/storetest"
)

// throughClient is somebody who has signed in through a client.
func throughClient(t *testing.T, s *apptest.Server, email, client string) *apptest.Answer {
	t.Helper()
	const verifier = "a-verifier-of-at-least-forty-three-characters-0"
	sum := sha256.Sum256([]byte(verifier))
	nobody := s.As(apptest.Anonymous)
	code := nobody.POST("/auth/login", `{"email":"`+email+`","password":"`+apptest.Password+`","clientId":"`+client+`","remember":true,"codeChallenge":"`+
		base64.RawURLEncoding.EncodeToString(sum[:])+`","codeChallengeMethod":"S256"}`).WantStatus(http.StatusOK).Field("code")
	form := url.Values{"grant_type": {"authorization_code"}, "code": {code}, "code_verifier": {verifier}}
	nobody.FORM("/oauth2/token", form.Encode()).WantStatus(http.StatusBadRequest) // the client is missing
	form.Set("client_id", client)
	return nobody.FORM("/oauth2/token", form.Encode()).WantStatus(http.StatusOK)
}

// TestAClientThatIsSwitchedOffIsOutInEveryProcess: the tokens that it was given end with it, here at
// once and in another process within a second.
func TestAClientThatIsSwitchedOffIsOutInEveryProcess(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db storetest.DB) {
		here := apptest.Start(t, apptest.On(db))
		there := apptest.Start(t, apptest.On(db), apptest.With("ADMIT_BASE_URL="+here.URL))
		admin := here.As(apptest.Admin)
		member := here.As(apptest.Practitioner)
		for _, tc := range []struct {
			name string
			end  func(client, membership string)
		}{
			{"switched off", func(client, _ string) {
				admin.PUT("/fhir/R4/ClientApplication/"+client, edited(t, admin, "ClientApplication/"+client, "status", "off")).WantStatus(http.StatusOK)
			}},
			{"deleted", func(client, membership string) {
				admin.DELETE("/fhir/R4/ProjectMembership/" + membership).WantStatus(http.StatusOK)
				admin.DELETE("/fhir/R4/ClientApplication/" + client).WantStatus(http.StatusOK)
			}},
		} {
			made := admin.POST("/admin/projects/"+admin.Project+"/client", `{"name":"App"}`).WantStatus(http.StatusCreated)
			client := made.Field("id")
			own := admin.GET("/fhir/R4/ProjectMembership?user=ClientApplication/" + client).WantStatus(http.StatusOK).Field("entry.0.resource.id")
			tokens := throughClient(t, here, member.Email, client)
			bearer := "Bearer " + tokens.Field("access_token")
			near, far := here.As(apptest.Anonymous).With("Authorization", bearer), there.As(apptest.Anonymous).With("Authorization", bearer)
			for _, c := range []*apptest.Client{near, far} {
				c.GET("/auth/me").WantStatus(http.StatusOK)
				c.GET("/oauth2/userinfo").WantStatus(http.StatusOK)
			}
			tc.end(client, own)
			near.GET("/auth/me").WantStatus(http.StatusUnauthorized)
			near.GET("/oauth2/userinfo").WantStatus(http.StatusUnauthorized)
			require.Eventually(t, func() bool { return far.GET("/auth/me").Status == http.StatusUnauthorized }, time.Second, 20*time.Millisecond, tc.name)
			refused := here.As(apptest.Anonymous).FORM("/oauth2/token", url.Values{
				"grant_type": {"refresh_token"}, "refresh_token": {tokens.Field("refresh_token")}, "client_id": {client},
			}.Encode())
			assert.Equal(t, http.StatusBadRequest, refused.Status, tc.name)
			member.GET("/auth/me").WantStatus(http.StatusOK)
		}
	})
}
