package store

import (
	"context"
	"errors"
	"fmt"
)

// GetAll reads the current versions of resources, in one statement on PostgreSQL; ErrNotFound when one of them
// is not there or is deleted.
func (r reader) GetAll(ctx context.Context, refs ...Ref) ([]Resource, error) {
	all, found := make([]*wanted, len(refs)), make([]Resource, len(refs))
	for i, ref := range refs {
		if !validProject(ref.Project) {
			return nil, ErrNotFound
		}
		all[i] = &wanted{Resource: Resource{Ref: Ref{ref.Project, clean(ref.Type), clean(ref.ID)}}}
	}
	if err := r.currentOf(ctx, all); err != nil {
		return nil, fmt.Errorf("read %d resources: %w", len(refs), err)
	}
	for i, w := range all {
		if !w.found || w.Deleted {
			return nil, ErrNotFound
		}
		found[i] = w.Resource
	}
	return found, nil
}

func (r reader) currentOf(ctx context.Context, all []*wanted) error {
	if _, on := r.dialect.(postgres); on {
		return readCurrent(ctx, r.q, all)
	}
	for _, w := range all {
		got, err := r.Get(ctx, w.Ref, nil)
		if w.found = err == nil; w.found {
			w.Resource = got
		} else if !errors.Is(err, ErrNotFound) {
			return err
		}
	}
	return nil
}

// holder finds a resource by its key. The key's table is a directory, which every node has.
const holder = `SELECT u.project_id, u.type, u.id, ` + versionColumns + `, coalesce(c.kind, ''), coalesce(c.hash, ''), coalesce(c.opens, '') FROM unique_key u
JOIN resource r ON r.project_id = u.project_id AND r.type = u.type AND r.id = u.id
LEFT JOIN credential c ON c.project_id = u.project_id AND c.type = u.type AND c.id = u.id AND (c.kind = $4 OR c.kind = $5)
WHERE u.scope = $1 AND u.kind = ` + anyKind + ` AND u.value = $3 AND NOT r.deleted`

// Held reads the resource that holds a key, with what its credentials of two kinds are compared with, the other of
// which may be empty; ErrNotFound when there is none.
func (r reader) Held(ctx context.Context, k Key, kind, other CredentialKind) (res Resource, credentials []Credential, err error) {
	k = k.kept()
	found := false
	args := []any{k.Scope, k.Kind, k.Value, string(kind), string(other)}
	err = each(r.dialect.statementContext(ctx), r.q, r.dialect.text(holder), args, func(row scanner) error {
		var c Credential
		version := versionScan{resource: &res}
		into := append([]any{&res.Project, &res.Type, &res.ID}, version.into()...)
		if err := row.Scan(append(into, &c.Kind, &c.Hash, &c.Opens)...); err != nil {
			return err
		}
		version.finish()
		found = true
		if c.Kind != "" {
			c.Project, c.Type, c.ID = res.Project, res.Type, res.ID
			credentials = append(credentials, c)
		}
		return nil
	})
	switch {
	case err != nil:
		return Resource{}, nil, fmt.Errorf("read who holds a key of %s: %w", k.Kind, err)
	case !found:
		return Resource{}, nil, ErrNotFound
	}
	return res, credentials, nil
}

// InProject is a resource with the Project that it is in.
type InProject struct {
	Resource
	Of Resource
}

// heldInProjects names the table resource once: joined with itself on other columns than its distribution's, Citus
// does not carry it out. CROSS has SQLite begin with the few rows.
const heldInProjects = `WITH u AS (%s)
SELECT k.project_id, k.type, k.id, ` + versionColumns + ` FROM (SELECT project_id, type, id FROM u
UNION SELECT '` + SystemProject + `'::uuid, 'Project', project_id::text FROM u) k
CROSS JOIN resource r WHERE r.project_id = k.project_id AND r.type = k.type AND r.id = k.id AND NOT r.deleted ORDER BY r.type, r.id`

// HeldInProjects reads the resources that hold the keys of a kind whose value begins with valuePrefix, each with its
// Project, in the order of their ids. What is deleted, or in a Project that is, is left out.
func (r reader) HeldInProjects(ctx context.Context, scope, kind, valuePrefix string, limit int) ([]InProject, error) {
	query, args := ownersQuery(scope, kind, valuePrefix, limit)
	var holders []Resource
	projects := map[string]Resource{}
	err := each(r.dialect.statementContext(ctx), r.q, r.dialect.text(fmt.Sprintf(heldInProjects, query)), args, func(row scanner) error {
		var res Resource
		version := versionScan{resource: &res}
		if err := row.Scan(append([]any{&res.Project, &res.Type, &res.ID}, version.into()...)...); err != nil {
			return err
		}
		version.finish()
		if res.Project == SystemProject && res.Type == "Project" {
			projects[res.ID] = res
		} else {
			holders = append(holders, res)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read who holds keys of %s: %w", kind, err)
	}
	var all []InProject
	for _, res := range holders {
		if project, there := projects[res.Project]; there {
			all = append(all, InProject{Resource: res, Of: project})
		}
	}
	return all, nil
}
