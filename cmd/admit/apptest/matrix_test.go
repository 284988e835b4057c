package apptest_test

import (
	"bytes"
	"cmp"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/admitdev/admit/cmd/admit/apptest"
)

// The roles of the matrix. All but the super admin belong to the project that is "own".
var matrixRoles = []apptest.Role{
	apptest.Anonymous, apptest.Patient, apptest.Practitioner, apptest.Program, apptest.Bot, apptest.Admin, apptest.SuperAdmin,
}

// who are the roles that may.
type who []apptest.Role

var (
	callers = who{apptest.Patient, apptest.Practitioner, apptest.Program, apptest.Bot, apptest.Admin, apptest.SuperAdmin}
	persons = who{apptest.Patient, apptest.Practitioner, apptest.Admin, apptest.SuperAdmin}
	staff   = who{apptest.Practitioner, apptest.Program, apptest.Bot, apptest.Admin, apptest.SuperAdmin}
	members = who{apptest.Patient, apptest.Practitioner, apptest.Program, apptest.Bot, apptest.Admin} // of the project that is "own"
	admins  = who{apptest.Admin, apptest.SuperAdmin}
	super   = who{apptest.SuperAdmin}
)

// right is who may use a route for what is in their project, and for what is in another. Where the
// route's parameters leave something open, a line of the matrix names it.
type right struct {
	route      string // as the router has it
	of         string // a type, for the routes that take any
	body       string
	own, other who
}

// name is the route without the query that it is asked with.
func (r right) name() string {
	name, _, _ := strings.Cut(r.route, "?")
	return name
}

// gender is a value set of R4.
const gender = "http://hl7.org/fhir/ValueSet/administrative-gender"

