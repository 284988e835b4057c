package apptest_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/admitdev/admit/cmd/admit/apptest"
)

const (
	scimUsers  = "/scim/v2/Users"
	scimGroups = "/scim/v2/Groups"

	scimUser       = "urn:ietf:params:scim:schemas:core:2.0:User"
	scimEnterprise = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
	scimGroup      = "urn:ietf:params:scim:schemas:core:2.0:Group"
)

// scimBody is a resource of a schema with more members.
func scimBody(schema, members string) string {
	return `{"schemas":["` + schema + `"],` + members + `}`
}

// patchOp is a PatchOp of operations.
func patchOp(operations ...string) string {
	return `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[` + strings.Join(operations, ",") + `]}`
}

// provision makes a User and gives its id.
func provision(c *apptest.Client, members string) string {
	return c.POST(scimUsers, scimBody(scimUser, members)).WantStatus(http.StatusCreated).Field("id")
}

// provisionGroup makes a Group and gives its id.
func provisionGroup(c *apptest.Client, name string, members ...string) string {
	list := make([]string, len(members))
	for i, id := range members {
		list[i] = `{"value":"` + id + `"}`
	}
	return c.POST(scimGroups, scimBody(scimGroup, `"displayName":"`+name+`","members":[`+strings.Join(list, ",")+`]`)).WantStatus(http.StatusCreated).Field("id")
}

// membersOf are the ids of the members of a Group.
func membersOf(c *apptest.Client, group string) string {
	return c.GET(scimGroups + "/" + group).WantStatus(http.StatusOK).Field("members.#.value")
}

// filtered is the path of a list with a filter.
func filtered(list, filter string) string { return list + "?filter=" + url.QueryEscape(filter) }

// wantSCIM wants an error in SCIM's form.
func wantSCIM(t *testing.T, got *apptest.Answer, status int, scimType string) {
	t.Helper()
	got.WantStatus(status)
	assert.Equal(t, "application/scim+json", got.Header.Get("Content-Type"))
	assert.Equal(t, "urn:ietf:params:scim:api:messages:2.0:Error", got.Field("schemas.0"))
	assert.Equal(t, fmt.Sprint(status), got.Field("status"))
	assert.Equal(t, scimType, got.Field("scimType"), got.Field("detail"))
	assert.NotEmpty(t, got.Field("detail"))
}

func TestSCIMAsOktaProvisions(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		okta := scimClient(s)

		// The sequence by which Okta checks a SCIM 2.0 server.
		first := okta.GET(scimUsers + "?count=1&startIndex=1").WantStatus(http.StatusOK)
		assert.Equal(t, "1", first.Field("itemsPerPage"))
		assert.Equal(t, "1", first.Field("startIndex"))
		require.NotEmpty(t, first.Field("Resources.0.id"))
		for _, attribute := range []string{"name.givenName", "name.familyName", "userName", "active", "emails.0.value"} {
			assert.NotEmpty(t, first.Field("Resources.0."+attribute), attribute)
		}
		okta.GET(scimUsers + "/" + first.Field("Resources.0.id")).WantStatus(http.StatusOK)
		nobody := okta.GET(filtered(scimUsers, `userName eq "nobody@okta.example"`)).WantStatus(http.StatusOK)
		assert.Equal(t, "0", nobody.Field("totalResults"))
		wantSCIM(t, okta.GET(scimUsers+"/010101001010101011001010101011"), http.StatusNotFound, "")
		run := scimBody(scimUser, `"userName":"Run.Scope@okta.example","name":{"givenName":"Run","familyName":"Scope"},`+
			`"emails":[{"primary":true,"value":"run.scope@okta.example","type":"work"}],"displayName":"Run Scope","active":true`)
		made := okta.POST(scimUsers, run).WantStatus(http.StatusCreated)
		assert.Equal(t, "Run.Scope@okta.example", made.Field("userName"))
		assert.Equal(t, made.Field("meta.location"), made.Header.Get("Location"))
		user := scimUsers + "/" + made.Field("id")
		assert.Equal(t, "Scope", okta.GET(user).WantStatus(http.StatusOK).Field("name.familyName"))
		wantSCIM(t, okta.POST(scimUsers, run), http.StatusConflict, "uniqueness")
		found := okta.GET(filtered(scimUsers, `userName eq "RUN.SCOPE@OKTA.EXAMPLE"`)).WantStatus(http.StatusOK)
		assert.Equal(t, made.Field("id"), found.Field("Resources.0.id"))
		okta.GET(scimGroups + "?startIndex=1&count=100").WantStatus(http.StatusOK)

		// Its life cycle of a user and a group.
		got := okta.PUT(user, scimBody(scimUser, `"id":"`+made.Field("id")+`","userName":"run.scope@okta.example","externalId":"00u1",`+
			`"name":{"givenName":"Run","middleName":"","familyName":"Scoped"},"emails":[{"primary":true,"value":"run.scope@okta.example","type":"work"}],`+
			`"locale":"en-US","groups":[],"active":true,"meta":{"resourceType":"User"}`)).WantStatus(http.StatusOK)
		assert.Equal(t, "00u1", got.Field("externalId"))
		assert.Equal(t, "Run Scoped", got.Field("displayName"))
		assert.Equal(t, "en-US", got.Field("locale"))
		off := okta.PATCH(user, patchOp(`{"op":"replace","value":{"active":false}}`)).WantStatus(http.StatusOK)
		assert.Equal(t, "false", off.Field("active"))
		assert.Equal(t, "Scoped", off.Field("name.familyName"))
		okta.PATCH(user, patchOp(`{"op":"replace","value":{"active":true}}`)).WantStatus(http.StatusOK)

		group := provisionGroup(okta, "Okta nurses")
		okta.PATCH(scimGroups+"/"+group, patchOp(`{"op":"replace","value":{"id":"`+group+`","displayName":"Okta night nurses"}}`)).WantStatus(http.StatusNoContent)
		other := provision(okta, `"userName":"second"`)
		okta.PATCH(scimGroups+"/"+group, patchOp(
			`{"op":"remove","path":"members[value eq \"`+other+`\"]"}`,
			`{"op":"add","path":"members","value":[{"value":"`+made.Field("id")+`","display":"run.scope@okta.example"}]}`)).WantStatus(http.StatusNoContent)
		read := okta.GET(scimGroups + "/" + group).WantStatus(http.StatusOK)
		assert.Equal(t, "Okta night nurses", read.Field("displayName"))
		assert.Equal(t, `["`+made.Field("id")+`"]`, read.Field("members.#.value"))
		okta.PATCH(scimGroups+"/"+group, patchOp(`{"op":"replace","path":"members","value":[{"value":"`+other+`"}]}`)).WantStatus(http.StatusNoContent)
		assert.Equal(t, `["`+other+`"]`, membersOf(okta, group))
		okta.DELETE(scimGroups + "/" + group).WantStatus(http.StatusNoContent)
		okta.GET(scimGroups + "/" + group).WantStatus(http.StatusNotFound)
		assert.Empty(t, okta.GET(scimUsers+"/"+other).WantStatus(http.StatusOK).Field(`groups.#(display=="Okta night nurses")`))
	})
}

