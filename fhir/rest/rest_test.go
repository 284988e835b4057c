package rest_test

import (
	"encoding/hex"
	"encoding/json"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/admitdev/admit/fhir/attachment"
	"github.com/admitdev/admit/fhir/caller"
	"github.com/admitdev/admit/fhir/repo/repotest"
	"github.com/admitdev/admit/fhir/rest"
	"github.com/admitdev/admit/pkg/blob"
	"github.com/admitdev/admit/pkg/clock"
	"github.com/admitdev/admit/pkg/secret"
	"github.com/admitdev/admit/pkg/store/storetest"
	"github.com/admitdev/admit/pkg/web"
)

const base = "https://admit.example/fhir/R4/"

// server is the surface on a listener; the header As names who calls.
type server struct {
	*repotest.World
	url     string
	members map[string]caller.Claims
	handler *rest.Handler
	queue   *queue
	box     *secret.Box
	shelf   *blob.Shelf
	blobs   string // the directory of the shelf
	urls    *attachment.URLs
}

// testKey signs in a way that everybody can see.
type testKey struct{}

func (testKey) Fingerprint(data []byte) string { return hex.EncodeToString(data) }

func start(t *testing.T, db storetest.DB) *server {
	t.Helper()
	return startIn(t, repotest.New(t, db))
}

func startIn(t *testing.T, world *repotest.World) *server {
	t.Helper()
	return startWithin(t, world, rest.Limits{})
}

func startWithin(t *testing.T, world *repotest.World, limits rest.Limits) *server {
	t.Helper()
	s := &server{World: world}
	s.members = map[string]caller.Claims{"staff": s.A.Staff.Claims, "admin": s.A.Admin.Claims, "patient": s.A.Patient.Claims, "other": s.B.Staff.Claims, "super": s.Super.Admin.Claims}
	s.urls = &attachment.URLs{Storage: "https://admit.example/storage/", FHIR: base, Key: testKey{}, Clock: clock.System{}}
	s.Repo.Attachments = s.urls
	s.blobs = t.TempDir()
	blobs, err := blob.Open("file:" + s.blobs)
	require.NoError(t, err)
	s.shelf = &blob.Shelf{Blobs: blobs, Rows: s.Store, Clock: clock.System{}, Log: slog.New(slog.DiscardHandler), Limit: 3 << 20}
	s.queue = &queue{}
	s.box, err = secret.NewBox(secret.Key())
	require.NoError(t, err)
	h, err := rest.New(rest.Options{Repo: s.Repo, Shelf: s.shelf, URLs: s.urls, Base: base, Version: "test", Released: time.Unix(0, 0), Queue: s.queue, Callers: s.Resolver, Box: s.box, Limits: limits, Quota: -1})
	require.NoError(t, err)
	s.handler = h
	e := echo.New()
	h.MountStorage(e.Group("/storage", web.Errors(web.Outcome)))
	h.MountPublic(e.Group("/fhir/R4", web.Errors(web.Outcome)))
	called := []echo.MiddlewareFunc{web.Errors(web.Outcome), s.Resolver.Middleware(func(c echo.Context) (caller.Claims, bool) {
		claims, ok := s.members[c.Request().Header.Get("As")]
		return claims, ok
	})}
	h.Mount(e.Group("/fhir/R4", called...))
	h.MountUnrouted(e.Group("/fhir/R4", called...))
	listening := httptest.NewServer(web.Handler(e))
	t.Cleanup(listening.Close)
	s.url = listening.URL + "/fhir/R4"
	return s
}

func each(t *testing.T, fn func(t *testing.T, s *server)) {
	t.Helper()
	t.Parallel() // a test waits for its database more than it works
	storetest.Each(t, func(t *testing.T, db storetest.DB) { fn(t, start(t, db)) })
}

// answer is what came back.
type answer struct {
	status int
	header http.Header
	body   string
}

// do sends a request as staff unless the headers (name, value, …) say otherwise.
func (s *server) do(t *testing.T, method, path, body string, headers ...string) answer {
	t.Helper()
	request, err := http.NewRequest(method, s.url+path, strings.NewReader(body))
	require.NoError(t, err)
	request.Header.Set("As", "staff")
	request.Header.Set("Content-Type", "application/fhir+json")
	for i := 0; i+1 < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	defer response.Body.Close()
	read, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return answer{response.StatusCode, response.Header, string(read)}
}