// matrix has a line or more for each route that wants a caller.
func matrix() []right {
	lines := []right{
		{"GET /auth/me", "", "", callers, callers},
		{"GET /auth/me/tokens", "", "", persons, persons},
		{"POST /auth/me/tokens", "", "{}", persons, persons},
		{"DELETE /auth/me/tokens/:key", "", "", who{apptest.Practitioner, apptest.Admin, apptest.SuperAdmin}, who{apptest.Practitioner, apptest.Admin, apptest.SuperAdmin}}, // Users of the server have none, and the patient has none of that key
		{"GET /auth/mfa/status", "", "", persons, persons},
		{"POST /auth/mfa/enroll", "", "{}", persons, persons},
		{"POST /auth/mfa/disable", "", "{}", persons, persons},
		{"POST /auth/mfa/recovery-codes", "", "{}", persons, persons},
		{"GET /auth/passkey", "", "", persons, persons},
		{"POST /auth/passkey/register-options", "", "{}", persons, persons},
		{"POST /auth/passkey/register", "", `{"name":"x"}`, persons, persons},
		{"POST /auth/passkey/rename", "", "{}", callers, callers},
		{"POST /auth/passkey/delete", "", `{"id":"nobody's"}`, nil, nil},
		{"GET /auth/sessions", "", "", persons, persons},
		{"POST /auth/stepup-options", "", "{}", persons, persons},
		{"POST /auth/stepup", "", "{}", persons, persons},
		{"POST /auth/changeemail", "", "{}", callers, callers},
		{"POST /auth/changepassword", "", "{}", callers, callers},
		{"POST /auth/revoke", "", "{}", callers, callers},
		{"GET /oauth2/userinfo", "", "", callers, callers},
		{"POST /oauth2/userinfo", "", "", callers, callers},
		{"GET /oauth2/logout", "", "", callers, callers},
		{"POST /oauth2/logout", "", "", callers, callers},

		{"GET /admin/projects/:project", "", "", admins, super},
		{"POST /admin/projects/:project/invite", "", "{}", admins, super},
		{"POST /admin/projects/:project/access/$explain", "", `{"membership":{"reference":"ProjectMembership/:membership"},"search":"Patient"}`, admins, super},
		{"POST /admin/projects/:project/client", "", "{}", admins, super},
		{"POST /admin/projects/:project/bot", "", "{}", admins, super},
		{"POST /admin/projects/:project/secrets", "", "[{}]", admins, super},
		{"POST /admin/projects/:project/settings", "", "[{}]", admins, super},
		{"POST /admin/projects/:project/sites", "", "[{}]", admins, super},
		{"GET /admin/projects/:project/members/:membership", "", "", admins, super},
		{"DELETE /admin/projects/:project/members/:membership", "", "", admins, super}, // the owner's, which stays
		{"POST /admin/projects/:project/members/:membership", "", `{"resourceType":"ProjectMembership","id":":membership"}`, admins, super},
		{"POST /admin/projects/:project/members/:membership/mfa/reset", "", "{}", admins, super},
		{"POST /admin/projects/:project/members/:membership/resetpassword", "", "{}", admins, super},
		{"GET /admin/projects/:project/members/:membership/sessions", "", "", admins, super},
		{"DELETE /admin/projects/:project/members/:membership/sessions/:login", "", "", admins, super},
		{"POST /admin/projects/:project/invitations/import", "", "{}", admins, super},
		{"GET /admin/projects/:project/invitations/import", "", "", admins, super},
		{"GET /admin/projects/:project/invitations/import/:import", "", "", admins, super},
		{"GET /admin/projects/:project/invitations/import/:import/report", "", "", admins, super},
		{"GET /admin/projects/:project/invitations/import/:import/events", "", "", admins, super},
		{"POST /admin/projects/:project/invitations/import/:import/undo", "", "", admins, super}, // of what is not done
		{"POST /admin/projects/:project/invitations/import/:import/apply", "", "", admins, super},
		{"POST /admin/projects/setpassword", "", "{}", admins, admins}, // names no project
		{"POST /admin/super/reindex", "", "{}", super, super},
		{"POST /admin/super/purge", "", "{}", super, super},
		{"GET /admin/super/migrations", "", "", super, super},
		{"GET /admin/super/mail", "", "", super, super},
		{"GET /admin/super/mail/:mail", "", "", super, super},
		{"POST /admin/super/setpassword", "", "{}", super, super},

		{"GET /fhir/R4", "", "", callers, callers},
		{"GET /fhir/R4/", "", "", callers, callers},
		{"POST /fhir/R4/_search", "", "", callers, callers},
		{"POST /fhir/R4/$graphql", "", `{"query":"{__typename}"}`, callers, callers},

		// What names no project's own definition is about R4's, which everybody may ask.
		{"GET /fhir/R4/ValueSet/$expand?url=" + gender, "", "", callers, callers},
		{"POST /fhir/R4/ValueSet/$expand?url=" + gender, "", "", callers, callers},
		{"GET /fhir/R4/ValueSet/:id/$expand", "ValueSet", "", staff, super},
		{"POST /fhir/R4/ValueSet/:id/$expand", "ValueSet", "", staff, super},
		{"GET /fhir/R4/ValueSet/$validate-code?system=urn:s&code=c&url=" + gender, "", "", callers, callers},
		{"POST /fhir/R4/ValueSet/$validate-code?system=urn:s&code=c&url=" + gender, "", "", callers, callers},
		{"GET /fhir/R4/ValueSet/:id/$validate-code?system=urn:s&code=c", "ValueSet", "", staff, super},
		{"POST /fhir/R4/ValueSet/:id/$validate-code?system=urn:s&code=c", "ValueSet", "", staff, super},
		{"GET /fhir/R4/CodeSystem/$lookup?code=male&system=http://hl7.org/fhir/administrative-gender", "", "", callers, callers},
		{"POST /fhir/R4/CodeSystem/$lookup?code=male&system=http://hl7.org/fhir/administrative-gender", "", "", callers, callers},
		{"GET /fhir/R4/CodeSystem/$subsumes?system=http://hl7.org/fhir/administrative-gender&codeA=male&codeB=female", "", "", callers, callers},
		{"POST /fhir/R4/CodeSystem/$subsumes?system=http://hl7.org/fhir/administrative-gender&codeA=male&codeB=female", "", "", callers, callers},
		{"GET /fhir/R4/CodeSystem/:id/$subsumes?codeA=c&codeB=c", "CodeSystem", "", staff, super},
		{"POST /fhir/R4/CodeSystem/:id/$subsumes?codeA=c&codeB=c", "CodeSystem", "", staff, super},
		{"GET /fhir/R4/CodeSystem/$validate-code?code=male&url=http://hl7.org/fhir/administrative-gender", "", "", callers, callers},
		{"POST /fhir/R4/CodeSystem/$validate-code?code=male&url=http://hl7.org/fhir/administrative-gender", "", "", callers, callers},
		{"GET /fhir/R4/CodeSystem/:id/$validate-code?code=male", "CodeSystem", "", staff, super},
		{"POST /fhir/R4/CodeSystem/:id/$validate-code?code=male", "CodeSystem", "", staff, super},
		{"POST /fhir/R4/:type/$validate", "Patient", `{"resourceType":"Patient"}`, callers, callers}, // nobody's resource
		{"POST /fhir/R4/:type/:id/$validate?mode=update", "Patient", `{"resourceType":"Patient","id":":id"}`, staff, super},
		{"POST /fhir/R4/:type/:id/$validate?mode=delete", "AccessPolicy", "", admins, super},
		{"GET /fhir/R4/:type/:id/$validate", "Patient", "", staff, super},
		{"GET /fhir/R4/StructureDefinition/$expand-profile?url=urn::project", "", "", members, nil},
		{"POST /fhir/R4/StructureDefinition/$expand-profile?url=urn::project", "", "{}", members, nil},
		{"POST /fhir/R4/$reindex", "", "", super, super},
		{"POST /fhir/R4/:type/$reindex", "Patient", "", super, super},
		{"POST /fhir/R4/:type/:id/$reindex", "Patient", "", super, super},
		{"POST /fhir/R4/:type/:id/$set-accounts", "Patient", `{"accounts":[]}`, admins, super},
		{"POST /fhir/R4/:type/:id/$expunge?everything=perhaps", "Patient", "", super, super},
		{"GET /fhir/R4/_history", "", "", callers, callers},                // as far as they may see
		{"GET /fhir/R4/:type/:id/:inner", "Patient", "", callers, callers}, // the answer holds what one may see
		{"POST /fhir/R4/:type/:id/:inner/_search", "Patient", "", callers, callers},
		{"GET /fhir/R4/:type/:id/$graph?graph=Care", "Patient", "", staff, super},
		{"POST /fhir/R4/:type/:id/$graph?graph=Care", "Patient", "", staff, super},
		{"GET /fhir/R4/:type/$csv", "Patient", "", callers, callers},
		{"POST /fhir/R4/:type/$csv", "Patient", "", callers, callers},
		{"POST /fhir/R4/Project/$init", "", "{}", super, super},
		{"POST /fhir/R4/Project/:id/$clone", "Project", `{"name":"x"}`, super, super},
		{"GET /fhir/R4/Project/:id/$rate-limits", "Project", "", admins, super},
		{"POST /fhir/R4/User/:id/$rescope", "User", `{"scope":"server"}`, super, super}, // a User of the server
		{"POST /fhir/R4/User/:id/$update-email", "User", `{"email":"x"}`, super, super}, // a User of the server
		{"POST /fhir/R4/ClientApplication/:id/$rotate-secret", "ClientApplication", `{"secret":"another"}`, admins, super},
		{"GET /fhir/R4/job/:id/status", "Patient", "", nil, nil}, // nobody's but who asked for the job
		{"DELETE /fhir/R4/job/:id/status", "Patient", "", nil, nil},
		{"DELETE /fhir/R4/job/:id", "Patient", "", nil, nil},
		{"POST /fhir/R4/AsyncJob/:id/$cancel", "Patient", "", nil, nil},
		{"GET /fhir/R4/ClientApplication/:id/$smart-launch?patient=nobody", "ClientApplication", "", who{apptest.Admin}, nil}, // a launch is of the client's own project
		{"GET /fhir/R4/Patient/:id/$everything", "Patient", "", staff, super},
		{"POST /fhir/R4/Patient/:id/$everything", "Patient", "", staff, super},
	}
	lines = append(lines, userMatrix()...)
	lines = append(lines, invitationMatrix()...)
	lines = append(lines, icureMatrix()...)
	for _, types := range []struct {
		names               []string
		read, write, remove who
		searched            who // the answer holds what one may see
		removeOne           who // of what a search finds
	}{
		{[]string{"Patient", "Observation"}, staff, staff, staff, callers, callers},
		// A patient's policy is for all types, as far as they are in the compartment: these never are.
		{[]string{"AccessPolicy", "ClientApplication"}, admins, admins, admins, append(who{apptest.Patient}, admins...), append(who{apptest.Patient}, admins...)},
		{[]string{"ProjectMembership"}, admins, admins, admins, admins, admins},
		{[]string{"Project"}, admins, admins, super, admins, super},
		{[]string{"User"}, super, super, super, admins, admins}, // of the server, not of a project
	} {
		for _, name := range types.names {
			for _, method := range []string{"GET", "HEAD"} {
				lines = append(lines,
					right{method + " /fhir/R4/:type/:id", name, "", types.read, super},
					right{method + " /fhir/R4/:type/:id/_history/:vid", name, "", types.read, super})
			}
			lines = append(lines,
				right{"GET /fhir/R4/:type/:id/_history", name, "", types.read, super},
				right{"PUT /fhir/R4/:type/:id", name, `{"resourceType":":type","id":":id":more}`, types.write, super},
				right{"PATCH /fhir/R4/:type/:id", name, `[{"op":"test","path":"/id","value":"another"}]`, types.write, super},
				right{"POST /fhir/R4/:type", name, `{"resourceType":":type","nonsense":1}`, types.searched, types.searched},
				right{"PUT /fhir/R4/:type?_id=:id", name, `{"resourceType":":type":more}`, types.searched, types.searched},
				right{"PATCH /fhir/R4/:type?_id=:id", name, `[{"op":"test","path":"/id","value":"another"}]`, types.write, super},
				right{"DELETE /fhir/R4/:type/:id", name, "", types.remove, super},
				right{"DELETE /fhir/R4/:type?_id=:id", name, "", types.removeOne, types.searched}, // what is not found is no error
				right{"POST /fhir/R4", name, changing, types.write, super},
				right{"POST /fhir/R4/", name, changing, types.write, super},
				right{"GET /fhir/R4/:type/_history", name, "", types.searched, types.searched},
				right{"GET /fhir/R4/:type", name, "", types.searched, types.searched},
				right{"POST /fhir/R4/:type/_search", name, "", types.searched, types.searched})
		}
	}
	return lines
}

