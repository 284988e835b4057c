package oauth

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/admitdev/admit/pkg/audit"
	"github.com/admitdev/admit/pkg/clock"
	"github.com/admitdev/admit/pkg/secret"
	"github.com/admitdev/admit/pkg/store"
)

const (
	// signsFor is how long a key signs before the next one does.
	signsFor = 90 * 24 * time.Hour
	// announcedFor is how long a key is published before it signs, so that whoever caches our keys
	// has it by then.
	announcedFor = 48 * time.Hour
	// reloadAfter is how often a token with an unknown kid makes us look for new keys.
	reloadAfter = 5 * time.Second
)

// keyring holds the signing keys of all processes, as the table has them.
type keyring struct {
	store *store.Store
	clock clock.Clock
	box   *secret.Box

	mu    sync.Mutex // one loads at a time
	state atomic.Pointer[keys]
}

// keys is the keyring at one moment.
type keys struct {
	published keySet
	signing   []timedKey // oldest first
	loaded    time.Time
}

type timedKey struct {
	signingKey
	signsAt time.Time
}

func newKeyring(o Options) *keyring { return &keyring{store: o.Store, clock: o.Clock, box: o.Box} }

// current is the keyring, loaded when it was not yet or has nothing to sign with.
func (k *keyring) current(ctx context.Context) (*keys, error) {
	if state := k.state.Load(); state != nil {
		if _, ok := state.signer(k.clock.Now()); ok {
			return state, nil
		}
	}
	if err := k.rotate(ctx); err != nil {
		return nil, err
	}
	return k.state.Load(), nil
}

// signer is the newest key whose time to sign has come, unless it is long past.
func (s *keys) signer(now time.Time) (signingKey, bool) {
	for i := len(s.signing) - 1; i >= 0; i-- {
		if key := s.signing[i]; !key.signsAt.After(now) {
			return key.signingKey, now.Sub(key.signsAt) < signsFor+announcedFor
		}
	}
	return signingKey{}, false
}

// sign signs claims with the current key.
func (k *keyring) sign(ctx context.Context, claims ...any) ([]string, error) {
	state, err := k.current(ctx)
	if err != nil {
		return nil, err
	}
	key, ok := state.signer(k.clock.Now())
	if !ok {
		return nil, errors.New("there is no key to sign with")
	}
	tokens := make([]string, len(claims))
	for i, c := range claims {
		if tokens[i], err = key.sign(c); err != nil {
			return nil, err
		}
	}
	return tokens, nil
}

// verify gives the payload of a token signed by a key of ours, or errToken.
func (k *keyring) verify(ctx context.Context, token string) ([]byte, error) {
	state, err := k.current(ctx)
	if err != nil {
		return nil, err
	}
	payload, known, err := state.published.verify(token)
	if known || k.clock.Now().Sub(state.loaded) < reloadAfter {
		return payload, err
	}
	if err := k.load(ctx); err != nil { // another process may have made a key
		return nil, err
	}
	payload, _, err = k.state.Load().published.verify(token)
	return payload, err
}

// rotate makes the next key when it is time and loads what there is.
func (k *keyring) rotate(ctx context.Context) error {
	if err := k.load(ctx); err != nil {
		return err
	}
	now := k.clock.Now()
	state := k.state.Load()
	_, signs := state.signer(now)
	switch n := len(state.signing); {
	case !signs && (n == 0 || !state.signing[n-1].signsAt.After(now)):
		return k.add(ctx, now, now)
	case n > 0 && now.Sub(state.signing[n-1].signsAt) > signsFor-announcedFor:
		return k.add(ctx, now, state.signing[n-1].signsAt.Add(signsFor))
	case !signs: // a key that is announced must sign at once, the one before is too old
		return k.add(ctx, now, now)
	}
	return nil
}

// add makes the key of the next generation; another process that does so at the same time makes
// the same generation, and the first wins.
func (k *keyring) add(ctx context.Context, now, signsAt time.Time) error {
	kid := k.clock.NewID()
	key, err := newSigningKey(kid)
	if err != nil {
		return err
	}
	private, err := key.private()
	if err != nil {
		return err
	}
	expected := int64(len(k.state.Load().signing))
	err = k.store.InTx(ctx, func(tx *store.Tx) error {
		last, err := tx.LastSigningGeneration(ctx)
		if err != nil {
			return err
		}
		live, err := tx.SigningKeys(ctx)
		if err != nil || int64(len(live)) != expected {
			return err // another process was faster: load below finds its key
		}
		if err := tx.AddSigningKey(ctx, store.SigningKey{
			Generation: last + 1,
			ID:         kid,
			Sealed:     k.box.Seal(private, placeOfKey(kid)),
			SignsAt:    store.At(signsAt),
			RetiresAt:  store.At(signsAt.Add(signsFor + announcedFor + maxLifetime)),
		}); err != nil {
			return err
		}
		return audit.Record(ctx, tx, audit.Event{Project: store.SystemProject, Action: audit.KeyRotate, Agent: "system", Description: "signing key " + kid})
	})
	if err != nil {
		return err
	}
	return k.load(ctx)
}

func placeOfKey(kid string) string { return "signing_key/" + kid }

// load reads the keys.
func (k *keyring) load(ctx context.Context) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	rows, err := k.store.SigningKeys(ctx)
	if err != nil {
		return err
	}
	state := &keys{loaded: k.clock.Now()}
	var all []signingKey
	for _, row := range rows {
		private, err := k.box.Open(row.Sealed, placeOfKey(row.ID))
		if err != nil {
			return fmt.Errorf("open signing key %s: %w", row.ID, err)
		}
		key, err := parseSigningKey(private)
		if err != nil {
			return err
		}
		all = append(all, key)
		state.signing = append(state.signing, timedKey{key, row.SignsAt.Time})
	}
	if state.published, err = newKeySet(all); err != nil {
		return err
	}
	k.state.Store(state)
	return nil
}