func (a answer) want(t *testing.T, status int) answer {
	t.Helper()
	require.Equal(t, status, a.status, a.body)
	if a.body != "" {
		assert.Equal(t, "application/fhir+json; charset=utf-8", a.header.Get("Content-Type"))
	}
	return a
}

func (a answer) wantIssue(t *testing.T, status int, id, code, text string) {
	t.Helper()
	a.want(t, status)
	var o struct {
		ResourceType, ID string
		Issue            []struct {
			Severity, Code string
			Details        struct{ Text string }
		}
	}
	require.NoError(t, json.Unmarshal([]byte(a.body), &o), a.body)
	require.NotEmpty(t, o.Issue)
	assert.Equal(t, [4]string{"OperationOutcome", id, code, text}, [4]string{o.ResourceType, o.ID, o.Issue[0].Code, o.Issue[0].Details.Text})
}

// made is what a create's answer says.
func (a answer) made(t *testing.T) (id, version string) {
	t.Helper()
	a.want(t, http.StatusCreated)
	var r struct {
		ID   string
		Meta struct{ VersionID string }
	}
	require.NoError(t, json.Unmarshal([]byte(a.body), &r))
	return r.ID, r.Meta.VersionID
}

const eve = `{"resourceType":"Patient","active":true,"name":[{"family":"Example","given":["Eve"]}]}`

func body(id, rest string) string { return `{"resourceType":"Patient","id":"` + id + `"` + rest + `}` }

func TestCreateAnswersAsRecorded(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		got := s.do(t, "POST", "/Patient", eve)
		id, version := got.made(t)
		assert.Equal(t, `W/"`+version+`"`, got.header.Get("ETag"))
		assert.Equal(t, base+"Patient/"+id+"/_history/"+version, got.header.Get("Location"))
		s.do(t, "GET", "/Patient/"+id, "", "If-Modified-Since", got.header.Get("Last-Modified")).want(t, http.StatusNotModified)
		s.do(t, "GET", "/Patient/"+id, "", "If-Modified-Since", "Thu, 01 Jan 1970 00:00:00 GMT").want(t, http.StatusOK)
		s.do(t, "GET", "/Patient/"+id, "", "If-Modified-Since", "soon").want(t, http.StatusOK)
		s.do(t, "GET", "/Patient/"+id, "", "If-Modified-Since", got.header.Get("Last-Modified"), "If-None-Match", `W/"x"`).want(t, http.StatusOK)
		_, err := http.ParseTime(got.header.Get("Last-Modified"))
		assert.NoError(t, err)

		minimal := s.do(t, "POST", "/Patient", eve, "Prefer", "return=minimal").want(t, http.StatusCreated)
		assert.Empty(t, minimal.body)
		assert.NotEmpty(t, minimal.header.Get("Location"))
		s.do(t, "POST", "/Patient", eve, "Prefer", "return=OperationOutcome").wantIssue(t, http.StatusCreated, "created", "informational", "Created")
	})
}

func TestReadKnowsWhatTheClientHas(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		made := s.do(t, "POST", "/Patient", eve)
		id, version := made.made(t)
		got := s.do(t, "GET", "/Patient/"+id, "").want(t, http.StatusOK)
		assert.Equal(t, made.body, got.body)
		assert.Equal(t, made.header.Get("ETag"), got.header.Get("ETag"))
		head := s.do(t, "HEAD", "/Patient/"+id, "")
		assert.Equal(t, http.StatusOK, head.status)
		assert.Empty(t, head.body)
		same := s.do(t, "GET", "/Patient/"+id, "", "If-None-Match", `W/"x", W/"`+version+`"`).want(t, http.StatusNotModified)
		assert.Empty(t, same.body)
		s.do(t, "GET", "/Patient/"+id, "", "If-None-Match", `W/"x"`).want(t, http.StatusOK)
		indented := s.do(t, "GET", "/Patient/"+id+"?_pretty=true&_format=json", "").want(t, http.StatusOK)
		assert.Contains(t, indented.body, "\n  \"id\"")
	})
}

