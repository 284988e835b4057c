package index

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/admitdev/admit/fhir/definitions"
	"github.com/admitdev/admit/fhir/document"
	"github.com/admitdev/admit/pkg/store"
)

func parse(t testing.TB, s string) *document.Node {
	t.Helper()
	n, err := document.Parse([]byte(s))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// only are the rows of a parameter and of its modifiers.
func only(ix store.Index, param string) store.Index {
	of := func(p string) bool { return p == param || strings.HasPrefix(p, param+":") }
	return store.Index{
		Token:     keep(ix.Token, func(r store.TokenRow) bool { return of(r.Param) }),
		Reference: keep(ix.Reference, func(r store.ReferenceRow) bool { return of(r.Param) }),
		String:    keep(ix.String, func(r store.StringRow) bool { return of(r.Param) }),
		Date:      keep(ix.Date, func(r store.DateRow) bool { return of(r.Param) }),
		Quantity:  keep(ix.Quantity, func(r store.QuantityRow) bool { return of(r.Param) }),
		URI:       keep(ix.URI, func(r store.URIRow) bool { return of(r.Param) }),
	}
}

func keep[T any](rows []T, want func(T) bool) []T {
	var out []T
	for _, r := range rows {
		if want(r) {
			out = append(out, r)
		}
	}
	return out
}

func tokens(rows ...store.TokenRow) store.Index         { return store.Index{Token: rows} }
func references(rows ...store.ReferenceRow) store.Index { return store.Index{Reference: rows} }
func uris(rows ...store.URIRow) store.Index             { return store.Index{URI: rows} }

func dates(t *testing.T, param string, ends ...string) store.Index {
	t.Helper()
	var out store.Index
	for i := 0; i < len(ends); i += 2 {
		row := store.DateRow{Param: param, Low: store.MinDate, High: store.MaxDate}
		if ends[i] != "" {
			row.Low, _, _ = Date(ends[i])
		}
		if ends[i+1] != "" {
			_, row.High, _ = Date(ends[i+1])
		}
		out.Date = append(out.Date, row)
	}
	return out
}

func TestExtract(t *testing.T) {
	sortable := func(s string) string {
		value, _, _, ok := Decimal(s)
		if !ok {
			t.Fatal(s)
		}
		return value
	}
	seventy, seventyThousand, five, seven := sortable("70"), sortable("70000"), sortable("5"), sortable("7")
	for _, tc := range []struct {
		name, resource, param string
		want                  store.Index
	}{
		{
			"identifier: itself, its type", `{"resourceType":"Patient","identifier":[{"system":"urn:s","value":"1","type":{"text":"Record","coding":[{"system":"urn:t","code":"MR"}]}},{"value":"2"}]}`,
			"identifier",
			store.Index{
				Token: []store.TokenRow{
					{Param: "identifier", System: "urn:s", Code: "1"},
					{Param: "identifier:of-type", System: "urn:t", Code: "MR|1"},
					{Param: "identifier", Code: "2"},
				},
				String: []store.StringRow{{Param: "identifier:text", Folded: "record", Exact: "Record"}},
			},
		},
		{
			"CodeableConcept: every coding, its texts", `{"resourceType":"Observation","code":{"coding":[{"system":"http://loinc.org","code":"8480-6","display":"Systolic"},{"code":"x"}],"text":"BP"}}`,
			"code",
			store.Index{
				Token: []store.TokenRow{{Param: "code", System: "http://loinc.org", Code: "8480-6"}, {Param: "code", Code: "x"}},
				String: []store.StringRow{
					{Param: "code:text", Folded: "systolic", Exact: "Systolic"}, {Param: "code:text", Folded: "bp", Exact: "BP"},
				},
			},
		},
		{"code", `{"resourceType":"Patient","gender":"female"}`, "gender", tokens(store.TokenRow{Param: "gender", Code: "female"})},
		{"boolean", `{"resourceType":"Patient","active":false}`, "active", tokens(store.TokenRow{Param: "active", Code: "false"})},
		{"computed: absent", `{"resourceType":"Patient"}`, "deceased", tokens(store.TokenRow{Param: "deceased", Code: "false"})},
		{"computed: dateTime", `{"resourceType":"Patient","deceasedDateTime":"2020"}`, "deceased", tokens(store.TokenRow{Param: "deceased", Code: "true"})},
		{"computed: false", `{"resourceType":"Patient","deceasedBoolean":false}`, "deceased", tokens(store.TokenRow{Param: "deceased", Code: "false"})},
		{
			"where", `{"resourceType":"Patient","telecom":[{"system":"email","value":"a@b"},{"system":"phone","value":"1"}]}`,
			"email", tokens(store.TokenRow{Param: "email", Code: "a@b"}),
		},
		{"tag", `{"resourceType":"User","meta":{"tag":[{"system":"s","code":"c"}]}}`, "_tag", tokens(store.TokenRow{Param: "_tag", System: "s", Code: "c"})},
		{"null and extension only", `{"resourceType":"Patient","name":[{"given":[null,"B"],"_given":[{"extension":[{"url":"u","valueString":"x"}]},null]}]}`, "given",
			store.Index{String: []store.StringRow{{Param: "given", Folded: "b", Exact: "B"}}}},
		{
			"name: what family and given do not have", `{"resourceType":"Patient","name":[{"family":"Müller-Lüdenscheidt","given":["Ana  María"],"prefix":["Dr."]}]}`, "name",
			store.Index{String: []store.StringRow{
				{Param: "name", Folded: "dr.", Exact: "Dr."},
				{Param: "name", Folded: "ana maria muller-ludenscheidt", Exact: "Ana  María Müller-Lüdenscheidt"},
			}},
		},
		{
			"repetition is one row", `{"resourceType":"Patient","name":[{"given":["A","A"]},{"given":["A"]}]}`, "given",
			store.Index{String: []store.StringRow{{Param: "given", Folded: "a", Exact: "A"}}},
		},
		{
			"local reference", `{"resourceType":"Observation","subject":{"reference":"Patient/1/_history/2"}}`, "subject",
			references(store.ReferenceRow{Param: "subject", TargetType: "Patient", TargetID: "1"}),
		},
		{
			"resolve() by type", `{"resourceType":"Observation","subject":{"reference":"Group/1"}}`, "patient", store.Index{},
		},
		{
			"absolute, contained and logical", `{"resourceType":"Observation","contained":[{"resourceType":"Patient","id":"p"}],"subject":{"reference":"#p"},"performer":[{"reference":"https://x.org/Patient/1"},{"identifier":{"system":"s","value":"v"}}]}`,
			"performer",
			store.Index{
				Reference: []store.ReferenceRow{{Param: "performer", URL: "https://x.org/Patient/1"}},
				Token:     []store.TokenRow{{Param: "performer:identifier", System: "s", Code: "v"}},
			},
		},
		{
			"contained is resolved", `{"resourceType":"Observation","contained":[{"resourceType":"Patient","id":"p"}],"subject":{"reference":"#p"}}`, "patient",
			references(store.ReferenceRow{Param: "patient", URL: "#p"}),
		},
		{
			"canonical with version", `{"resourceType":"CarePlan","instantiatesCanonical":["http://x|2"]}`, "instantiates-canonical",
			references(store.ReferenceRow{Param: "instantiates-canonical", URL: "http://x|2"}, store.ReferenceRow{Param: "instantiates-canonical", URL: "http://x"}),
		},
		{
			"inline resource", `{"resourceType":"Bundle","type":"message","entry":[{"resource":{"resourceType":"MessageHeader","id":"m"}},{"resource":{"resourceType":"Patient","id":"p"}}]}`, "message",
			references(store.ReferenceRow{Param: "message", TargetType: "MessageHeader", TargetID: "m"}),
		},
		{
			"type of a reference", `{"resourceType":"ProjectMembership","profile":{"reference":"Practitioner/1"}}`, "profile-type",
			tokens(store.TokenRow{Param: "profile-type", Code: "Practitioner"}),
		},
		{
			"two paths", `{"resourceType":"ProjectMembership","accessPolicy":{"reference":"AccessPolicy/1"},"access":[{"policy":{"reference":"AccessPolicy/2"}},{"policy":{"reference":"AccessPolicy/1"}}]}`, "access-policy",
			references(store.ReferenceRow{Param: "access-policy", TargetType: "AccessPolicy", TargetID: "1"}, store.ReferenceRow{Param: "access-policy", TargetType: "AccessPolicy", TargetID: "2"}),
		},
		{"date", `{"resourceType":"Patient","birthDate":"1970-02"}`, "birthdate", dates(t, "birthdate", "1970-02", "1970-02")},
		{"Period", `{"resourceType":"Encounter","period":{"start":"2020","end":"2021-02-03T04:05:06Z"}}`, "date", dates(t, "date", "2020", "2021-02-03T04:05:06Z")},
		{"open Period", `{"resourceType":"Encounter","period":{"end":"2021"}}`, "date", dates(t, "date", "", "2021")},
		{"empty Period", `{"resourceType":"Encounter","period":{"id":"x"}}`, "date", store.Index{}},
		{"Timing", `{"resourceType":"Observation","effectiveTiming":{"event":["2021","2019-05"]}}`, "date", dates(t, "date", "2019-05", "2021")},
		{"date that is none", `{"resourceType":"Patient","birthDate":"soon"}`, "birthdate", store.Index{}},
		{
			"Quantity", `{"resourceType":"Observation","valueQuantity":{"value":70.0,"unit":"kilo","system":"http://unitsofmeasure.org","code":"kg"}}`, "value-quantity",
			store.Index{Quantity: []store.QuantityRow{
				{Param: "value-quantity", System: "http://unitsofmeasure.org", Code: "kg", Unit: "kilo", Value: seventy, Low: seventy, High: seventy},
				{Param: "value-quantity:ucum", Code: "g", Value: seventyThousand, Low: seventyThousand, High: seventyThousand},
			}},
		},
		{
			"comparator", `{"resourceType":"Observation","valueQuantity":{"value":70.0,"comparator":"<"}}`, "value-quantity",
			store.Index{Quantity: []store.QuantityRow{{Param: "value-quantity", Value: seventy, Low: MinDecimal, High: seventy}}},
		},
		{
			"Range", `{"resourceType":"Condition","onsetRange":{"low":{"value":5,"unit":"a"},"high":{"value":7,"unit":"a"}}}`, "onset-age",
			store.Index{Quantity: []store.QuantityRow{{Param: "onset-age", Unit: "a", Value: five, Low: five, High: seven}}},
		},
		{
			"Money", `{"resourceType":"Invoice","totalNet":{"value":70.0,"currency":"EUR"}}`, "totalnet",
			store.Index{Quantity: []store.QuantityRow{{Param: "totalnet", System: "urn:iso:std:iso:4217", Code: "EUR", Unit: "EUR", Value: seventy, Low: seventy, High: seventy}}},
		},
		{"uri", `{"resourceType":"ValueSet","url":"http://x/Y"}`, "url", uris(store.URIRow{Param: "url", URI: "http://x/Y"})},
		{"source", `{"resourceType":"Patient","meta":{"source":"urn:x"}}`, "_source", uris(store.URIRow{Param: "_source", URI: "urn:x"})},
		{
			"profile with version", `{"resourceType":"Patient","meta":{"profile":["http://p|1"]}}`, "_profile",
			uris(store.URIRow{Param: "_profile", URI: "http://p|1"}, store.URIRow{Param: "_profile", URI: "http://p"}),
		},
		{"columns are no rows", `{"resourceType":"Patient","id":"1"}`, "_id", store.Index{}},
		{"a value of the wrong kind", `{"resourceType":"Patient","birthDate":{"a":1},"gender":["x"],"name":"y"}`, "name", store.Index{}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			doc := parse(t, tc.resource)
			if diff := cmp.Diff(tc.want, only(Extract(doc, doc.Text("resourceType")), tc.param)); diff != "" {
				t.Errorf("%s %s (-want +got):\n%s", tc.resource, tc.param, diff)
			}
		})
	}
}

