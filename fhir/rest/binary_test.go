package rest_test

import (
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tidwall/gjson"

	"github.com/admitdev/admit/fhir/medplum"
)

// raw sends a body of a type as it is.
func (s *server) raw(t *testing.T, method, path, contentType, body string, headers ...string) answer {
	t.Helper()
	return s.do(t, method, path, body, append([]string{"Content-Type", contentType, "Accept", "*/*"}, headers...)...)
}

// uploaded makes a Binary and gives its id.
func (s *server) uploaded(t *testing.T, contentType, body string, headers ...string) string {
	t.Helper()
	id, _ := s.raw(t, "POST", "/Binary", contentType, body, headers...).made(t)
	return id
}

// download gets a Binary as it came.
func (s *server) download(t *testing.T, id string, headers ...string) answer {
	t.Helper()
	return s.do(t, "GET", "/Binary/"+id, "", append([]string{"Accept", "*/*"}, headers...)...)
}

func TestContentComesBackAsItWent(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		for _, tc := range []struct{ name, contentType, body string }{
			{"text", "text/plain", "Hello"},
			{"text with a parameter", "text/plain; charset=utf-8", "Grüß Gott"},
			{"bytes that are no text", "application/octet-stream", "\x00\xff\xfe"},
			{"nothing", "image/png", ""},
			{"another resource", "application/fhir+json", `{"resourceType":"Patient"}`},
			{"JSON that is broken", "application/json", `{"resourceType":`},
			{"JSON larger than a resource", "application/json", `"` + strings.Repeat("x", 1<<21) + `"`},
			{"a form", "application/x-www-form-urlencoded", "a=b"},
			{"more than a part", "application/dicom", strings.Repeat("0123456789", 200_000)},
		} {
			t.Run(tc.name, func(t *testing.T) {
				made := s.raw(t, "POST", "/Binary?_filename=scan.bin", tc.contentType, tc.body)
				id, version := made.made(t)
				assert.Equal(t, tc.contentType, gjson.Get(made.body, "contentType").String())
				got := s.download(t, id)
				require.Equal(t, http.StatusOK, got.status, got.body)
				assert.True(t, tc.body == got.body)
				assert.Equal(t, tc.contentType, got.header.Get("Content-Type"))
				assert.Equal(t, `W/"`+version+`"`, got.header.Get("ETag"))
				assert.Equal(t, "nosniff", got.header.Get("X-Content-Type-Options"))
				assert.Equal(t, http.StatusNotModified, s.download(t, id, "If-None-Match", got.header.Get("ETag")).status)

				resource := s.do(t, "GET", "/Binary/"+id, "", "Accept", "application/fhir+json, */*; q=0.1").want(t, http.StatusOK)
				require.True(t, json.Valid([]byte(resource.body)))
				data, err := base64.StdEncoding.DecodeString(gjson.Get(resource.body, "data").String())
				require.NoError(t, err)
				assert.True(t, tc.body == string(data))
			})
		}
	})
}

func TestRangesOfContent(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		id := s.uploaded(t, "text/plain", "0123456789")
		for _, tc := range []struct {
			ask    string
			status int
			body   string
		}{
			{"bytes=2-4", http.StatusPartialContent, "234"},
			{"bytes=-3", http.StatusPartialContent, "789"},
			{"bytes=8-", http.StatusPartialContent, "89"},
			{"bytes=20-", http.StatusRequestedRangeNotSatisfiable, ""},
		} {
			got := s.download(t, id, "Range", tc.ask)
			assert.Equal(t, tc.status, got.status, tc.ask)
			if tc.body != "" {
				assert.Equal(t, tc.body, got.body)
			}
		}
	})
}

func TestBinaryResourceKeepsItsData(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		resource := `{"resourceType":"Binary","contentType":"text/plain","data":"SGVs\nbG8="}`
		resource = strings.Replace(resource, `\n`, "", 1)
		made := s.do(t, "POST", "/Binary", resource)
		id, _ := made.made(t)
		assert.Equal(t, "Hello", s.download(t, id).body)
		assert.Equal(t, made.body, s.do(t, "GET", "/Binary/"+id, "", "Accept", "application/fhir+json").body)

		s.raw(t, "PUT", "/Binary/"+id, "text/css", "body{}").want(t, http.StatusOK)
		got := s.download(t, id)
		assert.Equal(t, "body{}", got.body)
		assert.Equal(t, "text/css", got.header.Get("Content-Type"))

		s.do(t, "PUT", "/Binary/"+id, body2("Binary", id, `,"contentType":"text/plain","data":"SGVsbG8="`)).want(t, http.StatusOK)
		assert.Equal(t, "Hello", s.download(t, id).body)
	})
}

