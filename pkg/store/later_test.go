package store_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/admitdev/admit/pkg/clock"
	"github.com/admitdev/admit/pkg/store"
	"github.com/admitdev/admit/pkg/store/storetest"
)

// session is somebody with a password, and a login of theirs.
func session(t *testing.T, s *store.Store) (user store.Ref, login store.Login) {
	t.Helper()
	user = store.Ref{Project: clock.System{}.NewID(), Type: "User", ID: clock.System{}.NewID()}
	err := s.InTx(t.Context(), func(tx *store.Tx) error {
		return tx.SetCredential(t.Context(), store.Credential{Project: user.Project, Type: user.Type, ID: user.ID, Kind: store.Password, Hash: "old"})
	})
	if err != nil {
		t.Fatal(err)
	}
	return user, store.Login{
		ID: clock.System{}.NewID(), UserProject: user.Project, UserType: user.Type, UserID: user.ID, ExpiresAt: store.At(time.Now().Add(time.Hour)),
	}
}

// enter is what a sign-in writes.
func enter(ctx context.Context, login store.Login, hash string) func(*store.Tx) error {
	return func(tx *store.Tx) error {
		return errors.Join(
			tx.HoldCredential(ctx, login.User(), store.Password, hash),
			tx.AddLogin(ctx, login),
			tx.AddAudit(ctx, store.AuditEvent{Project: login.UserProject, ID: login.ID, At: store.At(tx.Now()), Content: "{}"}),
			tx.AddCode(ctx, store.AuthorizationCode{Hash: login.ID, Login: login.ID, ExpiresAt: login.ExpiresAt}),
		)
	}
}

// written is how much there is of what a sign-in writes.
func written(t *testing.T, s *store.Store, login store.Login) int {
	t.Helper()
	n := 0
	got, err := s.Login(t.Context(), login.ID)
	if err == nil {
		n++
		if got.UserID != login.UserID || !got.ExpiresAt.Equal(login.ExpiresAt.Time) || got.Granted {
			t.Errorf("the login is %+v", got)
		}
	}
	_, _, err2 := s.CodeLogin(t.Context(), login.ID)
	if err2 == nil {
		n++
	}
	events, err3 := s.AuditEvents(t.Context(), login.UserProject, 9)
	if err3 != nil || err != nil && !errors.Is(err, store.ErrNotFound) || err2 != nil && !errors.Is(err2, store.ErrNotFound) {
		t.Fatal(err, err2, err3)
	}
	return n + len(events)
}

// TestWritesThatNobodyWaitsForAreOneStatement: on PostgreSQL, and the statement is the whole transaction.
func TestWritesThatNobodyWaitsForAreOneStatement(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db storetest.DB) {
		executed := &statementsOf{}
		s := storetest.OpenFaulty(t, db, executed.hook)
		_, login := session(t, s)
		executed.all = nil
		if err := s.InTx(t.Context(), enter(t.Context(), login, "old")); err != nil {
			t.Fatal(err)
		}
		if db.Name == "postgres" && len(executed.all) != 1 {
			t.Errorf("%d statements: %q", len(executed.all), executed.all)
		}
		if n := written(t, s, login); n != 3 {
			t.Errorf("%d of 3 were written", n)
		}
	})
}

// TestNothingIsWrittenForACredentialThatIsAnother: not in one statement, nor where one was written before.
func TestNothingIsWrittenForACredentialThatIsAnother(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db storetest.DB) {
		s := storetest.Open(t, db)
		for _, tc := range []struct {
			name           string
			before, behind func(tx *store.Tx, login store.Login) error
		}{
			{"alone", nil, nil},
			{"behind a write", func(tx *store.Tx, login store.Login) error {
				return tx.AddAudit(t.Context(), store.AuditEvent{Project: login.UserProject, ID: "0", At: store.At(tx.Now()), Content: "{}"})
			}, nil},
			{"before a read", nil, func(tx *store.Tx, login store.Login) error {
				_, err := tx.Login(t.Context(), login.ID)
				return err
			}},
		} {
			t.Run(tc.name, func(t *testing.T) {
				_, login := session(t, s)
				err := s.InTx(t.Context(), func(tx *store.Tx) error {
					if tc.before != nil {
						if err := tc.before(tx, login); err != nil {
							return err
						}
					}
					if err := enter(t.Context(), login, "another")(tx); err != nil || tc.behind == nil {
						return err
					}
					return tc.behind(tx, login)
				})
				if !errors.Is(err, store.ErrChanged) {
					t.Errorf("%v, want ErrChanged", err)
				}
				if n := written(t, s, login); n != 0 {
					t.Errorf("%d rows were written", n)
				}
			})
		}
	})
}

