package apptest_test

import (
	"errors"
	"net/http"
	"net/url"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/admitdev/admit/cmd/admit/apptest"
	"github.com/admitdev/admit/pkg/store"
)

func TestSuperAdministratorsPurgeLoginsThatHaveEnded(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		super, admin, d := s.As(apptest.SuperAdmin), s.As(apptest.Admin), description(t, s)
		const purge = "/admin/super/purge"
		for _, wrong := range []struct{ body, text string }{
			{`{"resourceType":"AuditEvent","before":"2020-01-01T00:00:00Z"}`, "AuditEvents cannot be purged: each seals the one before, and admit audit verify would find the gap"},
			{`{"resourceType":"Patient","before":"2020-01-01T00:00:00Z"}`, "Invalid resource type"},
			{`{"resourceType":"Login","before":"2020-01-01"}`, "Invalid before date"},
		} {
			super.POST(purge, wrong.body).WantStatus(http.StatusBadRequest).WantText(wrong.text)
		}
		super.POST(purge, `{"resourceType":"Login","before":7}`).WantStatus(http.StatusBadRequest)
		ended, live := s.SignIn(admin.Email, apptest.Password, admin.Project), s.SignIn(admin.Email, apptest.Password, admin.Project)
		kept := func(c *apptest.Client) bool {
			_, claims, _ := parts(t, c.Token)
			_, err := s.Store.Login(t.Context(), claims["login_id"].(string))
			if !errors.Is(err, store.ErrNotFound) {
				require.NoError(t, err)
			}
			return err == nil
		}
		ended.POST("/oauth2/logout", "{}").WantStatus(http.StatusOK)
		require.True(t, kept(ended), "revoked")
		always := `{"resourceType":"Login","before":"2999-01-01T00:00:00Z"}`
		admin.POST(purge, always).WantStatus(http.StatusForbidden)
		super.POST(purge, `{"resourceType":"Login","before":"2020-01-01T00:00:00Z"}`).WantStatus(http.StatusOK)
		require.True(t, kept(ended), "it ended later")
		d.check("POST", purge, always, super.POST(purge, always).WantStatus(http.StatusOK))
		assert.False(t, kept(ended))
		assert.True(t, kept(live))
		ended.GET("/auth/me").WantStatus(http.StatusUnauthorized)
		s.As(apptest.Anonymous).FORM("/oauth2/token", "grant_type=refresh_token&refresh_token="+ended.RefreshToken).WantStatus(http.StatusBadRequest)
		live.GET("/auth/me").WantStatus(http.StatusOK)
		assert.Equal(t, "2", super.GET("/fhir/R4/AuditEvent?subtype=sessions-purge&outcome=0&_summary=count").WantStatus(http.StatusOK).Field("total"))
	})
}

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
