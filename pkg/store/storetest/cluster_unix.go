//go:build unix

package storetest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

// findPrograms is the directory of initdb and postgres: on the PATH or, newest first, where
// Debian puts them.
func findPrograms() (string, error) {
	if path, err := exec.LookPath("initdb"); err == nil {
		if path, err = filepath.EvalSymlinks(path); err == nil {
			return filepath.Dir(path), nil
		}
	}
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if err != nil || len(found) == 0 {
		return "", errors.New("no PostgreSQL server programs are installed and ADMIT_TEST_POSTGRES_URL is not set")
	}
	slices.SortFunc(found, func(a, b string) int { return version(b) - version(a) })
	return filepath.Dir(found[0]), nil
}

// version is the number in /usr/lib/postgresql/15/bin/initdb; 0 when there is none.
func version(path string) int {
	n, err := strconv.Atoi(filepath.Base(filepath.Dir(filepath.Dir(path))))
	if err != nil {
		return 0
	}
	return n
}

// watchdog makes a cluster and runs its server until standard input closes, which the operating
// system does when the test binary ends in whatever way; then the server goes at once and
// leaves nothing.
const watchdog = `"$1/initdb" -D "$2/data" -U admit --auth=trust --encoding=UTF8 --locale=C.UTF-8 --no-sync </dev/null || {
 rm -rf "$2"
 exit 1
}
"$1/postgres" -D "$2/data" -k "$2" -c listen_addresses= -c fsync=off -c synchronous_commit=off \
 -c full_page_writes=off -c deadlock_timeout=50ms -c max_connections=300 -c shared_buffers=64MB \
 -c wal_level=minimal -c max_wal_senders=0 -c logging_collector=off </dev/null &
cat >/dev/null
kill -QUIT $!
wait
rm -rf "$2"`

// startCluster makes a cluster in a temporary directory and starts its server, which listens
// nowhere but on a socket there. PostgreSQL refuses to run as root, so there it runs as
// postgres or nobody.
func startCluster() (string, error) {
	programs, err := findPrograms()
	if err != nil {
		return "", err
	}
	dir, err := os.MkdirTemp(memory(), "admit-pg-")
	if err != nil {
		return "", err
	}
	attributes := &syscall.SysProcAttr{Setpgid: true} // a ^C is for the test, which then ends us
	if os.Getuid() == 0 {
		if attributes.Credential, err = unprivileged(); err != nil {
			return "", err
		}
		if err := os.Chown(dir, int(attributes.Credential.Uid), int(attributes.Credential.Gid)); err != nil {
			return "", err
		}
	}
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		return "", err
	}
	server := exec.Command("/bin/sh", "-c", watchdog, "sh", programs, dir)
	server.SysProcAttr, server.Dir, server.Stdout, server.Stderr = attributes, dir, log, log
	alive, err := server.StdinPipe()
	if err != nil {
		return "", err
	}
	if err := server.Start(); err != nil {
		return "", err
	}
	ended := make(chan error, 1)
	go func() {
		ended <- server.Wait()
		_ = alive.Close() // until here it stays open, so long as this process lives
	}()
	return awaitServer("postgres:///postgres?user=admit&host="+dir, log, ended)
}

// unprivileged is a user other than root.
func unprivileged() (*syscall.Credential, error) {
	for _, name := range []string{"postgres", "nobody"} {
		found, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, uidErr := strconv.ParseUint(found.Uid, 10, 32)
		gid, gidErr := strconv.ParseUint(found.Gid, 10, 32)
		if err := errors.Join(uidErr, gidErr); err != nil {
			return nil, err
		}
		return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
	}
	return nil, errors.New("PostgreSQL does not run as root, and there is no user postgres or nobody")
}

// awaitServer asks until the server answers: it has no other way to say that it is up.
func awaitServer(url string, log *os.File, ended <-chan error) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		conn, err := pgx.Connect(ctx, url)
		if err == nil {
			return url, conn.Close(ctx)
		}
		select {
		case <-tick.C:
			continue
		case <-ctx.Done():
		case err = <-ended:
		}
		text := make([]byte, 1<<16)
		n, readErr := log.ReadAt(text, 0)
		if errors.Is(readErr, io.EOF) {
			readErr = nil
		}
		return "", errors.Join(fmt.Errorf("the server did not start: %w: %s", err, text[:n]), readErr)
	}
}
