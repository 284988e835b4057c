package rest_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/admitdev/admit/fhir/medplum"
	"github.com/admitdev/admit/fhir/repo/repotest"
	"github.com/admitdev/admit/pkg/store/storetest"
)

// response is the answer to a Bundle.
type response struct {
	ResourceType, Type string
	Entry              []struct {
		Response struct {
			Status, Location, Etag, LastModified string
			Outcome                              json.RawMessage
		}
		Resource json.RawMessage
	}
}

func (a answer) bundle(t *testing.T) response {
	t.Helper()
	a.want(t, http.StatusOK)
	var r response
	require.NoError(t, json.Unmarshal([]byte(a.body), &r), a.body)
	return r
}

func (r response) statuses() string {
	var all []string
	for _, e := range r.Entry {
		all = append(all, e.Response.Status)
	}
	return strings.Join(all, " ")
}

// at is the resource that an entry of the answer is about.
func (r response) at(i int) string {
	name, _, _ := strings.Cut(r.Entry[i].Response.Location, "/_history/")
	return name
}

// entry is an entry of a Bundle: its request, its resource when there is one, and further members.
func entry(method, url, resource string, more ...string) string {
	parts := append([]string{fmt.Sprintf(`"request":{"method":%q,"url":%q}`, method, url)}, more...)
	if resource != "" {
		parts = append(parts, `"resource":`+resource)
	}
	return "{" + strings.Join(parts, ",") + "}"
}

func bundleOf(kind string, entries ...string) string {
	return `{"resourceType":"Bundle","type":"` + kind + `","entry":[` + strings.Join(entries, ",") + `]}`
}

// requestWith is an entry whose request has one more member.
func requestWith(method, url, member, value, resource string) string {
	return strings.Replace(entry(method, url, resource), `"request":{`, fmt.Sprintf(`"request":{%q:%q,`, member, value), 1)
}

func (s *server) count(t *testing.T, query string) int {
	t.Helper()
	got := s.search(t, "/"+query+"&_summary=count")
	return *got.Total
}

func TestBatchAnswersAsRecorded(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		id := s.create(t, `{"resourceType":"Patient","identifier":[{"system":"urn:mrn","value":"B-1"}],"active":true}`)
		gone := s.create(t, eve)
		got := s.do(t, "POST", "", bundleOf("batch",
			entry("POST", "Patient", eve), entry("GET", "Patient/"+id, ""), entry("GET", "/Patient?identifier=B-1", ""),
			entry("POST", "Patient", `{"resourceType":"Patient","nope":1}`), entry("GET", "Patient/00000000-0000-4000-8000-000000000000", ""),
			entry("DELETE", "Patient/"+gone, ""), entry("PUT", "Patient/"+id, body(id, `,"identifier":[{"system":"urn:mrn","value":"B-1"}],"active":false`)),
			entry("GET", base+"Patient/"+id+"/_history?_count=1", ""), entry("GET", "/metadata", ""), entry("GET", "Patient/"+gone, ""), `{"nested":"garbage"}`, `[[]]`,
		)).bundle(t)
		assert.Equal(t, "Bundle batch-response", got.ResourceType+" "+got.Type)
		assert.Equal(t, "201 200 200 400 404 200 200 200 200 410 400 400", got.statuses())
		assert.Regexp(t, `^Patient/[0-9a-f-]{36}/_history/[0-9a-f-]{36}$`, got.Entry[0].Response.Location)
		assert.Regexp(t, `^W/"[0-9a-f-]{36}"$`, got.Entry[0].Response.Etag)
		assert.NotEmpty(t, got.Entry[0].Response.LastModified)
		assert.Contains(t, string(got.Entry[0].Response.Outcome), `"id":"created"`)
		assert.Contains(t, string(got.Entry[1].Resource), `"active":false`, "reads come after writes")
		assert.Contains(t, string(got.Entry[2].Resource), `"searchset"`)
		assert.Contains(t, string(got.Entry[3].Response.Outcome), `"expression":["Patient.nope"]`)
		assert.Contains(t, string(got.Entry[7].Resource), `"history"`)
		assert.Contains(t, string(got.Entry[8].Resource), `CapabilityStatement`)
	})
}

