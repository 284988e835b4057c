package rest_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

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
