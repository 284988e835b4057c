package apptest_test

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/admitdev/admit/cmd/admit/apptest"
)

func TestSCIMKeepsToItsRules(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		for _, rule := range []func(*testing.T, *apptest.Server, *apptest.Client){
			scimFilters, scimPages, scimAttributes, scimVersions, scimRights, scimIsolation, scimBlocking, scimBulk,
			scimMembers, scimDiscovery, scimBadUsers, scimBadPatches, scimBadFilters, scimServerUsers, scimUserTypes,
		} {
			rule(t, s, s.As(apptest.Admin))
		}
	})
}

func scimFilters(t *testing.T, _ *apptest.Server, c *apptest.Client) {
	ids := map[string]string{}
	for name, members := range map[string]string{
		"ada": `"userName":"Filter.Ada","externalId":"X-Ada","title":"Head nurse","name":{"givenName":"Ada","familyName":"Quibble"},"emails":[{"value":"ada@quibble.example","type":"work","primary":true},{"value":"ada@home.example","type":"home"}]`,
		"bea": `"userName":"filter.bea","active":false,"nickName":"B","name":{"givenName":"Bea","familyName":"Quibble Ländler"},"emails":[{"value":"bea@quibble.example","type":"home"}]`,
		"cem": `"userName":"filter.cem","displayName":"Quibble\"s Cem","` + scimEnterprise + `":{"department":"ICU","organization":"Clinic"}`,
	} {
		ids[name] = provision(c, members)
	}
	ward := provisionGroup(c, "Filter ward", ids["ada"], ids["cem"])
	changed := c.GET(scimUsers + "/" + ids["cem"]).Field("meta.lastModified")
	for _, tc := range []struct{ filter, want string }{
		{`userName eq "FILTER.ADA"`, "ada"}, {`userName sw "filter."`, "ada bea cem"}, {`userName co "ter.b"`, "bea"}, {`userName ew ".cem"`, "cem"},
		{`userName sw "filter." and userName ne "filter.bea"`, "ada cem"}, {`userName gt "filter.b" and userName lt "filter.d"`, "bea cem"},
		{`userName ge "filter.bea" and userName le "filter.cem"`, "bea cem"},
		{`externalId eq "X-Ada"`, "ada"}, {`externalId eq "x-ada"`, ""}, {`externalId pr and userName sw "filter."`, "ada"},
		{`userName sw "filter." and not (externalId pr)`, "bea cem"}, {`name.familyName eq "quibble"`, "ada"}, {`name.familyName sw "Quibble"`, "ada bea"},
		{`name.familyName co "ble län"`, "bea"}, {`name.familyName ew "\u00c4NDLER"`, "bea"}, {`displayName eq "quibble\"s cem"`, "cem"},
		{`emails eq "ada@home.example"`, "ada"}, {`emails.value ew "@QUIBBLE.example"`, "ada bea"}, {`emails[type eq "home" and value co "quibble"]`, "bea"},
		{`emails[type eq "work"].value eq "ada@home.example"`, ""}, {`emails[not (type eq "work")] and userName sw "filter."`, "ada bea"},
		{`active eq false and userName sw "filter."`, "bea"}, {`active ne false and userName sw "filter."`, "ada cem"}, {`userName sw "filter." and (active eq "False" or title pr)`, "ada bea"},
		{`userName eq "filter.ada" or userName eq "filter.bea" and active eq true`, "ada"}, {`(userName eq "filter.ada" or userName eq "filter.bea") and active eq true`, "ada"},
		{`userName eq "filter.bea" and active eq true or userName eq "filter.cem"`, "cem"}, {`not (userName eq "filter.ada") and userName sw "filter."`, "bea cem"},
		{`id eq "` + ids["cem"] + `" and meta.lastModified lt "2100-01-01T00:00:00Z"`, "cem"}, {`id eq "` + ids["cem"] + `" and meta.lastModified lt "` + changed + `"`, ""},
		{`id eq "` + ids["cem"] + `" and meta.created le "` + changed + `"`, "cem"}, {`id eq "` + ids["cem"] + `" and meta.created gt "` + changed + `"`, ""},
		{`title eq "head nurse"`, "ada"}, {`title eq null and userName sw "filter."`, "bea cem"}, {`nickName eq "b"`, "bea"},
		{`groups.value eq "` + ward + `"`, "ada cem"}, {`groups[display eq "filter ward"]`, "ada cem"}, {`userName sw "filter." and not (groups eq "` + ward + `")`, "bea"},
		{scimEnterprise + `:department eq "icu"`, "cem"}, {scimEnterprise + `:organization eq "clinic"`, "cem"}, {scimUser + `:userName eq "filter.bea"`, "bea"},
		{`id eq "` + ids["bea"] + `"`, "bea"}, {`userName sw "filter." and id ne "` + ids["bea"] + `"`, "ada cem"},
		{`id eq "` + ids["cem"] + `" and meta.lastModified ge "` + changed + `" and meta.lastModified le "` + changed + `"`, "cem"},
		{`id eq "` + ids["cem"] + `" and meta.lastModified gt "` + changed + `"`, ""}, {`userType eq "practitioner" and userName eq "filter.cem"`, "cem"},
		{`schemas eq "` + scimEnterprise + `" and userName sw "filter."`, "cem"},
	} {
		got := c.GET(filtered(scimUsers, tc.filter)).WantStatus(http.StatusOK)
		var found []string
		for _, name := range []string{"ada", "bea", "cem"} {
			if strings.Contains(got.Field("Resources.#.id"), ids[name]) {
				found = append(found, name)
			}
		}
		assert.Equal(t, tc.want, strings.Join(found, " "), tc.filter)
		assert.Equal(t, fmt.Sprint(len(strings.Fields(tc.want))), got.Field("totalResults"), tc.filter)
	}
}

