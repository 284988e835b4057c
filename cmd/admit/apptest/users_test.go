package apptest_test

import (
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/admitdev/admit/cmd/admit/apptest"
)

// usersOf is the path of the users of somebody's project.
func usersOf(c *apptest.Client) string { return "/admin/projects/" + c.Project + "/users" }

// addUser makes a user and gives its id.
func addUser(c *apptest.Client, body string) string {
	return c.POST(usersOf(c), body).WantStatus(http.StatusCreated).Field("id")
}

// signInByName is the answer to a sign-in of a user of a project.
func signInByName(s *apptest.Server, project, name, password string) *apptest.Answer {
	return s.As(apptest.Anonymous).POST("/auth/login", `{"username":"`+name+`","projectId":"`+project+`","password":"`+password+
		`","codeChallenge":"E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM","codeChallengeMethod":"S256"}`)
}

func TestAUserOfOtherProjectsIsChangedInThisOneAlone(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		here, there := s.As(apptest.Admin), s.As(apptest.OtherAdmin)
		s.Invite(here, "Practitioner", "both@example.com", "")
		there.POST("/admin/projects/"+there.Project+"/invite",
			`{"resourceType":"Practitioner","firstName":"B","lastName":"Oth","email":"both@example.com"}`).WantStatus(http.StatusOK)
		user := here.GET(usersOf(here) + "/find?email=both@example.com").WantStatus(http.StatusOK)
		require.Equal(t, "server", user.Field("scope"))
		path := usersOf(here) + "/" + user.Field("id")
		s.SignIn("both@example.com", apptest.Password, here.Project) // so that the password is known to be good

		for field, body := range map[string]string{
			"email": `{"email":"mine@example.com"}`, "password": `{"password":"another-password-24"}`,
		} {
			got := here.PATCH(path, body).WantStatus(http.StatusBadRequest)
			assert.Equal(t, field, got.Field("issue.0.expression.0"))
		}
		here.POST(path+"/tokens", `{"key":"k"}`).WantStatus(http.StatusBadRequest)
		here.POST(path+"/access-token", "").WantStatus(http.StatusBadRequest)
		here.PATCH(path, `{"name":"Our Name","login":"both","company":"Clinic"}`).WantStatus(http.StatusOK)
		theirs := there.GET(usersOf(there) + "/find?email=both@example.com").WantStatus(http.StatusOK)
		assert.NotEqual(t, "Our Name", theirs.Field("name"))
		assert.Empty(t, theirs.Field("login"))
		assert.Empty(t, theirs.Field("company"))

		here.POST(path+"/block", "").WantStatus(http.StatusOK)
		s.As(apptest.SuperAdmin).POST("/admin/super/setpassword", `{"email":"both@example.com","password":"`+apptest.Password+`"}`).WantStatus(http.StatusOK)
		signInByName(s, here.Project, "both@example.com", apptest.Password).WantStatus(http.StatusBadRequest)
		s.SignIn("both@example.com", apptest.Password, there.Project)
		here.POST(path+"/purge", "").WantStatus(http.StatusOK)
		here.GET(path).WantStatus(http.StatusNotFound)
		s.SignIn("both@example.com", apptest.Password, there.Project)
	})
}

func TestUsersOfAnotherProjectDoNotExist(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		here, there := s.As(apptest.Admin), s.As(apptest.OtherAdmin)
		mine := addUser(here, `{"profileType":"Patient","login":"mine","password":"`+apptest.Password+`"}`)
		theirs := addUser(there, `{"profileType":"Patient","login":"theirs","email":"t@example.com","phone":"+4912345678"}`)
		theirRole := there.POST("/admin/projects/"+there.Project+"/roles", `{"name":"theirs"}`).WantStatus(http.StatusCreated).Field("id")
		theirGroup := there.POST("/admin/projects/"+there.Project+"/groups", `{"code":"theirs"}`).WantStatus(http.StatusCreated).Field("id")
		theirProfile := there.GET(usersOf(there) + "/" + theirs).Field("profile.reference")

		here.GET(usersOf(here) + "/" + theirs).WantStatus(http.StatusNotFound)
		here.DELETE(usersOf(here) + "/" + theirs).WantStatus(http.StatusNotFound)
		here.POST(usersOf(here)+"/"+theirs+"/tokens", `{"key":"k"}`).WantStatus(http.StatusNotFound)
		here.POST(usersOf(here)+"/"+theirs+"/purge", "").WantStatus(http.StatusNotFound)
		for _, name := range []string{"login=theirs", "email=t@example.com", "phone=%2B4912345678"} {
			here.GET(usersOf(here) + "/find?" + name).WantStatus(http.StatusNotFound)
			there.GET(usersOf(there) + "/find?" + name).WantStatus(http.StatusOK)
		}
		assert.Equal(t, "0", here.POST(usersOf(here)+"/batch-get", `{"ids":["`+theirs+`"]}`).WantStatus(http.StatusOK).Field("users.#"))
		assert.Equal(t, "0", here.GET(usersOf(here)+"?ids="+theirs).Field("users.#"))
		assert.Equal(t, "0", here.GET(usersOf(here)+"?search=theirs").Field("users.#"))
		here.PUT(usersOf(here)+"/"+mine+"/profile", `{"reference":"`+theirProfile+`"}`).WantStatus(http.StatusBadRequest)
		here.POST(usersOf(here)+"/"+mine+"/roles", `{"roles":["`+theirRole+`"]}`).WantStatus(http.StatusBadRequest)
		here.POST(usersOf(here)+"/"+mine+"/policies", `{"policies":[{"policy":{"reference":"AccessPolicy/`+theirRole+`"}}]}`).WantStatus(http.StatusBadRequest)
		here.PUT(usersOf(here)+"/"+mine+"/groups/"+theirGroup, "").WantStatus(http.StatusBadRequest)
		signInByName(s, there.Project, "mine", apptest.Password).WantStatus(http.StatusBadRequest)

		// The same names mean somebody else here.
		addUser(here, `{"profileType":"Patient","login":"theirs","email":"t@example.com","phone":"+4912345678"}`)
	})
}

