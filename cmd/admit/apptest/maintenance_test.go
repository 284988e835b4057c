package apptest_test

import (
	"net/http"
	"net/url"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/admitdev/admit/cmd/admit/apptest"
)

func TestSuperAdministratorsReindexAndSeeTheMigrations(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		super, d := s.As(apptest.SuperAdmin), description(t, s)
		async := super.With("Prefer", "respond-async")
		const reindex, migrations = "/admin/super/reindex", "/admin/super/migrations"

		super.POST(reindex, `{"resourceType":"Patient"}`).WantStatus(http.StatusBadRequest).WantText(`Operation requires "Prefer: respond-async"`)
		async.POST(reindex, `{}`).WantStatus(http.StatusBadRequest).WantText("Resource type is required")
		async.POST(reindex, `{"resourceType":"Spaceship"}`).WantStatus(http.StatusBadRequest).WantText("Unknown resource type")
		async.POST(reindex, `{"resourceType":["Patient"]}`).WantStatus(http.StatusBadRequest)
		s.As(apptest.Admin).With("Prefer", "respond-async").POST(reindex, `{"resourceType":"*"}`).WantStatus(http.StatusForbidden)
		for _, of := range []string{"Patient", "*"} {
			body := `{"resourceType":"` + of + `","reindexType":"outdated","batchSize":500}`
			begun := async.POST(reindex, body).WantStatus(http.StatusAccepted)
			d.check("POST", reindex, body, begun)
			status, err := url.Parse(begun.Header.Get("Content-Location"))
			require.NoError(t, err)
			assert.Contains(t, []int{http.StatusOK, http.StatusAccepted}, super.GET(status.Path).Status)
			s.As(apptest.Admin).GET(status.Path).WantStatus(http.StatusNotFound)
		}
		assert.Equal(t, "2", super.GET("/fhir/R4/AuditEvent?subtype=reindex&outcome=0&_summary=count").WantStatus(http.StatusOK).Field("total"))

		listed := super.GET(migrations).WantStatus(http.StatusOK)
		d.check("GET", migrations, "", listed)
		assert.Equal(t, []string{"0", "0"}, []string{listed.Field("postDeployMigrations.#"), listed.Field("pendingPostDeployMigration")})
		assert.Equal(t, listed.Field("migrations.#"), listed.Field("migrations.#.applied|#"), "none waits")
		s.As(apptest.Admin).GET(migrations).WantStatus(http.StatusForbidden)
	})
}
