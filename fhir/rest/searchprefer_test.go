package rest_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
)

// TestUnknownParametersAreLeftOutOnlyOnRequest is R4 search.html#errors and Prefer: handling.
func TestUnknownParametersAreLeftOutOnlyOnRequest(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		id := s.create(t, searchable)
		for _, tc := range []struct{ rule, prefer, query, self, refused string }{
			{"an unknown parameter is refused", "", "nope=1", "", "Unknown search parameter: nope"},
			{"so it is when asked to be strict", "handling=strict", "nope=1", "", "Unknown search parameter: nope"},
			{"and when the preference is unknown", "handling=sloppy", "nope=1", "", "Unknown search parameter: nope"},
			{"lenient leaves it out", "handling=lenient", "nope=1&name=Searchable", "_count=20&name=Searchable", ""},
			{"with other preferences", "return=minimal, handling=\"lenient\"; x=y", "nope=1&name=Searchable", "_count=20&name=Searchable", ""},
			{"and what is not supported", "handling=lenient", "_text=x&_query=q&name=Searchable", "_count=20&name=Searchable", ""},
			{"contained or not", "handling=lenient", "_containedType=contained&name=Searchable", "_count=20&name=Searchable", ""},
			{"but who asks for the contained is told that there are none", "handling=lenient", "_contained=true", "", "Contained resources are not searched: _contained=true"},
			{"and a chain through it", "handling=lenient", "nope:Patient.name=x&name=Searchable", "_count=20&name=Searchable", ""},
			{"what is known stays", "handling=lenient", "identifier=S-1&nope.name=x", "_count=20&identifier=S-1", ""},
			{"an unknown modifier is refused all the same", "handling=lenient", "name:nope=1", "", "Unknown modifier of search parameter name: nope"},
			{"so is a value that cannot be", "handling=lenient", "birthdate=someday", "", "Invalid format for date search parameter: someday"},
			{"and an unknown sort key", "handling=lenient", "_sort=nope", "", "Unknown search parameter: nope"},
		} {
			t.Run(tc.rule, func(t *testing.T) {
				a := s.do(t, http.MethodGet, "/Patient?"+tc.query, "", "Prefer", tc.prefer)
				if tc.refused != "" {
					assert.Equal(t, http.StatusBadRequest, a.status)
					assert.Contains(t, a.body, tc.refused)
					return
				}
				found := a.searchset(t)
				assert.Equal(t, "match Patient/"+id, found.found())
				assert.Equal(t, "Patient?"+tc.self, found.link("self"))
				assert.Equal(t, "handling=lenient", a.header.Get("Preference-Applied"))
			})
		}
	})
}
