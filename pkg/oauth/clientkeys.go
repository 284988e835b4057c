package oauth

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/admitdev/admit/pkg/clock"
	"github.com/admitdev/admit/pkg/fetch"
)

const (
	// keysLast is how long a client's keys are kept when their answer does not say, keysLastAtMost
	// when it says more: a key that was taken out must stop working.
	keysLast       = 5 * time.Minute
	keysLastAtMost = time.Hour
	// maxClientKeys bounds the addresses that are remembered.
	maxClientKeys = 1000
)

// clientKeys are the public keys of clients, from where each client says they are.
type clientKeys struct {
	fetch *fetch.Client
	clock clock.Clock
	mu    sync.Mutex
	known map[string]*knownKeys
}

// knownKeys are what an address answered. Its lock lets one request ask at a time.
type knownKeys struct {
	mu     sync.Mutex
	set    publicKeys
	failed error
	asked  time.Time // zero before the first time
	until  time.Time
}

func newClientKeys(o Options) *clientKeys {
	return &clientKeys{fetch: fetch.New(o.AllowPrivateURLs), clock: o.Clock, known: map[string]*knownKeys{}}
}

// of is what is remembered of an address; which one is forgotten for it does not matter.
func (c *clientKeys) of(address string) *knownKeys {
	c.mu.Lock()
	defer c.mu.Unlock()
	k, ok := c.known[address]
	if !ok {
		for old := range c.known {
			if len(c.known) < maxClientKeys {
				break
			}
			delete(c.known, old)
		}
		k = &knownKeys{}
		c.known[address] = k
	}
	return k
}

// find gives the keys of an address that have an id. An id that is not among those known makes us
// ask again, for the client may have changed its keys, but not more often than every reloadAfter,
// for anybody can make up an id.
func (c *clientKeys) find(ctx context.Context, address, kid string) ([]publicKey, error) {
	k := c.of(address)
	k.mu.Lock()
	defer k.mu.Unlock()
	now := c.clock.Now()
	if found := k.set.withID(kid); now.Before(k.until) && len(found) > 0 {
		return found, nil
	}
	if k.asked.IsZero() || now.Sub(k.asked) >= reloadAfter {
		if err := c.load(ctx, address, k, now); err != nil {
			return nil, err
		}
	}
	return k.set.withID(kid), k.failed
}

// load asks the address. That nobody waits for the answer any longer is not the address's failure,
// and one that fails ends no keys before their time.
func (c *clientKeys) load(ctx context.Context, address string, k *knownKeys, now time.Time) error {
	body, header, err := c.fetch.Get(ctx, address, "application/json")
	if ctx.Err() != nil {
		return ctx.Err()
	}
	k.asked = now
	var set publicKeys
	if err == nil {
		set, err = parsePublicKeys(body)
	}
	switch {
	case err == nil:
		k.set, k.failed, k.until = set, nil, now.Add(keepFor(header))
	case !now.Before(k.until):
		k.set, k.failed = nil, err
	}
	return nil
}

// keepFor is how long an answer may be kept: as its Cache-Control says (SMART App Launch, client
// authentication by asymmetric keys), but never so short that whoever makes up assertions makes us
// ask each time.
func keepFor(header http.Header) time.Duration {
	lasts := keysLast
	for directive := range strings.SplitSeq(strings.ToLower(header.Get("Cache-Control")), ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(directive), "=")
		switch name {
		case "no-store", "no-cache":
			return reloadAfter
		case "max-age":
			if seconds, err := strconv.ParseUint(strings.Trim(value, `"`), 10, 31); err == nil {
				lasts = max(reloadAfter, min(time.Duration(seconds)*time.Second, keysLastAtMost))
			}
		}
	}
	return lasts
}
