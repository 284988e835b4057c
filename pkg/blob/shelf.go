package blob

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/admitdev/admit/pkg/clock"
	"github.com/admitdev/admit/pkg/outcome"
	"github.com/admitdev/admit/pkg/store"
)

// Shelf keeps blobs together with the table that says which are wanted. The life of a blob:
//
//	pending   a row is committed, then the bytes are written
//	kept      a version of a Binary names it, in the transaction that writes the version
//	doomed    nobody named it in time, or all that named it was purged
//
// So a version never lacks its bytes, and bytes that belong to none are found by their row: Collect
// dooms it, deletes the bytes and then the row. Whatever a crash leaves is one of these states.
type Shelf struct {
	Blobs Store
	Rows  *store.Store
	Clock clock.Clock
	Log   *slog.Logger
	// Limit is the greatest size of a blob.
	Limit int64
}

// How long a blob may be pending, and how often those that were given up are looked for. An upload
// that takes longer fails when it is to be named.
const (
	patience     = 24 * time.Hour
	collectEvery = 10 * time.Minute
	collectBatch = 100
)

// Put keeps content for a project, pending. size is -1 when nobody knows.
//
// Errors: outcome TooLong; Invalid when the client broke off.
func (s *Shelf) Put(ctx context.Context, project string, content io.Reader, size int64) (store.Blob, error) {
	if size > s.Limit {
		return store.Blob{}, outcome.New(outcome.TooLong, "")
	}
	b := store.Blob{Project: project, ID: s.Clock.NewID()}
	if err := s.Rows.InTx(ctx, func(tx *store.Tx) error { return tx.BeginBlob(ctx, b) }); err != nil {
		return store.Blob{}, err
	}
	limited := &limited{content: content, left: s.Limit}
	var err error
	b.Size, err = s.Blobs.Put(ctx, Name{project, b.ID}, limited, size)
	switch {
	case errors.Is(limited.err, errTooLong):
		return store.Blob{}, outcome.New(outcome.TooLong, "")
	case limited.err != nil:
		return store.Blob{}, outcome.New(outcome.Invalid, "The content ended early")
	case err != nil:
		return store.Blob{}, err
	}
	return b, nil
}

// Open reads a blob.
func (s *Shelf) Open(ctx context.Context, b store.Blob) (io.ReadSeekCloser, error) {
	content, err := s.Blobs.Open(ctx, Name{b.Project, b.ID})
	if err != nil {
		return nil, fmt.Errorf("blob %s: %w", b.ID, err)
	}
	return content, nil
}

// Run collects what nobody wants until ctx ends.
func (s *Shelf) Run(ctx context.Context) error {
	tick := time.NewTicker(collectEvery)
	defer tick.Stop()
	for {
		if err := s.Collect(ctx); err != nil && ctx.Err() == nil {
			s.Log.WarnContext(ctx, "blobs that nobody wants cannot be collected", "error", err)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}

// Collect removes what nobody wants. Several processes may do it at once.
func (s *Shelf) Collect(ctx context.Context) error {
	for {
		doomed, err := s.doom(ctx)
		if err != nil {
			return err
		}
		for _, b := range doomed {
			if err := s.Blobs.Delete(ctx, Name{b.Project, b.ID}); err != nil {
				return err
			}
			if err := s.Rows.InTx(ctx, func(tx *store.Tx) error { return tx.ForgetBlob(ctx, b) }); err != nil {
				return err
			}
		}
		if len(doomed) < collectBatch {
			return nil
		}
	}
}

func (s *Shelf) doom(ctx context.Context) (doomed []store.Blob, err error) {
	err = s.Rows.InTx(ctx, func(tx *store.Tx) (err error) {
		doomed, err = tx.DoomBlobs(ctx, tx.Now().Add(-patience), collectBatch)
		return err
	})
	return doomed, err
}

var errTooLong = errors.New("blob: too long")

// limited ends with errTooLong when there is more than was allowed, and remembers what went wrong.
type limited struct {
	content io.Reader
	left    int64
	err     error
}

func (l *limited) Read(p []byte) (int, error) {
	if l.err != nil {
		return 0, l.err
	}
	if int64(len(p)) > l.left+1 {
		p = p[:l.left+1]
	}
	n, err := l.content.Read(p)
	if l.left -= int64(n); l.left < 0 {
		l.err = errTooLong
		return 0, l.err
	}
	if err != nil && !errors.Is(err, io.EOF) {
		l.err = err
	}
	return n, err
}
