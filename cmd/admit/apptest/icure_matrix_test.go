package apptest_test

import (
	"strings"

	"github.com/admitdev/admit/cmd/admit/apptest"
)

// icureMatrix is the routes of the iCure dialect, in two projects that have it switched on. The super
// administrators' project has not, so for them there is none of it. A route that names nobody is about the
// caller's own project, whichever else there is.
func icureMatrix() (lines []right) {
	const user, all = " /rest/v2/user", `{"$type":"AllUsersFilter"}`
	admin := who{apptest.Admin}
	users := who{apptest.Patient, apptest.Practitioner, apptest.Admin}
	for _, route := range []struct {
		name, body string
		own, other who
	}{
		{"GET /rest/v2/auth/logout", "", members, members}, {"POST /rest/v2/auth/logout", "", members, members},
		{"GET" + user + "/current", "", users, users}, {"GET" + user + "/matches", "", users, users}, {"GET" + user + "/checkPassword", "", users, users},
		{"GET" + user + "/session", "", members, members}, {"GET" + user + "/encodePassword", "", members, members},
		{"GET" + user, "", admin, admin}, {"POST" + user, "{}", admin, admin}, {"PUT" + user, `{"id":":user","rev":"1-0"}`, admin, nil},
		{"PUT" + user + "/current/hcparty/:hcp", "", admin, admin},
		{"GET" + user + "/byEmail/:email", "", admin, nil}, {"GET" + user + "/byPhoneNumber/:phone", "", admin, admin},
		{"GET" + user + "/byHealthcarePartyId/:id", "", admin, admin}, {"GET" + user + "/byPatientId/:id", "", admin, admin},
		{"POST" + user + "/byIds", "{}", admin, admin}, {"POST" + user + "/match", all, admin, admin},
		{"POST" + user + "/filter", `{"$type":"FilterChain","filter":` + all + "}", admin, admin},
		{"POST" + user + "/filter/inGroup/:project", `{"$type":"FilterChain","filter":` + all + "}", admin, nil},
		{"GET" + user + "/token/:user", "", admin, nil}, {"POST" + user + "/token/:user/:key", "", admin, nil},
		{"POST" + user + "/inGroup/:project/token/:user/:key", "", admin, nil}, {"POST" + user + "/inAllGroups/token/:name/:key", "", admin, admin},
		{"POST" + user + "/undelete/:user?rev=1-0", "", admin, nil}, {"DELETE" + user + "/purge/:user?rev=1-0", "", admin, nil},
		{"GET" + user + "/inGroup/:project", "", admin, nil}, {"POST" + user + "/inGroup/:project", "{}", admin, nil},
		{"PUT" + user + "/inGroup/:project", `{"id":":user","rev":"1-0"}`, admin, nil}, {"DELETE" + user + "/inGroup/:project/:user", "", admin, nil},
		{"GET" + user + "/:user", "", admin, nil}, {"DELETE" + user + "/:user", "", admin, nil}, {"PUT" + user + "/:user/properties", "[]", admin, nil},
		{"POST /msggw/:spec/email/to/:email", `{"html":"x"}`, admin, nil}, {"POST /msggw/:spec/sms/to/:phone", "{}", admin, admin},
	} {
		of := ""
		if strings.HasSuffix(route.name, "/:id") {
			of = "Patient"
		}
		lines = append(lines, right{route.name, of, route.body, route.own, route.other})
	}
	return lines
}
