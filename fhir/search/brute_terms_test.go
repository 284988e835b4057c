package search_test

import (
	"slices"
	"strconv"
	"strings"

	"github.com/admitdev/admit/pkg/outcome"
	"github.com/admitdev/admit/pkg/store"
)

// bruteTerms are value sets, urn:vs:1 and so on, and code systems in which each code subsumes those
// after it.
type bruteTerms struct{}

const bruteSets = 4

// inBruteSet says which codes a value set has: every so many of all.
func inBruteSet(set, system, code int) bool { return (system*len(bruteCodes)+code)%(set+1) == 0 }

func (bruteTerms) ValueSet(url string) ([]store.TokenValue, error) {
	set, err := strconv.Atoi(strings.TrimPrefix(url, "urn:vs:"))
	if err != nil {
		return nil, outcome.New(outcome.NotFound, "ValueSet %s not found", url)
	}
	var values []store.TokenValue
	for s := range bruteSystems {
		for c := range bruteCodes {
			if inBruteSet(set, s, c) {
				values = append(values, store.TokenValue{System: &bruteSystems[s], Code: &bruteCodes[c]})
			}
		}
	}
	return values, nil
}

func (bruteTerms) Below(_, code string) ([]string, error) {
	return bruteCodes[slices.Index(bruteCodes, code):], nil
}

func (bruteTerms) Above(_, code string) ([]string, error) {
	return bruteCodes[:slices.Index(bruteCodes, code)+1], nil
}

// termValue draws a value set or a code of a system.
func (w *bruteWorld) termValue(p bruteParam, modifier string) (string, func(object) bool) {
	if modifier == ":in" || modifier == ":not-in" {
		set := 1 + w.IntN(bruteSets)
		return "urn:vs:" + strconv.Itoa(set), func(r object) bool {
			return slices.ContainsFunc(tokens(p.values(r)), func(t [2]string) bool {
				system, code := slices.Index(bruteSystems, t[0]), slices.Index(bruteCodes, t[1])
				return system >= 0 && code >= 0 && inBruteSet(set, system, code)
			})
		}
	}
	system, code := w.system(), w.IntN(len(bruteCodes))
	return system + "|" + escapes.Replace(bruteCodes[code]), func(r object) bool {
		return slices.ContainsFunc(tokens(p.values(r)), func(t [2]string) bool {
			found := slices.Index(bruteCodes, t[1])
			return t[0] == system && found >= 0 && (modifier == ":below" && found >= code || modifier == ":above" && found <= code)
		})
	}
}
