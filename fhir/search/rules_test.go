package search_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/admitdev/admit/fhir/document"
	"github.com/admitdev/admit/fhir/index"
	"github.com/admitdev/admit/fhir/search"
	"github.com/admitdev/admit/pkg/store"
	"github.com/admitdev/admit/pkg/store/storetest"
)

// rules are what R4 search.html says, one a line: a search and the ids that it finds.
var rules = []struct{ rule, search, ids string }{
	// search.html#string
	{"a string begins with the value", "Patient?family=núñ", "ana"},
	{"without regard to case", "Patient?family=BOB", "bob"},
	{"without regard to accents", "Patient?family=NUNEZ", "ana"},
	{"any part of a name", "Patient?name=mari", "ana"},
	{"the middle is no beginning", "Patient?family=acker", ""},
	{"contains finds the middle", "Patient?family:contains=acker", "ana"},
	{"exact is exact", "Patient?given:exact=María", "ana"},
	{"exact regards case", "Patient?given:exact=maría", ""},
	{"exact regards accents", "Patient?given:exact=Maria", ""},
	{"white space is one space", "Patient?given=van der berg", "bob"},
	{"a percent sign is itself", "Patient?name:contains=0%25 o", "cy"},
	{"and matches nothing else", "Patient?name=%25", ""},
	{"an underscore is itself", "Patient?name:contains=off_", "cy"},
	{"and is no placeholder", "Patient?name:contains=of__", ""},
	// search.html#combining
	{"a comma is or", "Patient?family=bob,nu", "ana bob"},
	{"a repetition is and", "Patient?given=ana&given=mar", "ana"},
	{"and narrows", "Patient?family=bob&gender=female", ""},
	// search.html#token
	{"a code of any system", "Observation?code=8867-4", "o100"},
	{"a code of a system", "Observation?code=http://loinc.org|8867-4", "o100"},
	{"another system", "Observation?code=urn:x|8867-4", ""},
	{"a code without a system", "Observation?code=|nosystem", "o100.5"},
	{"which 8867-4 is not", "Observation?code=|8867-4", ""},
	{"any code of a system", "Observation?code=http://loinc.org|", "bp o100"},
	{"a code element", "Patient?gender=male", "bob"},
	{"a code regards case", "Observation?code=NOSYSTEM", ""},
	{"a boolean", "Patient?active=true", "ana"},
	{"a boolean however spelled", "Patient?active=FALSE", "bob"},
	{"a boolean with R4's system", "Patient?active=http://terminology.hl7.org/CodeSystem/special-values|true", "ana"},
	{"deceased by a date", "Patient?deceased=true", "bob"},
	{"a contact point", "Patient?email=ana@example.org", "ana"},
	{"not, the absent included", "Patient?gender:not=male", "ana cy"},
	{"not one of several", "Patient?gender:not=male,female", "cy"},
	{"not a code of a system", "Observation?code:not=http://loinc.org|8867-4", "bp o-5 o100.5"},
	{"repeated, each must be", "Observation?code=8867-4&code=85354-9", ""},
	{"text of a concept", "Observation?code:text=PULSE", "o100"},
	{"text of a coding", "Observation?code:text=heart", "o100"},
	{"of-type", "Patient?identifier:of-type=urn:ty|MR|1\\,2\\|3\\$4\\\\5", "ana"},
	{"of-type of another type", "Patient?identifier:of-type=urn:ty|XX|bare", ""},
	{"in a value set", "Observation?code:in=http://example.org/vitals", "bp o100"},
	{"not in it, the absent included", "Observation?code:not-in=http://example.org/vitals", "o-5 o100.5"},
	{"in one of several value sets", "Observation?code:in=http://example.org/none,http://example.org/vitals", "bp o100"},
	{"in an empty value set", "Observation?code:in=http://example.org/none", ""},
	{"not in an empty one", "Observation?code:not-in=http://example.org/none", "bp o-5 o100 o100.5"},
	{"a code element in a value set", "Patient?gender:in=http://example.org/sexes", "ana"},
	{"below a code", "Observation?code:below=http://loinc.org|vital", "bp o100"},
	{"above a code", "Observation?code:above=http://loinc.org|x", "o100"},
	{"the system that a code's binding implies", "Patient?gender=http://hl7.org/fhir/administrative-gender|male", "bob"},
	{"any code of the implied system", "Patient?gender=http://hl7.org/fhir/administrative-gender|", "ana bob"},
	{"a system that the binding has not", "Patient?gender=urn:x|male", ""},
	{"a code that the implied system has not", "Patient?gender=http://hl7.org/fhir/administrative-gender|mal", ""},
	{"not in the implied system", "Patient?gender:not=http://hl7.org/fhir/administrative-gender|male", "ana cy"},
	{"a code element without a system", "Patient?gender=|male", "bob"},
	{"a string, without regard to case", "Medication?lot-number=ab-12c", "med"},
	{"however it is spelled", "Medication?lot-number=AB-12c", "med"},
	{"but whole", "Medication?lot-number=ab-12", ""},
	// search.html#mimetype
	{"a media type is whole", "DocumentReference?contenttype=text/xml", ""},
	{"and with its parameters", "DocumentReference?contenttype=text/xml; charset%3DUTF-8", "d"},
	{"below it, with any", "DocumentReference?contenttype:below=text/xml", "d"},
	{"or without", "DocumentReference?contenttype:below=text/plain,text/xml", "d plain"},
	{"another is not below", "DocumentReference?contenttype:below=text/html", ""},
	// search.html#escaping
	{"escapes", "Patient?identifier=urn:mrn|1\\,2\\|3\\$4\\\\5", "ana"},
	{"an identifier without a system", "Patient?identifier=|bare", "ana"},
	{"a comma that is no or", "Patient?identifier=1\\,2", ""},
	{"an escaped comma in a string", "Patient?name=bob\\,ana", ""},
	{"an escaped bar in a code", "Observation?code=8867-4\\|x", ""},
	{"a dollar sign where nothing is composite", "Patient?name=a$b", ""},
	// search.html#missing
	{"missing", "Patient?gender:missing=true", "cy"},
	{"not missing", "Patient?gender:missing=false", "ana bob"},
	{"a reference missing", "Patient?organization:missing=true", "cy"},
	{"a quantity missing", "Observation?value-quantity:missing=true", "bp"},
	{"a date missing", "Patient?death-date:missing=false", "bob"},
	{"a string missing", "Patient?family:missing=true", "cy"},
	{"a uri missing", "ValueSet?url:missing=true", ""},
	// search.html#reference
	{"Type/id", "Patient?organization=Organization/org", "ana"},
	{"an id", "Patient?organization=org", "ana"},
	{"a reference that names a version", "Patient?organization=Organization/other", "bob"},
	{"our own absolute address", "Patient?organization=" + base + "Organization/org", "ana"},
	{"a resource that uses it", "Patient?general-practitioner=Practitioner/doc", "ana"},
	{"another server's address", "Patient?general-practitioner=https://elsewhere.example/Practitioner/far", "ana"},
	{"is not ours", "Patient?general-practitioner=Practitioner/far", ""},
	{"the type as modifier", "Observation?subject:Patient=ana", "o100"},
	{"of another type", "Observation?subject:Group=ana", ""},
	{"an id of any type", "Observation?subject=bob", "o100.5"},
	{"an identifier of the target", "Patient?organization:identifier=urn:o|O1", "ana"},
	{"a parameter for one type", "Observation?patient=ana", "o100"},
	// search.html#date and #prefix
	{"a day", "Patient?birthdate=1980-02-03", "ana"},
	{"a month holds its days", "Patient?birthdate=1980-02", "ana bob"},
	{"a year holds its months", "Patient?birthdate=1980", "ana bob"},
	{"a day does not hold a month", "Patient?birthdate=1980-02-01", ""},
	{"eq", "Patient?birthdate=eq1981", "cy"},
	{"ne", "Patient?birthdate=ne1981", "ana bob"},
	{"gt: ends later", "Patient?birthdate=gt1980-02-03", "bob cy"},
	{"lt: begins earlier", "Patient?birthdate=lt1980-02-03", "bob"},
	{"ge", "Patient?birthdate=ge1981", "cy"},
	{"le", "Patient?birthdate=le1980-02-03", "ana bob"},
	{"sa: begins after the end", "Patient?birthdate=sa1980-02-03", "cy"},
	{"eb: ends before the beginning", "Patient?birthdate=eb1981", "ana bob"},
	{"ap: overlaps", "Patient?birthdate=ap1980-02-03", "ana bob"},
	{"a time in a zone", "Observation?date=2024-01-15T12:30:00%2B02:00", "o100"},
	{"a time whose colons are escaped", "Observation?date=2024-01-15T10%3A30%3A00Z", "o100"},
	{"a day within a longer period is not equal", "Observation?date=2024-01-15", "o100"},
	{"lt a time: the part of the day before", "Patient?birthdate=lt1980-02-03T10:00Z", "ana bob"},
	{"gt a time: the part of the day after", "Patient?birthdate=gt1980-02-03T10:00Z", "ana bob cy"},
	{"ge with an open end", "Observation?date=ge2025-06-01", "o-5"},
	{"sa with an open end", "Observation?date=sa2025-06-01", ""},
	{"eb with an open end", "Observation?date=eb2030", "bp o100 o100.5"},
	{"ne: not within", "Observation?date=ne2024-01-15", "bp o-5 o100.5"},
	{"a time to the minute", "Observation?date=2024-01-15T10:30Z", "o100"},
	{"a period within a range", "Observation?date=ge2024-01-01&date=le2024-02-10", "o100 o100.5"},
	{"a period with an open end", "Observation?date=gt2030", "o-5"},
	{"_lastUpdated", "Patient?_lastUpdated=2024-05-06", "ana bob cy"},
	{"_lastUpdated ne", "Patient?_lastUpdated=ne2024-05-06", ""},
	{"_lastUpdated sa", "Patient?_lastUpdated=sa2024-05-05", "ana bob cy"},
	{"_lastUpdated eb", "Patient?_lastUpdated=eb2024-05-06", ""},
	{"one of several dates", "Patient?birthdate=1981,1980-02-03", "ana cy"},
	{"_lastUpdated later", "Patient?_lastUpdated=gt2024-05-06", ""},
	{"_lastUpdated to the millisecond", "Patient?_lastUpdated=2024-05-06T07:08:09.123Z", "ana bob cy"},
	{"_lastUpdated not the next", "Patient?_lastUpdated=ge2024-05-06T07:08:09.124Z", ""},
	// search.html#number
	{"a number", "RiskAssessment?probability=0.8", "r"},
	{"as precise as it is written", "RiskAssessment?probability=0.80", "r"},
	{"a number greater", "RiskAssessment?probability=gt0.8", ""},
	{"a number not less", "RiskAssessment?probability=ge0.8", "r"},
	{"with an exponent", "RiskAssessment?probability=8e-1", "r"},
	{"a range that the precision implies", "RiskAssessment?probability=1", "r"},
	{"a range that it is not in", "RiskAssessment?probability=0.81", ""},
	{"a number ne", "RiskAssessment?probability=ne0.8", ""},
	{"a number ne another", "RiskAssessment?probability=ne0.7", "r"},
	{"a number lt", "RiskAssessment?probability=lt0.8", ""},
	{"a number le", "RiskAssessment?probability=le0.8", "r"},
	{"a number sa", "RiskAssessment?probability=sa0.7", "r"},
	{"a number eb", "RiskAssessment?probability=eb0.9", "r"},
	{"a number ap: a tenth off", "RiskAssessment?probability=ap0.85", "r"},
	{"a number ap: more than that off", "RiskAssessment?probability=ap0.5", ""},
	{"one of several numbers", "RiskAssessment?probability=0.1,0.8", "r"},
	// search.html#quantity
	{"a quantity to three digits", "Observation?value-quantity=100", "o100"},
	{"to one digit, by an exponent", "Observation?value-quantity=1e2", "o100 o100.5"},
	{"to five", "Observation?value-quantity=100.00", "o100"},
	{"its range has no end", "Observation?value-quantity=100|http://unitsofmeasure.org|/min", "o100"},
	{"to four digits", "Observation?value-quantity=100.5", "o100.5"},
	{"greater than exactly 100", "Observation?value-quantity=gt100", "o100.5"},
	{"from 100", "Observation?value-quantity=ge100", "o100 o100.5"},
	{"negative", "Observation?value-quantity=lt-4", "o-5"},
	{"a comparator opens the range", "Observation?value-quantity=lt-1000", "o-5"},
	{"a quantity le", "Observation?value-quantity=le100", "o-5 o100"},
	{"a quantity sa", "Observation?value-quantity=sa100", "o100.5"},
	{"a quantity eb", "Observation?value-quantity=eb100", "o-5"},
	{"about", "Observation?value-quantity=ap95", "o100 o100.5"},
	{"not about", "Observation?value-quantity=ap50", ""},
	{"a unit", "Observation?value-quantity=ge0||mg", "o100.5"},
	{"another system of units", "Observation?value-quantity=100|urn:x|/min", ""},
	{"ne", "Observation?value-quantity=ne100", "o-5 o100.5"},
	{"a unit that converts", "ChargeItem?quantity=0.005|http://unitsofmeasure.org|g", "mg5"},
	{"its range converts as well", "ChargeItem?quantity=0.005|http://unitsofmeasure.org|kg", ""},
	{"as precise as it is written, converted", "ChargeItem?quantity=2000|http://unitsofmeasure.org|mg", "g2"},
	{"greater, across units", "ChargeItem?quantity=gt4|http://unitsofmeasure.org|mg", "g2 mg5"},
	{"less, across units", "ChargeItem?quantity=lt0.01|http://unitsofmeasure.org|g", "mg5"},
	{"about, across units", "ChargeItem?quantity=ap2100|http://unitsofmeasure.org|mg", "g2"},
	{"a scale with another zero", "ChargeItem?quantity=98.6|http://unitsofmeasure.org|[degF]", "warm"},
	{"what is no unit of UCUM compares as given", "ChargeItem?quantity=7|http://unitsofmeasure.org|furlongs", "odd"},
	{"other systems compare as given", "ChargeItem?quantity=5|urn:units|mg", "box"},
	{"without a system, code or unit as given", "ChargeItem?quantity=5||mg", "box mg5"},
	{"a system of units alone", "ChargeItem?quantity=5|http://unitsofmeasure.org|", "mg5"},
	{"a number alone compares as given", "ChargeItem?quantity=5", "box mg5"},
	{"and not in another unit", "ChargeItem?quantity=0.005", ""},
	// search.html#composite
	{"code and value", "Observation?code-value-quantity=http://loinc.org|8867-4$gt99", "o100"},
	{"code and another value", "Observation?code-value-quantity=http://loinc.org|8867-4$gt100", ""},
	{"code and value in a unit", "Observation?code-value-quantity=8867-4$gt1.6|http://unitsofmeasure.org|/s", "o100"},
	{"both in one component", "Observation?component-code-value-quantity=http://loinc.org|8480-6$120", "bp"},
	{"not in two", "Observation?component-code-value-quantity=http://loinc.org|8480-6$80", ""},
	{"in a component, with a unit", "Observation?component-code-value-quantity=8462-4$lt11|http://unitsofmeasure.org|kPa", "bp"},
	{"a component's code without a system", "Observation?component-code-value-quantity=|dia$80", "bp"},
	{"which the other coding is not", "Observation?component-code-value-quantity=|8462-4$80", ""},
	{"another system", "Observation?component-code-value-quantity=urn:x|8480-6$120", ""},
	{"or", "Observation?component-code-value-quantity=8480-6$1,8480-6$ge120", "bp"},
	{"a component's concept", "Observation?component-code-value-concept=urn:c|arm$urn:v|left", "bp"},
	{"a component's other concept", "Observation?component-code-value-concept=urn:c|arm$urn:v|right", ""},
	{"the resource or a component", "Observation?combo-code-value-quantity=8480-6$120,8867-4$100", "bp o100"},
	{"never one of each", "Observation?combo-code-value-quantity=85354-9$120", ""},
	{"reference and token", "DocumentReference?relationship=DocumentReference/old$replaces", "d"},
	{"reference and another's token", "DocumentReference?relationship=DocumentReference/old$signs", ""},
	{"with the implied system", "DocumentReference?relationship=other$http://hl7.org/fhir/document-relationship-type|signs", "d"},
	{"token and boolean", "Group?characteristic-value=smoker$true", "grp"},
	{"token and concept", "Group?characteristic-value=hand$urn:h|left", "grp"},
	{"token and another's concept", "Group?characteristic-value=smoker$urn:h|left", ""},
	{"three parts", "MolecularSequence?chromosome-variant-coordinate=urn:chr|7$ge100$le200", "seq"},
	{"three parts of two variants", "MolecularSequence?chromosome-variant-coordinate=urn:chr|7$ge400$le200", ""},
	{"three parts of one base", "MolecularSequence?chromosome-window-coordinate=7$lt200$gt800", "seq"},
	{"a union of parameters", "Observation?combo-code=8480-6,8867-4", "bp o100"},
	{"a union: none of them is", "Observation?combo-code:not=8480-6", "o-5 o100 o100.5"},
	{"a union: one of them is missing", "Observation?combo-value-quantity:missing=true", ""},
	{"a union: none of them is missing", "Observation?combo-value-quantity:missing=false", "bp o-5 o100 o100.5"},
	// search.html#uri
	{"a uri is whole", "ValueSet?url=http://example.org/fhir", "w"},
	{"below", "ValueSet?url:below=http://example.org/fhir", "v w"},
	{"above", "ValueSet?url:above=http://example.org/fhir/ValueSet/v/x", "v w"},
	{"a uri regards case", "ValueSet?url=HTTP://example.org/fhir", ""},
	{"a canonical URL and its version", "ValueSet?url=http://example.org/fhir|2.0", "w"},
	{"and another version", "ValueSet?url=http://example.org/fhir|2", ""},
	{"one of several", "ValueSet?url=http://example.org/fhir|1,http://example.org/fhir/ValueSet/v", "v"},
	{"an address that is part of another", "ValueSet?url=http://example.org", ""},
	{"below a URN is nothing", "ValueSet?url:below=urn:oid:1.2", ""},
	// search.html#versions
	{"a canonical", "PlanDefinition?definition=http://example.org/a", "pd"},
	{"and its version", "PlanDefinition?definition=http://example.org/a|1.1", "pd"},
	{"and another", "PlanDefinition?definition=http://example.org/a|1", ""},
	{"every version of it", "PlanDefinition?definition:below=http://example.org/a", "pd"},
	// search_filter.html
	{"_filter: equal, without regard to case", "Patient?_filter=family eq \"BOB\"", "bob"},
	{"_filter: all of it", "Patient?_filter=family eq bo", ""},
	{"_filter: contains", "Patient?_filter=family co acker", "ana"},
	{"_filter: starts with", "Patient?_filter=family sw nu", "ana"},
	{"_filter: ends with", "Patient?_filter=given ew berg", "bob"},
	{"_filter: a string in quotes has spaces and brackets", "Patient?_filter=name co \"50%25 off_\"", "cy"},
	{"_filter: a token", "Patient?_filter=gender eq female", "ana"},
	{"_filter: a token with its system", "Observation?_filter=code eq http://loinc.org|8867-4", "o100"},
	{"_filter: a comma is no or", "Patient?_filter=identifier eq bare,bare", ""},
	{"_filter: greater", "Patient?_filter=birthdate gt 1980-02-03", "bob cy"},
	{"_filter: a number", "RiskAssessment?_filter=probability ge 0.8", "r"},
	{"_filter: a quantity in a unit", "ChargeItem?_filter=quantity gt 4|http://unitsofmeasure.org|mg", "g2 mg5"},
	{"_filter: overlaps", "Observation?_filter=date po 2024-02", "o100.5"},
	{"_filter: present", "Patient?_filter=gender pr true", "ana bob"},
	{"_filter: absent", "Patient?_filter=gender pr false", "cy"},
	{"_filter: in a value set", "Observation?_filter=code in http://example.org/vitals", "bp o100"},
	{"_filter: not in it", "Observation?_filter=code ni http://example.org/vitals", "o-5 o100.5"},
	{"_filter: subsumed", "Observation?_filter=code ss http://loinc.org|vital", "bp o100"},
	{"_filter: subsuming", "Observation?_filter=code sb http://loinc.org|x", "o100"},
	{"_filter: refers", "Observation?_filter=subject re Patient/ana", "o100"},
	{"_filter: a uri", "ValueSet?_filter=url eq http://example.org/fhir", "w"},
	{"_filter: and", "Patient?_filter=gender eq female and birthdate lt 1981", "ana"},
	{"_filter: or", "Patient?_filter=gender eq female or birthdate ge 1981", "ana cy"},
	{"_filter: and binds more than or", "Patient?_filter=family eq bob or gender eq female and birthdate ge 1981", "bob"},
	{"_filter: parentheses", "Patient?_filter=(family eq bob or gender eq female) and birthdate lt 1980-02-03", "bob"},
	{"_filter: not", "Patient?_filter=not (gender eq male)", "ana cy"},
	{"_filter: with other parameters", "Patient?_filter=not (gender eq male)&birthdate=1981", "cy"},
	{"_filter: _id and _lastUpdated", "Patient?_filter=_id eq ana and _lastUpdated ge 2024-05-06", "ana"},
	{"_filter: a union of parameters", "Observation?_filter=combo-code eq 8480-6", "bp"},
	// search.html#all
	{"_id", "Patient?_id=ana", "ana"},
	{"_id, several", "Patient?_id=ana,cy,nobody", "ana cy"},
	{"_id:not", "Patient?_id:not=ana", "bob cy"},
	{"_tag", "Patient?_tag=urn:t|vip", "ana"},
	{"_profile", "Patient?_profile=http://example.org/p", "ana"},
	{"_source", "Patient?_source=urn:src", "ana"},
	{"_compartment", "Observation?_compartment=Patient/ana", "o100"},
	{"_compartment of the patient", "Patient?_compartment=Patient/ana", "ana"},
	{"nothing asked", "Organization?", "org"},
	{"_id missing", "Patient?_id:missing=true", ""},
	{"_lastUpdated not missing", "Patient?_lastUpdated:missing=false", "ana bob cy"},
	{"_profile, relative to the server", "Patient?_profile=StructureDefinition/local", "bob"},
	{"_profile with its version", "Patient?_profile=http://example.org/p|1", "ana"},
	{"_security", "Patient?_security=urn:s|R", "bob"},
	{"_tag:not, the absent included", "Patient?_tag:not=urn:t|vip", "bob cy"},
	{"ids regard case", "Patient?_id=ANA", ""},
	// Medplum's own types
	{"a membership's user", "ProjectMembership?user=User/u", "m1"},
	{"its profile", "ProjectMembership?profile=Patient/ana", "m1"},
	{"the type of its profile", "ProjectMembership?profile-type=ClientApplication", "m2"},
	{"its policies", "ProjectMembership?access-policy=AccessPolicy/b", "m2"},
	{"its project", "ProjectMembership?project=Project/p", "m1 m2"},
	{"its external id", "ProjectMembership?external-id=E-1", "m1"},
	{"its user name", "ProjectMembership?user-name:exact=cli", "m2"},
	{"administrators", "ProjectMembership?admin=true", "m1"},
	{"active unless it says otherwise", "ProjectMembership?active:not=false", "m1"},
	{"a user's address", "User?email=ANA@example.org", "u"},
}