// TestReadsSeeWhatWaits: a transaction finds what it wrote, and what it replaces.
func TestReadsSeeWhatWaits(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db storetest.DB) {
		s := storetest.Open(t, db)
		_, login := session(t, s)
		second := store.AuthorizationCode{Hash: login.ID + " 2", Login: login.ID, ExpiresAt: login.ExpiresAt}
		err := s.InTx(t.Context(), func(tx *store.Tx) error {
			if err := enter(t.Context(), login, "old")(tx); err != nil {
				return err
			}
			if _, err := tx.Login(t.Context(), login.ID); err != nil {
				t.Errorf("the login that was added: %v", err)
			}
			return errors.Join(tx.AddCode(t.Context(), second), tx.AddCode(t.Context(), store.AuthorizationCode{Hash: login.ID + " 3", Login: login.ID}))
		})
		if err != nil {
			t.Fatal(err)
		}
		for hash, there := range map[string]bool{login.ID: false, second.Hash: false, login.ID + " 3": true} {
			if _, _, err := s.CodeLogin(t.Context(), hash); (err == nil) != there {
				t.Errorf("code %s: %v", strings.TrimPrefix(hash, login.ID), err)
			}
		}
	})
}

// TestAChangeOfThePasswordSeesASignIn: whichever comes first, the other knows. Who holds the credential is
// waited for.
func TestAChangeOfThePasswordSeesASignIn(t *testing.T) {
	if !storetest.HavePostgres(t) {
		return
	}
	s := storetest.Open(t, storetest.Postgres(t))
	change := func(user store.Ref, meanwhile func()) error {
		return s.InTx(t.Context(), func(tx *store.Tx) error {
			err := tx.SetCredential(t.Context(), store.Credential{Project: user.Project, Type: user.Type, ID: user.ID, Kind: store.Password, Hash: "new"})
			if err != nil {
				return err
			}
			meanwhile()
			return tx.RevokeLogins(t.Context(), user)
		})
	}
	t.Run("the change first", func(t *testing.T) {
		user, login := session(t, s)
		entered := make(chan error, 1)
		err := change(user, func() {
			go func() { entered <- s.InTx(context.Background(), enter(context.Background(), login, "old")) }()
			waitForALock(t, s)
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := <-entered; !errors.Is(err, store.ErrChanged) {
			t.Errorf("who showed the old password: %v", err)
		}
		if n := written(t, s, login); n != 0 {
			t.Errorf("%d rows were written", n)
		}
	})
	t.Run("the sign-in first", func(t *testing.T) {
		user, login := session(t, s)
		changed := make(chan error, 1)
		err := s.InTx(t.Context(), func(tx *store.Tx) error {
			err := enter(t.Context(), login, "old")(tx)
			if err == nil {
				_, err = tx.Login(t.Context(), login.ID) // what waits is written
			}
			go func() { changed <- change(user, func() {}) }()
			waitForALock(t, s)
			return err
		})
		if err := errors.Join(err, <-changed); err != nil {
			t.Fatal(err)
		}
		if got, err := s.Login(t.Context(), login.ID); err != nil || !got.Revoked {
			t.Errorf("revoked %v, %v", got.Revoked, err)
		}
	})
}

// renew is what a refresh writes.
func renew(ctx context.Context, login store.Login, token string) func(*store.Tx) error {
	return func(tx *store.Tx) error {
		return errors.Join(
			tx.UseRefreshToken(ctx, token),
			tx.ExtendLogin(ctx, login.ID, "key", store.At(login.ExpiresAt.Add(time.Hour))),
			tx.AddRefreshToken(ctx, store.RefreshToken{Hash: token + " 2", Login: login.ID, ExpiresAt: login.ExpiresAt}),
		)
	}
}

// refreshable is a login with a refresh token of the same name.
func refreshable(t *testing.T, s *store.Store) store.Login {
	t.Helper()
	_, login := session(t, s)
	err := s.InTx(t.Context(), func(tx *store.Tx) error {
		return errors.Join(tx.AddLogin(t.Context(), login), tx.AddRefreshToken(t.Context(), store.RefreshToken{Hash: login.ID, Login: login.ID, ExpiresAt: login.ExpiresAt}))
	})
	if err != nil {
		t.Fatal(err)
	}
	return login
}

// wantRenewed holds a refresh to all that it writes, or to nothing.
func wantRenewed(t *testing.T, s *store.Store, login store.Login, renewed bool) {
	t.Helper()
	kept, of, err := s.RefreshTokenLogin(t.Context(), login.ID)
	if err != nil || of.UserID != login.UserID || kept.Login != login.ID || !kept.ExpiresAt.Equal(login.ExpiresAt.Time) {
		t.Fatalf("%+v of %+v, %v", kept, of, err)
	}
	_, _, err = s.RefreshTokenLogin(t.Context(), login.ID+" 2")
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		t.Fatal(err)
	}
	if extended := of.ExpiresAt.After(login.ExpiresAt.Time); kept.Used != renewed || extended != renewed || (of.KeyThumbprint == "key") != renewed || (err == nil) != renewed {
		t.Errorf("used %v, extended %v, followed %v", kept.Used, extended, err)
	}
}

// TestARefreshIsAllOrNothing: in one statement on PostgreSQL, and behind another in a transaction.
func TestARefreshIsAllOrNothing(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db storetest.DB) {
		executed := &statementsOf{}
		s := storetest.OpenFaulty(t, db, executed.hook)
		for _, tc := range []struct {
			name   string
			before func(tx *store.Tx, login store.Login) error
			behind func(tx *store.Tx, login store.Login) error
			done   bool
		}{
			{"alone", nil, nil, true},
			{"behind a read", nil, func(tx *store.Tx, login store.Login) error { _, err := tx.Login(t.Context(), login.ID); return err }, true},
			{"used", func(tx *store.Tx, login store.Login) error { return tx.UseRefreshToken(t.Context(), login.ID) }, nil, false},
			{"revoked", func(tx *store.Tx, login store.Login) error {
				_, err := tx.RevokeLogin(t.Context(), login.ID)
				return err
			}, nil, false},
			{"revoked, behind a read", func(tx *store.Tx, login store.Login) error {
				_, err := tx.RevokeLogin(t.Context(), login.ID)
				return err
			},
				func(tx *store.Tx, login store.Login) error { _, err := tx.Login(t.Context(), login.ID); return err }, false},
		} {
			t.Run(tc.name, func(t *testing.T) {
				login := refreshable(t, s)
				if tc.before != nil {
					if err := s.InTx(t.Context(), func(tx *store.Tx) error { return tc.before(tx, login) }); err != nil {
						t.Fatal(err)
					}
				}
				executed.all = nil
				err := s.InTx(t.Context(), func(tx *store.Tx) error {
					if tc.behind != nil {
						if err := tc.behind(tx, login); err != nil {
							return err
						}
					}
					return renew(t.Context(), login, login.ID)(tx)
				})
				if tc.done != (err == nil) || err != nil && !errors.Is(err, store.ErrChanged) {
					t.Errorf("%v", err)
				}
				if db.Name == "postgres" && tc.behind == nil && len(executed.all) != 1 {
					t.Errorf("%q", executed.all)
				}
				if tc.name != "used" {
					wantRenewed(t, s, login, tc.done)
				} else if _, _, err := s.RefreshTokenLogin(t.Context(), login.ID+" 2"); !errors.Is(err, store.ErrNotFound) {
					t.Errorf("what follows a token that was used: %v", err)
				}
			})
		}
	})
}

