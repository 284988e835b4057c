package differential_test

import (
	"encoding/csv"
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// matching is what a search of types by conditions must give, and whether it is refused.
func (e *eyes) matching(types []string, terms []term, uses ...use) (found []*resource, refused bool) {
	for _, t := range terms {
		uses = append(uses, t.uses...)
	}
	refused = true
	for _, kind := range types {
		if !e.granted("search", kind) {
			continue
		}
		refused = false
		for _, r := range e.findable(kind) {
			if !slices.ContainsFunc(terms, func(t term) bool { return !t.holds(e, r, r.live()) }) {
				found = append(found, r)
			}
		}
	}
	return found, refused || e.tells(uses)
}

// terms are some conditions of a type, spelled as a query.
func (w *world) terms(kind string, n, depth int) (terms []term, query []string) {
	for range n {
		t := w.term(kind, depth)
		terms, query = append(terms, t), append(query, t.String())
	}
	return terms, query
}

// search draws a search of a type, of several, or of a compartment.
func (e *eyes) search() request {
	kind := pick(e.world, searchable...)
	q := request{method: http.MethodGet, path: "/" + kind, statuses: []int{http.StatusOK}}
	types, within := []string{kind}, ""
	terms, query := e.terms(kind, e.IntN(3), 2)
	var uses []use
	switch e.IntN(6) {
	case 0:
		other := pick(e.world, searchable...)
		t := e.plain("Binary")
		t.uses = nil
		types, terms, query, q.path = distinct(kind, other), []term{t}, []string{t.String()}, ""
		query = append(query, "_type="+strings.Join(types, ","))
		for _, one := range types {
			if strings.HasPrefix(t.name, "_compartment") {
				uses = append(uses, use{one, compartmentPaths[one]})
			} else if strings.HasPrefix(t.name, "_tag") {
				uses = append(uses, use{one, [][]string{{"meta", "tag", "code"}}})
			}
		}
	case 1:
		if kind != "Encounter" && kind != "Observation" {
			break
		}
		patient := e.some("Patient").name()
		within, q.path = patient, "/"+patient+"/"+kind
		uses = append(uses, use{kind, compartmentPaths[kind]})
	}
	var includes []include
	if types[0] == kind && len(types) == 1 {
		includes = e.includes(kind)
	}
	for _, i := range includes {
		query = append(query, i.String())
		uses = append(uses, use{i.source, i.param.reads})
	}
	if e.chance(5) && len(types) == 1 {
		p := pick(e.world, params[kind]...)
		if len(p.targets) == 0 {
			query, uses = append(query, "_sort="+p.code), append(uses, use{kind, p.reads})
		}
	}
	found, refused := e.matching(types, terms, uses...)
	if within != "" {
		found = slices.DeleteFunc(found, func(r *resource) bool { return !slices.Contains(compartments(r, r.live()), within) })
	}
	e.wantFound(&q, found, e.included(found, includes), query)
	if refused {
		q.statuses, q.shown, q.versions = []int{http.StatusForbidden}, nil, nil
	}
	return q
}

func distinct(a, b string) []string {
	if a == b {
		return []string{a}
	}
	return []string{a, b}
}

// wantFound finishes a search: how much of its results is asked for, and what must come.
func (e *eyes) wantFound(q *request, found, included []*resource, query []string) {
	want := map[string]object{}
	e.see(q, want, found)
	e.see(q, want, included)
	count, total, part := 1000, false, []string(nil)
	switch e.IntN(8) {
	case 0:
		count, included = 2, nil // which of them are included is for their page to say
	case 1, 2:
		query, total = append(query, "_total=accurate"), true
	case 3:
		query, count, total = append(query, "_summary=count"), 0, true
	case 4:
		part = []string{"active", "name", "subject", "value"}
		query = append(query, "_elements="+strings.Join(part, ","))
	case 5:
		part = []string{}
		summaries := []string{"true", "data", "text"}
		if strings.Contains(strings.Join(query, "&"), "include") { // with which the text alone is refused
			summaries = summaries[:2]
		}
		query = append(query, "_summary="+pick(e.world, summaries...))
	}
	if count > 0 {
		query = append(query, fmt.Sprintf("_count=%d", count))
	}
	if q.path == "" || !e.chance(3) {
		q.path += "?" + strings.Join(query, "&")
	} else {
		q.method, q.path, q.body, q.header = http.MethodPost, q.path+"/_search", strings.Join(query, "&"), http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}
	}
	q.check = func(a answer) string {
		return checkFound(parse(a.body), want, len(found), len(included), count, total, part)
	}
}

