package apptest_test

import (
	"fmt"
	"net/http"
	"regexp"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/admitdev/admit/cmd/admit/apptest"
	"github.com/admitdev/admit/pkg/clock"
)

const aBasic = `{"resourceType":"Basic","code":{"text":"x"}}`

// projectSetting has the super administrator set a systemSetting of a project.
func projectSetting(t *testing.T, s *apptest.Server, project, settings string) {
	t.Helper()
	s.As(apptest.SuperAdmin).With("Content-Type", "application/json-patch+json").
		Do(http.MethodPatch, "/fhir/R4/Project/"+project, `[{"op":"add","path":"/systemSetting","value":`+settings+`}]`).OK()
}

func TestFHIRInteractionsAreLimitedPerMemberAndProject(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		admin, staff := s.As(apptest.Admin), s.As(apptest.Practitioner)
		staff.POST("/fhir/R4/Basic", aBasic).WantStatus(http.StatusCreated)
		got := staff.GET("/fhir/R4/Basic?_count=1").OK()
		assert.Regexp(t, `"fhirInteractions";r=5;t=[0-9]+`, got.Header.Get("RateLimit"), "125 units, of which a create takes 100 and a search 20")
		for range 5 {
			staff.GET("/fhir/R4/Practitioner/" + idOf(staff.Profile)).OK()
		}
		refused := staff.GET("/fhir/R4/Practitioner/" + idOf(staff.Profile)).WantStatus(http.StatusTooManyRequests).WantIssue("throttled")
		assert.Regexp(t, regexp.MustCompile(`^[1-9][0-9]?$`), refused.Header.Get("Retry-After"))
		assert.Contains(t, refused.Field("issue.0.diagnostics"), `"_userConsumedPoints":126`)
		admin.GET("/fhir/R4/Basic?_count=1").OK() // another member has a quota of his own
		for range 10 {
			s.As(apptest.SuperAdmin).POST("/fhir/R4/Basic", aBasic).WantStatus(http.StatusCreated)
		}
		projectSetting(t, s, admin.Project, `[{"name":"enableFhirQuota","valueBoolean":false}]`)
		staff.GET("/fhir/R4/Basic?_count=1").OK()
		projectSetting(t, s, admin.Project, `[{"name":"userFhirQuota","valueInteger":100000},{"name":"totalFhirQuota","valueInteger":10}]`)
		admin.GET("/fhir/R4/Basic?_count=1").WantStatus(http.StatusTooManyRequests)
	}, apptest.With("ADMIT_FHIR_QUOTA=125"), apptest.At(standingClock()))
}

func TestAProjectHasNoMoreResourcesThanItMay(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		admin := s.As(apptest.Admin)
		admin.POST("/fhir/R4/Basic", aBasic).WantStatus(http.StatusCreated)
		count, err := s.Store.CountAll(t.Context(), admin.Project)
		require.NoError(t, err)
		projectSetting(t, s, admin.Project, fmt.Sprintf(`[{"name":"enableResourceCap","valueBoolean":true},{"name":"resourceCap","valueInteger":%d}]`, count+2))
		for range 2 {
			admin.POST("/fhir/R4/Basic", aBasic).WantStatus(http.StatusCreated)
		}
		admin.POST("/fhir/R4/Basic", aBasic).WantStatus(http.StatusUnprocessableEntity).WantIssue("business-rule")
		s.As(apptest.OtherAdmin).POST("/fhir/R4/Basic", aBasic).WantStatus(http.StatusCreated)
	})
}

// minuteClock begins with a minute, so that none ends within a test.
type minuteClock struct {
	clock.System
	ahead time.Duration
}

func (c minuteClock) Now() time.Time { return c.System.Now().Add(-c.ahead) }

func standingClock() clock.Clock {
	now := time.Now()
	return minuteClock{ahead: now.Sub(now.Truncate(time.Minute))}
}
