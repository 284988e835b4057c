package policy_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/admitdev/admit/fhir/document"
	"github.com/admitdev/admit/fhir/index"
	"github.com/admitdev/admit/fhir/policy"
	"github.com/admitdev/admit/pkg/store"
)

func BenchmarkNarrow(b *testing.B) {
	p := compile(b, subject, `{"resourceType":"Patient","criteria":"Patient?_compartment=%patient"},{"resourceType":"Observation","readonly":true},{"resourceType":"*","criteria":"*?_tag=x"}`)
	b.ReportAllocs()
	for b.Loop() {
		if _, ok := p.Narrow(policy.Search, "Patient"); !ok {
			b.Fatal("not allowed")
		}
	}
}

func BenchmarkCompile(b *testing.B) {
	sources := []policy.Source{{Policy: read(b, `{"resourceType":"Patient","criteria":"Patient?_compartment=%patient"},{"resourceType":"Observation","readonly":true},{"resourceType":"*","criteria":"*?_tag=x"}`)}}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := policy.Compile(sources, subject); err != nil {
			b.Fatal(err)
		}
	}
}

// manyRules are n entries, of as many types as types, with criteria that an Observation of nobody
// meets in the last of them alone.
func manyRules(n int, types ...string) string {
	entries := make([]string, n)
	for i := range entries {
		t := types[i%len(types)]
		entries[i] = fmt.Sprintf(`{"resourceType":%q,"criteria":"%[1]s?_tag=urn:ward|%[2]d"}`, t, i)
	}
	entries[n-1] = `{"resourceType":"Observation","criteria":"Observation?status=final&_compartment=%patient"}`
	return strings.Join(entries, ",")
}

// BenchmarkDecision decides about one resource under 200 rules of which the last grants.
func BenchmarkDecision(b *testing.B) {
	doc, err := document.Parse([]byte(`{"resourceType":"Observation","id":"o","status":"final","code":{"coding":[{"system":"http://loinc.org","code":"1-8"}]},` +
		`"subject":{"reference":"Patient/homer"},"effectiveDateTime":"2020-01-01","valueQuantity":{"value":1,"code":"kg","system":"http://unitsofmeasure.org"}}`))
	if err != nil {
		b.Fatal(err)
	}
	rows := index.Extract(doc, "Observation")
	for _, row := range index.Compartments(doc, "Observation") {
		row.Param = index.CompartmentParam
		rows.Reference = append(rows.Reference, row)
	}
	ref := store.Ref{Project: "p", Type: "Observation", ID: "o"}
	for _, tc := range []struct {
		name  string
		types []string
	}{
		{"of one type", []string{"Observation"}},
		{"of every type", []string{"*"}},
		{"of ten types", []string{"Patient", "Encounter", "Condition", "Procedure", "Observation", "Task", "Claim", "Device", "Location", "Slot"}},
	} {
		b.Run(tc.name, func(b *testing.B) {
			p := compile(b, subject, manyRules(200, tc.types...))
			b.ReportAllocs()
			for b.Loop() {
				if _, ok := p.Rule(policy.Read, ref, time.Time{}, rows); !ok {
					b.Fatal("not allowed")
				}
			}
		})
	}
}