// userMatrix is the native routes about users. :user is the project's owner, who is not to be removed,
// unless the line says another.
func userMatrix() (lines []right) {
	const users = " /admin/projects/:project/users"
	for _, route := range []struct{ name, of, body string }{
		{"GET" + users, "", ""}, {"POST" + users, "", "{}"}, {"GET" + users + "/find", "", ""},
		{"POST" + users + "/batch-get", "", "{}"}, {"POST" + users + "/batch-create", "", "{}"}, {"POST" + users + "/batch-delete", "", "{}"},
		{"POST" + users + "/forgotten-password", "", "{}"},
		{"GET" + users + "/:user", "", ""}, {"PATCH" + users + "/:user", "", "{}"}, {"DELETE" + users + "/:user", "", ""},
		{"POST" + users + "/:user/block", "", ""}, {"POST" + users + "/:user/unblock", "", ""}, {"POST" + users + "/:user/purge", "", ""}, {"POST" + users + "/:user/undelete", "", ""},
		{"PATCH" + users + "/:user/properties", "", "{}"}, {"PATCH" + users + "/:user/custom-data", "", "{}"}, {"PUT" + users + "/:user/profile", "", "{}"},
		{"GET" + users + "/:user/tokens", "", ""}, {"POST" + users + "/:user/tokens", "", "{}"}, {"POST" + users + "/:user/tokens/check", "", "{}"},
		{"DELETE" + users + "/:user/tokens/:key", "", ""}, {"POST" + users + "/:user/access-token", "", ""}, {"DELETE" + users + "/:user/sessions", "member", ""},
		{"GET" + users + "/:user/groups", "", ""}, {"PUT" + users + "/:user/groups/:group", "", ""}, {"DELETE" + users + "/:user/groups/:group", "", ""},
		{"GET" + users + "/:user/roles", "", ""}, {"POST" + users + "/:user/roles", "", "{}"}, {"DELETE" + users + "/:user/roles/:role", "", ""},
		{"GET" + users + "/:user/policies", "", ""}, {"POST" + users + "/:user/policies", "", "{}"}, {"DELETE" + users + "/:user/policies/:role", "", ""},
		{"GET /admin/projects/:project/groups", "", ""}, {"POST /admin/projects/:project/groups", "", "{}"},
		{"GET /admin/projects/:project/groups/:group", "", ""}, {"PATCH /admin/projects/:project/groups/:group", "", "{}"}, {"DELETE /admin/projects/:project/groups/:group", "", ""},
		{"GET /admin/projects/:project/roles", "", ""}, {"POST /admin/projects/:project/roles", "", "{}"},
		{"GET /admin/projects/:project/roles/:role", "", ""}, {"DELETE /admin/projects/:project/roles/:role", "role in use", ""},
	} {
		lines = append(lines, right{route.name, route.of, route.body, admins, super})
	}
	return append(lines, scimMatrix()...)
}

