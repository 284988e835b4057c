package rest_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/admitdev/admit/fhir/medplum"
)

// This file attacks by definitions: a profile, a value set or a code system of one's own must not tell what is
// in those that one may not see.

// wanting is a profile of Patient that wants a marital status of a value set.
func wanting(url, valueSet string) string {
	return profileOf(url, "http://hl7.org/fhir/StructureDefinition/Patient",
		`{"id":"Patient","path":"Patient"},{"id":"Patient.maritalStatus","path":"Patient.maritalStatus","binding":{"strength":"required","valueSet":"`+valueSet+`"}}`)
}

func profileOf(url, from, elements string) string {
	return `{"resourceType":"StructureDefinition","url":"` + url + `","name":"X","status":"active","kind":"resource","abstract":false,"type":"Patient",
		"baseDefinition":"` + from + `","derivation":"constraint","differential":{"element":[` + elements + `]}}`
}

func setOf(url, include, rest string) string {
	return `{"resourceType":"ValueSet","url":"` + url + `","status":"active","compose":{"include":[` + include + `]}` + rest + `}`
}

func systemOf(url string) string {
	return `{"resourceType":"CodeSystem","url":"` + url + `","status":"active","content":"complete","caseSensitive":true,"concept":[{"code":"secret"}]}`
}

const listed = `{"system":"urn:listed","concept":[{"code":"secret"}]}`

// married is a Patient with a marital status that claims to conform to a profile.
func married(profile, code string) string {
	return `{"resourceType":"Patient","meta":{"profile":["` + profile + `"]},"maritalStatus":{"coding":[{"system":"urn:listed","code":"` + code + `"}]}}`
}

// definers has a project with hidden and open definitions, and people who may write more or less of them.
func (s *server) definers(t *testing.T) {
	t.Helper()
	open := medplum.PolicyResource{ResourceType: "ValueSet", Criteria: "ValueSet?publisher=open"}
	codes := medplum.PolicyResource{ResourceType: "CodeSystem", Criteria: "CodeSystem?publisher=open"}
	profiles := medplum.PolicyResource{ResourceType: "StructureDefinition", Criteria: "StructureDefinition?publisher:missing=true"}
	s.may(t, "spy", "", medplum.PolicyResource{ResourceType: "Patient"}, profiles, open, codes)
	s.may(t, "masked", "", medplum.PolicyResource{ResourceType: "Patient"}, medplum.PolicyResource{ResourceType: "StructureDefinition"},
		medplum.PolicyResource{ResourceType: "CodeSystem"}, medplum.PolicyResource{ResourceType: "ValueSet", HiddenFields: []string{"compose"}})
	s.may(t, "writer", "", medplum.PolicyResource{ResourceType: "Patient"}, medplum.PolicyResource{ResourceType: "ValueSet", Criteria: open.Criteria, Readonly: true})
	for _, of := range []struct{ path, body string }{
		{"/ValueSet", setOf("urn:hidden", listed, `,"version":"2"`)}, {"/CodeSystem", systemOf("urn:hidden-system")},
		{"/ValueSet", setOf("urn:open", listed, `,"version":"1","publisher":"open"`)},
		{"/ValueSet", setOf("urn:gate", `{"valueSet":["urn:hidden"]}`, `,"publisher":"open"`)},
		{"/StructureDefinition", strings.Replace(wanting("urn:hidden-profile", "urn:hidden"), `"name"`, `"publisher":"x","name"`, 1)},
	} {
		s.do(t, "POST", of.path, of.body, "As", "admin").want(t, http.StatusCreated)
	}
}

