package signin_test

import (
	"context"
	"encoding/json"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/admitdev/admit/fhir/medplum"
	"github.com/admitdev/admit/pkg/mail"
	"github.com/admitdev/admit/pkg/store"
)

const stale = "Recent authentication required"

// join makes the User of an address a member of a project, as an invite does.
func (w *world) join(email, project string) {
	w.t.Helper()
	ctx := context.Background()
	user, _ := w.userOf(store.SystemProject, email)
	rows := w.repo.System("set up a test", project)
	create := func(resourceType string, resource object) string {
		resource["resourceType"] = resourceType
		raw, err := json.Marshal(resource)
		require.NoError(w.t, err)
		made, err := rows.Create(ctx, resourceType, raw)
		require.NoError(w.t, err)
		return made.ID
	}
	profile := create("Practitioner", object{"name": []object{{"family": "Joined"}}})
	create(medplum.TypeProjectMembership, object{
		"project": object{"reference": "Project/" + project}, "user": object{"reference": "User/" + user.ID},
		"profile": object{"reference": "Practitioner/" + profile},
	})
}

// prove shows by a mailed link that an address is its User's.
func (w *world) prove(email string) {
	w.t.Helper()
	letter := w.sendReset(email)
	w.post200("/auth/setpassword", "", object{"id": letter.Request, "secret": letter.Secret, "password": password})
}

// guarded: a session that was left open, or a stolen token, changes nothing that guards the account.
func guarded(t *testing.T, w *world) {
	email := w.email("ada")
	token, _ := w.owner(email, "Clinic")
	a := w.enrolled(token)
	secretOfApp := seed(t, w.do("GET", "/auth/mfa/status", token, nil).text("enrollUri"))
	creation := a.create(w.asked("/auth/passkey/register-options", token, object{}))
	w.clock.move(5*time.Minute + time.Second)
	for path, body := range map[string]object{
		"/auth/mfa/enroll":               {"token": w.oneTime(secretOfApp)},
		"/auth/mfa/recovery-codes":       {},
		"/auth/passkey/register-options": {},
		"/auth/passkey/register":         {"name": "x", "credential": creation},
		"/auth/passkey/delete":           {"id": encode(a.id)},
		"/auth/changeemail":              {"email": w.email("evil")},
	} {
		got := w.do("POST", path, token, body)
		got.refusedWith(t, 403, stale)
		require.Contains(t, got.body, "/auth/stepup", path)
		require.Equal(t, `Bearer error="insufficient_user_authentication", max_age="300"`, got.header.Get("WWW-Authenticate"), path)
	}
	require.Len(t, w.post.letters, 1, "the notice of the passkey")
	require.Empty(t, w.do("GET", "/auth/mfa/status", token, nil).text("enrollUri"), "whoever reads the secret holds the factor")

	w.do("POST", "/auth/stepup", token, object{}).refusedWith(t, 400, "Missing password, token or credential")
	w.do("POST", "/auth/stepup", token, object{"password": another}).refusedWith(t, 400, "password Incorrect password")
	w.do("POST", "/auth/stepup", token, object{"token": "123456"}).refusedWith(t, 400, "Secret not found")
	require.Equal(t, 401, w.do("POST", "/auth/stepup", "", object{"password": password}).status)
	w.do("POST", "/auth/passkey/delete", token, object{"id": encode(a.id)}).refusedWith(t, 403, stale)

	w.do("POST", "/auth/stepup", token, object{"password": password}).refusedWith(t, 200, "All OK")
	codes := w.post200("/auth/mfa/recovery-codes", token, object{}).json["recoveryCodes"].([]any)
	w.clock.move(6 * time.Minute)
	w.do("POST", "/auth/stepup", token, object{"token": codes[0]}).refusedWith(t, 200, "All OK")
	w.post200("/auth/passkey/register-options", token, object{})
	w.clock.move(6 * time.Minute)
	w.do("POST", "/auth/mfa/recovery-codes", token, object{}).refusedWith(t, 403, stale)
	answerOf := object{"credential": a.get(w.asked("/auth/stepup-options", token, object{}))}
	elsewhere, _ := w.owner(w.email("bob"), "Elsewhere")
	w.do("POST", "/auth/stepup", elsewhere, answerOf).refusedWith(t, 400, usedChallenge)
	w.do("POST", "/auth/stepup", token, answerOf).refusedWith(t, 200, "All OK")
	w.post200("/auth/mfa/recovery-codes", token, object{})
}

