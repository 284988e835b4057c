package repo_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/admitdev/admit/fhir/medplum"
	"github.com/admitdev/admit/fhir/repo/repotest"
	"github.com/admitdev/admit/pkg/outcome"
	"github.com/admitdev/admit/pkg/store/storetest"
)

// listing is a List of references.
func listing(references ...string) string {
	items := make([]string, len(references))
	for i, r := range references {
		items[i] = `{"item":{"reference":"` + r + `"}}`
	}
	return `{"resourceType":"List","status":"current","mode":"working","entry":[` + strings.Join(items, ",") + `]}`
}

// lost are the entries whose reference leads nowhere.
func lost(t *testing.T, err error) []string {
	t.Helper()
	if err == nil {
		return nil
	}
	var o *outcome.Outcome
	require.True(t, errors.As(err, &o), "%v", err)
	var out []string
	for _, i := range o.Issues {
		assert.Equal(t, "Invalid reference (Not found)", i.Text)
		out = append(out, i.Expression...)
	}
	return out
}

// TestReferencesAreLookedUpTogether holds what leads nowhere, type by type, and that one statement
// finds out for all references of a resource.
func TestReferencesAreLookedUpTogether(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db storetest.DB) {
		var statements atomic.Int64
		w := repotest.On(t, storetest.OpenFaulty(t, db, func(context.Context, string) error {
			statements.Add(1)
			return nil
		}))
		shared := w.Project(t, medplum.Project{Name: "Shared"})
		strict := w.Project(t, medplum.Project{Name: "Strict", CheckReferencesOnWrite: true, Link: []medplum.Link{{Project: medplum.RefTo("Project", shared.ID, "")}}})
		admin := w.As(t, strict.Admin)
		narrow := w.As(t, w.With(t, strict.ID, medplum.PolicyResource{ResourceType: "List"}, medplum.PolicyResource{ResourceType: "Patient", Criteria: "Patient?active=true"}))
		own := "Patient/" + create(t, admin, `{"resourceType":"Patient"}`).ID
		foreign := "Patient/" + create(t, w.As(t, w.A.Admin), `{"resourceType":"Patient"}`).ID
		linked := "Organization/" + create(t, w.As(t, shared.Admin), `{"resourceType":"Organization","name":"x"}`).ID
		gone := create(t, admin, `{"resourceType":"Patient"}`).ID
		require.NoError(t, admin.Delete(ctx, "Patient", gone))
		for _, tc := range []struct {
			name       string
			narrow     bool
			references []string
			lost       []int
		}{
			{"one's own", false, []string{own, own + "/_history/1"}, nil},
			{"a linked project's", false, []string{linked, own}, nil},
			{"another project's", false, []string{own, foreign}, []int{1}},
			{"deleted", false, []string{"Patient/" + gone, own}, []int{0}},
			{"of another type", false, []string{strings.Replace(own, "Patient", "Group", 1)}, []int{0}},
			{"no id", false, []string{"Patient/a_b", "Patient/none/_history/2"}, []int{0, 1}},
			{"projects", false, []string{"Project/" + strict.ID, "Project/" + w.A.ID}, []int{1}},
			{"elsewhere", false, []string{"https://else.where/Patient/1", "urn:uuid:c757873d-ec9a-4326-a141-556f43239520"}, nil},
			{"outside of the criteria", true, []string{own}, []int{0}},
			{"of a type that may not be read", true, []string{linked}, []int{0}},
		} {
			t.Run(tc.name, func(t *testing.T) {
				as := admin
				if tc.narrow {
					as = narrow
				}
				var want []string
				for _, i := range tc.lost {
					want = append(want, fmt.Sprintf("List.entry[%d].item", i))
				}
				_, err := as.Create(ctx, "List", []byte(listing(tc.references...)))
				assert.Equal(t, want, lost(t, err))
			})
		}
		many := []string{own, linked, "Project/" + strict.ID}
		for range 20 {
			many = append(many, "Patient/"+create(t, admin, `{"resourceType":"Patient"}`).ID)
		}
		count := func(references ...string) int64 {
			before := statements.Load()
			create(t, admin, listing(references...))
			return statements.Load() - before
		}
		count(own) // what is prepared once
		assert.Equal(t, count(own), count(many...), "statements")
	})
}
