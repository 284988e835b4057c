package validate

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/admitdev/admit/fhir/definitions"
	"github.com/admitdev/admit/fhir/document"
	"github.com/admitdev/admit/fhir/index"
	"github.com/admitdev/admit/pkg/outcome"
)

func parse(t testing.TB, s string) *document.Node {
	t.Helper()
	n, err := document.Parse([]byte(s))
	if err != nil {
		t.Fatalf("%s: %v", s, err)
	}
	return n
}

// issues are "text @ expression".
func issues(t *testing.T, err error) []string {
	t.Helper()
	if err == nil {
		return nil
	}
	var o *outcome.Outcome
	if !errors.As(err, &o) {
		t.Fatalf("not an outcome: %v", err)
	}
	var out []string
	for _, i := range o.Issues {
		out = append(out, i.Text+" @ "+strings.Join(i.Expression, ","))
	}
	return out
}

func TestIssues(t *testing.T) {
	const (
		ele = "Constraint ele-1 not met: All FHIR elements must have a @value or children @ "
		ext = "Constraint ext-1 not met: Must have either extensions or value[x], not both @ "
	)
	for _, tc := range []struct {
		name, resource string
		want           []string
	}{
		// presence
		{"required", `{"resourceType":"Observation"}`, []string{"Missing required property @ Observation.status", "Missing required property @ Observation.code"}},
		{"required choice", `{"resourceType":"MedicationRequest","status":"active","intent":"order","subject":{"display":"x"}}`, []string{"Missing required property @ MedicationRequest.medication[x]"}},
		{"required inside", `{"resourceType":"Patient","link":[{"type":"seealso"}]}`, []string{"Missing required property @ Patient.link[0].other"}},
		{"required by extension only", `{"resourceType":"Observation","_status":{"extension":[{"url":"u","valueCode":"x"}]},"code":{"text":"x"}}`, nil},
		{"unknown", `{"resourceType":"Patient","nope":1}`, []string{`Invalid additional property "nope" @ Patient.nope`}},
		{"unknown inside", `{"resourceType":"Patient","name":[{"first":"x"}]}`, []string{`Invalid additional property "first" @ Patient.name[0].first`}},
		{"letter case", `{"resourceType":"Patient","Active":true}`, []string{`Invalid additional property "Active" @ Patient.Active`}},
		{"order", `{"resourceType":"Observation","foo":1,"status":5}`, []string{
			"Invalid JSON type: expected string, but got number @ Observation.status", "Missing required property @ Observation.code", `Invalid additional property "foo" @ Observation.foo`,
		}},
		// choice
		{"two of value[x]", `{"resourceType":"Observation","status":"final","code":{"text":"x"},"valueString":"a","valueInteger":1}`, []string{"Duplicate choice of type property @ Observation.value[x]"}},
		{"value and another's extension", `{"resourceType":"Observation","status":"final","code":{"text":"x"},"valueString":"a","_valueInteger":{"id":"x"}}`, []string{"Duplicate choice of type property @ Observation.value[x]"}},
		{"a type that is no choice", `{"resourceType":"Patient","deceasedString":"x"}`, []string{`Invalid additional property "deceasedString" @ Patient.deceasedString`}},
		{"bare value", `{"resourceType":"Patient","deceased":true}`, []string{`Invalid additional property "deceased" @ Patient.deceased`}},
		// shape
		{"array where one is meant", `{"resourceType":"Patient","birthDate":["1980"]}`, []string{"Expected single value for property @ Patient.birthDate"}},
		{"one where an array is meant", `{"resourceType":"Patient","name":{"family":"x"}}`, []string{"Expected array of values for property @ Patient.name"}},
		{"object where a primitive is meant", `{"resourceType":"Patient","active":{}}`, []string{"Invalid JSON type: expected boolean, but got object @ Patient.active"}},
		{"primitive where an object is meant", `{"resourceType":"Patient","name":["x"]}`, []string{"Invalid JSON type: expected object, but got string @ Patient.name[0]"}},
		{"array in an array", `{"resourceType":"Patient","name":[[]]}`, []string{"Invalid JSON type: expected object, but got array @ Patient.name[0]"}},
		{"number as a string", `{"resourceType":"Patient","multipleBirthInteger":"2"}`, []string{"Invalid JSON type: expected number, but got string @ Patient.multipleBirth[x]"}},
		{"string as a number", `{"resourceType":"Patient","gender":1}`, []string{"Invalid JSON type: expected string, but got number @ Patient.gender"}},
		// nothing
		{"null", `{"resourceType":"Patient","birthDate":null}`, []string{"Invalid null value @ Patient.birthDate"}},
		{"null in an array", `{"resourceType":"Patient","name":[null]}`, []string{"Invalid null value @ Patient.name[0]"}},
		{"null among primitives", `{"resourceType":"Patient","name":[{"given":["a",null]}]}`, []string{"Invalid null value @ Patient.name[0].given[1]"}},
		{"null extension", `{"resourceType":"Patient","birthDate":"2000","_birthDate":null}`, []string{"Invalid null value @ Patient.birthDate"}},
		{"empty string", `{"resourceType":"Patient","name":[{"family":""}]}`, []string{"Invalid empty string @ Patient.name[0].family"}},
		{"empty array", `{"resourceType":"Patient","name":[]}`, []string{"Invalid empty array @ Patient.name"}},
		{"empty object", `{"resourceType":"Patient","name":[{}]}`, []string{ele + "Patient.name[0]"}},
		{"an id alone", `{"resourceType":"Patient","name":[{"id":"x"}]}`, []string{ele + "Patient.name[0]"}},
		// primitive extensions
		{"extension for null", `{"resourceType":"Patient","name":[{"given":["a",null],"_given":[null,{"extension":[{"url":"u","valueString":"x"}]}]}]}`, nil},
		{"both null", `{"resourceType":"Patient","name":[{"given":["a",null],"_given":[{"id":"x"},null]}]}`, []string{"Invalid null value @ Patient.name[0].given[1]"}},
		{"lengths differ", `{"resourceType":"Patient","name":[{"given":["a","b"],"_given":[{"id":"x"}]}]}`, []string{`Expected as many values in "_given" as in "given" @ Patient.name[0].given`}},
		{"extensions alone", `{"resourceType":"Patient","_birthDate":{"extension":[{"url":"u","valueCode":"unknown"}]}}`, nil},
		{"of a complex element", `{"resourceType":"Patient","_name":[{"id":"x"}]}`, []string{`Invalid additional property "_name" @ Patient._name`}},
		{"of an id", `{"resourceType":"Patient","_id":{"id":"x"}}`, []string{`Invalid additional property "_id" @ Patient._id`}},
		{"no object", `{"resourceType":"Patient","birthDate":"2000","_birthDate":"x"}`, []string{"Invalid JSON type: expected object, but got string @ Patient.birthDate"}},
		{"with an unknown member", `{"resourceType":"Patient","birthDate":"2000","_birthDate":{"id":"x","value":"y"}}`, []string{`Invalid additional property "value" @ Patient.birthDate.value`}},
		{"empty", `{"resourceType":"Patient","birthDate":"2000","_birthDate":{}}`, []string{ele + "Patient.birthDate"}},
		// extensions
		{"without url", `{"resourceType":"Patient","extension":[{"valueString":"x"}]}`, []string{"Missing required property @ Patient.extension[0].url"}},
		{"without value", `{"resourceType":"Patient","extension":[{"url":"u"}]}`, []string{ext + "Patient.extension[0]"}},
		{"with value and extensions", `{"resourceType":"Patient","extension":[{"url":"u","valueString":"x","extension":[{"url":"v","valueString":"x"}]}]}`, []string{ext + "Patient.extension[0]"}},
		{"nested", `{"resourceType":"Patient","extension":[{"url":"u","extension":[{"url":"v","valueDecimal":1.00}]}]}`, nil},
		// references
		{"wrong target", `{"resourceType":"Patient","managingOrganization":{"reference":"Patient/1"}}`, []string{"Invalid reference: expected Organization, but found Patient @ Patient.managingOrganization.reference"}},
		{"right target", `{"resourceType":"Patient","managingOrganization":{"reference":"Organization/1/_history/2"}}`, nil},
		{"elsewhere", `{"resourceType":"Patient","managingOrganization":{"reference":"https://x.org/Patient/1"},"generalPractitioner":[{"reference":"urn:uuid:53fefa32-fcbb-4ff8-8a92-55ee120877b7"}]}`, nil},
		{"Medplum's target", `{"resourceType":"ProjectMembership","project":{"reference":"Project/1"},"user":{"reference":"Patient/1"},"profile":{"reference":"Bot/1"}}`, []string{"Invalid reference: expected Bot, ClientApplication, User, but found Patient @ ProjectMembership.user.reference"}},
		{"any target", `{"resourceType":"Basic","code":{"text":"x"},"subject":{"reference":"User/1"}}`, nil},
		// contained
		{"contained", `{"resourceType":"Patient","contained":[{"resourceType":"Organization","id":"o","name":"x"}],"managingOrganization":{"reference":"#o"}}`, nil},
		{"contained, not there", `{"resourceType":"Patient","managingOrganization":{"reference":"#o"}}`, []string{"Constraint ref-1 not met: SHALL have a contained resource if a local reference is provided @ Patient.managingOrganization"}},
		{"contained, not referred to", `{"resourceType":"Patient","contained":[{"resourceType":"Organization","id":"o","name":"x"}]}`, []string{"Constraint dom-3 not met: If the resource is contained in another resource, it SHALL be referred to from elsewhere in the resource or SHALL refer to the containing resource @ Patient"}},
		{"contained, refers to the container", `{"resourceType":"Patient","contained":[{"resourceType":"Provenance","id":"o","target":[{"reference":"#"}],"recorded":"2020-01-01T00:00:00Z","agent":[{"who":{"display":"x"}}]}]}`, nil},
		{"contained is checked", `{"resourceType":"Patient","contained":[{"resourceType":"Organization","id":"o","name":"x","nope":1}],"managingOrganization":{"reference":"#o"}}`, []string{`Invalid additional property "nope" @ Patient.contained[0].nope`}},
		{"contained of an unknown type", `{"resourceType":"Patient","contained":[{"resourceType":"Nope","id":"o"}],"managingOrganization":{"reference":"#o"}}`, []string{"Unknown data type: Nope @ Patient.contained[0]"}},
		{"contained without a type", `{"resourceType":"Patient","contained":[{"id":"o"}],"managingOrganization":{"reference":"#o"}}`, []string{"Missing required property @ Patient.contained[0].resourceType"}},
		{"contained in contained", `{"resourceType":"Patient","contained":[{"resourceType":"Organization","id":"o","name":"x","contained":[{"resourceType":"Basic","code":{"text":"x"}}]}],"managingOrganization":{"reference":"#o"}}`,
			[]string{"Constraint dom-2 not met: If the resource is contained in another resource, it SHALL NOT contain nested Resources @ Patient.contained[0]"}},
		{"in a Bundle", `{"resourceType":"Bundle","type":"collection","entry":[{"resource":{"resourceType":"Patient","managingOrganization":{"reference":"#o"},"x":1}}]}`, []string{
			`Invalid additional property "x" @ Bundle.entry[0].resource.x`,
			"Constraint ref-1 not met: SHALL have a contained resource if a local reference is provided @ Bundle.entry[0].resource.managingOrganization",
		}},
		// invariants
		{"pat-1", `{"resourceType":"Patient","contact":[{"gender":"male"}]}`, []string{"Constraint pat-1 not met: SHALL at least contain a contact's details or a reference to an organization @ Patient.contact[0]"}},
		{"cpt-2", `{"resourceType":"Patient","telecom":[{"value":"1"}]}`, []string{"Constraint cpt-2 not met: A system is required if a value is provided. @ Patient.telecom[0]"}},
		{"per-1", `{"resourceType":"Encounter","status":"planned","class":{"code":"x"},"period":{"start":"2021","end":"2020-12-31"}}`, []string{"Constraint per-1 not met: If present, start SHALL have a lower value than end @ Encounter.period"}},
		{"per-1, precisions differ", `{"resourceType":"Encounter","status":"planned","class":{"code":"x"},"period":{"start":"2020-05-01","end":"2020"}}`, nil},
		{"qty-3", `{"resourceType":"Observation","status":"final","code":{"text":"x"},"valueQuantity":{"value":1,"code":"kg"}}`, []string{"Constraint qty-3 not met: If a code for the unit is present, the system SHALL also be present @ Observation.value[x]"}},
		{"obs-6", `{"resourceType":"Observation","status":"final","code":{"text":"x"},"valueString":"x","dataAbsentReason":{"text":"y"}}`, []string{"Constraint obs-6 not met: dataAbsentReason SHALL only be present if Observation.value[x] is not present @ Observation"}},
		{"org-1", `{"resourceType":"Organization","active":true}`, []string{"Constraint org-1 not met: The organization SHALL at least have a name or an identifier, and possibly more than one @ Organization"}},
		{"org-2, of an element", `{"resourceType":"Organization","name":"x","address":[{"use":"home"}]}`, []string{"Constraint org-2 not met: An address of an organization can never be of use 'home' @ Organization.address[0]"}},
		{"clapp-1", `{"resourceType":"ClientApplication","accessTokenLifetime":"1 hour"}`, []string{"Constraint clapp-1 not met: Token lifetime must be a valid string representing time duration (eg. 2w, 1h) @ ClientApplication.accessTokenLifetime"}},
		{"axp-1", `{"resourceType":"AccessPolicy","resource":[{"resourceType":"Patient","writeConstraint":[{"language":"text/cql","expression":"x"}]}]}`, []string{"Constraint axp-1 not met: Write constraint expressions must be literal text/fhirpath strings @ AccessPolicy.resource[0].writeConstraint[0]"}},
		{"bdl-3", `{"resourceType":"Bundle","type":"searchset","entry":[{"request":{"method":"GET","url":"x"}}]}`, []string{"Constraint bdl-3 not met: entry.request mandatory for batch/transaction/history, otherwise prohibited @ Bundle"}},
		// narrative
		{"narrative", `{"resourceType":"Patient","text":{"status":"generated","div":"<div xmlns=\"http://www.w3.org/1999/xhtml\"><p>A &nbsp; <b>b</b></p></div>"}}`, nil},
		{"no narrative", `{"resourceType":"Patient","text":{"status":"generated"}}`, []string{"Missing required property @ Patient.text.div"}},
		{"script", `{"resourceType":"Patient","text":{"status":"generated","div":"<div>x<script>1</script></div>"}}`, []string{"Invalid xhtml format @ Patient.text.div"}},
		{"event", `{"resourceType":"Patient","text":{"status":"generated","div":"<div onclick=\"x\">x</div>"}}`, []string{"Invalid xhtml format @ Patient.text.div"}},
		{"javascript link", `{"resourceType":"Patient","text":{"status":"generated","div":"<div><a href=\" JavaScript:x\">x</a></div>"}}`, []string{"Invalid xhtml format @ Patient.text.div"}},
		{"shows nothing", `{"resourceType":"Patient","text":{"status":"generated","div":"<div> </div>"}}`, []string{"Invalid xhtml format @ Patient.text.div"}},
		{"no div", `{"resourceType":"Patient","text":{"status":"generated","div":"hello"}}`, []string{"Invalid xhtml format @ Patient.text.div"}},
		{"not closed", `{"resourceType":"Patient","text":{"status":"generated","div":"<div>x<br></div>"}}`, []string{"Invalid xhtml format @ Patient.text.div"}},
		// Medplum's types
		{"User", `{"resourceType":"User","firstName":"a","lastName":"b","email":"a@b.c","project":{"reference":"Project/1"}}`, nil},
		{"User, e-mail in capitals", `{"resourceType":"User","firstName":"a","lastName":"b","email":"A@b.c"}`, []string{"Constraint user-1 not met: Email must be all lowercase @ User.email"}},
		{"Project's policies", `{"resourceType":"Project","defaultAccessPolicies":[{"profileType":"Patient","accessPolicy":{"reference":"AccessPolicy/1"}}],"setting":[{"name":"x","valueBoolean":true}],"systemSecret":[{"name":"y","valueString":"z"}]}`, nil},
		{"secrets are kept elsewhere", `{"resourceType":"UserSecurityRequest","user":{"reference":"User/1"}}`, nil},
		{"meta of Medplum", `{"resourceType":"Patient","meta":{"project":"1","author":{"reference":"User/1"},"accounts":[{"reference":"Organization/1"}],"compartment":[{"reference":"Project/1"}]}}`, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			doc := parse(t, tc.resource)
			if diff := cmp.Diff(tc.want, issues(t, Resource(doc, doc.Text("resourceType")))); diff != "" {
				t.Errorf("%s (-want +got):\n%s", tc.resource, diff)
			}
		})
	}
}

