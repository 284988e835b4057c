package rest_test

import (
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/admitdev/admit/fhir/medplum"
)

const jsonPatch = "application/json-patch+json"

func TestPatchAnswersAsRecorded(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		id := s.create(t, `{"resourceType":"Patient","active":true,"extension":[{"url":"urn:d","valueDecimal":1.00}]}`)
		version := s.do(t, "GET", "/Patient/"+id, "").header.Get("ETag")
		do := func(body string, headers ...string) answer {
			return s.do(t, "PATCH", "/Patient/"+id, body, append([]string{"Content-Type", jsonPatch}, headers...)...)
		}
		got := do(`[{"op":"add","path":"/gender","value":"other"}]`, "If-Match", version).want(t, http.StatusOK)
		assert.Contains(t, got.body, `"valueDecimal":1.00`)
		assert.Contains(t, got.body, `"gender":"other"`)
		assert.NotEqual(t, version, got.header.Get("ETag"))
		same := do(`[{"op":"test","path":"/gender","value":"other"}]`).want(t, http.StatusOK)
		assert.Equal(t, got.header.Get("ETag"), same.header.Get("ETag"), "nothing changed")
		do(`[{"op":"remove","path":"/gender"}]`, "If-Match", version).wantIssue(t, http.StatusPreconditionFailed, "precondition-failed", "processing", "Precondition Failed")
		do(`[{"op":"test","path":"/active","value":false}]`).wantIssue(t, http.StatusBadRequest, "", "invalid", "Test failed: true != false")
		do(`[{"op":"replace","path":"/nope/nope","value":1}]`).wantIssue(t, http.StatusBadRequest, "", "invalid", "Value required at path: /nope/nope")
		do(`[{"op":"add","path":"/nope","value":1}]`).wantIssue(t, http.StatusBadRequest, "", "structure", `Invalid additional property "nope"`)
		do(`[{"op":"replace","path":"/id","value":"x"}]`).wantIssue(t, http.StatusBadRequest, "", "invalid", "Incorrect resource ID")
		do(`[]`, "Content-Type", "text/plain").want(t, http.StatusUnsupportedMediaType)
		do(`[]`, "As", "other").want(t, http.StatusNotFound)
		do(`{"resourceType":"Parameters","parameter":[{"name":"operation","part":[{"name":"type","valueCode":"delete"},{"name":"path","valueString":"Patient.gender"}]}]}`, "Content-Type", "application/fhir+json").want(t, http.StatusOK)
		assert.NotContains(t, s.do(t, "GET", "/Patient/"+id, "").body, "gender")
		assert.Empty(t, do(`[{"op":"add","path":"/gender","value":"male"}]`, "Prefer", "return=minimal").body)
		s.do(t, "DELETE", "/Patient/"+id, "")
		do(`[]`).want(t, http.StatusGone)
	})
}

// TestAPatchTellsNothingOfWhatIsHidden: a hidden element is not there for tests, copies and paths,
// and is still there afterwards.
func TestAPatchTellsNothingOfWhatIsHidden(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		member := s.With(t, s.A.ID, medplum.PolicyResource{ResourceType: "Patient", HiddenFields: []string{"birthDate"}, ReadonlyFields: []string{"gender"}})
		s.members["narrow"] = member.Claims
		id := s.create(t, `{"resourceType":"Patient","birthDate":"1980-02-03","gender":"male"}`)
		do := func(contentType, body string) answer {
			return s.do(t, "PATCH", "/Patient/"+id, body, "Content-Type", contentType, "As", "narrow")
		}
		for _, value := range []string{"1980-02-03", "1999-01-01"} {
			do(jsonPatch, `[{"op":"test","path":"/birthDate","value":"`+value+`"}]`).wantIssue(t, http.StatusBadRequest, "", "invalid", "Test failed: undefined != "+value)
		}
		do(jsonPatch, `[{"op":"copy","from":"/birthDate","path":"/language"}]`).wantIssue(t, http.StatusBadRequest, "", "invalid", "Value required at path: /birthDate")
		do("application/fhir+json", `{"resourceType":"Parameters","parameter":[{"name":"operation","part":[{"name":"type","valueCode":"delete"},{"name":"path","valueString":"Patient.where(birthDate.exists()).gender"}]}]}`).want(t, http.StatusOK)
		got := do(jsonPatch, `[{"op":"add","path":"/birthDate","value":"1999-01-01"},{"op":"add","path":"/active","value":true},{"op":"replace","path":"/gender","value":"other"}]`).want(t, http.StatusOK)
		assert.NotContains(t, got.body, "birthDate")
		stored := s.do(t, "GET", "/Patient/"+id, "").body
		for _, kept := range []string{`"birthDate":"1980-02-03"`, `"gender":"male"`, `"active":true`} {
			assert.Contains(t, stored, kept)
		}
	})
}