func body2(resourceType, id, rest string) string {
	return `{"resourceType":"` + resourceType + `","id":"` + id + `"` + rest + `}`
}

func TestEachVersionHasItsContent(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		first := s.raw(t, "POST", "/Binary", "text/plain", "one")
		id, v1 := first.made(t)
		version := func(a answer) string { return gjson.Get(a.want(t, http.StatusOK).body, "meta.versionId").String() }
		v2 := version(s.raw(t, "PUT", "/Binary/"+id, "text/plain", "two"))
		assert.NotEqual(t, v1, v2, "other content is another version, though the resource says the same")
		v3 := version(s.do(t, "PUT", "/Binary/"+id, body2("Binary", id, `,"contentType":"text/x-plain"`)))
		s.raw(t, "PUT", "/Binary/"+id, "text/plain", "late", "If-Match", `W/"`+v1+`"`).want(t, http.StatusPreconditionFailed)
		for v, content := range map[string]string{v1: "one", v2: "two", v3: "two"} {
			assert.Equal(t, content, s.do(t, "GET", "/Binary/"+id+"/_history/"+v, "", "Accept", "*/*").body)
		}
		s.do(t, "DELETE", "/Binary/"+id, "").want(t, http.StatusOK)
		assert.Equal(t, http.StatusGone, s.download(t, id).status)
		assert.Equal(t, "one", s.do(t, "GET", "/Binary/"+id+"/_history/"+v1, "", "Accept", "*/*").body, "history keeps what it had")
		s.raw(t, "PUT", "/Binary/"+id, "text/plain", "back").want(t, http.StatusOK)
		assert.Equal(t, "back", s.download(t, id).body)
	})
}

func TestWhatIsTooLargeOrBrokenIsRefused(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		large := strings.Repeat("x", 3<<20+1)
		s.raw(t, "POST", "/Binary", "text/plain", large).wantIssue(t, http.StatusRequestEntityTooLarge, "content-too-large", "too-long", "Request body too large")
		request, err := http.NewRequest("POST", s.url+"/Binary", io.MultiReader(strings.NewReader(large))) // of unknown length
		require.NoError(t, err)
		request.Header.Set("As", "staff")
		request.Header.Set("Content-Type", "text/plain")
		response, err := http.DefaultClient.Do(request)
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		assert.Equal(t, http.StatusRequestEntityTooLarge, response.StatusCode)
		s.do(t, "POST", "/Binary", `{"resourceType":"Binary","contentType":"text/plain","data":"`+strings.Repeat("AAAA", 1<<18)+`"}`).want(t, http.StatusRequestEntityTooLarge)

		s.raw(t, "POST", "/Binary", "text/plain", "x", "Content-Encoding", "gzip").want(t, http.StatusUnsupportedMediaType)
		s.raw(t, "POST", "/Binary", "text/plain", "x", "X-Security-Context", "no reference").want(t, http.StatusBadRequest)
		s.raw(t, "POST", "/Binary?_foo=1", "text/plain", "x").want(t, http.StatusBadRequest)
		s.raw(t, "POST", "/Binary", "text/plain", "x", "If-None-Exist", "_id=1").want(t, http.StatusBadRequest)
		s.raw(t, "PUT", "/Binary/00000000-0000-4000-8000-000000000000", "text/plain", "x").want(t, http.StatusNotFound)
		s.do(t, "GET", "/Binary", "").want(t, http.StatusBadRequest)
	})
}

// TestStoredPagesCannotRun: what somebody has uploaded is never a page of our origin.
func TestStoredPagesCannotRun(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		for contentType, how := range map[string]string{
			"text/html": "attachment", "image/svg+xml": "attachment", "application/xhtml+xml": "attachment", "text/xml": "attachment",
			"application/javascript": "attachment", "text/html; charset=utf-8": "attachment", "nonsense": "attachment",
			"text/plain": "inline", "image/png": "inline", "application/pdf": "inline",
		} {
			got := s.download(t, s.uploaded(t, contentType, "<script>alert(1)</script>"))
			assert.Equal(t, how, got.header.Get("Content-Disposition"), contentType)
			assert.Equal(t, "nosniff", got.header.Get("X-Content-Type-Options"))
			if contentType != "application/pdf" {
				assert.Contains(t, got.header.Get("Content-Security-Policy"), "sandbox", contentType)
			}
		}
	})
}

