package scim

import (
	"context"

	"github.com/admitdev/admit/admin"
	"github.com/admitdev/admit/fhir/caller"
	"github.com/admitdev/admit/fhir/repo"
	"github.com/admitdev/admit/pkg/outcome"
	"github.com/admitdev/admit/pkg/store"
)

// users is the collection of the users of the caller's project.
type users struct {
	kind *kind
	h    *Handler
}

func (u users) kindOf() *kind { return u.kind }

func (u users) create(ctx context.Context, who caller.Caller, raw object) (object, error) {
	doc, err := u.kind.normal(raw)
	if err != nil {
		return nil, err
	}
	fields, err := u.h.changes(nil, doc)
	if err != nil {
		return nil, err
	}
	draft := admin.UserDraft{UserFields: fields, ProfileType: "Practitioner"}
	if userType, ok := doc[attrUserType].(string); ok {
		draft.ProfileType = userType
	}
	made, err := u.h.Admin.CreateUser(ctx, who, who.Project, draft)
	if err != nil {
		return nil, err
	}
	return u.h.userDoc(made), nil
}

func (u users) read(ctx context.Context, who caller.Caller, id string, _ choice) (object, error) {
	found, err := u.h.Admin.ReadUser(ctx, who, who.Project, id)
	if err != nil {
		return nil, err
	}
	return u.h.userDoc(found), nil
}

// replace leaves whether a user is active as it is unless it is said.
func (u users) replace(ctx context.Context, who caller.Caller, id, version string, raw object) (object, error) {
	doc, err := u.kind.normal(raw)
	if err != nil {
		return nil, err
	}
	return u.change(ctx, who, id, version, func(object) (object, error) { return doc, nil })
}

func (u users) patch(ctx context.Context, who caller.Caller, id, version string, raw object) (object, error) {
	operations, err := u.kind.operations(raw)
	if err != nil {
		return nil, err
	}
	return u.change(ctx, who, id, version, func(doc object) (object, error) { return u.kind.patched(doc, operations) })
}

// maxTries is how often a change is tried that others were faster than.
const maxTries = 5

// change makes of a user what change makes of the resource, which it may do several times.
func (u users) change(ctx context.Context, who caller.Caller, id, version string, change func(object) (object, error)) (object, error) {
	for try := 1; ; try++ {
		stored, err := u.h.Admin.ReadUser(ctx, who, who.Project, id)
		if err != nil {
			return nil, err
		}
		if version != "" && version != stored.Version {
			return nil, outcome.New(outcome.PreconditionFailed, "")
		}
		after, err := change(u.h.userDoc(stored))
		if err != nil {
			return nil, err
		}
		before := u.h.userDoc(stored)
		if userType, ok := after[attrUserType]; ok && userType != before[attrUserType] {
			return nil, refuse(mutability, "userType stays %s", before[attrUserType])
		}
		fields, err := u.h.changes(before, after)
		if err != nil {
			return nil, err
		}
		changed, err := u.h.Admin.UpdateUser(ctx, who, who.Project, id, stored.Version, fields)
		if outcome.Has(err, outcome.PreconditionFailed) && version == "" && try < maxTries {
			continue
		}
		if err != nil {
			return nil, err
		}
		return u.h.userDoc(changed), nil
	}
}

func (u users) delete(ctx context.Context, who caller.Caller, id, version string) error {
	return u.h.Admin.DeleteUserVersion(ctx, who, who.Project, id, version)
}

func (u users) list(ctx context.Context, who caller.Caller, q query) ([]object, int, error) {
	byAddress, err := u.byAddress(ctx, who, q)
	if err != nil {
		return nil, 0, err
	}
	sort, sorted := userSort(q)
	return q.page(userTerms(byAddress), sort, sorted, func(predicate store.Predicate, sort []store.Sort, offset, limit int) ([]object, int, error) {
		found, total, err := u.h.Admin.SelectUsers(ctx, who, who.Project, repo.Selection{Where: predicate, Sort: sort, Offset: offset, Limit: limit})
		docs := make([]object, len(found))
		for i, user := range found {
			docs[i] = u.h.userDoc(user)
		}
		return docs, total, err
	})
}

// maxNamed is how many texts of a filter are looked up by themselves.
const maxNamed = 20

// byAddress finds those whom a filter names by their addresses: a person may have changed theirs since the
// membership was written.
func (u users) byAddress(ctx context.Context, who caller.Caller, q query) (map[string]string, error) {
	found := map[string]string{}
	for i, text := range equals(q.filter, attrUserName, attrEmails) {
		if text == "" || i == maxNamed {
			break
		}
		user, err := u.h.Admin.FindUser(ctx, who, who.Project, admin.UserName{Email: text})
		switch {
		case err == nil:
			found[text] = user.ID
		case !outcome.Has(err, outcome.NotFound):
			return nil, err
		}
	}
	return found, nil
}

// userSort is the order as the store has it, and whether it can be.
func userSort(q query) ([]store.Sort, bool) {
	if q.sortBy == nil {
		return nil, true
	}
	switch q.sortBy.String() {
	case attrID:
		return []store.Sort{{Param: "_id", Desc: q.descending}}, true
	case attrMeta + ".lastModified":
		return []store.Sort{{Param: "_lastUpdated", Desc: q.descending}}, true
	case attrUserName:
		return []store.Sort{admin.ByLogin(q.descending)}, true
	case attrExternalID:
		return []store.Sort{admin.ByExternalID(q.descending)}, true
	}
	return nil, false
}
