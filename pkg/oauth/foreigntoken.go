package oauth

import (
	"context"
	"crypto/sha256"
	"errors"
	"strings"
	"sync"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/admitdev/admit/pkg/clock"
)

// ForeignTokens knows members by access tokens of other authorization servers.
type ForeignTokens interface {
	// Trusts says whether the tokens of an issuer are looked at.
	Trusts(issuer string) bool
	// Confirm is the membership and scope of a token, and until when that is so at most.
	//
	// Errors: ErrForeign.
	Confirm(ctx context.Context, token ForeignToken) (Claims, time.Time, error)
}

// ForeignToken is an access token that another server has issued, as a request shows it.
type ForeignToken struct {
	Issuer, Token string
	Address       string // from where it comes
	// Known says that the token was good before, in this process.
	Known bool
}

// ErrForeign says that a token of another server is not good here.
var ErrForeign = errors.New("oauth: a token of another server is refused")

const (
	// confirmedLasts is how long a token of another server is good after that server has confirmed it; so
	// long, at most, does one that it has revoked live on.
	confirmedLasts = time.Minute
	// refusedLasts is how long one that was refused is not asked about again.
	refusedLasts = 5 * time.Second
	// maxForeign bounds the tokens that are remembered.
	maxForeign = 10_000
)

// credentials are those of a request, be they our own or a token of another server.
func (s *Server) credentials(c echo.Context, values []string) (Claims, error) {
	if len(values) == 1 {
		scheme, token, _ := strings.Cut(values[0], " ")
		if issuer, ok := s.issuedElsewhere(scheme, token); ok {
			return s.foreign.get(c.Request().Context(), ForeignToken{Issuer: issuer, Token: token, Address: c.RealIP()})
		}
	}
	return s.read(c.Request(), values)
}

// issuedElsewhere is the trusted issuer that a bearer token claims to be of.
func (s *Server) issuedElsewhere(scheme, token string) (issuer string, ok bool) {
	if s.foreign == nil || !strings.EqualFold(scheme, "Bearer") {
		return "", false
	}
	var claims struct {
		Issuer string `json:"iss"`
	}
	_, ok = peek(token, &claims)
	return claims.Issuer, ok && claims.Issuer != s.issuer && s.foreign.Trusts(claims.Issuer)
}

// AcceptForeign has bearer tokens of other servers accepted.
func (s *Server) AcceptForeign(tokens ForeignTokens) {
	s.foreign = &foreignCache{ForeignTokens: tokens, clock: s.Clock, kept: map[[sha256.Size]byte]*confirmed{}}
}

// foreignCache remembers what other servers have said of tokens, by their digest. One token is asked about
// once at a time.
type foreignCache struct {
	ForeignTokens
	clock clock.Clock
	mu    sync.Mutex
	kept  map[[sha256.Size]byte]*confirmed
}

// confirmed is what was said of a token, from when done is closed.
type confirmed struct {
	done   chan struct{}
	claims Claims
	err    error
	until  time.Time
}

// get is what a token says; one that is not good is errToken.
func (c *foreignCache) get(ctx context.Context, token ForeignToken) (Claims, error) {
	digest := sha256.Sum256([]byte(token.Token))
	now := c.clock.Now()
	c.mu.Lock()
	entry, first := c.kept[digest], false
	if entry == nil || entry.over(now) {
		token.Known, first = entry != nil && entry.err == nil, true
		entry = &confirmed{done: make(chan struct{}), err: errToken}
		c.makeRoom()
		c.kept[digest] = entry
	}
	c.mu.Unlock()
	if first {
		c.confirm(context.WithoutCancel(ctx), digest, entry, token) // others wait for it, whatever comes of this request
	}
	select {
	case <-entry.done:
		return entry.claims, entry.err
	case <-ctx.Done():
		return Claims{}, ctx.Err()
	}
}

// over says whether what was said of a token no longer counts.
func (e *confirmed) over(now time.Time) bool {
	select {
	case <-e.done:
		return !now.Before(e.until)
	default:
		return false
	}
}

func (c *foreignCache) makeRoom() {
	for old := range c.kept {
		if len(c.kept) < maxForeign {
			return
		}
		delete(c.kept, old)
	}
}

// confirm asks about a token. A failure of our own is not remembered.
func (c *foreignCache) confirm(ctx context.Context, digest [sha256.Size]byte, entry *confirmed, token ForeignToken) {
	defer close(entry.done)
	asked := c.clock.Now()
	claims, until, err := c.Confirm(ctx, token)
	switch {
	case err == nil:
		entry.claims, entry.err, entry.until = claims, nil, asked.Add(confirmedLasts)
		if until.Before(entry.until) {
			entry.until = until
		}
	case errors.Is(err, ErrForeign):
		entry.until = asked.Add(refusedLasts)
	default:
		entry.err = err
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.kept[digest] == entry {
			delete(c.kept, digest)
		}
	}
}