func TestUpdateAnswersAsRecorded(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		id, version := s.do(t, "POST", "/Patient", eve).made(t)
		unchanged := s.do(t, "PUT", "/Patient/"+id, strings.Replace(eve, "{", `{"id":"`+id+`",`, 1)).want(t, http.StatusOK)
		assert.Equal(t, `W/"`+version+`"`, unchanged.header.Get("ETag"))
		changed := s.do(t, "PUT", "/Patient/"+id, body(id, `,"active":false`), "If-Match", `W/"`+version+`"`).want(t, http.StatusOK)
		assert.NotEqual(t, unchanged.header.Get("ETag"), changed.header.Get("ETag"))
		assert.Contains(t, changed.header.Get("Location"), base+"Patient/"+id+"/_history/", "as R4 has it")
		s.do(t, "PUT", "/Patient/"+id, body(id, ""), "If-Match", `W/"`+version+`"`).wantIssue(t, http.StatusPreconditionFailed, "precondition-failed", "processing", "Precondition Failed")
		for _, nonsense := range []string{"", `W/""`, `"`, `"a" "b"`, `W/"a", W/"b"`} {
			got := s.do(t, "PUT", "/Patient/"+id, body(id, `,"gender":"other"`), "If-Match", nonsense)
			assert.Equal(t, http.StatusPreconditionFailed, got.status, "%q", nonsense)
		}
		s.do(t, "PUT", "/Patient/"+id, body("x", "")).wantIssue(t, http.StatusBadRequest, "", "invalid", "Incorrect resource ID")
		s.do(t, "PUT", "/Patient/"+id, `{"resourceType":"Observation","id":"`+id+`"}`).wantIssue(t, http.StatusBadRequest, "", "invalid", "Incorrect resource type")
		unknown := "00000000-0000-4000-8000-000000000000"
		s.do(t, "PUT", "/Patient/"+unknown, body(unknown, "")).wantIssue(t, http.StatusNotFound, "not-found", "not-found", "Not found")
	})
}

func TestDeleteAndHistoryAnswerAsRecorded(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		id, version := s.do(t, "POST", "/Patient", eve).made(t)
		s.do(t, "DELETE", "/Patient/"+id, "", "If-Match", `W/"x"`).want(t, http.StatusPreconditionFailed)
		for range 2 {
			s.do(t, "DELETE", "/Patient/"+id, "").wantIssue(t, http.StatusOK, "ok", "informational", "All OK")
		}
		s.do(t, "GET", "/Patient/"+id, "").wantIssue(t, http.StatusGone, "gone", "deleted", "Gone")
		s.do(t, "GET", "/Patient/"+id+"/_history/"+version, "").want(t, http.StatusOK)
		s.do(t, "GET", "/Patient/"+id+"/_history/x", "").want(t, http.StatusNotFound)

		var bundle struct {
			ResourceType, Type string
			Total              int
			Entry              []struct {
				FullURL  string
				Resource json.RawMessage
				Request  struct{ Method, URL string }
				Response struct {
					Status  string
					Outcome struct {
						ID    string
						Issue []struct{ Details struct{ Text string } }
					}
				}
			}
		}
		got := s.do(t, "GET", "/Patient/"+id+"/_history", "").want(t, http.StatusOK)
		require.NoError(t, json.Unmarshal([]byte(got.body), &bundle))
		assert.Equal(t, "history", bundle.Type)
		assert.Equal(t, 2, bundle.Total)
		require.Len(t, bundle.Entry, 2)
		assert.Equal(t, "410", bundle.Entry[0].Response.Status)
		assert.Equal(t, "gone", bundle.Entry[0].Response.Outcome.ID)
		assert.Contains(t, bundle.Entry[0].Response.Outcome.Issue[0].Details.Text, "Deleted on ")
		assert.Nil(t, bundle.Entry[0].Resource)
		assert.Equal(t, "201", bundle.Entry[1].Response.Status)
		assert.Equal(t, "Patient", bundle.Entry[1].Request.URL)
		assert.Equal(t, base+"Patient/"+id, bundle.Entry[1].FullURL)
		s.do(t, "GET", "/Patient/"+id+"/_history?_count=x", "").want(t, http.StatusBadRequest)
	})
}