func TestFormats(t *testing.T) {
	for _, tc := range []struct {
		code    string
		good    []string
		refused []string
	}{
		{"string", []string{"a", " a\t\r\n", "é😀"}, []string{"a\x00", "\x0b", "\x1f"}},
		{"code", []string{"a", "a b", "a-b"}, []string{" a", "a ", "a  b", "a\tb", " ", "a\u00a0"}},
		{"uri", []string{"http://x", "urn:x", "x", "#a"}, []string{"a b", "a\n", " "}},
		{"id", []string{"a", "A-1.b", strings.Repeat("x", 64)}, []string{"a_b", "a/b", strings.Repeat("x", 65), "é"}},
		{"date", []string{"2020", "2020-02", "2020-02-29"}, []string{"20", "2021-02-29", "2020-2-1", "2020-01-01T00:00:00Z", "yesterday", "2020-01-01 "}},
		{"dateTime", []string{"2020", "2020-02-29", "2020-01-01T00:00:00Z", "2020-01-01T00:00:00.123+14:00", "2016-12-31T23:59:60Z"}, []string{"2020-01-01T00:00:00", "2020-01-01T00:00Z", "2020-01-01T00:00+01:00", "2020-01-01T24:00:00Z", "2020-01-01T00:00:00+1:00"}},
		{"instant", []string{"2020-01-01T00:00:00Z", "2020-01-01T00:00:00.1-05:00"}, []string{"2020", "2020-01-01", "2020-01-01T00:00:00"}},
		{"time", []string{"00:00:00", "23:59:59.999"}, []string{"24:00:00", "12:00", "12:00:00Z", "1:00:00", "12:00:00+01:00"}},
		{"integer", []string{"0", "-1", "2147483647", "-2147483648"}, []string{"2147483648", "1.0", "1e2", "-0"}},
		{"positiveInt", []string{"1"}, []string{"0", "-1"}},
		{"unsignedInt", []string{"0"}, []string{"-1"}},
		{"decimal", []string{"1.00", "-1e-7", "12345678901234567890.123"}, nil},
		{"base64Binary", []string{"YQ==", "YWI=", "YWJj", "YW\nJj"}, []string{"YQ=", "YQ", "Y===", "a-b_", "=AAA"}},
		{"oid", []string{"urn:oid:1.2.36", "urn:oid:0.0"}, []string{"1.2.36", "urn:oid:3.1", "urn:oid:1.02", "urn:oid:1", "urn:oid:", "urn:oid:1..2"}},
		{"uuid", []string{"urn:uuid:c757873d-ec9a-4326-a141-556f43239520"}, []string{"c757873d-ec9a-4326-a141-556f43239520", "urn:uuid:C757873D-EC9A-4326-A141-556F43239520", "urn:uuid:1"}},
	} {
		for _, s := range tc.good {
			if !validFormat(tc.code, s) {
				t.Errorf("%s refuses %q", tc.code, s)
			}
		}
		for _, s := range tc.refused {
			if validFormat(tc.code, s) {
				t.Errorf("%s accepts %q", tc.code, s)
			}
		}
	}
}

