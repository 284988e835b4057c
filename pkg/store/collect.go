package store

import (
	"context"
	"fmt"
	"slices"
)

// collected is what a transaction has still to write, and what it knows ahead, within Collect.
type collected struct {
	claims      map[Key]Ref
	fresh       map[Ref]bool
	released    []Key
	invitations []Invitation
	requests    []SecurityRequest
	mails       []Mail
	audits      []AuditEvent
	changes     []Change
}

// Collect runs fn and then writes what it has added of invitations, security requests, mails, audit
// events and changes, and the keys that it has released: few statements, however many there are. fn
// does not read them.
func (tx *Tx) Collect(ctx context.Context, fn func() error) error {
	c := &collected{claims: map[Key]Ref{}, fresh: map[Ref]bool{}}
	tx.collected = c
	defer func() { tx.collected = nil }()
	if err := fn(); err != nil {
		return err
	}
	tx.collected = nil
	return tx.writeCollected(ctx, c)
}

// ClaimAhead claims keys that fn of Collect will ask for, each once, and tells who holds them; in
// the order in which they are given, which must be the same for all who claim several. The Users
// among the owners are new.
func (tx *Tx) ClaimAhead(ctx context.Context, wanted []KeyClaim) (map[Key]Ref, error) {
	if len(wanted) == 0 {
		return nil, nil
	}
	kept := slices.Clone(wanted)
	for i := range kept {
		kept[i].Key = kept[i].kept()
		tx.collected.fresh[kept[i].Owner] = true
	}
	claims, err := tx.dialect.claim(ctx, tx.q, kept, true)
	if err != nil {
		return nil, fmt.Errorf("claim %d keys: %w", len(kept), err)
	}
	for _, c := range claims {
		tx.collected.claims[c.key] = c.holder
	}
	return tx.collected.claims, nil
}

// claimed is who holds a key that was claimed ahead.
func (tx *Tx) claimed(k Key) (Ref, bool) {
	if tx.collected == nil {
		return Ref{}, false
	}
	holder, known := tx.collected.claims[k]
	return holder, known
}

func (tx *Tx) writeCollected(ctx context.Context, c *collected) error {
	if err := tx.releaseMany(ctx, c.released); err != nil {
		return err
	}
	for chunk := range slices.Chunk(c.invitations, maxRows) {
		if err := tx.gorm(ctx).Create(&chunk).Error; err != nil {
			return fmt.Errorf("add invitations: %w", err)
		}
	}
	for chunk := range slices.Chunk(c.requests, maxRows) {
		if err := tx.gorm(ctx).Create(&chunk).Error; err != nil {
			return fmt.Errorf("add security requests: %w", err)
		}
	}
	for chunk := range slices.Chunk(c.mails, maxRows) {
		if err := tx.gorm(ctx).Create(&chunk).Error; err != nil {
			return fmt.Errorf("add mails: %w", err)
		}
	}
	if err := tx.addAudits(ctx, c.audits); err != nil {
		return fmt.Errorf("add audit events: %w", err)
	}
	return tx.addChanges(ctx, c.changes)
}

func (tx *Tx) releaseMany(ctx context.Context, keys []Key) error {
	if _, on := tx.dialect.(postgres); !on || len(keys) < 2 {
		return tx.releaseAll(ctx, keys)
	}
	var scopes, kinds, values []string
	for _, k := range keys {
		scopes, kinds, values = append(scopes, k.Scope), append(kinds, k.Kind), append(values, k.Value)
	}
	const statement = `DELETE FROM unique_key u USING unnest($1::text[], $2::text[], $3::text[]) AS k(scope, kind, value)
WHERE u.scope = k.scope AND u.kind = k.kind AND u.value = k.value`
	if _, err := tx.q.ExecContext(ctx, statement, scopes, kinds, values); err != nil {
		return fmt.Errorf("release %d keys: %w", len(keys), err)
	}
	return nil
}

func (tx *Tx) addChanges(ctx context.Context, changes []Change) error {
	if _, on := tx.dialect.(postgres); !on || len(changes) < 2 {
		for _, change := range changes {
			if err := tx.addChange(ctx, change); err != nil {
				return err
			}
		}
		return nil
	}
	var ids, kinds, refs []string
	var times []int64
	for _, change := range changes {
		ids, kinds, refs = append(ids, change.ID), append(kinds, change.Kind), append(refs, change.Ref)
		times = append(times, change.At.UnixMilli())
	}
	const statement = `INSERT INTO change (id, kind, ref, at) SELECT n.* FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[]) AS n`
	if _, err := tx.q.ExecContext(ctx, statement, ids, kinds, refs, times); err != nil {
		return fmt.Errorf("announce %d changes: %w", len(changes), err)
	}
	return nil
}

// OwnersOf tells who holds which of the keys.
func (r reader) OwnersOf(ctx context.Context, keys []Key) (map[Key]Ref, error) {
	owners := map[Key]Ref{}
	if _, on := r.dialect.(postgres); !on {
		const query = `SELECT project_id, type, id FROM unique_key WHERE scope = $1 AND kind = ` + anyKind + ` AND value = $3`
		for _, k := range keys {
			kept := k.kept()
			err := each(ctx, r.q, r.dialect.text(query), []any{kept.Scope, kept.Kind, kept.Value}, func(row scanner) error {
				var owner Ref
				err := row.Scan(&owner.Project, &owner.Type, &owner.ID)
				owners[k] = owner
				return err
			})
			if err != nil {
				return nil, fmt.Errorf("read owners of keys: %w", err)
			}
		}
		return owners, nil
	}
	var scopes, kinds, values []string
	asked := map[Key]Key{}
	for _, k := range keys {
		kept := k.kept()
		asked[kept] = k
		scopes, kinds, values = append(scopes, kept.Scope), append(kinds, kept.Kind), append(values, kept.Value)
	}
	const query = `SELECT u.scope, u.kind, u.value, u.project_id, u.type, u.id FROM unnest($1::text[], $2::text[], $3::text[]) AS k(scope, kind, value)
JOIN unique_key u ON u.scope = k.scope AND u.kind = k.kind AND u.value = k.value`
	err := each(ctx, r.q, query, []any{scopes, kinds, values}, func(row scanner) error {
		var k Key
		var owner Ref
		err := row.Scan(&k.Scope, &k.Kind, &k.Value, &owner.Project, &owner.Type, &owner.ID)
		owners[asked[k]] = owner
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read owners of keys: %w", err)
	}
	return owners, nil
}
