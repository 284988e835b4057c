package apptest_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/tidwall/gjson"

	"github.com/admitdev/admit/cmd/admit/apptest"
	"github.com/admitdev/admit/pkg/store/storetest"
)

// TestAdministratorsSeeWhatIsUsedOfTheQuotas: of their project, and of each member they name.
func TestAdministratorsSeeWhatIsUsedOfTheQuotas(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db storetest.DB) {
		s := apptest.Start(t, apptest.On(db), apptest.Standing(), apptest.With("ADMIT_FHIR_QUOTA=1000"))
		admin, member, other := s.As(apptest.Admin), s.As(apptest.Practitioner), s.As(apptest.OtherAdmin)
		path := "/fhir/R4/Project/" + admin.Project + "/$rate-limits"
		mine := func(as *apptest.Client) string { return as.GET("/auth/me").Field("membership.id") }
		for range 3 {
			member.GET("/fhir/R4/Patient").WantStatus(http.StatusOK)
		}
		got := gjson.ParseBytes(admin.GET(path + "?membershipId=" + mine(member)).WantStatus(http.StatusOK).Body)
		value := func(name, part string) string {
			return got.Get(`parameter.#(name=="` + name + `").part.#(name=="` + part + `")`).String()
		}
		assert.Contains(t, value("membership", "reference"), "ProjectMembership/"+mine(member))
		assert.Contains(t, value("membership", "used"), `"valueInteger":60`, "three searches: %s", got)
		assert.Contains(t, value("membership", "limit"), `"valueInteger":1000`)
		assert.Contains(t, value("membership", "remaining"), `"valueInteger":940`)
		assert.Contains(t, value("project", "limit"), `"valueInteger":10000`)
		assert.Contains(t, value("project", "secondsBeforeNext"), "valueInteger")

		other.GET(path).WantStatus(http.StatusNotFound)
		admin.GET(path + "?membershipId=" + mine(other)).WantStatus(http.StatusNotFound)
		other.GET("/fhir/R4/Project/" + other.Project + "/$rate-limits?membershipId=" + mine(member)).WantStatus(http.StatusNotFound)
		member.GET(path).WantStatus(http.StatusForbidden)
		s.As(apptest.SuperAdmin).GET(path + "?membershipId=" + mine(member)).WantStatus(http.StatusOK)
	})
}
