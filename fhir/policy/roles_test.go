package policy_test

import (
	"testing"

	"github.com/admitdev/admit/fhir/policy"
)

func TestRoles(t *testing.T) {
	admin := policy.Subject{Project: project, Profile: homer, Admin: true, Linked: []string{"linked"}}
	super := policy.Subject{Project: project, Profile: homer, SuperAdmin: true}
	own := `{"resourceType":"Project","id":"` + project + `"}`
	for _, tc := range []struct {
		rule    string
		as      policy.Subject
		entries string
		what    string
		granted string
	}{
		{"nobody sees a project", subject, `{"resourceType":"*"},{"resourceType":"Project"}`, own, ""},
		{"an admin changes the own project but cannot delete it", admin, ``, own, "rvuhcs"},
		{"and reads linked ones", admin, ``, `{"resourceType":"Project","id":"linked"}`, "rvhs"},
		{"and no other", admin, ``, `{"resourceType":"Project","id":"other"}`, ""},
		{"memberships of the project", admin, ``, `{"resourceType":"ProjectMembership","id":"m"}`, "rvudhcs"},
		{"users of the project", admin, ``, user, "rvudhcs"},
		{"security requests are read", admin, ``, `{"resourceType":"UserSecurityRequest","id":"r"}`, "rvhs"},
		{"a policy's entry does not widen that", admin, `{"resourceType":"Project"}`, `{"resourceType":"Project","id":"other"}`, ""},
		{"nor narrow it", admin, `{"resourceType":"User","readonly":true}`, user, "rvudhcs"},
		{"sessions are no admin's", admin, `{"resourceType":"*"},{"resourceType":"Login"}`, `{"resourceType":"Login","id":"l"}`, ""},
		{"nor domains", admin, `{"resourceType":"*"}`, `{"resourceType":"DomainConfiguration","id":"d"}`, ""},
		{"being admin opens nothing clinical", admin, ``, mine, ""},
		{"a super admin has every project", super, ``, `{"resourceType":"Project","id":"other"}`, "rvudhcs"},
		{"and domains", super, ``, `{"resourceType":"DomainConfiguration","id":"d"}`, "rvudhcs"},
		{"and reads sessions", super, ``, `{"resourceType":"Login","id":"l"}`, "rvhs"},
		{"a policy restricts even a super admin", super, `{"resourceType":"User","readonly":true}`, user, "rvhs"},
	} {
		t.Run(tc.rule, func(t *testing.T) {
			if got := letters(t, compile(t, tc.as, tc.entries), tc.what); got != tc.granted {
				t.Errorf("granted %q, want %q", got, tc.granted)
			}
		})
	}
}

func TestUsersOfOtherProjectsAreOutOfSight(t *testing.T) {
	p := compile(t, policy.Subject{Project: "other", Profile: homer, Admin: true}, ``)
	if got := letters(t, p, user); got != "" {
		t.Error(got)
	}
}
