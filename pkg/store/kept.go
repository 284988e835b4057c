package store

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"unicode/utf8"

	"github.com/google/uuid"
)

// How long the values in an index may be, in bytes: PostgreSQL keeps no index entry above 2,700.
const (
	maxValue    = 480 // systems, codes, uris
	maxUnit     = 200
	maxDecimal  = 200
	maxKeyValue = 1000
	// prefixRunes is how much of a string its index holds; the row holds all of it.
	prefixRunes = 200
)

// clean is s as both databases can hold it: PostgreSQL knows no NUL and no broken UTF-8.
func clean(s string) string {
	if strings.IndexByte(s, 0) < 0 && utf8.ValidString(s) {
		return s
	}
	return strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "\uFFFD")
}

// bounded is s itself, or when it is too long its beginning and its hash: equal values stay
// equal, different ones different.
func bounded(s string, limit int) string {
	s = clean(s)
	if len(s) <= limit {
		return s
	}
	sum := sha256.Sum256([]byte(s))
	return cut(s, limit-2*len(sum)) + hex.EncodeToString(sum[:])
}

// cut is the beginning of s, at most limit bytes, ending with a whole character.
func cut(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	for limit > 0 && !utf8.RuneStart(s[limit]) {
		limit--
	}
	return s[:limit]
}

// firstRunes is the beginning of s, at most n characters; whole says that it is all of s.
func firstRunes(s string, n int) (beginning string, whole bool) {
	for at := range s {
		if n == 0 {
			return s[:at], false
		}
		n--
	}
	return s, true
}

// validProject says whether s is a UUID as PostgreSQL would write it. Any other project does not
// exist.
func validProject(s string) bool {
	parsed, err := uuid.Parse(s)
	return err == nil && parsed.String() == s
}

// kept is the index as its tables hold it, each row once.
func (ix Index) kept() Index {
	newest := ix.newest()
	return Index{
		Token: once(ix.Token, TokenRow.kept),
		Reference: once(ix.Reference, func(r ReferenceRow) ReferenceRow {
			r = r.kept()
			r.Newest = newest
			return r
		}),
		String:   once(ix.String, StringRow.kept),
		Date:     once(ix.Date, func(r DateRow) DateRow { return r }),
		Quantity: once(ix.Quantity, QuantityRow.kept),
		URI:      once(ix.URI, URIRow.kept),
	}
}

// add appends the rows of another resource.
func (ix *Index) add(more Index) {
	ix.Token = append(ix.Token, more.Token...)
	ix.Reference = append(ix.Reference, more.Reference...)
	ix.String = append(ix.String, more.String...)
	ix.Date = append(ix.Date, more.Date...)
	ix.Quantity = append(ix.Quantity, more.Quantity...)
	ix.URI = append(ix.URI, more.URI...)
}

func once[R comparable](rows []R, kept func(R) R) []R {
	seen := make(map[R]struct{}, len(rows))
	unique := make([]R, 0, len(rows))
	for _, row := range rows {
		row = kept(row)
		if _, ok := seen[row]; !ok {
			seen[row] = struct{}{}
			unique = append(unique, row)
		}
	}
	return unique
}

func (r TokenRow) kept() TokenRow {
	return TokenRow{r.Param, bounded(r.System, maxValue), bounded(r.Code, maxValue)}
}

func (r ReferenceRow) kept() ReferenceRow {
	return ReferenceRow{
		Param: r.Param, TargetType: bounded(r.TargetType, maxUnit), TargetID: bounded(r.TargetID, maxUnit), URL: bounded(r.URL, maxValue),
	}
}

func (r StringRow) kept() StringRow { return StringRow{r.Param, clean(r.Folded), clean(r.Exact)} }

func (r QuantityRow) kept() QuantityRow {
	return QuantityRow{
		r.Param, bounded(r.System, maxValue), bounded(r.Code, maxUnit), bounded(r.Unit, maxUnit),
		cut(clean(r.Value), maxDecimal), cut(clean(r.Low), maxDecimal), cut(clean(r.High), maxDecimal),
	}
}

func (r URIRow) kept() URIRow { return URIRow{r.Param, bounded(r.URI, maxValue)} }

func (k Key) kept() Key { return Key{clean(k.Scope), clean(k.Kind), bounded(k.Value, maxKeyValue)} }
