package rest_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tidwall/gjson"

	"github.com/admitdev/admit/fhir/medplum"
	"github.com/admitdev/admit/fhir/repo"
)

// This file attacks the policies: what one may not see cannot be asked about.

// may has somebody of project A call with these rules, and with scopes when there are some.
func (s *server) may(t *testing.T, name, scope string, rules ...medplum.PolicyResource) {
	t.Helper()
	claims := s.With(t, s.A.ID, rules...).Claims
	claims.Scope = scope
	s.members[name] = claims
}

// reindexed carries out the tasks of project A that a SearchParameter begins.
func (s *server) reindexed(t *testing.T) {
	t.Helper()
	tasks, err := s.Store.Unfinished(t.Context(), s.A.ID)
	require.NoError(t, err)
	for _, task := range tasks {
		require.NoError(t, s.Repo.Reindex(t.Context(), repo.ReindexJob{Project: task.Project, Task: task.ID}))
	}
}

// TestAParameterOfOnesOwnReadsNothingHidden: whoever may define a SearchParameter does not search by it
// for what is hidden, whatever way its expression takes there.
func TestAParameterOfOnesOwnReadsNothingHidden(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		s.may(t, "spy", "", medplum.PolicyResource{ResourceType: "Patient", HiddenFields: []string{"telecom"}},
			medplum.PolicyResource{ResourceType: "SearchParameter"})
		s.do(t, "POST", "/Patient", `{"resourceType":"Patient","active":true,"telecom":[{"system":"phone","value":"0815"}],"managingOrganization":{"reference":"#"}}`).want(t, http.StatusCreated)
		for i, expression := range []string{
			"Patient.telecom.value", "Patient.active.combine($this.telecom.value)", "Patient.active.iif(true, $this.telecom.value)",
			"Patient.managingOrganization.resolve().telecom.value",
		} {
			body := fmt.Sprintf(`{"resourceType":"SearchParameter","url":"urn:spy:%d","name":"Spy","status":"active","description":"x","code":"spy%[1]d","base":["Patient"],"type":"string","expression":%[2]q}`, i, expression)
			s.do(t, "POST", "/SearchParameter", body, "As", "spy").want(t, http.StatusCreated)
		}
		s.reindexed(t)
		for i := range 4 {
			for _, asked := range []string{"spy%d=0815", "spy%d=#", "_sort=spy%d", "spy%d:missing=false", "_summary=count&spy%d=0815"} {
				s.do(t, "GET", "/Patient?"+strings.ReplaceAll(fmt.Sprintf(asked, i), "#", "%23"), "", "As", "spy").want(t, http.StatusForbidden)
			}
		}
	})
}

// TestScopesShowNothingMore: a token whose scopes leave out the reading sees in a search what the policy
// shows of what is read.
func TestScopesShowNothingMore(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		rules := []medplum.PolicyResource{
			{ResourceType: "Patient", Interaction: []string{"read"}, HiddenFields: []string{"birthDate"}},
			{ResourceType: "Patient", Interaction: []string{"search", "update", "create"}},
		}
		s.may(t, "whole", "", rules...)
		s.may(t, "scoped", "user/Patient.s user/Patient.u user/Patient.c", rules...)
		id, _ := s.do(t, "POST", "/Patient", `{"resourceType":"Patient","birthDate":"1970-01-01"}`).made(t)
		for _, who := range []string{"whole", "scoped"} {
			got := s.do(t, "GET", "/Patient?_id="+id, "", "As", who).want(t, http.StatusOK)
			assert.NotContains(t, got.body, "1970", who)
			got = s.do(t, "PUT", "/Patient/"+id, `{"resourceType":"Patient","id":"`+id+`","active":true}`, "As", who).want(t, http.StatusOK)
			assert.NotContains(t, got.body, "1970", who)
			assert.Contains(t, s.do(t, "GET", "/Patient/"+id, "").body, "1970", "what the writer does not see stays")
		}
	})
}