func scimPages(t *testing.T, _ *apptest.Server, c *apptest.Client) {
	for _, name := range []string{"c", "a", "e", "b", "d"} {
		provision(c, `"userName":"page.`+name+`","title":"`+name+`","externalId":"page.`+name+`"`)
	}
	const ours = `userName sw "page."`
	for _, by := range []string{"userName", "title", "externalId", "urn:ietf:params:scim:schemas:core:2.0:User:username"} {
		got := c.GET(filtered(scimUsers, ours) + "&sortBy=" + by + "&startIndex=2&count=3").WantStatus(http.StatusOK)
		assert.Equal(t, `["page.b","page.c","page.d"]`, got.Field("Resources.#.userName"), by)
		assert.Equal(t, "5", got.Field("totalResults"))
		assert.Equal(t, "2", got.Field("startIndex"))
		assert.Equal(t, "3", got.Field("itemsPerPage"))
		got = c.GET(filtered(scimUsers, ours) + "&sortOrder=descending&count=2&sortBy=" + by).WantStatus(http.StatusOK)
		assert.Equal(t, `["page.e","page.d"]`, got.Field("Resources.#.userName"), by)
	}
	seen := map[string]bool{}
	total := c.GET(scimUsers + "?count=0").WantStatus(http.StatusOK)
	assert.Equal(t, "0", total.Field("Resources.#"))
	for start := 1; ; start += 2 {
		page := c.GET(fmt.Sprintf("%s?startIndex=%d&count=2&sortBy=userName", scimUsers, start)).WantStatus(http.StatusOK)
		assert.Equal(t, total.Field("totalResults"), page.Field("totalResults"))
		if page.Field("itemsPerPage") == "0" {
			break
		}
		for _, id := range strings.Split(strings.Trim(page.Field("Resources.#.id"), "[]"), ",") {
			assert.False(t, seen[id], "on two pages")
			seen[id] = true
		}
	}
	assert.Equal(t, total.Field("totalResults"), fmt.Sprint(len(seen)))
	search := c.POST(scimUsers+"/.search", `{"schemas":["urn:ietf:params:scim:api:messages:2.0:SearchRequest"],"filter":"userName sw \"page.\"","sortBy":"title","count":1,"startIndex":5,"attributes":["userName"]}`).WantStatus(http.StatusOK)
	assert.Equal(t, "page.e", search.Field("Resources.0.userName"))
	assert.Equal(t, "5", search.Field("totalResults"))
	for query, scimType := range map[string]string{"startIndex=one": "invalidValue", "count=1.5": "invalidValue", "sortBy=nothing": "invalidPath", "sortOrder=up": "invalidValue", "sortBy=password": "invalidPath"} {
		wantSCIM(t, c.GET(scimUsers+"?"+query), http.StatusBadRequest, scimType)
	}
	assert.Equal(t, "1", c.GET(scimUsers+"?startIndex=-4&count=1").WantStatus(http.StatusOK).Field("startIndex"))
	assert.Equal(t, "0", c.GET(scimUsers+"?count=-4").WantStatus(http.StatusOK).Field("itemsPerPage"))
	for _, by := range []string{"displayName", "id", "meta.lastModified", "externalId"} {
		provisionGroup(c, "Sorted "+by)
		c.GET(scimGroups + "?sortBy=" + by).WantStatus(http.StatusOK)
	}
	assert.Equal(t, `["Sorted meta.lastModified","Sorted id","Sorted externalId","Sorted displayName"]`,
		c.GET(filtered(scimGroups, `displayName sw "sorted"`)+"&sortBy=displayName&sortOrder=descending").WantStatus(http.StatusOK).Field("Resources.#.displayName"))
}

func scimAttributes(t *testing.T, _ *apptest.Server, c *apptest.Client) {
	path := scimUsers + "/" + provision(c, `"userName":"attributes","title":"T","name":{"givenName":"G","familyName":"F"},"emails":[{"value":"at@tributes.example","type":"work"}],"`+scimEnterprise+`":{"department":"D","division":"V"}`)
	for query, want := range map[string]string{
		"attributes=userName": `{"id":"ID","schemas":S,"userName":"attributes"}`, "attributes=nothing": `{"id":"ID","schemas":S}`,
		"attributes=name.givenName,emails.value":     `{"emails":[{"value":"at@tributes.example"}],"id":"ID","name":{"givenName":"G"},"schemas":S}`,
		"attributes=" + scimEnterprise + ":division": `{"id":"ID","schemas":S,"` + scimEnterprise + `":{"division":"V"}}`,
		"attributes=" + scimEnterprise:               `{"id":"ID","schemas":S,"` + scimEnterprise + `":{"department":"D","division":"V"}}`,
		"excludedAttributes=id,meta,groups,userType,active,title,displayName,name.familyName,emails," + scimEnterprise:      `{"id":"ID","name":{"givenName":"G"},"schemas":S,"userName":"attributes"}`,
		"excludedAttributes=meta,groups,userType,active,title,displayName,name,emails.type," + scimEnterprise + ":division": `{"emails":[{"value":"at@tributes.example"}],"id":"ID","schemas":S,"` + scimEnterprise + `":{"department":"D"},"userName":"attributes"}`,
	} {
		got := c.GET(path + "?" + query).WantStatus(http.StatusOK)
		assert.JSONEq(t, strings.NewReplacer(`"ID"`, `"`+got.Field("id")+`"`, `"schemas":S`, `"schemas":["`+scimUser+`","`+scimEnterprise+`"]`).Replace(want), string(got.Body), query)
	}
	wantSCIM(t, c.GET(path+"?attributes=id&excludedAttributes=name"), http.StatusBadRequest, "invalidValue")
	emails := func(word string, n int) string {
		var list []string
		for i := range n {
			list = append(list, fmt.Sprintf(`{"value":"%s.%d@tributes.example"}`, word, i))
		}
		return `{"op":"add","path":"emails","value":[` + strings.Join(list, ",") + `]}`
	}
	wantSCIM(t, c.PATCH(path, patchOp(emails("a", 201))), http.StatusBadRequest, "invalidValue")
	wantSCIM(t, c.PATCH(path, patchOp(emails("a", 100), emails("b", 100))), http.StatusBadRequest, "invalidValue")
	patched := c.PATCH(path+"?attributes=title", patchOp(`{"op":"remove","path":"title"}`)).WantStatus(http.StatusOK)
	assert.Empty(t, patched.Field("title")+patched.Field("userName"))
	group := provisionGroup(c, "Attributes")
	assert.Equal(t, "Attributes", c.PATCH(scimGroups+"/"+group+"?attributes=displayName", patchOp(`{"op":"replace","path":"externalId","value":"e"}`)).WantStatus(http.StatusOK).Field("displayName"))
	assert.Equal(t, "e", c.GET(scimGroups+"/"+group).Field("externalId"))
}

