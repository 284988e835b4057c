package apptest_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/admitdev/admit/cmd/admit/apptest"
)

// foreign is one project with each surface that it can be administered by.
type foreign struct {
	*apptest.Server
	owner, authing *apptest.Client
}

// TestNoDialectReachesFurther asks each of the surfaces of other systems for what the native one refuses.
func TestNoDialectReachesFurther(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		owner := s.As(apptest.Admin)
		pool := poolOf(owner)
		speakICure(owner, `{"name":"authing","valueBoolean":true}`)
		f := foreign{s, owner, pool.manage(t, s)}
		t.Run("a User of the server", f.serverUser)
		t.Run("the owner", f.theOwner)
		t.Run("tokens of another kind", f.tokens)
		t.Run("other projects' and other things' ids", f.ids)
		t.Run("deep and long", f.bombs)
	})
}

// asked is a request to a dialect.
type asked struct{ what, method, path, body string }

// refused sends a request to its dialect, and wants a refusal that is the client's fault.
func (f foreign) refused(t *testing.T, by *apptest.Client, ask asked) {
	t.Helper()
	if by == f.owner && (strings.HasPrefix(ask.path, "/graphql") || strings.HasPrefix(ask.path, "/api/v")) {
		by = f.authing
	}
	got := by.Do(ask.method, ask.path, ask.body)
	switch {
	case strings.HasPrefix(ask.path, "/graphql"):
		assert.NotZero(t, code(got), "%s: %s", ask.what, got.Body)
		assert.NotEqualValues(t, 500, code(got), "%s: %s", ask.what, got.Body)
	case strings.HasPrefix(ask.path, "/api/v2"):
		assert.NotContains(t, []string{"200", "500", ""}, got.Field("code"), "%s: %s", ask.what, got.Body)
	case strings.HasPrefix(ask.path, "/api/v3"):
		assert.NotContains(t, []string{"200", "500", ""}, got.Field("statusCode"), "%s: %s", ask.what, got.Body)
	default:
		assert.True(t, got.Status >= 400 && got.Status < 500, "%s: %d %.300s", ask.what, got.Status, got.Body)
	}
}

// serverUser has a password and an address that other projects use too.
func (f foreign) serverUser(t *testing.T) {
	member := f.Invite(f.owner, "Practitioner", "worldly@example.com", "")
	id := strings.TrimPrefix(member.Membership, "ProjectMembership/")
	is := f.owner.GET(icureUser + "/" + id).WantStatus(http.StatusOK)
	f.As(apptest.Admin)
	for _, ask := range []asked{
		{"iCure: password", "PUT", icureUser, icureEdited(t, is, "passwordHash", `"Another-password-24"`)}, {"iCure: address", "PUT", icureUser, icureEdited(t, is, "email", `"taken@example.com"`)},
		{"iCure: token", "POST", icureUser + "/token/" + id + "/k", ""}, {"iCure: token in all groups", "POST", icureUser + "/inAllGroups/token/worldly@example.com/k", ""},
		{"Authing: password", "POST", "/graphql/v2", gql(changeUser, `{"id":"`+id+`","u":{"password":"`+encrypt(t, f.authing.GET("/api/v2/.well-known").Field("data.publicKey"), "Another-password-24")+`"}}`)},
		{"Authing: address", "POST", "/graphql/v2", gql(changeUser, `{"id":"`+id+`","u":{"email":"taken@example.com"}}`)},
		{"Authing 3: password", "POST", "/api/v3/update-user", `{"userId":"` + id + `","password":"Another-password-24"}`},
		{"Authing 3: address", "POST", "/api/v3/update-user", `{"userId":"` + id + `","email":"taken@example.com"}`},
		{"SCIM: password", "PATCH", scimUsers + "/" + id, patchOp(`{"op":"replace","path":"password","value":"Another-password-24"}`)},
		{"SCIM: address", "PATCH", scimUsers + "/" + id, patchOp(`{"op":"replace","path":"userName","value":"taken@example.com"}`)},
		{"SCIM: replace", "PUT", scimUsers + "/" + id, scimBody(scimUser, `"userName":"worldly@example.com","password":"Another-password-24"`)},
		// Nor is somebody else made who signs in with the address.
		{"iCure: again", "POST", icureUser, `{"email":"Worldly@example.com","passwordHash":"Another-password-24"}`},
		{"Authing: again", "POST", "/graphql/v2", gql(makeUser, `{"u":{"email":"WORLDLY@example.com"}}`)},
		{"SCIM: again", "POST", scimUsers, scimBody(scimUser, `"userName":"Worldly@Example.com"`)},
	} {
		f.refused(t, f.owner, ask)
	}
	f.WantUnchanged("User", "ProjectMembership")
	f.SignIn("worldly@example.com", apptest.Password, f.owner.Project)
}

