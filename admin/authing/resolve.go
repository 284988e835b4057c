package authing

import (
	"context"
	"slices"
	"strings"

	"github.com/admitdev/admit/admin"
	"github.com/admitdev/admit/fhir/index"
	"github.com/admitdev/admit/pkg/outcome"
)

type resolver func(ctx context.Context, f *field) (any, error)

// resolvers are what carries out each field of Query and Mutation, but for accessToken, which needs no
// client.
func resolvers() map[string]resolver {
	return map[string]resolver{
		"user": user, "userBatch": userBatch, "users": users, "archivedUsers": archivedUsers,
		"findUser": findUser, "searchUser": searchUser, "isUserExists": isUserExists, "udv": udv,
		"createUser": createUser, "updateUser": updateUser, "deleteUser": deleteUser, "deleteUsers": deleteUsers,
		"refreshToken": refreshToken, "createGroup": createGroup, "deleteGroups": deleteGroups,
		"addUserToGroup": addUserToGroup, "removeUserFromGroup": removeUserFromGroup,
		"createRole": createRole, "deleteRole": deleteRole, "deleteRoles": deleteRoles, "assignRole": assignRole, "revokeRole": revokeRole,
		"createPolicy": createPolicy, "deletePolicy": deletePolicy, "policyAssignments": policyAssignments,
		"addPolicyAssignments": addPolicyAssignments, "removePolicyAssignments": removePolicyAssignments,
		"setUdf": setUdf, "setUdv": setUdv, "setUdvBatch": setUdvBatch, "removeUdv": removeUdv,
	}
}

func user(ctx context.Context, f *field) (any, error) {
	u, err := f.client.ReadUser(ctx, f.client.who, f.client.pool(), f.args.text("id"))
	if err != nil {
		return nil, of(err, errNoUser)
	}
	u, err = f.client.given(ctx, u)
	return shown(f.client.pool(), u), err
}

func userBatch(ctx context.Context, f *field) (any, error) {
	found, err := f.client.batch(ctx, f.args.texts("ids"), f.args.text("type"))
	return f.client.show(found), err
}

func (s session) show(users []admin.User) []object {
	list := make([]object, len(users))
	for i, u := range users {
		list[i] = shown(s.pool(), u)
	}
	return list
}

