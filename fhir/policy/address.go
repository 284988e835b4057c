package policy

import (
	"net/netip"
	"strings"

	"github.com/admitdev/admit/fhir/medplum"
	"github.com/admitdev/admit/pkg/outcome"
)

// addressRule lets addresses in or keeps them out.
type addressRule struct {
	text   string       // an address or how addresses begin; * for all
	prefix netip.Prefix // set when text is in CIDR notation
	allow  bool
	origin string // "AccessPolicy/<id> ipAccessRule[<i>]"
}

func compileAddressRule(r medplum.IPAccessRule) (addressRule, error) {
	rule := addressRule{text: strings.TrimSpace(r.Value)}
	switch r.Action {
	case "allow":
		rule.allow = true
	case "block":
	default:
		return rule, at(outcome.New(outcome.Invalid, "Unknown action: %s", r.Action), "action")
	}
	if rule.text == "" {
		return rule, at(outcome.New(outcome.Invalid, "An address is required"), "value")
	}
	if strings.Contains(rule.text, "/") {
		prefix, err := netip.ParsePrefix(rule.text)
		if err != nil {
			return rule, at(outcome.New(outcome.Invalid, "%q is no range of addresses", rule.text), "value")
		}
		rule.prefix = prefix.Masked()
	}
	return rule, nil
}

// matches says whether the rule is about the address. 10.1 is about 10.1.2.3 and not about
// 10.12.3.4: a part of an address that is written is whole.
func (r addressRule) matches(address netip.Addr) bool {
	if r.text == "*" {
		return true
	}
	if r.prefix.IsValid() {
		return r.prefix.Contains(address)
	}
	if exact, err := netip.ParseAddr(r.text); err == nil {
		return exact.Unmap() == address
	}
	rest, ok := strings.CutPrefix(address.String(), r.text)
	last := r.text[len(r.text)-1]
	return ok && (last == '.' || last == ':' || rest == "" || rest[0] == '.' || rest[0] == ':')
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
		if r.matches(parsed.Unmap().WithZone("")) {
			return r.allow, r.origin
		}
	}
	return true, ""
}
