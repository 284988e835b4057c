package storetest

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/admitdev/admit/pkg/store"
)

// SQLite is a copy of a file that this test binary migrated once.
func SQLite(t testing.TB) DB {
	t.Helper()
	template, err := sqliteTemplate()
	if err != nil {
		t.Fatalf("make a SQLite database: %v", err)
	}
	dir, err := os.MkdirTemp(memory(), "admit-sqlite-")
	if err != nil {
		t.Fatalf("make a SQLite database: %v", err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Errorf("remove the SQLite database: %v", err)
		}
	})
	path := filepath.Join(dir, "admit.db")
	if err := os.WriteFile(path, template, 0o600); err != nil {
		t.Fatalf("make a SQLite database: %v", err)
	}
	return DB{Name: "sqlite", URL: "sqlite:" + path}
}

// sqliteTemplate is the bytes of a migrated, empty file.
var sqliteTemplate = sync.OnceValues(func() ([]byte, error) {
	dir, err := os.MkdirTemp(memory(), "admit-template-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "admit.db")
	if err := migrate("sqlite:" + path); err != nil {
		return nil, err
	}
	return os.ReadFile(path) // closing the store has folded its log into the file
})

func migrate(url string) error {
	ctx := context.Background()
	s, err := store.Open(ctx, store.Options{URL: url})
	if err != nil {
		return err
	}
	if err := s.Migrate(ctx); err != nil {
		_ = s.Close() // the migration's error says more
		return fmt.Errorf("migrate: %w", err)
	}
	return s.Close()
}