func TestWrongType(t *testing.T) {
	for _, tc := range []struct{ body, typ, want string }{
		{`{}`, "Patient", "Incorrect resource type: expected Patient, but found <EMPTY>"},
		{`"x"`, "Patient", "Incorrect resource type: expected Patient, but found <EMPTY>"},
		{`[]`, "Patient", "Incorrect resource type: expected Patient, but found <EMPTY>"},
		{`{"resourceType":5}`, "Patient", "Incorrect resource type: expected Patient, but found <EMPTY>"},
		{`{"resourceType":"Group"}`, "Patient", "Incorrect resource type: expected Patient, but found Group"},
		{`{"resourceType":"Nothing"}`, "Nothing", "Unknown data type: Nothing"},
		{`{"resourceType":"HumanName"}`, "HumanName", "Unknown data type: HumanName"},
	} {
		err := Resource(parse(t, tc.body), tc.typ)
		if !outcome.Has(err, outcome.Invalid) || err.Error() != tc.want {
			t.Errorf("%s as %s: %v", tc.body, tc.typ, err)
		}
	}
}

func TestRequiredBindings(t *testing.T) {
	const clinical = "http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical"
	unbound := func(code, set, at string) []string {
		return []string{`Value "` + code + `" did not satisfy terminology binding http://hl7.org/fhir/ValueSet/` + set + " @ " + at}
	}
	allergy := func(status string) string {
		return `{"resourceType":"AllergyIntolerance","patient":{"display":"x"},"verificationStatus":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/allergyintolerance-verification","code":"confirmed"}]},"clinicalStatus":` + status + `}`
	}
	for _, tc := range []struct {
		name, resource string
		want           []string
	}{
		{"code", `{"resourceType":"Patient","gender":"robot"}`, unbound("robot", "administrative-gender", "Patient.gender")},
		{"code inside", `{"resourceType":"Patient","name":[{"use":"official"},{"use":"x"}]}`, unbound("x", "name-use", "Patient.name[1].use")},
		{"code of a set that cannot be listed", `{"resourceType":"Patient","photo":[{"contentType":"image/x-own"}]}`, nil},
		{"concept", allergy(`{"coding":[{"system":"` + clinical + `","code":"active"}]}`), nil},
		{"one coding of several", allergy(`{"coding":[{"system":"urn:own","code":"x"},{"system":"` + clinical + `","code":"active"}]}`), nil},
		{"a code that the system does not have", allergy(`{"coding":[{"system":"` + clinical + `","code":"asleep"}]}`), unbound(clinical+"|asleep", "allergyintolerance-clinical", "AllergyIntolerance.clinicalStatus")},
		{"the code of another system", allergy(`{"coding":[{"system":"urn:own","code":"active"}]}`), unbound("urn:own|active", "allergyintolerance-clinical", "AllergyIntolerance.clinicalStatus")},
		{"text alone", allergy(`{"text":"asleep"}`), unbound("asleep", "allergyintolerance-clinical", "AllergyIntolerance.clinicalStatus")},
		{"a concept of units, which are not here", `{"resourceType":"MolecularSequence","coordinateSystem":0,"structureVariant":[{"variantType":{"coding":[{"system":"http://loinc.org","code":"LA9658-1"}]}}]}`, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			doc := parse(t, tc.resource)
			if diff := cmp.Diff(tc.want, issues(t, Resource(doc, doc.Text("resourceType")))); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestAsRecorded compares with what Medplum 5.1.13 answered. What it accepts and we refuse is in
// the package's doc.
func TestAsRecorded(t *testing.T) {
	stricter := map[string]bool{"two values of value[x]": true, "empty string": true, "empty array": true, "required code outside its value set": true}
	data, err := os.ReadFile("../../testdata/recorded/medplum/15-fhir-validation.json")
	if err != nil {
		t.Fatal(err)
	}
	var exchanges []struct {
		Name    string
		Request struct {
			Path string
			Body json.RawMessage
		}
		Response struct {
			Status int
			Body   struct {
				Issue []struct {
					Code, Diagnostics string
					Details           struct{ Text string }
					Expression        []string
				}
			}
		}
	}
	if err := json.Unmarshal(data, &exchanges); err != nil {
		t.Fatal(err)
	}
	played := 0
	for _, x := range exchanges {
		doc, err := document.Parse(x.Request.Body)
		path := strings.Split(x.Request.Path, "/")
		if err != nil || x.Response.Status == 403 || x.Response.Status == 413 || doc.Kind != document.Object || len(path) < 4 {
			continue
		}
		played++
		err = Resource(doc, path[3])
		if x.Response.Status == 201 {
			if (err != nil) != stricter[x.Name] {
				t.Errorf("%s: %v", x.Name, err)
			}
			continue
		}
		var o *outcome.Outcome
		if !errors.As(err, &o) || len(o.Issues) != len(x.Response.Body.Issue) {
			t.Errorf("%s: %v", x.Name, err)
			continue
		}
		for i, want := range x.Response.Body.Issue {
			got := o.Issues[i]
			if got.Code != want.Code || got.Text != want.Details.Text || got.Diagnostics != want.Diagnostics || !cmp.Equal(got.Expression, want.Expression) {
				t.Errorf("%s: got %+v, want %+v", x.Name, got, want)
			}
		}
	}
	if played < 12 {
		t.Errorf("only %d exchanges played", played)
	}
}

// faulty are examples in which HL7 itself has it wrong, with the first issue.
var faulty = map[string]string{
	"ActivityDefinition-blood-tubes-supply":        "Invalid xhtml format", // the div is empty
	"ActivityDefinition-heart-valve-replacement":   "Invalid xhtml format",
	"EventDefinition-example":                      "Invalid xhtml format",
	"DeviceMetric-example":                         "Invalid reference",
	"DeviceUseStatement-example":                   "Invalid reference",
	"MedicationRequest-medrx0301":                  "Invalid reference",
	"Observation-clinical-gender":                  "Invalid reference",
	"Questionnaire-qs1":                            "Missing required property", // linkId
	"ImplementationGuide-fhir":                     "Missing required property",
	"Bundle-dataelements":                          "Constraint bdl-7",
	"Bundle-v2-valuesets":                          "Invalid code format", // ends in a no-break space
	"StructureDefinition-Definition":               "Constraint sdf-4",
	"StructureDefinition-Event":                    "Constraint sdf-4",
	"StructureDefinition-Request":                  "Constraint sdf-4",
	"CodeSystem-v2-0550":                           "Invalid code format",
	"Questionnaire-zika-virus-exposure-assessment": "Invalid xhtml format",
	"ig-r4": "Missing required property",
	"SearchParameter-codesystem-extensions-CodeSystem-*":                                  "Missing required property", // base
	"SearchParameter-valueset-extensions-ValueSet-*":                                      "Missing required property",
	"StructureDefinition-FiveWs":                                                          "Constraint sdf-4",
	"SearchParameter-questionnaireresponse-extensions-QuestionnaireResponse-item-subject": "Invalid id format", // 67 characters
}

// TestExamplesAreValid holds that HL7's own examples raise no false alarm.
func TestExamplesAreValid(t *testing.T) {
	dir := "../../testdata/hl7"
	if all := os.Getenv("ADMIT_TEST_HL7"); all != "" {
		dir = all
	}
	files, err := filepath.Glob(filepath.Join(dir, "*-*.json"))
	if err != nil || len(files) < 50 {
		t.Fatalf("%d examples: %v", len(files), err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		doc := parse(t, string(data))
		name := strings.TrimSuffix(filepath.Base(file), ".json")
		err = Resource(doc, doc.Text("resourceType"))
		want := faulty[name]
		if i := strings.LastIndexByte(name, '-'); want == "" && i > 0 {
			want = faulty[name[:i]+"-*"]
		}
		switch {
		case err == nil && want != "":
			t.Errorf("%s has no issue any more", name)
		case err != nil && (want == "" || !strings.HasPrefix(err.Error(), want)):
			t.Errorf("%s: %v", name, issues(t, err))
		}
	}
}

// TestHostileDocuments holds that no document makes the walk run long or the answer grow without
// bound: each takes well under a second, issues are capped.
func TestHostileDocuments(t *testing.T) {
	repeat := func(head, item, tail string) string {
		return head + strings.TrimSuffix(strings.Repeat(item+",", 450_000/len(item)), ",") + tail
	}
	for _, tc := range []struct{ name, body string }{
		{"equal codings", repeat(`{"resourceType":"Observation","status":"final","code":{"coding":[`, `{"code":"x"}`, `]},"valueInteger":1,"component":[{"code":{"coding":[{"code":"y"}]}}]}`)},
		{"components against codings", repeat(repeat(`{"resourceType":"Observation","status":"final","valueInteger":1,"code":{"coding":[`, `{"code":"x"}`, `]},"component":[`), `{"code":{"coding":[{"code":"y"}]}}`, `]}`)},
		{"local references", repeat(`{"resourceType":"Patient","generalPractitioner":[`, `{"reference":"#x"}`, `]}`)},
		{"contained", repeat(`{"resourceType":"Patient","contained":[`, `{"resourceType":"Basic","id":"b"}`, `]}`)},
		{"items", repeat(`{"resourceType":"Questionnaire","status":"draft","item":[`, `{"linkId":"1","type":"group"}`, `]}`)},
		{"entries", repeat(`{"resourceType":"Bundle","type":"batch","entry":[`, `{"fullUrl":"u","request":{"method":"GET","url":"x"}}`, `]}`)},
	} {
		t.Run(tc.name, func(t *testing.T) {
			doc := parse(t, tc.body)
			err := Resource(doc, doc.Text("resourceType"))
			if got := len(issues(t, err)); got > maxIssues+1 {
				t.Errorf("%d issues", got)
			}
			index.Extract(doc, doc.Text("resourceType"))
		})
	}
}

func TestEveryTypeCanBeEmpty(t *testing.T) {
	for _, name := range definitions.ResourceTypes() {
		for _, issue := range issues(t, Resource(parse(t, `{"resourceType":"`+name+`"}`), name)) {
			if !strings.HasPrefix(issue, "Missing required") && !strings.HasPrefix(issue, "Constraint") {
				t.Errorf("%s: %s", name, issue)
			}
		}
	}
}

// patient is about a kilobyte.
const patient = `{"resourceType":"Patient","id":"018f6d0e-7a1e-7c3b-9d65-0c1f4a9b2d10","meta":{"versionId":"1","lastUpdated":"2024-02-29T11:00:00.123Z"},` +
	`"identifier":[{"use":"usual","type":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/v2-0203","code":"MR"}]},"system":"urn:oid:1.2.36.146.595.217.0.1","value":"12345","period":{"start":"2001-05-06"}}],` +
	`"active":true,"name":[{"use":"official","family":"Chalmers","given":["Peter","James"]},{"use":"usual","given":["Jim"]}],` +
	`"telecom":[{"system":"phone","value":"(03) 5555 6473","use":"work","rank":1},{"system":"email","value":"peter@example.com"}],"gender":"male","birthDate":"1974-12-25",` +
	`"address":[{"use":"home","type":"both","line":["534 Erewhon St"],"city":"PleasantVille","district":"Rainbow","state":"Vic","postalCode":"3999","period":{"start":"1974-12-25"}}],` +
	`"contact":[{"relationship":[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/v2-0131","code":"N"}]}],"name":{"family":"du Marché","given":["Bénédicte"]},"gender":"female"}],` +
	`"managingOrganization":{"reference":"Organization/1"}}`

func BenchmarkValidate(b *testing.B) {
	doc := parse(b, patient)
	b.ReportAllocs()
	for b.Loop() {
		if err := Resource(doc, "Patient"); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkParseValidateIndex is what a write of a Patient of a kilobyte costs before the store:
// the aim is 0.15 ms.
func BenchmarkParseValidateIndex(b *testing.B) {
	data := []byte(patient)
	b.ReportAllocs()
	for b.Loop() {
		doc, err := document.Parse(data)
		if err != nil {
			b.Fatal(err)
		}
		if err := Resource(doc, "Patient"); err != nil {
			b.Fatal(err)
		}
		index.Extract(doc, "Patient")
	}
}