func scimVersions(t *testing.T, _ *apptest.Server, c *apptest.Client) {
	user, group := provision(c, `"userName":"versions"`), provisionGroup(c, "Versions")
	for _, resource := range [][2]string{
		{scimGroups + "/" + group, scimBody(scimGroup, `"displayName":"Versions","members":[{"value":"`+user+`"}]`)},
		{scimUsers + "/" + user, scimBody(scimUser, `"userName":"versions","title":"x"`)},
	} {
		path, body := resource[0], resource[1]
		first := c.GET(path).WantStatus(http.StatusOK)
		tag := first.Header.Get("ETag")
		require.Equal(t, first.Field("meta.version"), tag)
		c.With("If-None-Match", tag).GET(path).WantStatus(http.StatusNotModified)
		second := c.With("If-Match", tag).PUT(path, body).WantStatus(http.StatusOK).Header.Get("ETag")
		require.NotEqual(t, tag, second)
		c.With("If-None-Match", tag).GET(path).WantStatus(http.StatusOK)
		wantSCIM(t, c.With("If-Match", tag).PUT(path, body), http.StatusPreconditionFailed, "")
		wantSCIM(t, c.With("If-Match", tag).PATCH(path, patchOp(`{"op":"replace","path":"displayName","value":"Other"}`)), http.StatusPreconditionFailed, "")
		wantSCIM(t, c.With("If-Match", tag).DELETE(path), http.StatusPreconditionFailed, "")
		assert.Equal(t, second, c.GET(path).Header.Get("ETag"), "nothing has changed")
		c.With("If-Match", "*").PATCH(path, patchOp(`{"op":"replace","path":"displayName","value":"Other"}`)).OK()
		c.With("If-Match", c.GET(path).Header.Get("ETag")).DELETE(path).WantStatus(http.StatusNoContent)
		wantSCIM(t, c.DELETE(path), http.StatusNotFound, "")
	}
}

func scimRights(t *testing.T, s *apptest.Server, c *apptest.Client) {
	c.POST("/admin/projects/"+c.Project+"/settings", `[{"name":"practitionersManageUsers","valueBoolean":true}]`).WantStatus(http.StatusOK)
	manager := s.As(apptest.Practitioner)
	manager.GET(usersOf(manager)).WantStatus(http.StatusOK) // who manages some users is no administrator here
	wantSCIM(t, manager.GET(scimUsers), http.StatusForbidden, "")
	wantSCIM(t, manager.POST(scimUsers, scimBody(scimUser, `"userName":"rights"`)), http.StatusForbidden, "")
	wantSCIM(t, s.As(apptest.Anonymous).GET(scimUsers), http.StatusUnauthorized, "")
	wantSCIM(t, c.GET("/scim/v2/Nothing"), http.StatusNotFound, "")
	c.POST("/admin/projects/"+c.Project+"/settings", `[]`).WantStatus(http.StatusOK)

	owned := c.GET(usersOf(c) + "/" + strings.TrimPrefix(c.Membership, "ProjectMembership/")).Field("roles.0.id")
	made := c.POST(scimUsers, scimBody(scimUser, `"userName":"climber","admin":true,"roles":[{"value":"admin"}],"entitlements":[{"value":"all"}],`+
		`"groups":[{"value":"`+owned+`"}],"userType":"Patient","accessPolicy":{"reference":"AccessPolicy/`+owned+`"},"meta":{"version":"x"},"id":"`+owned+`"`)).WantStatus(http.StatusCreated)
	native := c.GET(usersOf(c) + "/" + made.Field("id")).WantStatus(http.StatusOK)
	assert.Equal(t, "false", native.Field("admin"))
	assert.NotContains(t, native.Field("roles.#.id"), owned)
	assert.NotEmpty(t, native.Field("roles.0.id"), "the project's default")
	assert.Empty(t, made.Field("roles")+made.Field("entitlements"))
	for path, scimType := range map[string]string{"admin": "invalidPath", "roles": "invalidPath", "groups": "mutability", "id": "mutability", "meta.version": "mutability", "schemas": "mutability", "accessPolicy": "invalidPath"} {
		wantSCIM(t, c.PATCH(scimUsers+"/"+made.Field("id"), patchOp(`{"op":"add","path":"`+path+`","value":[{"value":"`+owned+`"}]}`)), http.StatusBadRequest, scimType)
	}
	c.PATCH(scimUsers+"/"+made.Field("id"), patchOp(`{"op":"add","value":{"admin":true,"groups":[{"value":"`+owned+`"}]}}`)).WantStatus(http.StatusOK)
	assert.Equal(t, native.Field("roles"), c.GET(usersOf(c)+"/"+made.Field("id")).Field("roles"))
	owner := scimUsers + "/" + strings.TrimPrefix(c.Membership, "ProjectMembership/")
	wantSCIM(t, c.DELETE(owner), http.StatusBadRequest, "invalidValue")
}

