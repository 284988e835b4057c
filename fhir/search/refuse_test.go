package search_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/admitdev/admit/fhir/search"
	"github.com/admitdev/admit/pkg/outcome"
)

func TestWhatIsNotUnderstoodIsRefused(t *testing.T) {
	for _, tc := range []struct{ query, text string }{
		{"nope=1", "Unknown search parameter: nope"},
		{"nope:exact=1", "Unknown search parameter: nope"},
		{"name:nope=1", "Unknown modifier of search parameter name: nope"},
		{"name:=1", "Unknown modifier of search parameter name: "},
		{"gender:exact=1", "Unknown modifier of search parameter gender: exact"},
		{"birthdate:exact=1", "Unknown modifier of search parameter birthdate: exact"},
		{"organization:Nope=1", "Unknown modifier of search parameter organization: Nope"},
		{"_id:exact=1", "Unknown modifier of search parameter _id: exact"},
		{"gender:in=", "Search parameter gender:in has no value"},
		{"gender:below=male", "The value of gender:below must be system|code"},
		{"gender:above=|male", "The value of gender:above must be system|code"},
		{"gender:in=1,2,3,4,5,6,7,8,9,10,11", "Search asks for too many value sets (max 10)"},
		{"birthdate=yesterday", "Invalid format for date search parameter: yesterday"},
		{"birthdate=2024-13-01", "Invalid format for date search parameter: 2024-13-01"},
		{"birthdate=gt", "Invalid format for date search parameter: gt"},
		{"_lastUpdated=x", "Invalid format for date search parameter: x"},
		{"name=", "Search parameter name has no value"},
		{"name", "Search parameter name has no value"},
		{"family=a,,b", "Search parameter family has an empty value"},
		{"gender=a,", "Invalid value of search parameter gender"},
		{"gender=|", "Invalid value of search parameter gender"},
		{"gender=a|b|c", "Invalid value of search parameter gender"},
		{"identifier:of-type=a|b", "Invalid value of identifier:of-type"},
		{"gender:missing=maybe", "Invalid value of gender:missing: maybe"},
		{"organization:Organization=Patient/1", "Invalid value of organization:Organization: Patient/1"},
		{"_compartment=http://x/y", "Invalid value of _compartment: http://x/y"},
		{"_sort=nope", "Unknown search parameter: nope"},
		{"_sort=", "Invalid value of _sort: "},
		{"_sort=name,-", "Invalid value of _sort: name,-"},
		{"_sort=name,name,name,name,name,name", "Search has too many sort keys (max 5)"},
		{"_sort=_text", "Search parameter _text is not supported"},
		{"_offset=100000", "Search offset exceeds maximum (got 100000, max 10000)"},
		{"_offset=-1", "Invalid value of _offset: -1"},
		{"_count=x", "Invalid value of _count: x"},
		{"_count=1&_count=2", "Search parameter _count is given twice"},
		{"_cursor=x&_offset=1", "Cannot use both offset and cursor"},
		{"_cursor=%21", "Invalid value of _cursor"},
		{"_cursor=e30", "Invalid value of _cursor"},
		{"_total=many", "Invalid value of _total: many"},
		{"_summary=most", "Invalid value of _summary: most"},
		{"_elements=name.family", "Invalid value of _elements: name.family"},
		{"_type=Observation", "Invalid value of _type: Observation"},
		{"_contained=true", "Contained resources are not searched: _contained=true"},
		{"_contained=both", "Contained resources are not searched: _contained=both"},
		{"_containedType=contained", "Search parameter _containedType is not supported"},
		{"_text=x", "Search parameter _text is not supported"},
		{"_content=x", "Search parameter _content is not supported"},
		{"_query=x", "Search parameter _query is not supported"},
		{"_list=$current-problems", "Functional lists are not supported: $current-problems"},
		{"_list:not=x", "Unknown modifier of search parameter _list: not"},
		{"_filter=name", "Invalid value of _filter: it ends too early"},
		{"_filter=name eq", "Invalid value of _filter: it ends too early"},
		{"_filter=name eq a b", `Invalid value of _filter at " b"`},
		{"_filter=name eq \"a", "Invalid value of _filter at \"\\\"a\""},
		{"_filter=(name eq a", "Invalid value of _filter: it ends too early"},
		{"_filter=name eq a)", `Invalid value of _filter at ")"`},
		{"_filter=name[gender eq male] eq a", `Invalid value of _filter at " eq a"`},
		{"_filter=nope eq a", "Unknown search parameter: nope"},
		{"_filter=name[gender eq male].x eq a", "Search parameter name is no reference"},
		{"_filter=name gt a", "The operator gt of _filter is not supported for name"},
		{"_filter=gender ne male", "The operator ne of _filter is not supported for gender"},
		{"_filter=gender co male", "The operator co of _filter is not supported for gender"},
		{"_filter=birthdate co 1980", "The operator co of _filter is not supported for birthdate"},
		{"_filter=birthdate eq gt1980", "Invalid format for date search parameter: gt1980"},
		{"_filter=gender pr maybe", "Invalid value of gender:missing: "},
		{"_filter:not=name eq a", "Unknown modifier of search parameter _filter: not"},
		{"_filter=" + strings.Repeat("(", 11) + "name eq a" + strings.Repeat(")", 11), "Invalid value of _filter: it is too deep (max 10)"},
		{"_filter=" + strings.Repeat("name eq a or ", 50) + "name eq a", "Invalid value of _filter: it has too many terms (max 50)"},
		{"_include=Patient", "Invalid value of _include: Patient"},
		{"_include=Patient:organization:Nope", "Unknown resource type"},
		{"organization:below=Organization/x", "Unknown modifier of search parameter organization: below"},
		{"organization:above=Organization/x", "Unknown modifier of search parameter organization: above"},
		{"organization:text=x", "Unknown modifier of search parameter organization: text"},
		{"_lastUpdated:missing=maybe", "Invalid value of _lastUpdated:missing: maybe"},
		{"_lastUpdated:not=2020", "Unknown modifier of search parameter _lastUpdated: not"},
		{"family=a%5Cb", `Invalid escape in search: a\b`},
		{"family=a%5C", `Invalid escape in search: a\`},
		{"organization=a%5Cb", `Invalid escape in search: a\b`},
		{"name:text=x", "Unknown modifier of search parameter name: text"},
		{"_include:iterate=*", "_include:iterate=* must name the type that refers, as Type:*"},
		{"_revinclude=*", "_revinclude=* must name the type that refers, as Type:*"},
		{"_include=*:*", "Unknown resource type"},
		{"_summary=text&_include=Patient:organization", "_summary=text does not go with _include and _revinclude"},
		{"_revinclude=Observation:subject&_summary=text", "_summary=text does not go with _include and _revinclude"},
		{"_include=Nope:x", "Unknown resource type"},
		{"_include=Patient:nope", "Unknown search parameter of _include: Patient:nope"},
		{"_revinclude:iterate=Observation:nope", "Unknown search parameter of _revinclude:iterate: Observation:nope"},
		{"_include=Patient:name", "Search parameter name is no reference"},
		{"_include:recurse=Patient:organization", "Unknown search parameter: _include"},
		{"name.family=x", "Search parameter name is no reference"},
		{"organization.nope=x", "Unknown search parameter: organization.nope"},
		{"organization:Nope.name=x", "Unknown modifier of search parameter organization: Nope"},
		{"organization:Organization.nope=x", "Unknown search parameter: nope"},
		{"organization.partof.partof.partof.name=x", "Search chain is too deep (max 3)"},
		{"_has:Observation:patient=x", "Unknown search parameter: _has:Observation:patient"},
		{"_has:Nope:patient:code=x", "Unknown resource type"},
		{"_has:Observation:status:code=x", "Search parameter status is no reference"},
		{"name=%", "Invalid percent-encoding in search"},
		{"name=%zz", "Invalid percent-encoding in search"},
		{"name=%ff", "Invalid characters in search"},
		{"name=a%00b", "Invalid characters in search"},
		{"name=" + strings.Repeat("x", 70000), "Search is too long (max 65536 bytes)"},
		{strings.Repeat("name=x&", 41), "Search has too many parameters (max 40)"},
		{strings.Repeat("name=x&", 21), "Search has too many parameters (max 20 that narrow it)"},
		{"name=" + strings.Repeat("x,", 100) + "x", "Search has too many values (max 100 of name)"},
		{"_id=" + strings.Repeat("x,", 2000), "Search has too many values (max 2000)"},
	} {
		_, err := search.Parse([]string{"Patient"}, tc.query, base)
		var o *outcome.Outcome
		if !errors.As(err, &o) || o.Error() != tc.text || o.Code.Status != 400 {
			t.Errorf("%.60s: %v, want %q", tc.query, err, tc.text)
		}
	}
}

func TestOtherTypesAreRefused(t *testing.T) {
	for _, tc := range []struct {
		types       []string
		query, text string
	}{
		{[]string{"Observation"}, "value-quantity=x", "Invalid format for number search parameter: x"},
		{[]string{"Observation"}, "value-quantity=1|urn:x", "Invalid format for quantity search parameter: value-quantity"},
		{[]string{"Observation"}, "code-value-quantity=a", "A value of search parameter code-value-quantity has 2 parts joined by $"},
		{[]string{"Observation"}, "code-value-quantity=a$1$2", "A value of search parameter code-value-quantity has 2 parts joined by $"},
		{[]string{"Observation"}, "code-value-quantity=a$", "Search parameter code-value-quantity has an empty value"},
		{[]string{"Observation"}, "code-value-quantity=a$b", "Invalid format for number search parameter: b"},
		{[]string{"Observation"}, "code-value-quantity:missing=true", "Unknown modifier of search parameter code-value-quantity: missing"},
		{[]string{"Observation"}, "component-code-value-quantity=urn:s|$1", "A system alone is not supported in search parameter component-code-value-quantity"},
		{[]string{"Observation"}, "_sort=code-value-quantity", "Cannot sort by code-value-quantity: it has several values"},
		{[]string{"PlanDefinition"}, "definition:identifier=urn:x|1", "Unknown modifier of search parameter definition: identifier"},
		{[]string{"PlanDefinition"}, "definition:below=http://x/y|1", "definition:below finds every version: a part of one is not supported"},
		{[]string{"Location"}, "near=1|2", "Search parameter near is not supported"},
		{[]string{"Binary"}, "_id=1", "Cannot search on Binary resource type"},
		{[]string{"Nope"}, "", "Unknown resource type"},
		{nil, "", "A search of all types must name them by _type or have a criterion"},
		{nil, "_type=Patient,Nope", "Unknown resource type"},
		{nil, "_type=Patient,Observation&gender=male", "Unknown search parameter: gender"},
		{nil, "_type=Patient,Observation&_sort=status", "Unknown search parameter: status"},
	} {
		if _, err := search.Parse(tc.types, tc.query, base); err == nil || err.Error() != tc.text {
			t.Errorf("%v?%s: %v, want %q", tc.types, tc.query, err, tc.text)
		}
	}
}

// FuzzParse holds that no query string breaks the parser, and that what is accepted compiles.
func FuzzParse(f *testing.F) {
	for _, tc := range rules {
		_, query, _ := strings.Cut(tc.search, "?")
		f.Add(query)
	}
	for _, tc := range chains {
		_, query, _ := strings.Cut(tc.search, "?")
		f.Add(query)
	}
	f.Add(`_sort=-date,_id&_count=3&_total=accurate&_elements=a&_include=Patient:organization&_cursor=eyJhIjpbIiJdfQ`)
	f.Add(`_filter=not (name eq "a\"b") and general-practitioner[name co x].name sw y or birthdate gt 1980`)
	f.Add("%%%&&==;:.|\\,$\\")
	f.Fuzz(func(t *testing.T, query string) {
		for _, types := range [][]string{{"Patient"}, {"Observation"}, nil} {
			r, err := search.Parse(types, query, base)
			var o *outcome.Outcome
			if err != nil {
				if !errors.As(err, &o) || o.Code.Status != 400 {
					t.Fatalf("%q: %v", query, err)
				}
				continue
			}
			if err := r.Resolve(terms{}); err != nil {
				continue
			}
			q, err := r.Query([]string{project}, everything)
			if err != nil || len(q.Types) == 0 || q.Limit > 1001 {
				t.Fatalf("%q: %+v, %v", query, q, err)
			}
		}
	})
}

func BenchmarkParse(b *testing.B) {
	for _, bc := range []struct{ name, query string }{
		{"token", "identifier=urn:mrn|1"},
		{"several", "name=ana&birthdate=ge1980&gender=female,male&_sort=-birthdate&_count=50"},
		{"chain", "organization.name=acme"},
	} {
		b.Run(bc.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := search.Parse([]string{"Patient"}, bc.query, base); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
