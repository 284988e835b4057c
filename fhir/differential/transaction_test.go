package differential_test

import (
	"net/http"
	"slices"
	"strings"
)

// This file is what a transaction is to make of a patient and of what comes into his compartment with him: the
// same in whatever order, as if he had been written first.

const newPatient = "urn:uuid:00000000-0000-4000-8000-000000000001"

// together draws a transaction of a patient, new or changed, and something that is about him.
func (e *eyes) together() request {
	if e.who.CheckReferences { // one that comes before its target is refused
		return e.write()
	}
	kind := pick(e.world, "Encounter", "Observation")
	body, patient := e.draw(kind), e.draw("Patient")
	_, id, r := e.any("Patient")
	if e.chance(2) || r == nil || r.deleted() || e.target("update", "Patient", r) != 0 {
		id, r = "new", nil
	} else {
		patient = clone(r.live())
		patient["id"] = id
	}
	if e.setsAccounts() || e.chance(4) {
		withAccounts(patient, e.accounts())
	}
	body["subject"] = object{"reference": newPatient}
	entries := []any{transacted(http.MethodPost, kind, "", body), transacted(http.MethodPost, "Patient", newPatient, patient)}
	if r != nil {
		body["subject"] = object{"reference": "Patient/" + id}
		entries[1] = transacted(http.MethodPut, "Patient/"+id, "", patient)
	}
	if e.chance(2) {
		slices.Reverse(entries)
	}
	q := request{method: http.MethodPost, path: "", body: text(object{"resourceType": "Bundle", "type": "transaction", "entry": entries})}
	e.wantTogether(&q, kind, clone(body), clone(patient), r)
	return q
}

func transacted(method, url, fullURL string, resource object) object {
	entry := object{"request": object{"method": method, "url": url}, "resource": resource}
	if fullURL != "" {
		entry["fullUrl"] = fullURL
	}
	return entry
}

// wantTogether says what comes of it. The id of a new patient is known when the answer is there.
func (e *eyes) wantTogether(q *request, kind string, body, patient object, r *resource) {
	made := r
	var stored object
	var refused []int
	if r == nil {
		made = &resource{project: e.own, kind: "Patient", id: "new"}
		stored, refused = e.created("Patient", patient)
	} else {
		stored, refused = e.updated(r, patient)
	}
	if refused != nil {
		q.statuses = slices.Concat(refused, invalid) // what is about the patient may be refused as well
		return
	}
	about := func() (object, []int) {
		body["subject"] = object{"reference": made.name()}
		defer func(resources []*resource, versions []version) { e.resources, made.versions = resources, versions }(e.resources, made.versions)
		if made.versions = append(slices.Clone(made.versions), version{body: stored}); r == nil {
			e.resources = append(slices.Clone(e.resources), made)
		}
		return e.created(kind, clone(body))
	}
	if _, q.statuses = about(); q.statuses != nil {
		return
	}
	q.statuses = []int{http.StatusOK}
	q.done = func(a answer) string {
		ids := map[string]string{}
		for _, location := range at(parse(a.body), "entry", "response", "location") {
			steps := strings.Split(location.(string), "/") // Type/id/_history/version
			ids[steps[0]] = steps[1]
		}
		if made.id = ids["Patient"]; made.id == "" || ids[kind] == "" {
			return "no id"
		}
		came, _ := about()
		came["id"], stored["id"] = ids[kind], made.id
		if r == nil || !same(stored, r.live()) {
			made.versions = append(made.versions, version{body: stored})
		}
		if r == nil {
			e.resources = append(e.resources, made)
		}
		e.resources = append(e.resources, &resource{project: e.own, kind: kind, id: ids[kind], versions: []version{{body: came}}})
		return ""
	}
}
