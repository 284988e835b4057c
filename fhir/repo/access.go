package repo

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/admitdev/admit/fhir/document"
	"github.com/admitdev/admit/fhir/medplum"
	"github.com/admitdev/admit/fhir/policy"
	"github.com/admitdev/admit/fhir/search"
	"github.com/admitdev/admit/pkg/outcome"
	"github.com/admitdev/admit/pkg/store"
)

// narrow is the predicate that the policy puts on an interaction with a type; nil when it puts
// none. A type that no rule grants is Forbidden.
func (a *access) narrow(interaction policy.Interaction, resourceType string) (store.Predicate, error) {
	if err := KnownType(resourceType); err != nil {
		return nil, err
	}
	if err := a.mayAudit(interaction, resourceType); err != nil {
		return nil, err
	}
	if a.system != "" {
		return nil, nil
	}
	if a.who.Policy == nil {
		return nil, outcome.New(outcome.Forbidden, "")
	}
	visible, allowed := a.who.Policy.Narrow(interaction, resourceType)
	if !allowed {
		return nil, outcome.New(outcome.Forbidden, "")
	}
	if resourceType == medplum.TypeProject && !a.who.SuperAdmin {
		// All Projects share one partition, so isolation is this predicate's, whatever the policy says.
		own := store.IDIn(a.who.Readable(resourceType))
		if visible == nil {
			return own, nil
		}
		return store.And{own, visible}, nil
	}
	return visible, nil
}

// everywhere says whether the caller acts across projects.
func (a *access) everywhere() bool { return a.system == "" && a.who.SuperAdmin }

// partitions are where the caller's resources of a type may be, its own first. For those who act
// across projects see get and query.
func (a *access) partitions(resourceType string) []string {
	switch {
	case resourceType == medplum.TypeProject:
		return []string{store.SystemProject}
	case a.system != "":
		return []string{a.who.Project}
	case resourceType == medplum.TypeUser || resourceType == medplum.TypeProjectMembership || resourceType == typeAuditEvent:
		return []string{a.who.Project} // people, and what they did, are not shared by a link
	}
	return a.who.Readable(resourceType)
}

// home is the partition in which the caller makes and changes resources of a type.
func (a *access) home(resourceType string) string {
	if resourceType == medplum.TypeProject {
		return store.SystemProject
	}
	return a.who.Project
}

// found is a resource with the knowledge of whether the predicate let it through.
type found struct {
	store.Resource
	live *store.Resource // of a deleted one, its last version that was not
}

// get finds a resource that satisfies visible, deleted or not. A Binary must be in a context that
// the caller may read, too.
//
// Errors: store.ErrNotFound.
func (a *access) get(ctx context.Context, resourceType, id string, partitions []string, visible store.Predicate) (found, error) {
	got, err := a.find(ctx, resourceType, id, partitions, visible)
	if err != nil || resourceType != typeBinary || a.system != "" {
		return got, err
	}
	was := got.Resource
	if got.live != nil {
		was = *got.live
	} else if got.Deleted {
		if was, err = a.lastLive(ctx, got.Ref); err != nil {
			return found{}, err
		}
	}
	if err := a.inContext(ctx, was); err != nil {
		return found{}, err
	}
	return got, nil
}

func (a *access) find(ctx context.Context, resourceType, id string, partitions []string, visible store.Predicate) (found, error) {
	if !ValidID(id) {
		return found{}, store.ErrNotFound
	}
	if a.everywhere() && resourceType != medplum.TypeProject {
		ref, err := a.rows.Locate(ctx, resourceType, id)
		if err != nil {
			return found{}, err
		}
		return a.getIn(ctx, ref, visible)
	}
	for _, project := range partitions {
		got, err := a.getIn(ctx, store.Ref{Project: project, Type: resourceType, ID: id}, visible)
		if !errors.Is(err, store.ErrNotFound) {
			return got, err
		}
	}
	return found{}, store.ErrNotFound
}

// getIn is one statement for a resource that is there and one more for a deleted one, whose index
// rows are gone: what it last was decides who may know of it. What is hidden, what was deleted and what
// never was take the same statements.
func (a *access) getIn(ctx context.Context, ref store.Ref, visible store.Predicate) (found, error) {
	got, err := a.rows.Get(ctx, ref, visible)
	if visible == nil || (err == nil && !got.Deleted) {
		return found{Resource: got}, err
	}
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return found{}, err
	}
	versions, err := a.rows.History(ctx, ref, 2, 0)
	switch {
	case err != nil:
		return found{}, err
	case len(versions) < 2 || !versions[0].Deleted || versions[1].Deleted: // what is deleted is not deleted again
		return found{}, store.ErrNotFound
	}
	if err := a.mustMatch(visible, versions[1]); err != nil {
		return found{}, err
	}
	return found{Resource: versions[0], live: &versions[1]}, nil
}

// lastLive is the newest version that is not a deletion.
func (a *access) lastLive(ctx context.Context, ref store.Ref) (store.Resource, error) {
	for offset := 0; ; {
		versions, err := a.rows.History(ctx, ref, 10, offset)
		if err != nil {
			return store.Resource{}, err
		}
		for _, v := range versions {
			if !v.Deleted {
				return v, nil
			}
		}
		if len(versions) == 0 {
			return store.Resource{}, store.ErrNotFound
		}
		offset += len(versions)
	}
}

// mustMatch evaluates a predicate over a stored version in memory.
//
// Errors: store.ErrNotFound when it does not hold.
func (a *access) mustMatch(visible store.Predicate, res store.Resource) error {
	if visible == nil {
		return nil
	}
	doc, err := parsed(res)
	if err != nil {
		return err
	}
	if !matchesDocument(visible, res.Ref, res.LastUpdated, doc) {
		return store.ErrNotFound
	}
	return nil
}

func matchesDocument(visible store.Predicate, ref store.Ref, at time.Time, doc *document.Node) bool {
	accounts := references(doc.Find("meta", "accounts"))
	return search.Match(visible, ref, at, rowsOf(doc, ref.Type, compartmentRows(doc, ref, accounts)))
}

// hasFields says whether rules about single fields, or our own (guarded), may apply to the type.
func (a *access) hasFields(resourceType string) bool {
	return a.system == "" && a.who.Policy != nil && (a.who.Policy.HasFields(resourceType) || len(guarded(resourceType)) > 0)
}

// parsed parses a stored version.
func parsed(res store.Resource) (*document.Node, error) {
	doc, err := document.Parse(res.Content)
	if err != nil { // not %w: it is our damage, not the client's mistake
		return nil, fmt.Errorf("%s/%s version %s is damaged: %v", res.Type, res.ID, res.Version, err) //nolint:errorlint // see above
	}
	return doc, nil
}

// indexed parses a stored version and gives its index rows.
func indexed(res store.Resource) (*document.Node, store.Index, error) {
	doc, err := parsed(res)
	if err != nil {
		return nil, store.Index{}, err
	}
	accounts := references(doc.Find("meta", "accounts"))
	return doc, rowsOf(doc, res.Type, compartmentRows(doc, res.Ref, accounts)), nil
}

// absent is the answer for what is not there or not to be seen.
func absent(err error) error {
	if errors.Is(err, store.ErrNotFound) {
		return outcome.New(outcome.NotFound, "")
	}
	return err
}
