package apptest_test

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/admitdev/admit/cmd/admit/app"
	"github.com/admitdev/admit/pkg/clock"
	"github.com/admitdev/admit/pkg/config"
	"github.com/admitdev/admit/pkg/store/storetest"
)

// TestFailingInvitesAreWholeOrNothing lets each statement of an invite fail in its turn. Afterwards
// all of the invite is there or nothing of it, and a retry completes it.
func TestFailingInvitesAreWholeOrNothing(t *testing.T) {
	for _, fault := range []struct {
		name    string
		err     error
		forGood bool // all that follows fails too
	}{
		{"one statement fails", errors.New("out of room"), false},
		{"one connection breaks", driver.ErrBadConn, false},
		{"the database goes away", errors.New("gone"), true},
	} {
		t.Run(fault.name, func(t *testing.T) {
			storetest.Each(t, func(t *testing.T, db storetest.DB) {
				f := &faults{err: fault.err, forGood: fault.forGood}
				a := api{t, serveStill(t, db, f.hook)}
				rows := openSQL(t, db.URL)
				owner := a.register("owner@clinic.example", "Clinic")
				failed := 0
				for n := 1; ; n++ {
					email := fmt.Sprintf("f%d@example.com", n)
					f.arm(n)
					status := a.tryInvite(owner, email)
					struck := f.disarm()
					wantWhole(t, rows, email, status == http.StatusOK)
					if status != http.StatusOK {
						failed++
						if again := a.tryInvite(owner, email); again != http.StatusOK {
							t.Errorf("statement %d (%s): the retry is answered %d", n, struck, again)
						}
						wantWhole(t, rows, email, true)
					}
					if struck == "" {
						t.Logf("%d statements struck, %d invites failed", n-1, failed)
						break // the invite has fewer than n statements
					}
				}
				wantNoOrphans(t, rows)
				if !errors.Is(fault.err, driver.ErrBadConn) && failed < 5 { // a broken connection is tried again
					t.Errorf("only %d invites failed, so little is proven", failed)
				}
			})
		})
	}
}

// serveStill serves a whole server in which nothing runs but requests, so that each statement is
// one of a request. Its address ends with a slash.
func serveStill(t *testing.T, db storetest.DB, hook storetest.Hook) string {
	t.Helper()
	server, err := newStillServer(t.Context(), db.URL, hook)
	if err != nil {
		t.Fatal(err)
	}
	listening := httptest.NewServer(server.Handler)
	t.Cleanup(func() {
		listening.Close()
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	})
	return listening.URL + "/"
}

func newStillServer(ctx context.Context, databaseURL string, hook storetest.Hook) (*app.Server, error) {
	c, err := config.Load([]string{
		"ADMIT_DATABASE_URL=" + databaseURL, "ADMIT_REGISTRATION=open",
		"ADMIT_SUPERADMIN_EMAIL=" + superAdminEmail, "ADMIT_SUPERADMIN_PASSWORD=" + superAdminPassword,
		"ADMIT_LOGIN_RATE_LIMIT=-1", "ADMIT_AUTH_RATE_LIMIT=-1", "ADMIT_CLIENT_RATE_LIMIT=-1", "ADMIT_RATE_LIMIT=-1", "ADMIT_FHIR_QUOTA=-1",
	}, nil)
	if err != nil {
		return nil, err
	}
	server, err := app.New(ctx, app.Options{
		Config: c, Clock: clock.System{}, Log: slog.New(slog.NewTextHandler(io.Discard, nil)), Version: "test", Wrap: hook.Wrap,
	})
	if err != nil {
		return nil, err
	}
	return server, server.FirstStart(ctx, io.Discard)
}

// faults strikes the n-th statement after it was armed.
type faults struct {
	err     error
	forGood bool

	mu     sync.Mutex
	left   int
	armed  bool
	struck string
}

func (f *faults) arm(n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.left, f.armed, f.struck = n, true, ""
}

// disarm tells which statement was struck, or nothing.
func (f *faults) disarm() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.armed = false
	return f.struck
}

func (f *faults) hook(_ context.Context, statement string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.armed {
		return nil
	}
	f.left--
	if f.left > 0 || f.left < 0 && !f.forGood {
		return nil
	}
	if f.struck == "" {
		f.struck, _, _ = strings.Cut(strings.TrimSpace(statement), "\n")
	}
	return f.err
}

// tryInvite invites a practitioner by mail and tells the status.
func (a api) tryInvite(owner session, email string) int {
	a.t.Helper()
	return a.do(call{
		Method: http.MethodPost, Path: "/admin/projects/" + owner.projectID() + "/invite", Token: owner.AccessToken,
		ContentType: "application/json", Header: http.Header{"Idempotency-Key": {email}},
		Body: quote(`{"resourceType":"Practitioner","firstName":"F","lastName":"Ault","email":%q}`, email),
	}).Status
}