func TestATokenSignsItsUserInUntilItIsEnded(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		admin := s.As(apptest.Admin)
		id := addUser(admin, `{"profileType":"Patient","login":"tok","email":"tok@example.com"}`)
		other := addUser(admin, `{"profileType":"Patient","login":"other"}`)
		path := usersOf(admin) + "/" + id
		make := func(key string) string {
			made := admin.POST(path+"/tokens", `{"key":"`+key+`","validity":3600}`).WantStatus(http.StatusCreated)
			assert.Equal(t, "no-store", made.Header.Get("Cache-Control"))
			return made.Field("token")
		}
		works := func(token string, want bool) {
			t.Helper()
			status := http.StatusBadRequest
			if want {
				status = http.StatusOK
			}
			signInByName(s, admin.Project, "tok", token).WantStatus(status)
		}
		first := make("app")
		works(first, true)
		holder := s.SignIn("tok@example.com", first, admin.Project)
		holder.POST("/auth/changeemail", `{"email":"thief@example.com"}`).WantStatus(http.StatusForbidden)
		holder.POST(path+"/tokens", `{"key":"more"}`).WantStatus(http.StatusForbidden)
		signInByName(s, admin.Project, "other", first).WantStatus(http.StatusBadRequest)
		s.As(apptest.Anonymous).With("Authorization", "Bearer "+first).GET("/auth/me").WantStatus(http.StatusUnauthorized)
		second := make("app")
		works(first, false)
		works(second, true)
		list := admin.GET(path + "/tokens").WantStatus(http.StatusOK)
		assert.Equal(t, "1", list.Field("tokens.#"))
		assert.NotContains(t, string(list.Body), second)

		admin.DELETE(path + "/tokens/app").WantStatus(http.StatusOK)
		admin.DELETE(path + "/tokens/app").WantStatus(http.StatusNotFound)
		works(second, false)
		third := make("app/desk top")
		admin.POST(path+"/block", "").WantStatus(http.StatusOK)
		works(third, false)
		admin.POST(path+"/unblock", "").WantStatus(http.StatusOK)
		works(third, true)
		admin.PATCH(path, `{"password":"`+apptest.Password+`"}`).WantStatus(http.StatusOK)
		works(third, false)
		fourth := make("app")
		admin.DELETE(path).WantStatus(http.StatusOK)
		works(fourth, false)
		admin.POST(path+"/undelete", "").WantStatus(http.StatusOK)
		works(fourth, false)
		works(apptest.Password, true)
		admin.POST(usersOf(admin)+"/"+other+"/tokens", `{"key":"k","validity":99999999999}`).WantStatus(http.StatusBadRequest)
	})
}