// scimClient is a client of the project that is an administrator, as an identity provider has one.
func scimClient(s *apptest.Server) *apptest.Client {
	client, admin := s.As(apptest.Program), s.As(apptest.Admin)
	member := admin.GET("/fhir/R4/" + client.Membership).OK()
	admin.POST("/admin/projects/"+admin.Project+"/members/"+member.Field("id"), strings.Replace(string(member.Body), "{", `{"admin":true,`, 1)).WantStatus(http.StatusOK)
	return client
}

func TestSCIMAsEntraProvisions(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		entra := scimClient(s).With("Content-Type", "application/scim+json; charset=utf-8")
		made := entra.POST(scimUsers, `{"schemas":["`+scimUser+`","`+scimEnterprise+`"],"externalId":"0a21f0f2","userName":"kim.lee@entra.example","active":true,`+
			`"emails":[{"primary":true,"type":"work","value":"kim@mail.example"}],"meta":{"resourceType":"User"},`+
			`"name":{"formatted":"Kim Lee","familyName":"Lee","givenName":"Kim"},"roles":[],"`+scimEnterprise+`":{"department":"ICU","manager":"42"}}`).WantStatus(http.StatusCreated)
		user := scimUsers + "/" + made.Field("id")
		assert.Equal(t, "0a21f0f2", made.Field("externalId"))
		department := strings.ReplaceAll(scimEnterprise, ".", `\.`) + ".department"
		assert.Equal(t, "ICU", made.Field(department))
		for filter, want := range map[string]string{
			`userName eq "kim.lee@entra.example"`: "1", `externalId eq "0a21f0f2"`: "1", `userName eq "kim"`: "0",
			`emails[type eq "work"].value eq "kim@mail.example"`: "1", `emails[type eq "home"].value eq "kim@mail.example"`: "0",
		} {
			assert.Equal(t, want, entra.GET(filtered(scimUsers, filter)).WantStatus(http.StatusOK).Field("totalResults"), filter)
		}
		changed := entra.PATCH(user, patchOp(
			`{"op":"Replace","path":"emails[type eq \"work\"].value","value":"new@mail.example"}`,
			`{"op":"Replace","path":"name.familyName","value":"Lee-Park"}`,
			`{"op":"Add","path":"emails[type eq \"home\"].value","value":"kim@home.example"}`,
			`{"op":"Add","path":"`+scimEnterprise+`:department","value":"Ward 1"}`,
			`{"op":"Replace","path":"`+scimEnterprise+`:manager","value":[{"$ref":null,"value":"43"}]}`)).WantStatus(http.StatusOK)
		assert.Equal(t, "new@mail.example", changed.Field(`emails.#(type=="work").value`))
		assert.Equal(t, "kim@home.example", changed.Field(`emails.#(type=="home").value`))
		assert.Equal(t, "Lee-Park", changed.Field("name.familyName"))
		assert.Equal(t, "Kim", changed.Field("name.givenName"))
		assert.Equal(t, "Ward 1", changed.Field(department))
		assert.Equal(t, "43", changed.Field(strings.ReplaceAll(scimEnterprise, ".", `\.`)+".manager.value"))
		changed = entra.PATCH(user, patchOp(`{"op":"Replace","value":{"name.givenName":"Kimberley","displayName":"Kim L-P","`+scimEnterprise+`:costCenter":"7"}}`)).WantStatus(http.StatusOK)
		assert.Equal(t, "Kimberley", changed.Field("name.givenName"))
		assert.Equal(t, "Lee-Park", changed.Field("name.familyName"))
		assert.Equal(t, "Kim L-P", changed.Field("displayName"))
		assert.Equal(t, "7", changed.Field(strings.ReplaceAll(scimEnterprise, ".", `\.`)+".costCenter"))
		entra.PATCH(user, patchOp(`{"op":"Replace","path":"userName","value":"kim@entra.example"}`)).WantStatus(http.StatusOK)
		entra.PATCH(user, patchOp(`{"op":"Remove","path":"emails[type eq \"home\"]"}`)).WantStatus(http.StatusOK)
		off := entra.PATCH(user, patchOp(`{"op":"Replace","path":"active","value":"False"}`)).WantStatus(http.StatusOK)
		assert.Equal(t, "false", off.Field("active"))
		assert.Equal(t, "kim@entra.example", off.Field("userName"))
		assert.Equal(t, "1", off.Field("emails.#"))

		group := entra.POST(scimGroups, scimBody(scimGroup, `"externalId":"8aa1","displayName":"Ward","meta":{"resourceType":"Group"}`)).WantStatus(http.StatusCreated)
		assert.Equal(t, "8aa1", group.Field("externalId"))
		id := group.Field("id")
		bare := entra.GET(scimGroups + "/" + id + "?excludedAttributes=members").WantStatus(http.StatusOK)
		assert.Equal(t, "Ward", bare.Field("displayName"))
		for filter, want := range map[string]string{`displayName eq "ward"`: "1", `displayName eq "Wards"`: "0", `externalId eq "8aa1"`: "1", `externalId eq "8AA1"`: "0"} {
			assert.Equal(t, want, entra.GET(filtered(scimGroups, filter)+"&excludedAttributes=members").WantStatus(http.StatusOK).Field("totalResults"), filter)
		}
		entra.PATCH(scimGroups+"/"+id, patchOp(`{"op":"Replace","path":"displayName","value":"Ward One"}`)).WantStatus(http.StatusNoContent)
		var people []string
		for _, name := range []string{"a", "b", "c"} {
			people = append(people, provision(entra, `"userName":"`+name+`"`))
		}
		add := func(id string) string {
			return `{"op":"Add","path":"members","value":[{"$ref":null,"value":"` + id + `"}]}`
		}
		entra.PATCH(scimGroups+"/"+id, patchOp(add(people[0]), add(people[1]), add(people[2]))).WantStatus(http.StatusNoContent)
		entra.PATCH(scimGroups+"/"+id, patchOp(`{"op":"Remove","path":"members","value":[{"$ref":null,"value":"`+people[1]+`"}]}`)).WantStatus(http.StatusNoContent)
		left := membersOf(entra, id)
		assert.Contains(t, left, people[0])
		assert.NotContains(t, left, people[1])
		assert.Contains(t, left, people[2])
		for filter, want := range map[string]string{
			`id eq "` + id + `" and members eq "` + people[0] + `"`: "1", `id eq "` + id + `" and members[value eq "` + people[1] + `"]`: "0",
		} {
			assert.Equal(t, want, entra.GET(filtered(scimGroups, filter)+"&excludedAttributes=members").WantStatus(http.StatusOK).Field("totalResults"), filter)
		}
		entra.PATCH(scimGroups+"/"+id, patchOp(`{"op":"Remove","path":"members"}`)).WantStatus(http.StatusNoContent)
		assert.Empty(t, membersOf(entra, id))
		entra.DELETE(scimGroups + "/" + id).WantStatus(http.StatusNoContent)
		back := entra.PATCH(user, patchOp(`{"op":"Replace","path":"active","value":"True"}`, `{"op":"Add","path":"title","value":"Returner"}`)).WantStatus(http.StatusOK)
		assert.Equal(t, "true", back.Field("active"))
		assert.Equal(t, "Returner", back.Field("title"))
		wantSCIM(t, entra.PATCH(user, patchOp(`{"op":"Add","path":"urn:ietf:params:scim:schemas:extension:CustomExtension:2.0:User:tag","value":"x"}`)), http.StatusBadRequest, "invalidPath")
		entra.DELETE(user).WantStatus(http.StatusNoContent)
		wantSCIM(t, entra.GET(user), http.StatusNotFound, "")
		again := entra.POST(scimUsers, scimBody(scimUser, `"externalId":"0a21f0f2","userName":"Kim@entra.example","active":"True","unknown":{"x":1},"urn:x:y":{"z":1}`)).WantStatus(http.StatusCreated)
		assert.Equal(t, "true", again.Field("active"))
		assert.Empty(t, again.Field("unknown"))
	})
}
