package signin_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/admitdev/admit/admin"
	"github.com/admitdev/admit/fhir/medplum"
	"github.com/admitdev/admit/pkg/secret"
	"github.com/admitdev/admit/pkg/store"
	"github.com/admitdev/admit/pkg/store/storetest"
)

// oneAnswer: nothing tells an unknown address from a wrong password, neither the text nor the
// work: each costs one hash.
func oneAnswer(t *testing.T, w *world) {
	_, project := w.owner(w.email("ada"), "Clinic")
	w.post200("/auth/newuser", "", newUser(w.email("alone"), nil)) // has no membership
	nopass := w.email("nopass")
	w.post200("/auth/newuser", "", newUser(nopass, nil))
	ref, _ := w.userOf(store.SystemProject, nopass)
	require.NoError(t, w.store.InTx(t.Context(), func(tx *store.Tx) error { return tx.DeleteCredential(t.Context(), ref, store.Password) }))
	_, elsewhere := w.owner(w.email("bob"), "Other clinic")

	var bodies []string
	for name, body := range map[string]object{
		"unknown address":     {"email": w.email("nobody"), "password": password},
		"wrong password":      {"email": w.email("ada"), "password": another},
		"cut password":        {"email": w.email("ada"), "password": password[:20]},
		"unknown in project":  {"email": w.email("nobody"), "password": password, "projectId": project},
		"not of that project": {"email": w.email("ada"), "password": password, "projectId": elsewhere},
		"unknown project":     {"email": w.email("ada"), "password": password, "projectId": secret.ID()},
		"without membership":  {"email": w.email("alone"), "password": password},
		"without password":    {"email": nopass, "password": password},
		"other profile type":  {"email": w.email("ada"), "password": password, "resourceType": "Patient"},
	} {
		before := w.passwords.verified.Load() + w.passwords.nobody.Load()
		got := w.do("POST", "/auth/login", "", with(body))
		got.refusedWith(t, 400, "Email or password is invalid")
		require.EqualValues(t, 1, w.passwords.verified.Load()+w.passwords.nobody.Load()-before, name)
		body, _, _ := strings.Cut(got.body, `"extension"`)
		tail := got.body[strings.LastIndex(got.body, "]"):]
		bodies = append(bodies, body+tail)
	}
	require.Positive(t, w.passwords.nobody.Load())
	for _, body := range bodies {
		require.Equal(t, bodies[0], body)
	}
}

func formOfLogin(t *testing.T, w *world) {
	w.owner(w.email("ada"), "Clinic")
	const badEmail, badPassword = "email Valid email address is required", "password Password is required"
	w.do("POST", "/auth/login", "", object{}).refusedWith(t, 400, badEmail, badPassword)
	w.login("x", nil).refusedWith(t, 400, badEmail)
	w.login(strings.Repeat("a", 250)+"@example.com", nil).refusedWith(t, 400, badEmail)
	w.login(w.email("ada"), object{"password": "x"}).refusedWith(t, 400, "Email or password is invalid") // not a rule for new passwords
	for _, tc := range []struct {
		more object
		want string
	}{
		{object{"codeChallenge": "", "codeChallengeMethod": "S256"}, "code_challenge Invalid code challenge"},
		{object{"codeChallenge": "short", "codeChallengeMethod": "S256"}, "code_challenge Invalid code challenge"},
		{object{"codeChallengeMethod": ""}, "code_challenge_method Invalid code challenge method"},
		{object{"codeChallenge": "xyz", "codeChallengeMethod": "plain"}, "code_challenge_method Invalid code challenge method"},
		{object{"scope": "a\"b"}, "scope Invalid scope"},
		{object{"nonce": "a\u0000"}, "nonce Invalid nonce"},
		{object{"projectId": "x"}, "projectId Invalid projectId"},
		{object{"resourceType": "Device"}, "resourceType Invalid resource type"},
	} {
		w.login(w.email("ada"), tc.more).refusedWith(t, 400, tc.want)
	}
	broken := w.send("POST", "/auth/login", "", "application/json", strings.NewReader(`{"email":`))
	broken.refusedWith(t, 400, "Content could not be parsed")
	require.Equal(t, 200, w.login(w.email("ada"), object{"scope": "", "clientId": "", "projectId": ""}).status, "the SDK sends empty strings for nothing")

	w.do("POST", "/auth/method", "", object{}).refusedWith(t, 400, badEmail)
	require.Equal(t, "{}\n", w.do("POST", "/auth/method", "", object{"email": w.email("whoever")}).body)
}

