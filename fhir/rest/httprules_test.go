package rest_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// httpRules are what R4 http.html says, one a line, about {id}: a Patient of which {vid} is the current
// version and {gone} is one that was deleted. The header of the answer is a name and what its value
// ends with.
var httpRules = []struct {
	rule, method, path string
	headers            []string
	body               string
	status             int
	header, ends       string
}{
	// http.html#root
	{"a type with a final slash", "GET", "/Patient/", nil, "", 200, "", ""},
	{"a resource with one", "GET", "/Patient/{id}/", nil, "", 200, "ETag", `W/"{vid}"`},
	{"a search with one", "GET", "/?_type=Patient", nil, "", 200, "", ""},
	{"a history with one", "GET", "/Patient/{id}/_history/", nil, "", 200, "", ""},
	{"a create with one", "POST", "/Patient/", nil, `{"resourceType":"Patient"}`, 201, "", ""},
	{"addresses regard case", "GET", "/patient/{id}", nil, "", 400, "", ""},
	// http.html#mime-type
	{"application/fhir+json", "GET", "/Patient/{id}", []string{"Accept", "application/fhir+json"}, "", 200, "Content-Type", "application/fhir+json; charset=utf-8"},
	{"the one of several that is had", "GET", "/Patient/{id}", []string{"Accept", "application/fhir+xml, application/fhir+json;q=0.5"}, "", 200, "", ""},
	{"not what is weighed as nothing", "GET", "/Patient/{id}", []string{"Accept", "application/fhir+xml, application/fhir+json;q=0"}, "", 406, "", ""},
	{"XML is not acceptable", "GET", "/Patient/{id}", []string{"Accept", "application/fhir+xml"}, "", 406, "", ""},
	{"nor another version", "GET", "/Patient/{id}", []string{"Accept", "application/fhir+json; fhirVersion=3.0"}, "", 406, "", ""},
	{"this version is", "GET", "/Patient/{id}", []string{"Accept", "application/fhir+json; fhirVersion=4.0"}, "", 200, "", ""},
	{"_format overrides Accept", "GET", "/Patient/{id}?_format=json", []string{"Accept", "application/fhir+xml"}, "", 200, "", ""},
	{"by any name of JSON", "GET", "/Patient/{id}?_format=application/fhir%2Bjson", nil, "", 200, "", ""},
	{"with a plus that is not escaped", "GET", "/Patient/{id}?_format=application/fhir+json", nil, "", 200, "", ""},
	{"of this version", "GET", "/Patient/{id}?_format=application/fhir%2Bjson%3B%20fhirVersion%3D4.0", nil, "", 200, "", ""},
	{"not of another", "GET", "/Patient/{id}?_format=application/fhir%2Bjson%3B%20fhirVersion%3D3.0", nil, "", 406, "", ""},
	{"by no name of XML", "GET", "/Patient/{id}?_format=xml", nil, "", 406, "", ""},
	{"nor of Turtle", "GET", "/Patient/{id}?_format=text/turtle", nil, "", 406, "", ""},
	{"XML is not taken", "POST", "/Patient", []string{"Content-Type", "application/fhir+xml"}, "<Patient/>", 415, "", ""},
	{"nor another version's", "POST", "/Patient", []string{"Content-Type", "application/fhir+json; fhirVersion=3.0"}, `{"resourceType":"Patient"}`, 415, "", ""},
	{"nor another charset", "POST", "/Patient", []string{"Content-Type", "application/fhir+json; charset=latin1"}, `{"resourceType":"Patient"}`, 415, "", ""},
	{"this version's is", "POST", "/Patient", []string{"Content-Type", "application/fhir+json; fhirVersion=4.0"}, `{"resourceType":"Patient"}`, 201, "", ""},
	// http.html#parameters
	{"_pretty is true or false", "GET", "/Patient/{id}?_pretty=maybe", nil, "", 400, "", ""},
	{"_summary of a read", "GET", "/Patient/{id}?_summary=text", nil, "", 200, "", ""},
	{"_elements of a read", "GET", "/Patient/{id}?_elements=active", nil, "", 200, "", ""},
	// http.html#read, #vread, #cread, #head
	{"a read tells the version", "GET", "/Patient/{id}", nil, "", 200, "ETag", `W/"{vid}"`},
	{"and when it was made", "GET", "/Patient/{id}", nil, "", 200, "Last-Modified", " GMT"},
	{"without the content", "HEAD", "/Patient/{id}", nil, "", 200, "ETag", `W/"{vid}"`},
	{"what was deleted is gone", "GET", "/Patient/{gone}", nil, "", 410, "", ""},
	{"what never was is not found", "GET", "/Patient/00000000-0000-4000-8000-000000000000", nil, "", 404, "", ""},
	{"a version", "GET", "/Patient/{id}/_history/{vid}", nil, "", 200, "ETag", `W/"{vid}"`},
	{"a version without the content", "HEAD", "/Patient/{id}/_history/{vid}", nil, "", 200, "ETag", `W/"{vid}"`},
	{"a version that never was", "GET", "/Patient/{id}/_history/nope", nil, "", 404, "", ""},
	{"the client has it: by its weak tag", "GET", "/Patient/{id}", []string{"If-None-Match", `W/"{vid}"`}, "", 304, "ETag", `W/"{vid}"`},
	{"by a strong one", "GET", "/Patient/{id}", []string{"If-None-Match", `"{vid}"`}, "", 304, "", ""},
	{"by any", "GET", "/Patient/{id}", []string{"If-None-Match", "*"}, "", 304, "", ""},
	{"by its time", "GET", "/Patient/{id}", []string{"If-Modified-Since", "Fri, 06 Nov 2099 08:49:37 GMT"}, "", 304, "", ""},
	{"it has another", "GET", "/Patient/{id}", []string{"If-None-Match", `W/"x"`}, "", 200, "", ""},
	{"a search without its content", "HEAD", "/Patient?_count=1", nil, "", 200, "", ""},
	{"a history without its content", "HEAD", "/Patient/_history", nil, "", 200, "", ""},
	// http.html#update
	{"an update tells where its version is", "PUT", "/Patient/{id}", nil, `{"resourceType":"Patient","id":"{id}","active":true}`, 200, "Location", "/fhir/R4/Patient/{id}/_history/{new}"},
	{"and which it is", "PUT", "/Patient/{id}", nil, `{"resourceType":"Patient","id":"{id}","active":false}`, 200, "ETag", `W/"{new}"`},
	{"without an id", "PUT", "/Patient/{id}", nil, `{"resourceType":"Patient"}`, 400, "", ""},
	{"with another id", "PUT", "/Patient/{id}", nil, `{"resourceType":"Patient","id":"x"}`, 400, "", ""},
	{"of another type", "PUT", "/Patient/{id}", nil, `{"resourceType":"Group","id":"{id}"}`, 400, "", ""},
	{"what was deleted comes back", "PUT", "/Patient/{gone}", nil, `{"resourceType":"Patient","id":"{gone}"}`, 200, "Location", "/_history/{new}"},
	{"of the version that is there", "PUT", "/Patient/{id}", []string{"If-Match", `W/"{vid}"`}, `{"resourceType":"Patient","id":"{id}","gender":"male"}`, 200, "", ""},
	{"of another", "PUT", "/Patient/{id}", []string{"If-Match", `W/"x"`}, `{"resourceType":"Patient","id":"{id}"}`, 412, "", ""},
	{"of any", "PUT", "/Patient/{id}", []string{"If-Match", "*"}, `{"resourceType":"Patient","id":"{id}"}`, 200, "", ""},
	{"a precondition that is not heeded is refused", "PUT", "/Patient/{id}", []string{"If-None-Match", "*"}, `{"resourceType":"Patient","id":"{id}"}`, 400, "", ""},
	{"so is one by time", "PUT", "/Patient/{id}", []string{"If-Unmodified-Since", "Fri, 06 Nov 2099 08:49:37 GMT"}, `{"resourceType":"Patient","id":"{id}"}`, 400, "", ""},
	{"and one of a delete", "DELETE", "/Patient/{id}", []string{"If-None-Match", "*"}, "", 400, "", ""},
	{"and one of a create", "POST", "/Patient", []string{"If-None-Match", "*"}, `{"resourceType":"Patient"}`, 400, "", ""},
	// http.html#patch
	{"a patch tells where its version is", "PATCH", "/Patient/{id}", []string{"Content-Type", "application/json-patch+json"}, `[{"op":"add","path":"/active","value":true}]`, 200, "Location", "/fhir/R4/Patient/{id}/_history/{new}"},
	{"of another version", "PATCH", "/Patient/{id}", []string{"Content-Type", "application/json-patch+json", "If-Match", `W/"x"`}, `[{"op":"add","path":"/active","value":true}]`, 412, "", ""},
	{"in XML", "PATCH", "/Patient/{id}", []string{"Content-Type", "application/xml-patch+xml"}, "<diff/>", 415, "", ""},
	// http.html#delete
	{"a delete answers with an outcome", "DELETE", "/Patient/{id}", nil, "", 200, "", ""},
	{"or with nothing", "DELETE", "/Patient/{id}", []string{"Prefer", "return=minimal"}, "", 204, "", ""},
	{"once more has no effect", "DELETE", "/Patient/{gone}", nil, "", 200, "", ""},
	{"of another version", "DELETE", "/Patient/{id}", []string{"If-Match", `W/"x"`}, "", 412, "", ""},
	// http.html#create
	{"a create tells where its version is", "POST", "/Patient", nil, `{"resourceType":"Patient"}`, 201, "Location", "/_history/{new}"},
	{"the id is ignored", "POST", "/Patient", nil, `{"resourceType":"Patient","id":"{id}"}`, 201, "", ""},
	{"so is what meta says of the version", "POST", "/Patient", nil, `{"resourceType":"Patient","meta":{"versionId":"9","lastUpdated":"2001-01-01T00:00:00Z"}}`, 201, "ETag", `W/"{new}"`},
	{"of another type", "POST", "/Patient", nil, `{"resourceType":"Group"}`, 400, "", ""},
	// http.html#cond-update, #ccreate, #cdelete, as R4 spells them
	{"a conditional update of one", "PUT", "/Patient/?identifier=urn:r|one", nil, `{"resourceType":"Patient","identifier":[{"system":"urn:r","value":"one"}],"active":true}`, 200, "Location", "/Patient/{id}/_history/{new}"},
	{"with another's id", "PUT", "/Patient/?identifier=urn:r|one", nil, `{"resourceType":"Patient","id":"{gone}"}`, 400, "", ""},
	{"of none", "PUT", "/Patient/?identifier=urn:r|none", nil, `{"resourceType":"Patient","identifier":[{"system":"urn:r","value":"none"}]}`, 201, "Location", "/_history/{new}"},
	{"of several", "PUT", "/Patient/?identifier=urn:r|two", nil, `{"resourceType":"Patient"}`, 412, "", ""},
	{"a conditional patch of one", "PATCH", "/Patient/?identifier=urn:r|one", []string{"Content-Type", "application/json-patch+json"}, `[{"op":"add","path":"/active","value":false}]`, 200, "", ""},
	{"of none", "PATCH", "/Patient/?identifier=urn:r|nobody", []string{"Content-Type", "application/json-patch+json"}, `[{"op":"add","path":"/active","value":true}]`, 404, "", ""},
	{"of several", "PATCH", "/Patient/?identifier=urn:r|two", []string{"Content-Type", "application/json-patch+json"}, `[{"op":"add","path":"/active","value":true}]`, 412, "", ""},
	{"a conditional create of one tells where it is", "POST", "/Patient", []string{"If-None-Exist", "identifier=urn:r|one"}, `{"resourceType":"Patient"}`, 200, "Location", "/Patient/{id}/_history/{vid}"},
	{"of several", "POST", "/Patient", []string{"If-None-Exist", "identifier=urn:r|two"}, `{"resourceType":"Patient"}`, 412, "", ""},
	{"a conditional delete of none", "DELETE", "/Patient/?identifier=urn:r|nobody", nil, "", 200, "", ""},
	{"of several", "DELETE", "/Patient/?identifier=urn:r|two", nil, "", 412, "", ""},
	{"of one", "DELETE", "/Patient/?identifier=urn:r|one", nil, "", 200, "", ""},
	// http.html#search
	{"a search in a form", "POST", "/Patient/_search", []string{"Content-Type", "application/x-www-form-urlencoded"}, "identifier=urn:r|one", 200, "", ""},
	{"without a body", "POST", "/Patient/_search", nil, "", 200, "", ""},
	{"in another form", "POST", "/Patient/_search", nil, "{}", 415, "", ""},
	{"within a compartment", "GET", "/Patient/{id}/Observation", nil, "", 200, "", ""},
	{"of all its types", "GET", "/Patient/{id}/*", nil, "", 200, "", ""},
	{"in a form, within a compartment", "POST", "/Patient/{id}/Observation/_search", []string{"Content-Type", "application/x-www-form-urlencoded"}, "status=final", 200, "", ""},
	{"of several types in a form", "POST", "/_search", []string{"Content-Type", "application/x-www-form-urlencoded"}, "_type=Patient", 200, "", ""},
	// http.html#capabilities
	{"the capabilities tell their version", "GET", "/metadata", nil, "", 200, "ETag", `"`},
	{"in any mode", "GET", "/metadata?mode=terminology", nil, "", 200, "", ""},
	{"in this version of FHIR", "GET", "/metadata", []string{"Accept", "application/fhir+json; fhirVersion=3.0"}, "", 406, "", ""},
	// http.html#history
	{"a history of a resource", "GET", "/Patient/{id}/_history?_since=2020-01-01T00:00:00Z&_count=1", nil, "", 200, "", ""},
	{"of what was deleted", "GET", "/Patient/{gone}/_history", nil, "", 200, "", ""},
	{"of what never was", "GET", "/Patient/00000000-0000-4000-8000-000000000000/_history", nil, "", 404, "", ""},
	{"its parameters have no modifiers", "GET", "/Patient/{id}/_history?_since:not=2020", nil, "", 400, "", ""},
	{"nor prefixes", "GET", "/Patient/{id}/_history?_since=gt2020-01-01T00:00:00Z", nil, "", 400, "", ""},
	{"and come once", "GET", "/Patient/{id}/_history?_count=1&_count=2", nil, "", 400, "", ""},
	// RFC 9110 §15.5.6
	{"a method that is not allowed", "DELETE", "", nil, "", 405, "Allow", "GET, HEAD, POST"},
	{"on a resource", "POST", "/Patient/{id}", nil, "{}", 405, "Allow", "GET, HEAD, PUT, PATCH, DELETE"},
	{"on a version", "PUT", "/Patient/{id}/_history/{vid}", nil, "{}", 405, "Allow", "GET, HEAD"},
	{"an operation that is not there", "POST", "/Patient/$nope", nil, "{}", 404, "Allow", ""},
	{"an address that is not there", "GET", "/Patient/{id}/a/b/c", nil, "", 404, "Allow", ""},
}