func TestNotABundleIsRefusedAsRecorded(t *testing.T) {
	s := start(t, storetest.SQLite(t))
	many := strings.TrimSuffix(strings.Repeat(entry("GET", "Patient/x", "")+",", 10_000), ",")
	searches := strings.TrimSuffix(strings.Repeat(entry("GET", "Patient?name=x", "")+",", 1001), ",")
	for _, tc := range []struct {
		name, body string
		status     int
		text       string
	}{
		{"no type", `{"resourceType":"Bundle","entry":[]}`, 400, "Unrecognized bundle type: undefined"},
		{"unknown type", `{"resourceType":"Bundle","type":"message","entry":[]}`, 400, "Unrecognized bundle type: message"},
		{"no entry", `{"resourceType":"Bundle","type":"batch"}`, 400, "Missing bundle entries"},
		{"another resource", `{"resourceType":"Patient"}`, 400, "Not a bundle"},
		{"no object", `[]`, 400, "Content could not be parsed"},
		{"nothing", ``, 400, "Content could not be parsed"},
		{"more after it", bundleOf("batch", entry("GET", "Patient/x", "")) + "{}", 400, "Content could not be parsed"},
		{"a member twice", `{"resourceType":"Bundle","type":"batch","type":"transaction","entry":[]}`, 400, "Content could not be parsed"},
		{"an unknown member", `{"resourceType":"Bundle","type":"batch","spam":1}`, 400, `Invalid additional property "spam"`},
		{"entry is no array", `{"resourceType":"Bundle","type":"batch","entry":{}}`, 400, "Content could not be parsed"},
		{"ten thousand entries", bundleOf("batch", many), 413, "A Bundle has at most 5000 entries"},
		{"a thousand searches", bundleOf("batch", searches), 413, "A Bundle has at most 1000 searches and conditions"},
		{"deep", bundleOf("transaction", strings.Repeat(`{"resource":`, 200)+"1"+strings.Repeat("}", 200)), 400, "Content could not be parsed"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := s.do(t, "POST", "/", tc.body).want(t, tc.status)
			assert.Contains(t, got.body, `"text":`+mustJSON(tc.text))
		})
	}
	big := bundleOf("batch", entry("POST", "Patient", `{"resourceType":"Patient","name":[{"family":"`+strings.Repeat("x", 3<<20)+`"}]}`))
	assert.Equal(t, http.StatusOK, s.do(t, "POST", "", big).status, "a Bundle may be larger than a resource")
	s.do(t, "POST", "", strings.Repeat(" ", 50<<20+1)).want(t, http.StatusRequestEntityTooLarge)
}

func mustJSON(s string) string {
	raw, _ := json.Marshal(s)
	return string(raw)
}

const (
	alice = `"fullUrl":"urn:uuid:00000000-0000-4000-8000-00000000000a"`
	bob   = `"fullUrl":"urn:uuid:00000000-0000-4000-8000-00000000000b"`
	urnA  = "urn:uuid:00000000-0000-4000-8000-00000000000a"
	urnB  = "urn:uuid:00000000-0000-4000-8000-00000000000b"
)

func TestTransactionRewritesLinksAndNothingElse(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		patient := `{"resourceType":"Patient","text":{"status":"generated","div":"<div xmlns=\"http://www.w3.org/1999/xhtml\"><a href=\"` + urnB + `\">b</a> ` + urnB + `</div>"},` +
			`"identifier":[{"system":"urn:x","value":"` + urnB + `"}],"link":[{"other":{"reference":"` + urnB + `","display":"` + urnB + `"},"type":"seealso"}],` +
			`"extension":[{"url":"urn:d","valueDecimal":1.00},{"url":"urn:u","valueUri":"` + urnB + `"},{"url":"urn:c","valueCanonical":"` + urnB + `"},{"url":"urn:s","valueString":"` + urnB + `"}]}`
		got := s.do(t, "POST", "", bundleOf("transaction",
			entry("POST", "Patient", patient, alice),
			entry("POST", "Patient", `{"resourceType":"Patient","link":[{"other":{"reference":"`+urnA+`"},"type":"seealso"}]}`, bob),
		)).bundle(t)
		require.Equal(t, "transaction-response 201 201", got.Type+" "+got.statuses())
		a, b := got.at(0), got.at(1)
		stored := s.do(t, "GET", "/"+a, "").body
		for _, want := range []string{
			`<a href=\"` + b + `\">b</a> ` + urnB + `</div>`, `"value":"` + urnB + `"`, `{"reference":"` + b + `","display":"` + urnB + `"}`,
			`"valueDecimal":1.00`, `"valueUri":"` + b + `"`, `"valueCanonical":"` + urnB + `"`, `"valueString":"` + urnB + `"`,
		} {
			assert.Contains(t, stored, want)
		}
		assert.Contains(t, s.do(t, "GET", "/"+b, "").body, `{"reference":"`+a+`"}`, "links may go round in a circle")
		assert.Equal(t, 1, s.count(t, "Patient?link="+b), "what was rewritten is indexed")
	})
}

