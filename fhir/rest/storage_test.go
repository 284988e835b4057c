package rest_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/admitdev/admit/fhir/attachment"
	"github.com/admitdev/admit/fhir/medplum"
	"github.com/admitdev/admit/pkg/clock"
	"github.com/admitdev/admit/pkg/store"
)

const storage = "https://admit.example/storage/"

// follow asks for a signed URL without credentials.
func (s *server) follow(t *testing.T, signed string) answer {
	t.Helper()
	path, ok := strings.CutPrefix(signed, storage)
	require.True(t, ok, "%q is no signed URL", signed)
	before := s.url
	s.url = strings.TrimSuffix(s.url, "/fhir/R4") + "/storage/"
	defer func() { s.url = before }()
	return s.do(t, "GET", path, "", "As", "nobody", "Content-Type", "text/plain")
}

// media makes a Media whose content is a Binary, and gives its id.
func (s *server) media(t *testing.T, url string) string {
	t.Helper()
	id, _ := s.do(t, "POST", "/Media", `{"resourceType":"Media","status":"completed","content":{"contentType":"text/plain", "url" : "`+url+`"}}`).made(t)
	return id
}

// stored is a resource as it is kept.
func (s *server) stored(t *testing.T, resourceType, id string) string {
	t.Helper()
	got, err := s.Repo.System("look at what is stored", s.A.ID).Read(t.Context(), resourceType, id)
	require.NoError(t, err)
	return string(got.Content)
}

func TestAnswersHaveSignedURLs(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		made := s.raw(t, "POST", "/Binary", "text/plain", "Hello")
		id, version := made.made(t)
		signed := made.field("url")
		assert.True(t, strings.HasPrefix(signed, storage+id+"/"+version+"?"), signed)
		got := s.follow(t, signed)
		assert.Equal(t, "Hello", got.body)
		assert.Equal(t, "text/plain", got.header.Get("Content-Type"))
		assert.Contains(t, got.header.Get("Cache-Control"), "private, max-age=")

		media := s.media(t, "Binary/"+id)
		for name, got := range map[string]answer{
			"read":    s.do(t, "GET", "/Media/"+media, ""),
			"search":  s.do(t, "GET", "/Media?_id="+media, ""),
			"history": s.do(t, "GET", "/Media/"+media+"/_history", ""),
			"batch":   s.do(t, "POST", "", `{"resourceType":"Bundle","type":"batch","entry":[{"request":{"method":"GET","url":"Media/`+media+`"}}]}`),
		} {
			assert.Contains(t, got.want(t, http.StatusOK).body, storage+id+"/"+version+"?", name)
			assert.NotContains(t, got.body, `"Binary/`, name)
		}
		assert.Contains(t, s.stored(t, "Media", media), `"Binary/`+id+`"`)
	})
}

func TestSignedURLsAreStoredAsWhatTheyStandFor(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		made := s.raw(t, "POST", "/Binary", "text/plain", "Hello")
		id, _ := made.made(t)
		signed := made.field("url")
		for name, spelled := range map[string]string{
			"as it is": signed, "with slashes escaped": strings.ReplaceAll(signed, "/", `\/`), "with & escaped": strings.ReplaceAll(signed, "&", `\u0026`),
			"run out": storage + id + "/old?Expires=1&Signature=x",
		} {
			media := s.media(t, spelled)
			assert.Contains(t, s.stored(t, "Media", media), `"Binary/`+id+`"`, name)
			patch := `[{"op":"replace","path":"/content/url","value":"` + spelled + `"},{"op":"add","path":"/content/title","value":"x"}]`
			s.do(t, "PATCH", "/Media/"+media, patch, "Content-Type", "application/json-patch+json").want(t, http.StatusOK)
			assert.NotContains(t, s.stored(t, "Media", media), "Signature", name)
		}
		entry := `{"resourceType":"Bundle","type":"transaction","entry":[{"request":{"method":"POST","url":"Media"},` +
			`"resource":{"resourceType":"Media","status":"completed","content":{"url":"` + signed + `"}}}]}`
		got := s.do(t, "POST", "", entry).want(t, http.StatusOK)
		_, rest, _ := strings.Cut(got.field("entry.0.response.location"), "Media/")
		media, _, _ := strings.Cut(rest, "/")
		assert.NotContains(t, s.stored(t, "Media", media), "Signature")
	})
}