func scimIsolation(t *testing.T, s *apptest.Server, here *apptest.Client) {
	there := s.As(apptest.OtherAdmin)
	theirs, mine := provision(there, `"userName":"isolated","externalId":"isolated","emails":[{"value":"iso@lated.example"}]`), provision(here, `"userName":"ours"`)
	group := provisionGroup(there, "Isolated", theirs)
	body := scimBody(scimUser, `"userName":"x"`)
	for _, got := range []*apptest.Answer{
		here.GET(scimUsers + "/" + theirs), here.PUT(scimUsers+"/"+theirs, body), here.DELETE(scimUsers + "/" + theirs),
		here.PATCH(scimUsers+"/"+theirs, patchOp(`{"op":"replace","path":"active","value":false}`)),
		here.GET(scimGroups + "/" + group), here.PUT(scimGroups+"/"+group, scimBody(scimGroup, `"displayName":"x"`)), here.DELETE(scimGroups + "/" + group),
		here.PATCH(scimGroups+"/"+group, patchOp(`{"op":"add","path":"members","value":[{"value":"`+mine+`"}]}`)),
		here.GET(scimGroups + "/" + theirs), here.GET(scimUsers + "/" + group),
	} {
		wantSCIM(t, got, http.StatusNotFound, "")
	}
	wantSCIM(t, here.POST(scimGroups, scimBody(scimGroup, `"displayName":"Grab","members":[{"value":"`+theirs+`"}]`)), http.StatusBadRequest, "invalidValue")
	assert.Equal(t, "0", here.GET(filtered(scimGroups, `displayName eq "Grab"`)).Field("totalResults"), "all or nothing")
	for _, filter := range []string{`userName eq "isolated"`, `externalId eq "isolated"`, `emails eq "iso@lated.example"`, `id eq "` + theirs + `"`, `groups eq "` + group + `"`} {
		assert.Equal(t, "0", here.GET(filtered(scimUsers, filter)).WantStatus(http.StatusOK).Field("totalResults"), filter)
		assert.Equal(t, "1", there.GET(filtered(scimUsers, filter)).WantStatus(http.StatusOK).Field("totalResults"), filter)
	}
	assert.Equal(t, "0", here.GET(filtered(scimGroups, `members eq "`+theirs+`"`)).WantStatus(http.StatusOK).Field("totalResults"))
	provision(here, `"userName":"isolated","externalId":"isolated","emails":[{"value":"iso@lated.example"}]`) // is somebody else here
	for _, resource := range []string{"Patient", "Practitioner"} {
		id := here.POST("/fhir/R4/"+resource, `{"resourceType":"`+resource+`"}`).WantStatus(http.StatusCreated).Field("id")
		wantSCIM(t, here.GET(scimUsers+"/"+id), http.StatusNotFound, "")
	}
	_, program, _ := strings.Cut(s.As(apptest.Program).Membership, "/")
	wantSCIM(t, here.GET(scimUsers+"/"+program), http.StatusNotFound, "")
	wantSCIM(t, here.POST(scimGroups, scimBody(scimGroup, `"displayName":"Program","members":[{"value":"`+program+`"}]`)), http.StatusBadRequest, "invalidValue")
}

func scimBlocking(t *testing.T, s *apptest.Server, c *apptest.Client) {
	id := provision(c, `"userName":"blocked@scim.example","password":"`+apptest.Password+`"`)
	user := scimUsers + "/" + id
	assert.Empty(t, c.GET(user).Field("password"))
	session := s.SignIn("blocked@scim.example", apptest.Password, c.Project)
	session.GET("/auth/me").WantStatus(http.StatusOK)
	c.PATCH(user, patchOp(`{"op":"Replace","path":"active","value":"False"}`)).WantStatus(http.StatusOK)
	session.GET("/auth/me").WantStatus(http.StatusUnauthorized)
	signInByName(s, c.Project, "blocked@scim.example", apptest.Password).WantStatus(http.StatusBadRequest)
	c.PUT(user, scimBody(scimUser, `"userName":"blocked@scim.example","displayName":"Still"`)).WantStatus(http.StatusOK)
	assert.Equal(t, "false", c.GET(user).Field("active"), "what is not said stays")
	c.PUT(user, scimBody(scimUser, `"userName":"blocked@scim.example","active":true`)).WantStatus(http.StatusOK)
	signInByName(s, c.Project, "blocked@scim.example", apptest.Password).WantStatus(http.StatusOK)
	session = s.SignIn("blocked@scim.example", apptest.Password, c.Project)
	c.PATCH(user, patchOp(`{"op":"replace","value":{"password":"Another-horse-battery-25"}}`)).WantStatus(http.StatusOK)
	session.GET("/auth/me").WantStatus(http.StatusUnauthorized)
	wantSCIM(t, c.PATCH(user, patchOp(`{"op":"replace","path":"password","value":"short"}`)), http.StatusBadRequest, "invalidValue")
	session = s.SignIn("blocked@scim.example", "Another-horse-battery-25", c.Project)
	c.DELETE(user).WantStatus(http.StatusNoContent)
	session.GET("/auth/me").WantStatus(http.StatusUnauthorized)
	assert.NotEqual(t, id, provision(c, `"userName":"blocked@scim.example"`), "the name is free")
}

