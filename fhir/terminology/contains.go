package terminology

import (
	"encoding/json"
	"strings"

	"github.com/admitdev/admit/fhir/definitions"
)

// Answer says whether a code is in a set.
type Answer int

// The answers. Unknown means that it depends on a code system whose content is not here.
const (
	No Answer = iota
	Unknown
	Yes
)

// Member is what a set says of a code that is in it.
type Member struct {
	System, Version, Code, Display string
	Abstract, Inactive             bool
	Designation                    []byte // a JSON array, nil for none
	concept                        *definitions.Concept
}

// AnySystem stands for the system of a code that is written without one.
const AnySystem = "\x00"

// Contains says whether a code of a system is in the set. An abstract code is: whether it may be
// chosen is for the one who asks to say.
func (s *Set) Contains(system, code string) (Member, Answer) {
	best, member := No, Member{}
	for i := range s.include {
		m, answer := s.include[i].contains(system, code)
		if answer == Yes {
			if excluded := s.excludes(m.System, m.Code); excluded != No {
				answer = Yes - excluded // surely out, or who knows
			}
		}
		if answer == Yes && s.active && m.Inactive {
			answer = No
		}
		if answer > best {
			best, member = answer, m
		}
		if best == Yes {
			break
		}
	}
	return member, best
}

func (s *Set) excludes(system, code string) Answer {
	best := No
	for i := range s.exclude {
		if _, answer := s.exclude[i].contains(system, code); answer > best {
			best = answer
		}
	}
	return best
}

func (p *part) contains(system, code string) (Member, Answer) {
	if p.url == "" {
		return containedInAll(p.sets, system, code)
	}
	if system != AnySystem && system != p.url {
		return Member{}, No
	}
	m, answer := p.own(code)
	for _, set := range p.sets {
		if answer == No {
			break
		}
		if _, other := set.Contains(p.url, code); other < answer {
			answer = other
		}
	}
	return m, answer
}

func containedInAll(sets []*Set, system, code string) (member Member, worst Answer) {
	for i, set := range sets {
		m, answer := set.Contains(system, code)
		if i == 0 {
			member, worst = m, answer
		}
		worst = min(worst, answer)
	}
	return member, worst
}

// own is contains without the value sets that narrow the part.
func (p *part) own(code string) (Member, Answer) {
	if p.listed != nil {
		c, ok := p.listed[p.fold(code)]
		if !ok {
			return Member{}, No
		}
		return p.member(c), Yes
	}
	if p.system == nil {
		return Member{System: p.url, Code: code}, Unknown
	}
	at, ok := p.system.byCode[p.system.fold(code)]
	if !ok {
		if p.system.Complete() {
			return Member{}, No
		}
		return Member{System: p.url, Code: code}, Unknown
	}
	if !p.passes(at) {
		return Member{}, No
	}
	return p.memberAt(at), Yes
}

func (p *part) passes(at int) bool {
	for _, t := range p.tests {
		if !t.passes(at) {
			return false
		}
	}
	return true
}

// member is a listed code, with what its system says besides.
func (p *part) member(c *definitions.Concept) Member {
	m := Member{System: p.url, Version: p.version, Code: c.Code, Display: c.Display, concept: c}
	if p.system == nil {
		return m
	}
	if at, ok := p.system.byCode[p.system.fold(c.Code)]; ok {
		known := p.memberAt(at)
		m.Abstract, m.Inactive = known.Abstract, known.Inactive
		if m.Display == "" {
			m.Display = known.Display
		}
		if len(c.Designation) == 0 {
			m.concept = known.concept
		}
	}
	return m
}

func (p *part) memberAt(at int) Member {
	c := &p.system.Concepts[at]
	return Member{
		System: p.url, Version: p.version, Code: c.Code, Display: c.Display,
		Abstract: c.Abstract, Inactive: c.Inactive, concept: c.Concept,
	}
}

// Named says whether one of the designations of the code reads so, whatever the case.
func (m Member) Named(text string) bool {
	return m.concept != nil && isNamed(m.concept, text)
}

// Named says whether one of the designations of the concept reads so, whatever the case.
func (c *Concept) Named(text string) bool { return isNamed(c.Concept, text) }

func isNamed(c *definitions.Concept, text string) bool {
	for _, raw := range c.Designation {
		var designation struct{ Value string }
		if json.Unmarshal(raw, &designation) == nil && strings.EqualFold(designation.Value, text) {
			return true
		}
	}
	return false
}
