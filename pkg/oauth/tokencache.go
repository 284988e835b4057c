package oauth

import (
	"crypto/sha256"
	"sync"
)

// tokenCacheSize bounds the cache; an entry takes about half a kilobyte.
const tokenCacheSize = 20_000

// tokenCache remembers access tokens whose signature was verified, by their digest: the token
// itself is kept nowhere. Whether one has expired is asked of its claims every time.
type tokenCache struct {
	mu     sync.RWMutex
	claims map[[sha256.Size]byte]accessClaims
}

func newTokenCache() *tokenCache {
	return &tokenCache{claims: map[[sha256.Size]byte]accessClaims{}}
}

func (c *tokenCache) get(token string) (accessClaims, bool) {
	digest := sha256.Sum256([]byte(token))
	c.mu.RLock()
	defer c.mu.RUnlock()
	claims, ok := c.claims[digest]
	return claims, ok
}

// put makes room by forgetting whichever token the map gives first: one that is in use comes back
// at the cost of one verification.
func (c *tokenCache) put(token string, claims accessClaims) {
	digest := sha256.Sum256([]byte(token))
	c.mu.Lock()
	defer c.mu.Unlock()
	for old := range c.claims {
		if len(c.claims) < tokenCacheSize {
			break
		}
		delete(c.claims, old)
	}
	c.claims[digest] = claims
}
