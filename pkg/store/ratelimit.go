package store

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"
)

// graceOfReplay is how long a row is kept after it has run out.
const graceOfReplay = 24 * time.Hour

// rateLimit is a count within a window of time.
type rateLimit struct {
	Name     string `gorm:"primaryKey"`
	StartsAt Stamp  `gorm:"primaryKey"`
	EndsAt   Stamp
	Count    int
}

// TableName implements gorm's Tabler.
func (rateLimit) TableName() string { return "rate_limit" }

const countUp = `INSERT INTO rate_limit (name, starts_at, ends_at, count) VALUES ($1, $2, $3, $4)
ON CONFLICT (name, starts_at) DO UPDATE SET count = rate_limit.count + excluded.count RETURNING count`

// CountUp adds by to what is counted under name in the current window, and says what it comes to
// and when the window ends. Windows begin at multiples of their length.
func (s *Store) CountUp(ctx context.Context, name string, window time.Duration, by int) (count int, ends time.Time, err error) {
	err = s.InTx(ctx, func(tx *Tx) error {
		starts := tx.Now().Truncate(window)
		ends = starts.Add(window)
		return first(ctx, tx.q, tx.dialect.text(countUp), []any{name, starts.UnixMilli(), ends.UnixMilli(), by}, &count)
	})
	if err != nil {
		return 0, time.Time{}, fmt.Errorf("count: %w", err)
	}
	return count, ends, nil
}

// CountUpAll is CountUp of many names in the window that begins at starts, in one transaction. It gives
// what each comes to.
func (s *Store) CountUpAll(ctx context.Context, starts time.Time, window time.Duration, add map[string]int) (totals map[string]int, err error) {
	names := slices.Sorted(maps.Keys(add)) // one order everywhere, so that two processes cannot deadlock
	err = s.InTx(ctx, func(tx *Tx) error {
		totals = make(map[string]int, len(add))
		for _, name := range names {
			var count int
			args := []any{name, starts.UnixMilli(), starts.Add(window).UnixMilli(), add[name]}
			if err := first(ctx, tx.q, tx.dialect.text(countUp), args, &count); err != nil {
				return err
			}
			totals[name] = count
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("count: %w", err)
	}
	return totals, nil
}
