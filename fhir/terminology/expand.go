package terminology

import (
	"encoding/json"
	"strings"
	"unicode"

	"github.com/admitdev/admit/fhir/definitions"
	"github.com/admitdev/admit/pkg/outcome"
)

// Expansion says what of a set is to be listed.
type Expansion struct {
	// Filter are words, each of which must begin a word of the display or the code.
	Filter     string
	ActiveOnly bool
	// Selectable leaves out abstract codes.
	Selectable   bool
	Designations bool
	// Offset and Count choose a page; a negative Count is all.
	Offset, Count int
	// Limit is how many codes the set may have; 0 stands for the greatest there is.
	Limit int
}

// Expand lists the codes of the set in the order of its definition, each once, and says how many
// there are on all pages.
//
// Errors: outcome NotSupported when it holds codes of a system whose content is not here,
// TooCostly.
func (s *Set) Expand(e Expansion) (page []Member, total int, err error) {
	if e.Limit == 0 {
		e.Limit = maxCodes
	}
	words := wordsOf(e.Filter)
	x := expander{steps: maxSteps, seen: map[[2]string]bool{}}
	err = x.each(s, func(m Member) error {
		if e.ActiveOnly && m.Inactive || e.Selectable && m.Abstract || !matches(words, m) {
			return nil
		}
		if total++; total > e.Limit {
			return outcome.New(outcome.TooCostly, "ValueSet %s has more than %d codes", s.URL, e.Limit)
		}
		if total > e.Offset && (e.Count < 0 || len(page) < e.Count) {
			if e.Designations {
				m.designate()
			}
			page = append(page, m)
		}
		return nil
	})
	return page, total, err
}

// expander is one walk over a set.
type expander struct {
	steps int // left
	seen  map[[2]string]bool
}

func (x *expander) spend(steps int) error {
	if x.steps -= steps; x.steps < 0 {
		return outcome.New(outcome.TooCostly, "The value set takes too long to work out")
	}
	return nil
}

// each calls fn for each code of the set, once.
func (x *expander) each(s *Set, fn func(Member) error) error {
	for i := range s.include {
		if err := x.spend(1); err != nil {
			return err
		}
		err := x.part(&s.include[i], func(m Member) error {
			if err := x.spend(s.excluding); err != nil {
				return err
			}
			key := [2]string{m.System, m.Code}
			if x.seen[key] || s.active && m.Inactive {
				return nil
			}
			switch s.excludes(m.System, m.Code) {
			case Yes:
				return nil
			case Unknown:
				return unlisted(m.System)
			}
			x.seen[key] = true
			return fn(m)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func unlisted(system string) error {
	return outcome.New(outcome.NotSupported, "The content of the code system %s is not known here, so its codes cannot be listed", system)
}

// part calls fn for each code that a part has.
func (x *expander) part(p *part, fn func(Member) error) error {
	if p.url == "" {
		return x.imported(p.sets, fn)
	}
	check := func(m Member) error {
		if err := x.spend(1 + costOf(p.sets)); err != nil {
			return err
		}
		for _, set := range p.sets {
			switch _, answer := set.Contains(m.System, m.Code); answer {
			case No:
				return nil
			case Unknown:
				return unlisted(m.System)
			}
		}
		return fn(m)
	}
	if p.listed != nil {
		for _, c := range p.order {
			if err := check(p.member(c)); err != nil {
				return err
			}
		}
		return nil
	}
	if p.system == nil {
		return unlisted(p.url)
	}
	for at := range p.system.Concepts {
		if err := x.spend(1 + p.filtering); err != nil {
			return err
		}
		if !p.passes(at) {
			continue
		}
		if err := check(p.memberAt(at)); err != nil {
			return err
		}
	}
	return nil
}

// imported lists the first set as far as it is in all the others.
func (x *expander) imported(sets []*Set, fn func(Member) error) error {
	if len(sets) == 0 {
		return nil
	}
	inner := expander{steps: x.steps, seen: map[[2]string]bool{}}
	err := inner.each(sets[0], func(m Member) error {
		if err := inner.spend(costOf(sets[1:])); err != nil {
			return err
		}
		switch _, answer := containedInAll(sets[1:], m.System, m.Code); {
		case len(sets) == 1 || answer == Yes:
			return fn(m)
		case answer == Unknown:
			return unlisted(m.System)
		}
		return nil
	})
	x.steps = inner.steps
	return err
}

// matches says whether each word begins a word of what the code is called or the code itself.
func matches(words []string, m Member) bool {
	if len(words) == 0 {
		return true
	}
	text := append(wordsOf(m.Display), strings.ToLower(m.Code))
	for _, word := range words {
		found := false
		for _, t := range text {
			found = found || strings.HasPrefix(t, word)
		}
		if !found {
			return false
		}
	}
	return true
}

func wordsOf(s string) []string {
	return strings.FieldsFunc(strings.ToLower(s), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsNumber(r) })
}

// designate shows the other names of the code.
func (m *Member) designate() {
	if m.concept != nil {
		m.Designation = DesignationsOf(m.concept)
	}
}

// DesignationsOf are the designations of a concept as a JSON array, nil when it has none.
func DesignationsOf(c *definitions.Concept) []byte {
	if len(c.Designation) == 0 {
		return nil
	}
	raw, err := json.Marshal(c.Designation)
	if err != nil {
		return nil // it was read from JSON
	}
	return raw
}