func TestConditionalCreate(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		patient := `{"resourceType":"Patient","identifier":[{"system":"urn:mrn","value":"1"}]}`
		first := s.do(t, "POST", "/Patient", patient, "If-None-Exist", "identifier=urn:mrn|1").want(t, http.StatusCreated)
		again := s.do(t, "POST", "/Patient", patient, "If-None-Exist", "identifier=urn:mrn|1").want(t, http.StatusOK)
		assert.Equal(t, first.body, again.body)
		s.do(t, "POST", "/Patient", patient).want(t, http.StatusCreated)
		s.do(t, "POST", "/Patient", patient, "If-None-Exist", "identifier=urn:mrn|1").wantIssue(t, http.StatusPreconditionFailed, "multiple-matches", "multiple-matches", "Multiple resources found matching condition")
		s.do(t, "POST", "/Patient", patient, "If-None-Exist", "nope=1").want(t, http.StatusBadRequest)
	})
}

func TestSimultaneousConditionalCreatesMakeOne(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		statuses := make(chan int, 10)
		for range cap(statuses) {
			go func() {
				request, _ := http.NewRequest("POST", s.url+"/Patient", strings.NewReader(`{"resourceType":"Patient","identifier":[{"value":"1"}]}`))
				request.Header = http.Header{"As": {"staff"}, "Content-Type": {"application/json"}, "If-None-Exist": {"identifier=1"}}
				response, err := http.DefaultClient.Do(request)
				if err != nil {
					statuses <- 0
					return
				}
				response.Body.Close()
				statuses <- response.StatusCode
			}()
		}
		count := map[int]int{}
		for range cap(statuses) {
			count[<-statuses]++
		}
		assert.Equal(t, map[int]int{http.StatusCreated: 1, http.StatusOK: cap(statuses) - 1}, count)
	})
}

// TestAReadGivesThePartThatIsAskedFor: R4 http.html#parameters.
func TestAReadGivesThePartThatIsAskedFor(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		id, version := s.do(t, "POST", "/Patient", `{"resourceType":"Patient","active":true,"gender":"male","photo":[{"title":"t"}],"text":{"status":"generated","div":"<div xmlns=\"http://www.w3.org/1999/xhtml\">x</div>"}}`).made(t)
		for query, members := range map[string]string{
			"":                              "active gender id meta photo resourceType text",
			"?_summary=false":               "active gender id meta photo resourceType text",
			"?_summary=true":                "active gender id meta resourceType",
			"?_summary=text":                "id meta resourceType text",
			"?_summary=data":                "active gender id meta photo resourceType",
			"?_elements=photo,active":       "active id meta photo resourceType",
			"?_elements=photo&_format=json": "id meta photo resourceType",
			"?_elements=photo&_format=application/fhir+json":   "id meta photo resourceType", // the + is a space
			"?_elements=photo&_format=application/fhir%2Bjson": "id meta photo resourceType",
		} {
			for _, path := range []string{"/Patient/" + id, "/Patient/" + id + "/_history/" + version} {
				got := s.do(t, "GET", path+query, "")
				got.want(t, http.StatusOK)
				var resource map[string]json.RawMessage
				require.NoError(t, json.Unmarshal([]byte(got.body), &resource))
				assert.Equal(t, members, strings.Join(slices.Sorted(maps.Keys(resource)), " "), path+query)
				whole := query == "" || query == "?_summary=false"
				assert.Equal(t, !whole, strings.Contains(string(resource["meta"]), "SUBSETTED"), path+query)
			}
		}
	})
}