// TestADefinitionReadsNothingHidden: whoever may write definitions binds to none that they do not see, and is
// told the same of those and of what never was.
func TestADefinitionReadsNothingHidden(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		s.definers(t)
		root := `{"id":"Patient","path":"Patient"}`
		for name, of := range map[string]struct{ path, body string }{
			"a binding":                {"/StructureDefinition", wanting("urn:mine", "urn:NAME")},
			"of a version":             {"/StructureDefinition", wanting("urn:mine", "urn:NAME|2")},
			"a base":                   {"/StructureDefinition", profileOf("urn:mine", "urn:NAME-profile", root)},
			"a profile of an element":  {"/StructureDefinition", profileOf("urn:mine", "http://hl7.org/fhir/StructureDefinition/Patient", root+`,{"id":"Patient.contact","path":"Patient.contact","type":[{"code":"BackboneElement","profile":["urn:NAME-profile"]}]}`)},
			"a profile of a target":    {"/StructureDefinition", profileOf("urn:mine", "http://hl7.org/fhir/StructureDefinition/Patient", root+`,{"id":"Patient.managingOrganization","path":"Patient.managingOrganization","type":[{"code":"Reference","targetProfile":["urn:NAME-profile"]}]}`)},
			"an import":                {"/ValueSet", setOf("urn:mine", `{"valueSet":["urn:NAME"]}`, `,"publisher":"open"`)},
			"a system":                 {"/ValueSet", setOf("urn:mine", `{"system":"urn:NAME-system"}`, `,"publisher":"open"`)},
			"a system of active codes": {"/ValueSet", strings.Replace(setOf("urn:mine", `{"system":"urn:NAME-system","concept":[{"code":"secret"}]}`, `,"publisher":"open"`), `"compose":{`, `"compose":{"inactive":false,`, 1)},
			"an exclude":               {"/ValueSet", strings.Replace(setOf("urn:mine", `{"valueSet":["urn:open"]}`, `,"publisher":"open"`), `"compose":{`, `"compose":{"exclude":[{"valueSet":["urn:NAME"]}],`, 1)},
		} {
			t.Run(name, func(t *testing.T) {
				said := func(method, path, target string) string {
					got := s.do(t, method, path, strings.ReplaceAll(of.body, "NAME", target), "As", "spy").want(t, http.StatusBadRequest)
					return strings.ReplaceAll(strings.Join(got.issues(t), " "), target, "NAME")
				}
				for _, path := range []string{of.path, of.path + "/$validate?mode=create"} {
					assert.Equal(t, said("POST", path, "never"), said("POST", path, "hidden"))
				}
				s.do(t, "POST", of.path, strings.ReplaceAll(of.body, "NAME", "never"), "As", "admin").want(t, http.StatusCreated)
			})
		}
	})
}

// TestADefinitionLeadsToNothingHidden: nor by a detour, nor by what becomes of a definition later.
func TestADefinitionLeadsToNothingHidden(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		s.definers(t)
		refused := func(who, method, path, body string) {
			t.Helper()
			s.do(t, method, path, body, "As", who).want(t, http.StatusBadRequest)
		}
		refused("spy", "POST", "/StructureDefinition", wanting("urn:mine", "urn:gate"))    // which imports what is hidden
		refused("spy", "POST", "/StructureDefinition", wanting("urn:mine", "urn:open|2"))  // a version that is not there
		refused("masked", "POST", "/StructureDefinition", wanting("urn:mine", "urn:open")) // whose codes are hidden
		id, _ := s.do(t, "POST", "/StructureDefinition", wanting("urn:mine", "urn:open"), "As", "spy").made(t)
		changed := strings.Replace(wanting("urn:mine", "urn:hidden"), `"url"`, `"id":"`+id+`","url"`, 1)
		refused("spy", "PUT", "/StructureDefinition/"+id, changed)
		patch := `[{"op":"replace","path":"/differential/element/1/binding/valueSet","value":"urn:hidden"}]`
		s.do(t, "PATCH", "/StructureDefinition/"+id, patch, "As", "spy", "Content-Type", "application/json-patch+json").want(t, http.StatusBadRequest)
		bundle := bundleOf("transaction", entry("POST", "StructureDefinition", wanting("urn:other", "urn:hidden")), entry("POST", "Patient", married("urn:other", "secret")))
		assert.Equal(t, http.StatusBadRequest, s.do(t, "POST", "", bundle, "As", "spy").status)

		s.do(t, "POST", "/Patient", married("urn:mine", "secret"), "As", "spy").want(t, http.StatusCreated)
		refused("spy", "POST", "/Patient", married("urn:mine", "wrong"))
		refused("writer", "POST", "/Patient", married("urn:hidden-profile", "wrong")) // who writes no definitions is bound all the same
		s.may(t, "patient", "", medplum.PolicyResource{ResourceType: "*", Criteria: "*?_compartment=Patient/x"}, medplum.PolicyResource{ResourceType: "Patient"})
		refused("patient", "POST", "/Patient", married("urn:hidden-profile", "wrong")) // nor does a patient, who may write all of their own
	})
}

