package store_test

import (
	"context"
	"strings"
	"testing"

	"github.com/admitdev/admit/pkg/clock"
	"github.com/admitdev/admit/pkg/store"
	"github.com/admitdev/admit/pkg/store/storetest"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestPlansAreKeptOnlyWhereNoValueNeedsAnother: a plan that PostgreSQL has kept does not know whether it looks for
// what one resource has or for what all have.
func TestPlansAreKeptOnlyWhereNoValueNeedsAnother(t *testing.T) {
	if !storetest.HavePostgres(t) {
		return
	}
	s := storetest.Open(t, storetest.Postgres(t))
	project := clock.System{}.NewID()
	loadForPlans(t, s, []string{project}, 1200)
	system, code, yes, none := "urn:s", "v00007", "true", ""
	identifier := store.Token{Param: "identifier", Values: []store.TokenValue{{System: &system, Code: &code}}}
	active := store.Token{Param: "active", Values: []store.TokenValue{{System: &none, Code: &yes}}}
	late := []store.Sort{{Param: "_lastUpdated", Kind: store.DateKind, Desc: true}}
	subject := store.Reference{Param: "subject", Values: []store.ReferenceValue{{Type: "Patient", ID: "id00007"}}}
	for name, tc := range map[string]struct {
		q    store.Query
		kept bool
	}{
		"one code":                        {store.Query{Where: identifier}, true},
		"one code that must be seen":      {store.Query{Where: identifier, Visible: active}, true},
		"all that are seen for a code":    {store.Query{Visible: active}, true},
		"ids":                             {store.Query{Where: store.IDIn{"id00007"}}, true},
		"all by time":                     {store.Query{Sort: late}, true},
		"a timeline":                      {store.Query{Where: subject, Sort: []store.Sort{{Param: "date", Kind: store.DateKind, Desc: true}}}, true},
		"a code by time":                  {store.Query{Where: active, Sort: late}, false},
		"all that are seen, by time":      {store.Query{Visible: active, Sort: late}, false},
		"a code of any system":            {store.Query{Where: store.Token{Param: "active", Values: []store.TokenValue{{Code: &yes}}}}, false},
		"two codes":                       {store.Query{Where: store.And{identifier, active}}, false},
		"a code from the middle on":       {store.Query{Where: active, After: []string{"id00007", "Patient", project}}, false},
		"what refers to a target, by ids": {store.Query{Where: subject}, false},
	} {
		tc.q.Projects, tc.q.Types, tc.q.Limit = []string{project}, []string{"Patient"}, 20
		if kept := keptPlans(t, s, tc.q); kept != tc.kept {
			t.Errorf("%s: a plan that is kept is used: %t", name, kept)
		}
	}
}

// keptPlans says whether PostgreSQL comes to use one plan for all values of a search.
func keptPlans(t *testing.T, s *store.Store, q store.Query) bool {
	t.Helper()
	var kept int
	err := s.InTx(t.Context(), func(tx *store.Tx) error {
		run := func(query string, into ...any) error {
			return storetest.SQL(t, tx).QueryRowContext(context.Background(), query).Scan(into...)
		}
		var before int
		const plans = `SELECT coalesce(sum(generic_plans), 0) FROM pg_prepared_statements WHERE statement LIKE 'SELECT r.id, %'`
		if err := run(plans, &before); err != nil {
			return err
		}
		for range 8 { // PostgreSQL tries five times how good plans for the values are
			if rows, err := tx.Search(t.Context(), q); err != nil || len(rows) == 0 {
				t.Errorf("%d rows, %v", len(rows), err)
			}
		}
		err := run(plans, &kept)
		kept -= before
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return kept > 0
}

// TestAFewRowsAreLookedForWithoutKnowingHowMany: where an index gives few rows one statement answers, whose plan is
// kept; where it gives many, another does.
func TestAFewRowsAreLookedForWithoutKnowingHowMany(t *testing.T) {
	if !storetest.HavePostgres(t) {
		return
	}
	executed := &statementsOf{}
	s := storetest.OpenFaulty(t, storetest.Postgres(t), executed.hook)
	project := clock.System{}.NewID()
	loadForPlans(t, s, []string{project}, 1200)
	none, yes := "", "true"
	active := store.Token{Param: "active", Values: []store.TokenValue{{System: &none, Code: &yes}}}
	late := []store.Sort{{Param: "_lastUpdated", Kind: store.DateKind, Desc: true}}
	for name, tc := range map[string]struct {
		q          store.Query
		first      string
		rows, asks int
	}{
		"few":                       {store.Query{Where: store.String{Param: "name", Value: "v0000"}}, "id00000", 10, 1},
		"few, the latest":           {store.Query{Where: store.String{Param: "name", Value: "v0000"}, Sort: late}, "id00009", 10, 1},
		"few of those that one may": {store.Query{Where: store.String{Param: "name", Value: "v0000"}, Visible: active}, "id00000", 10, 1},
		"few that one may see":      {store.Query{Visible: store.Date{Param: "birthdate", Op: store.Lt, Low: 5000, High: 5000}, Sort: late}, "id00004", 5, 1},
		"few at the end of a chain": {store.Query{Types: []string{"Observation"}, Where: store.Chain{Param: "subject", Type: "Patient", Of: store.String{Param: "name", Value: "v00007"}}}, "id00014", 2, 1},
		"many":                      {store.Query{Where: store.String{Param: "name", Value: "v"}}, "id00000", 20, 2},
		"many, the latest":          {store.Query{Where: active, Sort: late}, "id01199", 20, 2},
		"few, by name":              {store.Query{Where: store.String{Param: "name", Value: "v0000"}, Sort: []store.Sort{{Param: "name", Kind: store.StringKind, Desc: true}, {Param: "birthdate", Kind: store.DateKind}}}, "id00009", 10, 1},
		"many, by date":             {store.Query{Where: active, Sort: []store.Sort{{Param: "birthdate", Kind: store.DateKind, Desc: true}}}, "id01199", 20, 2},
		"none":                      {store.Query{Where: store.String{Param: "name", Value: "w"}}, "", 0, 1},
		"looked through":            {store.Query{Where: store.String{Param: "name", Match: store.Contains, Value: "0007"}}, "id00007", 11, 1},
	} {
		tc.q.Projects, tc.q.Limit = []string{project}, 20
		if tc.q.Types == nil {
			tc.q.Types = []string{"Patient"}
		}
		executed.all = nil
		rows, err := s.Search(t.Context(), tc.q)
		if err != nil || len(rows) != tc.rows || len(rows) > 0 && rows[0].ID != tc.first {
			t.Errorf("%s: %d rows, %v: %+v", name, len(rows), err, rows)
		}
		if asked := len(executed.all); asked != tc.asks {
			t.Errorf("%s: %d statements", name, asked)
		}
	}
}

// TestAPageOfFewReadsNoMoreThanItShows: the ids are in order before resources are read.
func TestAPageOfFewReadsNoMoreThanItShows(t *testing.T) {
	if !storetest.HavePostgres(t) {
		return
	}
	s := storetest.Open(t, storetest.Postgres(t))
	project := clock.System{}.NewID()
	loadForPlans(t, s, []string{project}, 1200)
	yes := "true"
	plan, err := s.PlanFew(t.Context(), store.Query{
		Projects: []string{project}, Types: []string{"Patient"}, Limit: 20,
		Where: store.String{Param: "name", Value: "v00"}, Visible: store.Token{Param: "active", Values: []store.TokenValue{{Code: &yes}}},
	})
	require.NoError(t, err)
	above, loop, found := strings.Cut(plan, "Nested Loop")
	require.True(t, found, plan)
	assert.NotContains(t, above, "Sort", "resources are taken as they are read: %s", plan)
	ids, _, _ := strings.Cut(loop, "resource r")
	assert.Contains(t, ids, "Sort", "in the order of the ids: %s", plan)
}
