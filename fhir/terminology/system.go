package terminology

import (
	"slices"
	"strings"

	"github.com/admitdev/admit/fhir/definitions"
)

// System is a code system ready to be asked.
type System struct {
	*definitions.CodeSystem
	Concepts []Concept // each after the one it is written below
	byCode   map[string]int
}

// Concept is a code of a System.
type Concept struct {
	*definitions.Concept
	// Parents and Children are places in Concepts.
	Parents, Children []int
	// Abstract says that the code may not be chosen, Inactive that it is no longer in use.
	Abstract, Inactive bool
}

// NewSystem makes a System of a definition.
func NewSystem(definition *definitions.CodeSystem) *System {
	s := &System{CodeSystem: definition, byCode: map[string]int{}}
	s.add(definition.Concept, -1)
	for i := range s.Concepts {
		s.link(i)
	}
	return s
}

func (s *System) add(concepts []definitions.Concept, parent int) {
	for i := range concepts {
		c := &concepts[i]
		at := len(s.Concepts)
		s.Concepts = append(s.Concepts, Concept{Concept: c, Abstract: isAbstract(c), Inactive: isInactive(c)})
		if _, twice := s.byCode[s.fold(c.Code)]; !twice {
			s.byCode[s.fold(c.Code)] = at
		}
		if parent >= 0 {
			s.join(parent, at)
		}
		s.add(c.Concept, at)
	}
}

// link adds the relations that properties say.
func (s *System) link(at int) {
	for _, p := range s.Concepts[at].Property {
		other, ok := s.byCode[s.fold(p.ValueCode)]
		switch {
		case !ok || other == at:
		case p.Code == "child":
			s.join(at, other)
		case p.Code == "parent" || p.Code == "subsumedBy":
			s.join(other, at)
		}
	}
}

func (s *System) join(parent, child int) {
	for _, known := range s.Concepts[child].Parents {
		if known == parent {
			return
		}
	}
	s.Concepts[child].Parents = append(s.Concepts[child].Parents, parent)
	s.Concepts[parent].Children = append(s.Concepts[parent].Children, child)
}

func isAbstract(c *definitions.Concept) bool {
	for _, p := range c.Property {
		if (p.Code == "notSelectable" || p.Code == "abstract") && p.ValueBoolean != nil && *p.ValueBoolean {
			return true
		}
	}
	return false
}

func isInactive(c *definitions.Concept) bool {
	for _, p := range c.Property {
		switch {
		case p.Code == "inactive" && p.ValueBoolean != nil && *p.ValueBoolean,
			p.Code == "status" && (p.ValueCode == "retired" || p.ValueCode == "inactive"):
			return true
		}
	}
	return false
}

// fold is a code as it is compared: a system says whether its codes' case matters. R4's own
// systems that do not say so mean it.
func (s *System) fold(code string) string {
	if s.CaseSensitive || strings.HasPrefix(s.URL, "http://hl7.org/fhir/") {
		return code
	}
	return strings.ToLower(code)
}

// Find is the concept of a code.
func (s *System) Find(code string) (*Concept, bool) {
	at, ok := s.byCode[s.fold(code)]
	if !ok {
		return nil, false
	}
	return &s.Concepts[at], true
}

// Complete says whether every code of the system is here.
func (s *System) Complete() bool { return s.Content == "complete" }

// Below are the places of a code and of all that it subsumes, in the order of the system; none
// for an unknown code.
func (s *System) Below(code string) []int {
	return s.reach(code, func(c *Concept) []int { return c.Children })
}

// Above are the places of a code and of all that subsume it.
func (s *System) Above(code string) []int {
	return s.reach(code, func(c *Concept) []int { return c.Parents })
}

// The outcomes of a comparison of two codes (R4 valueset-concept-subsumption-outcome.html).
const (
	Equivalent  = "equivalent"
	Subsumes    = "subsumes"
	SubsumedBy  = "subsumed-by"
	NotSubsumed = "not-subsumed"
)

// Compare says how code a relates to code b, both of the system.
func (s *System) Compare(a, b string) string {
	at, other := s.byCode[s.fold(a)], s.byCode[s.fold(b)]
	switch {
	case at == other:
		return Equivalent
	case slices.Contains(s.Below(a), other):
		return Subsumes
	case slices.Contains(s.Above(a), other):
		return SubsumedBy
	}
	return NotSubsumed
}

func (s *System) reach(code string, next func(*Concept) []int) []int {
	start, ok := s.byCode[s.fold(code)]
	if !ok {
		return nil
	}
	out, seen := []int{start}, map[int]bool{start: true}
	for i := 0; i < len(out); i++ {
		for _, at := range next(&s.Concepts[out[i]]) {
			if !seen[at] {
				seen[at] = true
				out = append(out, at)
			}
		}
	}
	return out
}
