package blob_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/admitdev/admit/pkg/blob"
	"github.com/admitdev/admit/pkg/clock"
	"github.com/admitdev/admit/pkg/outcome"
	"github.com/admitdev/admit/pkg/store"
	"github.com/admitdev/admit/pkg/store/storetest"
)

// later is a clock that is ahead.
type later struct {
	clock.System
	by time.Duration
}

func (l later) Now() time.Time { return l.System.Now().Add(l.by) }

// world is a shelf today, and the same one tomorrow.
type world struct {
	today, tomorrow *blob.Shelf
	rows            *store.Store
}

func eachShelf(t *testing.T, test func(t *testing.T, w world)) {
	storetest.Each(t, func(t *testing.T, db storetest.DB) {
		blobs, err := blob.Open("file:" + t.TempDir())
		require.NoError(t, err)
		rows := storetest.Open(t, db)
		ahead, err := store.Open(t.Context(), store.Options{URL: db.URL, Clock: later{by: 25 * time.Hour}, Log: slog.New(slog.DiscardHandler)})
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, ahead.Close()) })
		shelf := func(rows *store.Store) *blob.Shelf {
			return &blob.Shelf{Blobs: blobs, Rows: rows, Clock: clock.System{}, Log: slog.New(slog.DiscardHandler), Limit: 100}
		}
		test(t, world{shelf(rows), shelf(ahead), rows})
	})
}

func (w world) put(t *testing.T, content string) store.Blob {
	t.Helper()
	b, err := w.today.Put(t.Context(), project, strings.NewReader(content), -1)
	require.NoError(t, err)
	return b
}

func (w world) use(t *testing.T, of store.Ref, version string, b store.Blob) error {
	t.Helper()
	return w.rows.InTx(t.Context(), func(tx *store.Tx) error { return tx.UseBlob(t.Context(), of, version, store.BlobUse{Blob: b}) })
}

func (w world) there(t *testing.T, b store.Blob) bool {
	t.Helper()
	content, err := w.today.Open(t.Context(), b)
	if errors.Is(err, blob.ErrNotFound) {
		return false
	}
	require.NoError(t, err)
	require.NoError(t, content.Close())
	return true
}

func TestBlobsThatNobodyNamesAreCollected(t *testing.T) {
	binary := store.Ref{Project: project, Type: "Binary", ID: "b"}
	eachShelf(t, func(t *testing.T, w world) {
		orphan, named, young := w.put(t, "orphan"), w.put(t, "named"), w.put(t, "young")
		require.NoError(t, w.use(t, binary, "v1", named))
		require.NoError(t, w.today.Collect(t.Context()))
		require.True(t, w.there(t, young) && w.there(t, orphan), "both may still be named")
		require.NoError(t, w.tomorrow.Collect(t.Context()))
		require.False(t, w.there(t, orphan))
		require.True(t, w.there(t, named))
		require.ErrorIs(t, w.use(t, binary, "v2", orphan), store.ErrBlobGone, "what was given up is not named afterwards")

		use, err := w.rows.BlobOf(t.Context(), binary, "v1")
		require.NoError(t, err)
		require.Equal(t, named, use.Blob)
		require.NoError(t, w.rows.Purge(t.Context(), binary))
		_, err = w.rows.BlobOf(t.Context(), binary, "v1")
		require.ErrorIs(t, err, store.ErrNotFound)
		require.NoError(t, w.today.Collect(t.Context()))
		require.False(t, w.there(t, named), "purged bytes go at once")
	})
}

func TestCollectingGoesOnWhereItWasKilled(t *testing.T) {
	eachShelf(t, func(t *testing.T, w world) {
		orphan := w.put(t, "orphan")
		w.tomorrow.Blobs = undeletable{w.tomorrow.Blobs}
		require.Error(t, w.tomorrow.Collect(t.Context()))
		require.True(t, w.there(t, orphan))
		require.NoError(t, w.today.Collect(t.Context()), "it was given up for good")
		require.False(t, w.there(t, orphan))
	})
}

type undeletable struct{ blob.Store }

func (undeletable) Delete(context.Context, blob.Name) error { return errors.New("killed") }

func TestSizeIsBounded(t *testing.T) {
	eachShelf(t, func(t *testing.T, w world) {
		exact := w.put(t, strings.Repeat("x", 100))
		require.EqualValues(t, 100, exact.Size)
		for _, size := range []int64{-1, 101} {
			_, err := w.today.Put(t.Context(), project, strings.NewReader(strings.Repeat("x", 101)), size)
			require.True(t, outcome.Has(err, outcome.TooLong), err)
		}
		_, err := w.today.Put(t.Context(), project, io.MultiReader(strings.NewReader("x"), iotest.ErrReader(errors.New("gone"))), -1)
		require.True(t, outcome.Has(err, outcome.Invalid), err)
	})
}