// TestScopesAskForNothingHidden: whoever asks for a token chooses its scopes, and does not ask by their search
// parameters for what is hidden.
func TestScopesAskForNothingHidden(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		born, _ := s.do(t, "POST", "/Patient", `{"resourceType":"Patient","birthDate":"1970-01-01"}`).made(t)
		for scope, found := range map[string]bool{
			"user/Patient.cruds?birthdate=1970-01-01": false, "user/Patient.cruds?birthdate:missing=false": false,
			"user/*.cruds?_lastUpdated=gt2000": true, "user/Patient.cruds?gender:missing=true": true,
		} {
			s.may(t, scope, scope, medplum.PolicyResource{ResourceType: "Patient", HiddenFields: []string{"birthDate"}})
			status := map[bool]int{true: http.StatusOK, false: http.StatusForbidden}[found]
			for _, address := range []string{"/Patient", "/Patient?_summary=count", "/Patient/" + born, "/Patient/" + born + "/_history", "/Patient?_id=" + born} {
				assert.Equal(t, status, s.do(t, "GET", address, "", "As", scope).status, "%s %s", scope, address)
			}
			assert.Equal(t, status, s.do(t, "PUT", "/Patient/"+born, `{"resourceType":"Patient","id":"`+born+`"}`, "As", scope).status, scope)
		}
	})
}

// TestMetaIsHiddenWhole: the members of meta that only extended answers show can be hidden like others.
func TestMetaIsHiddenWhole(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		body := `{"resourceType":"Patient","contained":[{"resourceType":"Basic","id":"b","meta":{"source":"x"},"code":{"text":"x"}}],"managingOrganization":{"reference":"#b"}}`
		id, _ := s.do(t, "POST", "/Patient", body).made(t)
		for field, gone := range map[string][]string{
			"meta": {"author", "project"}, "meta.author": {"author"}, "meta.project": {"project"},
		} {
			s.may(t, field, "", medplum.PolicyResource{ResourceType: "Patient", HiddenFields: []string{field}})
			got := s.do(t, "GET", "/Patient/"+id, "", "As", field, "X-Medplum", "extended").want(t, http.StatusOK)
			for _, member := range gone {
				assert.NotContains(t, got.body, `"`+member+`":`, field)
			}
		}
	})
}

// TestReferencesThatAreHiddenAreNotLookedUp: in a project that checks references, a write tells nothing
// about those that its writer does not see.
func TestReferencesThatAreHiddenAreNotLookedUp(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		strict := s.Project(t, medplum.Project{Name: "Strict", CheckReferencesOnWrite: true})
		s.members["boss"] = strict.Admin.Claims
		s.members["spy"] = s.With(t, strict.ID, medplum.PolicyResource{ResourceType: "Patient", HiddenFields: []string{"managingOrganization"}}).Claims
		organization, _ := s.do(t, "POST", "/Organization", `{"resourceType":"Organization","name":"x"}`, "As", "boss").made(t)
		id, _ := s.do(t, "POST", "/Patient", `{"resourceType":"Patient","managingOrganization":{"reference":"Organization/`+organization+`"}}`, "As", "boss").made(t)
		s.do(t, "PUT", "/Patient/"+id, `{"resourceType":"Patient","id":"`+id+`","active":true}`, "As", "spy").want(t, http.StatusOK)
		s.do(t, "PATCH", "/Patient/"+id, `[{"op":"replace","path":"/active","value":false}]`, "As", "spy", "Content-Type", "application/json-patch+json").want(t, http.StatusOK)
		assert.Contains(t, s.do(t, "GET", "/Patient/"+id, "", "As", "boss").body, organization)
		got := s.do(t, "PUT", "/Patient/"+id, `{"resourceType":"Patient","id":"`+id+`","generalPractitioner":[{"reference":"Practitioner/none"}]}`, "As", "spy").want(t, http.StatusBadRequest)
		assert.Contains(t, got.body, "Patient.generalPractitioner[0]")
	})
}

// TestContentThatMayNotBeWrittenIsNotUploaded: the bytes of a Binary are its data, however they come.
func TestContentThatMayNotBeWrittenIsNotUploaded(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		s.may(t, "readonly", "", medplum.PolicyResource{ResourceType: "Binary", ReadonlyFields: []string{"data"}})
		s.may(t, "hidden", "", medplum.PolicyResource{ResourceType: "Binary", HiddenFields: []string{"data"}})
		id := s.uploaded(t, "text/plain", "the truth")
		for _, who := range []string{"readonly", "hidden"} {
			assert.Equal(t, http.StatusForbidden, s.raw(t, "PUT", "/Binary/"+id, "text/plain", "a lie", "As", who).status, who)
			assert.Equal(t, http.StatusForbidden, s.raw(t, "POST", "/Binary", "text/plain", "a lie", "As", who).status, who)
			s.do(t, "PUT", "/Binary/"+id, `{"resourceType":"Binary","id":"`+id+`","contentType":"text/plain","data":"YSBsaWU="}`, "As", who).want(t, http.StatusOK)
			assert.Equal(t, "the truth", s.download(t, id).body, who)
		}
	})
}