func TestCompartments(t *testing.T) {
	for _, tc := range []struct {
		name, resource string
		want           []string
	}{
		{"a Patient is in its own", `{"resourceType":"Patient","id":"p"}`, []string{"Patient/p"}},
		{"and in those it links to", `{"resourceType":"Patient","id":"p","link":[{"other":{"reference":"Patient/q"},"type":"seealso"}]}`, []string{"Patient/p", "Patient/q"}},
		{"by subject and performer", `{"resourceType":"Observation","id":"o","subject":{"reference":"Patient/p"},"performer":[{"reference":"Practitioner/d"},{"reference":"Patient/q"}]}`,
			[]string{"Patient/p", "Patient/q", "Practitioner/d"}},
		{"by Medplum's addition", `{"resourceType":"Task","id":"t","for":{"reference":"Patient/p"}}`, []string{"Patient/p"}},
		{"not by another type of target", `{"resourceType":"Observation","subject":{"reference":"Group/p"}}`, nil},
		{"not by another server's patient", `{"resourceType":"Observation","subject":{"reference":"http://x/Patient/p"}}`, nil},
		{"not by a reference that is in no definition", `{"resourceType":"ProjectMembership","profile":{"reference":"Patient/p"}}`, nil},
		{"by account", `{"resourceType":"Medication","meta":{"accounts":[{"reference":"Organization/o"}]}}`, []string{"Organization/o"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			doc := parse(t, tc.resource)
			var got []string
			for _, row := range Compartments(doc, doc.Text("resourceType")) {
				got = append(got, row.TargetType+"/"+row.TargetID)
			}
			slices.Sort(got)
			if !slices.Equal(got, tc.want) {
				t.Errorf("got %v, want %v", got, tc.want)
			}
		})
	}
}

