package repo_test

import (
	"context"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/admitdev/admit/fhir/medplum"
	"github.com/admitdev/admit/fhir/repo"
	"github.com/admitdev/admit/fhir/repo/repotest"
	"github.com/admitdev/admit/pkg/store/storetest"
)

// TestWhatIsHiddenIsAskedForAsWhatIsNotThere: the statements, which take the time, and the refusal are
// the same for a resource that is hidden, one that was before it was deleted, one of another project,
// and one that never was.
func TestWhatIsHiddenIsAskedForAsWhatIsNotThere(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db storetest.DB) {
		var mu sync.Mutex
		var statements []string
		w := repotest.On(t, storetest.OpenFaulty(t, db, func(_ context.Context, statement string) error {
			if db.Name == "sqlite" && (statement == "BEGIN" || statement == "ROLLBACK") {
				return nil // they are of a group of writes, which the next may join after the refusal has been told
			}
			mu.Lock()
			defer mu.Unlock()
			statements = append(statements, statement)
			return nil
		}))
		s := w.As(t, w.With(t, w.A.ID, medplum.PolicyResource{ResourceType: "Patient", Criteria: "Patient?active=true"}))
		staff := w.As(t, w.A.Staff)
		hidden, deleted := create(t, staff, `{"resourceType":"Patient","active":false}`), create(t, staff, `{"resourceType":"Patient","active":false}`)
		require.NoError(t, staff.Delete(ctx, "Patient", deleted.ID))
		elsewhere := create(t, w.As(t, w.B.Staff), `{"resourceType":"Patient","active":true}`)
		for name, ask := range map[string]func(id string) error{
			"read":  func(id string) error { _, err := s.Read(ctx, "Patient", id); return err },
			"vread": func(id string) error { _, err := s.VRead(ctx, "Patient", id, hidden.Version); return err },
			"history": func(id string) error {
				_, err := s.History(ctx, repo.HistoryRequest{Type: "Patient", ID: id, Count: 10})
				return err
			},
			"update": func(id string) error {
				_, err := s.Update(ctx, "Patient", id, withID(id, `{"resourceType":"Patient","active":true}`), "")
				return err
			},
			"delete": func(id string) error { return s.Delete(ctx, "Patient", id) },
		} {
			asked := func(id string) ([]string, error) {
				mu.Lock()
				statements = nil
				mu.Unlock()
				err := ask(id)
				mu.Lock()
				defer mu.Unlock()
				return statements, err
			}
			_, _ = asked("never-was") // what is looked up once is known from now on
			want, refusal := asked("never-was")
			require.NotEmpty(t, want, name)
			require.Error(t, refusal, name)
			for which, id := range map[string]string{"hidden": hidden.ID, "deleted": deleted.ID, "elsewhere": elsewhere.ID} {
				got, err := asked(id)
				assert.Equal(t, want, got, "%s of what is %s", name, which)
				assert.Equal(t, refusal, err, "%s of what is %s", name, which)
			}
		}
	})
}
