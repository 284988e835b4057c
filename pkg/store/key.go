package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
)

// KeyClaim is a key and who is to have it.
type KeyClaim struct {
	Key
	Owner Ref
}

// claimed is what became of the claim of one key; fresh when it was nobody's before.
type claimed struct {
	key    Key
	holder Ref
	fresh  bool
}

// Claim takes a key for owner, who need not exist yet, or tells who holds it. It waits for a
// transaction that is claiming the same key, and holds it against others until this one ends; so
// claiming first serialises all that would make the same thing. A key claimed so stays with its
// owner through later writes, until Release, until a write names it (then it follows the writes)
// or until the owner is deleted.
func (tx *Tx) Claim(ctx context.Context, k Key, owner Ref) (holder Ref, claimed bool, err error) {
	if !validProject(owner.Project) {
		return Ref{}, false, fmt.Errorf("store: %q is no project id", owner.Project)
	}
	k = k.kept()
	if holder, known := tx.claimed(k); known {
		return holder, holder == owner, nil
	}
	claims, err := tx.dialect.claim(ctx, tx.q, []KeyClaim{{k, owner}}, true)
	if err != nil {
		return Ref{}, false, fmt.Errorf("claim %s: %w", k.Kind, err)
	}
	return claims[0].holder, claims[0].holder == owner, nil
}

// LineUp waits for the transactions that have lined up by one of the keys, and holds back those that
// will until this one ends. Nobody owns the keys afterwards.
func (tx *Tx) LineUp(ctx context.Context, keys []Key, by Ref) error {
	if len(keys) == 0 {
		return nil
	}
	claims := make([]KeyClaim, len(keys))
	for i, k := range keys {
		claims[i] = KeyClaim{k.kept(), by}
	}
	// One order everywhere, so that two cannot deadlock.
	slices.SortFunc(claims, func(a, b KeyClaim) int { return compareKeys(a.Key, b.Key) })
	if _, err := tx.dialect.claim(ctx, tx.q, slices.Compact(claims), true); err != nil {
		return fmt.Errorf("line up: %w", err)
	}
	// A row that was inserted holds others back until the end, deleted or not.
	const statement = `DELETE FROM unique_key WHERE project_id = $1::uuid AND type = $2 AND id = $3`
	if _, err := tx.q.ExecContext(tx.dialect.statementContext(ctx), tx.dialect.text(statement), by.Project, by.Type, by.ID); err != nil {
		return fmt.Errorf("line up: %w", err)
	}
	return nil
}

// Release lets go of a key, whoever holds it.
func (tx *Tx) Release(ctx context.Context, k Key) error {
	k = k.kept()
	if tx.collected != nil {
		tx.collected.released = append(tx.collected.released, k)
		return nil
	}
	const statement = `DELETE FROM unique_key WHERE scope = $1 AND kind = $2 AND value = $3`
	if _, err := tx.q.ExecContext(ctx, tx.dialect.text(statement), k.Scope, k.Kind, k.Value); err != nil {
		return fmt.Errorf("release %s: %w", k.Kind, err)
	}
	return nil
}

// takeKeys claims the keys of a write and tells which were nobody's. When another holds one it
// gives those back and fails with a *KeyConflict.
func (tx *Tx) takeKeys(ctx context.Context, w Write) (fresh []Key, err error) {
	if len(w.Keys) == 0 {
		return nil, nil
	}
	claims, err := tx.dialect.claim(ctx, tx.q, claimsOf(w), false)
	if err != nil {
		return nil, fmt.Errorf("claim keys of %s/%s: %w", w.Type, w.ID, err)
	}
	var conflict *KeyConflict
	for _, c := range claims {
		if c.fresh {
			fresh = append(fresh, c.key)
		}
		if c.holder != w.Ref && conflict == nil {
			conflict = &KeyConflict{Key: c.key, Holder: c.holder}
		}
	}
	if conflict != nil {
		return nil, errors.Join(conflict, tx.releaseAll(ctx, fresh))
	}
	return fresh, nil
}

func claimsOf(w Write) []KeyClaim {
	wanted := make([]KeyClaim, len(w.Keys))
	for i, k := range w.Keys {
		wanted[i] = KeyClaim{k, w.Ref}
	}
	return wanted
}

// takeAllKeys claims the keys of many creates; a *KeyConflict leaves those that were taken.
func (tx *Tx) takeAllKeys(ctx context.Context, rows []Write) error {
	var wanted []KeyClaim
	owners := map[Key]Ref{}
	for _, w := range rows {
		for _, claim := range claimsOf(w) {
			if _, twice := owners[claim.Key]; twice {
				return &KeyConflict{Key: claim.Key, Holder: owners[claim.Key]}
			}
			owners[claim.Key] = w.Ref
			wanted = append(wanted, claim)
		}
	}
	if len(wanted) == 0 {
		return nil
	}
	slices.SortFunc(wanted, func(a, b KeyClaim) int { return compareKeys(a.Key, b.Key) })
	claims, err := tx.dialect.claim(ctx, tx.q, wanted, false)
	if err != nil {
		return fmt.Errorf("claim keys of %d resources: %w", len(rows), err)
	}
	for _, c := range claims {
		if c.holder != owners[c.key] {
			return &KeyConflict{Key: c.key, Holder: c.holder}
		}
	}
	return nil
}