// theOwner is the one whom a project is never without.
func (f foreign) theOwner(t *testing.T) {
	id := strings.TrimPrefix(f.owner.Membership, "ProjectMembership/")
	is := f.owner.GET(icureUser + "/" + id).WantStatus(http.StatusOK)
	f.As(apptest.Admin)
	for _, ask := range []asked{
		{"iCure: delete", "DELETE", icureUser + "/" + id, ""}, {"iCure: delete in the group", "DELETE", icureUser + "/inGroup/" + f.owner.Project + "/" + id, ""},
		{"iCure: block", "PUT", icureUser, icureEdited(t, is, "status", `"DISABLED"`)}, {"iCure: purge", "DELETE", icureUser + "/purge/" + id + "?rev=" + is.Field("rev"), ""},
		{"Authing: delete", "POST", "/graphql/v2", gql(removeUser, `{"id":"`+id+`"}`)}, {"Authing: delete many", "POST", "/graphql/v2", gql(removeUsers, `{"ids":["`+id+`"]}`)},
		{"Authing: block", "POST", "/graphql/v2", gql(changeUser, `{"id":"`+id+`","u":{"blocked":true}}`)},
		{"Authing 3: delete", "POST", "/api/v3/delete-users-batch", `{"userIds":["` + id + `"]}`}, {"Authing 3: block", "POST", "/api/v3/update-user", `{"userId":"` + id + `","status":"Suspended"}`},
		{"SCIM: delete", "DELETE", scimUsers + "/" + id, ""}, {"SCIM: delete oneself", "DELETE", "/scim/v2/Me", ""},
		{"SCIM: block", "PATCH", scimUsers + "/" + id, patchOp(`{"op":"Replace","path":"active","value":"False"}`)}, {"SCIM: block oneself", "PATCH", "/scim/v2/Me", patchOp(`{"op":"replace","value":{"active":false}}`)},
	} {
		f.refused(t, f.owner, ask)
	}
	bulk := f.owner.POST("/scim/v2/Bulk", `{"schemas":["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],"Operations":[{"method":"DELETE","path":"/Users/`+id+`"}]}`).WantStatus(http.StatusOK)
	assert.Equal(t, "400", bulk.Field("Operations.0.status"))
	f.WantUnchanged("User", "ProjectMembership")
	f.owner.GET("/auth/me").WantStatus(http.StatusOK)
}

// reads is a request to each dialect that an administrator may make.
func reads() []asked {
	return []asked{
		{"SCIM", "GET", scimUsers, ""}, {"SCIM", "GET", "/scim/v2/Me", ""}, {"SCIM", "GET", "/scim/v2/Schemas", ""}, {"iCure", "GET", icureUser, ""}, {"iCure", "GET", icureUser + "/current", ""},
		{"Authing", "POST", "/graphql/v2", gql(askUsers, `{}`)}, {"Authing", "GET", "/api/v2/users/x", ""}, {"Authing 3", "POST", "/api/v3/list-users", `{}`}, {"gateway", "POST", "/msggw/x/email/to/a@b.example", `{"subject":"s","html":"h"}`},
	}
}

