package oauth

import (
	"regexp"
	"slices"
	"strings"
)

// smartWord is a scope of SMART App Launch §3.0.
var smartWord = regexp.MustCompile(`^(patient|user|system)/([A-Za-z]+|\*)\.(read|write|\*|c?r?u?d?s?)(?:\?(.+))?$`)

type smartScope struct{ context, resourceType, interactions, criteria string }

func readSMART(word string) (smartScope, bool) {
	m := smartWord.FindStringSubmatch(word)
	if m == nil || m[3] == "" {
		return smartScope{}, false
	}
	interactions, ok := map[string]string{"read": "rs", "write": "cud", "*": "cruds"}[m[3]]
	if !ok {
		interactions = m[3]
	}
	return smartScope{m[1], m[2], interactions, m[4]}, true
}

// readAllSMART are the SMART words of a scope.
func readAllSMART(scope string) (all []smartScope) {
	for _, word := range words(scope) {
		if smart, ok := readSMART(word); ok {
			all = append(all, smart)
		}
	}
	return all
}

// AboutData says whether a scope says what data it is about, be it understood or not. One that does not
// leaves its token all that the person may do.
func AboutData(scope string) bool {
	return slices.ContainsFunc(words(scope), func(word string) bool {
		whose, _, ok := strings.Cut(word, "/")
		return ok && slices.Contains([]string{"patient", "user", "system"}, whose)
	})
}

// Covers says whether every SMART word of chosen is within one of granted. A scope without any
// restricts nothing, so none may be left out of one that has some; other words are not compared.
func Covers(granted, chosen string) bool {
	if !AboutData(granted) {
		return true
	}
	allowed := readAllSMART(granted)
	return AboutData(chosen) && !slices.ContainsFunc(readAllSMART(chosen), func(s smartScope) bool { return !s.withinAny(allowed) })
}

func (s smartScope) withinAny(allowed []smartScope) bool {
	for _, a := range allowed {
		if s.context == a.context && (a.resourceType == "*" || s.resourceType == a.resourceType) &&
			(a.criteria == "" || a.criteria == s.criteria) && strings.Trim(s.interactions, a.interactions) == "" {
			return true
		}
	}
	return false
}

// Narrow leaves of a scope the words that most holds: a SMART word within one of its own, any other
// word as it is.
func Narrow(scope, most string) string {
	allowed, known := readAllSMART(most), words(most)
	return strings.Join(slices.DeleteFunc(words(scope), func(word string) bool {
		smart, ok := readSMART(word)
		return !slices.Contains(known, word) && (!ok || !smart.withinAny(allowed))
	}), " ")
}