// chains look at several resources, so the store alone can answer them (search.html#chaining,
// #has).
var chains = []struct{ rule, search, ids string }{
	{"a chain", "Observation?subject:Patient.family=bob", "o100.5"},
	{"a chain without a type", "Observation?subject.family=nu", "o100"},
	{"a chain of a parameter for one type", "Observation?patient.gender=female", "o100"},
	{"a chain with a modifier", "Observation?patient.family:contains=acker", "o100"},
	{"a chain to an id", "Observation?patient._id=bob", "o100.5"},
	{"a chain of chains", "Observation?patient.organization.name=acme", "o100"},
	{"a chain to nothing", "Observation?patient.organization.name=none", ""},
	{"_has", "Patient?_has:Observation:patient:code=8867-4", "ana"},
	{"_has, or", "Patient?_has:Observation:patient:status=final,amended", "ana bob"},
	{"_has within _has", "Organization?_has:Patient:organization:_has:Observation:patient:code=8867-4", "org"},
	{"_has at the end of a chain", "Observation?patient._has:RiskAssessment:patient:probability=ge0.5", "o100"},
	{"_filter: a chain", "Observation?_filter=subject.family eq bob", "o100.5"},
	{"_filter: a chain with a filter", "Observation?_filter=patient[gender eq female].family sw nu", "o100"},
	{"_filter: that does not hold", "Observation?_filter=patient[gender eq male].family sw nu", ""},
	{"_filter: not a chain", "Observation?_filter=not (patient.gender eq female)", "bp o-5 o100.5"},
	{"_list", "Patient?_list=l", "ana bob"},
	{"_list, one of several", "Observation?_list=none,List/l", "o100"},
	{"_list that is not there", "Patient?_list=none", ""},
	{"a chain and a filter", "Observation?patient.gender=male&status=final", ""},
}

