package store_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/admitdev/admit/pkg/clock"
	"github.com/admitdev/admit/pkg/store"
	"github.com/admitdev/admit/pkg/store/storetest"
)

// SQLite names what is scanned by its alias, and the page that is put together has one of them too.
var (
	wholeHistory = regexp.MustCompile(`Seq Scan on resource|SCAN [vcnp]\b`)
	puttingPage  = regexp.MustCompile(`(CO-ROUTINE|MATERIALIZE) v\b`)
)

// TestNoPageOfHistoryReadsAWholeTable: of a resource, of a type and of a project, whoever asks.
func TestNoPageOfHistoryReadsAWholeTable(t *testing.T) {
	code := "v00007"
	policy := store.Or{store.Token{Param: "identifier", Values: []store.TokenValue{{Code: &code}}}, store.IDIn{"id00003"}}
	at := time.UnixMilli(1e12).UTC().Add(100 * time.Second)
	allTypes := []string{"Observation", "Patient"}
	for i := range 150 { // about as many as R4 has
		allTypes = append(allTypes, fmt.Sprintf("Type%d", i))
	}
	storetest.Each(t, func(t *testing.T, db storetest.DB) {
		s := storetest.Open(t, db)
		projects := make([]string, 40)
		for i := range projects {
			projects[i] = clock.System{}.NewID()
		}
		loadForPlans(t, s, projects, 250)
		versionsForPlans(t, s)
		scopes := map[string]store.HistoryQuery{
			"instance": {Types: []string{"Observation"}, ID: "id00007"},
			"type":     {Types: []string{"Observation"}},
			"system":   {Types: allTypes},
		}
		pages := map[string]func(*store.HistoryQuery){
			"first": func(*store.HistoryQuery) {},
			"next": func(q *store.HistoryQuery) {
				q.After = store.HistoryPosition{Time: at, Type: "Observation", ID: "id00100"}
			},
			"previous": func(q *store.HistoryQuery) {
				q.Before = store.HistoryPosition{Time: at, Type: "Observation", ID: "id00100"}
			},
			"since": func(q *store.HistoryQuery) { q.Since = at },
			"at":    func(q *store.HistoryQuery) { q.From, q.To = at, at.Add(time.Second) },
			"far":   func(q *store.HistoryQuery) { q.Offset = 50 },
			"undecided": func(q *store.HistoryQuery) {
				q.Where, q.Decides = map[string]store.Predicate{"Observation": policy}, false
			},
			"by policy": func(q *store.HistoryQuery) {
				q.Where, q.Decides = map[string]store.Predicate{"Observation": policy}, true
			},
			"all decide": func(q *store.HistoryQuery) { q.Decides = true },
		}
		for scope, q := range scopes {
			for page, change := range pages {
				q := q
				q.Project, q.Limit = projects[0], 20
				change(&q)
				statement, plan, err := s.PlanHistory(t.Context(), q)
				if err != nil {
					t.Fatalf("%s, %s: %v", scope, page, err)
				}
				if scans := wholeHistory.FindAllString(plan, -1); len(scans) > len(puttingPage.FindAllString(plan, -1)) {
					t.Errorf("%s, %s: %s\n%.3000s\n%.3000s", scope, page, scans, statement, plan)
				}
				if inOrder := scope != "instance" && page == "first"; inOrder && !strings.Contains(plan, "resource_history_type") {
					t.Errorf("%s, %s: not in the order of an index\n%.3000s", scope, page, plan)
				}
			}
		}
		refs := []store.Ref{{Type: "Observation", ID: "id00007"}, {Type: "Observation", ID: "id00008"}, {Type: "Patient", ID: "id00009"}}
		statement, plan, err := s.PlanLastLive(t.Context(), projects[0], refs)
		if err != nil || regexp.MustCompile(`Seq Scan on resource|SCAN [crn]\b`).MatchString(plan) {
			t.Errorf("what is live: %v\n%s\n%.3000s", err, statement, plan)
		}
	})
}

// versionsForPlans gives each resource two versions that have been superseded.
func versionsForPlans(t *testing.T, s *store.Store) {
	t.Helper()
	for n := range 2 {
		err := s.Run(t.Context(), fmt.Sprintf("INSERT INTO resource_history (project_id, type, id, version, last_updated, deleted, content, meta) "+
			"SELECT project_id, type, id, 'h%d', last_updated - %d, deleted, content, meta FROM resource", n, (n+1)*1000))
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Run(t.Context(), "ANALYZE"); err != nil {
		t.Fatal(err)
	}
}
