package signin_test

import (
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"
	"github.com/stretchr/testify/require"

	"github.com/admitdev/admit/fhir/medplum"
	"github.com/admitdev/admit/pkg/mail"
	"github.com/admitdev/admit/pkg/store"
)

// seed is the secret in an enrollUri.
func seed(t *testing.T, uri string) string {
	t.Helper()
	parsed, err := url.Parse(uri)
	require.NoError(t, err)
	require.Equal(t, "otpauth", parsed.Scheme)
	require.NotEmpty(t, parsed.Query().Get("secret"))
	return parsed.Query().Get("secret")
}

// oneTime is the one-time password of now.
func (w *world) oneTime(seed string) string {
	w.t.Helper()
	code, err := totp.GenerateCode(seed, w.clock.Now())
	require.NoError(w.t, err)
	return code
}

func (w *world) requireSecondFactor(email string) {
	w.t.Helper()
	ref, _ := w.userOf(store.SystemProject, email)
	w.change(ref.Project, medplum.TypeUser, ref.ID, func(u object) { u["mfaRequired"] = true })
}

func secondFactor(t *testing.T, w *world) {
	email := w.email("ada")
	w.owner(email, "Clinic")
	w.requireSecondFactor(email)
	got := w.login(email, nil)
	require.Equal(t, true, got.json["mfaEnrollRequired"])
	require.Empty(t, got.text("code"))
	require.True(t, strings.HasPrefix(got.text("enrollQrCode"), "data:image/png;base64,"))
	secretOfApp := seed(t, got.text("enrollUri"))
	require.Equal(t, secretOfApp, seed(t, w.login(email, nil).text("enrollUri")), "a code that was scanned goes on working")
	id := got.text("login")
	require.Empty(t, w.do("GET", "/auth/login/"+id, "", nil).text("code"), "no way around")
	for _, path := range []string{"/auth/newproject", "/auth/newpatient"} {
		require.NotEqual(t, 200, w.do("POST", path, "", object{"login": id, "projectName": "Clinic 2"}).status)
	}
	fresh := w.login(email, object{"projectId": "new"}).text("login")
	w.do("POST", "/auth/newproject", "", object{"login": fresh, "projectName": "Clinic 2"}).refusedWith(t, 400, "Login not verified")

	enroll := func(login, token string) answer {
		return w.do("POST", "/auth/mfa/login-enroll", "", object{"login": login, "token": token})
	}
	enroll(id, "000000x").refusedWith(t, 400, "Invalid token")
	enrolled := enroll(id, w.oneTime(secretOfApp))
	require.Equal(t, 200, enrolled.status, enrolled.body)
	w.wantLive(w.token(enrolled.text("code")))

	w.clock.move(time.Minute)
	second := w.login(email, nil)
	require.Equal(t, object{
		"login": second.text("login"), "mfaRequired": true, "mfaMethods": []any{"totp", "recovery-code"},
	}, second.json)
	verify := func(token string) answer {
		return w.do("POST", "/auth/mfa/verify", "", object{"login": second.text("login"), "token": token})
	}
	verify("").refusedWith(t, 400, "token Missing token")
	verify("123").refusedWith(t, 400, "Invalid MFA token")
	enroll(second.text("login"), w.oneTime(secretOfApp)).refusedWith(t, 400, "Already enrolled")
	token := w.oneTime(secretOfApp)
	verified := verify(token)
	require.Equal(t, 200, verified.status, verified.body)
	w.wantLive(w.token(verified.text("code")))

	third := w.login(email, nil).text("login")
	w.do("POST", "/auth/mfa/verify", "", object{"login": third, "token": token}).refusedWith(t, 400, "Invalid MFA token") // RFC 6238 §5.2: once
}

