package apptest_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tidwall/sjson"
)

// badFields writes each field of a user as it cannot be.
func (g *icureGuard) badFields(t *testing.T) {
	long, huge := `"`+strings.Repeat("x", 300)+`"`, `"`+strings.Repeat("x", 70_000)+`"`
	is := icureMade(g.admin, `{"login":"fields","patientId":"fields"}`)
	bad := map[string][]string{
		"id": {`7`, `"x"`, `"../x"`, long}, "rev": {`7`, `[]`}, "created": {`-1`, `"2020-01-01"`, `1.5`, `1e40`}, "deletionDate": {`1`, `"x"`},
		"name": {`7`, long, `"a\u0000b"`, `"a\r\nb"`}, "login": {`7`, long, `"a\u0000b"`, `"a\nb"`, `"mine@example.com"`, `"+4912345678"`},
		"email":       {`7`, `"x"`, `"a@b.example, c@d.example"`, `"a@b.example\r\nBcc: c@d.example"`, `"mine@example.com"`, `"` + strings.Repeat("x", 300) + `@example.com"`},
		"mobilePhone": {`7`, `"x"`, `"12345"`, `"123456789012345678901"`}, "passwordHash": {`7`, `"short"`, huge}, "status": {`7`, `"active"`, `"ROOT"`, long},
		"type": {`7`, `"root"`}, "groupId": {`7`, `"x"`, `"` + g.other.Project + `"`}, "healthcarePartyId": {`7`, `"a/b"`, `"Patient/x"`, `"` + strings.Repeat("x", 65) + `"`},
		"patientId": {`7`, `"a/b"`, `"%profile"`, `"` + strings.Repeat("x", 65) + `"`}, "deviceId": {`7`, long, `"a\u0000b"`}, "termsOfUseDate": {`-1`, `"x"`},
		"properties": {`7`, `{}`, `[7]`, `[{}]`, `[{"type":{"identifier":7}}]`, `[{"type":{"identifier":"x"},"v":` + huge + `}]`},
		"roles":      {`7`, `"x"`, `[7]`, `[` + huge + `]`}, "permissions": {`7`, `[{"grants":[]}]`, `[null]`}, "autoDelegations": {`7`, `[]`, `{"a":"b"}`, `{"a":[7]}`, `{"a":[` + huge + `]}`},
		"applicationTokens": {`7`, `[]`}, "authenticationTokens": {`7`, `{"k":7}`, `{"k":{"x":1}}`, `{"k":{"deletionDate":"x"}}`},
		"identifier": {`7`, `{}`, `[` + huge + `]`}, "systemMetadata": {`7`, `[]`}, "use2fa": {`7`, `true`}, "secret": {`7`, `"x"`},
		"admin": {`true`}, "isAdmin": {`true`}, "access": {`[]`}, "accessPolicy": {`{}`}, "project": {`{}`}, "profile": {`{}`}, "user": {`{}`}, "password": {`"Another-password-24"`}, "customData": {`{}`}, "__proto__": {`{}`},
	}
	g.unchanged(t, func() {
		for name, values := range bad {
			for i, value := range values {
				made, err := sjson.SetRawBytes(fmt.Appendf(nil, `{"login":"bad %s %d"}`, name, i), name, []byte(value))
				require.NoError(t, err)
				what, statuses := fmt.Sprintf("%s: %.80s", name, value), []int{http.StatusBadRequest, http.StatusUnprocessableEntity}
				icureRefused(t, "POST "+what, g.admin.POST(icureUser, string(made)), statuses...)
				if name == "id" {
					statuses = append(statuses, http.StatusNotFound)
				}
				icureRefused(t, "PUT "+what, g.admin.PUT(icureUser, icureEdited(t, is, name, value)), statuses...)
			}
		}
	})
}