// TestAnAnswerIsNotKeptPastARight: what a job has found is shown to who asked as long as they may see it.
func TestAnAnswerIsNotKeptPastARight(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		policy := s.Policy(t, s.A.ID, medplum.PolicyResource{ResourceType: "Patient"})
		reference := medplum.RefTo(medplum.TypeAccessPolicy, policy, "")
		s.members["asker"] = s.Member(t, s.A.ID, "Practitioner", medplum.ProjectMembership{AccessPolicy: &reference}).Claims
		s.do(t, "POST", "/Patient", `{"resourceType":"Patient","birthDate":"1970-01-01"}`).want(t, http.StatusCreated)
		at := s.later(t, "asker", bundleOf("batch", entry("GET", "Patient", "")))
		s.run(t)
		assert.Contains(t, s.do(t, "GET", at, "", "As", "asker").want(t, http.StatusOK).body, "1970")
		narrowed := `{"resourceType":"AccessPolicy","id":"` + policy + `","resource":[{"resourceType":"Patient","hiddenFields":["birthDate"]}]}`
		s.do(t, "PUT", "/AccessPolicy/"+policy, narrowed, "As", "admin").want(t, http.StatusOK)
		got := s.do(t, "GET", at, "", "As", "asker")
		assert.NotContains(t, got.body, "1970")
		status, name, output := got.ended(t)
		assert.Equal(t, "completed outcome forbidden", status+" "+name+" "+gjson.Get(output, "issue.0.code").String())
	})
}

// TestIncludesOfEveryReferenceLeaveOutTheHidden, whether it is there or not, in both directions.
func TestIncludesOfEveryReferenceLeaveOutTheHidden(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		org := s.create(t, `{"resourceType":"Organization","name":"Acme"}`)
		doc := s.create(t, `{"resourceType":"Practitioner","name":[{"family":"Doc"}]}`)
		of := func(more string) string {
			return s.create(t, `{"resourceType":"Patient","generalPractitioner":[{"reference":"Practitioner/`+doc+`"}]`+more+`}`)
		}
		member, stranger := of(`,"managingOrganization":{"reference":"Organization/`+org+`"}`), of("")
		s.may(t, "some", "", medplum.PolicyResource{ResourceType: "Patient", HiddenFields: []string{"managingOrganization"}},
			medplum.PolicyResource{ResourceType: "Organization"}, medplum.PolicyResource{ResourceType: "Practitioner"})
		s.may(t, "none", "", medplum.PolicyResource{ResourceType: "Patient", HiddenFields: []string{"managingOrganization", "generalPractitioner", "link"}},
			medplum.PolicyResource{ResourceType: "Organization"}, medplum.PolicyResource{ResourceType: "Practitioner"})
		assert.Contains(t, s.search(t, "/Patient?_id="+member+"&_include=*").found(), org, "so there is something to hide")
		for _, include := range []string{"_include=*", "_include=Patient:*", "_include:iterate=Patient:*", "_include=Patient:*:Practitioner"} {
			for _, id := range []string{member, stranger} {
				search := "/Patient?_id=" + id + "&" + include
				assert.Equal(t, "match Patient/"+id+", include Practitioner/"+doc, s.search(t, search, "As", "some").found(), include)
				assert.Equal(t, "match Patient/"+id, s.search(t, search, "As", "none").found(), include)
			}
		}
		assert.Equal(t, "match Organization/"+org, s.search(t, "/Organization?_id="+org+"&_revinclude=Patient:*", "As", "some").found())
		assert.Equal(t, "match Practitioner/"+doc, s.search(t, "/Practitioner?_id="+doc+"&_revinclude=Patient:*", "As", "none").found())
		assert.Contains(t, s.search(t, "/Practitioner?_id="+doc+"&_revinclude=Patient:*", "As", "some").found(), member)
		for _, named := range []string{"_include=Patient:organization", "_include=Patient:*&_include=Patient:organization"} {
			s.do(t, http.MethodGet, "/Patient?"+named, "", "As", "some").want(t, http.StatusForbidden)
		}
	})
}
