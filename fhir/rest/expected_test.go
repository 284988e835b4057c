package rest_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/admitdev/admit/fhir/medplum"
)

// TestATransactionMayReferToWhatItMakes in a project that checks references, whichever entry comes first (R4
// http.html#trules); to what it does not make it may not.
func TestATransactionMayReferToWhatItMakes(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		strict := s.Project(t, medplum.Project{Name: "Strict", CheckReferencesOnWrite: true})
		s.members["boss"] = strict.Admin.Claims
		transaction := func(subject string) string {
			return `{"resourceType":"Bundle","type":"transaction","entry":[
				{"resource":{"resourceType":"Observation","status":"final","code":{"text":"x"},"subject":{"reference":"` + subject + `"}},"request":{"method":"POST","url":"Observation"}},
				{"fullUrl":"urn:uuid:c757873d-ec9a-4326-a141-556f43239520","resource":{"resourceType":"Patient","identifier":[{"system":"urn:s","value":"1"}]},
				"request":{"method":"PUT","url":"Patient?identifier=urn:s|1"}}]}`
		}
		s.do(t, "POST", "", transaction("urn:uuid:c757873d-ec9a-4326-a141-556f43239520"), "As", "boss").want(t, http.StatusOK)
		s.do(t, "POST", "", transaction("urn:uuid:c757873d-ec9a-4326-a141-556f43239520"), "As", "boss").want(t, http.StatusOK) // now it is there
		refused := s.do(t, "POST", "", transaction("Patient/none"), "As", "boss").want(t, http.StatusBadRequest)
		assert.Contains(t, refused.body, "Bundle.entry[0].resource.subject")
	})
}
