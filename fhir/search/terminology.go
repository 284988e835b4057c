package search

import "github.com/admitdev/admit/pkg/store"

// Terminology answers what the modifiers :in, :not-in, :below and :above ask of code systems (R4
// search.html#token). It is the session's own: a value set that the caller may not read does not
// exist for it.
type Terminology interface {
	// ValueSet are the codes of a value set, named by its canonical URL, each with its system and
	// at most MaxCodes.
	//
	// Errors: outcome NotFound when there is no such set, TooCostly when it has more codes.
	ValueSet(url string) ([]store.TokenValue, error)
	// Below are the code itself and all codes that it subsumes, at most MaxCodes.
	//
	// Errors: outcome NotFound for an unknown system or code, TooCostly.
	Below(system, code string) ([]string, error)
	// Above are the code itself and all codes that subsume it, with the errors of Below.
	Above(system, code string) ([]string, error)
}

// MaxCodes is how many codes one value of :in, :below or :above may stand for.
const MaxCodes = 10000