// see has the caller see resources as a search shows them.
func (e *eyes) see(q *request, want map[string]object, found []*resource) {
	for _, r := range found {
		seen := e.shown("search", r, r.live())
		want[r.name()] = seen
		q.shown, q.versions = append(q.shown, seen), append(q.versions, r.now().id, r.id)
	}
}

func checkFound(bundle object, want map[string]object, found, included, count int, total bool, part []string) string {
	got := map[string]int{}
	for _, entry := range at(bundle, "entry") {
		name := strings.TrimPrefix(fmt.Sprint(entry.(object)["fullUrl"]), base)
		got[fmt.Sprint(at(entry, "search", "mode")[0])]++
		body, ok := want[name]
		if !ok {
			return name + " is found and should not be"
		}
		if fault := partOf(unstamped(entry.(object)["resource"].(object)), body, part); fault != "" {
			return name + ": " + fault
		}
	}
	switch {
	case got["match"] != min(found, count):
		return fmt.Sprintf("%d are found and should be %d: %s", got["match"], min(found, count), text(want))
	case got["include"] != included && count == 1000:
		return fmt.Sprintf("%d are included and should be %d: %s", got["include"], included, text(want))
	case total && bundle["total"] != float64(found):
		return fmt.Sprintf("the total is %v and should be %d", bundle["total"], found)
	case count > 0 && has(bundle, "next", "link", "relation") != (found > count):
		return fmt.Sprintf("%d are found, and the next page is not there or should not be", found)
	}
	return ""
}

// partOf checks a document, of which elements (nil for all) were asked for.
func partOf(got, want object, elements []string) string {
	if elements == nil {
		if !same(got, want) {
			return fmt.Sprintf("it is %s\nand should be %s", text(got), text(want))
		}
		return ""
	}
	for name, value := range got {
		if name != "meta" && !same(object{"x": value}, object{"x": want[name]}) {
			return fmt.Sprintf("%s is %s\nand should be %s", name, text(value), text(want[name]))
		}
	}
	for _, name := range elements {
		if want[name] != nil && got[name] == nil {
			return name + " is missing"
		}
	}
	return ""
}

// include is an _include or _revinclude.
type include struct {
	source           string
	param            param
	reverse, iterate bool
}

func (i include) String() string {
	name := "_include"
	if i.reverse {
		name = "_revinclude"
	}
	if i.iterate {
		name += ":iterate"
	}
	return name + "=" + i.source + ":" + i.param.code
}

func (e *eyes) includes(kind string) (all []include) {
	for range e.IntN(2) * e.IntN(3) {
		i := include{source: pick(e.world, kind, pick(e.world, searchable...)), reverse: e.chance(2), iterate: e.chance(2)}
		if len(leading(i.source)) > 0 {
			i.param = pick(e.world, leading(i.source)...)
			all = append(all, i)
		}
	}
	return all
}

// included follows references between resources that the caller may find, five times at most.
func (e *eyes) included(found []*resource, includes []include) (all []*resource) {
	from := found
	for depth := range 5 {
		var reached []*resource
		for _, i := range includes {
			if depth > 0 && !i.iterate {
				continue
			}
			for _, r := range from {
				reached = append(reached, e.next(r, i)...)
			}
		}
		from = nil
		for _, r := range reached {
			if !slices.Contains(found, r) && !slices.Contains(all, r) {
				all, from = append(all, r), append(from, r)
			}
		}
	}
	return all
}

func (e *eyes) next(r *resource, i include) (reached []*resource) {
	if !i.reverse {
		for _, kind := range i.param.targets {
			for _, t := range e.findable(kind) {
				if r.kind == i.source && i.param.leadsTo(t.name())(r, r.live()) {
					reached = append(reached, t)
				}
			}
		}
		return reached
	}
	for _, s := range e.findable(i.source) {
		if i.param.leadsTo(r.name())(s, s.live()) {
			reached = append(reached, s)
		}
	}
	return reached
}

