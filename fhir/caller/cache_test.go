package caller

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

func TestTheCacheKeepsNothingLoadedAcrossAChange(t *testing.T) {
	c, now := newCache(), time.Unix(1000, 0)
	c.known(now)
	_, ok, since := c.get("a", now)
	assert.False(t, ok)
	c.drop(mark{"Login", "another"})
	c.put("a", Caller{Project: "p"}, nil, since)
	_, ok, since = c.get("a", now)
	assert.False(t, ok, "something changed while it was loaded")
	c.put("a", Caller{Project: "p"}, []mark{{"Login", "l"}, {"Project", "p"}}, since)
	_, ok, _ = c.get("a", now)
	assert.True(t, ok)
	c.drop(mark{"AccessPolicy", "p"})
	_, ok, _ = c.get("a", now)
	assert.True(t, ok, "it was not made from that")
	c.drop(mark{"Project", "p"})
	_, ok, _ = c.get("a", now)
	assert.False(t, ok)
	assert.Empty(t, c.users)
}

func TestTheCacheIsTrustedForASecondAfterTheLastRound(t *testing.T) {
	c, now := newCache(), time.Unix(1000, 0)
	c.put("a", Caller{}, nil, 0)
	_, ok, _ := c.get("a", now)
	assert.False(t, ok, "no round yet")
	c.known(now)
	_, ok, _ = c.get("a", now.Add(trust))
	assert.True(t, ok)
	_, ok, _ = c.get("a", now.Add(trust+1))
	assert.False(t, ok)
}