func clientsProject(t *testing.T, w *world) {
	_, project := w.owner(w.email("ada"), "Clinic")
	_, elsewhere := w.owner(w.email("bob"), "Other clinic")
	client := w.clientOf(project)
	require.Equal(t, 404, w.login(w.email("ada"), object{"clientId": secret.ID()}).status)
	w.login(w.email("ada"), object{"clientId": client, "projectId": elsewhere}).refusedWith(t, 400, "Invalid projectId")
	w.login(w.email("bob"), object{"clientId": client}).refusedWith(t, 400, "Email or password is invalid")

	w.change(project, medplum.TypeClientApplication, client, func(c object) { c["allowedOrigin"] = []string{"https://app.example"} })
	attempt := func(header ...string) answer {
		return w.do("POST", "/auth/login", "", with(object{"email": w.email("ada"), "password": password, "clientId": client}), header...)
	}
	attempt("Origin", "https://evil.example").refusedWith(t, 400, "Invalid origin")
	require.NotEmpty(t, attempt("Origin", "https://app.example").text("code"))
	require.NotEmpty(t, attempt().text("code"))
	require.Equal(t, object{}, w.do("GET", "/auth/clientinfo/"+client, "", nil).json)
	w.change(project, medplum.TypeClientApplication, client, func(c object) { c["signInForm"] = object{"welcomeString": "Hello"} })
	require.Equal(t, object{"welcomeString": "Hello"}, w.do("GET", "/auth/clientinfo/"+client, "", nil).json)
	require.Equal(t, 404, w.do("GET", "/auth/clientinfo/"+secret.ID(), "", nil).status)
	w.change(project, medplum.TypeClientApplication, client, func(c object) { c["status"] = "off" })
	attempt("Origin", "https://app.example").refusedWith(t, 400, "Invalid client")
}

// clientOf is the default client of a project.
func (w *world) clientOf(project string) string {
	w.t.Helper()
	rows, err := w.store.Search(w.t.Context(), store.Query{Projects: []string{project}, Types: []string{medplum.TypeClientApplication}, Limit: 10})
	require.NoError(w.t, err)
	require.NotEmpty(w.t, rows)
	return rows[0].ID
}

func severalMemberships(t *testing.T, w *world) {
	_, project := w.owner(w.email("ada"), "First clinic")
	login := w.login(w.email("ada"), object{"projectId": "new"})
	require.Equal(t, object{"login": login.text("login")}, login.json)
	w.post200("/auth/newproject", "", object{"login": login.text("login"), "projectName": "Second clinic"})
	w.owner(w.email("bob"), "Third clinic")

	got := w.login(w.email("ada"), nil)
	require.Empty(t, got.text("code"))
	choices, _ := got.json["memberships"].([]any)
	require.Len(t, choices, 2)
	id := got.text("login")
	pick := func(i int) string { return choices[i].(object)["id"].(string) }
	choose := func(login, membership string) answer {
		return w.do("POST", "/auth/profile", "", object{"login": login, "profile": membership})
	}
	choose("", "").refusedWith(t, 400, "login Missing login", "profile Missing profile")
	choose(secret.ID(), pick(0)).refusedWith(t, 404, "Not found")
	choose(id, secret.ID()).refusedWith(t, 400, "Profile not found")
	bobs := w.do("GET", "/auth/me", w.signIn(w.email("bob"), nil), nil).json["membership"].(object)["id"].(string)
	choose(id, bobs).refusedWith(t, 400, "Invalid profile")
	require.Empty(t, w.do("GET", "/auth/login/"+id, "", nil).text("code"))

	chosen := choose(id, pick(1))
	require.Equal(t, 200, chosen.status, chosen.body)
	choose(id, pick(0)).refusedWith(t, 400, "Login profile already set")
	w.token(chosen.text("code"))
	choose(id, pick(0)).refusedWith(t, 400, "Login granted")

	require.NotEmpty(t, w.login(w.email("ada"), object{"projectId": project}).text("code"), "the project leaves one")
	membership := choices[0].(object)
	_, of, _ := strings.Cut(membership["project"].(object)["reference"].(string), "/")
	waiting := w.login(w.email("ada"), nil).text("login")
	w.change(of, medplum.TypeProjectMembership, pick(0), func(m object) { m["active"] = false })
	choose(waiting, pick(0)).refusedWith(t, 400, "Profile not active")
	require.NotEmpty(t, w.login(w.email("ada"), nil).text("code"), "one is active")
}

