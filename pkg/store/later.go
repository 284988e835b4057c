package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"reflect"
	"strings"

	"gorm.io/gorm"
)

// later is a write whose answer nobody waits for. On PostgreSQL those of a transaction wait for its next
// statement or its end and are then one statement: each is a round trip less, and a transaction of nothing else
// is that statement, without a beginning and an end of its own.
type later struct {
	doing string
	table string
	// adds says that it adds rows which nothing else that waits changes.
	adds bool
	// text renders the statement, which ends in a condition.
	text func(b *builder) string
	// must says that it is about a row that must be there: where there is none nothing behind it is written, and
	// the transaction fails with ErrChanged.
	must must
}

// must is what is done to a row that must be there: it is held, so that it does not change until the transaction
// ends, or changed.
type must string

const (
	held    must = " FOR SHARE"
	changed must = " RETURNING 1"
)

// mayNotShare says that w is not to be in one statement with another that came before it: the statement does not see
// what it changes itself, and all of it depends on the rows that must be there.
func (w later) mayNotShare(before later) bool {
	switch {
	case w.must == held, w.must == changed && before.must == "":
		return true
	}
	return !w.adds && before.table == w.table
}

// ErrChanged is the error of a transaction in which something is no longer what it has to be.
var ErrChanged = errors.New("store: it was changed meanwhile")

// later carries w out, at the latest when the transaction ends.
func (tx *Tx) later(ctx context.Context, w later) error {
	if tx.lazy != nil {
		return tx.lazy.add(ctx, w)
	}
	b := &builder{dialect: tx.dialect}
	text := w.text(b)
	if w.must != "" {
		if w.must == changed {
			text += string(w.must)
		}
		err := first(tx.dialect.statementContext(ctx), tx.q, text, b.args, new(int))
		if errors.Is(err, sql.ErrNoRows) {
			return ErrChanged
		}
		return doing(w.doing, err)
	}
	_, err := tx.q.ExecContext(ctx, text, b.args...)
	return doing(w.doing, err)
}

// add adds the row of a table file.
func (tx *Tx) add(ctx context.Context, does string, row any) error {
	of := &gorm.Statement{DB: tx.orm}
	if err := of.Parse(row); err != nil {
		return doing(does, err)
	}
	return tx.later(ctx, later{doing: does, table: of.Schema.Table, adds: true, text: func(b *builder) string {
		names, values := make([]string, len(of.Schema.Fields)), make([]any, len(of.Schema.Fields))
		fields := reflect.Indirect(reflect.ValueOf(row))
		for i, field := range of.Schema.Fields {
			names[i] = field.DBName
			values[i], _ = field.ValueOf(ctx, fields)
		}
		return fmt.Sprintf("INSERT INTO %s (%s) SELECT %s WHERE true", of.Schema.Table, strings.Join(names, ", "), b.list(values...))
	}})
}

// oneStatement is what waits as one statement, whose only row is how many of the rows that must be there are. What
// must be there comes first. Where some are there and others are not, some may be changed already: the statement then
// divides by zero, which undoes it.
func oneStatement(dialect dialect, waiting []later) (query string, args []any) {
	b := &builder{dialect: dialect}
	var parts, needed []string
	for _, w := range waiting {
		name := fmt.Sprintf("w%d", len(parts))
		text := w.text(b)
		if w.must != held {
			for _, other := range needed {
				text += " AND EXISTS (SELECT 1 FROM " + other + ")"
			}
		}
		if w.must != "" {
			text += string(w.must)
			needed = append(needed, name)
		}
		parts = append(parts, name+" AS ("+text+")")
	}
	there := "0"
	for _, name := range needed {
		there += " + (SELECT count(*) FROM " + name + ")"
	}
	return "WITH " + strings.Join(parts, ",\n") + fmt.Sprintf("\nSELECT n / CASE WHEN n IN (0, %d) THEN 1 ELSE 0 END FROM (SELECT %s AS n) t", len(needed), there), b.args
}

// doing says what failed.
func doing(what string, err error) error {
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}
