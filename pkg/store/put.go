package store

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// maxTogether is how many creates or updates one statement takes at most.
const maxTogether = 500

// Put writes all of w or nothing. One write of a resource without keys is one round trip, and so
// are many creates, or many updates, of one project without keys. It fails with ErrVersion, ErrExists, ErrTime,
// ErrGeneration or a *KeyConflict.
func (s *Store) Put(ctx context.Context, w ...Write) error {
	switch {
	case s.writer != nil:
	case len(w) == 1 && len(w[0].Keys) == 0:
		return s.putOne(ctx, w[0])
	case len(w) < 2 || hasKeys(w) || together(w) < len(w):
	case w[0].Replaces != "":
		written := false
		err := s.retry(ctx, func() (again bool, err error) {
			written, err = replaceAll(ctx, s.reader, w)
			return serialization(err), err
		})
		if err != nil || written {
			return err
		}
	default:
		rows, err := prepareAll(w)
		if err != nil {
			return err
		}
		err = s.retry(ctx, func() (again bool, err error) {
			err = createAll(ctx, s.reader, rows)
			return serialization(err), err
		})
		s.grown.wrote(len(w))
		return err
	}
	return s.InTx(ctx, func(tx *Tx) error { return tx.Put(ctx, w...) })
}

// putOne tries the one statement, which is its own transaction, before the long way.
func (s *Store) putOne(ctx context.Context, w Write) error {
	row, err := prepareWrite(w)
	if err != nil {
		return err
	}
	written, err := s.shares.put(ctx, row)
	switch {
	case err != nil:
		return fmt.Errorf("put %s/%s: %w", w.Type, w.ID, err)
	case written:
		return nil
	case w.Replaces == "":
		return cmp.Or(s.current(ctx, row), ErrExists)
	}
	return s.InTx(ctx, func(tx *Tx) error { return tx.Put(ctx, w) })
}

func (s *Store) tryOne(ctx context.Context, row Write) (written bool, err error) {
	err = s.retry(ctx, func() (again bool, err error) {
		written, err = tryUnkeyed(ctx, s.reader, row)
		return serialization(err), err
	})
	return written, err
}

// tryMany writes rows that wait for one another.
func (s *Store) tryMany(ctx context.Context, rows []Write) (written bool, err error) {
	err = s.retry(ctx, func() (again bool, err error) {
		written, err = s.dialect.shareAll(ctx, s.q, rows)
		return serialization(err), err
	})
	return written, err
}

// Put writes w within the transaction. One write that fails has changed nothing, so after
// ErrVersion, ErrExists or a *KeyConflict the transaction may go on without it; several creates
// or updates are one statement, beside that for their keys, whose failure ends the transaction.
func (tx *Tx) Put(ctx context.Context, w ...Write) error {
	written := len(w)
	tx.AfterCommit(func() { tx.grown.wrote(written) })
	for len(w) > 0 {
		n := max(1, together(w))
		if err := tx.putTogether(ctx, w[:n]); err != nil {
			return err
		}
		w = w[n:]
	}
	return nil
}

// putTogether writes what is one statement; updates that cannot be are put one after the other.
func (tx *Tx) putTogether(ctx context.Context, w []Write) error {
	if len(w) > 1 && w[0].Replaces == "" {
		rows, err := prepareAll(w)
		if err != nil {
			return err
		}
		if err := tx.takeAllKeys(ctx, rows); err != nil {
			return err
		}
		return createAll(ctx, tx.reader, rows)
	}
	if len(w) > 1 {
		if written, err := replaceAll(ctx, tx.reader, w); err != nil || written {
			return err
		}
	}
	for _, one := range w {
		if err := tx.put(ctx, one); err != nil {
			return err
		}
	}
	return nil
}

func hasKeys(w []Write) bool {
	return slices.ContainsFunc(w, func(one Write) bool { return len(one.Keys) > 0 })
}

// together is how many of the first writes are creates, or updates of different resources without
// keys, of one project.
func together(w []Write) int {
	n, updated := 0, map[Ref]bool{}
	for n < min(len(w), maxTogether) && w[n].Project == w[0].Project && (w[n].Replaces == "") == (w[0].Replaces == "") {
		if w[n].Replaces != "" && (len(w[n].Keys) > 0 || updated[w[n].Ref]) {
			break
		}
		updated[w[n].Ref] = true
		n++
	}
	return n
}

