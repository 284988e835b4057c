package storetest

import (
	"errors"
	"fmt"
	"reflect"
	"sync"
	"testing"

	"github.com/admitdev/admit/pkg/store"
)

const racers = 50

// race runs n at once and counts what they came to.
func race(n int, run func(i int) error) (won int, errs []error) {
	var mu sync.Mutex
	var wait sync.WaitGroup
	begin := make(chan struct{})
	for i := range n {
		wait.Go(func() {
			<-begin
			err := run(i)
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				won++
			} else {
				errs = append(errs, err)
			}
		})
	}
	close(begin)
	wait.Wait()
	return won, errs
}

// raceRules: what holds when many write at once.
func raceRules() map[string]func(*testing.T, fixture) {
	key := func(f fixture) store.Key { return store.Key{Scope: f.project, Kind: "k", Value: "v"} }
	allAre := func(f fixture, errs []error, want error) {
		for _, err := range errs {
			f.wantError(err, want)
		}
	}
	return map[string]func(*testing.T, fixture){
		"of many who keep a credential all get one": func(t *testing.T, f fixture) {
			ref := f.ref("Project", "p")
			kept := make([]string, 5)
			won, errs := race(len(kept), func(i int) error {
				got, err := f.s.KeepCredential(f.ctx, store.Credential{
					Project: ref.Project, Type: ref.Type, ID: ref.ID, Kind: store.PasswordKey, Sealed: fmt.Append(nil, i),
				})
				kept[i] = string(got.Sealed)
				return err
			})
			all, err := f.s.CredentialsOf(f.ctx, ref.Project, ref.Type, store.PasswordKey, 10)
			if err != nil || won != len(kept) || len(all) != 1 {
				t.Fatalf("%d kept it, %v; there are %d, %v", won, errs, len(all), err)
			}
			for _, got := range kept {
				if got != string(all[0].Sealed) {
					t.Errorf("somebody was given %s, but %s is kept", got, all[0].Sealed)
				}
			}
		},
		"of many reads each finds its own": func(_ *testing.T, f fixture) {
			var made []store.Resource
			for i := range racers {
				w := f.create(f.patient(fmt.Sprint(i)), store.Index{})
				w.Content = []byte(fmt.Sprintf(`{"resourceType":"Patient","id":"%d"}`, i))
				f.put(w)
				made = append(made, f.get(w.Ref))
			}
			_, errs := race(4*racers, func(i int) error {
				if i%4 == 0 {
					_, err := f.s.Get(f.ctx, f.patient("none"), nil)
					return err
				}
				want := made[i/4]
				got, err := f.s.Get(f.ctx, want.Ref, nil)
				if err == nil && !reflect.DeepEqual(got, want) {
					err = fmt.Errorf("%s is %s", want.ID, got.Content)
				}
				return err
			})
			allAre(f, errs, store.ErrNotFound)
			if len(errs) != racers {
				f.t.Errorf("%d of those who read what is not there were told so", len(errs))
			}
		},
		"of many creates of one id one wins": func(t *testing.T, f fixture) {
			won, errs := race(racers, func(int) error { return f.s.Put(f.ctx, f.create(f.patient("a"), tokens("x", "1"))) })
			if won != 1 {
				t.Errorf("%d won", won)
			}
			allAre(f, errs, store.ErrExists)
		},
		"of many updates of one version one wins": func(t *testing.T, f fixture) {
			f.put(f.create(f.patient("a"), store.Index{}))
			won, errs := race(racers, func(i int) error {
				w := f.version(f.patient("a"), 2, tokens("x", fmt.Sprint(i)))
				w.Version = fmt.Sprint("by", i)
				return f.s.Put(f.ctx, w)
			})
			if won != 1 {
				t.Errorf("%d won", won)
			}
			allAre(f, errs, store.ErrVersion)
			winner := f.get(f.patient("a")).Version
			f.wantFound(hasCode("x", winner[2:]), "a")
			f.wantHistory(f.patient("a"), winner, "v1")
		},
		"updates that read again and retry all come through": func(t *testing.T, f fixture) {
			f.put(f.create(f.patient("a"), store.Index{}))
			won, errs := race(10, func(int) error {
				for {
					current, err := f.s.Get(f.ctx, f.patient("a"), nil)
					if err != nil {
						return err
					}
					var n int
					if _, err := fmt.Sscanf(current.Version, "v%d", &n); err != nil {
						return err
					}
					if err := f.s.Put(f.ctx, f.version(f.patient("a"), n+1, tokens("x", fmt.Sprint(n+1)))); !errors.Is(err, store.ErrVersion) {
						return err
					}
				}
			})
			if won != 10 {
				t.Errorf("%d won: %v", won, errs)
			}
			f.wantVersion(f.patient("a"), "v11")
			f.wantFound(hasCode("x", "11"), "a")
		},
		"of many creates under one key one wins": func(t *testing.T, f fixture) {
			won, errs := race(racers, func(i int) error {
				return f.s.Put(f.ctx, f.create(f.patient(fmt.Sprint(i)), store.Index{}, key(f)))
			})
			if won != 1 {
				t.Errorf("%d won", won)
			}
			for _, err := range errs {
				var conflict *store.KeyConflict
				if !errors.As(err, &conflict) {
					t.Errorf("got %v", err)
				}
			}
			if found := f.find("Patient", nil); len(found) != 1 {
				t.Errorf("%v were made", found)
			}
		},
		"many that claim before they create make one thing": func(t *testing.T, f fixture) {
			won, errs := race(racers, func(i int) error {
				return f.s.InTx(f.ctx, func(tx *store.Tx) error {
					mine := f.patient(fmt.Sprint(i))
					holder, claimed, err := tx.Claim(f.ctx, key(f), mine)
					if err != nil {
						return err
					}
					if claimed {
						return tx.Put(f.ctx, f.create(mine, store.Index{}))
					}
					// Whoever waited sees what the first has made.
					if _, err := tx.Get(f.ctx, holder, nil); err != nil {
						return fmt.Errorf("the holder %v: %w", holder, err)
					}
					return nil
				})
			})
			if won != racers {
				t.Errorf("%d won: %v", won, errs)
			}
			if found := f.find("Patient", nil); len(found) != 1 {
				t.Errorf("%v were made", found)
			}
		},
		"transactions that take two keys in opposite order both come through": func(t *testing.T, f fixture) {
			one, two := store.Key{Scope: f.project, Kind: "k", Value: "1"}, store.Key{Scope: f.project, Kind: "k", Value: "2"}
			f.put(f.create(f.patient("holder"), store.Index{}, one, two))
			won, errs := race(6, func(i int) error { // deadlocks take their time to be seen
				return f.s.InTx(f.ctx, func(tx *store.Tx) error {
					first, second := one, two
					if i%2 == 1 {
						first, second = two, one
					}
					if _, _, err := tx.Claim(f.ctx, first, f.patient("x")); err != nil {
						return err
					}
					_, _, err := tx.Claim(f.ctx, second, f.patient("x"))
					return err
				})
			})
			if won != 6 {
				t.Errorf("%d won: %v", won, errs)
			}
		},
		"writers of different resources do not disturb each other": func(t *testing.T, f fixture) {
			won, errs := race(racers, func(i int) error {
				ref := f.patient(fmt.Sprintf("p%02d", i))
				if err := f.s.Put(f.ctx, f.create(ref, tokens("x", "1"))); err != nil {
					return err
				}
				if i%5 == 0 { // a failing neighbour undoes itself alone
					_ = f.s.InTx(f.ctx, func(tx *store.Tx) error {
						return errors.Join(tx.Put(f.ctx, f.version(ref, 2, store.Index{})), errUndo)
					})
				}
				return nil
			})
			if won != racers {
				t.Errorf("%d won: %v", won, errs)
			}
			if found := f.find("Patient", hasCode("x", "1")); len(found) != racers {
				t.Errorf("%d are there", len(found))
			}
		},
	}
}
