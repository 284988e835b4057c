package apptest_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/admitdev/admit/cmd/admit/apptest"
)

// asvsAuthorization is chapter 8.
func asvsAuthorization() []asvsLine {
	return []asvsLine{
		{number: "8.1.1", words: "rules for functions and data are documented", documented: []string{"A membership's rights are its `accessPolicy` and the policies of `access[]`", "Without a policy that holds, a membership may do nothing"}},
		{number: "8.1.2", words: "rules for fields are documented", documented: []string{"hiddenFields, writeConstraint"}},
		{number: "8.1.3", words: "what of the surroundings decides is documented", documented: []string{"with which scopes, from where and when", "ipAccessRule", "An entry of `access[]` may hold for a time alone"}},
		{number: "8.1.4", words: "how the surroundings decide is documented", documented: []string{"`layer` that decided (membership, policy, time, ipAccessRule"}},
		{number: "8.2.1", words: "functions are for those with the right to them", check: func(_ *testing.T, w *asvs) {
			for _, c := range []*apptest.Client{w.staff, w.patient} {
				c.POST("/admin/projects/"+c.Project+"/invite", "{}").WantStatus(http.StatusForbidden)
			}
			w.admin.GET("/admin/super/mail").WantStatus(http.StatusForbidden)
		}},
		{number: "8.2.2", words: "data items are for those with the right to them", check: func(_ *testing.T, w *asvs) {
			made := w.admin.POST("/fhir/R4/Patient", `{"resourceType":"Patient"}`).WantStatus(http.StatusCreated).Field("id")
			w.staff.GET("/fhir/R4/Patient/" + made).OK()
			w.patient.GET("/fhir/R4/Patient/" + made).WantStatus(http.StatusNotFound)
			w.other.GET("/fhir/R4/Patient/" + made).WantStatus(http.StatusNotFound)
		}},
		{number: "8.2.3", words: "fields are for those with the right to them", check: func(t *testing.T, w *asvs) {
			policy := w.admin.POST("/fhir/R4/AccessPolicy", `{"resourceType":"AccessPolicy","name":"f","resource":[{"resourceType":"Patient","hiddenFields":["birthDate"],"readonlyFields":["active"]}]}`).WantStatus(http.StatusCreated).Field("id")
			member := w.Invite(w.admin, "Practitioner", "fields@asvs.example", `,"membership":{"accessPolicy":{"reference":"AccessPolicy/`+policy+`"}}`)
			made := w.admin.POST("/fhir/R4/Patient", `{"resourceType":"Patient","birthDate":"2000-01-02","active":true}`).WantStatus(http.StatusCreated).Field("id")
			assert.Empty(t, member.GET("/fhir/R4/Patient/"+made).OK().Field("birthDate"))
			member.PUT("/fhir/R4/Patient/"+made, `{"resourceType":"Patient","id":"`+made+`","active":false,"gender":"other"}`).OK()
			got := w.admin.GET("/fhir/R4/Patient/" + made).OK()
			assert.Equal(t, []string{"true", "2000-01-02", "other"}, []string{got.Field("active"), got.Field("birthDate"), got.Field("gender")})
		}},
		{number: "8.2.4", words: "surroundings decide at sign-in and afterwards", check: func(_ *testing.T, w *asvs) {
			policy := `{"resourceType":"AccessPolicy","name":"ip","resource":[{"resourceType":"*"}],"ipAccessRule":[{"name":"no","value":"127.0.0.1","action":"block"}]`
			made := w.admin.POST("/fhir/R4/AccessPolicy", `{"resourceType":"AccessPolicy","name":"ip","resource":[{"resourceType":"*"}]}`).WantStatus(http.StatusCreated).Field("id")
			member := w.Invite(w.admin, "Practitioner", "address@asvs.example", `,"membership":{"accessPolicy":{"reference":"AccessPolicy/`+made+`"}}`)
			member.GET("/fhir/R4/Patient").OK()
			w.admin.PUT("/fhir/R4/AccessPolicy/"+made, policy+`,"id":"`+made+`"}`).OK()
			member.GET("/fhir/R4/Patient").WantStatus(http.StatusForbidden)
		}},
		{number: "8.3.1", words: "the server decides, whatever a client says", check: func(_ *testing.T, w *asvs) {
			w.patient.With("X-Medplum", "extended").POST("/fhir/R4/ProjectMembership", `{"resourceType":"ProjectMembership","admin":true}`).WantStatus(http.StatusForbidden)
			w.staff.With("X-Medplum-On-Behalf-Of", w.admin.Profile).GET("/fhir/R4/ProjectMembership").WantStatus(http.StatusForbidden)
		}},
		{number: "8.3.2", words: "a changed right counts at once", check: func(_ *testing.T, w *asvs) {
			member := w.newMember("changed")
			member.GET("/fhir/R4/Patient").OK()
			w.admin.DELETE("/admin/projects/" + w.admin.Project + "/members/" + idOf(member.Membership)).OK()
			member.GET("/fhir/R4/Patient").WantStatus(http.StatusUnauthorized)
		}},
		{number: "8.3.3", words: "whoever acts for somebody has that one's rights", check: func(_ *testing.T, w *asvs) {
			as := w.admin.With("X-Medplum-On-Behalf-Of", w.patient.Profile)
			as.GET("/fhir/R4/" + w.patient.Profile).OK()
			as.GET("/fhir/R4/" + w.staff.Profile).WantStatus(http.StatusNotFound)
		}},
		{number: "8.4.1", words: "tenants are kept apart", check: func(t *testing.T, w *asvs) {
			w.other.GET("/fhir/R4/" + w.staff.Profile).WantStatus(http.StatusNotFound)
			w.other.GET("/admin/projects/" + w.admin.Project).WantStatus(http.StatusNotFound)
			w.other.PUT("/fhir/R4/"+w.staff.Profile, `{"resourceType":"Practitioner","id":"`+idOf(w.staff.Profile)+`"}`).WantStatus(http.StatusNotFound)
			assert.Equal(t, "0", w.other.GET("/fhir/R4/Practitioner?_total=accurate&_id="+idOf(w.staff.Profile)).OK().Field("total"))
		}},
		{number: "8.4.2", words: "administration has several layers of security", unmet: "no posture of devices or risk is judged; identity, scope, address and a fresh proof are"},
	}
}