func TestPractitionersManageNobodyWithMoreRights(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		admin, staff := s.As(apptest.Admin), s.As(apptest.Practitioner)
		_, adminID, _ := strings.Cut(admin.Membership, "/")
		patient := addUser(admin, `{"profileType":"Patient","login":"pat"}`)
		admin.POST("/admin/projects/"+admin.Project+"/roles", `{"name":"everything","resource":[{"resourceType":"*"}]}`).WantStatus(http.StatusCreated)
		strong := addUser(admin, `{"profileType":"Practitioner","login":"strong","roles":["everything"]}`)
		users := usersOf(staff)
		staff.GET(users).WantStatus(http.StatusForbidden)
		staff.POST(users, `{"profileType":"Patient","login":"p"}`).WantStatus(http.StatusForbidden)
		admin.POST("/admin/projects/"+admin.Project+"/settings", `[{"name":"practitionersManageUsers","valueBoolean":true}]`).WantStatus(http.StatusOK)

		staff.GET(users).WantStatus(http.StatusOK)
		made := addUser(staff, `{"profileType":"Patient","login":"p"}`)
		staff.POST(users+"/"+made+"/tokens", `{"key":"k"}`).WantStatus(http.StatusCreated)
		staff.PATCH(users+"/"+patient, `{"name":"Pat Ient"}`).WantStatus(http.StatusOK)
		addUser(staff, `{"profileType":"Practitioner","login":"colleague"}`)
		for _, refused := range []struct{ method, path, body string }{
			{"POST", users, `{"profileType":"Practitioner","login":"x","admin":true}`},
			{"POST", users, `{"profileType":"Patient","login":"x","roles":["everything"]}`},
			{"PATCH", users + "/" + made, `{"admin":true}`},
			{"POST", users + "/" + made + "/roles", `{"roles":["everything"]}`},
			{"POST", users + "/" + adminID + "/tokens", `{"key":"k"}`},
			{"POST", users + "/" + adminID + "/block", ""},
			{"PATCH", users + "/" + strong, `{"password":"another-password-24"}`},
			{"POST", users + "/" + strong + "/access-token", ""},
			{"DELETE", users + "/" + strong, ""},
			{"POST", users + "/" + made + "/purge", ""},
			{"POST", "/admin/projects/" + admin.Project + "/roles", `{"name":"mine"}`},
			{"DELETE", "/admin/projects/" + admin.Project + "/roles/everything", ""},
		} {
			staff.Do(refused.method, refused.path, refused.body).WantStatus(http.StatusForbidden)
		}
		s.As(apptest.Patient).GET(users).WantStatus(http.StatusForbidden)
	})
}

// TestPractitionersGiveNobodyAnothersRights: a parameter, or another profile, makes other rights of a policy
// that they hold.
func TestPractitionersGiveNobodyAnothersRights(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		admin, staff := s.As(apptest.Admin), s.As(apptest.Practitioner)
		admin.POST("/admin/projects/"+admin.Project+"/settings", `[{"name":"practitionersManageUsers","valueBoolean":true}]`).WantStatus(http.StatusOK)
		users, patient := usersOf(staff), addUser(admin, `{"profileType":"Patient","login":"pat"}`)
		_, own, _ := strings.Cut(staff.Membership, "/")
		records := admin.GET(usersOf(admin) + "/" + patient + "/policies").WantStatus(http.StatusOK).Field("policies.0.policy.reference")
		of := `{"policy":{"reference":"` + records + `"},"parameter":[{"name":"patient","valueReference":{"reference":"` +
			admin.GET(usersOf(admin)+"/"+patient).Field("profile.reference") + `"}}]}`
		staff.POST(users+"/"+own+"/policies", `{"policies":[`+of+`]}`).WantStatus(http.StatusForbidden)

		colleague := addUser(admin, `{"profileType":"Practitioner","login":"colleague"}`)
		profile := admin.GET(usersOf(admin) + "/" + colleague).Field("profile.reference")
		admin.POST("/admin/projects/"+admin.Project+"/roles",
			`{"name":"own patients","resource":[{"resourceType":"Practitioner"},{"resourceType":"Patient","criteria":"Patient?general-practitioner=%profile"}]}`).WantStatus(http.StatusCreated)
		for _, id := range []string{own, colleague} {
			admin.POST(usersOf(admin)+"/"+id+"/roles", `{"roles":["own patients"]}`).WantStatus(http.StatusOK)
		}
		staff.POST(users, `{"profileType":"Practitioner","login":"x","roles":["own patients"],"profile":{"reference":"`+profile+`"}}`).WantStatus(http.StatusForbidden)
		staff.PATCH(users+"/"+colleague, `{"password":"another-password-24"}`).WantStatus(http.StatusForbidden)
	})
}

