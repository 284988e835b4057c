package apptest_test

import (
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/admitdev/admit/cmd/admit/apptest"
)

// advisory is a fault that was published of another product, and its replay here. Where no number is known
// of one it is named by its weakness (CWE).
type advisory struct {
	id, fault string
	replay    func(t *testing.T, a *attacked)
}

// attacked is one server for all replays on a database.
type attacked struct {
	hospital
	nobody, other, member, patient *apptest.Client
	app                            string // a client with redirect URIs
	ask                            func(more ...string) string
	clock                          *apptest.Clock
}

// TestFaultsThatWerePublishedOfOthersAreNotOurs replays them one by one.
func TestFaultsThatWerePublishedOfOthersAreNotOurs(t *testing.T) {
	now := &apptest.Clock{}
	withProvider(t, func(t *testing.T, h hospital) {
		a := &attacked{
			hospital: h, clock: now, nobody: h.As(apptest.Anonymous), other: h.As(apptest.OtherAdmin),
			member: h.As(apptest.Practitioner), patient: h.As(apptest.Patient),
		}
		a.app, a.ask = newApp(h.Server)
		seen := map[string]bool{}
		for _, all := range [][]advisory{tokenAdvisories(), redirectAdvisories(), accountAdvisories(), resetAdvisories(), tenantAdvisories(), providerAdvisories()} {
			for _, one := range all {
				require.False(t, seen[one.id+one.fault], "%s is there twice", one.id)
				seen[one.id+one.fault] = true
				t.Run(one.id+" "+one.fault, func(t *testing.T) { one.replay(t, a) })
			}
		}
		require.GreaterOrEqual(t, len(seen), 50)
	}, apptest.At(now))
}

// bearer is a caller with a token.
func (a *attacked) bearer(token string) *apptest.Client {
	return a.nobody.With("Authorization", "Bearer "+token)
}

// opensNothing wants a token to be no token.
func (a *attacked) opensNothing(t *testing.T, token string) {
	t.Helper()
	for _, path := range []string{"/auth/me", "/fhir/R4/Patient", "/oauth2/userinfo"} {
		assert.Equal(t, http.StatusUnauthorized, a.bearer(token).GET(path).Status, path)
	}
}

// fresh is somebody new of the clinic.
func (a *attacked) fresh(email string) *apptest.Client {
	return a.Invite(a.admin, "Practitioner", email, "")
}

// codeOf signs somebody in up to the code.
func (a *attacked) codeOf(c *apptest.Client) string {
	return a.nobody.POST("/auth/login", `{"email":"`+c.Email+`","password":"`+apptest.Password+`","clientId":"`+a.app+`","remember":true,"codeChallenge":"`+
		appChallenge()+`","codeChallengeMethod":"S256"}`).WantStatus(http.StatusOK).Field("code")
}

// atOnce does something many times at the same time and counts the successes.
func atOnce(times int, do func() int) (successes int) {
	var mu sync.Mutex
	var all sync.WaitGroup
	for range times {
		all.Go(func() {
			if status := do(); status == http.StatusOK {
				mu.Lock()
				successes++
				mu.Unlock()
			}
		})
	}
	all.Wait()
	return successes
}

// post sends a JSON body with a Host and further headers of the sender's choice.
func (a *attacked) post(t *testing.T, path, body, host string, headers ...string) int {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, a.URL+path, strings.NewReader(body))
	require.NoError(t, err)
	request.Header.Set("Content-Type", "application/json")
	if host != "" {
		request.Host = host
	}
	for i := 0; i < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	response, err := http.DefaultTransport.RoundTrip(request)
	require.NoError(t, err)
	defer response.Body.Close()
	_, err = io.Copy(io.Discard, response.Body)
	require.NoError(t, err)
	return response.StatusCode
}

// mailsTo counts the mails to an address.
func (a *attacked) mailsTo(address string) (n int) {
	for _, m := range a.Mails() {
		if strings.EqualFold(m.To, address) {
			n++
		}
	}
	return n
}

// resetLink is the path of a new reset link for somebody.
func (a *attacked) resetLink(t *testing.T, email, project string) (id, secret string) {
	t.Helper()
	before := a.mailsTo(email)
	a.nobody.POST("/auth/resetpassword", `{"email":"`+email+`","projectId":"`+project+`"}`).WantStatus(http.StatusOK)
	require.Eventually(t, func() bool { return a.mailsTo(email) > before }, 10*time.Second, 5*time.Millisecond)
	link, err := url.Parse(a.MailTo(email).Link)
	require.NoError(t, err)
	part := strings.Split(strings.Trim(link.Path, "/"), "/")
	require.Len(t, part, 3)
	return part[1], part[2]
}

// setPassword is what the page behind a link sends.
func (a *attacked) setPassword(id, secret, password string) *apptest.Answer {
	return a.nobody.POST("/auth/setpassword", `{"id":"`+id+`","secret":`+secret+`,"password":"`+password+`"}`)
}