func prepareAll(w []Write) ([]Write, error) {
	rows := make([]Write, len(w))
	for i, one := range w {
		var err error
		if rows[i], err = prepareWrite(one); err != nil {
			return nil, err
		}
	}
	return rows, nil
}

// createAll writes creates that are prepared.
func createAll(ctx context.Context, r reader, rows []Write) error {
	written, err := r.dialect.createAll(ctx, r.q, rows)
	if err != nil {
		return fmt.Errorf("put %d resources of %s: %w", len(rows), rows[0].Project, err)
	}
	if !written {
		return ErrGeneration
	}
	return nil
}

func (tx *Tx) put(ctx context.Context, w Write) error {
	row, err := prepareWrite(w)
	if err != nil {
		return err
	}
	if len(row.Keys) == 0 {
		written, err := tryUnkeyed(ctx, tx.reader, row)
		if err != nil {
			return fmt.Errorf("put %s/%s: %w", w.Type, w.ID, err)
		}
		if written {
			return nil
		}
	}
	if err := tx.putKeyed(ctx, row); err != nil {
		return err
	}
	return nil
}

// tryUnkeyed writes a resource that neither has nor gets keys.
func tryUnkeyed(ctx context.Context, r reader, w Write) (bool, error) {
	if w.Replaces == "" {
		return r.dialect.create(ctx, r.q, w)
	}
	return r.dialect.replace(ctx, r.q, w, true)
}

// putKeyed finds the exact failure first, then takes the keys, then writes, then lets go of the
// keys that are not named any more.
func (tx *Tx) putKeyed(ctx context.Context, w Write) error {
	if err := tx.checkVersion(ctx, w); err != nil {
		return err
	}
	fresh, err := tx.takeKeys(ctx, w)
	if err != nil {
		return err
	}
	var written bool
	if w.Replaces == "" {
		written, err = tx.dialect.create(ctx, tx.q, w)
	} else {
		written, err = tx.dialect.replace(ctx, tx.q, w, false)
	}
	switch {
	case err != nil:
		return fmt.Errorf("put %s/%s: %w", w.Type, w.ID, err)
	case !written: // for its version only a create can lose here: an update holds the row
		return errors.Join(cmp.Or(tx.current(ctx, w), ErrExists), tx.releaseAll(ctx, fresh))
	case w.Replaces == "":
		return nil
	}
	return tx.releaseUnnamed(ctx, w)
}

// checkVersion holds the row of an update, so that nothing below can fail for its version.
func (tx *Tx) checkVersion(ctx context.Context, w Write) error {
	if w.Replaces == "" {
		return nil
	}
	version, at, err := tx.dialect.lockVersion(ctx, tx.q, w.Ref)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return ErrVersion
	case err != nil:
		return fmt.Errorf("lock %s/%s: %w", w.Type, w.ID, err)
	case version != w.Replaces:
		return ErrVersion
	case at >= w.LastUpdated.UnixMilli():
		return ErrTime
	}
	return nil
}

// prepareWrite refuses what one of the databases could not hold and brings index rows into the
// form in which they are kept: without NUL, bounded, each once.
func prepareWrite(w Write) (Write, error) {
	if !validProject(w.Project) {
		return w, fmt.Errorf("store: %q is no project id", w.Project)
	}
	if w.Type == "" || w.ID == "" || w.Version == "" || clean(w.Type+w.ID+w.Version) != w.Type+w.ID+w.Version {
		return w, fmt.Errorf("store: a write needs type, id and version")
	}
	for _, text := range [][]byte{w.Content, w.Meta} {
		if !utf8.Valid(text) || slices.Contains(text, 0) {
			return w, fmt.Errorf("store: %s/%s is not JSON text", w.Type, w.ID)
		}
	}
	if w.Deleted {
		w.Index, w.Keys, w.Generation = Index{}, nil, anyGeneration
	}
	w.Index = w.Index.kept()
	keys := make([]Key, len(w.Keys))
	for i, k := range w.Keys {
		keys[i] = k.kept()
	}
	slices.SortFunc(keys, compareKeys) // one order everywhere, so that two writers cannot deadlock
	w.Keys = slices.Compact(keys)
	return w, nil
}

func compareKeys(a, b Key) int {
	if c := strings.Compare(a.Scope, b.Scope); c != 0 {
		return c
	}
	if c := strings.Compare(a.Kind, b.Kind); c != 0 {
		return c
	}
	return strings.Compare(a.Value, b.Value)
}
