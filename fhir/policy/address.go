package policy

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/admitdev/admit/fhir/medplum"
	"github.com/admitdev/admit/pkg/outcome"
)

// addressRule lets addresses in or keeps them out.
type addressRule struct {
	all    bool         // whatever the address
	prefix netip.Prefix // else those that begin so
	allow  bool
	origin string // "AccessPolicy/<id> ipAccessRule[<i>]"
}

func compileAddressRule(r medplum.IPAccessRule) (addressRule, error) {
	text := strings.TrimSpace(r.Value)
	rule := addressRule{all: text == "*"}
	switch r.Action {
	case "allow":
		rule.allow = true
	case "block":
	default:
		return rule, at(outcome.New(outcome.Invalid, "Unknown action: %s", r.Action), "action")
	}
	var ok bool
	if rule.prefix, ok = prefixOf(text); text == "" {
		return rule, at(outcome.New(outcome.Invalid, "An address is required"), "value")
	} else if !ok && !rule.all {
		return rule, at(outcome.New(outcome.Invalid, "%q is no address, beginning of addresses or range of them", text), "value")
	}
	return rule, nil
}

// prefixOf is the range that a rule is about, whatever way it is written: an address, a range in CIDR notation or
// how addresses begin. 10.1 is about 10.1.2.3 and not about 10.12.3.4: a part of an address that is written is
// whole. What ends with :: could be an address or how some begin.
func prefixOf(text string) (netip.Prefix, bool) {
	if strings.HasSuffix(text, "::") {
		return netip.Prefix{}, false
	}
	if address, err := netip.ParseAddr(text); err == nil {
		address = address.Unmap().WithZone("")
		return netip.PrefixFrom(address, address.BitLen()), true
	}
	prefix, err := netip.ParsePrefix(text)
	if err != nil {
		prefix, err = netip.ParsePrefix(completed(text))
	}
	if err != nil {
		return netip.Prefix{}, false
	}
	if prefix.Addr().Is4In6() { // as addresses are compared
		if prefix.Bits() < 96 {
			return netip.Prefix{}, false
		}
		prefix = netip.PrefixFrom(prefix.Addr().Unmap(), prefix.Bits()-96)
	}
	return prefix.Masked(), true
}

// completed is the range of the addresses that begin with whole parts: 10.1 is 10.1.0.0/16.
func completed(text string) string {
	if strings.Contains(text, ":") {
		parts := strings.Split(strings.TrimSuffix(text, ":"), ":")
		return fmt.Sprintf("%s::/%d", strings.Join(parts, ":"), 16*len(parts))
	}
	parts := strings.Split(strings.TrimSuffix(text, "."), ".")
	if len(parts) > 3 {
		return ""
	}
	return fmt.Sprintf("%s%s/%d", strings.Join(parts, "."), strings.Repeat(".0", 4-len(parts)), 8*len(parts))
}

// AllowsAddress says whether the ipAccessRules let the address in: the first rule about it
// decides, and without one it may. What is no address is kept out as soon as there are rules.
func (p *Policy) AllowsAddress(address string) bool {
	allowed, _ := p.address(address)
	return allowed
}

// address also says which rule decides, if one does.
func (p *Policy) address(address string) (allowed bool, origin string) {
	if len(p.addresses) == 0 {
		return true, ""
	}
	parsed, err := netip.ParseAddr(address)
	if err != nil {
		return false, ""
	}
	for _, r := range p.addresses {
		if r.all || r.prefix.Contains(parsed.Unmap().WithZone("")) {
			return r.allow, r.origin
		}
	}
	return true, ""
}