// scimMatrix is the routes of SCIM, whose project is always the caller's own.
func scimMatrix() (lines []right) {
	for _, route := range []string{
		"GET /scim/v2/Users", "POST /scim/v2/Users", "POST /scim/v2/Users/.search", "GET /scim/v2/Groups", "POST /scim/v2/Groups", "POST /scim/v2/Groups/.search",
		"POST /scim/v2/Bulk", "GET /scim/v2/ServiceProviderConfig", "GET /scim/v2/ResourceTypes", "GET /scim/v2/Schemas",
	} {
		lines = append(lines, right{route, "", "{}", admins, admins})
	}
	for _, method := range []string{"GET", "PUT", "PATCH", "DELETE"} { // whoever asks is not removed: no project is without an administrator
		lines = append(lines, right{method + " /scim/v2/Me", "", "{}", admins, admins})
	}
	for _, route := range []struct{ name, of, schema string }{{"Users/:id", "ProjectMembership", scimUser}, {"Groups/:id", "AccessPolicy", scimGroup}} {
		for method, body := range map[string]string{
			"GET": "", "DELETE": "", "PUT": scimBody(route.schema, `"userName":"x","displayName":"x"`),
			"PATCH": patchOp(`{"op":"replace","path":"displayName","value":"x"}`),
		} {
			lines = append(lines, right{method + " /scim/v2/" + route.name, route.of, body, who{apptest.Admin}, nil})
		}
	}
	return append(lines, right{"GET /scim/v2/ResourceTypes/:id", "User", "", nil, nil}, right{"GET /scim/v2/Schemas/:id", "User", "", nil, nil})
}