func scimBulk(t *testing.T, _ *apptest.Server, c *apptest.Client) {
	request := func(failOnErrors int, operations ...string) string {
		return fmt.Sprintf(`{"schemas":["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],"failOnErrors":%d,"Operations":[%s]}`, failOnErrors, strings.Join(operations, ","))
	}
	post := func(path, bulkID, data string) string {
		return `{"method":"POST","path":"` + path + `","bulkId":"` + bulkID + `","data":` + data + `}`
	}
	ann, ward := scimBody(scimUser, `"userName":"bulk.ann"`), scimBody(scimGroup, `"displayName":"Bulk ward","members":[{"value":"bulkId:ann"}]`)
	got := c.POST("/scim/v2/Bulk", request(0,
		post("/Groups", "ward", ward), // refers to what is made after it
		post("/Users", "ann", ann), post("/Users", "again", ann),
		`{"method":"PATCH","path":"/Users/bulkId:ann","data":`+patchOp(`{"op":"add","path":"title","value":"Nurse"}`)+`}`,
		post("/Groups", "lost", scimBody(scimGroup, `"displayName":"Lost","members":[{"value":"bulkId:nobody"}]`)),
		post("/Groups", "loop", scimBody(scimGroup, `"displayName":"Loop","members":[{"value":"bulkId:loop"}]`)),
		`{"method":"GET","path":"/Users"}`, `{"method":"DELETE","path":"/Nothing/1"}`,
		`{"method":"POST","path":"/Users","data":`+scimBody(scimUser, `"userName":"bulk.noid"`)+`}`,
	)).WantStatus(http.StatusOK)
	assert.Equal(t, `["201","201","409","200","409","409","400","404","400"]`, got.Field("Operations.#.status"), string(got.Body))
	assert.Equal(t, "uniqueness", got.Field("Operations.2.response.scimType"))
	id := strings.TrimPrefix(got.Field("Operations.1.location"), c.GET(scimUsers+"?count=1").Field("Resources.0.meta.location"))
	id = id[strings.LastIndex(id, "/")+1:]
	assert.Equal(t, "Nurse", c.GET(scimUsers+"/"+id).WantStatus(http.StatusOK).Field("title"))
	group := got.Field("Operations.0.location")
	group = group[strings.LastIndex(group, "/")+1:]
	assert.Equal(t, `["`+id+`"]`, membersOf(c, group))
	tag := c.GET(scimUsers + "/" + id).Header.Get("ETag")
	got = c.POST("/scim/v2/Bulk", request(1,
		`{"method":"put","path":"/Users/`+id+`","version":"`+strings.ReplaceAll(tag, `"`, `\"`)+`","data":`+scimBody(scimUser, `"userName":"bulk.anna"`)+`}`,
		`{"method":"DELETE","path":"/Users/`+id+`","version":"W/\"old\""}`,
		`{"method":"DELETE","path":"/Users/`+id+`"}`)).WantStatus(http.StatusOK)
	assert.Equal(t, `["200","412"]`, got.Field("Operations.#.status"))
	got = c.POST("/scim/v2/Bulk", request(0, `{"method":"DELETE","path":"/Users/`+id+`"}`)).WantStatus(http.StatusOK)
	assert.Equal(t, "204", got.Field("Operations.0.status"))

	many := make([]string, 501)
	for i := range many {
		many[i] = `{"method":"DELETE","path":"/Users/x"}`
	}
	wantSCIM(t, c.POST("/scim/v2/Bulk", request(0, many...)), http.StatusRequestEntityTooLarge, "")
	wantSCIM(t, c.POST("/scim/v2/Bulk", request(0, `{"data":{"x":"`+strings.Repeat("x", 1<<20)+`"}}`)), http.StatusRequestEntityTooLarge, "")
	wantSCIM(t, c.POST("/scim/v2/Bulk", request(0, post("/Users", "a", ann), post("/Users", "a", ann))), http.StatusBadRequest, "invalidValue")
	wantSCIM(t, c.POST("/scim/v2/Bulk", `{"Operations":[]}`), http.StatusBadRequest, "invalidSyntax")
	wantSCIM(t, c.POST("/scim/v2/Bulk", strings.Repeat("[", 1000)), http.StatusBadRequest, "invalidSyntax")
	wantSCIM(t, c.POST(scimUsers, scimBody(scimUser, `"userName":"deep","name":`+strings.Repeat(`{"name":`, 200)+`1`+strings.Repeat("}", 200))), http.StatusBadRequest, "invalidSyntax")
}

func scimMembers(t *testing.T, _ *apptest.Server, c *apptest.Client) {
	one, two := provision(c, `"userName":"member.one"`), provision(c, `"userName":"member.two"`)
	group := provisionGroup(c, "Members", one, two)
	path := scimGroups + "/" + group
	assert.Contains(t, c.GET(usersOf(c)+"/"+one).Field("roles.#.id"), group, "a member has the role")
	assert.Contains(t, c.GET(scimUsers+"/"+one).Field("groups.#.value"), group)
	before := membersOf(c, group)
	// One that is unknown leaves all as they were.
	wantSCIM(t, c.PATCH(path, patchOp(`{"op":"remove","path":"members[value eq \"`+one+`\"]"}`,
		`{"op":"add","path":"members","value":[{"value":"01a00000-0000-7000-8000-000000000000"}]}`)), http.StatusBadRequest, "invalidValue")
	assert.Equal(t, before, membersOf(c, group))
	c.PATCH(path, patchOp(`{"op":"remove","path":"members[value eq \"01a00000-0000-7000-8000-000000000000\"]"}`)).WantStatus(http.StatusNoContent)
	for _, nobody := range []string{
		`"path":"members","value":[]`, `"path":"members","value":{}`, `"path":"members","value":[{}]`, `"path":"Members","value":""`,
		`"path":"members","value":[{"value":"01a00000-0000-7000-8000-000000000000"}]`, `"path":"` + scimGroup + `:members","value":{"value":"01a00000-0000-7000-8000-000000000000"}`,
	} {
		c.PATCH(path, patchOp(`{"op":"Remove",`+nobody+`}`)).WantStatus(http.StatusNoContent)
		assert.Equal(t, before, membersOf(c, group), nobody)
	}
	for _, unclear := range []string{
		`{"op":"remove","path":"members","value":null}`, `{"op":"remove","path":"members","value":[null]}`, `{"op":"REMOVE","path":"/members","value":null}`, `{"op":"replace","path":"members"}`, `{"op":"remove"}`, `{"op":"remove","value":{"members":[]}}`,
		`{"op":"remove","path":"members","value":7}`, `{"op":"remove","path":"members","value":[{"display":"x"}]}`, `{"op":"remove","path":"members.value"}`, `{"op":"remove","path":"members[]"}`,
		`{"op":"remove","path":"members[value eq null]"}`, `{"op":"remove","path":"members[value eq \"\"]"}`, `{"op":"remove","path":"members[not (value eq \"x\")]"}`, `{"op":"remove","path":"members[value pr]"}`, `{"op":"remove","path":"members[value ne \"x\"]"}`,
	} {
		assert.Equal(t, http.StatusBadRequest, c.PATCH(path, patchOp(unclear)).Status, unclear)
		assert.Equal(t, before, membersOf(c, group), unclear)
	}
	for operation, scimType := range map[string]string{
		`{"op":"add","path":"members[value eq \"x\"]","value":{"value":"x"}}`:              "invalidPath",
		`{"op":"remove","path":"members[display eq \"x\"]"}`:                               "invalidPath",
		`{"op":"replace","path":"members.display","value":"x"}`:                            "mutability",
		`{"op":"add","path":"members","value":[{"display":"x"}]}`:                          "invalidValue",
		`{"op":"add","path":"members","value":[{"value":"` + group + `","type":"Group"}]}`: "invalidValue",
		`{"op":"remove","path":"displayName"}`:                                             "invalidValue",
		`{"op":"replace","path":"displayName","value":"  "}`:                               "invalidValue",
	} {
		wantSCIM(t, c.PATCH(path, patchOp(operation)), http.StatusBadRequest, scimType)
	}
	for filter, want := range map[string]string{
		`members eq "` + one + `"`: "1", `members.value eq "` + one + `" and members.value eq "` + two + `"`: "1", `members[value eq "` + one + `" or value eq "x"]`: "1",
		`members eq "x"`: "0", `not (members eq "` + one + `")`: "0", `not (members eq "x")`: "1",
	} {
		assert.Equal(t, want, c.GET(filtered(scimGroups, `id eq "`+group+`" and `+filter)).WantStatus(http.StatusOK).Field("totalResults"), filter)
	}
	for _, filter := range []string{`members pr`, `members ne "x"`, `not (members pr)`, `members eq null`, `members sw "0"`, `members.display eq "x"`, `members[display sw "A"]`, `members[not (value eq "x")]`, `members[value pr]`, `displayName eq "x" or members.type eq "User"`} {
		wantSCIM(t, c.GET(filtered(scimGroups, filter)), http.StatusBadRequest, "invalidFilter")
	}
	wantSCIM(t, c.GET(scimGroups+"?sortBy=members.value"), http.StatusBadRequest, "invalidFilter")
	c.PATCH(path, patchOp(`{"op":"remove","path":"members[value eq \"`+one+`\" or value eq \"`+two+`\"]"}`)).WantStatus(http.StatusNoContent)
	assert.Empty(t, membersOf(c, group))
	many := make([]string, 1001)
	for i := range many {
		many[i] = fmt.Sprintf(`{"value":"01a00000-0000-7000-8000-%012d"}`, i)
	}
	wantSCIM(t, c.PATCH(path, patchOp(`{"op":"add","path":"members","value":[`+strings.Join(many, ",")+`]}`)), http.StatusBadRequest, "tooMany")
	provisionGroup(c, "Taken")
	wantSCIM(t, c.PATCH(path, patchOp(`{"op":"replace","path":"displayName","value":"Taken"}`)), http.StatusConflict, "uniqueness")
	wantSCIM(t, c.POST(scimGroups, scimBody(scimGroup, `"displayName":"Taken"`)), http.StatusConflict, "uniqueness")
	c.PATCH(path, patchOp(`{"op":"replace","path":"displayName","value":"Renamed"}`)).WantStatus(http.StatusNoContent)
	provisionGroup(c, "Members") // its old name is free
	role := c.GET(usersOf(c) + "/" + one).Field("roles.0.id")
	wantSCIM(t, c.DELETE(scimGroups+"/"+role), http.StatusBadRequest, "invalidValue") // what new members are given stays
	assert.Contains(t, c.GET(scimUsers+"/"+one).Field("groups.#.value"), role)
}