func chosenSecondFactor(t *testing.T, w *world) {
	email := w.email("ada")
	token, _ := w.owner(email, "Clinic")
	require.Equal(t, 401, w.do("GET", "/auth/mfa/status", "", nil).status)
	status := w.do("GET", "/auth/mfa/status", token, nil)
	require.Equal(t, false, status.json["enrolled"])
	secretOfApp := seed(t, status.text("enrollUri"))
	post := func(path, oneTime string) answer { return w.do("POST", path, token, object{"token": oneTime}) }
	post("/auth/mfa/disable", "123456").refusedWith(t, 400, "User not enrolled in MFA")
	require.NotEmpty(t, w.login(email, nil).text("code"), "offered is not enrolled")
	post("/auth/mfa/enroll", w.oneTime(secretOfApp)).refusedWith(t, 200, "All OK")
	post("/auth/mfa/enroll", w.oneTime(secretOfApp)).refusedWith(t, 400, "Already enrolled")
	require.Equal(t, object{"enrolled": true, "recoveryCodesLeft": 10.0}, w.do("GET", "/auth/mfa/status", token, nil).json)
	require.Equal(t, true, w.login(email, nil).json["mfaRequired"])
	w.clock.move(time.Minute)
	post("/auth/mfa/disable", "000000").refusedWith(t, 400, "Invalid token")
	post("/auth/mfa/disable", w.oneTime(secretOfApp)).refusedWith(t, 200, "All OK")
	require.NotEmpty(t, w.login(email, nil).text("code"))
	require.NotEqual(t, secretOfApp, seed(t, w.do("GET", "/auth/mfa/status", token, nil).text("enrollUri")))
}

func guessedSecondFactor(t *testing.T, w *world) {
	email := w.email("ada")
	w.owner(email, "Clinic")
	w.requireSecondFactor(email)
	got := w.login(email, nil)
	w.clock.move(time.Minute)
	guess := func(login string) answer {
		return w.do("POST", "/auth/mfa/login-enroll", "", object{"login": login, "token": "00000"})
	}
	for range 5 {
		require.Equal(t, 400, guess(got.text("login")).status)
	}
	w.clock.move(24*time.Hour - w.clock.Now().Sub(w.clock.Now().Truncate(24*time.Hour))) // a day begins
	enrolled := w.login(email, nil)
	code := func() answer {
		return w.do("POST", "/auth/mfa/login-enroll", "", object{"login": enrolled.text("login"), "token": "00000"})
	}
	for i := range 100 {
		if i%5 == 0 {
			w.clock.move(time.Minute)
			enrolled = w.login(email, nil)
		}
		require.Equal(t, 400, code().status, i)
	}
	w.clock.move(time.Minute)
	enrolled = w.login(email, nil)
	require.Equal(t, 429, code().status, "a hundred wrong ones are enough for a day")
	w.clock.move(24 * time.Hour)
	got = w.login(email, nil)
	for range 5 {
		require.Equal(t, 400, guess(got.text("login")).status)
	}
	sixth := guess(w.login(email, nil).text("login")) // of another login too
	require.Equal(t, 429, sixth.status)
	require.NotEmpty(t, sixth.header.Get("Retry-After"))
}