func (tx *Tx) releaseAll(ctx context.Context, keys []Key) error {
	for _, k := range keys {
		if err := tx.Release(ctx, k); err != nil {
			return err
		}
	}
	return nil
}

// releaseUnnamed lets go of the keys that the resource held and that w does not name; all of
// them when it is deleted.
func (tx *Tx) releaseUnnamed(ctx context.Context, w Write) error {
	held, err := tx.heldKeys(ctx, w.Ref, w.Deleted)
	if err != nil {
		return err
	}
	named := make(map[Key]bool, len(w.Keys))
	for _, k := range w.Keys {
		named[k] = true
	}
	for _, k := range held {
		if !named[k] {
			if err := tx.Release(ctx, k); err != nil {
				return err
			}
		}
	}
	return nil
}

// heldKeys lists the keys of a resource, the pinned ones too when asked for.
func (r reader) heldKeys(ctx context.Context, ref Ref, pinned bool) ([]Key, error) {
	const query = `SELECT scope, kind, value FROM unique_key
WHERE project_id = $1::uuid AND type = $2 AND id = $3 AND (NOT pinned OR $4) ORDER BY scope, kind, value`
	rows, err := r.q.QueryContext(ctx, r.dialect.text(query), ref.Project, ref.Type, ref.ID, pinned)
	if err != nil {
		return nil, fmt.Errorf("read keys of %s: %w", ref.Type, err)
	}
	defer rows.Close()
	var keys []Key
	for rows.Next() {
		var k Key
		if err := rows.Scan(&k.Scope, &k.Kind, &k.Value); err != nil {
			return nil, err
		}
		keys = append(keys, k)
	}
	return keys, rows.Err()
}

// Owner is the resource that holds a key, or ErrNotFound.
func (r reader) Owner(ctx context.Context, k Key) (Ref, error) {
	k = k.kept()
	var owner Ref
	const query = `SELECT project_id, type, id FROM unique_key WHERE scope = $1 AND kind = ` + anyKind + ` AND value = $3`
	err := first(ctx, r.q, r.dialect.text(query), []any{k.Scope, k.Kind, k.Value}, &owner.Project, &owner.Type, &owner.ID)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return Ref{}, ErrNotFound
	case err != nil:
		return Ref{}, fmt.Errorf("read owner of %s: %w", k.Kind, err)
	}
	return owner, nil
}

// anyKind is the kind that is the second parameter. One index has the keys of a single kind: SQLite would compile a
// statement again whenever it is executed, to see whether the parameter is that kind, as it does for a limit that is one.
const anyKind = `CAST($2 AS text)`

// Owners lists who holds the keys whose value begins with valuePrefix, in the order of the values.
func (r reader) Owners(ctx context.Context, scope, kind, valuePrefix string, limit int) ([]Ref, error) {
	query, args := ownersQuery(scope, kind, valuePrefix, limit)
	rows, err := r.q.QueryContext(ctx, r.dialect.text(query), args...)
	if err != nil {
		return nil, fmt.Errorf("list owners of %s: %w", kind, err)
	}
	return owners(rows)
}

func ownersQuery(scope, kind, valuePrefix string, limit int) (query string, args []any) {
	valuePrefix = clean(valuePrefix)
	query = `SELECT project_id, type, id FROM unique_key WHERE scope = $1 AND kind = ` + anyKind + ` AND value >= $3`
	args = []any{clean(scope), clean(kind), valuePrefix}
	if end, ok := prefixEnd(valuePrefix); ok {
		query += ` AND value < $4`
		args = append(args, end)
	}
	return query + fmt.Sprintf(` ORDER BY value LIMIT %d`, limit), args
}

// OwnersAmong lists who holds the key of a kind and value in one of the scopes, in the order of these.
func (r reader) OwnersAmong(ctx context.Context, scopes []string, kind, value string) ([]Ref, error) {
	k := Key{Kind: kind, Value: value}.kept()
	var owners []Ref
	err := r.gorm(ctx).Table("unique_key").Select("project_id AS project", "type", "id").
		Where("scope IN ? AND kind = ? AND value = ?", scopes, k.Kind, k.Value).Order("scope").Scan(&owners).Error
	if err != nil {
		return nil, fmt.Errorf("list owners of %s: %w", kind, err)
	}
	return owners, nil
}

// prefixEnd is the least string, in byte order, above all that begin with prefix.
func prefixEnd(prefix string) (string, bool) {
	runes := []rune(prefix)
	for i := len(runes) - 1; i >= 0; i-- {
		switch r := runes[i]; {
		case r == 0xD7FF: // the next code points are surrogates, which no text holds
			return string(runes[:i]) + "\uE000", true
		case r < 0x10FFFF:
			return string(runes[:i]) + string(r+1), true
		}
	}
	return "", false
}
