package admin_test

import (
	"bytes"
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib"
	"github.com/stretchr/testify/require"
	_ "modernc.org/sqlite"

	"github.com/admitdev/admit/pkg/clock"
	"github.com/admitdev/admit/pkg/store"
	"github.com/admitdev/admit/pkg/store/storetest"
)

// BenchmarkInvite compares an invite, its mail queued, with the very statements that it runs,
// given to the driver by themselves: "ratio" is ours by that. The two take turns, so that what
// else the machine does falls on both.
func BenchmarkInvite(b *testing.B) {
	storetest.Each(b, func(b *testing.B, db storetest.DB) {
		tape := &tape{}
		c := newClinic(b, storetest.OpenWith(b, db, store.Options{Wrap: tape.wrap})).open(b)
		invite := func(email string) {
			_, err := c.tryInvite(c.ada, c.project, person("Practitioner", email, ""), "")
			require.NoError(b, err)
		}
		invite("warm.up@example.com") // statements are compiled, plans are cached
		tape.since, tape.running = clock.System{}.NewID(), true
		invite("recorded@example.com")
		tape.running = false
		direct := openDirectly(b, db)
		var ours, bare time.Duration
		n := 0
		for ; b.Loop(); n++ {
			email := fmt.Sprintf("ours.%d@example.com", n)
			again := tape.again("recorded@example.com", fmt.Sprintf("bare.%d@example.com", n))
			begun := time.Now()
			invite(email)
			ours += time.Since(begun)
			begun = time.Now()
			play(b, direct, again)
			bare += time.Since(begun)
		}
		b.ReportMetric(float64(ours.Nanoseconds())/float64(n), "ns/invite")
		b.ReportMetric(float64(ours)/float64(bare), "ratio")
		b.ReportMetric(float64(len(tape.statements)), "statements")
	})
}

// statement is one that was run, or is to be.
type statement struct {
	text string
	args []any
}

// tape records what a store asks its driver, from BEGIN to COMMIT.
type tape struct {
	running    bool
	since      string // an id made before the recording began: later ones are the invite's own, and those of Users
	statements []statement
}

func (t *tape) note(text string, args []driver.NamedValue) {
	if !t.running || strings.HasPrefix(text, "ROLLBACK TO") {
		return
	}
	s := statement{text: text}
	for _, arg := range args {
		s.args = append(s.args, arg.Value)
	}
	t.statements = append(t.statements, s)
}

var uuids = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[78][0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}`)

// again is the recording with another address and with new ids for those that it made.
func (t *tape) again(email, other string) []statement {
	renamed := map[string]string{}
	rename := func(s string) string {
		s = strings.ReplaceAll(s, email, other)
		return uuids.ReplaceAllStringFunc(s, func(id string) string {
			if id[14] == '7' && id <= t.since {
				return id
			}
			if renamed[id] == "" {
				renamed[id] = clock.System{}.NewID()
			}
			return renamed[id]
		})
	}
	again := slices.Clone(t.statements)
	for i := range again {
		again[i].args = slices.Clone(again[i].args)
		for j, arg := range again[i].args {
			switch arg := arg.(type) {
			case string:
				again[i].args[j] = rename(arg)
			case []byte:
				again[i].args[j] = []byte(rename(string(bytes.Clone(arg))))
			case []string:
				list := slices.Clone(arg)
				for k := range list {
					list[k] = rename(list[k])
				}
				again[i].args[j] = list
			}
		}
	}
	return again
}

// play runs the statements in one transaction.
func play(b *testing.B, db *sql.DB, statements []statement) {
	ctx := context.Background()
	tx, err := db.BeginTx(ctx, nil)
	require.NoError(b, err)
	for _, s := range statements {
		rows, err := tx.QueryContext(ctx, s.text, s.args...)
		require.NoError(b, err, s.text)
		for rows.Next() {
		}
		require.NoError(b, rows.Err(), s.text)
		require.NoError(b, rows.Close())
	}
	require.NoError(b, tx.Commit())
}

func openDirectly(b *testing.B, db storetest.DB) *sql.DB {
	b.Helper()
	name, dsn := "pgx", db.URL
	if db.Name == "sqlite" {
		name, dsn = "sqlite", "file:"+strings.TrimPrefix(db.URL, "sqlite:")+"?_txlock=immediate&_journal_mode=WAL&_synchronous=FULL&_busy_timeout=10000"
	}
	direct, err := sql.Open(name, dsn)
	require.NoError(b, err)
	direct.SetMaxOpenConns(1)
	b.Cleanup(func() { require.NoError(b, direct.Close()) })
	return direct
}

func (t *tape) wrap(c driver.Connector) driver.Connector { return recording{c, t} }

type recording struct {
	driver.Connector
	tape *tape
}

func (r recording) Connect(ctx context.Context) (driver.Conn, error) {
	conn, err := r.Connector.Connect(ctx)
	return recordedConn{conn, r.tape}, err
}

// recordedConn hands on what both drivers know and database/sql asks for.
type recordedConn struct {
	driver.Conn
	tape *tape
}

func (c recordedConn) BeginTx(ctx context.Context, o driver.TxOptions) (driver.Tx, error) {
	return c.Conn.(driver.ConnBeginTx).BeginTx(ctx, o)
}

func (c recordedConn) PrepareContext(ctx context.Context, query string) (driver.Stmt, error) {
	prepared, err := c.Conn.(driver.ConnPrepareContext).PrepareContext(ctx, query)
	return recordedStmt{prepared, query, c.tape}, err
}

func (c recordedConn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	c.tape.note(query, args)
	return c.Conn.(driver.ExecerContext).ExecContext(ctx, query, args)
}

func (c recordedConn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	c.tape.note(query, args)
	return c.Conn.(driver.QueryerContext).QueryContext(ctx, query, args)
}

func (c recordedConn) CheckNamedValue(v *driver.NamedValue) error {
	if checker, ok := c.Conn.(driver.NamedValueChecker); ok {
		return checker.CheckNamedValue(v)
	}
	return driver.ErrSkip
}

type recordedStmt struct {
	driver.Stmt
	query string
	tape  *tape
}

func (s recordedStmt) ExecContext(ctx context.Context, args []driver.NamedValue) (driver.Result, error) {
	s.tape.note(s.query, args)
	return s.Stmt.(driver.StmtExecContext).ExecContext(ctx, args)
}

func (s recordedStmt) QueryContext(ctx context.Context, args []driver.NamedValue) (driver.Rows, error) {
	s.tape.note(s.query, args)
	return s.Stmt.(driver.StmtQueryContext).QueryContext(ctx, args)
}
