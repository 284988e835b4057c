package web

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/admitdev/admit/pkg/outcome"
)

// Limits are the requests that one address may make in a minute, by kind; -1 is no limit. Processes
// share them within what a Counter's settling leaves open: they hold off floods. Guessing of passwords
// is limited exactly, per account and address, by who signs in.
type Limits struct{ Login, Auth, General int }

// loginPaths are the routes on which passwords can be guessed (contract §0.5).
var loginPaths = [...]string{"/auth/login", "/auth/newuser", "/auth/newproject"}

// of says which limit a path counts against.
func (l Limits) of(path string) (kind string, perMinute int) {
	switch {
	case slices.Contains(loginPaths[:], path):
		return "login", l.Login
	case path == "/auth/me":
		return "general", l.General
	case strings.HasPrefix(path, "/auth/"), strings.HasPrefix(path, "/oauth2/"), strings.HasPrefix(path, "/rest/v2/auth/"):
		return "auth", l.Auth
	}
	return "general", l.General
}

// middleware refuses with 429 what is over the limit and tells the rest in the RateLimit header.
func (l Limits) middleware(counts *Counter) echo.MiddlewareFunc {
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			kind, limit := l.of(c.Request().URL.Path)
			if limit < 0 {
				return next(c)
			}
			used, reset := counts.Add(kind+" "+Network(c.RealIP()), 1)
			TellLimit(c, "requests", limit-used, reset)
			if used > limit {
				return TooMany(c, reset)
			}
			return next(c)
		}
	}
}

// Attempt counts n tries of a secret by a request whose path does not say that it tries one. None is
// refused once there can be no more.
func (l Limits) Attempt(counts *Counter) func(c echo.Context, n int) error {
	return func(c echo.Context, n int) error {
		used, reset := counts.Add("auth "+Network(c.RealIP()), n)
		if l.Auth < 0 || used+1-min(n, 1) <= l.Auth {
			return nil
		}
		return TooMany(c, reset)
	}
}

// TellLimit adds to the RateLimit header what is left of a limit and for how many seconds.
func TellLimit(c echo.Context, name string, left, reset int) {
	item := `"` + name + `";r=` + strconv.Itoa(max(0, left)) + `;t=` + strconv.Itoa(reset)
	header := c.Response().Header()
	var items []string
	for before := range strings.SplitSeq(header.Get("RateLimit"), ", ") {
		if before != "" && !strings.HasPrefix(before, `"`+name+`"`) {
			items = append(items, before)
		}
	}
	header.Set("RateLimit", strings.Join(append(items, item), ", "))
}

// TooMany refuses what is over a limit, until reset seconds have passed.
func TooMany(c echo.Context, reset int) *outcome.Outcome {
	c.Response().Header().Set(echo.HeaderRetryAfter, strconv.Itoa(reset))
	return outcome.New(outcome.TooManyRequests, "")
}

// Network is what one client can be expected to own, for counting by: an IPv4 address or an IPv6
// /64.
func Network(address string) string {
	parsed, err := netip.ParseAddr(address)
	if err != nil {
		return address
	}
	parsed = parsed.Unmap().WithZone("")
	if parsed.Is4() {
		return parsed.String()
	}
	return netip.PrefixFrom(parsed, 64).Masked().String()
}