// stored parses the fixtures into what the store keeps.
func stored(t testing.TB) []store.Write {
	t.Helper()
	var writes []store.Write
	for _, text := range fixtures {
		doc, err := document.Parse([]byte(text))
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		ref := store.Ref{Project: project, Type: doc.Text("resourceType"), ID: doc.Text("id")}
		doc = document.Stamp(doc, document.Identity{Type: ref.Type, ID: ref.ID, Version: "1", LastUpdated: lastUpdated})
		writes = append(writes, store.Write{
			Resource: store.Resource{Ref: ref, Version: "1", LastUpdated: lastUpdated, Content: doc.Raw},
			Index:    index.Extract(doc, ref.Type),
		})
	}
	return writes
}

func parse(t testing.TB, text string) *search.Request {
	t.Helper()
	resourceType, query, _ := strings.Cut(text, "?")
	r, err := search.Parse([]string{resourceType}, query, base)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return r
}

func everything(string) (store.Predicate, error) { return nil, nil }

func queryOf(t testing.TB, r *search.Request) store.Query {
	t.Helper()
	if err := r.Resolve(terms{}); err != nil {
		t.Fatal(err)
	}
	q, err := r.Query([]string{project}, everything)
	if err != nil {
		t.Fatal(err)
	}
	return q
}

