package oauth

import (
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/admitdev/admit/pkg/outcome"
	"github.com/admitdev/admit/pkg/web"
)

const (
	maxParameter = 8 << 10
	maxScope     = 2000
)

// readForm reads the parameters of a protocol request: a form, each of them once (RFC 6749 §3.2).
func readForm(c echo.Context) (url.Values, error) {
	form, err := web.ReadForm(c)
	switch {
	case outcome.Has(err, outcome.UnsupportedMedia):
		return nil, errContent
	case err != nil:
		return nil, err
	}
	for name, values := range form {
		switch {
		case len(values) > 1:
			return nil, refuse(invalidRequest, "A parameter is given twice")
		case len(name) > 100 || len(values[0]) > maxParameter:
			return nil, refuse(invalidRequest, "A parameter is too long")
		}
	}
	return form, nil
}

// words splits a scope.
func words(scope string) []string { return strings.Fields(scope) }

// misspelt is a scope that means to be about data, or about a launch, in another spelling than SMART's (SMART App
// Launch 2, scopes-and-launch-context). One that is overlooked would leave a token everything.
var misspelt = regexp.MustCompile(`^(\*|[A-Z][A-Za-z]*)\.|/`)

// ValidScope says whether scope is one or more words of RFC 6749 §3.3 that SMART may spell so, and of a sane length.
func ValidScope(scope string) bool {
	if len(scope) > maxScope {
		return false
	}
	for _, b := range []byte(scope) {
		if b < 0x20 || b > 0x7e || b == '"' || b == '\\' {
			return false
		}
	}
	return !slices.ContainsFunc(words(scope), func(word string) bool {
		room, _, _ := strings.Cut(word, "/")
		return misspelt.MatchString(word) && !slices.Contains([]string{"patient", "user", "system", "launch"}, room)
	})
}

// OfflineScope says whether a scope asks for refresh tokens.
func OfflineScope(scope string) bool {
	return hasScope(scope, "offline_access") || hasScope(scope, "offline")
}
