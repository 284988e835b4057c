package apptest_test

import "testing"

// TestBadInput plays what broken and hostile clients send over real HTTP on each database. Each
// is refused with the surface's own error, and the rows of the database are the same afterwards.
func TestBadInput(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *world) {
		for _, rule := range []struct {
			name  string
			check func(t *testing.T, w *world)
		}{
			{"broken bodies are refused and change nothing", brokenBodiesAreRefusedAndChangeNothing},
			{"an oversized body without length is cut off", anOversizedBodyWithoutLengthIsCutOff},
			{"wrong types in bodies are refused and change nothing", wrongTypesInBodiesAreRefusedAndChangeNothing},
			{"ids that are none are not found", idsThatAreNoneAreNotFound},
			{"unknown types and parameters are refused", unknownTypesAndParametersAreRefused},
			{"values of a search are only text", valuesOfASearchAreOnlyText},
			{"unknown paths and methods change nothing", unknownPathsAndMethodsChangeNothing},
			{"forged tokens open nothing", forgedTokensOpenNothing},
			{"a token of another project opens nothing here", aTokenOfAnotherProjectOpensNothingHere},
			{"bad grants are refused in OAuth's words", badGrantsAreRefusedInOAuthsWords},
			{"links come from the configured base", linksComeFromTheConfiguredBase},
			{"names cannot add mail headers", namesCannotAddMailHeaders},
			{"odd headers do no harm", oddHeadersDoNoHarm},
			{"requests that are no HTTP are refused", requestsThatAreNoHTTPAreRefused},
			{"nothing can forge a line of the log", nothingCanForgeALineOfTheLog},
		} {
			t.Run(rule.name, func(t *testing.T) { rule.check(t, w) })
		}
	})
}