func TestFileNamesAreOfferedAndNothingElse(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		for given, offered := range map[string]string{
			"scan.pdf": `inline; filename=scan.pdf`, "../../etc/passwd": `inline; filename=passwd`, `C:\x\y.pdf`: `inline; filename=y.pdf`,
			"a%0d%0aSet-Cookie:b": `inline; filename=a__Set-Cookie_b`, "..": "inline", "r%C3%B6ntgen.pdf": "inline; filename*=utf-8''r%C3%B6ntgen.pdf",
		} {
			id, _ := s.raw(t, "POST", "/Binary?_filename="+given, "application/pdf", "x").made(t)
			got := s.download(t, id)
			assert.Equal(t, offered, got.header.Get("Content-Disposition"), given)
			assert.Empty(t, got.header.Get("Set-Cookie"))
		}
	})
}

func TestSecurityContextDecidesWhoReads(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		patient, _ := s.do(t, "POST", "/Patient", `{"resourceType":"Patient","gender":"female"}`).made(t)
		s.members["reader"] = s.With(t, s.A.ID, medplum.PolicyResource{ResourceType: "Binary"}, medplum.PolicyResource{ResourceType: "Patient", Criteria: "Patient?gender=male"}).Claims
		plain := s.uploaded(t, "text/plain", "for all")
		mine := s.uploaded(t, "text/plain", "hers", "X-Security-Context", "Patient/"+patient)
		for _, path := range []string{"/Binary/" + mine, "/Binary/" + mine + "/_history"} {
			assert.Equal(t, http.StatusOK, s.do(t, "GET", path, "").status)
			assert.Equal(t, http.StatusNotFound, s.do(t, "GET", path, "", "As", "reader").status, path)
		}
		assert.Equal(t, "hers", s.download(t, mine).body)
		assert.Equal(t, "for all", s.download(t, plain, "As", "reader").body)
		assert.Equal(t, http.StatusNotFound, s.download(t, mine, "As", "reader").status)
		for method, body := range map[string]string{"PUT": "new", "DELETE": ""} {
			assert.Equal(t, http.StatusNotFound, s.raw(t, method, "/Binary/"+mine, "text/plain", body, "As", "reader").status, method)
		}
		batch := `{"resourceType":"Bundle","type":"batch","entry":[{"request":{"method":"GET","url":"Binary/` + mine + `"}}]}`
		assert.Equal(t, "404", s.do(t, "POST", "", batch, "As", "reader").want(t, http.StatusOK).field("entry.0.response.status"))

		s.raw(t, "PUT", "/Binary/"+mine, "text/plain", "hers still").want(t, http.StatusOK)
		assert.Equal(t, http.StatusNotFound, s.download(t, mine, "As", "reader").status, "the context outlives an upload that names none")
		s.do(t, "PUT", "/Patient/"+patient, body(patient, `,"gender":"male"`)).want(t, http.StatusOK)
		assert.Equal(t, "hers still", s.download(t, mine, "As", "reader").body)
		s.do(t, "DELETE", "/Patient/"+patient, "").want(t, http.StatusOK)
		assert.Equal(t, http.StatusNotFound, s.download(t, mine, "As", "reader").status, "a context that is gone opens nothing")

		for _, nowhere := range []string{"Patient/none", "https://example.org/Patient/1", "Binary/" + plain} {
			id, _ := s.do(t, "POST", "/Binary", `{"resourceType":"Binary","contentType":"text/plain","securityContext":{"reference":"`+nowhere+`"},"data":"eA=="}`).made(t)
			assert.Equal(t, http.StatusNotFound, s.download(t, id).status, nowhere)
		}
	})
}

