package apptest_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/admitdev/admit/cmd/admit/apptest"
)

// TestBundlesAreBoundedByTheSettings: what is beyond them is refused before any of it is done.
func TestBundlesAreBoundedByTheSettings(t *testing.T) {
	s := apptest.Start(t, apptest.With("ADMIT_BUNDLE_MAX_MB=1"), apptest.With("ADMIT_BUNDLE_MAX_ENTRIES=3"), apptest.With("ADMIT_BUNDLE_MAX_SEARCHES=2"))
	create := `{"request":{"method":"POST","url":"Basic"},"resource":{"resourceType":"Basic","code":{"text":"x"}}}`
	look := `{"request":{"method":"GET","url":"Basic?_summary=count"}}`
	batch := func(entries ...string) string {
		return `{"resourceType":"Bundle","type":"batch","entry":[` + strings.Join(entries, ",") + `]}`
	}
	admin := s.As(apptest.Admin)
	for _, refused := range []string{batch(create, create, create, create), batch(look, look, look), batch(create, strings.Repeat(" ", 1<<20)+create)} {
		admin.POST("/fhir/R4", refused).WantStatus(http.StatusRequestEntityTooLarge)
	}
	done := admin.POST("/fhir/R4", batch(create, look, look)).WantStatus(http.StatusOK)
	require.Equal(t, "1", done.Field("entry.1.resource.total"), "something was done of what was refused")
}
