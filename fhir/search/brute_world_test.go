package search_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"
)

// object is a resource or element as encoding/json reads it, numbers as spelled.
type object = map[string]any

// bruteWorld is resources that were made at random, and the dice that made them.
type bruteWorld struct {
	*rand.Rand
	resources []object
	updated   map[string]time.Time // by type/id
}

const bruteSize = 12 // resources of each of the larger types

func newBruteWorld(seed uint64) *bruteWorld {
	w := &bruteWorld{Rand: rand.New(rand.NewPCG(seed, 1)), updated: map[string]time.Time{}}
	for i := range bruteSize / 3 {
		w.add("Organization", i, w.organization)
		w.add("Practitioner", i, w.practitioner)
		w.add("ValueSet", i, w.valueSet)
	}
	for i := range bruteSize {
		w.add("Patient", i, w.patient)
		w.add("RiskAssessment", i, w.riskAssessment)
		w.add("Encounter", i, w.encounter)
	}
	for i := range 2 * bruteSize {
		w.add("Observation", i, w.observation)
	}
	return w
}

func (w *bruteWorld) add(resourceType string, i int, fill func(object)) {
	r := object{"resourceType": resourceType, "id": fmt.Sprintf("%s%d", strings.ToLower(resourceType[:2]), i)}
	fill(r)
	w.maybe(5, func() { r["language"] = pick(w, "en", "de") })
	meta := object{}
	w.maybe(2, func() { meta["tag"] = []any{w.coding()} })
	w.maybe(3, func() { meta["profile"] = []any{w.url()} })
	w.maybe(3, func() { meta["source"] = w.url() })
	if len(meta) > 0 {
		r["meta"] = meta
	}
	w.resources = append(w.resources, r)
	at := time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(w.IntN(5)) * 700 * time.Millisecond)
	w.updated[resourceType+"/"+r["id"].(string)] = at
}

// maybe acts once in n times.
func (w *bruteWorld) maybe(n int, act func()) {
	if w.IntN(n) == 0 {
		act()
	}
}

// often acts three times of four.
func (w *bruteWorld) often(act func()) {
	if w.IntN(4) > 0 {
		act()
	}
}

func pick[T any](w *bruteWorld, from ...T) T { return from[w.IntN(len(from))] }

func several[T any](w *bruteWorld, one func() T) []any {
	var out []any
	for range 1 + w.IntN(2) {
		out = append(out, one())
	}
	return out
}

// oddStrings have cases, accents composed and combining, other scripts, spaces, and every character that means
// something in a search or in SQL.
var oddStrings = []string{
	"Ana", "ana", "ANA", "Ána", "A\u0301na", "Anaïs", "Müller", "MULLER", "Mu\u0308ller", "Straße", "STRASSE", "O'Neil", "de la  Cruz", "De La Cruz",
	"Пётр", "петр", "山田", "a,b", "a|b", "a$b", `a\b`, "50%", "x_y", "Ωmega", "ωMEGA", "ﬁn", "ＡＢ", "Łódź", "e\u0301e\u0301", "É", "anab", "null", "😀x",
}

func (w *bruteWorld) text() string { return pick(w, oddStrings...) }

var (
	bruteCodes   = []string{"a", "A", "b", "1", "a|b", "a,b", "x$y", `q\r`}
	bruteSystems = []string{"http://loinc.org", "urn:s", "urn:S"}
)

func (w *bruteWorld) code() string { return pick(w, bruteCodes...) }

func (w *bruteWorld) system() string { return pick(w, bruteSystems...) }

func (w *bruteWorld) url() string {
	return pick(w, "http://a.org/x", "http://a.org/x/", "http://a.org/X", "http://a.org/x/y", "http://a.org", "urn:oid:1.2", "http://a.org/x,y")
}

func (w *bruteWorld) coding() object {
	c := object{"code": w.code()}
	w.often(func() { c["system"] = w.system() })
	w.maybe(3, func() { c["display"] = w.text() })
	return c
}

func (w *bruteWorld) concept() object {
	c := object{}
	w.maybe(3, func() { c["text"] = w.text() })
	if len(c) == 0 || w.IntN(3) > 0 {
		c["coding"] = several(w, w.coding)
	}
	return c
}

func (w *bruteWorld) identifier() object {
	i := object{"value": w.code()}
	w.often(func() { i["system"] = w.system() })
	w.maybe(3, func() { i["type"] = w.concept() })
	return i
}

// date is a date or dateTime of any precision, in any zone.
func (w *bruteWorld) date(toDay bool) string {
	at := time.Date(2019+w.IntN(2), time.Month(1+w.IntN(3)*11/2), 1+w.IntN(2)*27, w.IntN(2)*23, w.IntN(2)*59, w.IntN(3)*29, w.IntN(3)*123_400_000, time.UTC)
	if !toDay && w.IntN(2) == 0 {
		return at.Format(pick(w, "2006-01-02T15:04:05", "2006-01-02T15:04:05.999", "2006-01-02T15:04:05.000")) + pick(w, "Z", "+05:30", "-03:00", "+14:00")
	}
	return at.Format(pick(w, "2006", "2006-01", "2006-01-02"))
}

