package search_test

import (
	"errors"
	"net/url"
	"strings"
	"testing"

	"github.com/admitdev/admit/fhir/index"
	"github.com/admitdev/admit/fhir/search"
	"github.com/admitdev/admit/pkg/outcome"
	"github.com/admitdev/admit/pkg/store"
)

// wantRefusal holds that an error is the client's fault and says so.
func wantRefusal(t *testing.T, input string, err error) {
	t.Helper()
	var o *outcome.Outcome
	if !errors.As(err, &o) || o.Code.Status != 400 {
		t.Fatalf("%q: %v", input, err)
	}
}

// size counts the predicates of p.
func size(p store.Predicate) int {
	n := 1
	switch p := p.(type) {
	case store.And:
		for _, part := range p {
			n += size(part)
		}
	case store.Or:
		for _, part := range p {
			n += size(part)
		}
	case store.Not:
		n += size(p.Of)
	case store.Chain:
		n += size(p.Of)
	case store.Has:
		n += size(p.Of)
	}
	return n
}

// fuzzParameter holds that a value of the parameter is refused or compiles to a bounded predicate,
// which decides about the fixtures without breaking.
func fuzzParameter(f *testing.F, resourceType, name string, seeds ...string) {
	for _, seed := range seeds {
		f.Add(seed)
	}
	writes := stored(f)
	f.Fuzz(func(t *testing.T, value string) {
		r, err := search.Parse([]string{resourceType}, name+"="+url.QueryEscape(value), base)
		if err != nil {
			wantRefusal(t, value, err)
			return
		}
		if r.Resolve(terms{}) != nil {
			return
		}
		q := queryOf(t, r)
		if n := size(q.Where); n > 20_000 {
			t.Fatalf("%d predicates of %d bytes", n, len(value))
		}
		for _, w := range writes {
			search.Match(q.Where, w.Ref, w.LastUpdated, w.Index)
		}
	})
}

func FuzzFilter(f *testing.F) {
	fuzzParameter(f, "Observation", "_filter", `code eq http://loinc.org|8867-4 and not (value-quantity gt 5||mg)`,
		`subject[gender eq male].name co "a\"b" or date po 2024`, `((code in http://example.org/vitals))`, `_id eq a and _lastUpdated ge 2024`,
		`patient.organization.name sw x`, `code pr true`, `not`, `a[b eq c`, "\x00 eq \x00", `combo-code ss s|c`)
}

func FuzzQuantity(f *testing.F) {
	fuzzParameter(f, "Observation", "value-quantity", "5.4|http://unitsofmeasure.org|mg", "ap-1e-3||kg", "ne0", "gt98.6|http://unitsofmeasure.org|[degF]",
		"le1e200|http://unitsofmeasure.org|Ym60", "1||", "1|a", "--1", `1|a\|b|c,2`, "1e999999999|http://unitsofmeasure.org|g")
}

func FuzzComposite(f *testing.F) {
	fuzzParameter(f, "Observation", "combo-code-value-quantity", "http://loinc.org|8480-6$gt120|http://unitsofmeasure.org|mm[Hg]", "a$1,b$2", `a\$b$1`, "$", "a$b$c", "|a$1", "s|$1")
}

func FuzzDate(f *testing.F) {
	fuzzParameter(f, "Observation", "date", "2024", "ge2024-02-30", "sa2024-01-01T00:00:00.123456+14:00", "ap0000", "eq9999-12-31T23:59:60Z", "gt")
}

func FuzzReference(f *testing.F) {
	fuzzParameter(f, "Observation", "subject", "Patient/1", "1", base+"Patient/1/_history/2", "http://x|1", "urn:uuid:x", "Patient/", "//", `a\,b,c`)
}

func FuzzToken(f *testing.F) {
	fuzzParameter(f, "Patient", "gender", "male", "http://hl7.org/fhir/administrative-gender|male", "|", "a|b|c", `\||a`, ",")
}

// FuzzCriteria holds that a criteria that is read can be compiled or is refused, and that its text
// means the same.
func FuzzCriteria(f *testing.F) {
	for _, seed := range []string{
		"Patient?_compartment=%patient", "Observation?code=http://loinc.org|8867-4&status:not=%x", "*?_tag=%a,%b.id", "Patient?_filter=name co %patient.id",
		"Patient?identifier=%C3%A9%41", "Patient?name=%%", "Patient?organization.name=x",
	} {
		f.Add(seed, "Patient/1,2|$\\")
	}
	f.Fuzz(func(t *testing.T, text, value string) {
		bind := func(string) (string, error) { return value, nil }
		read, err := search.ReadCriteria(text)
		if err != nil {
			wantRefusal(t, text, err)
			return
		}
		of, err := read.Compile(bind)
		if err != nil {
			wantRefusal(t, text, err)
			return
		}
		if again, err := search.ReadCriteria(read.Text(bind)); err == nil {
			if same, err := again.Compile(bind); err == nil && size(same) != size(of) {
				t.Fatalf("%q with %q: %d predicates, its text %q has %d", text, value, size(of), read.Text(bind), size(same))
			}
		}
	})
}

// FuzzLiteral holds that a literal reference is local or a URL, never both or neither.
func FuzzLiteral(f *testing.F) {
	for _, seed := range []string{"Patient/1", "Patient/1/_history/2", "http://x/Patient/1", "#a", "Nope/1", ""} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		row := index.Literal("p", text)
		local := row.TargetType != "" && row.TargetID != "" && row.URL == ""
		remote := row.TargetType == "" && row.TargetID == "" && row.URL == text
		if local == remote || local && !strings.HasPrefix(text, row.TargetType+"/"+row.TargetID) {
			t.Fatalf("%q: %+v", text, row)
		}
	})
}
