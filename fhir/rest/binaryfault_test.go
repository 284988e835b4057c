package rest_test

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/admitdev/admit/fhir/repo/repotest"
	"github.com/admitdev/admit/pkg/blob"
	"github.com/admitdev/admit/pkg/clock"
	"github.com/admitdev/admit/pkg/store"
	"github.com/admitdev/admit/pkg/store/storetest"
)

// tomorrow is a clock that is ahead of time.
type tomorrow struct{ clock.System }

func (t tomorrow) Now() time.Time { return t.System.Now().Add(25 * time.Hour) }

// TestUploadThatFailsAnywhereLeavesNothingHalfDone fails each statement of an upload in turn: either
// the Binary is there with its bytes, or neither is, once the unwanted have been collected.
func TestUploadThatFailsAnywhereLeavesNothingHalfDone(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db storetest.DB) {
		var left atomic.Int64 // statements until one fails
		left.Store(1 << 40)
		opened := storetest.OpenFaulty(t, db, func(context.Context, string) error {
			if left.Add(-1) == 0 {
				return errors.New("the database is away")
			}
			return nil
		})
		s := startIn(t, repotest.On(t, opened))
		ahead, err := store.Open(t.Context(), store.Options{URL: db.URL, Clock: tomorrow{}, Log: slog.New(slog.DiscardHandler)})
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, ahead.Close()) })
		existing := s.uploaded(t, "text/plain", "first")
		wanted := 1
		for n, failed := int64(1), true; failed; n++ {
			require.Less(t, n, int64(100))
			left.Store(n)
			made := s.raw(t, "POST", "/Binary", "text/plain", "made")
			changed := s.raw(t, "PUT", "/Binary/"+existing, "text/plain", "changed")
			failed = left.Load() <= 0
			left.Store(1 << 40)
			for _, got := range []answer{made, changed} {
				if got.status >= http.StatusBadRequest {
					require.Equal(t, http.StatusInternalServerError, got.status, got.body)
					continue
				}
				wanted++
				content := s.download(t, got.field("id"))
				require.Equal(t, got.field("contentType"), content.header.Get("Content-Type"))
				require.True(t, content.body == "made" || content.body == "changed", content.body)
			}
			collector := blob.Shelf{Blobs: s.shelf.Blobs, Rows: ahead, Clock: clock.System{}, Log: slog.New(slog.DiscardHandler)}
			require.NoError(t, collector.Collect(t.Context()))
			require.Equal(t, wanted, files(t, s.blobs), "after statement %d", n)
		}
		require.Contains(t, []string{"first", "changed"}, s.download(t, existing).body)
	})
}

// files counts what a directory holds.
func files(t *testing.T, dir string) int {
	t.Helper()
	n := 0
	require.NoError(t, fs.WalkDir(os.DirFS(dir), ".", func(path string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() {
			require.False(t, strings.HasPrefix(path, "arriving"), path)
			n++
		}
		return err
	}))
	return n
}
