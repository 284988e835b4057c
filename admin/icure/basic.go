package icure

import (
	"strings"
	"sync"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/admitdev/admit/admin"
	"github.com/admitdev/admit/fhir/caller"
	"github.com/admitdev/admit/pkg/outcome"
)

// iCure's clients may send user and password with every request. Hashing it each time would be slow, so the
// session that they began is found again for a while by a keyed digest of what was sent. The session is
// looked at each time: with a new password, a block or a deletion it has ended.

const (
	basicLasts = 5 * time.Minute
	maxBasics  = 10_000
	claimsKey  = "icure.claims"
)

// basicSessions are the sessions that this process has begun for Basic credentials.
type basicSessions struct {
	mu       sync.Mutex
	sessions map[string]basicSession
}

type basicSession struct {
	login string
	until time.Time
}

func newBasicSessions() *basicSessions { return &basicSessions{sessions: map[string]basicSession{}} }

func (b *basicSessions) get(digest string, now time.Time) (login string, ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	found, ok := b.sessions[digest]
	return found.login, ok && now.Before(found.until)
}

func (b *basicSessions) put(digest, login string, now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.sessions) >= maxBasics {
		clear(b.sessions)
	}
	b.sessions[digest] = basicSession{login, now.Add(basicLasts)}
}

// basic lets a user in by Basic credentials (RFC 7617). Without good ones the request passes unverified.
func (h *Handler) basic(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		name, password, ok := c.Request().BasicAuth()
		if _, verified := h.Verified(c); verified || !ok {
			return next(c)
		}
		login, err := h.enterBasic(c, name, password)
		switch {
		case err == nil:
			c.Set(claimsKey, caller.Claims{LoginID: login})
		case !outcome.Has(err, outcome.Invalid):
			return err
		}
		return next(c)
	}
}

func (h *Handler) enterBasic(c echo.Context, name, password string) (string, error) {
	ctx, now := c.Request().Context(), h.Clock.Now()
	digest := h.Admin.Fingerprints.Fingerprint([]byte(c.Request().Header.Get(echo.HeaderAuthorization)))
	if login, ok := h.basics.get(digest, now); ok {
		if _, err := h.People.LiveSession(ctx, login); !outcome.Has(err, outcome.Unauthorized) {
			return login, err
		}
	}
	in := entry(name, password, "")
	in.Lasts = basicLasts
	login, err := h.People.Enter(ctx, in, device(c))
	if err != nil {
		return "", err
	}
	if !login.ProvenAt.IsZero() { // a named token is looked at each time: it may have been ended
		h.basics.put(digest, login.ID, now)
	}
	return login.ID, nil
}

// verified is what the credentials of a request say.
func (h *Handler) verified(c echo.Context) (caller.Claims, bool) {
	if claims, ok := h.Verified(c); ok {
		return claims, true
	}
	claims, ok := c.Get(claimsKey).(caller.Claims)
	return claims, ok
}

// entry reads a name, which may begin with its group: "group/user" or "group:user".
func entry(name, password, project string) admin.Entry {
	in := admin.Entry{Dialect: admin.DialectICure, Project: project, Username: name, Password: password}
	if at := strings.IndexAny(name, "/:"); at > 0 && isGroup(name[:at]) {
		in.Username = name[at+1:]
		if in.Project == "" {
			in.Project = name[:at]
		}
	}
	return in
}
