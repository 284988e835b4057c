package store_test

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib"
	_ "modernc.org/sqlite"

	"github.com/admitdev/admit/pkg/clock"
	"github.com/admitdev/admit/pkg/store"
	"github.com/admitdev/admit/pkg/store/storetest"
)

// The benchmarks do each thing twice in one run: through the store, and as the same statements
// written straight to the driver, as little code as the database allows. "ratio" is the store's
// time by the driver's.

// patient is about 1 kB with ten index rows.
func patient(project string, i int) store.Write {
	id, v := clock.System{}.NewID(), fmt.Sprintf("v%08d", i)
	content := fmt.Sprintf(`{"resourceType":"Patient","id":%q,"text":%q}`, id, strings.Repeat("x", 900))
	return store.Write{
		Resource: store.Resource{
			Ref: store.Ref{Project: project, Type: "Patient", ID: id}, Version: clock.System{}.NewID(),
			LastUpdated: clock.System{}.Now(), Content: []byte(content), Meta: []byte(`"project":"p"`),
		},
		Index: store.Index{
			Token:     []store.TokenRow{{Param: "identifier", System: "urn:s", Code: v}, {Param: "active", Code: "true"}, {Param: "gender", Code: "female"}},
			Reference: []store.ReferenceRow{{Param: "organization", TargetType: "Organization", TargetID: "o"}, {Param: "_compartment", TargetType: "Patient", TargetID: id}},
			String:    []store.StringRow{{Param: "name", Folded: v, Exact: v}, {Param: "family", Folded: v, Exact: v}, {Param: "given", Folded: v, Exact: v}, {Param: "address", Folded: v, Exact: v}},
			Date:      []store.DateRow{{Param: "birthdate", Low: int64(i), High: int64(i)}},
		},
	}
}

// raw is the driver alone.
type raw struct {
	*sql.DB
	dialect string
}

func openRaw(b *testing.B, db storetest.DB) raw {
	b.Helper()
	driver, dsn := "pgx", db.URL
	if db.Name == "sqlite" {
		driver = "sqlite"
		dsn = "file:" + strings.TrimPrefix(db.URL, "sqlite:") + "?_txlock=immediate&_journal_mode=WAL&_synchronous=FULL&_busy_timeout=10000"
	}
	pool, err := sql.Open(driver, dsn)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = pool.Close() })
	if db.Name == "sqlite" {
		pool.SetMaxOpenConns(1)
	}
	return raw{pool, db.Name}
}

// compare times both and reports the store's. They take turns, so that what else the machine
// does falls on both.
func compare(b *testing.B, ours, bare func(i int) error) {
	b.Helper()
	var spent [2]time.Duration
	i := 0
	for b.Loop() {
		for which, do := range []func(int) error{ours, bare} {
			began := time.Now()
			if err := do(i); err != nil {
				b.Fatal(err)
			}
			spent[which] += time.Since(began)
		}
		i++
	}
	b.ReportMetric(float64(spent[0].Nanoseconds())/float64(i), "ns/ours")
	b.ReportMetric(float64(spent[0])/float64(spent[1]), "ratio")
}

func BenchmarkCreate(b *testing.B) {
	storetest.Each(b, func(b *testing.B, db storetest.DB) {
		s, direct, project := storetest.Open(b, db), openRaw(b, db), clock.System{}.NewID()
		compare(b, func(i int) error { return s.Put(b.Context(), patient(project, i)) }, func(i int) error { return direct.create(patient(project, i)) })
	})
}

// BenchmarkCreateMany shows what group commit gives: many clients at once.
func BenchmarkCreateMany(b *testing.B) {
	storetest.Each(b, func(b *testing.B, db storetest.DB) {
		s, project := storetest.Open(b, db), clock.System{}.NewID()
		var n atomic.Int64
		var wait sync.WaitGroup
		for range 64 { // opens the connections
			wait.Go(func() {
				if err := s.Put(b.Context(), patient(project, int(n.Add(1)))); err != nil {
					b.Error(err)
				}
			})
		}
		wait.Wait()
		b.ResetTimer()
		b.SetParallelism(16)
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				if err := s.Put(context.Background(), patient(project, int(n.Add(1)))); err != nil {
					b.Error(err)
				}
			}
		})
	})
}

func BenchmarkGet(b *testing.B) {
	storetest.Each(b, func(b *testing.B, db storetest.DB) {
		s, direct, refs := loaded(b, db)
		compare(b, func(i int) error { _, err := s.Get(b.Context(), refs[i%len(refs)], nil); return err },
			func(i int) error { return direct.get(refs[i%len(refs)]) })
	})
}