func TestInteractionsFollowR4(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		gone := s.create(t, eve)
		for range 2 {
			s.create(t, `{"resourceType":"Patient","identifier":[{"system":"urn:r","value":"two"}]}`)
		}
		for _, tc := range httpRules {
			s.do(t, "DELETE", "/Patient?identifier=urn:r|one", "")
			s.do(t, "DELETE", "/Patient/"+gone, "").want(t, http.StatusOK)
			id, vid := s.do(t, "POST", "/Patient", `{"resourceType":"Patient","identifier":[{"system":"urn:r","value":"one"}]}`).made(t)
			fill := strings.NewReplacer("{id}", id, "{vid}", vid, "{gone}", gone)
			headers := make([]string, len(tc.headers))
			for i, h := range tc.headers {
				headers[i] = fill.Replace(h)
			}
			got := s.do(t, tc.method, fill.Replace(tc.path), fill.Replace(tc.body), headers...)
			require.Equal(t, tc.status, got.status, "%s: %s", tc.rule, got.body)
			if tc.header == "" {
				continue
			}
			_, version, _ := strings.Cut(strings.Trim(got.header.Get("ETag"), `"`), `"`)
			value := got.header.Get(tc.header)
			if strings.Contains(tc.ends, "{new}") {
				assert.NotEqual(t, vid, version, tc.rule)
			}
			if want := strings.ReplaceAll(fill.Replace(tc.ends), "{new}", version); want == "" {
				assert.Empty(t, value, tc.rule)
			} else {
				assert.True(t, strings.HasSuffix(value, want), "%s: %s is %q, want %q", tc.rule, tc.header, value, want)
			}
		}
	})
}