// everything is a patient's compartment with the practitioners and organizations that it leans on.
func (e *eyes) everything() request {
	_, id, r := e.any("Patient")
	q := request{method: http.MethodGet, path: "/Patient/" + id + "/$everything", statuses: []int{e.reading("read", "Patient", r)}}
	if q.statuses[0] != http.StatusOK {
		return q
	}
	types := []string{"Patient", "Encounter", "Observation", "List"}
	var uses []use
	for _, kind := range types {
		uses = append(uses, use{kind, compartmentPaths[kind]})
	}
	found, refused := e.matching(append(types, "Condition"), nil, uses...) // Condition stands for all other types
	if refused {
		q.statuses[0] = http.StatusForbidden
		return q
	}
	found = slices.DeleteFunc(found, func(of *resource) bool { return !slices.Contains(compartments(of, of.live()), r.name()) })
	var leaned []*resource
	for _, kind := range []string{"Practitioner", "Organization"} {
		for _, target := range e.findable(kind) {
			if slices.ContainsFunc(found, func(of *resource) bool { return e.pointsAt(of, target) }) {
				leaned = append(leaned, target)
			}
		}
	}
	want := map[string]object{}
	e.see(&q, want, found)
	e.see(&q, want, leaned)
	q.check = func(a answer) string {
		return checkFound(parse(a.body), want, len(found), len(leaned), 1000, false, nil)
	}
	return q
}

// pointsAt says whether what the caller sees of a resource refers to another.
func (e *eyes) pointsAt(r, target *resource) bool {
	return slices.ContainsFunc(leading(r.kind), func(p param) bool { return p.leadsTo(target.name())(r, e.shown("search", r, r.live())) })
}

// graph is a patient with its practitioners and the observations that refer to it.
func (e *eyes) graph() request {
	_, id, r := e.any("Patient")
	q := request{method: http.MethodGet, path: "/Patient/" + id + "/$graph?graph=Care", statuses: []int{e.reading("read", "Patient", r)}}
	if q.statuses[0] == http.StatusOK && !e.allowed("search", e.of("GraphDefinition")[0]) {
		q.statuses[0] = http.StatusNotFound
	}
	if q.statuses[0] != http.StatusOK {
		return q
	}
	seen := e.shown("read", r, r.live())
	want := map[string]object{r.name(): seen}
	q.shown, q.versions = []object{seen}, []string{r.now().id}
	var reached []*resource
	for _, kind := range []string{"Practitioner", "Organization"} {
		for _, t := range e.findable(kind) {
			if has(seen, t.name(), "generalPractitioner", "reference") {
				reached = append(reached, t)
			}
		}
	}
	if !e.tells([]use{{"Observation", [][]string{{"subject"}}}}) {
		for _, o := range e.findable("Observation") {
			if has(o.live(), r.name(), "subject", "reference") {
				reached = append(reached, o)
			}
		}
	}
	e.see(&q, want, reached)
	q.check = func(a answer) string {
		entries := at(parse(a.body), "entry")
		for _, entry := range entries {
			name := strings.TrimPrefix(fmt.Sprint(entry.(object)["fullUrl"]), base)
			if body, ok := want[name]; !ok || !same(unstamped(entry.(object)["resource"].(object)), body) {
				return fmt.Sprintf("%s in the graph should be %s", name, text(body))
			}
		}
		if len(entries) != len(want) {
			return fmt.Sprintf("%d in the graph should be %s", len(entries), text(want))
		}
		return ""
	}
	return q
}

// table is a search answered as a table.
func (e *eyes) table() request {
	kind := pick(e.world, searchable...)
	terms, query := e.terms(kind, e.IntN(2), 1)
	columns := map[string]string{"Patient": "identifier,name,gender", "Observation": "status,note,subject", "Encounter": "status,reasonCode", "Practitioner": "name", "Organization": "name,partOf", "List": "title,entry"}
	query = append(query, "_fields=id,"+columns[kind])
	q := request{method: http.MethodGet, path: "/" + kind + "/$csv?" + strings.Join(query, "&"), statuses: []int{http.StatusOK}}
	found, refused := e.matching([]string{kind}, terms)
	if refused {
		q.statuses[0] = http.StatusForbidden
		return q
	}
	e.see(&q, map[string]object{}, found)
	q.check = func(a answer) string {
		lines, err := csv.NewReader(strings.NewReader(string(a.body))).ReadAll()
		if err != nil || len(lines) != len(found)+1 {
			return fmt.Sprintf("%d lines for %d resources: %v", len(lines), len(found), err)
		}
		for _, r := range found {
			if !slices.ContainsFunc(lines, func(line []string) bool { return line[0] == r.id }) {
				return r.name() + " is not in the table"
			}
		}
		return ""
	}
	return q
}
