package repo_test

import (
	"context"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/admitdev/admit/fhir/medplum"
	"github.com/admitdev/admit/fhir/repo"
	"github.com/admitdev/admit/fhir/repo/repotest"
	"github.com/admitdev/admit/pkg/store"
	"github.com/admitdev/admit/pkg/store/storetest"
)

// asksWhatIsLive tells a statement of store.EachLastLive.
func asksWhatIsLive(statement string) bool { return strings.Contains(statement, "max(n.last_updated)") }

// TestAPageOfHistoryAsksOnceWhatIsHiddenNow: and not at all when every rule hides the same.
func TestAPageOfHistoryAsksOnceWhatIsHiddenNow(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db storetest.DB) {
		var statements, live atomic.Int32
		w := repotest.On(t, storetest.OpenFaulty(t, db, func(_ context.Context, statement string) error {
			statements.Add(1)
			if asksWhatIsLive(statement) {
				live.Add(1)
			}
			return nil
		}))
		staff := w.As(t, w.A.Staff)
		for i := range 20 {
			made := create(t, staff, `{"resourceType":"Patient","active":true,"gender":"female"}`)
			_, err := staff.Update(ctx, "Patient", made.ID, withID(made.ID, `{"resourceType":"Patient","active":`+strconv.FormatBool(i%2 == 0)+`}`), "")
			require.NoError(t, err)
		}
		hide := func(criteria string, hidden ...string) medplum.PolicyResource {
			return medplum.PolicyResource{ResourceType: "Patient", Criteria: criteria, HiddenFields: hidden}
		}
		for name, tc := range map[string]struct {
			rules []medplum.PolicyResource
			asked int32
		}{
			"two rules hide different fields": {[]medplum.PolicyResource{hide("Patient?active=true", "gender"), hide("", "birthDate")}, 1},
			"two rules hide the same":         {[]medplum.PolicyResource{hide("Patient?active=true", "gender"), hide("", "gender")}, 0},
			"one rule":                        {[]medplum.PolicyResource{hide("", "gender")}, 0},
			"the other rule is for updates": {[]medplum.PolicyResource{hide("", "gender"),
				{ResourceType: "Patient", Interaction: []string{"update"}, HiddenFields: []string{"name"}}}, 0},
			"nothing is hidden": {[]medplum.PolicyResource{hide("")}, 0},
		} {
			s := w.As(t, w.With(t, w.A.ID, tc.rules...))
			_, err := s.History(ctx, repo.HistoryRequest{Type: "Patient", Count: 100}) // whatever is cached is now
			require.NoError(t, err)
			statements.Store(0)
			live.Store(0)
			page, err := s.History(ctx, repo.HistoryRequest{Type: "Patient", Count: 100})
			require.NoError(t, err)
			assert.GreaterOrEqual(t, len(page.Versions), 40, name)
			assert.Equal(t, tc.asked, live.Load(), name)
			assert.LessOrEqual(t, statements.Load(), 1+tc.asked, name)
		}
	})
}

// TestWhatIsExpungedIsLeftOutOfAPage that had been read, and the page remains.
func TestWhatIsExpungedIsLeftOutOfAPage(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db storetest.DB) {
		var expunge func()
		w := repotest.On(t, storetest.OpenFaulty(t, db, func(_ context.Context, statement string) error {
			if asksWhatIsLive(statement) && expunge != nil {
				now := expunge
				expunge = nil
				now()
			}
			return nil
		}))
		staff := w.As(t, w.A.Staff)
		s := w.As(t, w.With(t, w.A.ID,
			medplum.PolicyResource{ResourceType: "Patient", Criteria: "Patient?active=true", HiddenFields: []string{"gender"}},
			medplum.PolicyResource{ResourceType: "Patient", HiddenFields: []string{"birthDate"}}))
		kept := create(t, staff, `{"resourceType":"Patient"}`)
		gone := create(t, staff, `{"resourceType":"Patient"}`)
		before, err := s.History(ctx, repo.HistoryRequest{Type: "Patient", Count: 10})
		require.NoError(t, err)
		expunge = func() {
			require.NoError(t, w.Store.Purge(ctx, store.Ref{Project: w.A.ID, Type: "Patient", ID: gone.ID}))
		}
		page, err := s.History(ctx, repo.HistoryRequest{Type: "Patient", Count: 10})
		require.NoError(t, err)
		require.Nil(t, expunge, "it was expunged meanwhile")
		assert.Len(t, page.Versions, len(before.Versions)-1)
		assert.Equal(t, *before.Total-1, *page.Total)
		ids := make([]string, len(page.Versions))
		for i, v := range page.Versions {
			ids[i] = v.ID
		}
		assert.Contains(t, ids, kept.ID)
		assert.NotContains(t, ids, gone.ID)
	})
}
