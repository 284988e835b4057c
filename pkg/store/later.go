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
	// holds says that it reads a row that must be there, and keeps it from changing until the transaction ends:
	// where there is none, nothing is written, and the transaction fails with ErrChanged.
	holds bool
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
	if w.holds {
		err := first(ctx, tx.q, text, b.args, new(int))
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
// must be there comes first.
func oneStatement(dialect dialect, waiting []later) (query string, args []any) {
	b := &builder{dialect: dialect}
	var parts, held []string
	for _, w := range waiting {
		name := fmt.Sprintf("w%d", len(parts))
		text := w.text(b)
		if w.holds {
			text += " FOR SHARE"
			held = append(held, name)
		} else {
			for _, other := range held {
				text += " AND EXISTS (SELECT 1 FROM " + other + ")"
			}
		}
		parts = append(parts, name+" AS ("+text+")")
	}
	there := "0"
	for _, name := range held {
		there += " + (SELECT count(*) FROM " + name + ")"
	}
	return "WITH " + strings.Join(parts, ",\n") + "\nSELECT " + there, b.args
}

// doing says what failed.
func doing(what string, err error) error {
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}
