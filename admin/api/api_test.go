package api_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/admitdev/admit/cmd/admit/apptest"
	"github.com/admitdev/admit/pkg/store/storetest"
)

func TestRoutesAnswerAsMedplumsClientsExpect(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db storetest.DB) {
		srv := apptest.Start(t, apptest.On(db))
		admin := srv.As(apptest.Admin)
		base := "/admin/projects/" + admin.Project

		invited := admin.POST(base+"/invite", `{"resourceType":"Practitioner","firstName":"Al","lastName":"Ice","email":"alice@example.com","sendEmail":false}`).WantStatus(http.StatusOK)
		assert.Equal(t, "application/fhir+json; charset=utf-8", invited.Header.Get("Content-Type"))
		assert.Equal(t, `W/"`+invited.Field("meta.versionId")+`"`, invited.Header.Get("ETag"))
		assert.NotEmpty(t, invited.Header.Get("Last-Modified"))
		assert.Equal(t, "ProjectMembership", invited.Field("resourceType"))
		assert.Equal(t, admin.Project, invited.Field("meta.project"), "extended whether asked for or not")
		assert.Equal(t, "system", invited.Field("meta.author.reference"))
		assert.Equal(t, "Project/"+admin.Project, invited.Field("meta.compartment.0.reference"))
		member := base + "/members/" + invited.Field("id")

		key := admin.With("Idempotency-Key", "k1")
		const bob = `{"resourceType":"Practitioner","firstName":"B","lastName":"Ob","email":"bob@example.com","sendEmail":false}`
		first, again := key.POST(base+"/invite", bob).WantStatus(http.StatusOK), key.POST(base+"/invite", bob).WantStatus(http.StatusOK)
		assert.Equal(t, string(first.Body), string(again.Body))
		key.POST(base+"/invite", `{"resourceType":"Practitioner","firstName":"B","lastName":"Ob","email":"other@example.com"}`).WantStatus(http.StatusUnprocessableEntity)

		misspelt := admin.POST(base+"/invite", `{"resourceType":"Practitioner","firstName":"C","lastName":"D","email":"cd@example.com","acessPolicy":{"reference":"AccessPolicy/x"}}`).WantStatus(http.StatusBadRequest)
		assert.Equal(t, []string{"Unknown field", "acessPolicy"}, []string{misspelt.Field("issue.0.details.text"), misspelt.Field("issue.0.expression.0")})
		assert.Equal(t, "0", admin.GET("/fhir/R4/User?email=cd@example.com&_total=accurate").OK().Field("total"))

		project := admin.GET(base).WantStatus(http.StatusOK)
		assert.Equal(t, "Clinic", project.Field("project.name"))
		secrets := admin.POST(base+"/secrets", `[{"name":"KEY","valueString":"v"}]`).WantStatus(http.StatusOK)
		assert.Equal(t, "Project", secrets.Field("resourceType"))
		assert.Equal(t, "v", admin.GET(base).Field("project.secret.0.valueString"))
		admin.POST(base+"/sites", `[{"name":"s","domain":["d"]}]`).WantStatus(http.StatusOK)
		admin.POST(base+"/settings", `[{"name":"s","valueBoolean":true}]`).WantStatus(http.StatusOK)
		admin.POST(base+"/settings", `{"name":"s"}`).WantStatus(http.StatusBadRequest)
		text := admin.POST(base+"/settings", `[{"name":"s","valueString":"x"},{"name":"mfaRequired","valueString":"true"}]`).WantStatus(http.StatusBadRequest)
		assert.Equal(t, []string{"Setting mfaRequired needs a valueBoolean", "Project.setting[1]"}, []string{text.Field("issue.0.details.text"), text.Field("issue.0.expression.0")})
		for _, list := range []string{"secret", "site", "setting"} {
			item := map[string]string{"secret": `"valueString":"v"`, "site": `"domain":["d"]`, "setting": `"valueBoolean":true`}[list]
			twice := admin.POST(base+"/"+list+"s", `[{"name":"a",`+item+`},{"name":"b",`+item+`},{"name":"a",`+item+`}]`).WantStatus(http.StatusBadRequest)
			assert.Equal(t, []string{"The name a is there twice", "Project." + list + "[2].name"}, []string{twice.Field("issue.0.details.text"), twice.Field("issue.0.expression.0")})
			blank := admin.POST(base+"/"+list+"s", `[{"name":" ",`+item+`}]`).WantStatus(http.StatusBadRequest)
			assert.Equal(t, []string{"A name is required", "Project." + list + "[0].name"}, []string{blank.Field("issue.0.details.text"), blank.Field("issue.0.expression.0")})
			admin.POST(base+"/"+list+"s", `[{`+item+`}]`).WantStatus(http.StatusBadRequest).WantText("Missing required property")
		}

		read := admin.GET(member).WantStatus(http.StatusOK)
		assert.Equal(t, "application/json; charset=utf-8", read.Header.Get("Content-Type"))
		assert.Empty(t, read.Field("meta.author"))
		assert.NotEmpty(t, admin.With("X-Medplum", "extended").GET(member).Field("meta.author"))
		admin.POST(member, string(read.Body)).WantStatus(http.StatusOK)
		admin.POST(member+"/resetpassword", "").WantStatus(http.StatusOK)
		admin.DELETE(member).WantStatus(http.StatusOK).WantIssue("ok")
		admin.DELETE(member).WantStatus(http.StatusGone).WantIssue("gone")
		admin.GET(base + "/members/nope").WantStatus(http.StatusNotFound)

		client := admin.POST(base+"/client", `{"name":"App"}`).WantStatus(http.StatusCreated)
		assert.Len(t, client.Field("secret"), 64)
		nameless := admin.POST(base+"/client", `{}`).WantStatus(http.StatusBadRequest).WantText("Client name is required")
		assert.Equal(t, "name", nameless.Field("issue.0.expression.0"))
		assert.NotEmpty(t, nameless.Field("id"))
		admin.POST(base+"/bot", `{"name":"Bot"}`).WantStatus(http.StatusCreated)
		admin.POST("/admin/projects/setpassword", `{"email":"bob@example.com","password":"correct horse battery"}`).
			WantStatus(http.StatusBadRequest).WantText("User not found")

		super := srv.As(apptest.SuperAdmin)
		mails := super.GET("/admin/super/mail").WantStatus(http.StatusOK)
		message := super.GET("/admin/super/mail/" + mails.Field("mail.0.id")).WantStatus(http.StatusOK)
		assert.Contains(t, message.Field("link"), srv.URL+"/setpassword/")
		admin.GET("/admin/super/mail").WantStatus(http.StatusForbidden)
		super.POST("/admin/super/setpassword", `{"email":"bob@example.com","password":"correct horse battery"}`).WantStatus(http.StatusOK)
		srv.SignIn("bob@example.com", "correct horse battery", "")
	})
}