// batch reads users by their ids, or by another name that each of them has. Those of nobody are left out.
func (s session) batch(ctx context.Context, ids []string, by string) ([]admin.User, error) {
	if err := some(ids, "ids"); err != nil {
		return nil, err
	}
	if by == "" || by == "id" {
		return s.ReadUsers(ctx, s.who, s.pool(), ids)
	}
	var found []admin.User
	for _, id := range ids {
		name, ok := named(by, id)
		if !ok {
			return nil, unsupported("type " + by)
		}
		u, err := s.FindUser(ctx, s.who, s.pool(), name)
		if outcome.Has(err, outcome.NotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		found = append(found, u)
	}
	return found, nil
}

// named is a name of a kind by which a user is found.
func named(kind, value string) (admin.UserName, bool) {
	switch kind {
	case "username":
		return admin.UserName{Login: value}, true
	case "email":
		return admin.UserName{Email: value}, true
	case "phone":
		return admin.UserName{Phone: value}, true
	case "externalId", "external_id":
		return admin.UserName{ExternalID: value}, true
	}
	return admin.UserName{}, false
}

func users(ctx context.Context, f *field) (any, error) {
	switch {
	case f.args.has("sortBy") && f.args.text("sortBy") != "CREATEDAT_ASC":
		return nil, unsupported("sortBy " + f.args.text("sortBy"))
	case f.args.flag("excludeUsersInOrg"):
		return nil, unsupported("excludeUsersInOrg")
	}
	return f.client.list(ctx, f.args, admin.UserQuery{})
}

// list is a page of users as version 2 shows them.
func (s session) list(ctx context.Context, args arguments, q admin.UserQuery, fields ...string) (any, error) {
	users, total, err := s.searchUsers(ctx, args, q, fields)
	if err != nil {
		return nil, err
	}
	return listed(total, s.show(users)), nil
}

// searchUsers is a page of the users who are found, of those whose words are in the fields if any are
// named, and how many there are.
func (s session) searchUsers(ctx context.Context, args arguments, q admin.UserQuery, fields []string) ([]admin.User, int, error) {
	offset, limit, err := args.page()
	if err != nil {
		return nil, 0, err
	}
	if len(fields) == 0 || q.Search == "" {
		q.Offset, q.Limit, q.Total = offset, limit, true
		page, err := s.ListUsers(ctx, s.who, s.pool(), q)
		if err != nil {
			return nil, 0, err
		}
		return page.Users, *page.Total, nil
	}
	for _, field := range fields {
		if !slices.Contains(searched, field) {
			return nil, 0, unsupported("fields " + field)
		}
	}
	found, err := s.all(ctx, q)
	if err != nil {
		return nil, 0, err
	}
	words := strings.Fields(index.Fold(q.Search))
	found = slices.DeleteFunc(found, func(u admin.User) bool { return !isIn(shown(s.pool(), u), fields, words) })
	return part(found, offset, limit), len(found), nil
}

// archivedUsers are those who were deleted.
func archivedUsers(ctx context.Context, f *field) (any, error) {
	offset, limit, err := f.args.page()
	if err != nil {
		return nil, err
	}
	all, err := f.client.all(ctx, admin.UserQuery{Status: admin.StatusDeleted})
	return listed(len(all), f.client.show(part(all, offset, limit))), err
}

// maxFiltered is how many users are looked through one by one.
const maxFiltered = 1000

// all are the users of a query, when they are not too many to be looked through.
func (s session) all(ctx context.Context, q admin.UserQuery) ([]admin.User, error) {
	q.Limit = maxFiltered
	page, err := s.ListUsers(ctx, s.who, s.pool(), q)
	if err == nil && page.Next != "" {
		err = refuse("query", "more than 1000 users match; name more words")
	}
	return page.Users, err
}

// part is a page of users that are known.
func part(all []admin.User, offset, limit int) []admin.User {
	begin := min(offset, len(all))
	return all[begin:min(begin+limit, len(all))]
}

func findUser(ctx context.Context, f *field) (any, error) {
	found, ok, err := f.client.find(ctx, f.args)
	if err != nil || !ok {
		return nil, err
	}
	return shown(f.client.pool(), found), nil
}

// find is the user with every name that is given.
func (s session) find(ctx context.Context, args arguments) (admin.User, bool, error) {
	if args.has("identity") {
		return admin.User{}, false, unsupported("identity")
	}
	var found admin.User
	given := false
	for _, kind := range []string{"email", "phone", "username", "externalId"} {
		if args.text(kind) == "" {
			continue
		}
		name, _ := named(kind, args.text(kind))
		u, err := s.FindUser(ctx, s.who, s.pool(), name)
		if outcome.Has(err, outcome.NotFound) || err == nil && given && u.ID != found.ID {
			return admin.User{}, false, nil
		}
		if err != nil {
			return admin.User{}, false, err
		}
		found, given = u, true
	}
	if !given {
		return admin.User{}, false, refuse("email", "one of email, phone, username and externalId is expected")
	}
	return found, true, nil
}

func isUserExists(ctx context.Context, f *field) (any, error) {
	_, ok, err := f.client.find(ctx, f.args)
	return ok, err
}

func searchUser(ctx context.Context, f *field) (any, error) {
	if f.args.has("departmentOpts") && len(f.args.objects("departmentOpts")) > 0 {
		return nil, unsupported("departmentOpts")
	}
	q := admin.UserQuery{Search: f.args.text("query")}
	groups, roles := f.args.objects("groupOpts"), f.args.objects("roleOpts")
	if len(groups) > 1 || len(roles) > 1 {
		return nil, refuse("groupOpts", "one group and one role at most")
	}
	for _, g := range groups {
		q.Group = g.text("code")
	}
	for _, r := range roles {
		q.Role = roleName(r.text("namespace"), r.text("code"))
	}
	return f.client.list(ctx, f.args, q, f.args.texts("fields")...)
}

// searched are the fields in which a search looks.
var searched = []string{"username", "nickname", "email", "phone", "company", "name", "givenName", "familyName", "externalId"}

// isIn says whether each word begins one of the fields' words.
func isIn(u object, fields, words []string) bool {
	var text []string
	for _, field := range fields {
		value, _ := u[field].(string)
		text = append(text, strings.FieldsFunc(index.Fold(value), func(r rune) bool { return strings.ContainsRune(" @.-_+", r) })...)
		text = append(text, index.Fold(value))
	}
	return !slices.ContainsFunc(words, func(word string) bool {
		return !slices.ContainsFunc(text, func(in string) bool { return strings.HasPrefix(in, word) })
	})
}

func refreshToken(ctx context.Context, f *field) (any, error) {
	token, err := f.client.IssueAccessToken(ctx, f.client.who, f.client.pool(), f.args.text("id"))
	f.echo.Response().Header().Set("Cache-Control", "no-store")
	return object{"token": token.Token, "iat": token.IssuedAt, "exp": token.ExpiresAt}, of(err, errNoUser)
}
