package apptest_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/tidwall/sjson"

	"github.com/admitdev/admit/cmd/admit/apptest"
)

// TestAdministrationDoesWhatMedplumsClientsKnow goes through the routes by which Medplum's clients administer, as far as
// they are about what Admit has, and looks at what each has done.
func TestAdministrationDoesWhatMedplumsClientsKnow(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		admin, super := s.As(apptest.Admin), s.As(apptest.SuperAdmin)
		pages := "/admin/projects/" + admin.Project
		invite := func(more string) *apptest.Answer {
			return admin.POST(pages+"/invite", `{"firstName":"Ann","lastName":"Page","sendEmail":false,`+more+`}`).WantStatus(http.StatusOK)
		}
		client := admin.POST(pages+"/client", `{"name":"Rotating"}`).WantStatus(http.StatusCreated)
		rotate := "/fhir/R4/ClientApplication/" + client.Field("id") + "/$rotate-secret"
		first := client.Field("secret")
		token := func(secret string) int {
			return s.As(apptest.Anonymous).FORM("/oauth2/token", "grant_type=client_credentials&client_id="+client.Field("id")+"&client_secret="+secret).Status
		}
		t.Run("$rotate-secret", func(t *testing.T) {
			admin.POST(rotate, `{}`).WantStatus(http.StatusBadRequest).WantText("Secret to rotate must be provided")
			admin.POST(rotate, `{"secret":"a","retiringSecret":"b"}`).WantStatus(http.StatusBadRequest).WantText("Only one secret can be rotated at a time")
			admin.POST(rotate, `{"secret":"another"}`).WantStatus(http.StatusBadRequest).WantText("Provided secret does not match client")
			rotated := admin.POST(rotate, `{"resourceType":"Parameters","parameter":[{"name":"secret","valueString":"`+first+`"}]}`).WantStatus(http.StatusOK)
			require.Equal(t, first, rotated.Field("retiringSecret"))
			second := rotated.Field("secret")
			require.Regexp(t, `^[0-9a-f]{64}$`, second)
			require.NotEqual(t, first, second)
			require.Equal(t, []int{http.StatusOK, http.StatusOK}, []int{token(first), token(second)}, "both get tokens")
			s.As(apptest.OtherAdmin).POST(rotate, `{"secret":"`+second+`"}`).WantStatus(http.StatusNotFound)
			ended := admin.POST(rotate, `{"retiringSecret":"`+first+`"}`).WantStatus(http.StatusOK)
			require.Equal(t, []string{second, ""}, []string{ended.Field("secret"), ended.Field("retiringSecret")})
			require.NotEqual(t, http.StatusOK, token(first))
			super.POST(rotate, `{"secret":"`+second+`"}`).WantStatus(http.StatusOK)
			history := super.GET("/fhir/R4/ClientApplication/" + client.Field("id") + "/_history").WantStatus(http.StatusOK)
			require.NotContains(t, string(history.Body), first)
		})
		t.Run("$update-email", func(t *testing.T) {
			member := invite(`"resourceType":"Patient","email":"before@clinic.example"`)
			_, user, _ := strings.Cut(member.Field("user.reference"), "/")
			update := "/fhir/R4/User/" + user + "/$update-email"
			admin.POST(update, `{"email":"none"}`).WantStatus(http.StatusBadRequest).WantText("Valid email address is required")
			s.As(apptest.OtherAdmin).POST(update, `{"email":"thief@clinic.example"}`).WantStatus(http.StatusNotFound)
			s.As(apptest.Practitioner).POST(update, `{"email":"thief@clinic.example"}`).WantStatus(http.StatusForbidden)
			changed := admin.POST(update, `{"email":"After@clinic.example","updateProfileTelecom":true}`).WantStatus(http.StatusOK)
			require.Equal(t, "after@clinic.example", changed.Field("email"))
			require.Contains(t, s.MailTo("after@clinic.example").Link, "/verifyemail/")
			require.NotContains(t, s.MailTo("before@clinic.example").Link, "verifyemail", "the old address is told, and gets no link")

			shown := admin.GET(pages + "/members/" + member.Field("id")).WantStatus(http.StatusOK)
			require.Equal(t, "after@clinic.example", shown.Field("user.display"))
			require.Equal(t, member.Field("id"), admin.GET(pages+"/users?search=after@clinic.example").WantStatus(http.StatusOK).Field("users.0.id"))
			require.NotContains(t, string(admin.GET(pages+"/users?search=before@clinic.example").WantStatus(http.StatusOK).Body), member.Field("id"))
			profile := admin.GET("/fhir/R4/" + member.Field("profile.reference")).WantStatus(http.StatusOK)
			require.Equal(t, "old", profile.Field(`telecom.#(value=="before@clinic.example").use`))
			require.Equal(t, "work", profile.Field(`telecom.#(value=="after@clinic.example").use`))
			invite(`"resourceType":"Patient","email":"before@clinic.example"`) // the old address is free again

			// The other scope: whoever is a member beside them has no address twice, and of others nothing is told.
			const twice = "This address belongs to another account"
			beside := invite(`"resourceType":"Practitioner","email":"beside@clinic.example"`)
			admin.POST(update, `{"email":"Beside@clinic.example"}`).WantStatus(http.StatusBadRequest).WantText(twice)
			super.POST("/fhir/R4/"+beside.Field("user.reference")+"/$update-email", `{"email":"after@clinic.example"}`).WantStatus(http.StatusBadRequest).WantText(twice)
			admin.POST(update, `{"email":"`+s.As(apptest.OtherAdmin).Email+`"}`).WantStatus(http.StatusOK)
			admin.POST(update, `{"email":"after@clinic.example"}`).WantStatus(http.StatusOK)
			super.POST("/fhir/R4/"+s.As(apptest.OtherAdmin).User+"/$update-email", `{"email":"before@clinic.example"}`).WantStatus(http.StatusOK)

			// A plain update by a super administrator, the only one who may, is no way around that.
			replace := func(of, email string) *apptest.Answer {
				body, err := sjson.SetBytes(super.GET("/fhir/R4/"+of).WantStatus(http.StatusOK).Body, "email", email)
				require.NoError(t, err)
				return super.PUT("/fhir/R4/"+of, string(body))
			}
			patch := func(of, email string) *apptest.Answer {
				return super.With("Content-Type", "application/json-patch+json").PATCH("/fhir/R4/"+of, `[{"op":"replace","path":"/email","value":"`+email+`"}]`)
			}
			for _, change := range []func(of, email string) *apptest.Answer{replace, patch} {
				change("User/"+user, "beside@clinic.example").WantStatus(http.StatusConflict)
				change(beside.Field("user.reference"), "after@clinic.example").WantStatus(http.StatusConflict)
				change("User/"+user, super.Email).WantStatus(http.StatusOK)
				change("User/"+user, "after@clinic.example").WantStatus(http.StatusOK)
			}

			_, own, _ := strings.Cut(admin.User, "/")
			admin.POST("/fhir/R4/User/"+own+"/$update-email", `{"email":"x@clinic.example"}`).WantStatus(http.StatusForbidden)
			there := s.As(apptest.OtherAdmin).User // of whom the project knows nothing
			for _, of := range []string{there, "User/" + admin.Project} {
				admin.POST("/fhir/R4/"+of+"/$update-email", `{"email":"x@clinic.example"}`).WantStatus(http.StatusNotFound)
				admin.POST("/fhir/R4/"+of+"/$rescope", `{"scope":"server"}`).WantStatus(http.StatusNotFound)
			}
			super.POST("/fhir/R4/User/"+own+"/$update-email", `{"email":"x@clinic.example","updateProfileTelecom":true}`).
				WantStatus(http.StatusBadRequest).WantText("Cannot update profile of server-scoped User")
		})
		t.Run("$rescope", func(t *testing.T) {
			const password = "Quiet-harbour-47"
			member := invite(`"resourceType":"Practitioner","email":"mover@clinic.example","scope":"project","password":"` + password + `"`)
			_, user, _ := strings.Cut(member.Field("user.reference"), "/")
			path := "/fhir/R4/User/" + user
			rescope := path + "/$rescope"
			before := s.SignIn("mover@clinic.example", password, admin.Project)
			for body, text := range map[string]string{
				`{"scope":"world"}`: `Invalid scope: must be "project" or "server"`, `{}`: `Invalid scope: must be "project" or "server"`,
				`{"scope":"server"}`: "The person has not proven the address of the User",
			} {
				admin.POST(rescope, body).WantStatus(http.StatusBadRequest).WantText(text)
			}
			admin.POST(rescope, `{"scope":"project","project":"`+admin.Project+`"}`).WantStatus(http.StatusForbidden)
			s.As(apptest.OtherAdmin).POST(rescope, `{"scope":"server"}`).WantStatus(http.StatusNotFound)
			s.As(apptest.Practitioner).POST(rescope, `{"scope":"server"}`).WantStatus(http.StatusForbidden)
			super.POST(rescope, `{"scope":"project","project":"`+s.As(apptest.OtherAdmin).Project+`"}`).WantStatus(http.StatusBadRequest).
				WantText("User has ProjectMembership in another project; remove those memberships before rescoping")
			before.GET("/auth/me").WantStatus(http.StatusOK)

			moved := super.POST(rescope, `{"scope":"server"}`).WantStatus(http.StatusOK)
			require.Equal(t, []string{user, ""}, []string{moved.Field("id"), moved.Field("project.reference")})
			before.GET("/auth/me").WantStatus(http.StatusUnauthorized)
			super.POST(rescope, `{"scope":"server"}`).WantStatus(http.StatusBadRequest).WantText("User is already server-scoped")
			s.SignIn("mover@clinic.example", password, "").GET("/auth/me").WantStatus(http.StatusOK) // at the server, with the same password
			require.Equal(t, "2", super.GET(path+"/_history").WantStatus(http.StatusOK).Field("total"), "with its history")
			require.Equal(t, member.Field("id"), admin.GET(pages+"/users?search=mover@clinic.example").WantStatus(http.StatusOK).Field("users.0.id"))
			invite(`"resourceType":"Patient","email":"mover@clinic.example","scope":"server","forceNewMembership":true`)

			back := super.POST(rescope, `{"scope":"project","project":{"reference":"Project/`+admin.Project+`"}}`).WantStatus(http.StatusOK)
			require.Equal(t, "Project/"+admin.Project, back.Field("project.reference"))
			step := s.As(apptest.Anonymous).POST("/auth/login", `{"email":"mover@clinic.example","password":"`+password+`","projectId":"`+admin.Project+`"}`).WantStatus(http.StatusOK)
			require.Equal(t, "2", step.Field("memberships.#"), "both profiles are still the person's")
			require.Equal(t, "1", super.GET("/fhir/R4/User?_total=accurate&email=mover@clinic.example").Field("total"))
			admin.POST(pages+"/invite", `{"resourceType":"Practitioner","firstName":"P","lastName":"Roven","email":"proven@clinic.example","scope":"project"}`).WantStatus(http.StatusOK)
			link := strings.Split(s.MailTo("proven@clinic.example").Link, "/")
			s.As(apptest.Anonymous).POST("/auth/setpassword", `{"id":"`+link[len(link)-2]+`","secret":"`+link[len(link)-1]+`","password":"`+password+`"}`).WantStatus(http.StatusOK)
			proven := s.SignIn("proven@clinic.example", password, admin.Project)
			moved = admin.POST("/fhir/R4/"+proven.User+"/$rescope", `{"scope":"server"}`).WantStatus(http.StatusOK)
			require.Empty(t, moved.Field("project.reference"))
			proven.GET("/auth/me").WantStatus(http.StatusUnauthorized)
			s.As(apptest.Anonymous).POST("/auth/login", `{"email":"proven@clinic.example","password":"`+password+`"}`).WantStatus(http.StatusBadRequest)
			s.As(apptest.Anonymous).POST("/auth/resetpassword", `{"email":"proven@clinic.example"}`).WantStatus(http.StatusOK)
			require.Contains(t, s.MailAbout("proven@clinic.example", "Password Reset").Link, "/setpassword/", "the way back in is by mail")

			twin := invite(`"resourceType":"Patient","email":"twin@clinic.example","scope":"project"`)
			other := s.As(apptest.OtherAdmin)
			s.Invite(other, "Practitioner", "twin@clinic.example", `,"scope":"server"`)
			super.POST("/fhir/R4/"+twin.Field("user.reference")+"/$rescope", `{"scope":"server"}`).WantStatus(http.StatusBadRequest).WantText("Another User has this address there")
			require.Equal(t, "Project/"+admin.Project, super.GET("/fhir/R4/"+twin.Field("user.reference")).Field("project.reference"), "nothing has moved")
		})
		t.Run("a User that is written has its membership found by the new address", func(t *testing.T) {
			member := invite(`"resourceType":"Patient","email":"plain@clinic.example"`)
			read := admin.GET("/fhir/R4/" + member.Field("user.reference")).WantStatus(http.StatusOK)
			var user map[string]any
			require.NoError(t, json.Unmarshal(read.Body, &user))
			user["email"] = "fhir@clinic.example"
			body, err := json.Marshal(user)
			require.NoError(t, err)
			admin.PUT("/fhir/R4/"+member.Field("user.reference"), string(body)).WantStatus(http.StatusOK)
			require.Equal(t, member.Field("id"), admin.GET(pages+"/users?search=plain@clinic.example").WantStatus(http.StatusOK).Field("users.0.id"),
				"an address is not changed without its owner being told")
			super.PUT("/fhir/R4/"+member.Field("user.reference"), string(body)).WantStatus(http.StatusOK)
			require.Equal(t, member.Field("id"), admin.GET(pages+"/users?search=fhir@clinic.example").WantStatus(http.StatusOK).Field("users.0.id"))
		})
		t.Run("one person with several profiles, and a membership that goes without its profile", func(t *testing.T) {
			one := invite(`"resourceType":"Practitioner","email":"two@clinic.example"`)
			two := invite(`"resourceType":"Patient","email":"two@clinic.example","scope":"server","forceNewMembership":true`)
			require.Equal(t, one.Field("user.reference"), two.Field("user.reference"))
			profile := "/fhir/R4/" + two.Field("profile.reference")
			refused := admin.DELETE(profile).WantStatus(http.StatusConflict).WantIssue("conflict")
			require.Contains(t, refused.Field("issue.0.details.text"), "delete that first (DELETE /admin/projects/:projectId/members/:membershipId)")
			admin.DELETE(pages + "/members/" + two.Field("id")).WantStatus(http.StatusOK)
			admin.DELETE(pages + "/members/" + two.Field("id")).WantStatus(http.StatusGone)
			admin.GET(profile).WantStatus(http.StatusOK)
			admin.GET(pages + "/members/" + one.Field("id")).WantStatus(http.StatusOK)
			admin.DELETE(profile).WantStatus(http.StatusOK)
		})
	})
}