func TestHistoryPassesOverBinariesOfAContextThatMayNotBeRead(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		s.members["reader"] = s.With(t, s.A.ID, medplum.PolicyResource{ResourceType: "Binary"}, medplum.PolicyResource{ResourceType: "Patient", Criteria: "Patient?gender=male"}).Claims
		man, _ := s.do(t, "POST", "/Patient", `{"resourceType":"Patient","gender":"male"}`).made(t)
		woman, _ := s.do(t, "POST", "/Patient", `{"resourceType":"Patient","gender":"female"}`).made(t)
		of := func(context string) string {
			return s.uploaded(t, "text/plain", "x", "X-Security-Context", context)
		}
		known := []string{}
		for name, id := range map[string]string{
			"plain": s.uploaded(t, "text/plain", "x"), "his": of("Patient/" + man), "hers": of("Patient/" + woman), "nobodys": of("Patient/none"),
			"moved": of("Patient/" + man), "hers-deleted": of("Patient/" + woman), "his-deleted": of("Patient/" + man),
		} {
			known = append(known, id, name)
		}
		id := func(name string) string { return known[slices.Index(known, name)-1] }
		s.raw(t, "PUT", "/Binary/"+id("moved"), "text/plain", "y", "X-Security-Context", "Patient/"+woman).want(t, http.StatusOK)
		for _, name := range []string{"hers-deleted", "his-deleted"} {
			s.do(t, "DELETE", "/Binary/"+id(name), "").want(t, http.StatusOK)
		}
		for _, tc := range []struct {
			as, address string
			want        []string
		}{
			{"reader", "/Binary/_history", []string{"DELETE Binary/his-deleted", "plain", "his", "his-deleted"}},
			{"staff", "/Binary/_history", []string{"DELETE Binary/his-deleted", "DELETE Binary/hers-deleted", "PUT Binary/moved", "plain", "his", "hers", "moved", "his-deleted", "hers-deleted"}},
			{"reader", "/Binary/" + id("his") + "/_history", []string{"his"}},
		} {
			var want []string
			for _, did := range tc.want {
				if !strings.Contains(did, " ") {
					did = "made " + did
				}
				want = append(want, did)
			}
			whole := s.do(t, "GET", tc.address, "", "As", tc.as).page(t)
			require.NotNil(t, whole.Total)
			assert.Equal(t, len(want), *whole.Total)
			assert.ElementsMatch(t, want, binariesOf(whole, known))
			var paged []string
			for at := tc.address + "?_count=1"; at != ""; {
				got := s.do(t, "GET", at, "", "As", tc.as).page(t)
				paged, at = append(paged, binariesOf(got, known)...), got.next(t)
			}
			assert.ElementsMatch(t, want, paged, "page by page")
			for skipped := range want {
				got := s.do(t, "GET", tc.address+"?_count=1&_offset="+strconv.Itoa(skipped), "", "As", tc.as).page(t)
				assert.Equal(t, binariesOf(whole, known)[skipped], binariesOf(got, known)[0])
			}
		}
		for _, as := range []string{"reader", "admin", "super"} {
			s.do(t, "GET", "/_history", "", "As", as).want(t, http.StatusOK)
		}
		got := strings.NewReplacer(known...).Replace(s.do(t, "GET", "/_history?_count=1000", "", "As", "reader").want(t, http.StatusOK).body)
		assert.Contains(t, got, "his-deleted")
		for _, hidden := range []string{"Binary/hers", "Binary/moved", "Binary/nobodys"} {
			assert.NotContains(t, got, hidden)
		}
	})
}

// binariesOf is what a history says was done to Binaries that are known.
func binariesOf(p page, known []string) []string {
	names := strings.NewReplacer(known...)
	var all []string
	for _, e := range p.Entry {
		did := e.Request.Method + " " + e.Request.URL
		switch id := gjson.GetBytes(e.Resource, "id").String(); e.Request.Method {
		case "POST":
			did = "made " + id
		case "PUT": // the address may be a signed one
			did = "PUT Binary/" + id
		}
		all = append(all, names.Replace(did))
	}
	return all
}

// field is a value of the JSON at a gjson path.
func (a answer) field(path string) string { return gjson.Get(a.body, path).String() }

func TestBinariesOfOthers(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		id := s.uploaded(t, "text/plain", "ours")
		s.members["blind"] = s.With(t, s.A.ID, medplum.PolicyResource{ResourceType: "Binary", HiddenFields: []string{"data"}}).Claims
		assert.Equal(t, http.StatusNotFound, s.download(t, id, "As", "other").status)
		assert.Equal(t, http.StatusNotFound, s.raw(t, "PUT", "/Binary/"+id, "text/plain", "x", "As", "other").status)
		assert.Equal(t, http.StatusForbidden, s.download(t, id, "As", "patient").status)
		assert.Equal(t, http.StatusForbidden, s.raw(t, "POST", "/Binary", "text/plain", "x", "As", "patient").status)
		assert.Equal(t, http.StatusForbidden, s.download(t, id, "As", "blind").status, "hidden data is hidden in storage as well")
		resource := s.do(t, "GET", "/Binary/"+id, "", "As", "blind", "Accept", "application/fhir+json").want(t, http.StatusOK)
		assert.Empty(t, resource.field("data"))
		assert.Equal(t, http.StatusUnauthorized, s.download(t, id, "As", "nobody").status)
	})
}
