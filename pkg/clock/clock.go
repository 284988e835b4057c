// Package clock is the only source of the current time and of new ids.
//
//   - Times are UTC and cut to the millisecond, the precision in which they are stored and served.
//   - Ids are UUIDv7 (RFC 9562 §5.7), so keys grow in the order of creation.
//   - An id that is shown to who must not know when it was made is Untimed.
package clock

import (
	"crypto/sha256"
	"time"

	"github.com/google/uuid"
)

// Clock tells the time and makes ids. Tests replace it to be repeatable.
type Clock interface {
	// Now is the current time, UTC, to the millisecond.
	Now() time.Time
	// NewID is a new UUIDv7 in its canonical text form.
	NewID() string
}

// System is the machine's clock.
type System struct{}

// Now implements Clock.
func (System) Now() time.Time { return time.Now().UTC().Truncate(time.Millisecond) }

// NewID implements Clock. It panics only when the operating system has no randomness.
func (System) NewID() string { return uuid.Must(uuid.NewV7()).String() }

// Untimed is an id that comes of another one and does not tell when it was made: a UUIDv8 (RFC 9562 §5.8).
func Untimed(id string) string {
	digest := sha256.Sum256([]byte(id))
	untimed := uuid.UUID(digest[:16])
	untimed[6], untimed[8] = untimed[6]&0x0f|0x80, untimed[8]&0x3f|0x80
	return untimed.String()
}

// Of is when an id was made; false for one that is no UUIDv7.
func Of(id string) (time.Time, bool) {
	parsed, err := uuid.Parse(id)
	if err != nil || parsed.Version() != 7 {
		return time.Time{}, false
	}
	seconds, nanoseconds := parsed.Time().UnixTime()
	return time.Unix(seconds, nanoseconds).UTC().Truncate(time.Millisecond), true
}