// invitationMatrix is the native routes about invitations and their mails. :invitation is to whom newTarget invites.
func invitationMatrix() (lines []right) {
	const invitations, templates = " /admin/projects/:project/invitations", " /admin/projects/:project/mail-templates"
	for _, route := range []struct{ name, body string }{
		{"GET" + invitations, ""}, {"GET" + invitations + "/:invitation", ""}, {"PATCH" + invitations + "/:invitation", "{}"},
		{"POST" + invitations + "/:invitation/resend", ""}, {"POST" + invitations + "/:invitation/extend", "{}"},
		{"POST" + invitations + "/:invitation/revoke", ""}, {"POST" + invitations + "/:invitation/link", ""},
		{"GET" + templates, ""}, {"GET" + templates + "/:template", ""}, {"PUT" + templates + "/:template", "{}"}, {"DELETE" + templates + "/:template", ""},
		{"POST" + templates + "/:template/preview", "{}"},
	} {
		lines = append(lines, right{route.name, "", route.body, admins, super})
	}
	return lines
}

// changing is a transaction that updates what it is about, but for the version that it names.
const changing = `{"resourceType":"Bundle","type":"transaction","entry":[{"request":{"method":"PUT","url":":type/:id","ifMatch":"W/\"none\""},` +
	`"resource":{"resourceType":":type","id":":id":more}}]}`

// shown says whose answers may hold what is in a resource of a project: those of its staff and, for
// what the project is administered with, of its administrators.
func shown(role apptest.Role, clinical, own bool) bool {
	switch {
	case role == apptest.SuperAdmin:
		return true
	case !own:
		return false
	case clinical:
		return slices.Contains(staff, role)
	}
	return slices.Contains(admins, role)
}