// badRequests asks the routes for what cannot be.
func (g *icureGuard) badRequests(t *testing.T) {
	id := g.mine.Field("id")
	nested := strings.Repeat(`{"$type":"UnionFilter","filters":[`, 30) + `{"$type":"AllUsersFilter"}` + strings.Repeat(`]}`, 30)
	ids := `["` + strings.Repeat(`x","`, 1001) + `x"]`
	g.unchanged(t, func() {
		for _, ask := range []struct{ method, path, body string }{
			{"POST", "", `[]`}, {"POST", "", `"x"`}, {"POST", "", `{`}, {"POST", "", `{"login":"a","login":"b"}`}, {"POST", "", `{"login":"\ud800"}`}, {"POST", "", "{\"login\":\"\xff\"}"},
			{"POST", "", `null`}, {"POST", "", ``}, {"PUT", "", `{}`}, {"PUT", "/" + id + "/properties", `{}`}, {"PUT", "/" + id + "/properties", `[{}]`},
			{"GET", "/%00", ""}, {"GET", "/%ff", ""}, {"GET", "/a%2Fb", ""}, {"GET", "/byEmail/%00", ""}, {"GET", "/byEmail/%ff", ""}, {"GET", "/byPhoneNumber/%00", ""},
			{"GET", "?startDocumentId=%00", ""}, {"GET", "?startDocumentId=%ff", ""}, {"GET", "?limit=0", ""}, {"GET", "?limit=-1", ""}, {"GET", "?limit=99999999999999999999", ""},
			{"GET", "/inGroup/%00", ""}, {"GET", "/inGroup/%FF", ""}, {"POST", "/inGroup/%FF", `{"login":"x"}`}, {"GET", "/%FF", ""}, {"DELETE", "/%FF", ""}, {"DELETE", "/purge/%FF?rev=1-0", ""},
			{"POST", "/forgottenPassword/%00", ""}, {"POST", "/forgottenPassword/%FF", ""}, {"POST", "/forgottenPassword/x", ""}, {"POST", "/undelete/" + id + "?rev=%FF", ""}, {"DELETE", "/" + id + "?rev=%FF", ""}, {"GET", "/inGroup/x", ""}, {"DELETE", "/%00", ""}, {"DELETE", "/x", ""}, {"POST", "/undelete/" + id, ""}, {"POST", "/undelete/" + id + "?rev=x", ""},
			{"POST", "/token/" + id + "/" + strings.Repeat("k", 300), ""}, {"POST", "/token/" + id + "/%00", ""}, {"POST", "/token/" + id + "/%0a", ""}, {"POST", "/token/" + id + "/%ff", ""}, {"POST", "/token/" + id + "/%FF", ""},
			{"POST", "/token/" + id + "/k?tokenValidity=0", ""}, {"POST", "/token/" + id + "/k?tokenValidity=-1", ""}, {"POST", "/token/" + id + "/k?tokenValidity=9223372036854775807", ""},
			{"POST", "/match", nested}, {"POST", "/match", `{"$type":"UserByIdsFilter","ids":` + ids + `}`}, {"POST", "/match", `{}`}, {"POST", "/match", `{"$type":"UnionFilter","filters":[null]}`},
			{"POST", "/match", `{"$type":"ComplementFilter"}`}, {"POST", "/match", `{"$type":"AllUsersFilter","x":1}`}, {"POST", "/byIds", `{"ids":` + ids + `}`}, {"POST", "/byIds", `{"ids":[7]}`},
			{"POST", "/filter", `{"$type":"FilterChain"}`}, {"POST", "/filter", `{"$type":"FilterChain","filter":{"$type":"AllUsersFilter"},"predicate":{}}`},
		} {
			icureRefused(t, fmt.Sprintf("%s %.80s %.80s", ask.method, ask.path, ask.body), g.admin.Do(ask.method, icureUser+ask.path, ask.body),
				http.StatusBadRequest, http.StatusForbidden, http.StatusNotFound, http.StatusConflict, http.StatusUnprocessableEntity)
		}
		for _, ask := range []struct{ path, body string }{
			{"/match", `{"$type":"UserByIdsFilter","ids":["a\u0000b"]}`}, {"/match", `{"$type":"UserByNameEmailPhoneFilter","searchString":"a\u0000b"}`},
			{"/match", `{"$type":"UsersByPatientIdFilter","patientId":"a\u0000b"}`}, {"/byIds", `{"ids":["a\u0000b","%","'"]}`},
		} {
			assert.Less(t, g.admin.POST(icureUser+ask.path, ask.body).Status, 500, "%s %s", ask.path, ask.body)
		}
		for _, path := range []string{"/byPatientId/%00", "/byHealthcarePartyId/%ff", "/inAllGroups/token/%00/k"} {
			method := map[bool]string{true: http.MethodPost, false: http.MethodGet}[strings.Contains(path, "token")]
			assert.Less(t, g.admin.Do(method, icureUser+path, "").Status, 500, path)
		}
		for _, body := range []string{`[]`, `{"username":7}`, `{`, `{"username":"a\u0000b","password":"x"}`, `{"username":"x","password":"a\u0000b"}`, "{\"username\":\"\xff\"}"} {
			icureRefused(t, body, g.nobody.POST("/rest/v2/auth/login", body), http.StatusBadRequest, http.StatusUnauthorized)
		}
		for _, group := range []string{"%00", "%FF", "x", strings.Repeat("x", 3000)} {
			icureRefused(t, group, g.nobody.POST("/rest/v2/auth/login?groupId="+group, `{"username":"dup","password":"Mine-and-nobodys-24"}`), http.StatusUnauthorized)
			icureRefused(t, group, g.nobody.With("Refresh-Token", "\xff").POST("/rest/v2/auth/switch/"+group, ""), http.StatusUnauthorized)
		}
		g.nobody.POST(icureUser+"/forgottenPassword/stranger@example.com", "").WantStatus(http.StatusOK)
		for _, header := range []string{basicAuth("a\x00b", "x"), basicAuth("\xff", "x"), basicAuth("", ""), "Basic !"} {
			icureRefused(t, header, g.nobody.With("Authorization", header).GET(icureUser+"/current"), http.StatusUnauthorized)
		}
	})
}
