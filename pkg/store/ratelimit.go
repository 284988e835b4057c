package store

import (
	"context"
	"encoding/json"
	"fmt"
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
	err = s.InTx(ctx, func(tx *Tx) (err error) {
		count, ends, err = tx.CountUp(ctx, name, window, by)
		return err
	})
	return count, ends, err
}

// CountUp is Store.CountUp within the transaction.
func (tx *Tx) CountUp(ctx context.Context, name string, window time.Duration, by int) (count int, ends time.Time, err error) {
	starts := tx.Now().Truncate(window)
	ends = starts.Add(window)
	if err := first(ctx, tx.q, tx.dialect.text(countUp), []any{name, starts.UnixMilli(), ends.UnixMilli(), by}, &count); err != nil {
		return 0, time.Time{}, fmt.Errorf("count: %w", err)
	}
	return count, ends, nil
}

// TakeBack makes what is counted under name in the window that ends then one less.
func (tx *Tx) TakeBack(ctx context.Context, name string, ends time.Time) error {
	const query = `UPDATE rate_limit SET count = count - 1 WHERE name = $1 AND ends_at = $2 AND count > 0`
	if _, err := affected(ctx, tx.q, tx.dialect.text(query), name, ends.UnixMilli()); err != nil {
		return fmt.Errorf("take a count back: %w", err)
	}
	return nil
}

// countUpAll has one order everywhere, so that two processes cannot deadlock.
const countUpAll = `INSERT INTO rate_limit (name, starts_at, ends_at, count)
SELECT e.key, CAST($2 AS bigint), CAST($3 AS bigint), CAST(e.value AS integer) FROM (SELECT * FROM %s) e WHERE true ORDER BY e.key
ON CONFLICT (name, starts_at) DO UPDATE SET count = rate_limit.count + excluded.count RETURNING name, count`

// CountUpAll is CountUp of many names in the window that begins at starts, in one statement. It gives
// what each comes to.
func (s *Store) CountUpAll(ctx context.Context, starts time.Time, window time.Duration, add map[string]int) (totals map[string]int, err error) {
	names, err := json.Marshal(add)
	if err != nil {
		return nil, err
	}
	args := []any{string(names), starts.UnixMilli(), starts.Add(window).UnixMilli()}
	err = s.InTx(ctx, func(tx *Tx) error {
		totals = make(map[string]int, len(add))
		return each(ctx, tx.q, tx.dialect.text(fmt.Sprintf(countUpAll, tx.dialect.members("$1"))), args, func(row scanner) error {
			var name string
			var count int
			err := row.Scan(&name, &count)
			totals[name] = count
			return err
		})
	})
	if err != nil {
		return nil, fmt.Errorf("count: %w", err)
	}
	return totals, nil
}
