package policy_test

import (
	"testing"

	"github.com/admitdev/admit/fhir/medplum"
	"github.com/admitdev/admit/fhir/policy"
)

func TestAddresses(t *testing.T) {
	rule := func(action, value string) medplum.IPAccessRule {
		return medplum.IPAccessRule{Value: value, Action: action}
	}
	for _, tc := range []struct {
		rules   []medplum.IPAccessRule
		address string
		allowed bool
	}{
		{nil, "203.0.113.9", true},
		{[]medplum.IPAccessRule{rule("block", "*")}, "203.0.113.9", false},
		{[]medplum.IPAccessRule{rule("allow", "203.0.113.9"), rule("block", "*")}, "203.0.113.9", true},
		{[]medplum.IPAccessRule{rule("allow", "203.0.113.9"), rule("block", "*")}, "203.0.113.90", false},
		{[]medplum.IPAccessRule{rule("allow", "10.1"), rule("block", "*")}, "10.1.2.3", true},
		{[]medplum.IPAccessRule{rule("allow", "10.1"), rule("block", "*")}, "10.12.3.4", false},
		{[]medplum.IPAccessRule{rule("allow", "10.0.0.0/8"), rule("block", "*")}, "10.200.0.1", true},
		{[]medplum.IPAccessRule{rule("allow", "2001:db8::/32"), rule("block", "*")}, "2001:db8::1", true},
		{[]medplum.IPAccessRule{rule("block", "203.0.113.9")}, "::ffff:203.0.113.9", false},
		{[]medplum.IPAccessRule{rule("block", "203.0.113.9")}, "198.51.100.1", true},
		{[]medplum.IPAccessRule{rule("block", "203.0.113.9")}, "nonsense", false},
		{[]medplum.IPAccessRule{rule("block", "::ffff:203.0.113.9")}, "203.0.113.9", false},
		{[]medplum.IPAccessRule{rule("block", "::ffff:203.0.113.0/120")}, "203.0.113.9", false},
		{[]medplum.IPAccessRule{rule("block", "::ffff:203.0.113.0/120")}, "::ffff:cb00:7109", false},
		{[]medplum.IPAccessRule{rule("block", "203.0.113.")}, "203.0.113.9", false},
		{[]medplum.IPAccessRule{rule("block", "2001:DB8::1")}, "2001:db8::1", false},
		{[]medplum.IPAccessRule{rule("block", "2001:0db8")}, "2001:db8:0:1::1", false},
		{[]medplum.IPAccessRule{rule("block", "2001:DB8:0:")}, "2001:db8::1", false},
		{[]medplum.IPAccessRule{rule("block", "2001:db8")}, "2001:db80::1", true},
		{[]medplum.IPAccessRule{rule("block", "fe80::1%eth0")}, "fe80::1%eth1", false},
	} {
		p, err := policy.Compile([]policy.Source{{Policy: medplum.AccessPolicy{IPAccessRule: tc.rules}}}, subject)
		if err != nil {
			t.Fatal(err)
		}
		if got := p.AllowsAddress(tc.address); got != tc.allowed {
			t.Errorf("%v %s: %v", tc.rules, tc.address, got)
		}
	}
	for _, r := range []medplum.IPAccessRule{
		rule("maybe", "*"), rule("allow", ""), rule("allow", "10.0.0.0/99"), rule("block", "10.1.2.300"), rule("block", "10.1.2.3.4"),
		rule("block", "office"), rule("block", "2001:db8::"), rule("block", "2001:db8:1:2:3:4:5:6:7"), rule("block", "::ffff:0.0.0.0/8"),
	} {
		if policy.Check(medplum.AccessPolicy{IPAccessRule: []medplum.IPAccessRule{r}}) == nil {
			t.Errorf("%v is accepted", r)
		}
	}
}
