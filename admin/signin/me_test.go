package signin_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/admitdev/admit/fhir/medplum"
	"github.com/admitdev/admit/pkg/secret"
)

func (w *world) form(of object) answer {
	w.t.Helper()
	values := url.Values{}
	for name, value := range of {
		values.Set(name, value.(string))
	}
	return w.send("POST", "/oauth2/token", "", "application/x-www-form-urlencoded", strings.NewReader(values.Encode()))
}

func aboutMe(t *testing.T, w *world) {
	email := w.email("ada")
	token, project := w.owner(email, "Clinic")
	require.Equal(t, 401, w.do("GET", "/auth/me", "", nil).status)
	me := w.do("GET", "/auth/me", token, nil)
	require.Equal(t, 200, me.status, me.body)
	user := me.json["user"].(object)
	require.Equal(t, object{"resourceType": "User", "id": user["id"], "email": email}, user)
	require.Equal(t, object{"resourceType": "Project", "id": project, "name": "Clinic", "strictMode": true}, me.json["project"])
	membership := me.json["membership"].(object)
	require.Equal(t, true, membership["admin"])
	require.Equal(t, object{"reference": "User/" + user["id"].(string), "display": email}, membership["user"])
	require.Equal(t, "Practitioner", me.json["profile"].(object)["resourceType"])
	require.Equal(t, project, me.json["profile"].(object)["meta"].(object)["project"])
	require.Len(t, me.json["config"].(object)["menu"], 2)
	policy := me.json["accessPolicy"].(object)
	require.Equal(t, "AccessPolicy", policy["resourceType"])
	require.Equal(t, []any{}, policy["basedOn"].([]any)[:0])
	require.NotEmpty(t, policy["resource"])
	security := me.json["security"].(object)
	require.Equal(t, false, security["mfaEnrolled"])
	require.Len(t, security["sessions"], 1)
	session := security["sessions"].([]any)[0].(object)
	require.Equal(t, "password", session["authMethod"])
	require.Equal(t, "127.0.0.1", session["remoteAddress"])
	require.Len(t, security["memberships"], 1)
	require.NotContains(t, security["memberships"].([]any)[0], "user")

	client := w.do("GET", "/auth/me", w.clientToken(project), nil)
	require.Equal(t, 200, client.status, client.body)
	require.NotContains(t, client.json, "user")
	require.NotContains(t, client.json, "security")
	require.Equal(t, "ClientApplication", client.json["profile"].(object)["resourceType"])
	require.NotContains(t, client.body, `"secret"`)

	id := membership["id"].(string)
	w.change(project, medplum.TypeProjectMembership, id, func(m object) { m["active"] = false })
	w.wantDead(token)
}

func revokedSession(t *testing.T, w *world) {
	email := w.email("ada")
	token, _ := w.owner(email, "Clinic")
	got := w.login(email, nil)
	second := w.token(got.text("code"))
	stranger, _ := w.owner(w.email("bob"), "Other clinic")
	revoke := func(token, id string) answer { return w.do("POST", "/auth/revoke", token, object{"loginId": id}) }
	revoke(token, "").refusedWith(t, 400, "loginId Login ID is required.")
	require.Equal(t, 404, revoke(token, secret.ID()).status)
	require.Equal(t, 404, revoke(stranger, got.text("login")).status)
	w.wantLive(second)
	revoke(token, got.text("login")).refusedWith(t, 200, "All OK")
	w.wantDead(second)
	w.wantLive(token)
}