// recoveryCodes: each works once, wherever a factor is asked, and counts as a try like any other.
func recoveryCodes(t *testing.T, w *world) {
	email := w.email("ada")
	token, _ := w.owner(email, "Clinic")
	secretOfApp := seed(t, w.do("GET", "/auth/mfa/status", token, nil).text("enrollUri"))
	made := w.post200("/auth/mfa/enroll", token, object{"token": w.oneTime(secretOfApp)}).json["recoveryCodes"].([]any)
	require.Len(t, made, 10)
	code := func(i int) string { return made[i].(string) }
	require.Regexp(t, `^([A-Z2-7]{5}-){4}[A-Z2-7]{5}$`, code(0))
	verify := func(code string) answer {
		return w.do("POST", "/auth/mfa/verify", "", object{"login": w.login(email, nil).text("login"), "token": code})
	}
	got := verify(strings.ToLower(strings.ReplaceAll(code(0), "-", " ")))
	require.Equal(t, 200, got.status, got.body)
	w.wantLive(w.token(got.text("code")))
	require.Equal(t, mail.RecoveryUsed, w.post.letters[len(w.post.letters)-1].Template)
	verify(code(0)).refusedWith(t, 400, "Invalid MFA token")
	require.EqualValues(t, 9, w.do("GET", "/auth/mfa/status", token, nil).json["recoveryCodesLeft"])
	w.clock.move(time.Minute)
	other, _ := w.owner(w.email("bob"), "Elsewhere")
	w.do("POST", "/auth/stepup", other, object{"token": code(1)}).refusedWith(t, 400, "Invalid token")

	renewed := w.post200("/auth/mfa/recovery-codes", token, object{}).json["recoveryCodes"].([]any)
	verify(code(2)).refusedWith(t, 400, "Invalid MFA token")
	made = renewed
	var wins atomic.Int64
	var running sync.WaitGroup
	login := w.login(email, nil).text("login")
	for range 4 {
		running.Go(func() {
			if w.do("POST", "/auth/mfa/verify", "", object{"login": login, "token": code(3)}).status == 200 {
				wins.Add(1)
			}
		})
	}
	running.Wait()
	require.EqualValues(t, 1, wins.Load())
	w.clock.move(time.Minute)
	for range 5 {
		verify("AAAAA-AAAAA-AAAAA-AAAAA-AAAAA").refusedWith(t, 400, "Invalid MFA token")
	}
	require.Equal(t, 429, verify(code(4)).status, "a right code as well")
	require.Equal(t, 429, w.do("POST", "/auth/mfa/disable", token, object{"token": code(4)}).status)
	w.clock.move(time.Minute)
	w.do("POST", "/auth/mfa/disable", token, object{"token": code(4)}).refusedWith(t, 200, "All OK")
	require.NotEmpty(t, w.login(email, nil).text("code"))
	w.do("POST", "/auth/mfa/recovery-codes", token, object{}).refusedWith(t, 400, "User not enrolled in MFA")
}

// projectSecondFactor: whoever goes to a project that wants a factor shows or enrols one first.
func projectSecondFactor(t *testing.T, w *world) {
	email := w.email("ada")
	_, project := w.owner(email, "Clinic")
	w.prove(email)
	refresh := w.exchange(w.login(email, object{"remember": true}).text("code")).text("refresh_token")
	pending := w.login(email, nil).text("code")
	w.change(store.SystemProject, medplum.TypeProject, project, func(p object) {
		p["setting"] = []object{{"name": "mfaRequired", "valueBoolean": true}}
	})
	renew := w.send("POST", "/oauth2/token", "", "application/x-www-form-urlencoded",
		strings.NewReader(url.Values{"grant_type": {"refresh_token"}, "refresh_token": {refresh}}.Encode()))
	require.Equal(t, 400, renew.status, "a session from before gets no more tokens: "+renew.body)
	require.Equal(t, 400, w.exchange(pending).status)
	got := w.login(email, nil)
	require.Equal(t, true, got.json["mfaEnrollRequired"], got.body)
	require.Empty(t, got.text("code"))
	id := got.text("login")
	require.Empty(t, w.do("GET", "/auth/login/"+id, "", nil).text("code"))
	require.Empty(t, w.do("POST", "/auth/scope", "", object{"login": id, "scope": "openid"}).text("code"))

	_, free := w.owner(w.email("eve"), "Free")
	w.join(email, free)
	chosen := w.login(email, nil)
	require.Len(t, chosen.json["memberships"], 2, chosen.body)
	for _, raw := range chosen.json["memberships"].([]any) {
		choice := raw.(map[string]any)
		into := w.post200("/auth/profile", "", object{"login": w.login(email, nil).text("login"), "profile": choice["id"]})
		if choice["project"].(map[string]any)["reference"] == "Project/"+project {
			require.Equal(t, true, into.json["mfaEnrollRequired"], into.body)
		} else {
			require.NotEmpty(t, into.text("code"), into.body)
		}
	}
	done := w.post200("/auth/mfa/login-enroll", "", object{"login": id, "token": w.oneTime(seed(t, got.text("enrollUri")))})
	require.Len(t, done.json["recoveryCodes"], 10)
	w.wantLive(w.token(done.text("code")))
}
