package scim

import (
	"context"

	"github.com/admitdev/admit/admin"
	"github.com/admitdev/admit/fhir/caller"
	"github.com/admitdev/admit/fhir/repo"
	"github.com/admitdev/admit/pkg/outcome"
	"github.com/admitdev/admit/pkg/store"
)

// groups is the collection of the roles of the caller's project.
type groups struct {
	kind *kind
	h    *Handler
}

func (g groups) kindOf() *kind { return g.kind }

// doc is a role as a resource, with its members if they were read.
func (g groups) doc(role admin.RoleOfMembers) object {
	doc := object{
		attrSchemas: []any{g.kind.core.ID}, attrID: role.ID, attrDisplayName: role.Name,
		attrMeta: g.h.meta(g.kind, role.ID, role.Tag, role.UpdatedAt),
	}
	setText(doc, attrExternalID, role.ExternalID)
	var members []any
	for _, member := range role.Members {
		members = append(members, object{
			subValue: member.ID, subDisplay: member.Name, subType: g.h.users.kind.name, subRef: g.h.location(g.h.users.kind, member.ID),
		})
	}
	setList(doc, attrMembers, members)
	return doc
}

func (g groups) create(ctx context.Context, who caller.Caller, raw object) (object, error) {
	change, err := g.whole(raw)
	if err != nil {
		return nil, err
	}
	made, err := g.h.Admin.CreateRoleOfMembers(ctx, who, who.Project, change)
	if err != nil {
		return nil, err
	}
	return g.withMembers(ctx, who, made)
}

// whole is the change that makes a role what a resource says.
func (g groups) whole(raw object) (admin.RoleChange, error) {
	doc, err := g.kind.normal(raw)
	if err != nil {
		return admin.RoleChange{}, err
	}
	change := admin.RoleChange{Members: map[string]bool{}, Only: true}
	change.Name, change.ExternalID = new(textAt(doc, path{name: attrDisplayName})), new(textAt(doc, path{name: attrExternalID}))
	list, _ := doc[attrMembers].([]any)
	return change, setMembers(change.Members, list, true)
}

// setMembers notes members that a role is given to, or taken from.
func setMembers(members map[string]bool, list []any, has bool) error {
	for _, one := range list {
		entry, _ := one.(object)
		id, _ := entry[subValue].(string)
		kind, typed := entry[subType].(string)
		switch {
		case id == "":
			return refuse(invalidValue, "members: value is required")
		case typed && kind != "User":
			return refuse(invalidValue, "members: A member is a User")
		}
		members[id] = has
	}
	return nil
}

func (g groups) withMembers(ctx context.Context, who caller.Caller, role admin.RoleOfMembers) (object, error) {
	roles := []admin.RoleOfMembers{role}
	if err := g.h.Admin.WithMembers(ctx, who, who.Project, roles); err != nil {
		return nil, err
	}
	return g.doc(roles[0]), nil
}

func (g groups) read(ctx context.Context, who caller.Caller, id string, chosen choice) (object, error) {
	found, _, err := g.h.Admin.SelectRoles(ctx, who, who.Project, repo.Selection{Where: store.IDIn{id}, Limit: 1})
	switch {
	case err != nil:
		return nil, err
	case len(found) == 0:
		return nil, outcome.New(outcome.NotFound, "")
	case !chosen.wants(attrMembers) && !chosen.wants(attrMeta):
		return g.doc(found[0]), nil
	}
	return g.withMembers(ctx, who, found[0])
}

func (g groups) replace(ctx context.Context, who caller.Caller, id, tag string, raw object) (object, error) {
	change, err := g.whole(raw)
	if err != nil {
		return nil, err
	}
	changed, err := g.h.Admin.ChangeRole(ctx, who, who.Project, id, tag, change)
	if err != nil {
		return nil, err
	}
	return g.withMembers(ctx, who, changed)
}

// patch answers nothing: who is in a large group need not be read to change one of them.
func (g groups) patch(ctx context.Context, who caller.Caller, id, tag string, raw object) (object, error) {
	change, err := g.change(raw)
	if err != nil {
		return nil, err
	}
	_, err = g.h.Admin.ChangeRole(ctx, who, who.Project, id, tag, change)
	return nil, err
}

// change is what a PatchOp makes of a role.
func (g groups) change(raw object) (admin.RoleChange, error) {
	change := admin.RoleChange{Members: map[string]bool{}}
	operations, err := g.kind.operations(raw)
	if err != nil {
		return change, err
	}
	for _, op := range operations {
		if err := g.note(&change, op); err != nil {
			return change, err
		}
	}
	return change, nil
}

// note adds an operation to a change.
func (g groups) note(change *admin.RoleChange, op operation) error {
	at := op.path.path
	switch at.name {
	case attrMembers:
		return g.noteMembers(change, op)
	case attrDisplayName, attrExternalID:
		a, _, _ := g.kind.attribute(at)
		text := ""
		if op.op != opRemove {
			value, err := normalValue(a, op.value, at.name)
			if err != nil {
				return err
			}
			text, _ = value.(string)
		}
		if at.name == attrExternalID {
			change.ExternalID = &text
			return nil
		}
		if text == "" {
			return refuse(invalidValue, "displayName: Required")
		}
		change.Name = &text
		return nil
	}
	if op.within {
		return nil
	}
	return refuse(mutability, "%s is read-only", at)
}

