package signin_test

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/admitdev/admit/fhir/medplum"
	"github.com/admitdev/admit/pkg/secret"
	"github.com/admitdev/admit/pkg/store"
)

func (w *world) setPassword(id, plain, password string) answer {
	w.t.Helper()
	return w.do("POST", "/auth/setpassword", "", object{"id": id, "secret": plain, "password": password})
}

func forgottenPassword(t *testing.T, w *world) {
	email := w.email("ada")
	token, _ := w.owner(email, "Clinic")
	letter := w.sendReset(email)
	w.wantLive(token)
	_, before := w.userOf(store.SystemProject, email)
	require.NotContains(t, before, "emailVerified")

	got := w.setPassword(letter.Request, letter.Secret, another)
	got.refusedWith(t, 200, "All OK")
	require.Equal(t, "ok", got.text("id"))
	w.wantDead(token)
	w.login(email, nil).refusedWith(t, 400, "Email or password is invalid")
	w.wantLive(w.signIn(email, object{"password": another}))
	_, after := w.userOf(store.SystemProject, email)
	require.Equal(t, true, after["emailVerified"])
	res, err := w.repo.Record(context.Background(), "look at a test's request", store.Ref{Project: store.SystemProject, Type: medplum.TypeUserSecurityRequest, ID: letter.Request})
	require.NoError(t, err)
	var shown object
	require.NoError(t, json.Unmarshal(res.Content, &shown))
	require.Equal(t, true, shown["used"])
	require.NotContains(t, string(res.Content), letter.Secret)
	w.setPassword(letter.Request, letter.Secret, another).refusedWith(t, 400, "Already used")

	// A stranger gets the same answer, and nothing else happens.
	letters := len(w.post.letters)
	known := w.post200("/auth/resetpassword", "", object{"email": email})
	unknown := w.post200("/auth/resetpassword", "", object{"email": w.email("nobody")})
	require.Equal(t, known.text("id"), unknown.text("id"))
	require.Equal(t, known.issues(), unknown.issues())
	require.Len(t, w.post.jobs, 2, "both cost one job")
	require.Len(t, w.post.letters, letters)
	w.do("POST", "/auth/resetpassword", "", object{"email": "x"}).
		refusedWith(t, 400, "email Valid email address between 3 and 72 characters is required")
}

func secretIsRefused(t *testing.T, w *world) {
	email := w.email("ada")
	w.owner(email, "Clinic")
	first := w.sendReset(email)
	w.setPassword("x", "", "short").refusedWith(t, 400, "id Invalid request ID", "secret Missing secret", "password Invalid password, must be at least 8 characters")
	w.setPassword(secret.ID(), first.Secret, another).refusedWith(t, 404, "Not found")
	w.setPassword(first.Request, "wrong", another).refusedWith(t, 400, "Incorrect secret")
	w.setPassword(first.Request, first.Secret, "password1").refusedWith(t, 400, "password Password found in breach database")
	w.setPassword(first.Request, first.Secret, email).refusedWith(t, 400, "password Password is too easy to guess")
	w.do("POST", "/auth/verifyemail", "", object{"id": first.Request, "secret": first.Secret}).
		refusedWith(t, 400, "Invalid user security request type")

	second := w.sendReset(email)
	w.setPassword(first.Request, first.Secret, another).refusedWith(t, 400, "This link has expired") // a newer one was made
	w.clock.move(time.Hour)
	w.setPassword(second.Request, second.Secret, another).refusedWith(t, 400, "This link has expired")
	w.signIn(email, nil)
}

func secretUsedOnce(t *testing.T, w *world) {
	email := w.email("ada")
	w.owner(email, "Clinic")
	letter := w.sendReset(email)
	statuses := make(chan int, 10)
	for range 10 {
		go func() { statuses <- w.setPassword(letter.Request, letter.Secret, another).status }()
	}
	counts := map[int]int{}
	for range 10 {
		counts[<-statuses]++
	}
	require.Equal(t, map[int]int{200: 1, 400: 9}, counts)
}

