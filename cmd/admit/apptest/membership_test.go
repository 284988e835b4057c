package apptest_test

import (
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tidwall/gjson"
	"github.com/tidwall/sjson"

	"github.com/admitdev/admit/cmd/admit/apptest"
	"github.com/admitdev/admit/pkg/store"
)

// edited is a resource as it is read, with an element set; a nil value removes it.
func edited(t *testing.T, as *apptest.Client, reference, element string, value any) string {
	t.Helper()
	body := string(as.GET("/fhir/R4/" + reference).WantStatus(http.StatusOK).Body)
	var err error
	if value == nil {
		body, err = sjson.Delete(body, element)
	} else {
		body, err = sjson.Set(body, element, value)
	}
	require.NoError(t, err)
	return body
}

func TestTheOwnerStaysWhateverTheRoute(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		owner, member := s.As(apptest.Admin), s.As(apptest.Practitioner)
		second := s.Invite(owner, "Practitioner", "second@clinic.example", `,"admin":true`)
		fhir, adminPath := "/fhir/R4/"+owner.Membership, "/admin/projects/"+owner.Project+"/members/"+strings.TrimPrefix(owner.Membership, "ProjectMembership/")
		project := "Project/" + owner.Project
		off, demoted := edited(t, owner, owner.Membership, "active", false), edited(t, owner, owner.Membership, "admin", nil)
		for _, by := range []*apptest.Client{owner, second} {
			for _, body := range []string{off, demoted} {
				by.PUT(fhir, body).WantStatus(http.StatusBadRequest)
				by.POST(adminPath, body).WantStatus(http.StatusBadRequest)
			}
			by.With("Content-Type", "application/json-patch+json").Do(http.MethodPatch, fhir, `[{"op":"add","path":"/active","value":false}]`).WantStatus(http.StatusBadRequest)
			by.DELETE(fhir).WantStatus(http.StatusBadRequest).WantText("Cannot delete the owner of the project")
			by.DELETE(adminPath).WantStatus(http.StatusBadRequest).WantText("Cannot delete the owner of the project")
			for _, stranger := range []string{s.As(apptest.OtherAdmin).User, member.Profile, "User/nobody"} {
				by.PUT("/fhir/R4/"+project, edited(t, by, project, "owner.reference", stranger)).WantStatus(http.StatusBadRequest)
			}
			by.PUT("/fhir/R4/"+project, edited(t, by, project, "owner", nil)).WantStatus(http.StatusBadRequest)
		}
		owner.GET("/auth/me").WantStatus(http.StatusOK)

		owner.PUT("/fhir/R4/"+project, edited(t, owner, project, "owner.reference", second.User)).WantStatus(http.StatusOK)
		owner.DELETE("/fhir/R4/" + second.Membership).WantStatus(http.StatusBadRequest)
		second.DELETE(fhir).WantStatus(http.StatusOK)
		owner.GET("/auth/me").WantStatus(http.StatusUnauthorized)
	})
}

func TestWhoLosesTheirMembershipIsOutWhateverTheRoute(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		admin := s.As(apptest.Admin)
		for name, end := range map[string]func(member *apptest.Client){
			"deleted": func(m *apptest.Client) { admin.DELETE("/fhir/R4/" + m.Membership).WantStatus(http.StatusOK) },
			"switched off": func(m *apptest.Client) {
				admin.PUT("/fhir/R4/"+m.Membership, edited(t, admin, m.Membership, "active", false)).WantStatus(http.StatusOK)
			},
		} {
			email := strings.ReplaceAll(name, " ", ".") + "@clinic.example"
			member := s.Invite(admin, "Practitioner", email, "")
			member.GET("/auth/me").WantStatus(http.StatusOK)
			admin.POST("/admin/projects/"+admin.Project+"/invite",
				`{"resourceType":"Practitioner","firstName":"Max","lastName":"Member","email":"`+email+`","sendEmail":false,"upsert":true}`).WantStatus(http.StatusOK)
			end(member)
			member.GET("/auth/me").WantStatus(http.StatusUnauthorized)
			logins, err := s.Store.Logins(t.Context(), store.Ref{Project: store.SystemProject, Type: "User", ID: strings.TrimPrefix(member.User, "User/")}, 10)
			require.NoError(t, err)
			assert.Empty(t, logins, name)
			if name == "deleted" {
				invitations, err := s.Store.InvitationsOf(t.Context(), admin.Project, strings.TrimPrefix(member.Membership, "ProjectMembership/"))
				require.NoError(t, err)
				require.Len(t, invitations, 2)
				assert.Equal(t, store.InvitationAccepted, invitations[0].State, "by signing in")
				assert.Equal(t, store.InvitationRevoked, invitations[1].State)
			}
		}
	})
}

