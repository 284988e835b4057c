package web

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/admitdev/admit/pkg/clock"
	"github.com/admitdev/admit/pkg/outcome"
)

// Limits are the requests that one address may make in a minute, by kind; -1 is no limit. They
// are counted in each process: they hold off floods. Guessing of passwords is limited per account
// elsewhere, in the database.
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
	case strings.HasPrefix(path, "/auth/"), strings.HasPrefix(path, "/oauth2/"):
		return "auth", l.Auth
	}
	return "general", l.General
}

// middleware refuses with 429 what is over the limit and tells the rest in the RateLimit header.
func (l Limits) middleware(now clock.Clock) echo.MiddlewareFunc {
	counts := NewCounter(now)
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			kind, limit := l.of(c.Request().URL.Path)
			if limit < 0 {
				return next(c)
			}
			used, reset := counts.Add(kind+" "+Network(c.RealIP()), 1)
			header := c.Response().Header()
			header.Set("RateLimit", `"requests";r=`+strconv.Itoa(max(0, limit-used))+`;t=`+strconv.Itoa(reset))
			if used > limit {
				header.Set(echo.HeaderRetryAfter, strconv.Itoa(reset))
				return outcome.New(outcome.TooManyRequests, "")
			}
			return next(c)
		}
	}
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

// Counter counts per minute of the clock. A new minute begins with an empty map, so memory is
// bounded by the keys seen in one minute.
type Counter struct {
	clock  clock.Clock
	mu     sync.Mutex
	minute time.Time
	counts map[string]int
}

// NewCounter makes a Counter.
func NewCounter(c clock.Clock) *Counter { return &Counter{clock: c} }

// Add counts n for key and returns the count with the seconds until it starts again.
func (c *Counter) Add(key string, n int) (count, reset int) {
	now := c.clock.Now()
	minute := now.Truncate(time.Minute)
	c.mu.Lock()
	defer c.mu.Unlock()
	if !minute.Equal(c.minute) || c.counts == nil {
		c.minute, c.counts = minute, map[string]int{}
	}
	c.counts[key] += n
	return c.counts[key], int(minute.Add(time.Minute).Sub(now)/time.Second) + 1
}