func TestTransactionRules(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		obs := func(subject string) string {
			return `{"resourceType":"Observation","status":"final","code":{"text":"x"},"subject":{"reference":"` + subject + `"}}`
		}
		mrn := func(v string) string {
			return `{"resourceType":"Patient","identifier":[{"system":"urn:mrn","value":"` + v + `"}]}`
		}
		known := s.create(t, mrn("known"))
		for range 2 {
			s.create(t, mrn("twice"))
		}
		read := func(location string) string { return s.do(t, "GET", "/"+location, "").body }

		t.Run("a conditional reference to what is there", func(t *testing.T) {
			got := s.do(t, "POST", "", bundleOf("transaction", entry("POST", "Observation", obs("Patient?identifier=urn:mrn|known")))).bundle(t)
			assert.Contains(t, read(got.at(0)), `"Patient/`+known+`"`)
		})
		t.Run("a conditional reference to what the Bundle makes", func(t *testing.T) {
			got := s.do(t, "POST", "", bundleOf("transaction", entry("POST", "Observation", obs("Patient?identifier=urn:mrn|made")), entry("POST", "Patient", mrn("made")))).bundle(t)
			assert.Contains(t, read(got.at(0)), `"`+got.at(1)+`"`)
		})
		t.Run("ifNoneExist that finds", func(t *testing.T) {
			got := s.do(t, "POST", "", bundleOf("transaction",
				strings.Replace(requestWith("POST", "Patient", "ifNoneExist", "identifier=urn:mrn|known", mrn("known")), "{", "{"+alice+",", 1), entry("POST", "Observation", obs(urnA)))).bundle(t)
			assert.Equal(t, "200 201", got.statuses())
			assert.Equal(t, "Patient/"+known, got.at(0))
			assert.Contains(t, read(got.at(1)), `"Patient/`+known+`"`)
		})
		t.Run("one condition of two creates makes one", func(t *testing.T) {
			e := requestWith("POST", "Patient", "ifNoneExist", "identifier=urn:mrn|same", mrn("same"))
			got := s.do(t, "POST", "", bundleOf("transaction", e, e)).bundle(t)
			assert.Equal(t, "201 200", got.statuses())
			assert.Equal(t, got.at(0), got.at(1))
		})
		t.Run("conditional update, delete and patch", func(t *testing.T) {
			s.create(t, mrn("cd"))
			patch := `{"resourceType":"Parameters","parameter":[{"name":"operation","part":[{"name":"type","valueCode":"add"},{"name":"path","valueString":"Patient"},{"name":"name","valueString":"gender"},{"name":"value","valueCode":"other"}]}]}`
			s.create(t, mrn("cp"))
			got := s.do(t, "POST", "", bundleOf("transaction",
				entry("GET", "Patient?identifier=cd", ""), entry("PUT", "Patient?identifier=urn:mrn|cu", mrn("cu"), alice), entry("DELETE", "Patient?identifier=urn:mrn|cd", ""),
				entry("PATCH", "Patient?identifier=urn:mrn|cp", patch), entry("POST", "Observation", obs(urnA)), entry("DELETE", "Patient?identifier=urn:mrn|nobody", ""))).bundle(t)
			assert.Equal(t, "200 201 200 200 201 200", got.statuses())
			assert.NotContains(t, string(got.Entry[0].Resource), `"entry"`, "reads come last")
			assert.Contains(t, string(got.Entry[3].Resource), `"gender":"other"`)
			assert.Contains(t, read(got.at(4)), got.at(1))
			again := s.do(t, "POST", "", bundleOf("transaction", entry("PUT", "Patient?identifier=urn:mrn|cu", strings.Replace(mrn("cu"), "{", `{"active":true,`, 1)))).bundle(t)
			assert.Equal(t, "200 "+got.at(1), again.statuses()+" "+again.at(0))
		})
		t.Run("JSON Patch in a Binary", func(t *testing.T) {
			got := s.do(t, "POST", "", bundleOf("transaction", entry("PATCH", "Patient/"+known,
				`{"resourceType":"Binary","contentType":"application/json-patch+json","data":"W3sib3AiOiJhZGQiLCJwYXRoIjoiL2FjdGl2ZSIsInZhbHVlIjp0cnVlfV0="}`))).bundle(t)
			assert.Contains(t, string(got.Entry[0].Resource), `"active":true`)
		})
		t.Run("preconditions of reads", func(t *testing.T) {
			version := s.do(t, "GET", "/Patient/"+known, "").header.Get("ETag")
			got := s.do(t, "POST", "", bundleOf("transaction", requestWith("GET", "Patient/"+known, "ifNoneMatch", version, ""),
				requestWith("GET", "Patient/"+known, "ifModifiedSince", "2100-01-01T00:00:00Z", ""), requestWith("GET", "Patient/"+known, "ifModifiedSince", "2000-01-01T00:00:00Z", ""), entry("HEAD", "Patient/"+known, ""))).bundle(t)
			assert.Equal(t, "304 304 200 200", got.statuses())
			assert.Nil(t, got.Entry[0].Resource)
			assert.Nil(t, got.Entry[3].Resource)
		})
		t.Run("Prefer", func(t *testing.T) {
			one := bundleOf("transaction", entry("POST", "Patient", eve), entry("GET", "Patient/"+known, ""))
			minimal := s.do(t, "POST", "", one, "Prefer", "return=minimal").bundle(t)
			assert.Nil(t, minimal.Entry[0].Resource)
			assert.Nil(t, minimal.Entry[0].Response.Outcome)
			assert.NotNil(t, minimal.Entry[1].Resource)
			outcomes := s.do(t, "POST", "", one, "Prefer", "return=OperationOutcome").bundle(t)
			assert.Nil(t, outcomes.Entry[0].Resource)
			assert.NotNil(t, outcomes.Entry[0].Response.Outcome)
		})
	})
}

