package apptest_test

import (
	"net/http"
	"testing"

	"github.com/admitdev/admit/cmd/admit/apptest"
)

func TestEveryRoleIsWhatItSays(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		for _, tc := range []struct {
			role                     apptest.Role
			me, project, super       int
			profile, ownPatientCount string
		}{
			{apptest.Anonymous, 401, 401, 401, "", ""},
			{apptest.SuperAdmin, 200, 200, 200, "Practitioner", "1"},
			{apptest.Admin, 200, 200, 403, "Practitioner", "1"},
			{apptest.OtherAdmin, 200, 404, 403, "Practitioner", "0"},
			{apptest.Practitioner, 200, 403, 403, "Practitioner", "1"},
			{apptest.Patient, 200, 403, 403, "Patient", "1"},
			{apptest.Program, 200, 403, 403, "ClientApplication", "1"},
		} {
			t.Run(string(tc.role), func(t *testing.T) {
				s.As(apptest.Patient) // there is one patient
				c := s.As(tc.role)
				me := c.GET("/auth/me").WantStatus(tc.me)
				c.GET("/admin/projects/" + s.As(apptest.Admin).Project).WantStatus(tc.project)
				c.GET("/admin/super/mail").WantStatus(tc.super)
				if tc.me != http.StatusOK {
					return
				}
				if got := me.Field("profile.resourceType"); got != tc.profile {
					t.Errorf("profile %s, want %s", got, tc.profile)
				}
				if got := c.GET("/fhir/R4/Patient?_total=accurate").WantStatus(200).Field("total"); got != tc.ownPatientCount {
					t.Errorf("%s patients, want %s", got, tc.ownPatientCount)
				}
			})
		}
	})
}

func TestWantUnchangedAndWantNoMailSee(t *testing.T) {
	s := apptest.Start(t)
	admin := s.As(apptest.Admin)
	s.WantUnchanged("User", "Patient")
	s.WantNoMail()
	admin.POST("/admin/projects/"+admin.Project+"/invite", `{"resourceType":"Patient","firstName":"Homer","lastName":"Simpson","email":"homer@example.com"}`).WantStatus(200)
	if link := s.MailTo("homer@example.com").Link; link == "" {
		t.Error("the mail has no link")
	}
	s.As(apptest.Admin)
	s.WantUnchanged("User", "Patient")
	s.WantNoMail()
}