func statusOfLogin(t *testing.T, w *world) {
	w.owner(w.email("ada"), "Clinic")
	got := w.login(w.email("ada"), nil)
	status := func() answer { return w.do("GET", "/auth/login/"+got.text("login"), "", nil) }
	again := status()
	require.NotEmpty(t, again.text("code"))
	require.NotEqual(t, again.text("code"), got.text("code"), "a code is kept by its hash alone")
	require.Equal(t, 400, w.exchange(got.text("code")).status, "the newer one replaces it")
	token := w.token(again.text("code"))
	status().refusedWith(t, 400, "Login already granted")
	w.post200("/oauth2/logout", token, nil)
	status().refusedWith(t, 400, "Login revoked")
	require.Equal(t, 404, w.do("GET", "/auth/login/"+secret.ID(), "", nil).status)
	require.Equal(t, 404, w.do("GET", "/auth/login/x", "", nil).status)
	late := w.login(w.email("ada"), nil)
	w.clock.move(time.Hour)
	require.Equal(t, 404, w.do("GET", "/auth/login/"+late.text("login"), "", nil).status)
}

func narrowedScope(t *testing.T, w *world) {
	w.owner(w.email("ada"), "Clinic")
	for _, tc := range []struct {
		granted, chosen string
		ok              bool
	}{
		{"openid", "openid", true},
		{"openid", "openid user/Patient.rs", true},
		{"openid user/Patient.cruds", "openid user/Patient.rs", true},
		{"openid user/Patient.rs", "openid user/Patient.rs?gender=male", true},
		{"openid user/Patient.rs", "openid user/Patient.cruds", false},
		{"openid user/Patient.rs", "openid user/Observation.rs", false},
		{"openid patient/Patient.rs", "openid user/Patient.rs", false},
		{"openid user/Patient.rs?gender=male", "openid user/Patient.rs", false},
		{"openid user/Patient.read", "openid user/Patient.write", false},
		{"openid user/Patient.rs", "openid", false},
		{"openid", "bad\"word", false},
	} {
		id := w.login(w.email("ada"), object{"scope": tc.granted}).text("login")
		got := w.do("POST", "/auth/scope", "", object{"login": id, "scope": tc.chosen})
		if !tc.ok {
			got.refusedWith(t, 400, "Invalid scope")
			continue
		}
		require.Equal(t, 200, got.status, got.body)
		require.Equal(t, tc.chosen, w.exchange(got.text("code")).text("scope"))
	}
	w.do("POST", "/auth/scope", "", object{}).refusedWith(t, 400, "login Missing login", "scope Missing scope")
}

func limitPerAccount(t *testing.T, w *world) {
	w.owner(w.email("ada"), "Clinic")
	for _, email := range []string{w.email("ada"), w.email("nobody")} {
		attempt := func(i int) answer {
			body := with(object{"email": email, "password": another})
			return w.do("POST", "/auth/login", "", body, "X-Forwarded-For", fmt.Sprintf("192.0.2.%d", i))
		}
		for i := range 5 {
			attempt(i).refusedWith(t, 400, "Email or password is invalid")
		}
		sixth := attempt(6)
		require.Equal(t, 429, sixth.status, sixth.body)
		require.Equal(t, "too-many-requests", sixth.text("id"))
		require.Regexp(t, `^([1-9]|[1-5][0-9]|60)$`, sixth.header.Get("Retry-After"))
		right := w.do("POST", "/auth/login", "", with(object{"email": email, "password": password}), "X-Forwarded-For", "192.0.2.77")
		require.Equal(t, 429, right.status, "not even with the right password")
		w.clock.move(time.Minute)
	}
	require.Equal(t, 200, w.login(w.email("ada"), nil).status)
}

