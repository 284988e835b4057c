package web

import (
	"net/http"
	"strings"
)

// Preference is the value of a preference in Prefer, the first when it is given twice (RFC 7240 §2),
// and whether the client has it at all: respond-async has no value.
func Preference(header http.Header, wanted string) (value string, ok bool) {
	for preference := range strings.SplitSeq(strings.Join(header.Values("Prefer"), ","), ",") {
		preference, _, _ = strings.Cut(preference, ";")
		name, value, _ := strings.Cut(preference, "=")
		if strings.EqualFold(strings.TrimSpace(name), wanted) {
			return strings.Trim(strings.TrimSpace(value), `"`), true
		}
	}
	return "", false
}

// RespondAsync says whether the client does not want to wait (RFC 7240 §4.1).
func RespondAsync(header http.Header) bool {
	_, ok := Preference(header, "respond-async")
	return ok
}
