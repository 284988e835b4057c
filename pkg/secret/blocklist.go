package secret

import (
	"crypto/sha256"
	_ "embed"
	"sort"
)

//go:generate go run ./gen package/src/passwords.json common.bin

// common holds, sorted, the first bytes of the SHA-256 of each common password (folded). Five
// bytes let one password in sixty million be refused by mistake. Package gen makes it.
//
//go:embed common.bin
var common string

const prefix = 5

// blocked says whether the folded password is a common one.
func blocked(folded string) bool {
	digest := sha256.Sum256([]byte(folded))
	wanted := string(digest[:prefix])
	n := len(common) / prefix
	at := func(i int) string { return common[i*prefix : (i+1)*prefix] }
	i := sort.Search(n, func(i int) bool { return at(i) >= wanted })
	return i < n && at(i) == wanted
}