// TestNobodyWithoutTheRoleGetsAnything asks every route in every name that it is not for.
func TestNobodyWithoutTheRoleGetsAnything(t *testing.T) {
	srv := apptest.Start(t)
	admin := srv.As(apptest.Admin)
	base := "/admin/projects/" + admin.Project
	_, member := split(admin.Membership)
	for _, route := range []struct {
		method, path, body string
		super              bool
	}{
		{"GET", base, "", false},
		{"POST", base + "/secrets", `[]`, false},
		{"POST", base + "/sites", `[]`, false},
		{"POST", base + "/settings", `[]`, false},
		{"POST", base + "/invite", `{"resourceType":"Patient","firstName":"A","lastName":"B","email":"a@example.com"}`, false},
		{"POST", base + "/client", `{"name":"X"}`, false},
		{"POST", base + "/access/$explain", `{"membership":{"reference":"ProjectMembership/` + member + `"},"search":"Patient"}`, false},
		{"POST", base + "/bot", `{"name":"X"}`, false},
		{"GET", base + "/members/" + member, "", false},
		{"POST", base + "/members/" + member, `{"resourceType":"ProjectMembership","id":"` + member + `"}`, false},
		{"DELETE", base + "/members/" + member, "", false},
		{"POST", base + "/members/" + member + "/resetpassword", "", false},
		{"POST", "/admin/projects/setpassword", `{"email":"patient@clinic.example","password":"correct horse battery"}`, false},
		{"POST", "/admin/super/setpassword", `{"email":"patient@clinic.example","password":"correct horse battery"}`, true},
		{"GET", "/admin/super/mail", "", true},
		{"GET", "/admin/super/mail/x", "", true},
	} {
		t.Run(route.method+" "+route.path, func(t *testing.T) {
			for role, status := range map[apptest.Role]int{
				apptest.Anonymous: http.StatusUnauthorized, apptest.Practitioner: http.StatusForbidden,
				apptest.Patient: http.StatusForbidden, apptest.Program: http.StatusForbidden,
			} {
				srv.As(role).Do(route.method, route.path, route.body).WantStatus(status)
				srv.WantUnchanged("User", "Project", "ProjectMembership", "ClientApplication", "Bot")
				srv.WantNoMail()
			}
			other := srv.As(apptest.OtherAdmin).Do(route.method, route.path, route.body)
			switch {
			case route.super:
				other.WantStatus(http.StatusForbidden)
			case route.path == "/admin/projects/setpassword":
				other.WantStatus(http.StatusBadRequest)
			default:
				other.WantStatus(http.StatusNotFound)
			}
			srv.WantUnchanged("User", "Project", "ProjectMembership", "ClientApplication", "Bot")
			srv.WantNoMail()
		})
	}
}

func split(reference string) (resourceType, id string) {
	for i := range reference {
		if reference[i] == '/' {
			return reference[:i], reference[i+1:]
		}
	}
	return "", ""
}

func TestWhoIsRemovedIsOutAtOnce(t *testing.T) {
	srv := apptest.Start(t)
	admin := srv.As(apptest.Admin)
	member := srv.As(apptest.Practitioner)
	member.GET("/fhir/R4/Patient").WantStatus(http.StatusOK)
	_, id := split(member.Membership)
	require.NotEmpty(t, id)
	admin.DELETE("/admin/projects/" + admin.Project + "/members/" + id).WantStatus(http.StatusOK)
	member.GET("/fhir/R4/Patient").WantStatus(http.StatusUnauthorized)
	member.GET("/auth/me").WantStatus(http.StatusUnauthorized)
}
