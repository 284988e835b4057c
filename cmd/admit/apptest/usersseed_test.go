package apptest_test

import (
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"
	"text/tabwriter"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/admitdev/admit/cmd/admit/apptest"
)

// seedStep is one operation that the users of other systems know, through our own API.
type seedStep struct {
	seed, operation string
	route           string // with {names} of what earlier steps have kept
	body            string
	status          int
	keep            map[string]string // name: path in the answer
	want            map[string]string // path in the answer: value
}

// seedSteps is every operation of the seeds, in an order in which one stands on those before.
func seedSteps() []seedStep {
	const users = "/admin/projects/{project}/users"
	return []seedStep{
		{"iCure MedTech", "createUser", "POST " + users, `{"profileType":"Practitioner","login":"ida","email":"Ida@Example.com","phone":"+49 30 1234567","name":"Ida Cure","password":"` + apptest.Password + `"}`, 201,
			map[string]string{"ida": "id", "hcp": "profile.reference"}, map[string]string{"email": "ida@example.com", "phone": "+49301234567", "status": "active", "name": "Ida Cure"}},
		{"iCure MedTech", "createUser, login taken", "POST " + users, `{"profileType":"Practitioner","login":"ida"}`, 400, nil, map[string]string{"issue.0.expression.0": "login"}},
		{"iCure MedTech", "createUser, email taken", "POST " + users, `{"profileType":"Practitioner","email":"ida@example.com"}`, 400, nil, map[string]string{"issue.0.expression.0": "email"}},
		{"iCure MedTech", "createUser, phone taken", "POST " + users, `{"profileType":"Practitioner","phone":"+49301234567"}`, 400, nil, map[string]string{"issue.0.expression.0": "phone"}},
		{"iCure MedTech", "createToken", "POST " + users + "/{ida}/tokens", `{"key":"phone app","validity":3600}`, 201, map[string]string{"token": "token"}, map[string]string{"key": "phone app"}},
		{"iCure MedTech", "sign in with the token", "POST /auth/login", `{"username":"ida","projectId":"{project}","password":"{token}","codeChallenge":"{challenge}","codeChallengeMethod":"S256"}`, 200, nil, nil},
		{"iCure MedTech", "createAndInviteUser", "POST /admin/projects/{project}/invite", `{"resourceType":"Patient","firstName":"Pat","lastName":"Ient","email":"pat@example.com","sendEmail":true}`, 200, map[string]string{"pat": "id", "patient": "profile.reference"}, nil},
		{"iCure MedTech", "getUser", "GET " + users + "/{ida}", "", 200, nil, map[string]string{"login": "ida"}},
		{"iCure MedTech", "getUserByEmail", "GET " + users + "/find?email=IDA@example.com", "", 200, nil, map[string]string{"id": "{ida}"}},
		{"iCure MedTech", "filterUsers by ids", "GET " + users + "?ids={ida},{pat}", "", 200, nil, map[string]string{"users.#": "2"}},
		{"iCure MedTech", "filterUsers by patient id", "GET " + users + "?profile={patient}", "", 200, nil, map[string]string{"users.#": "1", "users.0.id": "{pat}"}},
		{"iCure MedTech", "createOrModifyUser", "PATCH " + users + "/{ida}", `{"name":"Ida Healed"}`, 200, nil, map[string]string{"name": "Ida Healed", "login": "ida"}},

		{"iCure REST", "Create a user", "POST " + users, `{"id":"4f6a2b8e-9d0c-4c1a-8f53-1b2c3d4e5f60","profileType":"Patient","email":"rest@example.com"}`, 201, map[string]string{"rest": "id"}, map[string]string{"id": "4f6a2b8e-9d0c-4c1a-8f53-1b2c3d4e5f60"}},
		{"iCure REST", "Create a user in a group", "POST " + users, `{"profileType":"Patient","email":"group@example.com"}`, 201, map[string]string{"ingroup": "id"}, nil},
		{"iCure REST", "Get a user by his ID", "GET " + users + "/{rest}", "", 200, nil, map[string]string{"email": "rest@example.com"}},
		{"iCure REST", "Get a user by his Email/Login", "GET " + users + "/find?login=ida", "", 200, nil, map[string]string{"id": "{ida}"}},
		{"iCure REST", "Get the list of users by healthcare party id", "GET " + users + "?profile={hcp}", "", 200, nil, map[string]string{"users.0.id": "{ida}"}},
		{"iCure REST", "List users with pagination", "GET " + users + "?limit=2", "", 200, map[string]string{"next": "next"}, map[string]string{"users.#": "2"}},
		{"iCure REST", "List users in a group with pagination", "GET " + users + "?limit=2&cursor={next}", "", 200, nil, map[string]string{"users.#": "2"}},
		{"iCure REST", "Require a new temporary token", "POST " + users + "/{ida}/tokens", `{"key":"phone app","validity":60}`, 201, map[string]string{"token2": "token"}, nil},
		{"iCure REST", "Check token validity", "POST " + users + "/{ida}/tokens/check", `{"token":"{token2}"}`, 200, nil, map[string]string{"valid": "true"}},
		{"iCure REST", "Check token validity, replaced", "POST " + users + "/{ida}/tokens/check", `{"token":"{token}"}`, 200, nil, map[string]string{"valid": "false"}},
		{"iCure REST", "checkPassword", "POST /auth/login", `{"username":"ida","projectId":"{project}","password":"` + apptest.Password + `","codeChallenge":"{challenge}","codeChallengeMethod":"S256"}`, 200, nil, nil},
		{"iCure REST", "Get presently logged-in user (current)", "GET /auth/me", "", 200, nil, map[string]string{"membership.resourceType": "ProjectMembership"}},
		{"iCure REST", "Get logged-in user session", "GET /auth/me", "", 200, nil, map[string]string{"security.sessions.#": "1"}},
		{"iCure REST", "matches", "GET /auth/me", "", 200, nil, map[string]string{"security.memberships.#": "1"}},
		{"iCure REST", "Send a forgotten email message", "POST " + users + "/forgotten-password", `{"email":"ida@example.com"}`, 200, nil, map[string]string{"id": "ok"}},
		{"iCure REST", "Modify a User property", "PATCH " + users + "/{ida}/properties", `{"language":"fr","old":null}`, 200, nil, map[string]string{"properties.language": "fr"}},
		{"iCure REST", "Modify a user", "PATCH " + users + "/{ida}", `{"phone":"+49301234568"}`, 200, nil, map[string]string{"phone": "+49301234568"}},
		{"iCure REST", "Modify a user in a group", "PATCH " + users + "/{ingroup}", `{"company":"Acme"}`, 200, nil, map[string]string{"company": "Acme"}},
		{"iCure REST", "Assign a healthcare party", "PUT " + users + "/{ida}/profile", `{"reference":"{practitioner}"}`, 200, nil, map[string]string{"profile.reference": "{practitioner}"}},
		{"iCure REST", "Delete a User in a group", "DELETE " + users + "/{ingroup}", "", 200, nil, map[string]string{"id": "ok"}},
		{"iCure REST", "Delete a User", "DELETE " + users + "/{rest}", "", 200, nil, nil},
		{"iCure REST", "Undelete a User", "POST " + users + "/{rest}/undelete", "", 200, nil, map[string]string{"email": "rest@example.com"}},
		{"iCure REST", "Purge a User", "POST " + users + "/{rest}/purge", "", 200, nil, nil},
		{"iCure REST", "Purge a User, gone", "GET " + users + "/{rest}", "", 404, nil, nil},

		{"Authing", "create", "POST " + users, `{"profileType":"Practitioner","login":"bob","password":"` + apptest.Password + `","phone":"18800008888","nickname":"Nick","customData":{"loginsCount":2,"signedUp":"2020-10-15T17:55:37+08:00"}}`, 201, map[string]string{"bob": "id"}, map[string]string{"customData.loginsCount": "2", "nickname": "Nick"}},
		{"Authing", "update", "PATCH " + users + "/{bob}", `{"company":"Bobs Garage","givenName":"Robert"}`, 200, nil, map[string]string{"company": "Bobs Garage"}},
		{"Authing", "detail", "GET " + users + "/{bob}", "", 200, nil, map[string]string{"login": "bob"}},
		{"Authing", "batch", "POST " + users + "/batch-get", `{"ids":["{bob}","{ida}"]}`, 200, nil, map[string]string{"users.0.id": "{bob}", "users.1.id": "{ida}"}},
		{"Authing", "list", "GET " + users + "?limit=10&total=true", "", 200, nil, map[string]string{"total": "4"}},
		{"Authing", "find", "GET " + users + "/find?phone=188-0000-8888", "", 200, nil, map[string]string{"id": "{bob}"}},
		{"Authing", "search", "GET " + users + "?search=gar%20Bob", "", 200, nil, map[string]string{"users.#": "1", "users.0.id": "{bob}"}},
		{"Authing", "refresh_token", "POST " + users + "/{bob}/access-token", "", 200, map[string]string{"jwt": "token"}, nil},
		{"Authing", "create a group", "POST /admin/projects/{project}/groups", `{"code":"night shift","name":"Night"}`, 201, nil, map[string]string{"code": "night shift"}},
		{"Authing", "add_group", "PUT " + users + "/{bob}/groups/night%20shift", "", 200, nil, map[string]string{"groups.0.code": "night shift"}},
		{"Authing", "list_groups", "GET " + users + "/{bob}/groups", "", 200, nil, map[string]string{"groups.#": "1"}},
		{"Authing", "list the users of a group", "GET " + users + "?group=night%20shift", "", 200, nil, map[string]string{"users.0.id": "{bob}"}},
		{"Authing", "remove_group", "DELETE " + users + "/{bob}/groups/night%20shift", "", 200, nil, map[string]string{"groups.#": "0"}},
		{"Authing", "create a role", "POST /admin/projects/{project}/roles", `{"name":"reader","resource":[{"resourceType":"Patient","interaction":["read","search"]}]}`, 201, map[string]string{"reader": "id"}, map[string]string{"name": "reader"}},
		{"Authing", "add_roles", "POST " + users + "/{bob}/roles", `{"roles":["reader"]}`, 200, nil, map[string]string{"roles.#": "2"}},
		{"Authing", "list_roles", "GET " + users + "/{bob}/roles", "", 200, nil, map[string]string{"roles.1.name": "reader"}},
		{"Authing", "remove_roles", "DELETE " + users + "/{bob}/roles/reader", "", 200, nil, map[string]string{"roles.#": "1"}},
		{"Authing", "add_policies", "POST " + users + "/{bob}/policies", `{"policies":[{"policy":{"reference":"AccessPolicy/{reader}"},"parameter":[{"name":"ward","valueString":"7"}]}]}`, 200, nil, map[string]string{"roles.#": "2"}},
		{"Authing", "list_policies", "GET " + users + "/{bob}/policies", "", 200, nil, map[string]string{"policies.1.parameter.0.valueString": "7"}},
		{"Authing", "remove_policies", "DELETE " + users + "/{bob}/policies/{reader}", "", 200, nil, map[string]string{"roles.#": "1"}},
		{"Authing", "update, blocked", "POST " + users + "/{bob}/block", "", 200, nil, map[string]string{"status": "blocked"}},
		{"Authing", "list, blocked", "GET " + users + "?status=blocked", "", 200, nil, map[string]string{"users.#": "1"}},
		{"Authing", "update, not blocked", "POST " + users + "/{bob}/unblock", "", 200, nil, map[string]string{"status": "active"}},
		{"Authing", "update, blocked with other fields", "PATCH " + users + "/{bob}", `{"status":"blocked","nickname":"Bobby"}`, 200, nil, map[string]string{"status": "blocked", "nickname": "Bobby"}},
		{"Authing", "update, no status", "PATCH " + users + "/{bob}", `{"status":"deleted"}`, 400, nil, map[string]string{"issue.0.expression.0": "status"}},
		{"Authing", "update, not blocked with other fields", "PATCH " + users + "/{bob}", `{"status":"active","nickname":"Nick"}`, 200, nil, map[string]string{"status": "active"}},
		{"Authing", "update, tokenExpiredAt", "DELETE " + users + "/{bob}/sessions", "", 200, nil, nil},
		{"Authing", "delete_many", "POST " + users + "/batch-delete", `{"ids":["{bob}","nobody"]}`, 200, nil, map[string]string{"results.0.status": "200", "results.1.status": "404"}},
		{"Authing", "delete", "DELETE " + users + "/{ida}", "", 200, nil, nil},

		{"Medplum", "Invite via API", "POST /admin/projects/{project}/invite", `{"resourceType":"Patient","firstName":"Homer","lastName":"Simpson","email":"homer@example.com","sendEmail":"false"}`, 200, map[string]string{"homer": "id"}, nil},
		{"Medplum", "Users, by name", "GET " + users + "?search=simps", "", 200, nil, map[string]string{"users.0.id": "{homer}", "users.0.scope": "project"}},
		{"Medplum", "Removing Memberships", "DELETE /admin/projects/{project}/members/{homer}", "", 200, nil, map[string]string{"id": "ok"}},
	}
}

