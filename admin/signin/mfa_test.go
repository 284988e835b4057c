package signin_test

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"
	"github.com/stretchr/testify/require"

	"github.com/admitdev/admit/fhir/medplum"
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
	require.Equal(t, object{"login": second.text("login"), "mfaRequired": true}, second.json)
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
	require.Equal(t, object{"enrolled": true}, w.do("GET", "/auth/mfa/status", token, nil).json)
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
	sixth := guess(w.login(email, nil).text("login")) // of another login too
	require.Equal(t, 429, sixth.status)
	require.NotEmpty(t, sixth.header.Get("Retry-After"))
}
