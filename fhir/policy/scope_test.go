package policy_test

import (
	"testing"

	"github.com/admitdev/admit/fhir/medplum"
	"github.com/admitdev/admit/fhir/policy"
)

// TestScopes is SMART's intersection: scopes only take away.
func TestScopes(t *testing.T) {
	all := `{"resourceType":"*"}`
	for _, tc := range []struct{ scope, entries, resource, granted string }{
		{"openid profile", all, mine, "rvudhcs"},
		{"user/*.*", all, mine, "rvudhcs"},
		{"user/*.read", all, mine, "rvhs"},
		{"user/*.write", all, mine, "udc"},
		{"user/Observation.rs", all, mine, "rvhs"},
		{"user/Observation.c", all, mine, "c"},
		{"user/Patient.cruds", all, mine, ""},
		{"user/Observation.r user/Observation.c", all, mine, "rvhc"},
		{"user/Observation.cruds", `{"resourceType":"Observation","interaction":["read"]}`, mine, "r"},
		{"user/Observation.cruds", `{"resourceType":"Patient"}`, mine, ""},
		{"patient/*.rs", all, mine, "rvhs"},
		{"patient/*.rs", all, others, ""},
		{"patient/*.rs", `{"resourceType":"Observation","hiddenFields":["subject"]}`, mine, "rvhs"},
		{"user/Observation.rs?status=final", all, mine, "rvhs"},
		{"user/Observation.rs?status=final", all, others, ""},
		{"user/Observation.nonsense", all, mine, ""},
		{"user/Observation.", all, mine, ""},
		{"patient/", all, mine, ""},
		{"Patient/*.read", all, mine, ""},
		{"systems/Observation.rs", all, mine, ""},
		{"Observation.rs", all, mine, ""},
		{"launch/patient", all, mine, "rvudhcs"},
		{"user/Observation.rs?nope=1", all, mine, ""},
		{"user/Observation.rs?status=final", `{"resourceType":"Observation","hiddenFields":["status"]}`, mine, ""},
		{"user/Observation.rs?_filter=status+eq+final", `{"resourceType":"Observation","hiddenFields":["status"]}`, mine, ""},
		{"user/Observation.rs?status=final", `{"resourceType":"*","hiddenFields":["status"]}`, mine, ""},
		{"user/*.rs?_lastUpdated=gt2000", `{"resourceType":"Observation","hiddenFields":["meta"]}`, mine, ""},
		{"user/*.rs?_lastUpdated=gt2000", `{"resourceType":"*","hiddenFields":["meta"]}`, mine, ""},
		{"user/*.rs?_lastUpdated=gt2000", `{"resourceType":"Patient","hiddenFields":["meta"]},{"resourceType":"Observation"}`, mine, "rvhs"},
		{"user/Observation.rs?status=final", `{"resourceType":"Observation","hiddenFields":["note"]}`, mine, "rvhs"},
		{"user/Observation.rs?status=final user/Observation.r", `{"resourceType":"Observation","hiddenFields":["status"]}`, mine, "rvh"},
	} {
		s := subject
		s.Scope = tc.scope
		if got := letters(t, compile(t, s, tc.entries), tc.resource); got != tc.granted {
			t.Errorf("%s: granted %q, want %q", tc.scope, got, tc.granted)
		}
	}
	practitioner := policy.Subject{Project: project, Profile: medplum.RefTo("Practitioner", "nick", ""), Scope: "patient/*.rs"}
	if got := letters(t, compile(t, practitioner, all), mine); got != "" {
		t.Errorf("without a patient: %q", got)
	}
	practitioner.Patient = homer
	for hidden, want := range map[string]string{"subject": "", "performer": "", "note": "rvhs", "encounter": "rvhs"} {
		for _, of := range []string{"Observation", "*"} {
			if got := letters(t, compile(t, practitioner, `{"resourceType":"`+of+`","hiddenFields":["`+hidden+`"]}`), mine); got != want {
				t.Errorf("with the launch's patient, %s of %s hidden: %q", hidden, of, got)
			}
		}
	}
	if got := letters(t, compile(t, practitioner, all), mine); got != "rvhs" {
		t.Errorf("with the launch's patient: %q", got)
	}
}

func TestScopesOfAnAdministratorsToken(t *testing.T) {
	for scope, want := range map[string]bool{
		"":                                   true,
		"openid offline_access":              true,
		"user/*.*":                           true,
		"user/*.read":                        false,
		"user/Patient.cruds":                 false,
		"patient/*.*":                        false,
		"user/ProjectMembership.u":           true,
		"user/*.cruds?_lastUpdated=gt2020":   false,
		"user/nonsense":                      false,
		"system/ProjectMembership.cruds x/y": true,
	} {
		s := subject
		s.Scope, s.Admin = scope, true
		if got := compile(t, s, `{"resourceType":"*"}`).ScopesGrant(policy.Update, medplum.TypeProjectMembership); got != want {
			t.Errorf("%q: %t", scope, got)
		}
	}
}