// TestATransactionFailsWhole: whatever the reason, its outcome names the entry and nothing is kept.
func TestATransactionFailsWhole(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		id := s.create(t, eve)
		foreign, _ := s.do(t, "POST", "/Patient", eve, "As", "other").made(t)
		for range 2 {
			s.create(t, `{"resourceType":"Patient","identifier":[{"value":"twice"}]}`)
		}
		witness := `{"resourceType":"Patient","name":[{"family":"Witness"}]}`
		binary := func(patch string) string {
			return `{"resourceType":"Binary","contentType":"application/json-patch+json","data":"` + patch + `"}`
		}
		for _, tc := range []struct {
			name, entry string
			status      int
			at          string
		}{
			{"invalid", entry("POST", "Patient", `{"resourceType":"Patient","nope":1}`), 400, "Bundle.entry[1].resource.nope"},
			{"of another type", entry("POST", "Patient", `{"resourceType":"Observation"}`), 400, "Bundle.entry[1]"},
			{"of an unknown type", entry("POST", "Nothing", `{"resourceType":"Nothing"}`), 400, "Bundle.entry[1]"},
			{"wrong ifMatch", requestWith("PUT", "Patient/"+id, "ifMatch", `W/"x"`, body(id, "")), 412, "Bundle.entry[1]"},
			{"update of nothing", entry("PUT", "Patient/x", body("x", "")), 404, "Bundle.entry[1]"},
			{"delete of nothing", entry("DELETE", "Patient/x", ""), 404, "Bundle.entry[1]"},
			{"read of nothing", entry("GET", "Patient/x", ""), 404, "Bundle.entry[1]"},
			{"read of another project", entry("GET", "Patient/"+foreign, ""), 404, "Bundle.entry[1]"},
			{"update in another project", entry("PUT", "Patient/"+foreign, body(foreign, "")), 404, "Bundle.entry[1]"},
			{"delete in another project", entry("DELETE", "Patient/"+foreign, ""), 404, "Bundle.entry[1]"},
			{"several matches", requestWith("POST", "Patient", "ifNoneExist", "identifier=twice", eve), 412, "Bundle.entry[1]"},
			{"several matches of an update", entry("PUT", "Patient?identifier=twice", eve), 412, "Bundle.entry[1]"},
			{"several matches of a delete", entry("DELETE", "Patient?identifier=twice", ""), 412, "Bundle.entry[1]"},
			{"a condition without criteria", entry("DELETE", "Patient", ""), 400, "Bundle.entry[1].request.url"},
			{"a conditional reference to nothing", entry("POST", "Patient", `{"resourceType":"Patient","managingOrganization":{"reference":"Organization?name=nope"}}`), 400, "Bundle.entry[1].resource.managingOrganization"},
			{"a conditional reference to several", entry("POST", "Patient", `{"resourceType":"Patient","link":[{"other":{"reference":"Patient?identifier=twice"},"type":"seealso"}]}`), 412, "Bundle.entry[1].resource.link[0].other"},
			{"a conditional reference that is nonsense", entry("POST", "Patient", `{"resourceType":"Patient","managingOrganization":{"reference":"Organization?nope=1"}}`), 400, "Bundle.entry[1].resource.managingOrganization"},
			{"a patch that fails", entry("PATCH", "Patient/"+id, binary("W3sib3AiOiJyZW1vdmUiLCJwYXRoIjoiL25vcGUifV0=")), 400, "Bundle.entry[1]"},
			{"a patch that is none", entry("PATCH", "Patient/"+id, eve), 400, "Bundle.entry[1]"},
			{"one resource twice", entry("PUT", "Patient/"+id, body(id, "")) + "," + entry("DELETE", "Patient/"+id, ""), 400, "Bundle.entry[2].request.url"},
			{"one resource twice, by a condition", entry("PUT", "Patient/"+id, body(id, "")) + "," + entry("DELETE", "Patient?_id="+id, ""), 400, "Bundle.entry[2].request.url"},
			{"one fullUrl twice", entry("POST", "Patient", eve, bob) + "," + entry("POST", "Patient", eve, bob), 400, "Bundle.entry[2].fullUrl"},
			{"no request", `{"resource":` + eve + `}`, 400, "Bundle.entry[1].request"},
			{"no resource", entry("POST", "Patient", ""), 400, "Bundle.entry[1].resource"},
			{"an unknown method", entry("SPAM", "Patient", ""), 400, "Bundle.entry[1].request.method"},
			{"an operation", entry("GET", "Patient/"+id+"/$everything", ""), 400, "Bundle.entry[1].request.url"},
			{"another server", entry("GET", "https://elsewhere.example/Patient/1", ""), 400, "Bundle.entry[1].request.url"},
			{"a way up", entry("GET", "../../admin", ""), 400, "Bundle.entry[1].request.url"},
			{"a precondition out of place", requestWith("POST", "Patient", "ifMatch", `W/"x"`, eve), 400, "Bundle.entry[1].request.ifMatch"},
			{"an unknown member", `{"spam":1,` + entry("GET", "Patient/"+id, "")[1:], 400, "Bundle.entry[1]"},
			{"garbage", `{"request":[{"request":[]}]}`, 400, "Bundle.entry[1].request"},
		} {
			t.Run(tc.name, func(t *testing.T) {
				got := s.do(t, "POST", "", bundleOf("transaction", entry("POST", "Patient", witness), tc.entry)).want(t, tc.status)
				var o struct {
					Issue []struct{ Expression []string }
				}
				require.NoError(t, json.Unmarshal([]byte(got.body), &o))
				assert.Equal(t, []string{tc.at}, o.Issue[0].Expression, got.body)
				assert.Zero(t, s.count(t, "Patient?family=Witness"))
			})
		}
		assert.Contains(t, s.do(t, "GET", "/Patient/"+id, "").body, `"family":"Example"`)
		s.do(t, "GET", "/Patient/"+foreign, "", "As", "other").want(t, http.StatusOK)
	})
}

