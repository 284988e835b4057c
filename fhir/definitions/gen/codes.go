package main

import (
	"cmp"
	"slices"

	"github.com/admitdev/admit/fhir/definitions"
)

type valueSet struct {
	URL       string
	Compose   struct{ Include, Exclude []include }
	Expansion struct{ Contains []concept }
}

type include struct {
	System   string
	Concept  []concept
	Filter   []struct{ Property, Op, Value string }
	ValueSet []string
}

type codeSystem struct {
	URL     string
	Content string
	Concept []concept
}

type concept struct {
	Code    string
	Concept []concept
}

// codeTable is the codes of one value set.
type codeTable struct {
	URL   string   `json:"url"`
	Codes []string `json:"codes"`
}

// codes are the value sets of required bindings, as far as they can be listed: a set that is
// filtered or whose code system is not in the package (currencies, media types, units) cannot.
func (s *source) codes(structures []*definitions.Structure) []codeTable {
	needed := map[string]bool{}
	for _, st := range structures {
		for _, e := range st.Elements {
			if e.ValueSet != "" {
				needed[e.ValueSet] = true
			}
		}
	}
	var out []codeTable
	for url := range needed {
		if codes, ok := s.expand(url, 0); ok {
			slices.Sort(codes)
			out = append(out, codeTable{url, slices.Compact(codes)})
		}
	}
	slices.SortFunc(out, func(a, b codeTable) int { return cmp.Compare(a.URL, b.URL) })
	return out
}

func (s *source) expand(url string, depth int) ([]string, bool) {
	set, ok := s.valueSets[url]
	if !ok || depth > 8 || len(set.Compose.Exclude) > 0 {
		return nil, false
	}
	codes := flatten(nil, set.Expansion.Contains)
	for _, inc := range set.Compose.Include {
		included, ok := s.include(inc, depth)
		if !ok {
			return nil, false
		}
		codes = append(codes, included...)
	}
	return codes, len(codes) > 0
}

func (s *source) include(inc include, depth int) ([]string, bool) {
	switch {
	case len(inc.Filter) > 0:
		return nil, false
	case len(inc.Concept) > 0:
		return flatten(nil, inc.Concept), true
	case inc.System == "" && len(inc.ValueSet) == 1:
		return s.expand(cutVersion(inc.ValueSet[0]), depth+1)
	case inc.System != "" && len(inc.ValueSet) == 0:
		system, ok := s.codeSystems[inc.System]
		return flatten(nil, system.Concept), ok && system.Content == "complete"
	}
	return nil, false
}

func flatten(codes []string, concepts []concept) []string {
	for _, c := range concepts {
		if c.Code != "" {
			codes = append(codes, c.Code)
		}
		codes = flatten(codes, c.Concept)
	}
	return codes
}

func cutVersion(canonical string) string {
	for i := range canonical {
		if canonical[i] == '|' {
			return canonical[:i]
		}
	}
	return canonical
}
