package index

import (
	"crypto/sha256"
	"encoding/hex"
	"unicode/utf8"
)

// MaxKey is the greatest length in bytes of a token, uri or unit in a row: an index entry of
// PostgreSQL takes 2704 bytes in all.
const MaxKey = 400

// Bound is the value as rows have it: itself, or when it is longer than MaxKey its beginning and
// a hash of all of it. Whoever looks for equality bounds the value that is looked for as well;
// two different values stay different.
func Bound(s string) string {
	if len(s) <= MaxKey {
		return s
	}
	sum := sha256.Sum256([]byte(s))
	end := MaxKey - 2*len(sum) - 1
	for !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end] + "#" + hex.EncodeToString(sum[:])
}

// bound makes every row fit an index entry. Strings have their own limit.
func (b *builder) bound() {
	for i := range b.rows.Token {
		row := &b.rows.Token[i]
		row.System, row.Code = Bound(row.System), Bound(row.Code)
	}
	for i := range b.rows.Reference {
		b.rows.Reference[i].URL = Bound(b.rows.Reference[i].URL)
	}
	for i := range b.rows.Quantity {
		row := &b.rows.Quantity[i]
		row.System, row.Code, row.Unit = Bound(row.System), Bound(row.Code), Bound(row.Unit)
	}
	for i := range b.rows.URI {
		b.rows.URI[i].URI = Bound(b.rows.URI[i].URI)
	}
}
