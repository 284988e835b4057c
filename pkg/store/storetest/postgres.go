package storetest

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"io/fs"
	"net/url"
	"os"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/admitdev/admit/migrations"
)

// Postgres is a database made from a migrated template; it is dropped at the test's end.
func Postgres(t testing.TB) DB {
	t.Helper()
	return newDatabase(t, func(s *server) string { return s.template })
}

// EmptyPostgres is a database without a schema, for tests of migrations.
func EmptyPostgres(t testing.TB) DB {
	t.Helper()
	return newDatabase(t, func(*server) string { return "template1" })
}

func newDatabase(t testing.TB, template func(*server) string) DB {
	t.Helper()
	s, err := postgresServer()
	if err != nil {
		t.Fatalf("PostgreSQL: %v", err)
	}
	name := fmt.Sprintf("admit_test_%d_%d", os.Getpid(), s.made.Add(1))
	if err := s.exec("CREATE DATABASE " + name + " TEMPLATE " + template(s) + s.copying); err != nil {
		t.Fatalf("make a PostgreSQL database: %v", err)
	}
	t.Cleanup(func() {
		if err := s.exec("DROP DATABASE " + name + " WITH (FORCE)"); err != nil {
			t.Errorf("drop the PostgreSQL database: %v", err)
		}
	})
	return DB{Name: "postgres", URL: s.database(name)}
}

// server is where the databases of this test binary are.
type server struct {
	url      string
	template string
	copying  string // how CREATE DATABASE copies
	made     atomic.Int64
}

// postgresServer is started once for a test binary.
var postgresServer = sync.OnceValues(func() (*server, error) {
	given := os.Getenv("ADMIT_TEST_POSTGRES_URL")
	if given == "" {
		var err error
		if given, err = startCluster(); err != nil {
			return nil, err
		}
	}
	s := &server{url: given}
	if err := s.makeTemplate(); err != nil {
		return nil, fmt.Errorf("make the template: %w", err)
	}
	return s, nil
})

// database is the URL of another database of the server.
func (s *server) database(name string) string {
	u, err := url.Parse(s.url)
	if err != nil { // pgx has parsed it before
		return s.url
	}
	u.Path = "/" + name
	return u.String()
}

func (s *server) exec(statement string) error {
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, s.url)
	if err != nil {
		return err
	}
	_, err = conn.Exec(ctx, statement)
	return errors.Join(err, conn.Close(ctx))
}

// makeTemplate makes the migrated database that others are copied from. Its name tells the
// migrations, so that the test binaries that share a server share it; a lock lets one make it.
func (s *server) makeTemplate() error {
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, s.url)
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	var version int
	if err := conn.QueryRow(ctx, "SELECT current_setting('server_version_num')::int").Scan(&version); err != nil {
		return err
	}
	if version >= 150000 { // which logs a small database page by page, unless told to copy its files
		s.copying = " STRATEGY file_copy"
	}
	sum, err := schemaSum()
	if err != nil {
		return err
	}
	s.template = fmt.Sprintf("admit_template_%016x", sum)
	if _, err := conn.Exec(ctx, "SELECT pg_advisory_lock($1)", int64(sum>>1)); err != nil {
		return err
	}
	var exists bool
	if err := conn.QueryRow(ctx, "SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)", s.template).Scan(&exists); err != nil || exists {
		return err
	}
	building := s.template + "_new"
	for _, statement := range []string{"DROP DATABASE IF EXISTS " + building, "CREATE DATABASE " + building} {
		if _, err := conn.Exec(ctx, statement); err != nil {
			return err
		}
	}
	if err := migrate(s.database(building)); err != nil {
		return err
	}
	_, err = conn.Exec(ctx, "ALTER DATABASE "+building+" RENAME TO "+s.template)
	return err
}

func schemaSum() (uint64, error) {
	sum := fnv.New64a()
	err := fs.WalkDir(migrations.Files, "postgres", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := migrations.Files.ReadFile(path)
		sum.Write([]byte(path))
		sum.Write(text)
		return err
	})
	return sum.Sum64(), err
}