func TestABundleIsNarrowedAsSingleRequestsAre(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		member := s.With(t, s.A.ID, medplum.PolicyResource{ResourceType: "Patient", HiddenFields: []string{"birthDate"}},
			medplum.PolicyResource{ResourceType: "Observation", Readonly: true})
		s.members["narrow"] = member.Claims
		id := s.create(t, `{"resourceType":"Patient","birthDate":"1980-02-03","active":true}`)
		foreign, _ := s.do(t, "POST", "/Patient", eve, "As", "other").made(t)
		obs := `{"resourceType":"Observation","status":"final","code":{"text":"x"}}`
		got := s.do(t, "POST", "", bundleOf("batch", entry("GET", "Patient/"+id, ""), entry("POST", "Observation", obs), entry("GET", "Patient?birthdate=1980", ""),
			entry("GET", "Patient/"+foreign, ""), entry("DELETE", "Patient/"+foreign, ""), entry("GET", "Practitioner", "")), "As", "narrow").bundle(t)
		assert.Equal(t, "200 403 403 404 404 403", got.statuses())
		assert.NotContains(t, string(got.Entry[0].Resource), "1980")
		s.do(t, "POST", "", bundleOf("transaction", entry("POST", "Patient", eve), entry("POST", "Observation", obs)), "As", "narrow").want(t, http.StatusForbidden)
	})
}

