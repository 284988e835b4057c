package signin_test

import (
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/admitdev/admit/fhir/medplum"
	"github.com/admitdev/admit/pkg/secret"
	"github.com/admitdev/admit/pkg/store"
)

func strangerMakesProject(t *testing.T, w *world) {
	email := w.email("Ada")
	registered := w.post200("/auth/newuser", "", newUser(email, nil))
	require.Equal(t, object{"login": registered.text("login"), "emailVerificationRequired": false}, registered.json)
	login := registered.text("login")
	require.Equal(t, object{"login": login}, w.do("GET", "/auth/login/"+login, "", nil).json, "no code before there is a project")

	made := w.post200("/auth/newproject", "", object{"login": login, "projectName": "Recorded Clinic"})
	require.Len(t, made.text("code"), 32)
	w.do("POST", "/auth/newproject", "", object{"login": login, "projectName": "Another"}).refusedWith(t, 400, "Login already has a membership")

	got := w.exchange(made.text("code"))
	require.Equal(t, 200, got.status, got.body)
	require.Equal(t, "Recorded Clinic", got.json["project"].(object)["display"])
	require.Equal(t, "Ada Owner", got.json["profile"].(object)["display"])
	require.NotEmpty(t, got.text("refresh_token"), "remember")
	require.Equal(t, strings.ToLower(email), w.do("GET", "/auth/me", got.text("access_token"), nil).json["user"].(object)["email"])
	w.signIn(email, nil)
	w.signIn(strings.ToUpper(email), nil)
}

func registeringIsRefused(t *testing.T, w *world) {
	post := func(more object) answer { return w.do("POST", "/auth/newuser", "", newUser(w.email("eve"), more)) }
	const badEmail, badPassword = "email Valid email address between 3 and 72 characters is required", "password Password must be between 8 and 72 characters"
	w.do("POST", "/auth/newuser", "", object{}).refusedWith(t, 400,
		"firstName First name must be between 1 and 128 characters", "lastName Last name must be between 1 and 128 characters", badPassword, badEmail)
	post(object{"email": "nope"}).refusedWith(t, 400, badEmail)
	post(object{"email": "a@" + strings.Repeat("b", 250) + ".example"}).refusedWith(t, 400, badEmail)
	post(object{"password": "short"}).refusedWith(t, 400, badPassword)
	post(object{"firstName": long(129)}).refusedWith(t, 400, "firstName First name must be between 1 and 128 characters")
	post(object{"lastName": "a\u0000b"}).refusedWith(t, 400, "lastName Last name must be between 1 and 128 characters")
	post(object{"password": "password1"}).refusedWith(t, 400, "password Password found in breach database")
	post(object{"password": w.email("eve")}).refusedWith(t, 400, "password Password is too easy to guess")
	post(object{"password": long(1025)}).refusedWith(t, 400, "password Invalid password, must be at most 1024 bytes")
	post(object{"nonce": long(256)}).refusedWith(t, 400, "nonce Invalid nonce")
	post(object{"scope": long(2001)}).refusedWith(t, 400, "scope Invalid scope")
	post(object{"projectId": secret.ID()}).refusedWith(t, 400, "Project does not allow open registration")
	require.Equal(t, 404, post(object{"clientId": secret.ID()}).status)
	_, err := w.store.Owner(context.Background(), store.Key{Scope: store.SystemProject, Kind: "User.email", Value: w.email("eve")})
	require.ErrorIs(t, err, store.ErrNotFound, "nothing was made")

	w.post200("/auth/newuser", "", newUser(w.email("eve"), object{"password": strings.Repeat("long password ", 20)}))
	post(nil).refusedWith(t, 400, "email Email already registered")
	post(object{"email": strings.ToUpper(w.email("eve"))}).refusedWith(t, 400, "email Email already registered")
}

func projectIsRefused(t *testing.T, w *world) {
	login := w.post200("/auth/newuser", "", newUser(w.email("pam"), nil)).text("login")
	post := func(login, name string) answer {
		return w.do("POST", "/auth/newproject", "", object{"login": login, "projectName": name})
	}
	post(login, "abc").refusedWith(t, 400, "projectName Project name must be between 4 and 72 characters")
	post(login, long(73)).refusedWith(t, 400, "projectName Project name must be between 4 and 72 characters")
	post("x", "abcd").refusedWith(t, 400, "login Login ID is required.")
	post(secret.ID(), "abcd").refusedWith(t, 404, "Not found")
}

func closed(t *testing.T, w *world) {
	w.do("POST", "/auth/newuser", "", newUser(w.email("eve"), nil)).refusedWith(t, 400, "Registration is disabled")
	w.do("POST", "/auth/newproject", "", object{"login": secret.ID(), "projectName": "Clinic"}).refusedWith(t, 400, "Registration is disabled")
}

func patientRegisters(t *testing.T, w *world) {
	_, project := w.owner(w.email("owner"), "Clinic")
	patient := func(email string) answer {
		return w.do("POST", "/auth/newuser", "", newUser(email, object{"projectId": project}))
	}
	patient(w.email("paul")).refusedWith(t, 400, "Project does not allow open registration")
	w.change(store.SystemProject, medplum.TypeProject, project, func(p object) {
		policies := p["defaultAccessPolicies"].([]any)
		p["defaultPatientAccessPolicy"] = policies[0].(object)["accessPolicy"]
	})
	login := patient(w.email("paul")).text("login")
	require.NotEmpty(t, login)
	require.NotEmpty(t, patient(w.email("owner")).text("login"), "an address may be registered once in each project")
	patient(w.email("paul")).refusedWith(t, 400, "email Email already registered")

	_, elsewhere := w.owner(w.email("other"), "Other clinic")
	post := func(login, project string) answer {
		return w.do("POST", "/auth/newpatient", "", object{"login": login, "projectId": project})
	}
	post(login, elsewhere).refusedWith(t, 400, "User must be scoped to the project")
	got := post(login, project)
	require.Equal(t, 200, got.status, got.body)
	post(login, project).refusedWith(t, 400, "Login already has a membership")
	tokens := w.exchange(got.text("code"))
	require.NotEmpty(t, tokens.text("patient"))
	w.wantLive(tokens.text("access_token"))

	w.login(w.email("paul"), nil).refusedWith(t, 400, "Email or password is invalid") // a User of the project alone
	w.wantLive(w.signIn(w.email("paul"), object{"projectId": project}))
	w.login(w.email("paul"), object{"projectId": elsewhere}).refusedWith(t, 400, "Email or password is invalid")
}