// TestARefreshWaitsForWhatEndsIt: for another with the same token, and for the end of the session.
func TestARefreshWaitsForWhatEndsIt(t *testing.T) {
	if !storetest.HavePostgres(t) {
		return
	}
	s := storetest.Open(t, storetest.Postgres(t))
	for _, tc := range []struct {
		name string
		do   func(tx *store.Tx, login store.Login) error
		done bool
	}{
		{"another", func(tx *store.Tx, login store.Login) error { return renew(t.Context(), login, login.ID)(tx) }, true},
		{"the end", func(tx *store.Tx, login store.Login) error {
			_, err := tx.RevokeLogin(t.Context(), login.ID)
			return err
		}, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			login := refreshable(t, s)
			late := make(chan error, 1)
			err := s.InTx(t.Context(), func(tx *store.Tx) error {
				err := tc.do(tx, login)
				if err == nil {
					_, err = tx.Login(t.Context(), login.ID) // what waits is written
				}
				go func() { late <- s.InTx(context.Background(), renew(context.Background(), login, login.ID)) }()
				waitForALock(t, s)
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			if err := <-late; !errors.Is(err, store.ErrChanged) {
				t.Errorf("%v", err)
			}
			wantRenewed(t, s, login, tc.done)
		})
	}
}

// waitForALock waits until somebody waits for a lock.
func waitForALock(t *testing.T, s *store.Store) {
	t.Helper()
	for {
		waiting, err := s.Columns(t.Context(), "SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()")
		if err != nil {
			t.Error(err)
		}
		if err != nil || len(waiting) > 0 {
			return
		}
	}
}