func (w *bruteWorld) period() object {
	p := object{}
	for len(p) == 0 {
		from, to := w.date(false), w.date(false)
		if span(from).low > span(to).low {
			from, to = to, from
		}
		w.often(func() { p["start"] = from })
		w.often(func() { p["end"] = to })
	}
	return p
}

func (w *bruteWorld) number() json.Number {
	return json.Number(pick(w, "0", "1", "1.0", "1.00", "0.5", "0.50", "2", "-1", "-1.5", "100", "99.5", "100.4", "100.49", "1e1", "12345678901234567890.5", "0.005", "1000", "5"))
}

func (w *bruteWorld) quantity() object {
	q := object{"value": w.number()}
	switch w.IntN(4) {
	case 0:
		q["system"], q["code"], q["unit"] = "urn:u", pick(w, "mg", "box"), "box"
	case 1, 2:
		q["system"], q["code"] = ucumSystem, pick(w, "mg", "g", "kg")
		w.maybe(2, func() { q["unit"] = pick(w, "milligram", "mg") })
	}
	return q
}

func (w *bruteWorld) reference(resourceType string) object {
	id := fmt.Sprintf("%s%d", strings.ToLower(resourceType[:2]), w.IntN(bruteSize/3+1))
	switch w.IntN(8) {
	case 0:
		return object{"identifier": object{"system": w.system(), "value": w.code()}}
	case 1:
		return object{"reference": "http://other.org/fhir/" + resourceType + "/" + id}
	case 2:
		return object{"reference": base + resourceType + "/" + id}
	case 3:
		return object{"reference": resourceType + "/" + id, "identifier": object{"value": w.code()}}
	}
	return object{"reference": resourceType + "/" + id}
}

func (w *bruteWorld) name() object {
	n := object{}
	w.often(func() { n["family"] = w.text() })
	w.often(func() { n["given"] = several(w, w.text) })
	w.maybe(4, func() { n["prefix"] = []any{w.text()} })
	w.maybe(4, func() { n["text"] = w.text() })
	return n
}

func (w *bruteWorld) patient(r object) {
	w.often(func() { r["name"] = several(w, w.name) })
	w.often(func() { r["birthDate"] = w.date(true) })
	w.often(func() { r["gender"] = pick(w, "male", "female", "other") })
	w.maybe(2, func() { r["active"] = w.IntN(2) == 0 })
	w.maybe(2, func() { r["deceasedDateTime"] = w.date(false) })
	w.often(func() { r["identifier"] = several(w, w.identifier) })
	w.maybe(2, func() {
		r["address"] = []any{object{"city": w.text(), "line": []any{w.text()}}}
	})
	w.maybe(2, func() {
		r["telecom"] = []any{object{"system": pick(w, "phone", "email"), "value": pick(w, "a@B.org", "a@b.org", "1", "+49 1")}}
	})
	w.often(func() {
		r["generalPractitioner"] = several(w, func() object { return w.reference(pick(w, "Practitioner", "Organization")) })
	})
	w.maybe(2, func() { r["managingOrganization"] = w.reference("Organization") })
}

func (w *bruteWorld) practitioner(r object) { w.often(func() { r["name"] = several(w, w.name) }) }

func (w *bruteWorld) organization(r object) {
	r["name"] = w.text()
	w.maybe(2, func() { r["partOf"] = w.reference("Organization") })
}

func (w *bruteWorld) valueSet(r object) {
	r["status"] = pick(w, "active", "draft")
	w.often(func() { r["url"] = w.url() })
}

func (w *bruteWorld) riskAssessment(r object) {
	r["status"], r["subject"] = "final", w.reference("Patient")
	w.often(func() {
		r["prediction"] = several(w, func() object { return object{"probabilityDecimal": w.number()} })
	})
}

func (w *bruteWorld) encounter(r object) {
	r["status"], r["class"] = "finished", w.coding()
	w.often(func() { r["period"] = w.period() })
	w.often(func() { r["subject"] = w.reference("Patient") })
}

func (w *bruteWorld) observation(r object) {
	r["status"], r["code"] = pick(w, "final", "amended"), w.concept()
	w.often(func() { r["subject"] = w.reference("Patient") })
	w.maybe(2, func() { r["category"] = several(w, w.concept) })
	switch w.IntN(3) {
	case 0:
		r["effectiveDateTime"] = w.date(false)
	case 1:
		r["effectivePeriod"] = w.period()
	}
	switch w.IntN(4) {
	case 0, 1:
		r["valueQuantity"] = w.quantity()
	case 2:
		r["valueString"] = w.text()
	case 3:
		r["valueCodeableConcept"] = w.concept()
	}
	w.maybe(2, func() {
		r["component"] = several(w, func() object { return object{"code": w.concept(), "valueQuantity": w.quantity()} })
	})
}