// TestMatrixOfRoutesRolesAndProjects asks each route of the router as each role, for the role's own
// project and for another. A route that is in no line fails, and so does an answer that holds what the
// role is not to see, whatever its status.
func TestMatrixOfRoutesRolesAndProjects(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		clinic, elsewhere := newTarget(s, s.As(apptest.Admin)), newTarget(s, s.As(apptest.OtherAdmin))
		for _, route := range s.Routes {
			name := route.Method + " " + route.Path
			if isPublic(name) || strings.HasPrefix(route.Method, "echo_") {
				continue
			}
			if !slices.ContainsFunc(matrix(), func(r right) bool { return r.name() == name }) {
				t.Errorf("%s is in no line of the matrix", name)
			}
		}
		speakICure(s.As(apptest.Admin))
		speakICure(s.As(apptest.OtherAdmin))
		seen := map[string]bool{}
		clients := map[apptest.Role]*apptest.Client{}
		for _, role := range matrixRoles {
			clients[role] = s.As(role).With("If-Match", `W/"none"`) // no write gets past the version it claims to replace
		}
		for _, line := range matrix() {
			for _, role := range matrixRoles {
				for _, in := range []struct {
					project string
					target  target
					may     who
				}{{"own", clinic, line.own}, {"other", elsewhere, line.other}} {
					t.Run(fmt.Sprintf("%s/%s/%s/%s", line.route, line.of, role, in.project), func(t *testing.T) {
						method, path, _ := strings.Cut(in.target.fill(line.route, line.of), " ")
						as := clients[role]
						if strings.HasSuffix(path, "/logout") { // which would end what the other lines ask with
							as = s.Again(role)
						}
						if method == http.MethodPatch {
							as = as.With("Content-Type", "application/json-patch+json")
						}
						got := as.Do(method, path, in.target.fill(line.body, line.of))
						status := got.Status
						for _, kept := range []target{clinic, elsewhere} {
							for clinical, mark := range map[bool]string{true: kept.clinical(), false: kept.administrative()} {
								if !bytes.Contains(got.Body, []byte(mark)) {
									continue
								}
								seen[mark] = true
								if !shown(role, clinical, kept.project == clinic.project) {
									t.Errorf("the answer holds %s: %.500s", mark, got.Body)
								}
							}
						}
						switch {
						case role == apptest.Anonymous:
							if status != http.StatusUnauthorized {
								t.Errorf("status %d", status)
							}
						case slices.Contains(in.may, role):
							if status == http.StatusUnauthorized || status == http.StatusForbidden || status == http.StatusNotFound || status >= 500 {
								t.Errorf("may, but status %d", status)
							}
						case status != http.StatusForbidden && status != http.StatusNotFound:
							t.Errorf("may not, but status %d", status)
						}
					})
				}
			}
		}
		if len(seen) != 4 {
			t.Errorf("the marks of two projects are looked for, and %v were seen by whoever may", seen)
		}
	})
}

// target is what there is in a project to reach for.
type target struct {
	project, membership, mail, login string
	ids, versions, required          map[string]string // by type
}

// clinical is a text in each clinical resource, administrative one in each that the project is
// administered with.
func (to target) clinical() string       { return "clinical-of-" + to.project }
func (to target) administrative() string { return "administrative-of-" + to.project }

// address is that of a member.
func (to target) address() string { return "m." + to.project + "@example.com" }

