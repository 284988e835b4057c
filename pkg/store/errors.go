package store

import (
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"

	"github.com/jackc/pgx/v5/pgconn"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// What reads and writes of resources fail with. Any other error is the database's.
var (
	// ErrNotFound: no such resource, version or key, or none that the predicate admits.
	ErrNotFound = errors.New("store: not found")
	// ErrVersion: the version that a write replaces is not the current one.
	ErrVersion = errors.New("store: version mismatch")
	// ErrExists: a create of an id that is taken, be its resource deleted or not.
	ErrExists = errors.New("store: id exists")
	// ErrClosed: the store was closed before the write began.
	ErrClosed = errors.New("store: closed")
	// ErrTime: a new version must be later than the one that it replaces; see Later.
	ErrTime = errors.New("store: a version must be later than the one it replaces")
)

// KeyConflict is the error of a write whose key another resource holds.
type KeyConflict struct {
	Key    Key
	Holder Ref
}

// Error implements error. The value stays out of it: it may be a person's address.
func (e *KeyConflict) Error() string {
	return fmt.Sprintf("store: %s is held by %s/%s", e.Key.Kind, e.Holder.Type, e.Holder.ID)
}

// uniqueViolation says whether err is a broken primary key or unique index. Table files use it
// because gorm's own translation misses SQLite's extended codes.
func uniqueViolation(err error) bool {
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		return pg.Code == "23505"
	}
	var lite *sqlite.Error
	if errors.As(err, &lite) {
		return lite.Code() == sqlite3.SQLITE_CONSTRAINT_UNIQUE || lite.Code() == sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY
	}
	return false
}

// divisionByZero is how a statement of ours undoes itself.
func divisionByZero(err error) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && pg.Code == "22012"
}

// serialization says whether the database undid a transaction so that another could go on; it
// certainly left nothing behind.
func serialization(err error) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && (pg.Code == "40001" || pg.Code == "40P01")
}

// lost says whether the connection broke. Before a commit was sent nothing can remain of the
// transaction; afterwards nobody knows.
func lost(err error) bool {
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		return pg.Code == "57P01" || pg.Code == "57P02" || pg.Code == "57P03" || pg.Code[:2] == "08"
	}
	var network net.Error
	return errors.Is(err, driver.ErrBadConn) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		pgconn.SafeToRetry(err) || (errors.As(err, &network) && !network.Timeout())
}
