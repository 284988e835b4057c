package admin_test

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/admitdev/admit/admin"
	"github.com/admitdev/admit/fhir/caller"
	"github.com/admitdev/admit/pkg/outcome"
	"github.com/admitdev/admit/pkg/store"
	"github.com/admitdev/admit/pkg/store/storetest"
)

// TestAnImportStopsWhenWhoeverHasItDoneMayNoMore: between two batches. Another administrator goes on with it.
func TestAnImportStopsWhenWhoeverHasItDoneMayNoMore(t *testing.T) {
	eachClinic(t, func(t *testing.T, c *clinic) {
		c.open(t)
		in := c.uploadList(t, batchRows+1, "stops")
		run := func(entries ...caller.Caller) admin.Import {
			t.Helper()
			c.importer = func() caller.Caller {
				who := entries[0]
				entries = entries[1:]
				return who
			}
			_, err := c.ApplyImport(t.Context(), c.ada, c.project, in.ID)
			require.NoError(t, err)
			require.NoError(t, c.RunImport(t.Context(), admin.ImportJob{Project: c.project, ID: in.ID}))
			is, err := c.ReadImport(t.Context(), c.ada, c.project, in.ID)
			require.NoError(t, err)
			return is
		}
		demoted := c.ada
		demoted.Admin = false
		c.importer = func() caller.Caller { return demoted }
		_, err := c.ReadImportAgain(t.Context(), c.ada, c.project, in.ID)
		wantOutcome(t, err, outcome.Forbidden, "")
		stopped := run(c.ada, demoted)
		require.Equal(t, []any{store.ImportStopped, batchRows, 1}, []any{stopped.State, stopped.Done, stopped.Waiting})
		require.Contains(t, stopped.Reason, "whoever had it done may not do so any more")

		done := run(c.ada, c.ada, c.ada)
		require.Equal(t, []any{store.ImportDone, batchRows + 1, 0, ""}, []any{done.State, done.Done, done.Waiting, done.Reason})
	})
}

// TestASingleInviteIsFasterThanARow: whoever is invited while a list is being applied is one person, and
// the row says so.
func TestASingleInviteIsFasterThanARow(t *testing.T) {
	for _, tc := range []struct{ name, before string }{
		{"before the batch looks who is a member", `FROM "import_row"`},
		{"before it writes", "unique_key"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if !storetest.HavePostgres(t) {
				return // SQLite has one writer at a time
			}
			var faster atomic.Pointer[func()]
			hook := func(_ context.Context, statement string) error {
				if do := faster.Load(); do != nil && strings.Contains(statement, tc.before) && faster.CompareAndSwap(do, nil) {
					(*do)()
				}
				return nil
			}
			c := newClinic(t, storetest.OpenFaulty(t, storetest.Postgres(t), hook)).open(t)
			in := c.uploadList(t, 3, "race")
			_, err := c.ApplyImport(t.Context(), c.ada, c.project, in.ID)
			require.NoError(t, err)
			before := c.count(t)
			do := func() {
				c.invite(t, `{"resourceType":"Practitioner","firstName":"Al","lastName":"Ice","email":"race.1@example.com","sendEmail":false}`)
			}
			faster.Store(&do)
			require.NoError(t, c.RunImport(t.Context(), admin.ImportJob{Project: c.project, ID: in.ID}))
			require.Nil(t, faster.Load())
			came := c.count(t).minus(before)
			require.Equal(t, []int{3, 3, 3}, []int{came["User"], came["ProjectMembership"], came["Practitioner"]})
			is, err := c.ReadImport(t.Context(), c.ada, c.project, in.ID)
			require.NoError(t, err)
			require.Equal(t, []any{store.ImportDone, 3, 2, 1}, []any{is.State, is.Done, is.Actions[store.RowCreate], is.Actions[store.RowUnchanged]})

			_, err = c.tryInvite(c.ada, c.project, `{"resourceType":"Practitioner","firstName":"Al","lastName":"Ice","email":"race.0@example.com"}`, "")
			wantOutcome(t, err, outcome.Conflict, "")
		})
	}
}
