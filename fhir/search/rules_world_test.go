package search_test

import (
	"time"

	"github.com/admitdev/admit/pkg/outcome"
	"github.com/admitdev/admit/pkg/store"
)

const (
	project = "11111111-1111-4111-8111-111111111111"
	base    = "https://admit.example/fhir/R4/"
)

var lastUpdated = time.Date(2024, 5, 6, 7, 8, 9, 123_000_000, time.UTC)

// fixtures are the resources that the rules search.
var fixtures = []string{
	`{"resourceType":"Patient","id":"ana","active":true,"gender":"female","birthDate":"1980-02-03",
	  "meta":{"tag":[{"system":"urn:t","code":"vip"}],"profile":["http://example.org/p|1"],"source":"urn:src"},
	  "name":[{"family":"Núñez-Bäcker","given":["Ana","María"]}],
	  "identifier":[{"system":"urn:mrn","value":"1,2|3$4\\5","type":{"coding":[{"system":"urn:ty","code":"MR"}]}},{"value":"bare"}],
	  "telecom":[{"system":"email","value":"ana@example.org"}],
	  "managingOrganization":{"reference":"Organization/org","identifier":{"system":"urn:o","value":"O1"}},
	  "generalPractitioner":[{"reference":"` + base + `Practitioner/doc"},{"reference":"https://elsewhere.example/Practitioner/far"}]}`,
	`{"resourceType":"Patient","id":"bob","meta":{"profile":["` + base + `StructureDefinition/local"],"security":[{"system":"urn:s","code":"R"}]},"active":false,"gender":"male","birthDate":"1980-02",
	  "name":[{"family":"Bob","given":["van  der  Berg"]}],"deceasedDateTime":"2020-01-01",
	  "managingOrganization":{"reference":"Organization/other/_history/3"}}`,
	`{"resourceType":"Patient","id":"cy","birthDate":"1981","name":[{"text":"50% off_"}]}`,
	`{"resourceType":"Observation","id":"o100","status":"final","subject":{"reference":"Patient/ana"},
	  "code":{"coding":[{"system":"http://loinc.org","code":"8867-4","display":"Heart rate"}],"text":"pulse at rest"},
	  "effectiveDateTime":"2024-01-15T10:30:00Z","valueQuantity":{"value":100,"unit":"beats","system":"http://unitsofmeasure.org","code":"/min"}}`,
	`{"resourceType":"Observation","id":"o100.5","status":"amended","subject":{"reference":"Patient/bob"},
	  "code":{"coding":[{"code":"nosystem"}]},"effectivePeriod":{"start":"2024-01-01","end":"2024-02-10"},
	  "valueQuantity":{"value":100.5,"unit":"mg"}}`,
	`{"resourceType":"Observation","id":"o-5","status":"final","code":{"text":"none"},"effectivePeriod":{"start":"2025-01-01"},
	  "valueQuantity":{"value":-5.00,"comparator":"<","unit":"mg"}}`,
	`{"resourceType":"RiskAssessment","id":"r","status":"final","subject":{"reference":"Patient/ana"},"prediction":[{"probabilityDecimal":0.8}]}`,
	`{"resourceType":"ValueSet","id":"v","status":"active","url":"http://example.org/fhir/ValueSet/v"}`,
	`{"resourceType":"ValueSet","id":"w","status":"active","url":"http://example.org/fhir","version":"2.0"}`,
	`{"resourceType":"PlanDefinition","id":"pd","status":"active","action":[{"definitionCanonical":"http://example.org/a|1.1"}]}`,
	`{"resourceType":"Organization","id":"org","name":"Acme"}`,
	`{"resourceType":"DocumentReference","id":"plain","status":"current","content":[{"attachment":{"url":"y","contentType":"text/plain"}}]}`,
	`{"resourceType":"Medication","id":"med","batch":{"lotNumber":"Ab-12C"}}`,
	`{"resourceType":"ProjectMembership","id":"m1","project":{"reference":"Project/p"},"user":{"reference":"User/u"},
	  "profile":{"reference":"Patient/ana"},"accessPolicy":{"reference":"AccessPolicy/a"},"externalId":"E-1","admin":true}`,
	`{"resourceType":"ProjectMembership","id":"m2","project":{"reference":"Project/p"},"user":{"reference":"ClientApplication/c"},
	  "profile":{"reference":"ClientApplication/c"},"access":[{"policy":{"reference":"AccessPolicy/b"}}],"userName":"cli","active":false}`,
	`{"resourceType":"User","id":"u","firstName":"A","lastName":"B","email":"ana@example.org","externalId":"E-1","project":{"reference":"Project/p"}}`,
	`{"resourceType":"Practitioner","id":"doc","name":[{"family":"Doc"}]}`,
	`{"resourceType":"Observation","id":"bp","status":"final","code":{"coding":[{"system":"http://loinc.org","code":"85354-9"}]},"effectiveDateTime":"2024-03-01",
	  "component":[{"code":{"coding":[{"system":"http://loinc.org","code":"8480-6"}]},"valueQuantity":{"value":120,"unit":"mmHg","system":"http://unitsofmeasure.org","code":"mm[Hg]"}},
	    {"code":{"coding":[{"system":"http://loinc.org","code":"8462-4"},{"code":"dia"}]},"valueQuantity":{"value":80,"unit":"mmHg","system":"http://unitsofmeasure.org","code":"mm[Hg]"}},
	    {"code":{"coding":[{"system":"urn:c","code":"arm"}]},"valueCodeableConcept":{"coding":[{"system":"urn:v","code":"left"}]}}]}`,
	`{"resourceType":"List","id":"l","status":"current","mode":"working","entry":[{"item":{"reference":"Patient/ana"}},{"item":{"reference":"Patient/bob"}},{"item":{"reference":"Observation/o100"}}]}`,
	`{"resourceType":"ChargeItem","id":"mg5","status":"billable","quantity":{"value":5,"unit":"mg","system":"http://unitsofmeasure.org","code":"mg"}}`,
	`{"resourceType":"ChargeItem","id":"g2","status":"billable","quantity":{"value":2.0,"unit":"gram","system":"http://unitsofmeasure.org","code":"g"}}`,
	`{"resourceType":"ChargeItem","id":"warm","status":"billed","quantity":{"value":37,"system":"http://unitsofmeasure.org","code":"Cel"}}`,
	`{"resourceType":"ChargeItem","id":"box","status":"billed","quantity":{"value":5,"unit":"box","system":"urn:units","code":"mg"}}`,
	`{"resourceType":"ChargeItem","id":"odd","status":"billed","quantity":{"value":7,"system":"http://unitsofmeasure.org","code":"furlongs"}}`,
	`{"resourceType":"DocumentReference","id":"d","status":"current","content":[{"attachment":{"url":"x","contentType":"text/xml; charset=UTF-8"}}],
	  "relatesTo":[{"code":"replaces","target":{"reference":"DocumentReference/old"}},{"code":"signs","target":{"reference":"DocumentReference/other"}}]}`,
	`{"resourceType":"MolecularSequence","id":"seq","coordinateSystem":0,
	  "referenceSeq":{"chromosome":{"coding":[{"system":"urn:chr","code":"7"}]},"windowStart":100,"windowEnd":900},
	  "variant":[{"start":128,"end":130},{"start":500,"end":600}]}`,
	`{"resourceType":"Group","id":"grp","type":"person","actual":true,"characteristic":[
	  {"code":{"coding":[{"code":"smoker"}]},"valueBoolean":true,"exclude":false},{"code":{"coding":[{"code":"hand"}]},"valueCodeableConcept":{"coding":[{"system":"urn:h","code":"left"}]},"exclude":false}]}`,
}

// terms is a Terminology of one value set and one hierarchy.
type terms struct{}

func (terms) ValueSet(url string) ([]store.TokenValue, error) {
	sets := map[string][][2]string{
		"http://example.org/vitals": {{"http://loinc.org", "8867-4"}, {"http://loinc.org", "85354-9"}},
		"http://example.org/sexes":  {{"http://hl7.org/fhir/administrative-gender", "female"}},
		"http://example.org/none":   {},
	}
	set, ok := sets[url]
	if !ok {
		return nil, outcome.New(outcome.NotFound, "ValueSet %s not found", url)
	}
	var values []store.TokenValue
	for _, v := range set {
		values = append(values, store.TokenValue{System: &v[0], Code: &v[1]})
	}
	return values, nil
}

func (terms) Below(system, code string) ([]string, error) {
	if system == "http://loinc.org" && code == "vital" {
		return []string{"vital", "8867-4", "85354-9"}, nil
	}
	return nil, outcome.New(outcome.NotFound, "The code %s is not in CodeSystem %s", code, system)
}

func (terms) Above(_, code string) ([]string, error) {
	return []string{code, "8867-4"}, nil
}
