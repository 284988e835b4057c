package caller

import (
	"sync"
	"time"
)

// capacity bounds the cache; a Caller takes a few kilobytes.
const capacity = 20_000

// trust is how long the cache is believed after the changes were last read.
const trust = time.Second

// mark names something that a cached Caller was made from: "ProjectMembership/…".
type mark struct{ kind, ref string }

type entry struct {
	caller Caller
	from   []mark
}

// cache keeps Callers per login until something that they were made from changes.
type cache struct {
	mu      sync.Mutex
	entries map[string]entry
	users   map[mark]map[string]struct{} // whose Callers were made from it
	// drops counts what was dropped, so that a Caller loaded across a change is not kept.
	drops uint64
	// fresh is when the changes of other processes were last known.
	fresh time.Time
}

func newCache() *cache {
	return &cache{entries: map[string]entry{}, users: map[mark]map[string]struct{}{}}
}

// get gives a Caller that may be trusted now, and the state to hand to put after loading one.
func (c *cache) get(key string, now time.Time) (Caller, bool, uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now.Sub(c.fresh) > trust {
		return Caller{}, false, c.drops
	}
	e, ok := c.entries[key]
	if until := e.caller.until; !until.IsZero() && !now.Before(until) {
		ok = false
	}
	return e.caller, ok, c.drops
}

// put keeps a Caller unless something changed since its loading began.
func (c *cache) put(key string, who Caller, from []mark, since uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.drops != since {
		return
	}
	c.makeRoom()
	c.forget(key)
	c.entries[key] = entry{who, from}
	for _, m := range from {
		if c.users[m] == nil {
			c.users[m] = map[string]struct{}{}
		}
		c.users[m][key] = struct{}{}
	}
}

// makeRoom forgets whichever entries the map gives first: a login that is in use comes back at the
// cost of one load.
func (c *cache) makeRoom() {
	for key := range c.entries {
		if len(c.entries) < capacity {
			return
		}
		c.forget(key)
	}
}

func (c *cache) forget(key string) {
	for _, m := range c.entries[key].from {
		delete(c.users[m], key)
		if len(c.users[m]) == 0 {
			delete(c.users, m)
		}
	}
	delete(c.entries, key)
}

// drop forgets every Caller made from m.
func (c *cache) drop(m mark) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.drops++
	for key := range c.users[m] {
		c.forget(key)
	}
}

// known records that every change up to now has been dropped.
func (c *cache) known(now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.fresh = now
}
