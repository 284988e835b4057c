package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
)

// Hold keeps a resource from being changed by others until the transaction ends, and gives its
// current version. What is decided after it, about the resource or what stands on it, stays true.
//
// Errors: ErrNotFound.
func (tx *Tx) Hold(ctx context.Context, ref Ref) (version string, err error) {
	version, _, err = tx.dialect.lockVersion(ctx, tx.q, ref)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return "", ErrNotFound
	case err != nil:
		return "", fmt.Errorf("hold %s/%s: %w", ref.Type, ref.ID, err)
	}
	return version, nil
}