func changedEmail(t *testing.T, w *world) {
	old, fresh := w.email("ada"), w.email("ada.new")
	token, _ := w.owner(old, "Clinic")
	w.owner(w.email("bob"), "Elsewhere")
	change := func(email string) answer { return w.do("POST", "/auth/changeemail", token, object{"email": email}) }
	change(fresh).refusedWith(t, 400, "Show first that your present address is yours: ask for a new password there")
	w.prove(old)
	token = w.signIn(old, nil)
	change("nonsense").refusedWith(t, 400, "email Valid email address is required")
	change(old).refusedWith(t, 400, "email This is your address already")
	reset := w.sendReset(old)
	w.post.letters = nil
	change(strings.ToUpper(fresh[:1])+fresh[1:]).refusedWith(t, 200, "All OK")
	require.Len(t, w.post.letters, 2)
	letter, notice := w.post.letters[0], w.post.letters[1]
	require.Equal(t, mail.ChangeEmail, letter.Template)
	require.Equal(t, fresh, letter.To)
	require.Equal(t, mail.EmailChanging, notice.Template)
	require.Equal(t, old, notice.To)
	require.Empty(t, notice.Secret)
	require.NotEmpty(t, w.login(old, nil).text("code"), "nothing has changed yet")
	w.login(fresh, nil).refusedWith(t, 400, "Email or password is invalid")

	confirm := func(l mail.Letter) answer {
		return w.do("POST", "/auth/verifyemail", "", object{"id": l.Request, "secret": l.Secret})
	}
	w.do("POST", "/auth/setpassword", "", object{"id": letter.Request, "secret": letter.Secret, "password": another}).refusedWith(t, 400, "Invalid request type")
	require.Equal(t, 200, confirm(letter).status)
	confirm(letter).refusedWith(t, 400, "Already used")
	require.NotEmpty(t, w.login(fresh, nil).text("code"))
	w.login(old, nil).refusedWith(t, 400, "Email or password is invalid")
	_, user := w.userOf(store.SystemProject, fresh)
	require.Equal(t, true, user["emailVerified"])
	w.do("POST", "/auth/setpassword", "", object{"id": reset.Request, "secret": reset.Secret, "password": another}).refusedWith(t, 400, "This link has expired")

	w.post.letters = nil
	change(w.email("bob")).refusedWith(t, 200, "All OK") // whose it is does not show here
	confirm(w.post.letters[0]).refusedWith(t, 400, "email This address belongs to another account")

	w.post.letters = nil
	change(w.email("later")).refusedWith(t, 200, "All OK")
	w.post200("/auth/changepassword", token, object{"oldPassword": password, "newPassword": another})
	require.Equal(t, 400, confirm(w.post.letters[0]).status, "a new password stops it")
}

func ownSessions(t *testing.T, w *world) {
	email := w.email("ada")
	token, project := w.owner(email, "Clinic")
	client := w.clientOf(project)
	form := url.Values{"grant_type": {"authorization_code"}, "code_verifier": {verifier}, "client_id": {client}}
	form.Set("code", w.login(email, object{"clientId": client}).text("code"))
	second := w.send("POST", "/oauth2/token", "", "application/x-www-form-urlencoded", strings.NewReader(form.Encode())).text("access_token")
	w.login(email, nil) // began, and has no tokens
	other, _ := w.owner(w.email("bob"), "Elsewhere")
	list := func(token string) []any { return w.do("GET", "/auth/sessions", token, nil).json["sessions"].([]any) }
	require.Len(t, list(token), 2)
	require.Len(t, list(other), 1)
	for _, raw := range list(token) {
		session := raw.(map[string]any)
		for _, name := range []string{"id", "remoteAddress", "userAgent", "started", "lastUsed", "expires", "authMethod", "project"} {
			require.NotEmpty(t, session[name], name)
		}
		if session["current"] == true {
			continue
		}
		require.Equal(t, object{"id": client, "name": "Clinic Default Client"}, session["client"])
		require.Equal(t, 404, w.do("POST", "/auth/revoke", other, object{"loginId": session["id"]}).status)
		w.wantLive(second)
		w.do("POST", "/auth/revoke", token, object{"loginId": session["id"]}).refusedWith(t, 200, "All OK")
	}
	w.wantDead(second)
	w.wantLive(token)
	require.Len(t, list(token), 1)
}