func (g groups) noteMembers(change *admin.RoleChange, op operation) error {
	a, _, _ := g.kind.attribute(op.path.path)
	if op.path.values != nil {
		ids, ok := memberIDs(op.path.values)
		if !ok || op.path.sub != "" || op.op != opRemove {
			return refuse(invalidPath, `members[value eq "id"] can be removed, and nothing else of it changed`)
		}
		return setMembers(change.Members, ids, false)
	}
	if op.path.sub != "" {
		return refuse(mutability, "A member is added or removed as a whole")
	}
	if op.op == opReplace || op.op == opRemove && op.value == nil {
		clear(change.Members)
		change.Only = true
	}
	value, err := normalValue(a, op.value, attrMembers)
	if err != nil {
		return err
	}
	list, _ := value.([]any)
	return setMembers(change.Members, list, op.op != opRemove)
}

// memberIDs are the members that a filter names, one by one.
func memberIDs(e expression) ([]any, bool) {
	switch e := e.(type) {
	case either:
		left, ok := memberIDs(e.left)
		right, also := memberIDs(e.right)
		return append(left, right...), ok && also
	case folded:
		return memberIDs(e.comparison)
	case comparison:
		if e.op == "eq" && e.path.name == subValue {
			return []any{object{subValue: e.value}}, true
		}
	}
	return nil, false
}

func (g groups) delete(ctx context.Context, who caller.Caller, id, tag string) error {
	return g.h.Admin.DeleteRoleOfMembers(ctx, who, who.Project, id, tag)
}

func (g groups) list(ctx context.Context, who caller.Caller, q query) ([]object, int, error) {
	if !findsMembers(q.filter, false) || q.sortBy != nil && q.sortBy.name == attrMembers {
		return nil, 0, refuse(invalidFilter, `Of members a filter can tell value eq "id" alone, and an order nothing`)
	}
	rolesOf, err := g.rolesOf(ctx, who, q)
	if err != nil {
		return nil, 0, err
	}
	sort, sorted := groupSort(q)
	var found []admin.RoleOfMembers
	docs, total, err := q.page(groupTerms(rolesOf), sort, sorted, func(predicate store.Predicate, sort []store.Sort, offset, limit int) (docs []object, total int, err error) {
		found, total, err = g.h.Admin.SelectRoles(ctx, who, who.Project, repo.Selection{Where: predicate, Sort: sort, Offset: offset, Limit: limit})
		for _, role := range found {
			doc := g.doc(role)
			setList(doc, attrMembers, membersOf(rolesOf, role.ID))
			docs = append(docs, doc)
		}
		return docs, total, err
	})
	if err != nil {
		return nil, 0, err
	}
	return docs, total, g.fill(ctx, who, q, docs, found)
}

// fill has the resources of a page say their members, if they are to.
func (g groups) fill(ctx context.Context, who caller.Caller, q query, docs []object, found []admin.RoleOfMembers) error {
	byID := map[string]admin.RoleOfMembers{}
	for _, role := range found {
		byID[role.ID] = role
	}
	page := make([]admin.RoleOfMembers, len(docs))
	for i, doc := range docs {
		page[i] = byID[textAt(doc, path{name: attrID})]
	}
	if q.chosen.wants(attrMembers) {
		if err := g.h.Admin.WithMembers(ctx, who, who.Project, page); err != nil {
			return err
		}
	}
	for i, role := range page {
		docs[i] = g.doc(role)
	}
	return nil
}

// findsMembers says whether a filter asks of members only who is one: who they all are is not read for it.
func findsMembers(e expression, within bool) bool {
	switch e := e.(type) {
	case both:
		return findsMembers(e.left, within) && findsMembers(e.right, within)
	case either:
		return findsMembers(e.left, within) && findsMembers(e.right, within)
	case not:
		return !within && findsMembers(e.of, false)
	case some:
		return e.path.name != attrMembers || findsMembers(e.of, true)
	case folded:
		return findsMembers(e.comparison, within)
	case comparison:
		part := e.path.sub
		if within {
			part = e.path.name
		}
		return !within && e.path.name != attrMembers || e.op == "eq" && e.value != nil && (part == subValue || part == "")
	}
	return true
}

// rolesOf are the roles of the users whom a filter names as members.
func (g groups) rolesOf(ctx context.Context, who caller.Caller, q query) (map[string][]string, error) {
	named := equals(q.filter, attrMembers)
	if len(named) > maxNamed {
		return nil, refuse(invalidFilter, "A filter names at most %d members", maxNamed)
	}
	roles := map[string][]string{}
	for _, id := range named {
		user, err := g.h.Admin.ReadUser(ctx, who, who.Project, id)
		if outcome.Has(err, outcome.NotFound) || outcome.Has(err, outcome.Gone) {
			continue
		}
		if err != nil {
			return nil, err
		}
		for _, role := range user.Roles {
			roles[id] = append(roles[id], role.ID)
		}
	}
	return roles, nil
}

// membersOf are those of the users named who have a role, so that a filter that names them holds.
func membersOf(rolesOf map[string][]string, role string) (members []any) {
	for id, roles := range rolesOf {
		for _, one := range roles {
			if one == role {
				members = append(members, object{subValue: id})
			}
		}
	}
	return members
}

// groupSort is userSort for roles.
func groupSort(q query) ([]store.Sort, bool) {
	if q.sortBy == nil {
		return nil, true
	}
	switch q.sortBy.String() {
	case attrID:
		return []store.Sort{{Param: "_id", Desc: q.descending}}, true
	case attrMeta + ".lastModified":
		return []store.Sort{{Param: "_lastUpdated", Desc: q.descending}}, true
	case attrDisplayName:
		return []store.Sort{admin.ByRoleName(q.descending)}, true
	}
	return nil, false
}
