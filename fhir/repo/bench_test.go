package repo_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/admitdev/admit/fhir/document"
	"github.com/admitdev/admit/fhir/index"
	"github.com/admitdev/admit/fhir/repo/repotest"
	"github.com/admitdev/admit/pkg/clock"
	"github.com/admitdev/admit/pkg/store"
	"github.com/admitdev/admit/pkg/store/storetest"
)

const patient = `{"resourceType":"Patient","identifier":[{"system":"urn:mrn","value":"MRN-1795241435"}],"active":true,` +
	`"name":[{"use":"official","family":"Example","given":["Eve","Maria"]}],"gender":"female","birthDate":"1980-02-03",` +
	`"telecom":[{"system":"phone","value":"+43 1 234"},{"system":"email","value":"eve@example.com"}],` +
	`"address":[{"line":["Street 1"],"city":"Vienna","postalCode":"1010","country":"AT"}]}`

// compare times op and then the bare statements that it cannot do without, and reports how many
// times longer op takes.
func compare(b *testing.B, op, bare func(i int)) {
	b.Helper()
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		op(i)
	}
	each := b.Elapsed() / time.Duration(b.N)
	begun := time.Now()
	for i := range b.N {
		bare(b.N + i)
	}
	b.ReportMetric(float64(each)/float64(time.Since(begun)/time.Duration(b.N)), "x-bare")
}

// bare is a patient as the store takes it, made without parsing, checking or indexing.
func bare(tb testing.TB, w *repotest.World) func() store.Write {
	doc, err := document.Parse([]byte(patient))
	require.NoError(tb, err)
	ids := clock.System{}
	rows := index.Extract(doc, "Patient")
	content := document.Stamp(doc, document.Identity{Type: "Patient", ID: ids.NewID(), Version: ids.NewID()}).Raw
	return func() store.Write {
		return store.Write{Index: rows, Resource: store.Resource{
			Ref: store.Ref{Project: w.A.ID, Type: "Patient", ID: ids.NewID()}, Version: ids.NewID(),
			LastUpdated: ids.Now(), Content: content,
		}}
	}
}

func BenchmarkRead(b *testing.B) {
	storetest.Each(b, func(b *testing.B, db storetest.DB) {
		w := repotest.New(b, db)
		s := w.As(b, w.A.Staff)
		made, err := s.Create(ctx, "Patient", []byte(patient))
		require.NoError(b, err)
		compare(b, func(int) {
			_, err := s.Read(ctx, "Patient", made.ID)
			require.NoError(b, err)
		}, func(int) {
			_, err := w.Store.Get(ctx, made.Ref, nil)
			require.NoError(b, err)
		})
	})
}

func BenchmarkCreate(b *testing.B) {
	storetest.Each(b, func(b *testing.B, db storetest.DB) {
		w := repotest.New(b, db)
		s := w.As(b, w.A.Staff)
		next := bare(b, w)
		compare(b, func(int) {
			_, err := s.Create(ctx, "Patient", []byte(patient))
			require.NoError(b, err)
		}, func(int) { require.NoError(b, w.Store.Put(ctx, next())) })
	})
}

func BenchmarkUpdate(b *testing.B) {
	storetest.Each(b, func(b *testing.B, db storetest.DB) {
		w := repotest.New(b, db)
		s := w.As(b, w.A.Staff)
		made, err := s.Create(ctx, "Patient", []byte(patient))
		require.NoError(b, err)
		bodies := [][]byte{
			withID(made.ID, strings.Replace(patient, `"active":true`, `"active":false`, 1)),
			withID(made.ID, patient),
		}
		write := bare(b, w)()
		require.NoError(b, w.Store.Put(ctx, write))
		compare(b, func(i int) {
			_, err := s.Update(ctx, "Patient", made.ID, bodies[i%2], "")
			require.NoError(b, err)
		}, func(int) {
			old, err := w.Store.Get(ctx, write.Ref, nil)
			require.NoError(b, err)
			write.Replaces, write.Version = old.Version, clock.System{}.NewID()
			write.LastUpdated = store.Later(clock.System{}.Now(), old.LastUpdated)
			require.NoError(b, w.Store.Put(ctx, write))
		})
	})
}