func TestADeletedUserComesBackUnlessTheNamesAreTaken(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		admin := s.As(apptest.Admin)
		id := addUser(admin, `{"profileType":"Patient","login":"old","email":"old@example.com","password":"`+apptest.Password+`","customData":{"a":[1,{"b":"c"}]}}`)
		admin.DELETE(usersOf(admin) + "/" + id).WantStatus(http.StatusOK)
		admin.GET(usersOf(admin) + "/" + id).WantStatus(http.StatusGone)
		signInByName(s, admin.Project, "old", apptest.Password).WantStatus(http.StatusBadRequest)
		deleted := admin.GET(usersOf(admin) + "?status=deleted").WantStatus(http.StatusOK)
		assert.Equal(t, id, deleted.Field("users.0.id"))

		usurper := addUser(admin, `{"profileType":"Patient","login":"new","email":"old@example.com"}`)
		got := admin.POST(usersOf(admin)+"/"+id+"/undelete", "").WantStatus(http.StatusBadRequest)
		assert.Equal(t, "email", got.Field("issue.0.expression.0"))
		admin.PATCH(usersOf(admin)+"/"+usurper, `{"email":"new@example.com","login":"old"}`).WantStatus(http.StatusOK)
		got = admin.POST(usersOf(admin)+"/"+id+"/undelete", "").WantStatus(http.StatusBadRequest)
		assert.Equal(t, "login", got.Field("issue.0.expression.0"))
		admin.GET(usersOf(admin) + "/" + id).WantStatus(http.StatusGone)
		admin.POST(usersOf(admin)+"/"+usurper+"/purge", "").WantStatus(http.StatusOK)

		back := admin.POST(usersOf(admin)+"/"+id+"/undelete", "").WantStatus(http.StatusOK)
		assert.JSONEq(t, `{"a":[1,{"b":"c"}]}`, back.Field("customData"))
		signInByName(s, admin.Project, "old", apptest.Password).WantStatus(http.StatusOK)
		admin.POST(usersOf(admin)+"/"+id+"/undelete", "").WantStatus(http.StatusBadRequest)
		admin.POST(usersOf(admin)+"/nobody/undelete", "").WantStatus(http.StatusNotFound)
	})
}

func TestOfManyWhoWantOneLoginOneGetsIt(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		admin := s.As(apptest.Admin)
		statuses := make([]int, 12)
		var all sync.WaitGroup
		for i := range statuses {
			all.Go(func() {
				statuses[i] = admin.POST(usersOf(admin), `{"profileType":"Patient","login":"wanted","email":"wanted@example.com"}`).Status
			})
		}
		all.Wait()
		count := map[int]int{}
		for _, status := range statuses {
			count[status]++
		}
		assert.Equal(t, map[int]int{http.StatusCreated: 1, http.StatusBadRequest: len(statuses) - 1}, count)
		assert.Equal(t, "1", admin.GET(usersOf(admin)+"?search=wanted&total=true").Field("total"))
	})
}

func TestBadFieldsOfAUserAreNamed(t *testing.T) {
	s := apptest.Start(t)
	admin := s.As(apptest.Admin)
	for field, body := range map[string]string{
		"profileType": `{"login":"x"}`,
		"":            `{"profileType":"Patient"}`,
		"email":       `{"profileType":"Patient","email":"nobody"}`,
		"phone":       `{"profileType":"Patient","phone":"call me"}`,
		"login":       `{"profileType":"Patient","login":"bob@example.com"}`,
		"password":    `{"profileType":"Patient","login":"x","password":"short"}`,
		"id":          `{"profileType":"Patient","login":"x","id":"1"}`,
		"status":      `{"profileType":"Patient","login":"x","status":"pending"}`,
		"name":        `{"profileType":"Patient","login":"x","name":"a\u202eb"}`,
		"nonsense":    `{"profileType":"Patient","login":"x","nonsense":1}`,
		"roles":       `{"profileType":"Patient","login":"x","roles":["nope"]}`,
		"groups":      `{"profileType":"Patient","login":"x","groups":["nope"]}`,
		"patient":     `{"profileType":"RelatedPerson","login":"x","patient":{"reference":"Patient/nope"}}`,
		"profile":     `{"login":"x","profile":{"reference":"Patient/nope"}}`,
		"customData":  `{"profileType":"Patient","login":"x","customData":{"a":"` + strings.Repeat("x", 70000) + `"}}`,
	} {
		got := admin.POST(usersOf(admin), body).WantStatus(http.StatusBadRequest)
		assert.Equal(t, field, got.Field("issue.0.expression.0"), "%s", got.Body)
		s.WantUnchanged("User", "ProjectMembership", "Patient")
	}
	id := addUser(admin, `{"profileType":"Patient","login":"x"}`)
	version := admin.GET(usersOf(admin) + "/" + id)
	admin.With("If-Match", `W/"nope"`).PATCH(usersOf(admin)+"/"+id, `{"company":"y"}`).WantStatus(http.StatusPreconditionFailed)
	admin.With("If-Match", version.Header.Get("ETag")).PATCH(usersOf(admin)+"/"+id, `{"company":"y"}`).WantStatus(http.StatusOK)
	for _, query := range []string{"limit=0", "limit=1001", "limit=x", "status=x", "cursor=%00", "profile=Device/1", "role=nope", "group=nope"} {
		admin.GET(usersOf(admin) + "?" + query).WantStatus(http.StatusBadRequest)
	}
}
