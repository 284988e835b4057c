// Command gen makes common.bin, the list of common passwords, from the npm package
// @zxcvbn-ts/language-common 4.1.3 (MIT, see common.LICENSE; sha256 of its tarball
// bf3027c16c069d7877e25dc8751bc819e10e479afcc5ee1a323eb2ab73129ca9):
//
//	npm pack @zxcvbn-ts/language-common@4.1.3 && tar xzf zxcvbn-ts-language-common-4.1.3.tgz
//	go run ./gen package/src/passwords.json common.bin
//
// Passwords of fewer than eight characters are left out: no configuration accepts them.
package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

const (
	prefix    = 5
	minLength = 8
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: gen passwords.json common.bin")
		os.Exit(2)
	}
	if err := run(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(from, to string) error {
	source, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	var passwords []string
	if err := json.Unmarshal(source, &passwords); err != nil {
		return err
	}
	var digests []string
	for _, password := range passwords {
		folded := strings.ToLower(norm.NFKC.String(strings.TrimSpace(password)))
		if utf8.RuneCountInString(folded) >= minLength {
			digest := sha256.Sum256([]byte(folded))
			digests = append(digests, string(digest[:prefix]))
		}
	}
	slices.Sort(digests)
	digests = slices.Compact(digests)
	var out bytes.Buffer
	for _, digest := range digests {
		out.WriteString(digest)
	}
	fmt.Printf("%d passwords\n", len(digests))
	return os.WriteFile(to, out.Bytes(), 0o644)
}