// TestADefinitionComesToNothingHidden: what a spy binds to under the URL of something hidden may go, and what is
// hidden come to rule instead; its codes tell the spy nothing, with none of its tokens.
func TestADefinitionComesToNothingHidden(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		s.definers(t)
		id, _ := s.do(t, "POST", "/ValueSet", setOf("urn:hidden", `{"valueSet":["urn:open"]}`, `,"publisher":"open"`), "As", "spy").made(t)
		s.do(t, "POST", "/StructureDefinition", wanting("urn:mine", "urn:hidden"), "As", "spy").want(t, http.StatusCreated)
		away := strings.Replace(setOf("urn:elsewhere", `{"valueSet":["urn:open"]}`, `,"publisher":"open"`), `"url"`, `"id":"`+id+`","url"`, 1)
		s.do(t, "PUT", "/ValueSet/"+id, away, "As", "spy").want(t, http.StatusOK)
		claims := s.members["spy"]
		claims.Scope = "user/Patient.cruds"
		s.members["narrow"] = claims
		for _, who := range []string{"spy", "narrow"} {
			for _, code := range []string{"secret", "wrong"} {
				s.do(t, "POST", "/Patient", married("urn:mine", code), "As", who).want(t, http.StatusCreated)
				s.do(t, "POST", "/Patient/$validate?mode=create", married("urn:mine", code), "As", who).want(t, http.StatusOK)
			}
		}
	})
}

// TestATransactionDefinesFirst, in whatever order its entries are: a profile is bound to a value set that comes with
// it, and rules what comes with it.
func TestATransactionDefinesFirst(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		s.definers(t)
		transaction := func(code string) string {
			return bundleOf("transaction", entry("POST", "Patient", married("urn:new", code)), entry("POST", "StructureDefinition", wanting("urn:new", "urn:new-set")),
				entry("POST", "ValueSet", setOf("urn:new-set", `{"system":"urn:new-system"}`, `,"publisher":"open"`)),
				entry("POST", "CodeSystem", strings.Replace(systemOf("urn:new-system"), `"status"`, `"publisher":"open","status"`, 1)))
		}
		secret := strings.Replace(transaction("secret"), "urn:listed", "urn:new-system", 1)
		assert.Equal(t, http.StatusBadRequest, s.do(t, "POST", "", strings.Replace(secret, `"code":"secret"`, `"code":"wrong"`, 1), "As", "spy").status)
		s.do(t, "POST", "", secret, "As", "spy").want(t, http.StatusOK)
	})
}

// TestADefinitionThatIsKeptMayStay: who corrects a profile of an administrator's need not see what it is bound to.
func TestADefinitionThatIsKeptMayStay(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		s.definers(t)
		id, _ := s.do(t, "POST", "/StructureDefinition", wanting("urn:given", "urn:hidden"), "As", "admin").made(t)
		titled := strings.Replace(wanting("urn:given", "urn:hidden"), `"url"`, `"id":"`+id+`","title":"y","url"`, 1)
		s.do(t, "PUT", "/StructureDefinition/"+id, titled, "As", "spy").want(t, http.StatusOK)
		more := strings.Replace(titled, "urn:hidden", "urn:hidden-too", 1)
		s.do(t, "PUT", "/StructureDefinition/"+id, more, "As", "spy").want(t, http.StatusBadRequest)
	})
}