func scimDiscovery(t *testing.T, s *apptest.Server, c *apptest.Client) {
	config := c.GET("/scim/v2/ServiceProviderConfig").WantStatus(http.StatusOK)
	for _, feature := range []string{"patch", "bulk", "filter", "changePassword", "sort", "etag"} {
		assert.Equal(t, "true", config.Field(feature+".supported"), feature)
	}
	for list, ids := range map[string][]string{"ResourceTypes": {"User", "Group"}, "Schemas": {scimUser, scimEnterprise, scimGroup}} {
		all := c.GET("/scim/v2/" + list).WantStatus(http.StatusOK)
		assert.Equal(t, fmt.Sprint(len(ids)), all.Field("totalResults"))
		for _, id := range ids {
			assert.Equal(t, id, c.GET("/scim/v2/"+list+"/"+id).WantStatus(http.StatusOK).Field("id"))
		}
		wantSCIM(t, c.GET("/scim/v2/"+list+"/Nothing"), http.StatusNotFound, "")
		wantSCIM(t, c.GET("/scim/v2/"+list+"?filter="+url.QueryEscape(`id pr`)), http.StatusForbidden, "")
	}
	assert.Empty(t, c.GET("/scim/v2/Schemas/"+scimUser).Field(`attributes.#(name=="roles")`))
	me := c.GET("/scim/v2/Me").WantStatus(http.StatusOK)
	assert.Equal(t, strings.TrimPrefix(c.Membership, "ProjectMembership/"), me.Field("id"))
	assert.Equal(t, me.Field("meta.location"), c.PATCH("/scim/v2/Me", patchOp(`{"op":"replace","path":"title","value":"Owner"}`)).WantStatus(http.StatusOK).Field("meta.location"))
	wantSCIM(t, c.DELETE("/scim/v2/Me"), http.StatusBadRequest, "invalidValue")
	wantSCIM(t, scimClient(s).GET("/scim/v2/Me"), http.StatusNotFound, "") // a client is no User
}

