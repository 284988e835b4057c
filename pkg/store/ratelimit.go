package store

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
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

// Count is what may be done so many times in a window of time. Windows begin at multiples of their length.
type Count struct {
	Name   string
	Window time.Duration
	Limit  int
}

// starts is when the window of a time begins.
func (c Count) starts(at time.Time) time.Time { return at.Truncate(c.Window) }

// CountUpTo counts one more of each, up to the first of which it is one too many; that is counted as well. It
// says what the last that was counted comes to, whether that is one too many, and when its window ends. On
// PostgreSQL it is one statement.
func (s *Store) CountUpTo(ctx context.Context, all ...Count) (count int, over bool, ends time.Time, err error) {
	now := s.clock.Now()
	var counts []int
	if s.writer != nil {
		err = s.InTx(ctx, func(tx *Tx) (err error) {
			counts, err = tx.countUpTo(ctx, now, all)
			return err
		})
	} else {
		err = s.retry(ctx, func() (again bool, err error) {
			counts, err = s.countUpTogether(ctx, now, all)
			return serialization(err), err
		})
	}
	if err != nil {
		return 0, false, time.Time{}, fmt.Errorf("count: %w", err)
	}
	last := all[len(counts)-1]
	count = counts[len(counts)-1]
	return count, count > last.Limit, last.starts(now).Add(last.Window), nil
}

// countUpTo gives what those that were counted come to.
func (tx *Tx) countUpTo(ctx context.Context, now time.Time, all []Count) (counts []int, err error) {
	for _, c := range all {
		starts, count := c.starts(now), 0
		if err := first(ctx, tx.q, tx.dialect.text(countUp), []any{c.Name, starts.UnixMilli(), starts.Add(c.Window).UnixMilli(), 1}, &count); err != nil {
			return nil, err
		}
		if counts = append(counts, count); count > c.Limit {
			break
		}
	}
	return counts, nil
}

// CountUp counts one more, and says whether it is one too many.
func (tx *Tx) CountUp(ctx context.Context, c Count) (over bool, err error) {
	counts, err := tx.countUpTo(ctx, tx.Now(), []Count{c})
	if err != nil {
		return false, fmt.Errorf("count: %w", err)
	}
	return counts[0] > c.Limit, nil
}

// countUpTogether is countUpTo in one statement, in which each is counted if the one before it was not one
// too many.
func (s *Store) countUpTogether(ctx context.Context, now time.Time, all []Count) (counts []int, err error) {
	b := &builder{dialect: s.dialect}
	var parts, found []string
	from := "WHERE true"
	for i, c := range all {
		starts := c.starts(now)
		parts = append(parts, fmt.Sprintf(`c%d AS (INSERT INTO rate_limit (name, starts_at, ends_at, count) SELECT %s, %s::bigint, %s::bigint, 1 %s
ON CONFLICT (name, starts_at) DO UPDATE SET count = rate_limit.count + 1 RETURNING count)`,
			i, b.arg(c.Name), b.arg(starts.UnixMilli()), b.arg(starts.Add(c.Window).UnixMilli()), from))
		found = append(found, fmt.Sprintf("SELECT %d AS n, count FROM c%[1]d", i))
		if i+1 < len(all) {
			from = fmt.Sprintf("FROM c%d WHERE count <= %s::integer", i, b.arg(c.Limit))
		}
	}
	query := "WITH " + strings.Join(parts, ",\n") + "\n" + strings.Join(found, " UNION ALL ") + " ORDER BY n"
	err = each(ctx, s.q, query, b.args, func(row scanner) error {
		var n, count int
		err := row.Scan(&n, &count)
		counts = append(counts, count)
		return err
	})
	return counts, err
}

// TakeBack makes what is counted under name in the window that ends then one less.
func (tx *Tx) TakeBack(ctx context.Context, name string, ends time.Time) error {
	return tx.later(ctx, later{doing: "take a count back", table: "rate_limit", text: func(b *builder) string {
		return "UPDATE rate_limit SET count = count - 1 WHERE name = " + b.arg(name) + " AND ends_at = " + b.arg(ends.UnixMilli()) + " AND count > 0"
	}})
}

// TakeCount gives what is counted under name in all its windows that are kept, and counts from nought again.
func (tx *Tx) TakeCount(ctx context.Context, name string) (count int, err error) {
	const query = `DELETE FROM rate_limit WHERE name = $1 RETURNING count`
	err = each(ctx, tx.q, tx.dialect.text(query), []any{name}, func(row scanner) error {
		var one int
		err := row.Scan(&one)
		count += one
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("take a count: %w", err)
	}
	return count, nil
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
