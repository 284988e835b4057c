package oauth

import (
	"net/netip"
	"net/url"
	"strings"
)

// strangersRedirectURI says whether a client that nobody has looked at may be sent codes there.
func strangersRedirectURI(spelled string) bool {
	u, err := url.Parse(spelled)
	if err != nil || len(spelled) > maxRedirectURI || u.User != nil || strings.Contains(spelled, "#") || Text(spelled, maxRedirectURI) != spelled {
		return false
	}
	switch u.Scheme {
	case "https":
		return u.Hostname() != ""
	case "http":
		address, err := netip.ParseAddr(u.Hostname())
		return u.Hostname() == "localhost" || err == nil && address.IsLoopback()
	}
	return strings.Contains(u.Scheme, ".")
}