func BenchmarkUpdate(b *testing.B) {
	storetest.Each(b, func(b *testing.B, db storetest.DB) {
		s, direct, project := storetest.Open(b, db), openRaw(b, db), clock.System{}.NewID()
		ours, bare := patient(project, 0), patient(project, 0)
		if err := s.Put(b.Context(), ours, bare); err != nil {
			b.Fatal(err)
		}
		compare(b, func(i int) error { ours = next(ours, i); return s.Put(b.Context(), ours) },
			func(i int) error { bare = next(bare, i); return direct.update(bare) })
	})
}

// next is a version that changes one index row of ten.
func next(w store.Write, i int) store.Write {
	n := patient(w.Project, 0)
	n.Ref, n.Replaces, n.Content = w.Ref, w.Version, w.Content
	n.LastUpdated = store.Later(n.LastUpdated, w.LastUpdated)
	n.Index.Reference[1].TargetID = w.ID
	n.Index.String[0].Folded = fmt.Sprint(i)
	return n
}

func BenchmarkTokenSearch(b *testing.B) {
	storetest.Each(b, func(b *testing.B, db storetest.DB) {
		s, direct, refs := loaded(b, db)
		system := "urn:s"
		compare(b, func(i int) error {
			code := fmt.Sprintf("v%08d", i%len(refs))
			rows, err := s.Search(b.Context(), store.Query{
				Projects: []string{refs[0].Project}, Types: []string{"Patient"}, Limit: 20,
				Where: store.Token{Param: "identifier", Values: []store.TokenValue{{System: &system, Code: &code}}},
			})
			if err == nil && len(rows) != 1 {
				err = fmt.Errorf("%d rows", len(rows))
			}
			return err
		}, func(i int) error { return direct.search(refs[0].Project, fmt.Sprintf("v%08d", i%len(refs))) })
	})
}

// loaded is a store with 2,000 patients.
func loaded(b *testing.B, db storetest.DB) (*store.Store, raw, []store.Ref) {
	b.Helper()
	s, project := storetest.Open(b, db), clock.System{}.NewID()
	var refs []store.Ref
	err := s.InTx(b.Context(), func(tx *store.Tx) error {
		for i := range 2000 {
			w := patient(project, i)
			refs = append(refs, w.Ref)
			if err := tx.Put(b.Context(), w); err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil {
		err = s.Run(b.Context(), "ANALYZE")
	}
	if err != nil {
		b.Fatal(err)
	}
	return s, openRaw(b, db), refs
}

// BenchmarkTimeline is the newest 20 of a patient's 1,000 observations, of which there are as many
// as ADMIT_BENCH_OBSERVATIONS says.
func BenchmarkTimeline(b *testing.B) {
	const each = 1000
	total, err := strconv.Atoi(cmp.Or(os.Getenv("ADMIT_BENCH_OBSERVATIONS"), "5000"))
	if err != nil {
		b.Fatal(err)
	}
	storetest.Each(b, func(b *testing.B, db storetest.DB) {
		s, direct, project := storetest.Open(b, db), openRaw(b, db), clock.System{}.NewID()
		for from := 0; from < total; from += each {
			if err := s.InTx(b.Context(), func(tx *store.Tx) error { return tx.Put(b.Context(), observations(project, from, each)...) }); err != nil {
				b.Fatal(err)
			}
		}
		if err := s.Run(b.Context(), "ANALYZE"); err != nil {
			b.Fatal(err)
		}
		compare(b, func(i int) error {
			id := fmt.Sprintf("p%d", i%(total/each))
			rows, err := s.Search(b.Context(), store.Query{
				Projects: []string{project}, Types: []string{"Observation"}, Limit: 21,
				Where: store.Reference{Param: "subject", Values: []store.ReferenceValue{{Type: "Patient", ID: id}, {URL: "http://base/Patient/" + id}}},
				Sort:  []store.Sort{{Param: "date", Kind: store.DateKind, Desc: true}},
			})
			if err == nil && len(rows) != 21 {
				err = fmt.Errorf("%d rows", len(rows))
			}
			return err
		}, func(i int) error { return direct.timeline(project, fmt.Sprintf("p%d", i%(total/each))) })
	})
}

// observations are one patient's.
func observations(project string, from, n int) []store.Write {
	writes := make([]store.Write, n)
	for i := range writes {
		w := patient(project, from+i)
		w.Type = "Observation"
		w.Index = store.Index{
			Token:     []store.TokenRow{{Param: "code", System: "http://loinc.org", Code: fmt.Sprint(i % 20)}, {Param: "status", Code: "final"}},
			Reference: []store.ReferenceRow{{Param: "subject", TargetType: "Patient", TargetID: fmt.Sprintf("p%d", from/n)}},
			Date:      []store.DateRow{{Param: "date", Low: int64(i*7919%n) * 1e6, High: int64(i*7919%n)*1e6 + 999_999}},
		}
		writes[i] = w
	}
	return writes
}
