package store

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// dialect is what the two databases do differently.
type dialect interface {
	// text is a statement written with $1, $2 … as this database wants it.
	text(query string) string
	// placeholder is the n-th parameter.
	placeholder(n int) string
	// in is "column is one of the list that is the n-th parameter"; list makes that parameter.
	in(column string, n int) string
	list(values []string) any
	// contains is "column has the n-th parameter in it", without wildcards.
	contains(column string, n int) string
	// endsWith is "column ends with the n-th parameter".
	endsWith(column string, n int) string
	// passive is a column in a condition or an order that shall not choose the index: SQLite
	// chooses without statistics.
	passive(column string) string
	// by follows a table that is to be read by an index, empty for any: SQLite chooses without
	// statistics, and prefers the order of the primary key.
	by(index string) string
	// apart ends a subquery that is asked of each row, whatever the statistics say: PostgreSQL would
	// otherwise join it, and look through all rows that have the value for each row that it asks about.
	apart() string
	// members is the table of the names (key) and values (value) of a JSON object, a parameter.
	members(parameter string) string
	// lateral says whether a subquery in FROM may refer to what is before it.
	lateral() bool
	// readsInOrder says whether resources whose ids an index gives are read in the order of the ids, no more
	// than a page needs.
	readsInOrder() bool
	// keepsPlan says whether a statement may be carried out by a plan that was made for other values.
	keepsPlan() bool
	// forValues are the arguments of a statement that is to be planned for just these.
	forValues(args []any) []any
	// statementContext is the context for a statement of a transaction.
	statementContext(ctx context.Context) context.Context

	// create inserts a resource with its index rows; false when its id is taken or its generation
	// is behind.
	create(ctx context.Context, q querier, w Write) (bool, error)
	// createAll inserts resources of one project with their index rows; a taken id is a broken
	// primary key. False, with nothing changed, when a generation is behind.
	createAll(ctx context.Context, q querier, all []Write) (bool, error)
	// replace moves the version that w replaces to the history and puts w and its index rows in
	// its place; false, with nothing changed, when that version is not current, is not earlier,
	// when the generation is behind, or, if unkeyed is asked for, when the resource holds keys.
	replace(ctx context.Context, q querier, w Write, unkeyed bool) (bool, error)
	// replaceAll is replace for resources of one project without keys: all, or false with nothing
	// changed.
	replaceAll(ctx context.Context, q querier, all []Write) (bool, error)
	// shareAll is createAll or replaceAll for writes of different callers, in a transaction of its own.
	shareAll(ctx context.Context, q querier, all []Write) (bool, error)
	// putIndex makes the index rows of a resource those of w; false, with nothing changed, when its
	// version is another or the generation is behind.
	putIndex(ctx context.Context, q querier, w Write) (bool, error)
	// settled waits until the transactions that are open have ended.
	settled(ctx context.Context, q querier, patience time.Duration) error
	// lockVersion reads the current version of a resource and keeps it from changing.
	lockVersion(ctx context.Context, q querier, ref Ref) (version string, lastUpdated int64, err error)
	// claim takes different keys, in their order, or tells who holds them.
	claim(ctx context.Context, q querier, wanted []KeyClaim, pinned bool) ([]claimed, error)
}

// postgres and lite are the two dialects. Statements are written once, for PostgreSQL.
type (
	postgres struct {
		tables     []indexTable
		statements *texts
		prepares   bool // statements by name, so that PostgreSQL keeps some of their plans
	}
	lite struct{ tables []indexTable }
)

func (postgres) text(query string) string { return query }
func (postgres) placeholder(n int) string { return "$" + strconv.Itoa(n) }
func (postgres) in(column string, n int) string {
	return column + " = ANY($" + strconv.Itoa(n) + "::" + arrayType(column) + ")"
}
func (postgres) list(values []string) any { return values }
func (postgres) contains(column string, n int) string {
	return "strpos(" + column + ", $" + strconv.Itoa(n) + ") > 0"
}
func (postgres) endsWith(column string, n int) string {
	return fmt.Sprintf("right(%s, length($%d)) = $%[2]d", column, n)
}
func (postgres) passive(column string) string                         { return column }
func (postgres) members(parameter string) string                      { return "json_each_text(" + parameter + "::json)" }
func (postgres) by(string) string                                     { return "" }
func (postgres) apart() string                                        { return " OFFSET 0" }
func (postgres) lateral() bool                                        { return true }
func (postgres) statementContext(ctx context.Context) context.Context { return ctx }

func (postgres) readsInOrder() bool { return false }

func (d postgres) keepsPlan() bool { return d.prepares }

// forValues has the statement go to the server without a name, whose plan is then for once.
func (d postgres) forValues(args []any) []any {
	if !d.prepares {
		return args
	}
	return append([]any{pgx.QueryExecModeCacheDescribe}, args...)
}

func arrayType(column string) string {
	if strings.HasSuffix(column, "project_id") {
		return "uuid[]"
	}
	return "text[]"
}

// plain takes the casts out that SQLite does not know; its columns are text where PostgreSQL's
// are uuid.
var plain = strings.NewReplacer("$", "?", "::uuid", "", "::text", "")

func (lite) text(query string) string { return plain.Replace(query) }
func (lite) placeholder(n int) string { return "?" + strconv.Itoa(n) }
func (lite) in(column string, n int) string {
	return column + " IN (SELECT value FROM json_each(?" + strconv.Itoa(n) + "))"
}
func (lite) contains(column string, n int) string {
	return "instr(" + column + ", ?" + strconv.Itoa(n) + ") > 0"
}

func (lite) endsWith(column string, n int) string {
	return fmt.Sprintf("substr(%s, -length(?%d)) = ?%[2]d", column, n)
}

func (lite) passive(column string) string    { return "+" + column }
func (lite) members(parameter string) string { return "json_each(" + parameter + ")" }
func (lite) by(index string) string {
	if index == "" {
		return ""
	}
	return " INDEXED BY " + index
}
func (lite) apart() string              { return "" }
func (lite) readsInOrder() bool         { return true }
func (lite) keepsPlan() bool            { return false }
func (lite) forValues(args []any) []any { return args }
func (lite) lateral() bool              { return false }

// statementContext is never cancelled: SQLite answers an interrupted statement by rolling the
// whole transaction back, and with it the writes of others in the same group.
func (lite) statementContext(ctx context.Context) context.Context {
	return context.WithoutCancel(ctx)
}
