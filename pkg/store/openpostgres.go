package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	gormpostgres "gorm.io/driver/postgres"
	"gorm.io/gorm"
)

// defaultConns is how many connections a process keeps unless pool_max_conns says otherwise.
const defaultConns = 16

// openPostgres opens one pool that resources, gorm and River share.
func openPostgres(ctx context.Context, o Options) (*Store, error) {
	config, err := pgx.ParseConfig(o.URL) // its error masks the password
	if err != nil {
		return nil, fmt.Errorf("database URL: %w", err)
	}
	conns, err := poolSize(config)
	if err != nil {
		return nil, err
	}
	config.RuntimeParams["application_name"] = "admit"
	db := sql.OpenDB(o.wrapped(stdlib.GetConnector(*config, stdlib.OptionAfterConnect(connected))))
	db.SetMaxOpenConns(conns)
	db.SetMaxIdleConns(conns)
	db.SetConnMaxIdleTime(5 * time.Minute)
	orm, err := gorm.Open(gormpostgres.New(gormpostgres.Config{Conn: db}), ormConfig())
	if err == nil {
		err = db.PingContext(ctx)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open PostgreSQL database: %w", err), db.Close())
	}
	grown := newStatistics(db, o.Log)
	d := postgres{tables: indexTables(), statements: &texts{}, prepares: config.DefaultQueryExecMode == pgx.QueryExecModeCacheStatement}
	s := &Store{writes: db, reads: db, onStop: []func() error{grown.close, db.Close}}
	s.reader = reader{base: &base{dialect: d, clock: o.Clock, log: o.Log, orm: orm, grown: grown}, q: db, pool: db}
	s.shares = &sharing{one: s.tryOne, many: s.tryMany, slow: slowSharing, lanes: map[lane]*waiting{}}
	if o.Wrap == nil {
		s.q = newDirect(db)
	}
	return s, nil
}

// poolSize takes pool_max_conns, pgx's own name, out of what is sent to the server.
func poolSize(config *pgx.ConnConfig) (int, error) {
	given, ok := config.RuntimeParams["pool_max_conns"]
	if !ok {
		return defaultConns, nil
	}
	delete(config.RuntimeParams, "pool_max_conns")
	n, err := strconv.Atoi(given)
	if err != nil || n < 2 {
		return 0, fmt.Errorf("database URL: pool_max_conns is %q, want a number of at least 2", given)
	}
	return n, nil
}

// connected readies a new connection.
func connected(ctx context.Context, conn *pgx.Conn) error {
	untypedText(conn)
	// Searches are short and many; compiling one, which PostgreSQL does when it expects much, takes
	// longer than running it.
	_, err := conn.Exec(ctx, "SET jit = off")
	return err
}

// untypedText lets the server infer the type of a text parameter. Without prepared statements
// (default_query_exec_mode=exec, for PgBouncer) pgx would declare it text, which does not
// compare with uuid.
func untypedText(conn *pgx.Conn) {
	if conn.Config().DefaultQueryExecMode == pgx.QueryExecModeExec {
		conn.TypeMap().RegisterDefaultPgType("", "unknown")
	}
}