// TestEveryOperationOfTheSeedsThroughTheAPI prints which route does what the other systems' users ask
// for. encodePassword of iCure has none: a hash never leaves the server.
func TestEveryOperationOfTheSeedsThroughTheAPI(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		admin := s.As(apptest.Admin)
		practitioner := admin.POST("/fhir/R4/Practitioner", `{"resourceType":"Practitioner"}`).WantStatus(http.StatusCreated).Field("id")
		known := map[string]string{
			"project": admin.Project, "practitioner": "Practitioner/" + practitioner, "challenge": "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
		}
		fill := func(text string) string {
			for name, value := range known {
				text = strings.ReplaceAll(text, "{"+name+"}", value)
			}
			return text
		}
		table := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
		if testing.Verbose() {
			defer table.Flush()
		}
		told := description(t, s)
		for _, step := range seedSteps() {
			method, path, _ := strings.Cut(fill(step.route), " ")
			answer := admin.Do(method, path, fill(step.body)).WantStatus(step.status)
			told.check(method, path, fill(step.body), answer)
			for path, value := range step.want {
				require.Equal(t, fill(value), answer.Field(path), "%s: %s: %s in %s", step.seed, step.operation, path, answer.Body)
			}
			for name, path := range step.keep {
				known[name] = answer.Field(path)
				require.NotEmpty(t, known[name], "%s: %s: %s", step.seed, step.operation, path)
			}
			fmt.Fprintf(table, "%s\t%s\t%s\t%d\n", step.seed, step.operation, step.route, answer.Status)
		}
		ended := admin.With("Authorization", "Bearer "+known["jwt"])
		ended.GET("/auth/me").WantStatus(http.StatusUnauthorized)
		assert.NotEmpty(t, s.MailTo("ida@example.com").ID)
	})
}
