package store_test

import (
	"context"
	"fmt"
	"io"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/admitdev/admit/pkg/clock"
	"github.com/admitdev/admit/pkg/store"
	"github.com/admitdev/admit/pkg/store/storetest"
)

// gate holds the first statements back until it is opened, then counts and, if it is to, loses the rest.
type gate struct {
	hold, counted atomic.Int64
	held, open    chan struct{}
	lose          atomic.Bool
}

func (g *gate) hook(_ context.Context, _ string) error {
	if g.hold.Add(-1) >= 0 {
		g.held <- struct{}{}
		<-g.open
		return nil
	}
	g.counted.Add(1)
	if g.lose.Load() {
		return io.ErrUnexpectedEOF
	}
	return nil
}

// sharedWrites is a store whose writes wait for one another, and a project of it.
type sharedWrites struct {
	*store.Store
	gate    *gate
	project string
}

func newSharedWrites(t *testing.T) *sharedWrites {
	g := &gate{}
	s := storetest.OpenFaulty(t, storetest.Postgres(t), g.hook)
	s.ShareAlways()
	return &sharedWrites{s, g, clock.System{}.NewID()}
}

// write is version n of a resource, with its index rows and its record.
func (s *sharedWrites) write(id string, n int) store.Write {
	w := store.Write{
		Resource: store.Resource{
			Ref: store.Ref{Project: s.project, Type: "Patient", ID: id}, Version: fmt.Sprint(n),
			LastUpdated: time.UnixMilli(int64(1e12 + n)).UTC(), Content: fmt.Appendf(nil, `{"id":%q,"n":%d}`, id, n),
		},
		Index: everyIndex(n),
		Audit: &store.AuditEvent{Project: s.project, ID: fmt.Sprint(id, "-", n), At: store.At(time.UnixMilli(1e12)), Content: "{}"},
	}
	if n > 0 {
		w.Replaces = fmt.Sprint(n - 1)
	}
	return w
}

// creates makes version 0 of what there is to update.
func (s *sharedWrites) creates(t *testing.T, ids ...string) {
	for _, id := range ids {
		require.NoError(t, s.Put(t.Context(), s.write(id, 0)))
	}
}

// together has the first two hold the statements back until all the rest wait, in their order, and gives
// what each of the rest came to. Before the statements go on, meanwhile is called.
func (s *sharedWrites) together(t *testing.T, n int, rest []store.Write, contexts map[int]context.Context, meanwhile func()) []error {
	s.gate.held, s.gate.open = make(chan struct{}), make(chan struct{})
	s.gate.hold.Store(2)
	var wait sync.WaitGroup
	for i := range 2 {
		wait.Go(func() { assert.NoError(t, s.Put(t.Context(), s.write(fmt.Sprint("first", i), n))) })
	}
	<-s.gate.held
	<-s.gate.held
	s.gate.counted.Store(0)
	errs := make([]error, len(rest))
	for i, w := range rest {
		ctx := contexts[i]
		if ctx == nil {
			ctx = t.Context()
		}
		wait.Go(func() { errs[i] = s.Put(ctx, w) })
		s.AwaitSharing(i + 1)
	}
	meanwhile()
	close(s.gate.open)
	wait.Wait()
	return errs
}

// wantVersions says which version of each there is, and that no record is there twice or without its version.
func (s *sharedWrites) wantVersions(t *testing.T, want map[string]int) {
	t.Helper()
	for id, n := range want {
		got, err := s.Get(t.Context(), s.write(id, 0).Ref, nil)
		if n < 0 {
			require.ErrorIs(t, err, store.ErrNotFound, id)
			continue
		}
		require.NoError(t, err, id)
		assert.Equal(t, string(s.write(id, n).Content), string(got.Content))
		rows, err := s.Columns(t.Context(), fmt.Sprintf(`SELECT
(SELECT count(*) FROM audit WHERE id LIKE '%[1]s-%%'), (SELECT count(*) FROM resource_history WHERE id = '%[1]s'),
(SELECT count(*) FROM token_index WHERE id = '%[1]s' AND code = 'v%05[2]d'), (SELECT count(*) FROM token_index WHERE id = '%[1]s')`, id, n))
		require.NoError(t, err)
		assert.Equal(t, fmt.Sprint(n+1, n, 1, 2), strings.Join(strings.FieldsFunc(fmt.Sprint(rows), func(r rune) bool { return r < '0' || r > '9' }), " "), id)
	}
}

func nothing() {}