func (f foreign) tokens(t *testing.T) {
	nobody := f.As(apptest.Anonymous)
	entered := nobody.POST("/rest/v2/auth/login", fmt.Sprintf(`{"username":%q,"password":%q}`, f.owner.Email, apptest.Password)).WantStatus(http.StatusOK)
	id := strings.TrimPrefix(f.owner.Membership, "ProjectMembership/")
	keyed := icureMade(f.owner, `{"login":"keyed"}`).Field("id")
	named := string(f.owner.POST(icureUser+"/token/"+keyed+"/k", "").WantStatus(http.StatusOK).Body)
	require.NotEmpty(t, named)
	f.As(apptest.Admin)
	for name, token := range map[string]string{
		"a refresh token": f.owner.RefreshToken, "an iCure renewal": entered.Field("refreshToken"), "a named token": named, "a password": apptest.Password,
		"none": "", "no signature": "eyJhbGciOiJub25lIn0.e30.", "cut": f.owner.Token[:len(f.owner.Token)-10],
	} {
		for _, ask := range reads() {
			ask.what = name + ": " + ask.what
			f.refused(t, nobody.With("Authorization", "Bearer "+token).With("X-Authing-Userpool-Id", f.owner.Project), ask)
		}
	}
	// What an administrator of another project may do there opens nothing of this one.
	other := f.As(apptest.OtherAdmin)
	f.refused(t, other.With("X-Authing-Userpool-Id", f.owner.Project), asked{"another project's administrator", "POST", "/graphql/v2", gql(askUsers, `{}`)})
	assert.NotContains(t, string(other.GET(scimUsers).WantStatus(http.StatusOK).Body), id)
	f.WantUnchanged("User", "ProjectMembership")
}

// ids names what is no user: another project's, a client, a bot, a patient, a policy.
func (f foreign) ids(t *testing.T) {
	other := f.As(apptest.OtherAdmin)
	suffix := func(reference string) string { return reference[strings.LastIndex(reference, "/")+1:] }
	ids := []string{
		suffix(other.Membership), suffix(other.User), suffix(other.Profile), suffix(f.As(apptest.Program).Membership), suffix(f.As(apptest.Bot).Membership), suffix(f.owner.User),
		suffix(f.owner.Profile), f.owner.Project, "00000000-0000-4000-8000-000000000000", "x", "..", "%00", "%ff", strings.Repeat("x", 2000),
	}
	f.As(apptest.Admin)
	for _, id := range ids {
		quoted := strings.NewReplacer("%00", `\u0000`, "%ff", "ÿ").Replace(id)
		for _, ask := range []asked{
			{"SCIM read", "GET", scimUsers + "/" + id, ""}, {"SCIM delete", "DELETE", scimUsers + "/" + id, ""}, {"SCIM patch", "PATCH", scimUsers + "/" + id, patchOp(`{"op":"replace","value":{"active":false}}`)},
			{"SCIM group", "PATCH", scimGroups + "/" + id, patchOp(`{"op":"remove","path":"members"}`)}, {"SCIM member", "POST", scimGroups, scimBody(scimGroup, `"displayName":"x","members":[{"value":"`+quoted+`"}]`)},
			{"iCure read", "GET", icureUser + "/" + id, ""}, {"iCure delete", "DELETE", icureUser + "/" + id, ""}, {"iCure token", "POST", icureUser + "/token/" + id + "/k", ""}, {"iCure put", "PUT", icureUser, `{"id":"` + quoted + `","rev":"1-0","login":"x"}`},
			{"Authing read", "POST", "/graphql/v2", gql(askUser, `{"id":"`+quoted+`"}`)}, {"Authing delete", "POST", "/graphql/v2", gql(removeUser, `{"id":"`+quoted+`"}`)}, {"Authing change", "POST", "/graphql/v2", gql(changeUser, `{"id":"`+quoted+`","u":{"nickname":"x"}}`)},
			{"Authing token", "POST", "/graphql/v2", gql(freshToken, `{"id":"`+quoted+`"}`)}, {"Authing role", "POST", "/graphql/v2", gql(giveRole, `{"r":["x"],"u":["`+quoted+`"]}`)}, {"Authing policies", "POST", "/graphql/v2", gql(askPolicies, `{"u":"`+quoted+`"}`)},
			{"Authing kick", "POST", "/api/v2/users/kick", `{"userIds":["` + quoted + `"]}`}, {"Authing 3 read", "GET", "/api/v3/get-user?userId=" + id, ""}, {"Authing 3 delete", "POST", "/api/v3/delete-users-batch", `{"userIds":["` + quoted + `"]}`},
			{"Authing 3 role", "POST", "/api/v3/assign-role", `{"code":"x","targets":[{"targetType":"USER","targetIdentifier":"` + quoted + `"}]}`},
		} {
			if id == ".." && ask.method != "POST" && ask.method != "PUT" {
				continue // another address
			}
			ask.what += " of " + id[:min(len(id), 40)]
			f.refused(t, f.owner, ask)
		}
	}
	f.WantUnchanged("User", "ProjectMembership", "AccessPolicy", "ClientApplication", "Bot")
}