func TestRulesInMemory(t *testing.T) {
	writes := stored(t)
	for _, tc := range rules {
		t.Run(tc.rule, func(t *testing.T) {
			q := queryOf(t, parse(t, tc.search))
			var ids []string
			for _, w := range writes {
				if w.Type == q.Types[0] && search.Match(q.Where, w.Ref, w.LastUpdated, w.Index) {
					ids = append(ids, w.ID)
				}
			}
			slices.Sort(ids)
			if got := strings.Join(ids, " "); got != tc.ids {
				t.Errorf("%s found %q, want %q", tc.search, got, tc.ids)
			}
		})
	}
}

func TestRulesInTheStore(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db storetest.DB) {
		ctx, s := context.Background(), storetest.Open(t, db)
		if err := s.Put(ctx, stored(t)...); err != nil {
			t.Fatal(err)
		}
		for _, tc := range slices.Concat(rules, chains) {
			rows, err := s.Search(ctx, queryOf(t, parse(t, tc.search)))
			if err != nil {
				t.Fatalf("%s: %v", tc.search, err)
			}
			var ids []string
			for _, row := range rows {
				ids = append(ids, row.ID)
			}
			slices.Sort(ids)
			if got := strings.Join(ids, " "); got != tc.ids {
				t.Errorf("%s: %s found %q, want %q", tc.rule, tc.search, got, tc.ids)
			}
		}
	})
}