func TestNobodyIsMadeAMemberByTheirID(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		admin, foreign, member := s.As(apptest.Admin), s.As(apptest.OtherAdmin), s.As(apptest.Practitioner)
		body := func(user string) string {
			return `{"resourceType":"ProjectMembership","project":{"reference":"Project/` + admin.Project + `"},"user":{"reference":"` + user +
				`"},"profile":{"reference":"` + member.Profile + `"}}`
		}
		unknown := admin.POST("/fhir/R4/ProjectMembership", body("User/01a2135b-9238-7313-bd04-4c0641de00b2")).WantStatus(http.StatusBadRequest)
		refused := admin.POST("/fhir/R4/ProjectMembership", body(foreign.User)).WantStatus(http.StatusBadRequest)
		assert.Equal(t, strings.Replace(unknown.Field("issue.0.details.text"), "01a2135b-9238-7313-bd04-4c0641de00b2", strings.TrimPrefix(foreign.User, "User/"), 1),
			refused.Field("issue.0.details.text"), "whether there is such a User does not show")
		made := admin.POST("/fhir/R4/ProjectMembership", body(member.User)).WantStatus(http.StatusCreated)
		// What was deleted does not come back by an update once the person has left for good.
		admin.DELETE("/fhir/R4/ProjectMembership/" + made.Field("id")).WantStatus(http.StatusOK)
		admin.DELETE("/fhir/R4/" + member.Membership).WantStatus(http.StatusOK)
		revived, err := sjson.Set(body(member.User), "id", made.Field("id"))
		require.NoError(t, err)
		admin.PUT("/fhir/R4/ProjectMembership/"+made.Field("id"), revived).WantStatus(http.StatusBadRequest)
		s.As(apptest.SuperAdmin).POST("/fhir/R4/ProjectMembership", body(foreign.User)).WantStatus(http.StatusCreated)
	})
}

// TestAProfileDoesNotGoWhileItsMembershipComes has both happen at once, many times.
func TestAProfileDoesNotGoWhileItsMembershipComes(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		admin, member := s.As(apptest.Admin), s.As(apptest.Practitioner)
		for range 60 {
			profile := admin.POST("/fhir/R4/Practitioner", `{"resourceType":"Practitioner"}`).WantStatus(http.StatusCreated).Field("id")
			var made, gone *apptest.Answer
			var both sync.WaitGroup
			both.Go(func() {
				made = admin.POST("/fhir/R4/ProjectMembership", `{"resourceType":"ProjectMembership","project":{"reference":"Project/`+admin.Project+
					`"},"user":{"reference":"`+member.User+`"},"profile":{"reference":"Practitioner/`+profile+`"}}`)
			})
			both.Go(func() { gone = admin.DELETE("/fhir/R4/Practitioner/" + profile) })
			both.Wait()
			require.Less(t, made.Status, 500, "%s", made.Body)
			require.Less(t, gone.Status, 500, "%s", gone.Body)
			require.False(t, made.Status == http.StatusCreated && gone.Status == http.StatusOK,
				"a membership of a deleted profile: %s", gjson.GetBytes(made.Body, "id"))
		}
	})
}