// bombs are small requests for much work.
func (f foreign) bombs(t *testing.T) {
	deep := strings.Repeat(`{"a":`, 5000) + "1" + strings.Repeat("}", 5000)
	list := strings.Repeat("[", 5000) + strings.Repeat("]", 5000)
	many := func(n int, of string) string { return strings.TrimSuffix(strings.Repeat(of+",", n), ",") }
	for _, ask := range []asked{
		{"SCIM: deep", "POST", scimUsers, scimBody(scimUser, `"userName":"deep","addresses":`+list)}, {"SCIM: deep extension", "POST", scimUsers, scimBody(scimUser, `"userName":"deep","`+scimEnterprise+`":`+deep)},
		{"SCIM: a bulk of nothing that waits for itself", "POST", "/scim/v2/Bulk", `{"schemas":["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],"Operations":[` + many(501, `{"method":"DELETE","path":"/Users/x"}`) + `]}`},
		{"SCIM: operations", "PATCH", scimUsers + "/" + strings.TrimPrefix(f.owner.Membership, "ProjectMembership/"), patchOp(many(1001, `{"op":"add","path":"title","value":"x"}`))},
		{"SCIM: attributes", "GET", scimUsers + "?filter=" + strings.Repeat("(", 3000), ""}, {"SCIM: path", "PATCH", scimUsers + "/" + strings.TrimPrefix(f.owner.Membership, "ProjectMembership/"), patchOp(`{"op":"remove","path":"emails[` + strings.Repeat("not(", 3000) + `"}`)},
		{"iCure: deep", "POST", icureUser, `{"login":"deep","properties":` + list + `}`}, {"iCure: deep identifier", "POST", icureUser, `{"login":"deep","identifier":[` + deep + `]}`},
		{"iCure: deep filter", "POST", icureUser + "/match", strings.Repeat(`{"$type":"ComplementFilter","superSet":`, 2000) + "null" + strings.Repeat("}", 2000)},
		{"iCure: many filters", "POST", icureUser + "/match", `{"$type":"UnionFilter","filters":[` + many(100, `{"$type":"AllUsersFilter"}`) + `]}`}, {"iCure: ids", "POST", icureUser + "/byIds", `{"ids":[` + many(5000, `"x"`) + `]}`},
		{"Authing: deep", "POST", "/graphql/v2", gql("{users{list{"+strings.Repeat("roles{list{parent{", 500)+"code"+strings.Repeat("}}}", 500)+"}}}", `{}`)},
		{"Authing: directives", "POST", "/graphql/v2", gql("{users{totalCount "+strings.Repeat("@include(if:true)", 5000)+"}}", `{}`)},
		{"Authing: deep variables", "POST", "/graphql/v2", gql(makeUser, `{"u":`+deep+`}`)}, {"Authing: ids", "POST", "/graphql/v2", gql(removeUsers, `{"ids":[`+many(101, `"x"`)+`]}`)},
		{"Authing: policies", "POST", "/graphql/v2", gql(givePolicy, `{"p":[`+many(101, `"x"`)+`],"t":"USER","u":["x"]}`)}, {"Authing: statements", "POST", "/graphql/v2", gql(makePolicy, `{"c":"many","s":[`+many(5000, `{"resource":"r","actions":["a"]}`)+`]}`)},
		{"Authing 3: deep", "POST", "/api/v3/create-user", `{"username":"deep","customData":` + deep + `}`}, {"Authing 3: many", "POST", "/api/v3/create-users-batch", `{"list":[` + many(101, `{"username":"x"}`) + `]}`},
		{"Authing 3: ids", "GET", "/api/v3/get-user-batch?" + strings.TrimSuffix(strings.Repeat("userIds=x&", 101), "&"), ""},
	} {
		f.As(apptest.Admin)
		f.refused(t, f.owner, ask)
		f.WantUnchanged("User", "ProjectMembership", "AccessPolicy")
	}
}