// TestAPatchIsReadForThoseWhoMayPatch: others are refused before anything of it is looked at.
func TestAPatchIsReadForThoseWhoMayPatch(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		member := s.With(t, s.A.ID, medplum.PolicyResource{ResourceType: "Patient", Readonly: true})
		s.members["reader"] = member.Claims
		id := s.create(t, `{"resourceType":"Patient"}`)
		for _, path := range []string{"/Patient/" + id, "/Patient?_id=" + id} {
			s.do(t, "PATCH", path, "no patch", "Content-Type", jsonPatch).want(t, http.StatusBadRequest)
			s.do(t, "PATCH", path, "no patch", "Content-Type", jsonPatch, "As", "reader").want(t, http.StatusForbidden)
			for as, status := range map[string]string{"admin": "400", "reader": "403"} {
				got := s.do(t, "POST", "", bundleOf("batch", entry("PATCH", path[1:], `{"resourceType":"Binary"}`)), "As", as).bundle(t)
				assert.Equal(t, status, got.statuses())
			}
		}
	})
}

func TestSimultaneousPatchesAllCount(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		id := s.create(t, `{"resourceType":"Patient","name":[{"family":"0"}]}`)
		var wait sync.WaitGroup
		for range 4 {
			wait.Go(func() {
				got := s.do(t, "PATCH", "/Patient/"+id, `[{"op":"add","path":"/name/-","value":{"family":"x"}}]`, "Content-Type", jsonPatch)
				assert.Equal(t, http.StatusOK, got.status, got.body)
			})
		}
		wait.Wait()
		assert.Equal(t, 4, strings.Count(s.do(t, "GET", "/Patient/"+id, "").body, `{"family":"x"}`))
	})
}

// TestConditionalChanges has a line for each rule of R4 http.html#cond-update and its like.
func TestConditionalChanges(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		patient := func(v string, more string) string {
			return `{"resourceType":"Patient"` + more + `,"identifier":[{"system":"urn:mrn","value":"` + v + `"}]}`
		}
		twice := "/Patient?identifier=urn:mrn|twice"
		for range 2 {
			s.create(t, patient("twice", ""))
		}
		one := "/Patient?identifier=urn:mrn|one"
		id, _ := s.do(t, "PUT", one, patient("one", "")).made(t)
		again := s.do(t, "PUT", one+"&_pretty=false", patient("one", `,"active":true`)).want(t, http.StatusOK)
		assert.Contains(t, again.body, `"id":"`+id+`"`)
		s.do(t, "PUT", one, patient("one", `,"id":"`+id+`"`)).want(t, http.StatusOK)
		s.do(t, "PUT", one, patient("one", `,"id":"x"`)).wantIssue(t, http.StatusBadRequest, "", "invalid", "Resource ID did not match resolved ID")
		s.do(t, "PUT", "/Patient?identifier=urn:mrn|none", patient("none", `,"id":"x"`)).wantIssue(t, http.StatusBadRequest, "", "invalid", "Cannot perform create as update with client-assigned ID")
		s.do(t, "PUT", one, patient("one", ""), "If-Match", `W/"x"`).want(t, http.StatusPreconditionFailed)
		s.do(t, "PUT", "/Patient?identifier=urn:mrn|none", patient("none", ""), "If-Match", `W/"x"`).want(t, http.StatusPreconditionFailed)
		patch := `[{"op":"add","path":"/gender","value":"other"}]`
		assert.Contains(t, s.do(t, "PATCH", one, patch, "Content-Type", jsonPatch).want(t, http.StatusOK).body, `"gender":"other"`)
		s.do(t, "PATCH", "/Patient?identifier=urn:mrn|none", patch, "Content-Type", jsonPatch).want(t, http.StatusNotFound)
		for _, method := range []string{"PUT", "PATCH", "DELETE"} {
			body, contentType := patient("twice", ""), "application/fhir+json"
			if method == "PATCH" {
				body, contentType = patch, jsonPatch
			}
			s.do(t, method, twice, body, "Content-Type", contentType).wantIssue(t, http.StatusPreconditionFailed, "multiple-matches", "multiple-matches", "Multiple resources found matching condition")
			for _, bad := range []string{"/Patient", "/Patient?", "/Patient?_count=1", "/Patient?nope=1", "/Nothing?x=1"} {
				assert.Equal(t, http.StatusBadRequest, s.do(t, method, bad, body, "Content-Type", contentType).status, method+" "+bad)
			}
		}
		s.do(t, "DELETE", one, "", "As", "other").wantIssue(t, http.StatusOK, "ok", "informational", "All OK")
		s.do(t, "GET", "/Patient/"+id, "").want(t, http.StatusOK)
		s.do(t, "DELETE", one, "").wantIssue(t, http.StatusOK, "ok", "informational", "All OK")
		s.do(t, "GET", "/Patient/"+id, "").want(t, http.StatusGone)
		s.do(t, "DELETE", one, "").wantIssue(t, http.StatusOK, "ok", "informational", "All OK")
	})
}

func TestSimultaneousUpsertsMakeOne(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		var wait sync.WaitGroup
		for range 6 {
			wait.Go(func() {
				s.do(t, "PUT", "/Patient?identifier=1", `{"resourceType":"Patient","identifier":[{"value":"1"}]}`)
			})
		}
		wait.Wait()
		assert.Equal(t, 1, s.count(t, "Patient?identifier=1"))
	})
}
