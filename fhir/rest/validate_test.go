package rest_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/admitdev/admit/fhir/medplum"
)

// named is a profile by which a Patient has a name, and an extension by its own profile.
const (
	named = `{"resourceType":"StructureDefinition","url":"urn:named","name":"Named","status":"active","kind":"resource","abstract":false,"type":"Patient",
		"baseDefinition":"http://hl7.org/fhir/StructureDefinition/Patient","derivation":"constraint","differential":{"element":[
		{"id":"Patient","path":"Patient"},{"id":"Patient.name","path":"Patient.name","min":1},
		{"id":"Patient.extension:tribe","path":"Patient.extension","sliceName":"tribe","max":"1","type":[{"code":"Extension","profile":["urn:tribe"]}]}]}}`
	tribe = `{"resourceType":"StructureDefinition","url":"urn:tribe","name":"Tribe","status":"active","kind":"complex-type","abstract":false,"type":"Extension","context":[{"type":"element","expression":"Patient"}],
		"baseDefinition":"http://hl7.org/fhir/StructureDefinition/Extension","derivation":"constraint","differential":{"element":[
		{"id":"Extension","path":"Extension"},{"id":"Extension.url","path":"Extension.url","fixedUri":"urn:tribe"},
		{"id":"Extension.value[x]","path":"Extension.value[x]","min":1,"type":[{"code":"string"}]}]}}`
	claims = `{"resourceType":"Patient","meta":{"profile":["urn:named"]}}`
)

// issues are severity, code, text and expression of each.
func (a answer) issues(t *testing.T) (out []string) {
	t.Helper()
	var o struct {
		Issue []struct {
			Severity, Code string
			Details        struct{ Text string }
			Expression     []string
		}
	}
	require.NoError(t, json.Unmarshal([]byte(a.body), &o), a.body)
	for _, i := range o.Issue {
		out = append(out, strings.TrimSpace(i.Severity+" "+i.Code+": "+i.Details.Text+" "+strings.Join(i.Expression, ",")))
	}
	return out
}

func TestValidate(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		s.do(t, "POST", "/StructureDefinition", named, "As", "admin").want(t, 201)
		id, version := s.do(t, "POST", "/Patient", `{"resourceType":"Patient","name":[{"text":"x"}]}`).made(t)
		parameters := func(rest string) string {
			return `{"resourceType":"Parameters","parameter":[{"name":"resource","resource":{"resourceType":"Patient"}}` + rest + `]}`
		}
		allOK := []string{"information informational: All OK"}
		for _, tc := range []struct {
			name, method, path, body string
			status                   int
			want                     []string
		}{
			{"valid", "POST", "/Patient/$validate", `{"resourceType":"Patient"}`, 200, allOK},
			{"as recorded", "POST", "/Patient/$validate", `{"resourceType":"Patient","nope":1}`, 400, []string{`error structure: Invalid additional property "nope" Patient.nope`}},
			{"in Parameters", "POST", "/Patient/$validate", parameters(""), 200, allOK},
			{"another type", "POST", "/Patient/$validate", `{"resourceType":"Basic"}`, 400, []string{"error invalid: Incorrect resource type: expected Patient, but found Basic"}},
			{"nothing", "POST", "/Patient/$validate", "", 400, []string{"error invalid: Incorrect resource type: expected Patient, but found <EMPTY>"}},
			{"unknown type", "POST", "/Nope/$validate", `{"resourceType":"Nope"}`, 400, []string{"error structure: Unknown resource type"}},
			{"profile in the resource", "POST", "/Patient/$validate", claims, 400, []string{"error structure: Missing required property Patient.name"}},
			{"profile in the query", "POST", "/Patient/$validate?profile=urn:named", `{"resourceType":"Patient"}`, 400, []string{"error structure: Missing required property Patient.name"}},
			{"profile in Parameters", "POST", "/Patient/$validate", parameters(`,{"name":"profile","valueUri":"urn:named"}`), 400, []string{"error structure: Missing required property Patient.name"}},
			{"profile not known", "POST", "/Patient/$validate?profile=urn:none", `{"resourceType":"Patient"}`, 404, []string{"error not-found: Profile urn:none not found"}},
			{"profile named and not known", "POST", "/Patient/$validate", `{"resourceType":"Patient","meta":{"profile":["urn:none"]}}`, 200, []string{"warning not-found: Profile urn:none not found Patient.meta.profile"}},
			{"R4's own for another type", "POST", "/Patient/$validate?profile=http://hl7.org/fhir/StructureDefinition/Basic", `{"resourceType":"Patient"}`, 400, []string{"error structure: Incorrect resource type: profile http://hl7.org/fhir/StructureDefinition/Basic is for Basic Patient"}},
			{"create", "POST", "/Patient/$validate?mode=create", `{"resourceType":"Patient"}`, 200, allOK},
			{"update", "POST", "/Patient/" + id + "/$validate?mode=update", `{"resourceType":"Patient","id":"` + id + `"}`, 200, allOK},
			{"update of another", "POST", "/Patient/" + id + "/$validate?mode=update", `{"resourceType":"Patient","id":"x"}`, 400, []string{"error invalid: Incorrect resource ID"}},
			{"update of what is not there", "POST", "/Patient/x/$validate?mode=update", `{"resourceType":"Patient","id":"x"}`, 404, []string{"error not-found: Not found"}},
			{"delete", "POST", "/Patient/" + id + "/$validate?mode=delete", "", 200, allOK},
			{"delete of what is not there", "POST", "/Patient/x/$validate?mode=delete", "", 404, []string{"error not-found: Not found"}},
			{"delete of nothing", "POST", "/Patient/$validate?mode=delete", "", 400, []string{"error required: What is to be deleted is named by its id in the address"}},
			{"another mode", "POST", "/Patient/$validate?mode=look", "", 400, []string{"error invalid: Invalid value of mode: create, update or delete is wanted"}},
			{"what is stored", "GET", "/Patient/" + id + "/$validate?profile=urn:named", "", 200, allOK},
		} {
			t.Run(tc.name, func(t *testing.T) {
				got := s.do(t, tc.method, tc.path, tc.body).want(t, tc.status)
				assert.Equal(t, tc.want, got.issues(t))
			})
		}
		now := s.do(t, "GET", "/Patient/"+id, "")
		assert.Contains(t, now.header.Get("ETag"), version, "nothing was written")
		found := s.do(t, "GET", "/Patient?_summary=count", "", "As", "admin").body
		assert.Contains(t, found, `"total":2`, "the patient and the one of the world")
	})
}