func scimBadUsers(t *testing.T, s *apptest.Server, c *apptest.Client) {
	long := strings.Repeat("x", 300)
	for members, detail := range map[string]string{
		`"displayName":"x"`: "userName", `"userName":""`: "userName", `"userName":7`: "userName", `"userName":["a","b"]`: "userName", `"userName":"` + long + `"`: "userName",
		`"userName":"a\u0000b"`: "userName", `"userName":"+491234567"`: "userName", `"userName":"no address@x"`: "emails",
		`"userName":"u","externalId":"` + long + `"`: "externalId", `"userName":"u","externalId":{}`: "externalId",
		`"userName":"u","name":"N"`: "name", `"userName":"u","name":{"givenName":["a","b"]}`: "name.givenName", `"userName":"u","name":{"givenName":"` + long + `"}`: "name.givenName",
		`"userName":"u","name":{"familyName":"a\nb"}`: "name.familyName", `"userName":"u","displayName":"` + long + `"`: "displayName", `"userName":"u","nickName":"` + long + `"`: "nickName",
		`"userName":"u","active":"perhaps"`: "active", `"userName":"u","active":1`: "active", `"userName":"u","userType":"Employee"`: "userType", `"userName":"u","userType":"RelatedPerson"`: "patient",
		`"userName":"u","emails":"x"`: "emails", `"userName":"u","emails":[{"value":"x"}]`: "emails", `"userName":"u","emails":[{"value":"a@b","primary":"yes"}]`: "emails[0].primary",
		`"userName":"u","emails":[{"value":"a@x.example","primary":true},{"value":"b@x.example","primary":true}]`: "emails",
		`"userName":"u","phoneNumbers":[{"type":"mobile","value":"call me"}]`:                                     "phoneNumbers", `"userName":"u","phoneNumbers":[7]`: "phoneNumbers[0]",
		`"userName":"u","password":"short"`: "password", `"userName":"u","password":{}`: "password", `"userName":"u","title":{}`: "title", `"userName":"u","addresses":[[]]`: "addresses[0]",
		`"userName":"u","profileUrl":1`: "profileUrl", `"userName":"u","title":"` + strings.Repeat("x", 70_000) + `"`: "bytes",
		`"userName":"u","` + scimEnterprise + `":"x"`: scimEnterprise, `"userName":"u","` + scimEnterprise + `":{"manager":7}`: scimEnterprise + ":manager",
		`"userName":"u","` + scimEnterprise + `":{"organization":"` + long + `"}`: "organization",
	} {
		got := c.POST(scimUsers, scimBody(scimUser, members))
		wantSCIM(t, got, http.StatusBadRequest, "invalidValue")
		assert.Contains(t, got.Field("detail"), detail, "%.200s", members)
	}
	for _, body := range []string{`{"userName":"u"}`, scimBody(scimGroup, `"userName":"u"`), `{`, `[]`, ``, `"x"`, scimBody(scimUser, `"userName":"u","USERNAME":"v"`), scimBody(scimUser, `"userName":"u","userName":"v"`)} {
		wantSCIM(t, c.POST(scimUsers, body), http.StatusBadRequest, "invalidSyntax")
	}
	wantSCIM(t, c.With("Content-Type", "text/plain").POST(scimUsers, scimBody(scimUser, `"userName":"u"`)), http.StatusUnsupportedMediaType, "")
	s.WantUnchanged("ProjectMembership")
	taken := provision(c, `"userName":"taken","externalId":"taken","emails":[{"value":"taken@scim.example"}],"phoneNumbers":[{"type":"mobile","value":"tel:+49-151-1234567"}]`)
	assert.Equal(t, "tel:+49-151-1234567", c.GET(scimUsers+"/"+taken).Field("phoneNumbers.0.value"), "as it was written")
	other := provision(c, `"userName":"not.taken"`)
	for _, members := range []string{`"userName":"Taken"`, `"userName":"TAKEN"`} { // RFC 7643 §4.1.1: userName is not caseExact
		wantSCIM(t, c.POST(scimUsers, scimBody(scimUser, members)), http.StatusConflict, "uniqueness")
		wantSCIM(t, c.PUT(scimUsers+"/"+other, scimBody(scimUser, members)), http.StatusConflict, "uniqueness")
		wantSCIM(t, c.PATCH(scimUsers+"/"+other, patchOp(`{"op":"replace","value":{`+members+`}}`)), http.StatusConflict, "uniqueness")
		assert.Equal(t, "1", c.GET(filtered(scimUsers, `userName eq "tAKEN"`)).WantStatus(http.StatusOK).Field("totalResults"))
	}
	assert.Equal(t, "Not.Taken", c.PATCH(scimUsers+"/"+other, patchOp(`{"op":"replace","path":"userName","value":"Not.Taken"}`)).WantStatus(http.StatusOK).Field("userName"), "one's own")
	atOnce := make(chan int, 4)
	for _, name := range []string{"at.once", "At.Once", "AT.ONCE", "at.oncE"} {
		go func() { atOnce <- c.POST(scimUsers, scimBody(scimUser, `"userName":"`+name+`"`)).Status }()
	}
	statuses := []int{<-atOnce, <-atOnce, <-atOnce, <-atOnce}
	slices.Sort(statuses)
	assert.Equal(t, []int{http.StatusCreated, http.StatusConflict, http.StatusConflict, http.StatusConflict}, statuses)
	for _, members := range []string{`"userName":"taken"`, `"externalId":"taken"`, `"emails":[{"value":"TAKEN@scim.example"}]`, `"phoneNumbers":[{"type":"mobile","value":"+491511234567"}]`} {
		wantSCIM(t, c.PATCH(scimUsers+"/"+other, patchOp(`{"op":"replace","value":{`+members+`}}`)), http.StatusConflict, "uniqueness")
	}
	provision(c, `"userName":"third","phoneNumbers":[{"type":"work","value":"+491511234567"}]`) // a number at work is no name
}