func newTarget(s *apptest.Server, admin *apptest.Client) target {
	_, membership, _ := strings.Cut(admin.Membership, "/")
	_, user, _ := strings.Cut(admin.User, "/")
	to := target{project: admin.Project, membership: membership, ids: map[string]string{}, versions: map[string]string{}}
	to.required = map[string]string{
		"Observation": `,"status":"final","code":{"text":"x"}`,
		"User":        `,"firstName":"A","lastName":"B"`,
		"ProjectMembership": `,"project":{"reference":"Project/` + admin.Project + `"},"user":{"reference":"` + admin.User +
			`"},"profile":{"reference":"` + admin.Profile + `"}`,
	}
	to.ids["Patient"] = admin.POST("/fhir/R4/Patient", `{"resourceType":"Patient","name":[{"family":"`+to.clinical()+`"}]}`).WantStatus(http.StatusCreated).Field("id")
	to.ids["Observation"] = admin.POST("/fhir/R4/Observation",
		`{"resourceType":"Observation","status":"final","code":{"text":"`+to.clinical()+`"},"subject":{"reference":"Patient/`+to.ids["Patient"]+`"}}`).WantStatus(http.StatusCreated).Field("id")
	to.ids["ValueSet"] = admin.POST("/fhir/R4/ValueSet",
		`{"resourceType":"ValueSet","status":"draft","compose":{"include":[{"system":"urn:s","concept":[{"code":"c"}]}]}}`).WantStatus(http.StatusCreated).Field("id")
	to.ids["CodeSystem"] = admin.POST("/fhir/R4/CodeSystem",
		`{"resourceType":"CodeSystem","url":"urn:s","status":"draft","content":"complete","concept":[{"code":"c"}]}`).WantStatus(http.StatusCreated).Field("id")
	admin.POST("/fhir/R4/StructureDefinition", `{"resourceType":"StructureDefinition","url":"urn:`+admin.Project+`","name":"X","status":"draft","kind":"resource","abstract":false,`+
		`"type":"Patient","baseDefinition":"http://hl7.org/fhir/StructureDefinition/Patient","derivation":"constraint","differential":{"element":[{"id":"Patient","path":"Patient"}]}}`).WantStatus(http.StatusCreated)
	admin.POST("/fhir/R4/GraphDefinition",
		`{"resourceType":"GraphDefinition","name":"Care","status":"draft","start":"Patient","link":[{"path":"generalPractitioner"}]}`).WantStatus(http.StatusCreated)
	to.ids["AccessPolicy"] = admin.POST("/fhir/R4/AccessPolicy", `{"resourceType":"AccessPolicy","name":"`+to.administrative()+`"}`).WantStatus(http.StatusCreated).Field("id")
	to.ids["ClientApplication"] = admin.POST("/admin/projects/"+admin.Project+"/client", `{"name":"`+to.administrative()+`"}`).WantStatus(http.StatusCreated).Field("id")
	to.ids["ProjectMembership"], to.ids["Project"], to.ids["User"] = membership, admin.Project, user
	everything := s.As(apptest.SuperAdmin)
	for name, id := range to.ids {
		to.versions[name] = everything.GET("/fhir/R4/" + name + "/" + id).WantStatus(http.StatusOK).Field("meta.versionId")
	}
	address := to.address()
	admin.POST("/admin/projects/"+admin.Project+"/invite",
		`{"resourceType":"Practitioner","firstName":"M","lastName":"Ail","email":"`+address+`"}`).WantStatus(http.StatusOK)
	to.mail = s.MailTo(address).ID
	to.ids["import"] = admin.With("Content-Type", "text/csv").POST("/admin/projects/"+admin.Project+"/invitations/import",
		"resourceType,firstName,lastName,externalId\nNobody,I,"+to.administrative()+",i\n").WantStatus(http.StatusCreated).Field("id")
	to.login = s.SignIn(admin.Email, admin.Password, admin.Project).GET("/auth/sessions").WantStatus(http.StatusOK).Field("sessions.#(current==true).id")
	users := "/admin/projects/" + admin.Project
	to.ids["member"] = admin.GET(users + "/users/find?email=" + address).WantStatus(http.StatusOK).Field("id")
	to.ids["invitation"] = admin.GET(users + "/invitations?email=" + address).WantStatus(http.StatusOK).Field("invitations.0.id")
	admin.PATCH(users+"/users/"+to.ids["member"], `{"phone":"+4930123456"}`).WantStatus(http.StatusOK)
	to.ids["group"] = admin.POST(users+"/groups", `{"code":"night"}`).WantStatus(http.StatusCreated).Field("id")
	to.ids["role in use"] = admin.GET(users + "/users/" + membership).WantStatus(http.StatusOK).Field("roles.0.id")
	return to
}

func (to target) fill(route, of string) string {
	return strings.NewReplacer(":inner", "Observation", ":project", to.project, ":membership", to.membership, ":mail", to.mail, ":invitation", to.ids["invitation"], ":template", "invite", ":login", to.login,
		":user", cmp.Or(to.ids[of], to.membership), ":group", to.ids["group"], ":import", to.ids["import"], ":role", cmp.Or(to.ids[of], to.ids["AccessPolicy"]), ":key", "k",
		":email", to.address(), ":phone", "+4930123456", ":spec", "ic", ":hcp", "no_id", ":name", "nobody",
		":type", of, ":id", to.ids[of], ":vid", to.versions[of], ":more", to.required[of]).Replace(route)
}
