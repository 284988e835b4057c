package apptest

import (
	"fmt"
	"net/http"
	"net/url"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/admitdev/admit/pkg/store/storetest"
)

// TestWhatARequestCostsTheDatabase holds the statements of a request whose caller is known already.
// More of them is slower for everybody; fewer is welcome, and then the table is lowered.
func TestWhatARequestCostsTheDatabase(t *testing.T) {
	type cost struct{ statements, transactions int }
	costs := map[string]map[string]cost{
		"read":               {"postgres": {1, 0}, "sqlite": {1, 0}},
		"search":             {"postgres": {1, 0}, "sqlite": {1, 0}},
		"create":             {"postgres": {1, 0}, "sqlite": {6, 1}},
		"update":             {"postgres": {2, 0}, "sqlite": {12, 1}},
		"invite":             {"postgres": {21, 1}, "sqlite": {34, 1}},
		"client_credentials": {"postgres": {3, 0}, "sqlite": {4, 1}},
		"introspect":         {"postgres": {3, 0}, "sqlite": {4, 0}},
		"login":              {"postgres": {5, 0}, "sqlite": {12, 2}},
		"authorization_code": {"postgres": {4, 0}, "sqlite": {7, 1}},
		"refresh_token":      {"postgres": {4, 0}, "sqlite": {7, 1}},
	}
	storetest.Each(t, func(t *testing.T, db storetest.DB) {
		w := newWorkload(t, db)
		conn := connect(t, w.Server)
		// Each readies a request and gives what sends it.
		readied := map[string]func(n int) (send func()){
			"authorization_code": func(int) func() { return w.tokens(w.code()) },
			"refresh_token": func(int) func() {
				given := w.anonymous().FORM("/oauth2/token", w.code().Encode()).WantStatus(http.StatusOK)
				return w.tokens(url.Values{"grant_type": {"refresh_token"}, "refresh_token": {given.Field("refresh_token")}})
			},
		}
		for _, op := range append(operations(), signIn) {
			readied[op.name] = func(n int) func() {
				request := op.request(w, 0, n)
				return func() { require.NoError(t, conn.ask(request, op.status)) }
			}
		}
		for name, ready := range readied {
			t.Run(name, func(t *testing.T) {
				for n := range warmings {
					ready(n)()
				}
				var got cost
				statements := w.record(ready(warmings))
				for _, s := range statements {
					switch {
					case s.Text == "BEGIN":
						got.transactions++
					case !transactional(s.Text):
						got.statements++
					}
				}
				if !assert.Equal(t, costs[name][db.Name], got) {
					for _, s := range statements {
						t.Logf("%s", s.Text)
					}
				}
			})
		}
	})
}

// signIn is a sign-in by password, whose tries are counted.
var signIn = operation{"login", http.StatusOK, func(w *workload, _, _ int) []byte {
	return w.anonymous().wire("POST", "/auth/login", "application/json", fmt.Sprintf(`{"email":%q,"password":%q,"scope":"openid","codeChallenge":"%043d","codeChallengeMethod":"S256"}`,
		SuperAdminEmail, SuperAdminPassword, 0))
}}

// code is the code of a sign-in with a client, as it is exchanged.
func (w *workload) code() url.Values {
	code := w.anonymous().POST("/auth/login", body(map[string]any{
		"email": w.admin.Email, "password": w.admin.Password, "clientId": w.program.ClientID, "remember": true, "scope": "openid",
		"codeChallenge": challenge(), "codeChallengeMethod": "S256",
	})).WantStatus(http.StatusOK).Field("code")
	return w.ofClient(url.Values{"grant_type": {"authorization_code"}, "code": {code}, "code_verifier": {verifier}})
}

func (w *workload) ofClient(form url.Values) url.Values {
	form.Set("client_id", w.program.ClientID)
	form.Set("client_secret", w.program.ClientSecret)
	return form
}

// tokens asks the token endpoint as the client.
func (w *workload) tokens(form url.Values) func() {
	return func() { w.anonymous().FORM("/oauth2/token", w.ofClient(form).Encode()).WantStatus(http.StatusOK) }
}

// TestARefusedSignInCostsTheSameWhoeverItIs: somebody whose password it is not, somebody who has none, and nobody.
func TestARefusedSignInCostsTheSameWhoeverItIs(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db storetest.DB) {
		w := newWorkload(t, db)
		w.admin.POST("/admin/projects/"+w.admin.Project+"/invite",
			`{"resourceType":"Practitioner","firstName":"Lisa","lastName":"Simpson","email":"lisa@example.com","sendEmail":false,"scope":"server"}`).WantStatus(http.StatusOK)
		for _, password := range []string{"Wrong-horse-battery-24", "admit_aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"} {
			var costs [3][]string
			for range 2 { // the first fills what is kept
				for i, email := range []string{SuperAdminEmail, "lisa@example.com", "nobody@example.com"} {
					costs[i] = nil
					for _, s := range w.record(func() {
						w.anonymous().POST("/auth/login", fmt.Sprintf(`{"email":%q,"password":%q,"scope":"openid","codeChallenge":"%043d","codeChallengeMethod":"S256"}`,
							email, password, 0)).WantStatus(http.StatusBadRequest)
					}) {
						if !transactional(s.Text) {
							costs[i] = append(costs[i], s.Text)
						}
					}
				}
			}
			assert.NotEmpty(t, costs[0])
			assert.Equal(t, costs[0], costs[1], password)
			assert.Equal(t, costs[0], costs[2], password)
		}
	})
}

const warmings = 20

// warm sends requests until what can be known of their caller is.
func (w *workload) warm(t testing.TB, conn *connection, op operation) {
	t.Helper()
	for n := range warmings {
		require.NoError(t, conn.ask(op.request(w, 0, n), op.status))
	}
}
