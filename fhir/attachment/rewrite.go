package attachment

import (
	"bytes"
	"encoding/json"
	"regexp"
	"strings"
)

// The marks without which a text has nothing to be rewritten. Both are safe from the escapes that
// JSON writers are fond of.
var (
	binaryMark  = []byte("Binary")
	storageMark = []byte("storage")
)

// Plain makes of each signed URL of ours what it stands for, Binary/<id>, whether it is good or not.
func (u *URLs) Plain(content []byte) []byte {
	if !bytes.Contains(content, storageMark) {
		return content
	}
	return rewrite(content, func(value string) (string, bool) {
		rest, ok := strings.CutPrefix(value, u.Storage)
		if !ok {
			return "", false
		}
		id, _, _ := strings.Cut(rest, "/")
		id, _, _ = strings.Cut(id, "?")
		return "Binary/" + id, idForm.MatchString(id)
	})
}

// Named are the Binaries that the urls of a text lead to, each once.
func (u *URLs) Named(content []byte) []Binary {
	if !bytes.Contains(content, binaryMark) {
		return nil
	}
	var named []Binary
	seen := map[Binary]bool{}
	rewrite(content, func(value string) (string, bool) {
		if b, ok := u.read(value); ok && !seen[b] {
			seen[b] = true
			named = append(named, b)
		}
		return "", false
	})
	return named
}

// Signed is the text with these URLs for the Binaries.
func (u *URLs) Signed(content []byte, urls map[Binary]string) []byte {
	return rewrite(content, func(value string) (string, bool) {
		b, ok := u.read(value)
		if !ok {
			return "", false
		}
		signed, ok := urls[b]
		return signed, ok
	})
}

var urlName = []byte(`"url"`)

// ofRequest is what stands before the url of a Bundle.entry.request that is written here.
var ofRequest = regexp.MustCompile(`"request":\{"method":"[A-Z]{3,6}",$`)

const ofRequestMost = len(`"request":{"method":"DELETE",`)

// rewrite replaces values of members named url in JSON, without parsing it. What looks like such a
// member is one: within a string every quote has a backslash before it, so url between two quotes
// that have none is a string of its own, and one that a colon follows is a name. The url of a request
// is no attachment's: in the Bundles of histories a method stands before it.
func rewrite(content []byte, replace func(value string) (string, bool)) []byte {
	var out []byte
	done := 0
	for at := 0; ; {
		found := bytes.Index(content[at:], urlName)
		if found < 0 {
			break
		}
		start := at + found
		at = start + len(urlName)
		begin := valueAfter(content, at)
		if start > 0 && content[start-1] == '\\' || begin < 0 || ofRequest.Match(content[max(0, start-ofRequestMost):start]) {
			continue
		}
		end := stringEnd(content, begin)
		if end < 0 {
			break
		}
		var value string
		if json.Unmarshal(content[begin:end], &value) != nil {
			continue
		}
		at = end
		if with, ok := replace(value); ok {
			out = append(append(out, content[done:begin]...), quoted(with)...)
			done = end
		}
	}
	if done == 0 {
		return content
	}
	return append(out, content[done:]...)
}

// quoted is an address as JSON; none that is made here has anything to escape.
func quoted(address string) string { return `"` + address + `"` }

// valueAfter is where the string begins that is the value of the name that ends at; -1 when none does.
func valueAfter(content []byte, at int) int {
	at = space(content, at)
	if at >= len(content) || content[at] != ':' {
		return -1
	}
	if at = space(content, at+1); at >= len(content) || content[at] != '"' {
		return -1
	}
	return at
}

func space(content []byte, at int) int {
	for at < len(content) && strings.IndexByte(" \t\r\n", content[at]) >= 0 {
		at++
	}
	return at
}

// stringEnd is where the string ends that begins at.
func stringEnd(content []byte, at int) int {
	for i := at + 1; i < len(content); i++ {
		switch content[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return -1
}