func TestSharedWrites(t *testing.T) {
	if !storetest.HavePostgres(t) {
		return
	}
	s := newSharedWrites(t)
	for n := range 2 { // creates, then updates
		var rest []store.Write
		want := map[string]int{"first0": n, "first1": n}
		for i := range 20 {
			rest = append(rest, s.write(fmt.Sprint("p", i), n))
			want[fmt.Sprint("p", i)] = n
		}
		for i, err := range s.together(t, n, rest, nil, nothing) {
			require.NoError(t, err, rest[i].ID)
		}
		assert.EqualValues(t, 1, s.gate.counted.Load(), "%d writes are one statement", len(rest))
		s.wantVersions(t, want)
	}
}

func TestASharedWriteFailsAlone(t *testing.T) {
	if !storetest.HavePostgres(t) {
		return
	}
	s := newSharedWrites(t)
	s.creates(t, "taken")
	errs := s.together(t, 0, []store.Write{s.write("a", 0), s.write("taken", 0), s.write("b", 0)}, nil, nothing)
	require.NoError(t, errs[0])
	require.ErrorIs(t, errs[1], store.ErrExists)
	require.NoError(t, errs[2])

	s.creates(t, "c", "d")
	early, again := s.write("c", 1), s.write("a", 1)
	early.LastUpdated = time.UnixMilli(1e12).UTC()
	again.Version = "again"
	errs = s.together(t, 1, []store.Write{s.write("a", 1), s.write("b", 2), early, again, s.write("d", 1), s.write("none", 1)}, nil, nothing)
	require.ErrorIs(t, errs[1], store.ErrVersion)
	require.ErrorIs(t, errs[2], store.ErrTime)
	won, lost := errs[0], errs[3] // of two updates of one version
	if won != nil {
		won, lost = lost, won
	}
	require.NoError(t, won)
	require.ErrorIs(t, lost, store.ErrVersion)
	require.NoError(t, errs[4])
	require.ErrorIs(t, errs[5], store.ErrVersion)
	s.wantVersions(t, map[string]int{"a": 1, "b": 0, "c": 0, "d": 1, "taken": 0, "none": -1})
}

// TestALockKeepsNoOtherSharedWrite: the others come through while a transaction holds what one of them wants.
func TestALockKeepsNoOtherSharedWrite(t *testing.T) {
	if !storetest.HavePostgres(t) {
		return
	}
	s := newSharedWrites(t)
	for n := range 2 {
		locked, release := make(chan struct{}), make(chan struct{})
		var holder, sharing sync.WaitGroup
		holder.Go(func() {
			assert.NoError(t, s.InTx(t.Context(), func(tx *store.Tx) error {
				err := tx.Put(t.Context(), s.write("locked", n))
				close(locked)
				<-release
				return err
			}))
		})
		<-locked
		rest := []store.Write{s.write("a", n), s.write("locked", n), s.write("b", n)}
		var errs []error
		waiting := make(chan struct{})
		sharing.Go(func() { errs = s.together(t, n, rest, nil, func() { close(waiting) }) })
		<-waiting
		for _, w := range []store.Write{rest[0], rest[2]} {
			for version := ""; version != w.Version; {
				got, err := s.Get(t.Context(), w.Ref, nil)
				if err == nil {
					version = got.Version
				}
			}
		}
		close(release)
		holder.Wait()
		sharing.Wait()
		require.NoError(t, errs[0])
		require.ErrorIs(t, errs[1], map[int]error{0: store.ErrExists, 1: store.ErrVersion}[n])
		require.NoError(t, errs[2])
		s.wantVersions(t, map[string]int{"a": n, "locked": n, "b": n})
	}
}

func TestACancelledSharedWriteIsNotWritten(t *testing.T) {
	if !storetest.HavePostgres(t) {
		return
	}
	s := newSharedWrites(t)
	ctx, cancel := context.WithCancel(t.Context())
	errs := s.together(t, 0, []store.Write{s.write("gone", 0), s.write("a", 0), s.write("b", 0)}, map[int]context.Context{0: ctx}, cancel)
	require.ErrorIs(t, errs[0], context.Canceled)
	require.NoError(t, errs[1])
	require.NoError(t, errs[2])
	s.wantVersions(t, map[string]int{"gone": -1, "a": 0, "b": 0})
}

// TestALostSharedStatementIsToldToAll: it may have been committed, so none of them is tried again.
func TestALostSharedStatementIsToldToAll(t *testing.T) {
	if !storetest.HavePostgres(t) {
		return
	}
	s := newSharedWrites(t)
	errs := s.together(t, 0, []store.Write{s.write("a", 0), s.write("b", 0)}, nil, func() { s.gate.lose.Store(true) })
	for _, err := range errs {
		require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	}
	assert.EqualValues(t, 1, s.gate.counted.Load())
	s.gate.lose.Store(false)
	s.wantVersions(t, map[string]int{"first0": 0, "first1": 0, "a": -1, "b": -1})
}