// TestStatementsOfABundle counts what goes to the database.
func TestStatementsOfABundle(t *testing.T) {
	if !storetest.HavePostgres(t) {
		return
	}
	var executed atomic.Int64
	s := startIn(t, repotest.On(t, storetest.OpenFaulty(t, storetest.Postgres(t), func(context.Context, string) error {
		executed.Add(1)
		return nil
	})))
	var creates, conditional []string
	for i := range 20 {
		creates = append(creates, entry("POST", "Patient", eve, fmt.Sprintf(`"fullUrl":"urn:uuid:%d"`, i)))
		conditional = append(conditional, entry("POST", "Patient", `{"resourceType":"Patient","managingOrganization":{"reference":"Organization?name=acme"}}`))
	}
	s.create(t, `{"resourceType":"Organization","name":"Acme"}`)
	var updates, again []string
	for i := range 20 {
		id := s.create(t, eve)
		again = append(again, entry("PUT", "Patient/"+id, body(id, "")))
		updates = append(updates, entry("PUT", "Patient/"+id, body(id, fmt.Sprintf(`,"birthDate":"19%d"`, i+10))))
		if i%4 == 0 {
			updates[i] = entry("PATCH", "Patient/"+id, `{"resourceType":"Binary","contentType":"application/json-patch+json","data":"W3sib3AiOiJhZGQiLCJwYXRoIjoiL2FjdGl2ZSIsInZhbHVlIjp0cnVlfV0="}`)
		}
	}
	var ifNone, matched, removed []string
	for i := range 20 {
		condition := fmt.Sprintf("identifier=urn:c%%7C%d", i)
		observation := fmt.Sprintf(`{"resourceType":"Observation","code":{"text":"x"},"identifier":[{"system":"urn:c","value":"%d"}],"status":`, i)
		ifNone = append(ifNone, requestWith("POST", "Observation", "ifNoneExist", condition, observation+`"final"}`))
		matched = append(matched, entry("PUT", "Observation?"+condition, observation+`"amended"}`))
		removed = append(removed, entry("DELETE", "Observation?"+condition, ""))
	}
	s.do(t, "POST", "", bundleOf("batch", entry("POST", "Observation", `{"resourceType":"Observation","code":{"text":"x"},"status":"final"}`))).bundle(t)
	executed.Store(0)
	s.do(t, "POST", "", bundleOf("batch", "{}")).bundle(t)
	asking := executed.Load() // who the caller is
	for _, tc := range []struct {
		name, body string
		most       int64
		status     string
	}{
		{"a batch of 20 creates", bundleOf("batch", creates...), 1, "201 "},
		{"a transaction of 20 creates", bundleOf("transaction", creates...), 1, "201 "},
		{"with one conditional reference", bundleOf("transaction", conditional...), 2, "201 "},
		{"with a condition", bundleOf("transaction", append(creates, requestWith("POST", "Patient", "ifNoneExist", "identifier=1", eve))...), 6, "201 "},
		{"a batch of 20 updates and patches", bundleOf("batch", updates...), 2, "200 "},
		{"a transaction of 20 that change nothing", bundleOf("transaction", updates...), 1, "200 "},
		{"a transaction of 20 updates", bundleOf("transaction", again...), 2, "200 "},
		{"a batch of 20 conditional creates", bundleOf("batch", ifNone...), 6, "201 "},
		{"a batch of 20 conditional creates of what is there", bundleOf("batch", ifNone...), 5, "200 "},
		{"a batch of 20 conditional updates", bundleOf("batch", matched...), 7, "200 "},
		{"a transaction of 20 conditional updates that change nothing", bundleOf("transaction", matched...), 6, "200 "},
		{"a batch of 20 conditional deletes", bundleOf("batch", removed...), 5, "200 "},
		{"a transaction of 20 conditional creates", bundleOf("transaction", ifNone...), 6, "201 "},
		{"a transaction of 20 updates and a create", bundleOf("transaction", append(slices.Clone(updates), creates[0])...), 5, "200 "},
	} {
		t.Run(tc.name, func(t *testing.T) {
			executed.Store(0)
			got := s.do(t, "POST", "", tc.body).bundle(t)
			assert.Contains(t, strings.Repeat(tc.status, len(got.Entry))+"201", got.statuses())
			assert.Equal(t, tc.most, executed.Load()-asking)
		})
	}
}