func TestWhoMayNotReadGetsNoURL(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		patient, _ := s.do(t, "POST", "/Patient", eve).made(t)
		open := s.uploaded(t, "text/plain", "open")
		closed := s.uploaded(t, "text/plain", "closed", "X-Security-Context", "Patient/"+patient)
		everyMedia := medplum.PolicyResource{ResourceType: "Media"}
		s.members["no binaries"] = s.With(t, s.A.ID, everyMedia).Claims
		s.members["no patients"] = s.With(t, s.A.ID, everyMedia, medplum.PolicyResource{ResourceType: "Binary"}).Claims
		s.members["blind"] = s.With(t, s.A.ID, everyMedia, medplum.PolicyResource{ResourceType: "Binary", HiddenFields: []string{"data"}}).Claims
		foreign, _ := s.raw(t, "POST", "/Binary", "text/plain", "theirs", "As", "other").made(t)
		for _, tc := range []struct {
			as, binary string
			signed     bool
		}{
			{"staff", open, true}, {"staff", closed, true}, {"staff", foreign, false}, {"staff", "unknown", false},
			{"no binaries", open, false}, {"blind", open, false},
			{"no patients", open, true}, {"no patients", closed, false},
		} {
			got := s.do(t, "GET", "/Media/"+s.media(t, "Binary/"+tc.binary), "", "As", tc.as).want(t, http.StatusOK).field("content.url")
			assert.Equal(t, tc.signed, strings.HasPrefix(got, storage), "%s: %s", tc.as, got)
			if !tc.signed {
				assert.Equal(t, "Binary/"+tc.binary, got)
			}
		}
	})
}

func TestSignedURLsCannotBeChangedAndRunOut(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		made := s.raw(t, "POST", "/Binary", "text/plain", "one")
		id, version := made.made(t)
		second := s.raw(t, "PUT", "/Binary/"+id, "text/plain", "two").want(t, http.StatusOK)
		other := s.uploaded(t, "text/plain", "other")
		signed, err := url.Parse(made.field("url"))
		require.NoError(t, err)
		with := func(name, value string) string {
			changed, query := *signed, signed.Query()
			query.Set(name, value)
			changed.RawQuery = query.Encode()
			return changed.String()
		}
		assert.Equal(t, "one", s.follow(t, signed.String()).body, "a URL names a version")
		assert.Equal(t, "two", s.follow(t, second.field("url")).body)
		for name, bad := range map[string]string{
			"no signature":      storage + id + "/" + version,
			"another signature": with("Signature", "00"),
			"a later expiry":    with("Expires", "99999999999"),
			"another project":   with("Project", s.B.ID),
			"another version":   strings.Replace(signed.String(), version, gjsonVersion(second), 1),
			"another Binary":    strings.Replace(signed.String(), id, other, 1),
		} {
			assert.Equal(t, http.StatusUnauthorized, s.follow(t, bad).status, name)
		}
		past := attachment.URLs{Storage: storage, Key: testKey{}, Clock: earlier{}}
		ran := past.Sign(refOf(s.A.ID, id), version)
		assert.Equal(t, http.StatusGone, s.follow(t, ran).status)
		s.do(t, "DELETE", "/Binary/"+id, "").want(t, http.StatusOK)
		assert.Equal(t, http.StatusGone, s.follow(t, signed.String()).status, "a deleted Binary is not given away")
	})
}

// earlier is a clock of two hours ago.
type earlier struct{ clock.System }

func (e earlier) Now() time.Time { return e.System.Now().Add(-2 * time.Hour) }

func gjsonVersion(a answer) string { return a.field("meta.versionId") }

func refOf(project, id string) store.Ref { return store.Ref{Project: project, Type: "Binary", ID: id} }
