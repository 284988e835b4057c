package index

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/admitdev/admit/fhir/definitions"
	"github.com/admitdev/admit/pkg/store"
)

// TestUnions names the parameters of all types whose values are indexed as others': a part that had other
// values than the whole would make it find too much.
func TestUnions(t *testing.T) {
	var got []string
	for _, resourceType := range definitions.ResourceTypes() {
		for _, p := range definitions.SearchParams(resourceType) {
			if u := UnionOf(resourceType, p); len(u.Parts) > 0 {
				got = append(got, resourceType+" "+p.Code+" = "+strings.Join(Codes(resourceType, p), " "))
			}
		}
	}
	want := []string{
		"CapabilityStatement version = fhirversion",
		"InsurancePlan address = address address-city address-country address-postalcode address-state",
		"Location address = address address-city address-country address-postalcode address-state",
		"Observation combo-code = code component-code",
		"Observation combo-data-absent-reason = component-data-absent-reason data-absent-reason",
		"Observation combo-value-concept = component-value-concept value-concept",
		"Observation combo-value-quantity = component-value-quantity value-quantity",
		"Observation gene-amino-acid-change = amino-acid-change",
		"Observation gene-dnavariant = dna-variant",
		"Organization address = address address-city address-country address-postalcode address-state",
		"OrganizationAffiliation telecom = telecom email phone",
		"Patient address = address address-city address-country address-postalcode address-state",
		"Patient name = name family given",
		"Patient phonetic = name family given",
		"Patient telecom = telecom email phone",
		"Person address = address address-city address-country address-postalcode address-state",
		"Person phonetic = name",
		"Person telecom = telecom email phone",
		"Practitioner address = address address-city address-country address-postalcode address-state",
		"Practitioner name = name family given",
		"Practitioner phonetic = name family given",
		"Practitioner telecom = telecom email phone",
		"PractitionerRole telecom = telecom email phone",
		"RelatedPerson address = address address-city address-country address-postalcode address-state",
		"RelatedPerson phonetic = name",
		"RelatedPerson telecom = telecom email phone",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// TestNoValueOfAUnionIsWrittenTwice: what the parts have stands with them alone, what they have not
// with the union.
func TestNoValueOfAUnionIsWrittenTwice(t *testing.T) {
	pressure := parse(t, `{"resourceType":"Observation","code":{"coding":[{"code":"bp"}]},"component":[{"code":{"coding":[{"code":"sys"}]},"valueQuantity":{"value":120}}]}`)
	for _, row := range Extract(pressure, "Observation").Token {
		if row.Param == "combo-code" {
			t.Errorf("%+v", row)
		}
	}
	homer := Extract(parse(t, `{"resourceType":"Patient","name":[{"prefix":["Mr"],"given":["Homer"],"family":"Simpson"}],
		"telecom":[{"system":"phone","value":"1"},{"system":"pager","value":"2"},{"value":"1"}],
		"address":[{"line":["Evergreen Terrace 742"],"city":"Springfield","country":"US"}]}`), "Patient")
	var got []string
	for _, row := range homer.String {
		got = append(got, row.Param+" "+row.Exact)
	}
	for _, row := range homer.Token {
		if row.Param == "telecom" || row.Param == "phone" {
			got = append(got, row.Param+" "+row.Code)
		}
	}
	slices.Sort(got)
	want := []string{
		"address Evergreen Terrace 742", "address-city Springfield", "address-country US", "family Simpson", "given Homer",
		"name Homer Simpson", "name Mr", "phone 1", "telecom 2",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// TestAProjectsOwnParameterHasItsRows although it says what one of R4 says.
func TestAProjectsOwnParameterHasItsRows(t *testing.T) {
	own, err := Compile(&definitions.SearchParam{Code: "called", Type: definitions.String, Expression: "Patient.name"})
	if err != nil {
		t.Fatal(err)
	}
	var got []store.StringRow
	for _, row := range Extract(parse(t, `{"resourceType":"Patient","name":[{"family":"Simpson"}]}`), "Patient", own).String {
		if row.Param == "called" {
			got = append(got, row)
		}
	}
	if want := []store.StringRow{{Param: "called", Folded: "simpson", Exact: "Simpson"}}; cmp.Diff(want, got) != "" {
		t.Error(cmp.Diff(want, got))
	}
}
