package authing

import (
	"context"
	"slices"
	"strings"

	"github.com/admitdev/admit/admin"
)

func groupShown(g admin.UserGroup) object {
	return object{"id": g.ID, "code": g.Code, "name": g.Name, "description": orNull(g.Description), "createdAt": since(g.ID), "updatedAt": since(g.ID)}
}

func orNull(text string) any {
	if text == "" {
		return nil
	}
	return text
}

func groupsOf(u admin.User) object {
	list := make([]object, len(u.Groups))
	for i, g := range u.Groups {
		list[i] = groupShown(g)
	}
	return listed(len(list), list)
}

// defaultNamespace is that of roles whose name is their code alone.
const defaultNamespace = "default"

// roleName is the name of the AccessPolicy that a role is.
func roleName(namespace, code string) string {
	if namespace == "" || namespace == defaultNamespace {
		return code
	}
	return namespace + ":" + code
}

// roleCode is the reverse of roleName.
func roleCode(name string) (namespace, code string) {
	namespace, code, found := strings.Cut(name, ":")
	if !found || namespace == "" || namespace == defaultNamespace || code == "" {
		return defaultNamespace, name
	}
	return namespace, code
}

func roleShown(pool string, r admin.UserRole) object {
	namespace, code := roleCode(r.Name)
	return object{
		"id": r.ID, "namespace": namespace, "code": code, "name": code, "arn": arn(pool, "role", code), "description": orNull(r.Description),
		"createdAt": since(r.ID), "updatedAt": since(r.ID), "parent": nil,
	}
}

// rolesOf are roles, all or those of a namespace, without those that are policies.
func rolesOf(pool string, roles []admin.UserRole, namespace string) object {
	list := []object{}
	for _, r := range roles {
		if isPolicy(r.Name) {
			continue
		}
		if shown := roleShown(pool, r); namespace == "" || namespace == shown["namespace"] {
			list = append(list, shown)
		}
	}
	return listed(len(list), list)
}

// given leaves a user the roles that somebody gave: what everybody has whom nobody gave one is none.
func (s session) given(ctx context.Context, u admin.User) (admin.User, error) {
	everybodys, err := s.DefaultRoles(ctx, s.who, s.pool())
	u.Roles = slices.DeleteFunc(u.Roles, func(r admin.UserRole) bool { return everybodys[r.ID] })
	return u, err
}

func createGroup(ctx context.Context, f *field) (any, error) {
	made, err := f.client.makeGroup(ctx, f.args)
	return made, err
}

func (s session) makeGroup(ctx context.Context, args arguments) (object, error) {
	made, err := s.CreateGroup(ctx, s.who, s.pool(), admin.GroupFields{Code: args.text("code"), Name: args.text("name"), Description: args.text("description")})
	return groupShown(made), err
}

func deleteGroups(ctx context.Context, f *field) (any, error) {
	return done(), f.client.dropGroups(ctx, f.args.texts("codeList"))
}

func (s session) dropGroups(ctx context.Context, codes []string) error {
	return each(codes, "codeList", func(code string) error {
		return of(s.DeleteGroup(ctx, s.who, s.pool(), code, ""), errNoGroup(code))
	})
}

func errNoGroup(code string) *failure {
	return &failure{Code: codeNoGroup, Message: "Group " + code + " does not exist"}
}

func createRole(ctx context.Context, f *field) (any, error) {
	made, err := f.client.makeRole(ctx, f.args)
	return made, err
}

// makeRole makes a role that gives nothing until somebody writes what into its AccessPolicy.
func (s session) makeRole(ctx context.Context, args arguments) (object, error) {
	name, description := roleName(args.text("namespace"), args.text("code")), args.text("description")
	switch {
	case args.text("parent") != "":
		return nil, unsupported("parent")
	case isPolicy(name):
		return nil, refuse("namespace", "it is that of policies")
	}
	made, err := s.CreateRole(ctx, s.who, s.pool(), admin.RoleDraft{Name: name, Description: description})
	return roleShown(s.pool(), admin.UserRole{ID: made.ID, Name: made.Name, Description: description}), err
}

func deleteRole(ctx context.Context, f *field) (any, error) {
	return done(), f.client.dropRoles(ctx, f.args.text("namespace"), "code", []string{f.args.text("code")})
}

func deleteRoles(ctx context.Context, f *field) (any, error) {
	return done(), f.client.dropRoles(ctx, f.args.text("namespace"), "codeList", f.args.texts("codeList"))
}

func (s session) dropRoles(ctx context.Context, namespace, field string, codes []string) error {
	return each(codes, field, func(code string) error {
		return of(s.DeleteRole(ctx, s.who, s.pool(), roleName(namespace, code)), errNoRole(code))
	})
}

func errNoRole(code string) *failure {
	return &failure{Code: codeNotFound, Message: "Role " + code + " does not exist"}
}

// maxMany is how many users, groups or roles one mutation may be about.
const maxMany = 100

// each does something for each name, in order, up to the first that fails.
func each(names []string, field string, do func(string) error) error {
	if err := some(names, field); err != nil {
		return err
	}
	for _, name := range names {
		if err := do(name); err != nil {
			return err
		}
	}
	return nil
}

func some(names []string, field string) error {
	if len(names) == 0 || len(names) > maxMany {
		return refuse(field, "between 1 and 100 are expected")
	}
	return nil
}

// known wants all the users to be there, so that nothing is done for some of them only.
func (s session) known(ctx context.Context, field string, ids []string) error {
	if err := some(ids, field); err != nil {
		return err
	}
	found, err := s.ReadUsers(ctx, s.who, s.pool(), ids)
	if err != nil {
		return err
	}
	there := map[string]bool{}
	for _, u := range found {
		there[u.ID] = true
	}
	for _, id := range ids {
		if !there[id] {
			return &failure{Code: codeNoUser, Message: "User " + id + " does not exist"}
		}
	}
	return nil
}

// kick ends the sessions of users who are all there.
func (s session) kick(ctx context.Context, ids []string) error {
	if err := s.known(ctx, "userIds", ids); err != nil {
		return err
	}
	for _, id := range ids {
		if err := s.EndSessions(ctx, s.who, s.pool(), id); err != nil {
			return of(err, errNoUser)
		}
	}
	return nil
}
