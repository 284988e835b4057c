package store_test

import (
	"context"
	"errors"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/admitdev/admit/pkg/clock"
	"github.com/admitdev/admit/pkg/store"
	"github.com/admitdev/admit/pkg/store/storetest"
)

// documentedDirectory are the tables of which migrations/doc.go says, with the reason, that their
// keys do not begin with a project.
func documentedDirectory(t *testing.T) []string {
	t.Helper()
	text, err := os.ReadFile("../../migrations/doc.go")
	if err != nil {
		t.Fatal(err)
	}
	_, list, found := strings.Cut(string(text), "Directory tables")
	if !found {
		t.Fatal("migrations/doc.go lists no directory tables")
	}
	var names []string
	for _, entry := range regexp.MustCompile(`(?m)^//   - ([a-z_, ]+):`).FindAllStringSubmatch(list, -1) {
		names = append(names, strings.Split(entry[1], ", ")...)
	}
	return names
}

// foreign are the tables of libraries.
var foreign = regexp.MustCompile(`^(river_|goose_|sqlite_)`)

// uniqueIndexes lists "table column" for the first column of each primary key and unique index.
var uniqueIndexes = map[string]string{
	"postgres": `SELECT t.relname, a.attname FROM pg_index i JOIN pg_class t ON t.oid = i.indrelid
JOIN pg_namespace n ON n.oid = t.relnamespace AND n.nspname = current_schema()
JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = i.indkey[0] WHERE i.indisunique`,
	"sqlite": `SELECT t.name, c.name FROM sqlite_schema t, pragma_index_list(t.name) i, pragma_index_info(i.name) c
WHERE t.type = 'table' AND i."unique" = 1 AND c.seqno = 0
UNION SELECT t.name, c.name FROM sqlite_schema t, pragma_table_info(t.name) c WHERE t.type = 'table' AND c.pk = 1`,
}

var tables = map[string]string{
	"postgres": `SELECT relname FROM pg_class WHERE relkind IN ('r', 'p') AND relnamespace = current_schema()::regnamespace`,
	"sqlite":   `SELECT name FROM sqlite_schema WHERE type = 'table'`,
}

// sequences and foreignKeys list the tables that have one.
var sequences = map[string]string{
	"postgres": `SELECT relname FROM pg_class WHERE relkind = 'S' AND relnamespace = current_schema()::regnamespace`,
	"sqlite":   `SELECT name FROM sqlite_schema WHERE sql LIKE '%AUTOINCREMENT%'`,
}

var foreignKeys = map[string]string{
	"postgres": `SELECT conrelid::regclass::text FROM pg_constraint WHERE contype = 'f'`,
	"sqlite":   `SELECT t.name FROM sqlite_schema t, pragma_foreign_key_list(t.name) WHERE t.type = 'table'`,
}

func TestSchemaCanBeDistributedByProject(t *testing.T) {
	documented := documentedDirectory(t)
	storetest.Each(t, func(t *testing.T, db storetest.DB) {
		s := storetest.Open(t, db)
		columns := func(query string) []string {
			rows, err := s.Columns(t.Context(), query)
			if err != nil {
				t.Fatal(err)
			}
			return slices.DeleteFunc(rows, func(row string) bool { return foreign.MatchString(row) })
		}
		keyed := map[string]bool{}
		for _, row := range columns(uniqueIndexes[db.Name]) {
			table, column, _ := strings.Cut(row, " ")
			keyed[table] = true
			if column != "project_id" && !slices.Contains(documented, table) {
				t.Errorf("a unique index of %s begins with %s, and migrations/doc.go does not call it a directory table", table, column)
			}
		}
		names := columns(tables[db.Name])
		if !slices.Contains(names, "resource") {
			t.Fatalf("the tables are not read: %v", names)
		}
		for _, table := range names {
			if !keyed[table] && table != "string_index" { // its rows are too long for a key
				t.Errorf("%s has no primary key", table)
			}
		}
		if found := columns(sequences[db.Name]); len(found) > 0 {
			t.Errorf("sequences: %v", found)
		}
		if found := columns(foreignKeys[db.Name]); len(found) > 0 {
			t.Errorf("foreign keys: %v", found)
		}
	})
}

