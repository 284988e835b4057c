package index

import (
	"slices"
	"testing"
)

func TestTokensAreAlsoIndexedAsTheyMayBeSpelled(t *testing.T) {
	tokens := func(text, resourceType, param string) (codes []string) {
		for _, row := range Extract(parse(t, text), resourceType).Token {
			if row.Param == param {
				codes = append(codes, row.Code)
			}
		}
		return codes
	}
	same := func(want, got []string) {
		t.Helper()
		if !slices.Equal(want, got) {
			t.Errorf("%q, want %q", got, want)
		}
	}
	same([]string{"Ab-1", "ab-1"}, tokens(`{"resourceType":"Medication","batch":{"lotNumber":"Ab-1"}}`, "Medication", "lot-number"))
	same([]string{"Secret"}, tokens(`{"resourceType":"Login","code":"Secret"}`, "Login", "code")) // a secret is itself alone
	media := `{"resourceType":"DocumentReference","content":[{"attachment":{"contentType":"text/xml; charset=utf-8"}},{"attachment":{"contentType":"text/plain"}}]}`
	same([]string{"text/xml; charset=utf-8", "text/plain"}, tokens(media, "DocumentReference", "contenttype"))
	same([]string{"text/xml"}, tokens(media, "DocumentReference", "contenttype"+MIMESuffix))
}
