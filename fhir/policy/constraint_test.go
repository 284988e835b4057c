package policy_test

import (
	"testing"

	"github.com/admitdev/admit/fhir/policy"
	"github.com/admitdev/admit/pkg/store"
)

func TestWriteConstraint(t *testing.T) {
	for _, tc := range []struct {
		expression, before, after string
		permitted                 bool
	}{
		{"%after.status = 'final'", "", `{"resourceType":"Observation","status":"final"}`, true},
		{"status = 'final'", "", `{"resourceType":"Observation","status":"amended"}`, false},
		{"%before.exists() implies %before.status != 'final'", `{"resourceType":"Observation","status":"final"}`, `{"resourceType":"Observation","status":"final"}`, false},
		{"%before.exists() implies %before.status != 'final'", "", `{"resourceType":"Observation","status":"final"}`, true},
		{"%after.subject.reference = %profile", "", mine, true},
		{"%after.subject.reference = %profile", "", others, false},
		{"%after.nothing", "", mine, false},          // empty
		{"%nobody = 1", "", mine, false},             // error
		{"status", "", mine, false},                  // no boolean
		{"status | 'w' | 'x'", "", mine, false},      // several
		{"%before.status = 'final'", mine, "", true}, // delete
	} {
		p := compile(t, subject, `{"resourceType":"Observation","writeConstraint":[{"language":"text/fhirpath","expression":"`+tc.expression+`"}]}`)
		rule, ok := p.Rule(policy.Update, store.Ref{Project: project, Type: "Observation", ID: "x"}, at, store.Index{})
		if !ok || !rule.Constrained() {
			t.Fatal(tc.expression)
		}
		bytesOf := func(s string) []byte {
			if s == "" {
				return nil
			}
			return []byte(s)
		}
		if got := rule.Permits(bytesOf(tc.before), bytesOf(tc.after)); got != tc.permitted {
			t.Errorf("%s: %v", tc.expression, got)
		}
	}
}
