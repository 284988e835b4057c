package store_test

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/admitdev/admit/pkg/clock"
	"github.com/admitdev/admit/pkg/store"
	"github.com/admitdev/admit/pkg/store/storetest"
)

// fullScan is how each database says that it reads a whole table. A derived table, a list that
// was a parameter and a common table expression are none of ours.
var fullScan = regexp.MustCompile(`(?m)(Seq Scan on |SCAN )(resource\w*|\w+_index|unique_key|[ri]\d*)\b`)

// everyIndex are rows such that values of number i are rare.
func everyIndex(i int) store.Index {
	v := fmt.Sprintf("v%05d", i)
	return store.Index{
		Token:     []store.TokenRow{{Param: "identifier", System: "urn:s", Code: v}, {Param: "active", Code: "true"}},
		Reference: []store.ReferenceRow{{Param: "subject", TargetType: "Patient", TargetID: fmt.Sprintf("id%05d", i/2)}, {Param: "profile", URL: "http://x/" + v}},
		String:    []store.StringRow{{Param: "name", Folded: v + " family", Exact: v + " Family"}},
		Date: []store.DateRow{
			{Param: "birthdate", Low: int64(i) * 1000, High: int64(i)*1000 + 999}, {Param: "date", Low: int64(i) * 1000, High: int64(i) * 1000},
		},
		Quantity: []store.QuantityRow{{Param: "value", Code: "kg", Value: v, Low: v, High: v}},
		URI:      []store.URIRow{{Param: "url", URI: "http://y/" + v}},
	}
}

// copied are the tables that loadForPlans fills.
var copied = map[string]string{
	"resource":        "type, id, version, last_updated, deleted, content, meta",
	"token_index":     "type, id, param, system, code",
	"reference_index": "type, id, param, target_type, target_id, url, newest",
	"string_index":    "type, id, param, folded, exact",
	"date_index":      "type, id, param, low, high",
	"quantity_index":  "type, id, param, system, code, unit, value, low, high",
	"uri_index":       "type, id, param, uri",
	"unique_key":      "kind, value, type, id, pinned",
}

