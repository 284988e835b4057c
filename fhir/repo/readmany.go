package repo

import (
	"context"
	"errors"
	"fmt"

	"github.com/admitdev/admit/fhir/medplum"
	"github.com/admitdev/admit/fhir/policy"
	"github.com/admitdev/admit/pkg/store"
)

// ReadMany reads the current versions of those of a type that are there and that the caller may
// read, in one statement. Ids that Read would refuse are left out, whatever the reason.
//
// Errors: outcome Forbidden when no rule grants the type.
func (a *access) ReadMany(ctx context.Context, resourceType string, ids []string) (map[string]store.Resource, error) {
	rows, err := a.rowsOfMany(ctx, resourceType, ids)
	if err != nil {
		return nil, err
	}
	found := make(map[string]store.Resource, len(rows))
	for _, row := range rows {
		if _, twice := found[row.ID]; twice && row.Project != a.who.Project {
			continue // one's own project comes before linked ones, as in Read
		}
		shown, err := a.show(ctx, policy.Read, row.Resource)
		if errors.Is(err, store.ErrNotFound) {
			continue
		}
		if err == nil {
			err = a.noted(ctx, policy.Read, row.Resource)
		}
		if err != nil {
			return nil, err
		}
		found[row.ID] = shown
	}
	return found, nil
}

// rowsOfMany are those of a type that satisfy what the policy asks of a read.
func (a *access) rowsOfMany(ctx context.Context, resourceType string, ids []string) ([]store.Row, error) {
	visible, err := a.narrow(policy.Read, resourceType)
	if err != nil {
		return nil, err
	}
	var wanted store.IDIn
	for _, id := range ids {
		if ValidID(id) {
			wanted = append(wanted, id)
		}
	}
	projects := a.partitions(resourceType)
	if a.everywhere() && resourceType != medplum.TypeProject {
		if projects, err = a.rows.Partitions(ctx); err != nil {
			return nil, err
		}
	}
	q := store.Query{Projects: projects, Types: []string{resourceType}, Where: wanted, Limit: len(wanted) * len(projects)}
	if visible != nil {
		q.Where = store.And{wanted, visible}
	}
	rows, err := a.rows.Search(ctx, q)
	if err != nil {
		return nil, fmt.Errorf("read many of %s: %w", resourceType, err)
	}
	return rows, nil
}