// TestExamplesHaveRows extracts HL7's examples: every parameter type must be found, and no type
// of value may be met that an adder passes over in silence.
func TestExamplesHaveRows(t *testing.T) {
	dir := "../../testdata/hl7"
	if all := os.Getenv("ADMIT_TEST_HL7"); all != "" {
		dir = all
	}
	files, err := filepath.Glob(filepath.Join(dir, "*-*.json"))
	if err != nil || len(files) < 50 {
		t.Fatalf("%d examples: %v", len(files), err)
	}
	var total store.Index
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		doc := parse(t, string(data))
		ix := Extract(doc, doc.Text("resourceType"))
		if again := Extract(doc, doc.Text("resourceType")); !cmp.Equal(ix, again) {
			t.Errorf("%s: two extractions differ", file)
		}
		total.Token = append(total.Token, ix.Token...)
		total.Reference = append(total.Reference, ix.Reference...)
		total.String = append(total.String, ix.String...)
		total.Date = append(total.Date, ix.Date...)
		total.Quantity = append(total.Quantity, ix.Quantity...)
		total.URI = append(total.URI, ix.URI...)
	}
	for name, n := range map[string]int{
		"token": len(total.Token), "reference": len(total.Reference), "string": len(total.String), "date": len(total.Date),
		"quantity": len(total.Quantity), "uri": len(total.URI),
	} {
		if n < 10 {
			t.Errorf("only %d %s rows", n, name)
		}
	}
}

func TestEveryTypeIsExtracted(t *testing.T) {
	for _, name := range definitions.ResourceTypes() {
		Extract(parse(t, `{"resourceType":"`+name+`","id":"x"}`), name)
	}
}

func BenchmarkExtract(b *testing.B) {
	for _, file := range []string{"Patient-example", "Observation-blood-pressure"} {
		b.Run(file, func(b *testing.B) {
			data, err := os.ReadFile("../../testdata/hl7/" + file + ".json")
			if err != nil {
				b.Fatal(err)
			}
			doc := parse(b, string(data))
			Extract(doc, doc.Text("resourceType"))
			b.ReportAllocs()
			for b.Loop() {
				Extract(doc, doc.Text("resourceType"))
			}
		})
	}
}