// loadForPlans writes each resources of two types into the first project and copies them to the
// others, so that a search concerns a small part of each table.
func loadForPlans(t testing.TB, s *store.Store, projects []string, each int) {
	t.Helper()
	at := time.UnixMilli(1e12).UTC()
	err := s.InTx(t.Context(), func(tx *store.Tx) error {
		for _, typ := range []string{"Patient", "Observation"} {
			for i := range each {
				ref := store.Ref{Project: projects[0], Type: typ, ID: fmt.Sprintf("id%05d", i)}
				w := store.Write{
					Resource: store.Resource{Ref: ref, Version: "1", LastUpdated: at.Add(time.Duration(i) * time.Second), Content: []byte("{}")},
					Index:    everyIndex(i), Keys: []store.Key{{Scope: projects[0], Kind: typ, Value: ref.ID}},
				}
				if err := tx.Put(t.Context(), w); err != nil {
					return err
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for table, columns := range copied {
		for _, project := range projects[1:] {
			to, from := "project_id", "'"+project+"'"
			if table == "unique_key" {
				to, from = "project_id, scope", from+", "+from
			}
			copying := fmt.Sprintf("INSERT INTO %s (%s, %s) SELECT %s, %s FROM %s WHERE project_id = '%s'", table, to, columns, from, columns, table, projects[0])
			if err := s.Run(t.Context(), copying); err != nil {
				t.Fatalf("%s: %v", table, err)
			}
		}
	}
	if err := s.Run(t.Context(), "ANALYZE"); err != nil {
		t.Fatal(err)
	}
}

// alternativesFarAway are those at the end of two references.
var alternativesFarAway = store.Has{Type: "Observation", Param: "subject", Of: store.Chain{Param: "subject", Type: "Patient", Of: store.Or{
	store.String{Param: "name", Value: "v0000"}, store.String{Param: "name", Value: "v0001"},
}}}

// TestAlternativesFarAwayAreFoundOnce: how many rows lie behind several references nobody can
// estimate, so they are not to be found again for each row that leads there.
func TestAlternativesFarAwayAreFoundOnce(t *testing.T) {
	if !storetest.HavePostgres(t) {
		return
	}
	s := storetest.Open(t, storetest.Postgres(t))
	_, plan, err := s.PlanSearch(t.Context(), store.Query{
		Projects: []string{clock.System{}.NewID()}, Types: []string{"Patient"}, Limit: 20, Where: alternativesFarAway,
	})
	if err != nil || !strings.Contains(plan, "CTE Scan on o") {
		t.Errorf("%v\n%s", err, plan)
	}
}

// TestTheValueToSortByIsFoundByItsRow: SQLite must not look for a row's smallest value by walking the index
// in the order of values until it meets the row.
func TestTheValueToSortByIsFoundByItsRow(t *testing.T) {
	s, code := storetest.Open(t, storetest.SQLite(t)), "x"
	for _, kind := range []store.Kind{store.TokenKind, store.ReferenceKind, store.StringKind, store.DateKind, store.QuantityKind, store.URIKind} {
		for _, desc := range []bool{false, true} {
			_, plan, err := s.PlanSearch(t.Context(), store.Query{
				Projects: []string{clock.System{}.NewID()}, Types: []string{"Patient"}, Limit: 20, Sort: []store.Sort{{Param: "p", Kind: kind, Desc: desc}},
				Where: store.Not{Of: store.Token{Param: "identifier", Values: []store.TokenValue{{Code: &code}}}},
			})
			if err != nil || !strings.Contains(plan, "SEARCH i") || strings.Contains(plan, "type=? AND param=?)") {
				t.Errorf("%v %t: %v\n%s", kind, desc, err, plan)
			}
		}
	}
}

// TestNoPlanReadsAWholeTable asks the databases how they would answer, with statistics taken and
// nothing forbidden.
func TestNoPlanReadsAWholeTable(t *testing.T) {
	code, system := "v00007", "urn:s"
	identifier := store.Token{Param: "identifier", Values: []store.TokenValue{{System: &system, Code: &code}}}
	compartment := store.Reference{Param: "subject", Values: []store.ReferenceValue{{Type: "Patient", ID: "id00007"}}}
	birthdate := store.Date{Param: "birthdate", Op: store.Eq, Low: 7000, High: 7999}
	predicates := map[string]store.Predicate{
		"everything":          nil,
		"id":                  store.IDIn{"id00007", "id00008"},
		"token":               identifier,
		"code alone":          store.Token{Param: "identifier", Values: []store.TokenValue{{Code: &code}}},
		"reference":           compartment,
		"url":                 store.Reference{Param: "profile", Values: []store.ReferenceValue{{URL: "http://x/v00007"}}},
		"string":              store.String{Param: "name", Value: "v0000"},
		"exact string":        store.String{Param: "name", Match: store.Exact, Value: "v00007 Family", Folded: "v00007 family"},
		"date":                birthdate,
		"date after":          store.Date{Param: "birthdate", Op: store.Gt, Low: 240000, High: 240999},
		"quantity":            store.Quantity{Param: "value", Op: store.Eq, Low: "v00007", High: "v00007"},
		"unit":                store.Quantity{Param: "value", Op: store.Gt, Low: "v00240", High: "v00240", Code: new("kg")},
		"span":                store.Span{Param: "value", Start: store.Quantity{Op: store.Ge, Low: "v00240", High: "v00240"}, End: store.Quantity{Op: store.Le, Low: "v00241", High: "v00241"}},
		"many codes":          store.Token{Param: "identifier", Values: many(&system, 500)},
		"not in many codes":   store.Not{Of: store.Token{Param: "identifier", Values: many(&system, 500)}},
		"parts of a whole":    store.And{identifier, store.Quantity{Param: "value", Op: store.Gt, Low: "v00240", High: "v00240"}},
		"reference two ways":  store.Reference{Param: "subject", Values: []store.ReferenceValue{{Type: "Patient", ID: "id00007"}, {URL: "http://x/Patient/id00007"}}},
		"uri below":           store.URI{Param: "url", Match: store.URIBelow, Value: "http://y/v0000"},
		"uri above":           store.URI{Param: "url", Match: store.URIAbove, Value: "http://y/v00007/x"},
		"missing":             store.Missing{Param: "name", Kind: store.StringKind},
		"and":                 store.And{identifier, birthdate},
		"or":                  store.Or{identifier, birthdate, compartment},
		"or of ands":          store.Or{store.And{identifier, birthdate}, store.And{compartment, store.Not{Of: birthdate}}},
		"not":                 store.Not{Of: identifier},
		"policy and criteria": store.And{store.Or{compartment, identifier}, birthdate},
		"chain":               store.Chain{Param: "subject", Type: "Patient", Of: identifier},
		"has":                 store.Has{Type: "Observation", Param: "subject", Of: identifier},
		"has a chain of or":   alternativesFarAway,
		"last updated":        store.LastUpdated{Op: store.Gt, Low: 1e15 + 240e6, High: 1e15 + 240e6},
	}
	orders := map[string][]store.Sort{
		"": nil, " by time": {{Param: "_lastUpdated", Desc: true}}, " by date": {{Param: "birthdate", Kind: store.DateKind}},
		" newest first": {{Param: "date", Kind: store.DateKind, Desc: true}},
	}
	storetest.Each(t, func(t *testing.T, db storetest.DB) {
		s := storetest.Open(t, db)
		projects := make([]string, 40)
		for i := range projects {
			projects[i] = clock.System{}.NewID()
		}
		loadForPlans(t, s, projects, 250)
		scopes := map[string]store.Query{
			"one": {Projects: projects[:1], Types: []string{"Observation"}, Limit: 20},
			"two": {Projects: projects[:2], Types: []string{"Observation", "Patient"}, Limit: 20},
			"all": {Projects: projects[:1], Types: everyType(), Limit: 20},
		}
		for name, p := range predicates {
			for scope, q := range scopes {
				for order, sort := range orders {
					q.Where, q.Sort = p, sort
					statement, plan, err := s.PlanSearch(t.Context(), q)
					wantNoScan(t, scope+": "+name+order, statement, plan, err)
					plan, err = s.PlanFew(t.Context(), q)
					wantNoScan(t, scope+", few: "+name+order, "", plan, err)
					if scope == "one" && (name == "everything" || name == "reference") {
						back := q
						back.Before = append(slices.Repeat([]string{"=7000"}, len(sort)), "id00007", "Observation", projects[0])
						statement, plan, err := s.PlanSearch(t.Context(), back)
						wantNoScan(t, "one, backward: "+name+order, statement, plan, err)
					}
				}
			}
			statement, plan, err := s.PlanGet(t.Context(), store.Ref{Project: projects[0], Type: "Observation", ID: "id00007"}, p)
			wantNoScan(t, "read: "+name, statement, plan, err)
		}
		plan, err := s.PlanReplace(t.Context(), store.Write{
			Resource: store.Resource{Ref: store.Ref{Project: projects[0], Type: "Observation", ID: "id00007"}, Version: "2"},
			Replaces: "1", Index: everyIndex(8),
		})
		wantNoScan(t, "update", "", plan, err)
		statement, plan, err := s.PlanHeld(t.Context(), projects[0], "Observation", "id0000")
		wantNoScan(t, "with their projects", statement, plan, err)
	})
}

// everyType is as many types as a search has that names none.
func everyType() []string {
	types := []string{"Observation", "Patient"}
	for i := range 160 {
		types = append(types, fmt.Sprintf("Type%03d", i))
	}
	return types
}

// many are codes of a system, as a value set has them.
func many(system *string, n int) []store.TokenValue {
	values := make([]store.TokenValue, n)
	for i := range values {
		values[i] = store.TokenValue{System: system, Code: new(fmt.Sprintf("v%05d", i))}
	}
	return values
}

func wantNoScan(t *testing.T, name, statement, plan string, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("%s: %v\n%s", name, err, statement)
	}
	if scan := fullScan.FindString(plan); scan != "" {
		t.Errorf("%s: %s\n%s\n%s", name, scan, statement, plan)
	}
	if testing.Verbose() && strings.Contains(name, "one: ") {
		t.Logf("%s\n%s", name, plan)
	}
}

// TestSQLiteStartsFromTheValue: SQLite has no statistics of our users' data, so the order must
// not lure it into reading a whole type in that order.
func TestSQLiteStartsFromTheValue(t *testing.T) {
	s := storetest.Open(t, storetest.SQLite(t))
	code := "v00007"
	for name, tc := range map[string]struct {
		where store.Predicate
		want  string
	}{
		"token":      {store.Token{Param: "identifier", Values: []store.TokenValue{{Code: &code}}}, "code=?"},
		"date":       {store.Date{Param: "birthdate", Op: store.Eq, Low: 7000, High: 7999}, "low>? AND low<?"},
		"quantity":   {store.Quantity{Param: "value", Op: store.Eq, Low: "1", High: "2"}, "low>? AND low<?"},
		"id":         {store.IDIn{"a", "b"}, "id=?"},
		"everything": {nil, "INDEX resource_last_updated"},
	} {
		q := store.Query{
			Projects: []string{clock.System{}.NewID()}, Types: []string{"Observation"}, Where: tc.where, Limit: 20,
			Sort: []store.Sort{{Param: "_lastUpdated", Desc: true}},
		}
		statement, plan, err := s.PlanSearch(t.Context(), q)
		if err != nil || !strings.Contains(plan, tc.want) || (tc.where != nil && strings.Contains(plan, "resource_last_updated")) {
			t.Errorf("%s: %v\n%s\n%s", name, err, statement, plan)
		}
	}
}

// TestPostgresKnowsANewDatabase: what has just been filled is searched from the value, as if
// somebody had taken statistics.
func TestPostgresKnowsANewDatabase(t *testing.T) {
	if !storetest.HavePostgres(t) {
		return
	}
	s, project := storetest.Open(t, storetest.Postgres(t)), clock.System{}.NewID()
	for _, table := range []string{"resource", "token_index"} { // its own would hide ours
		if err := s.Run(t.Context(), "ALTER TABLE "+table+" SET (autovacuum_enabled = false)"); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 4 {
		if err := s.Put(t.Context(), observations(project, i*100, 100)...); err != nil {
			t.Fatal(err)
		}
	}
	s.WaitForStatistics()
	loinc, code := "http://loinc.org", "7"
	_, plan, err := s.PlanSearch(t.Context(), store.Query{
		Projects: []string{project}, Types: []string{"Observation"}, Limit: 20,
		Where: store.Token{Param: "code", Values: []store.TokenValue{{System: &loinc, Code: &code}}},
	})
	if err != nil || strings.Contains(plan, "Join Filter: (r.id = i1.id)") {
		t.Errorf("%v: each row that the index found is looked for among all:\n%s", err, plan)
	}
}