// TestValidateHeedsThePolicy holds that trying a write needs what the write needs, and that a
// profile which the caller may not read does not exist for one who only asks.
func TestValidateHeedsThePolicy(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		s.do(t, "POST", "/StructureDefinition", named, "As", "admin").want(t, 201)
		id, _ := s.do(t, "POST", "/Patient", `{"resourceType":"Patient","birthDate":"2020-01-01"}`).made(t)
		s.members["reader"] = s.With(t, s.A.ID, medplum.PolicyResource{ResourceType: "Patient", Readonly: true}).Claims
		s.members["writer"] = s.With(t, s.A.ID, medplum.PolicyResource{ResourceType: "Patient"}, // and no definition but drafts
			medplum.PolicyResource{ResourceType: "StructureDefinition", Criteria: "StructureDefinition?status=draft"}).Claims
		for _, tc := range []struct {
			as, path, body string
			status         int
		}{
			{"reader", "/Patient/$validate?mode=create", `{"resourceType":"Patient"}`, 403},
			{"reader", "/Patient/" + id + "/$validate?mode=delete", "", 403},
			{"writer", "/Patient/$validate?mode=create", `{"resourceType":"Patient"}`, 200},
			{"writer", "/Observation/$validate?mode=create", `{"resourceType":"Observation","status":"final","code":{"text":"x"}}`, 403},
			{"other", "/Patient/" + id + "/$validate?mode=delete", "", 404},
			{"other", "/Patient/" + id + "/$validate?mode=update", `{"resourceType":"Patient","id":"` + id + `"}`, 404},
			{"writer", "/Patient/$validate?profile=urn:named", `{"resourceType":"Patient"}`, 404},
			{"writer", "/Patient/$validate", claims, 200},
			{"writer", "/Patient/$validate?mode=create", claims, 400}, // as the write itself
			{"staff", "/Patient/$validate", claims, 400},
			{"other", "/Patient/$validate", claims, 200},
		} {
			assert.Equal(t, tc.status, s.do(t, "POST", tc.path, tc.body, "As", tc.as).status, "%s %s", tc.as, tc.path)
		}
	})
}

func TestExpandProfile(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		s.do(t, "POST", "/StructureDefinition", named, "As", "admin").want(t, 201)
		s.do(t, "POST", "/StructureDefinition", tribe, "As", "admin").want(t, 201)
		for _, asked := range []answer{
			s.do(t, "GET", "/StructureDefinition/$expand-profile?url=urn:named", ""),
			s.do(t, "POST", "/StructureDefinition/$expand-profile?url=urn:named", "{}"), // as Medplum's SDK
		} {
			var bundle struct {
				Type  string
				Entry []struct{ Resource struct{ URL string } }
			}
			require.NoError(t, json.Unmarshal([]byte(asked.want(t, 200).body), &bundle))
			assert.Equal(t, "collection", bundle.Type)
			require.Len(t, bundle.Entry, 2)
			assert.Equal(t, [2]string{"urn:named", "urn:tribe"}, [2]string{bundle.Entry[0].Resource.URL, bundle.Entry[1].Resource.URL})
		}
		s.do(t, "GET", "/StructureDefinition/$expand-profile", "").wantIssue(t, 400, "", "invalid", "Profile url not specified")
		s.do(t, "GET", "/StructureDefinition/$expand-profile?url=urn:none", "").wantIssue(t, 404, "not-found", "not-found", "Not found")
		s.do(t, "GET", "/StructureDefinition/$expand-profile?url=urn:named", "", "As", "other").want(t, http.StatusNotFound)
		s.do(t, "GET", "/StructureDefinition/$expand-profile?url=urn:named", "", "As", "patient").want(t, http.StatusOK) // definitions are everybody's in the project
	})
}

// TestOperationsAreNamed holds that the CapabilityStatement names each operation with its type.
func TestOperationsAreNamed(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		var statement struct {
			Rest []struct {
				Resource []struct {
					Type      string
					Operation []struct{ Name, Definition string }
				}
			}
		}
		require.NoError(t, json.Unmarshal([]byte(s.do(t, "GET", "/metadata", "").want(t, 200).body), &statement))
		found := map[string][]string{}
		for _, r := range statement.Rest[0].Resource {
			for _, op := range r.Operation {
				assert.NotEmpty(t, op.Definition)
				found[r.Type] = append(found[r.Type], op.Name)
			}
		}
		for resourceType, names := range map[string][]string{
			"Basic": {"validate"}, "ValueSet": {"validate", "expand", "validate-code"}, "CodeSystem": {"validate", "lookup", "validate-code"},
			"StructureDefinition": {"validate", "expand-profile"},
		} {
			assert.Subset(t, found[resourceType], names, resourceType)
		}
	})
}
