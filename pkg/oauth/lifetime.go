package oauth

import (
	"regexp"
	"strconv"
	"time"
)

const (
	// codeLifetime is how long a code can be exchanged (RFC 9700 §4.5 asks for less than a minute or so).
	codeLifetime    = 60 * time.Second
	accessLifetime  = time.Hour
	idLifetime      = time.Hour
	refreshLifetime = 14 * 24 * time.Hour
	// sessionLifetime is how long a session may be refreshed at most.
	sessionLifetime = 90 * 24 * time.Hour
	// maxLifetime bounds what a client asks for; keys are published for as long.
	maxLifetime = 366 * 24 * time.Hour
)

var lifetimeForm = regexp.MustCompile(`^([0-9]{1,9})([smhdwy])$`)

// AccessLasts is how long the client's access tokens work, or fallback when it does not say.
func (c Client) AccessLasts(fallback time.Duration) time.Duration {
	return lifetime(c.AccessTokenLifetime, fallback)
}

// lifetime reads a ClientApplication's lifetime (constraint clapp-1); fallback when it has none.
func lifetime(spelled string, fallback time.Duration) time.Duration {
	m := lifetimeForm.FindStringSubmatch(spelled)
	if m == nil {
		return fallback
	}
	n, err := strconv.Atoi(m[1])
	unit := map[string]time.Duration{
		"s": time.Second, "m": time.Minute, "h": time.Hour, "d": 24 * time.Hour, "w": 7 * 24 * time.Hour, "y": 365 * 24 * time.Hour,
	}[m[2]]
	switch {
	case err != nil || n == 0:
		return fallback
	case time.Duration(n) > maxLifetime/unit:
		return maxLifetime
	}
	return time.Duration(n) * unit
}