// statementsOf records what a store executes.
type statementsOf struct {
	mu  sync.Mutex
	all []string
}

func (s *statementsOf) hook(_ context.Context, statement string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all = append(s.all, statement)
	return nil
}

// access is a read or a change of a table that is distributed by project, up to the next
// parenthesis.
var access = regexp.MustCompile(`(?i)\b(FROM|INTO|UPDATE|JOIN) (resource|resource_history|[a-z]+_index)\b[^)]*`)

func TestEveryStatementNamesTheProject(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db storetest.DB) {
		executed := &statementsOf{}
		s := storetest.OpenFaulty(t, db, executed.hook)
		exercise(t, s)
		checked := 0
		for _, statement := range executed.all {
			for _, part := range access.FindAllString(statement, -1) {
				checked++
				if !strings.Contains(part, "project_id") {
					t.Errorf("no project in %q of\n%s", part, statement)
				}
			}
		}
		if checked < 40 {
			t.Errorf("only %d were checked", checked)
		}
	})
}

// exercise uses every method of the resource side once.
func exercise(t *testing.T, s *store.Store) {
	t.Helper()
	ctx := t.Context()
	ref := store.Ref{Project: clock.System{}.NewID(), Type: "Patient", ID: "a"}
	w := store.Write{Resource: store.Resource{Ref: ref, Version: "1", LastUpdated: clock.System{}.Now(), Content: []byte("{}")}, Index: everyIndex(1)}
	next := w
	next.Version, next.Replaces, next.LastUpdated = "2", "1", store.Later(w.LastUpdated, w.LastUpdated)
	next.Index, next.Keys = everyIndex(2), []store.Key{{Scope: ref.Project, Kind: "k", Value: "v"}}
	code := "v"
	where := store.Or{store.Token{Param: "identifier", Values: []store.TokenValue{{Code: &code}}}, store.Not{Of: store.Missing{Param: "name", Kind: store.StringKind}}}
	q := store.Query{
		Projects: []string{ref.Project}, Types: []string{"Patient"}, Limit: 1, Sort: []store.Sort{{Param: "birthdate", Kind: store.DateKind}},
		Where: store.And{where, store.Or{store.Chain{Param: "subject", Type: "Patient", Of: where}, store.Has{Type: "Patient", Param: "subject", Of: where}}},
	}
	_, err := s.Get(ctx, ref, nil)
	for _, err := range []error{
		s.Put(ctx, w), s.Put(ctx, next),
		s.InTx(ctx, func(tx *store.Tx) error {
			return errors.Join(tx.CreateAsyncJob(ctx, store.AsyncJob{Project: ref.Project, ID: "a", Request: []byte("{}"), Created: w.LastUpdated}, w.LastUpdated), tx.AdvanceAsyncJob(ctx, ref.Project, "a", []byte("{}")), tx.AnswerAsyncJob(ctx, ref.Project, "a", []byte("{}")))
		}), second(s.AsyncJob(ctx, ref.Project, "a")),
		s.InTx(ctx, func(tx *store.Tx) error { _, _, err := tx.Claim(ctx, next.Keys[0], ref); return err }),
		second(s.GetVersion(ctx, ref, "1")), second(s.History(ctx, ref, 9, 0)), second(s.HistoryCount(ctx, ref)),
		s.EachVersion(ctx, store.HistoryQuery{Project: ref.Project, Types: []string{"Patient", "Observation"}, Where: map[string]store.Predicate{"Patient": where, "Observation": where}, Decides: true, From: w.LastUpdated, Limit: 9}, each),
		s.EachLastLive(ctx, ref.Project, []store.Ref{ref}, func(store.Resource) error { return nil }),
		second(s.Search(ctx, q)), second(s.Count(ctx, q)), second(s.Owner(ctx, next.Keys[0])),
		second(s.ListRefs(ctx, ref.Project, store.Rest{Type: "Patient", Deleted: true}, store.Ref{}, 9)), s.Purge(ctx, ref),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	if err == nil {
		t.Fatal("read before it was written")
	}
	_, err = s.Get(ctx, ref, q.Where)
	if err == nil {
		t.Fatal("read after it was purged")
	}
}

func each(store.HistoryRow) (bool, error) { return true, nil }

func second[T any](_ T, err error) error { return err }