func scimBadPatches(t *testing.T, _ *apptest.Server, c *apptest.Client) {
	path := scimUsers + "/" + provision(c, `"userName":"bad.patches","emails":[{"value":"bad@patches.example","type":"work"}]`)
	before := c.GET(path).Body
	for operation, scimType := range map[string]string{
		`{"op":"move","path":"title"}`: "invalidSyntax", `{"path":"title"}`: "invalidSyntax", `7`: "invalidSyntax", `{"op":"remove"}`: "noTarget",
		`{"op":"add","path":"title"}`: "invalidValue", `{"op":"replace","path":"emails"}`: "invalidValue", `{"op":"remove","path":"emails","value":null}`: "invalidValue",
		`{"op":"add","value":"x"}`: "invalidValue", `{"op":"add"}`: "invalidValue", `{"op":"add","path":7,"value":"x"}`: "invalidPath", `{"op":"add","path":"nothing","value":"x"}`: "invalidPath",
		`{"op":"add","path":"name.nothing","value":"x"}`: "invalidPath", `{"op":"add","path":"emails[type eq","value":"x"}`: "invalidPath", `{"op":"add","path":"emails[nothing eq 1]","value":"x"}`: "invalidPath",
		`{"op":"add","path":"title[type eq \"x\"]","value":"x"}`: "invalidPath", `{"op":"add","path":"emails[type eq \"work\"].nothing","value":"x"}`: "invalidPath", `{"op":"add","path":"title x","value":"x"}`: "invalidPath",
		`{"op":"replace","path":"emails[type eq \"fax\"].value","value":"x@y"}`: "noTarget", `{"op":"replace","path":"emails[type eq \"work\"].value","value":7}`: "invalidValue",
		`{"op":"replace","path":"emails","value":7}`: "invalidValue", `{"op":"remove","path":"userName"}`: "invalidValue", `{"op":"replace","path":"userType","value":"Patient"}`: "mutability",
		`{"op":"replace","path":"urn:x:title","value":"x"}`: "invalidPath", `{"op":"replace","path":"` + scimEnterprise + `","value":"x"}`: "invalidValue",
		`{"op":"replace","path":"active","value":[true,false]}`: "invalidValue", `{"op":"add","path":"emails[` + strings.Repeat("(", 50) + `type pr` + strings.Repeat(")", 50) + `]","value":{}}`: "invalidPath",
	} {
		wantSCIM(t, c.PATCH(path, patchOp(`{"op":"add","path":"title","value":"never"}`, operation)), http.StatusBadRequest, scimType)
	}
	wantSCIM(t, c.PATCH(path, scimBody(scimUser, `"Operations":[{"op":"add","path":"title","value":"x"}]`)), http.StatusBadRequest, "invalidSyntax")
	wantSCIM(t, c.PATCH(path, patchOp()), http.StatusBadRequest, "invalidSyntax")
	assert.JSONEq(t, string(before), string(c.GET(path).Body), "all operations or none")
	c.PATCH(path, patchOp(`{"op":"add","path":"emails","value":[{"value":"two@patches.example","type":"home","primary":true}]}`)).WantStatus(http.StatusOK)
	got := c.PATCH(path, patchOp(`{"op":"remove","path":"emails","value":[{"value":"bad@patches.example"}]}`)).WantStatus(http.StatusOK)
	assert.Equal(t, `["two@patches.example"]`, got.Field("emails.#.value"), "one of them")
	assert.Equal(t, "two@patches.example", c.GET(usersOf(c)+"/"+got.Field("id")).Field("email"))
}

func scimBadFilters(t *testing.T, _ *apptest.Server, c *apptest.Client) {
	terms := make([]string, 150)
	for i := range terms {
		terms[i] = `title pr`
	}
	for _, filter := range []string{
		`userName`, `userName eq`, `userName is "x"`, `userName eq x`, `userName eq "x`, `userName eq "x" and`, `(userName pr`, `userName pr)`, `eq "x"`, `nothing eq "x"`, `password eq "x"`, `password sw "a"`,
		`active gt true`, `active eq "x"`, `userName eq 7`, `userName gt true`, `meta.lastModified eq "yesterday"`, `meta.lastModified co "2026-01-01T00:00:00Z"`, `name eq "x"`, `title[type eq "x"]`, `emails[type eq "x"`,
		`emails[type eq "x"].nothing eq "y"`, `urn:x:userName pr`, `userName eq "\x"`, strings.Repeat("(", 30) + `title pr` + strings.Repeat(")", 30), strings.Join(terms, " or "), `userName eq "` + strings.Repeat("x", 9000) + `"`,
		`not title pr`, "userName eq \"a\nb\"", "\x00", `title pr; drop table`,
	} {
		wantSCIM(t, c.GET(filtered(scimUsers, filter)), http.StatusBadRequest, "invalidFilter")
	}
	assert.Equal(t, "0", c.GET(filtered(scimUsers, `userName eq "x' or '1'='1" or userName co "%"`)).WantStatus(http.StatusOK).Field("totalResults"))
}

func scimServerUsers(t *testing.T, s *apptest.Server, c *apptest.Client) {
	s.Invite(c, "Practitioner", "invited@scim.example", "")
	found := c.GET(filtered(scimUsers, `userName eq "Invited@scim.example"`)).WantStatus(http.StatusOK)
	require.Equal(t, "1", found.Field("totalResults"), "who has no login goes by the address")
	path := scimUsers + "/" + found.Field("Resources.0.id")
	assert.Equal(t, found.Field("Resources.0.id"), c.GET(filtered(scimUsers, `emails.value eq "invited@scim.example"`)).Field("Resources.0.id"))
	body := scimBody(scimUser, `"userName":"invited@scim.example","externalId":"inv","emails":[{"value":"invited@scim.example","primary":true}]`)
	assert.Equal(t, "inv", c.PUT(path, body).WantStatus(http.StatusOK).Field("externalId"))
	for _, change := range []string{`"userName":"stolen@scim.example"`, `"password":"` + apptest.Password + `x"`} {
		wantSCIM(t, c.PATCH(path, patchOp(`{"op":"replace","value":{`+change+`}}`)), http.StatusBadRequest, "mutability")
	}
	s.SignIn("invited@scim.example", apptest.Password, c.Project)
}

func scimUserTypes(t *testing.T, _ *apptest.Server, c *apptest.Client) {
	staff, patient := provision(c, `"userName":"type.staff"`), provision(c, `"userName":"type.patient","userType":"Patient"`)
	assert.Contains(t, c.GET(usersOf(c)+"/"+staff).Field("profile.reference"), "Practitioner/")
	assert.Contains(t, c.GET(usersOf(c)+"/"+patient).Field("profile.reference"), "Patient/")
	c.PUT(scimUsers+"/"+patient, scimBody(scimUser, `"userName":"type.patient","userType":"Patient"`)).WantStatus(http.StatusOK)
	wantSCIM(t, c.PUT(scimUsers+"/"+patient, scimBody(scimUser, `"userName":"type.patient","userType":"Practitioner"`)), http.StatusBadRequest, "mutability")
	c.PATCH(usersOf(c)+"/"+staff, `{"email":"moved@scim.example","phone":"+4915199999"}`).WantStatus(http.StatusOK)
	got := c.GET(scimUsers + "/" + staff)
	assert.Equal(t, "moved@scim.example", got.Field("emails.0.value"), "what was changed elsewhere is seen here")
	assert.Equal(t, "+4915199999", got.Field(`phoneNumbers.#(type=="mobile").value`))
}