func changedPassword(t *testing.T, w *world) {
	email := w.email("ada")
	_, project := w.owner(email, "Clinic")
	proof := w.sendReset(email) // whoever has not shown that the address is theirs voids no link to it
	w.setPassword(proof.Request, proof.Secret, password).refusedWith(t, 200, "All OK")
	token := w.signIn(email, nil)
	elsewhere := w.signIn(email, nil)
	waiting := w.login(email, nil)
	link := w.sendReset(email)
	change := func(token, old, fresh string) answer {
		return w.do("POST", "/auth/changepassword", token, object{"oldPassword": old, "newPassword": fresh})
	}
	require.Equal(t, 401, change("", password, another).status)
	change(token, another, another).refusedWith(t, 400, "oldPassword Incorrect password")
	change(token, password, "short").refusedWith(t, 400, "newPassword Invalid password, must be at least 8 characters")
	change(token, password, "password1").refusedWith(t, 400, "newPassword Password found in breach database")
	w.wantLive(token)
	change(token, password, another).refusedWith(t, 200, "All OK")
	w.wantDead(token)
	w.wantDead(elsewhere)
	require.Equal(t, 400, w.exchange(waiting.text("code")).status, "a login under way ended too")
	w.setPassword(link.Request, link.Secret, password).refusedWith(t, 400, "This link has expired")
	w.signIn(email, object{"password": another})

	client := w.clientToken(project)
	require.Equal(t, 403, change(client, password, another).status)
}

// clientToken is an access token of the project's default client.
func (w *world) clientToken(project string) string {
	w.t.Helper()
	id := w.clientOf(project)
	plain, _, err := w.repo.Secrets.ClientSecrets(w.t.Context(), nil, project, id)
	require.NoError(w.t, err)
	got := w.form(object{"grant_type": "client_credentials", "client_id": id, "client_secret": plain})
	require.Equal(w.t, 200, got.status, got.body)
	return got.text("access_token")
}

// passwordChangedMeanwhile: the password is verified, then changed by somebody else; the sign-in
// that knew the old one must not end in a session that the change has not seen.
func passwordChangedMeanwhile(t *testing.T, w *world) {
	email := w.email("ada")
	token, _ := w.owner(email, "Clinic")
	changed := false
	w.passwords.afterVerify = func() {
		if changed {
			return
		}
		changed = true
		w.do("POST", "/auth/changepassword", token, object{"oldPassword": password, "newPassword": another}).refusedWith(t, 200, "All OK")
	}
	w.login(email, nil).refusedWith(t, 400, "Email or password is invalid")
	require.True(t, changed)
}

func verifiedEmail(t *testing.T, w *world) {
	email := w.email("ada")
	w.owner(email, "Clinic")
	ref, _ := w.userOf(store.SystemProject, email)
	request := store.SecurityRequest{
		ID: secret.ID(), UserProject: ref.Project, User: ref.ID, Project: ref.Project, Type: store.RequestVerifyEmail,
		Hash: secret.SHA256("plain"), ExpiresAt: store.At(w.clock.Now().Add(time.Hour)),
	}
	require.NoError(t, w.store.InTx(t.Context(), func(tx *store.Tx) error { return tx.AddSecurityRequest(t.Context(), request) }))
	verify := func(plain string) answer {
		return w.do("POST", "/auth/verifyemail", "", object{"id": request.ID, "secret": plain})
	}
	verify("wrong").refusedWith(t, 400, "Incorrect secret")
	w.setPassword(request.ID, "plain", another).refusedWith(t, 400, "Invalid request type")
	verify("plain").refusedWith(t, 200, "All OK")
	verify("plain").refusedWith(t, 400, "Already used")
	_, user := w.userOf(store.SystemProject, email)
	require.Equal(t, true, user["emailVerified"])
	w.signIn(email, nil)
}

// limitedResets: an address gets so many mails a minute, and nobody learns that there were more.
func limitedResets(t *testing.T, w *world) {
	for range 8 {
		w.post200("/auth/resetpassword", "", object{"email": w.email("ada")})
	}
	require.Len(t, w.post.jobs, 5)
}