func TestWhatIsNotUnderstoodIsRefused(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		id, _ := s.do(t, "POST", "/Patient", eve).made(t)
		for _, tc := range []struct {
			name, method, path, body string
			headers                  []string
			status                   int
			code, text               string
		}{
			{"read of an unknown type", "GET", "/Nothing/" + id, "", nil, 400, "structure", "Unknown resource type"},
			{"create of an unknown type", "POST", "/Nothing", `{}`, nil, 400, "invalid", "Unknown data type: Nothing"},
			{"no JSON", "POST", "/Patient", `{"resourceType":`, nil, 400, "invalid", "Content could not be parsed"},
			{"another type", "POST", "/Patient", `{"resourceType":"Observation"}`, nil, 400, "invalid", "Incorrect resource type: expected Patient, but found Observation"},
			{"no type", "POST", "/Patient", `{}`, nil, 400, "invalid", "Incorrect resource type: expected Patient, but found <EMPTY>"},
			{"an unknown parameter", "GET", "/Patient/" + id + "?nope=1", "", nil, 400, "invalid", "Unknown parameter: nope"},
			{"a parameter twice", "GET", "/Patient/" + id + "?_pretty=true&_pretty=false", "", nil, 400, "invalid", "The parameter _pretty is given twice"},
			{"XML", "GET", "/Patient/" + id + "?_format=xml", "", nil, 406, "not-supported", "The format xml is not supported; json is"},
			{"accepts XML alone", "GET", "/Patient/" + id, "", []string{"Accept", "application/fhir+xml"}, 406, "not-supported", "Answers are application/fhir+json, fhirVersion 4.0"},
			{"content of another version", "POST", "/Patient", `{"resourceType":"Patient"}`, []string{"Content-Type", "application/fhir+json; fhirVersion=5.0"}, 415, "not-supported", "The fhirVersion of the Content-Type must be 4.0"},
			{"accepts another version alone", "GET", "/Patient/" + id, "", []string{"Accept", "application/fhir+json; fhirVersion=3.0"}, 406, "not-supported", "Answers are application/fhir+json, fhirVersion 4.0"},
			{"a count of a read", "GET", "/Patient/" + id + "?_summary=count", "", nil, 400, "invalid", "Invalid value of _summary: only a search counts"},
			{"elements that are none", "GET", "/Patient/" + id + "?_elements=a.b", "", nil, 400, "invalid", "Invalid value of _elements: a.b"},
			{"sends XML", "POST", "/Patient", `<Patient/>`, []string{"Content-Type", "application/fhir+xml"}, 415, "not-supported", "Content-Type must be application/json or application/fhir+json"},
			{"another charset", "POST", "/Patient", eve, []string{"Content-Type", "application/json; charset=latin1"}, 415, "not-supported", "The charset must be utf-8"},
			{"too long", "POST", "/Patient", `{"resourceType":"Patient","name":[{"family":"` + strings.Repeat("x", 2_000_000) + `"}]}`, nil, 413, "too-long", "Request body too large"},
			{"nobody", "GET", "/Patient/" + id, "", []string{"As", "nobody"}, 401, "login", "Unauthorized"},
			{"another project", "GET", "/Patient/" + id, "", []string{"As", "other"}, 404, "not-found", "Not found"},
			{"an id that is none", "GET", "/Patient/a_b", "", nil, 404, "not-found", "Not found"},
		} {
			t.Run(tc.name, func(t *testing.T) {
				got := s.do(t, tc.method, tc.path, tc.body, tc.headers...)
				known := map[int]string{401: "unauthorized", 404: "not-found", 413: "content-too-large"}
				got.wantIssue(t, tc.status, known[tc.status], tc.code, tc.text)
			})
		}
	})
}

func TestTheCapabilityStatementSaysWhatIsRouted(t *testing.T) {
	s := start(t, storetest.SQLite(t))
	got := s.do(t, "GET", "/metadata", "", "As", "nobody").want(t, http.StatusOK)
	var statement struct {
		ResourceType, FHIRVersion string
		Rest                      []struct {
			Resource []struct {
				Type        string
				Interaction []struct{ Code string }
			}
		}
	}
	require.NoError(t, json.Unmarshal([]byte(got.body), &statement))
	assert.Equal(t, "4.0.1", statement.FHIRVersion)
	types := map[string]int{}
	for _, r := range statement.Rest[0].Resource {
		types[r.Type] = len(r.Interaction)
	}
	for _, name := range []string{"Patient", "Observation", "User", "ProjectMembership", "AccessPolicy"} {
		assert.Equal(t, 9, types[name], name)
	}
	assert.Equal(t, 5, types["JsonWebKey"])
	assert.GreaterOrEqual(t, len(types), 146)
	assert.JSONEq(t, `{"versions":["4.0"],"default":"4.0"}`, s.do(t, "GET", "/$versions", "").body)
}
