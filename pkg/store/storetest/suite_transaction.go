package storetest

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/admitdev/admit/pkg/store"
)

var errUndo = errors.New("undo")

// transactionRules: all or nothing.
func transactionRules() map[string]func(*testing.T, fixture) {
	return map[string]func(*testing.T, fixture){
		"a User moves to another partition with all that is kept of it, and nobody else does": func(t *testing.T, f fixture) {
			from, stays := store.Ref{Project: f.project, Type: "User", ID: "mover"}, store.Ref{Project: f.project, Type: "User", ID: "stays"}
			to := store.Ref{Project: store.SystemProject, Type: "User", ID: "mover"}
			for _, user := range []store.Ref{from, stays} {
				f.put(f.create(user, tokens("x", user.ID), store.Key{Scope: f.project, Kind: "k", Value: user.ID}))
				f.put(f.version(user, 2, tokens("x", user.ID), store.Key{Scope: f.project, Kind: "k", Value: user.ID}))
			}
			later := store.At(time.Now().Add(time.Hour))
			keep := func(tx *store.Tx, user store.Ref) error {
				_, passkey := tx.AddPasskey(f.ctx, store.Passkey{ID: "p-" + user.ID, UserProject: user.Project, User: user.ID, Record: "{}"})
				_, bound := tx.BindExternalIdentity(f.ctx, store.ExternalIdentity{Project: f.project, Issuer: "i", Subject: user.ID, UserProject: user.Project, User: user.ID})
				return errors.Join(passkey, bound,
					tx.SetCredential(f.ctx, store.Credential{Project: user.Project, Type: user.Type, ID: user.ID, Kind: store.Password, Hash: "h"}),
					tx.SetRecoveryCodes(f.ctx, user, []string{"r-" + user.ID}),
					tx.AddLogin(f.ctx, store.Login{ID: "l-" + user.ID, UserProject: user.Project, UserType: "User", UserID: user.ID, ExpiresAt: later}))
			}
			if err := f.s.InTx(f.ctx, func(tx *store.Tx) error {
				return errors.Join(keep(tx, from), keep(tx, stays), tx.Rehome(f.ctx, from, store.SystemProject))
			}); err != nil {
				t.Fatal(err)
			}
			f.wantVersion(from, "")
			for user, is := range map[store.Ref]store.Ref{from: to, stays: stays} {
				f.wantVersion(is, "v2")
				owner, err0 := f.s.Owner(f.ctx, store.Key{Scope: f.project, Kind: "k", Value: user.ID})
				credentials, err := f.s.Credentials(f.ctx, is)
				login, err2 := f.s.Login(f.ctx, "l-"+user.ID)
				bound, err3 := f.s.ExternalIdentity(f.ctx, f.project, "i", user.ID)
				passkeys, err4 := f.s.Passkeys(f.ctx, is)
				var code bool
				err5 := f.s.InTx(f.ctx, func(tx *store.Tx) (err error) {
					code, err = tx.UseRecoveryCode(f.ctx, is, "r-"+user.ID)
					return err
				})
				if err := errors.Join(err0, err, err2, err3, err4, err5); err != nil {
					t.Fatal(err)
				}
				if owner != is || len(credentials) != 1 || login.UserProject != is.Project || bound.UserProject != is.Project || len(passkeys) != 1 || !code {
					t.Errorf("of %s: %v, %v, %q, %q, %v, %t", user.ID, owner, credentials, login.UserProject, bound.UserProject, passkeys, code)
				}
			}
		},
		"of several writes the last one's failure undoes all": func(t *testing.T, f fixture) {
			f.put(f.create(f.patient("taken"), store.Index{}))
			f.wantError(f.s.Put(f.ctx, f.create(f.patient("a"), tokens("x", "1")), f.create(f.patient("taken"), store.Index{})), store.ErrExists)
			f.wantVersion(f.patient("a"), "")
			f.wantFound(hasCode("x", "1"))
		},
		"an error undoes all": func(t *testing.T, f fixture) {
			f.put(f.create(f.patient("old"), tokens("x", "1")))
			k := store.Key{Scope: f.project, Kind: "k", Value: "v"}
			err := f.s.InTx(f.ctx, func(tx *store.Tx) error {
				if err := tx.Put(f.ctx, f.create(f.patient("a"), store.Index{}, k), f.version(f.patient("old"), 2, store.Index{})); err != nil {
					return err
				}
				return errUndo
			})
			f.wantError(err, errUndo)
			f.wantVersion(f.patient("a"), "")
			f.wantVersion(f.patient("old"), "v1")
			f.wantHistory(f.patient("old"), "v1")
			f.wantFound(hasCode("x", "1"), "old")
			f.wantOwner(k, "")
		},
		"a panic undoes all and is not swallowed": func(t *testing.T, f fixture) {
			func() {
				defer func() {
					if recover() == nil {
						t.Error("the panic did not come through")
					}
				}()
				_ = f.s.InTx(f.ctx, func(tx *store.Tx) error {
					if err := tx.Put(f.ctx, f.create(f.patient("a"), store.Index{})); err != nil {
						return err
					}
					panic("boom")
				})
			}()
			f.wantVersion(f.patient("a"), "")
			f.put(f.create(f.patient("b"), store.Index{})) // the store goes on
		},
		"a transaction reads its own writes, others do not": func(t *testing.T, f fixture) {
			f.put(f.create(f.patient("a"), tokens("x", "1")))
			err := f.s.InTx(f.ctx, func(tx *store.Tx) error {
				if err := tx.Put(f.ctx, f.version(f.patient("a"), 2, tokens("x", "2"))); err != nil {
					return err
				}
				r, err := tx.Get(f.ctx, f.patient("a"), hasCode("x", "2"))
				if err != nil || r.Version != "v2" {
					t.Errorf("the transaction reads %v, %v", r.Version, err)
				}
				f.wantVersion(f.patient("a"), "v1")
				f.wantFound(hasCode("x", "2"))
				return nil
			})
			f.wantError(err, nil)
			f.wantVersion(f.patient("a"), "v2")
		},
		"a transaction goes on after a write that was refused": func(t *testing.T, f fixture) {
			k := store.Key{Scope: f.project, Kind: "k", Value: "v"}
			fresh := store.Key{Scope: f.project, Kind: "a", Value: "fresh"}
			f.put(f.create(f.patient("holder"), store.Index{}, k))
			err := f.s.InTx(f.ctx, func(tx *store.Tx) error {
				f.wantError(tx.Put(f.ctx, f.create(f.patient("holder"), store.Index{}, fresh)), store.ErrExists)
				f.wantError(tx.Put(f.ctx, f.version(f.patient("holder"), 5, store.Index{}, fresh)), store.ErrVersion)
				var conflict *store.KeyConflict
				if err := tx.Put(f.ctx, f.create(f.patient("a"), store.Index{}, fresh, k)); !errors.As(err, &conflict) {
					t.Errorf("got %v", err)
				}
				return tx.Put(f.ctx, f.create(f.patient("b"), store.Index{}))
			})
			f.wantError(err, nil)
			f.wantVersion(f.patient("a"), "")
			f.wantVersion(f.patient("b"), "v1")
			f.wantOwner(fresh, "")
			f.wantOwner(k, "holder")
		},
		"what waits for the commit is not called without one": func(t *testing.T, f fixture) {
			called := 0
			err := f.s.InTx(f.ctx, func(tx *store.Tx) error {
				tx.AfterCommit(func() { called++ })
				return errUndo
			})
			f.wantError(err, errUndo)
			if called != 0 {
				t.Error("called after a rollback")
			}
			err = f.s.InTx(f.ctx, func(tx *store.Tx) error {
				tx.AfterCommit(func() { f.wantVersion(f.patient("a"), "v1"); called++ })
				return tx.Put(f.ctx, f.create(f.patient("a"), store.Index{}))
			})
			f.wantError(err, nil)
			if called != 1 {
				t.Errorf("called %d times", called)
			}
		},
		"a cancelled context writes nothing": func(t *testing.T, f fixture) {
			ctx, cancel := context.WithCancel(f.ctx)
			err := f.s.InTx(ctx, func(tx *store.Tx) error {
				if err := tx.Put(ctx, f.create(f.patient("a"), store.Index{})); err != nil {
					return err
				}
				cancel()
				return tx.Put(ctx, f.create(f.patient("b"), store.Index{}))
			})
			f.wantError(err, context.Canceled)
			f.wantError(f.s.Put(ctx, f.create(f.patient("c"), store.Index{})), context.Canceled)
			for _, id := range []string{"a", "b", "c"} {
				f.wantVersion(f.patient(id), "")
			}
		},
		"ids and times come from the transaction": func(t *testing.T, f fixture) {
			f.wantError(f.s.InTx(f.ctx, func(tx *store.Tx) error {
				if a, b := tx.NewID(), tx.NewID(); a >= b {
					t.Errorf("ids do not grow: %s, %s", a, b)
				}
				if now := tx.Now(); now.Nanosecond()%1e6 != 0 {
					t.Errorf("%v is finer than a millisecond", now)
				}
				return nil
			}), nil)
		},
	}
}