// limitAcrossProjects: naming another project each time guesses at the same account.
func limitAcrossProjects(t *testing.T, w *world) {
	w.owner(w.email("ada"), "Clinic")
	for i := range 7 {
		body := with(object{"email": w.email("ada"), "password": another, "projectId": secret.ID()})
		want := 400
		if i >= 5 {
			want = 429
		}
		require.Equal(t, want, w.do("POST", "/auth/login", "", body, "X-Forwarded-For", fmt.Sprintf("192.0.2.%d", i)).status)
	}
}

func limitPerAddress(t *testing.T, w *world) {
	attempt := func(i int, address string) int {
		body := with(object{"email": w.email(fmt.Sprint("user", i)), "password": password})
		return w.do("POST", "/auth/login", "", body, "X-Forwarded-For", address).status
	}
	for i := range 5 {
		require.Equal(t, 400, attempt(i, fmt.Sprintf("2001:db8:0:%s::%d", w.name[:4], i)))
	}
	require.Equal(t, 429, attempt(6, fmt.Sprintf("2001:db8:0:%s::6", w.name[:4])), "an IPv6 network is one address")
	require.Equal(t, 400, attempt(7, fmt.Sprintf("2001:db8:1:%s::7", w.name[:4])))
}

func successIsForgiven(t *testing.T, w *world) {
	w.owner(w.email("ada"), "Clinic")
	for i := range 9 {
		body := with(object{"email": w.email("ada"), "password": password})
		got := w.do("POST", "/auth/login", "", body, "X-Forwarded-For", fmt.Sprintf("198.51.100.%d", i))
		require.Equal(t, 200, got.status, got.body)
	}
}

// limitOfProject: a project may lower the limit, and not raise it for accounts that others know.
func limitOfProject(t *testing.T, w *world) {
	_, project := w.owner(w.email("ada"), "Clinic")
	try := func(limit, tries int) int {
		w.change(store.SystemProject, "Project", project, func(p object) {
			p["systemSetting"] = []any{object{"name": "loginRateLimit", "valueInteger": limit}}
		})
		w.clock.move(time.Minute)
		status := 0
		for i := range tries {
			body := with(object{"email": w.email("ada"), "password": another, "projectId": project})
			status = w.do("POST", "/auth/login", "", body, "X-Forwarded-For", fmt.Sprintf("192.0.2.%d", i)).status
		}
		return status
	}
	require.Equal(t, 400, try(2, 2))
	require.Equal(t, 429, try(2, 3))
	require.Equal(t, 429, try(100, 6))
	require.Equal(t, 429, try(-1, 6))
}

// TestProcessesShareTheLimit: two processes on one database count together, also when tries come
// at once.
func TestProcessesShareTheLimit(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db storetest.DB) {
		limited := func(o *admin.SignInOptions) { o.LoginLimit = 5 }
		at := newClock()
		first, second := newWorldAt(t, db, at, limited), newWorldAt(t, db, at, limited)
		statuses := make(chan int, 20)
		for i := range 20 {
			w := first
			if i%2 == 1 {
				w = second
			}
			go func() {
				body := with(object{"email": first.email("nobody"), "password": password})
				statuses <- w.do("POST", "/auth/login", "", body, "X-Forwarded-For", fmt.Sprintf("203.0.113.%d", i)).status
			}()
		}
		counts := map[int]int{}
		for range 20 {
			counts[<-statuses]++
		}
		require.Equal(t, map[int]int{400: 5, 429: 15}, counts)
	})
}
