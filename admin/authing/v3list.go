package authing

import (
	"context"
	"slices"

	"github.com/admitdev/admit/admin"
)

// maxLimitV3 is the longest page of version 3.
const maxLimitV3 = 50

// pageV3 is which part of a list a client asks for.
func pageV3(in arguments) (arguments, error) {
	_, limit, err := in.page()
	if err == nil && limit > maxLimitV3 {
		err = refuse("limit", "between 1 and 50")
	}
	return in, err
}

func listUsersV3(ctx context.Context, s session, in arguments) (any, error) {
	options := in.object("options")
	switch {
	case in.has("searchQuery"):
		return nil, unsupported("searchQuery")
	case len(options.objects("sort")) > 0:
		return nil, unsupported("options.sort")
	}
	at, err := pageV3(options.object("pagination"))
	if err != nil {
		return nil, err
	}
	q := admin.UserQuery{Search: in.text("keywords")}
	filters := in.objects("advancedFilter")
	if len(filters) == 0 {
		return s.pageOfUsers(ctx, at, q, options.texts("fuzzySearchOn"), options)
	}
	names := arguments{}
	for _, filter := range filters {
		if err := filterBy(filter, &q, names); err != nil {
			return nil, err
		}
	}
	if len(names) == 0 {
		return s.pageOfUsers(ctx, at, q, options.texts("fuzzySearchOn"), options)
	}
	if q.Search != "" {
		return nil, refuse("advancedFilter", "not together with keywords")
	}
	u, ok, err := s.find(ctx, names)
	if err != nil || !ok || q.Status != "" && u.Status != q.Status {
		return listed(0, []object{}), err
	}
	return listed(1, s.listV3([]admin.User{u}, options)), nil
}

// filterBy narrows by what a filter says: an exact name, or the status.
func filterBy(filter arguments, q *admin.UserQuery, names arguments) error {
	field, operator, value := filter.text("field"), filter.text("operator"), filter.text("value")
	switch {
	case operator != "EQUAL":
		return unsupported("advancedFilter operator " + operator)
	case value == "":
		return refuse("advancedFilter", "a text is expected as value")
	case field == "status":
		return statusQuery(value, q)
	case !slices.Contains([]string{"email", "phone", "username", "externalId"}, field):
		return unsupported("advancedFilter field " + field)
	case names.has(field):
		return refuse("advancedFilter", field+" stands there twice")
	}
	names[field] = value
	return nil
}

func statusQuery(value string, q *admin.UserQuery) error {
	switch value {
	case activated:
		q.Status = admin.StatusActive
	case suspended:
		q.Status = admin.StatusBlocked
	default:
		return unsupported("status " + value)
	}
	return nil
}

// pageOfUsers is a page of those who are found.
func (s session) pageOfUsers(ctx context.Context, at arguments, q admin.UserQuery, fields []string, with arguments) (any, error) {
	users, total, err := s.searchUsers(ctx, at, q, fields)
	if err != nil {
		return nil, err
	}
	return listed(total, s.listV3(users, with)), nil
}

func listUsersLegacyV3(ctx context.Context, s session, in arguments) (any, error) {
	var q admin.UserQuery
	for _, filter := range []string{"departmentIds", "notInGroup", "loggedInApp"} {
		if in.has(filter) {
			return nil, unsupported(filter)
		}
	}
	if status := in.text("status"); status != "" {
		if err := statusQuery(status, &q); err != nil {
			return nil, err
		}
	}
	at, err := pageV3(in)
	if err != nil {
		return nil, err
	}
	return s.pageOfUsers(ctx, at, q, nil, in)
}

func getUserGroupsV3(ctx context.Context, s session, in arguments) (any, error) {
	u, err := s.readV3(ctx, in)
	return groupsOf(u), err
}

func getUserRolesV3(ctx context.Context, s session, in arguments) (any, error) {
	u, err := s.readV3(ctx, in)
	if err != nil {
		return nil, err
	}
	u, err = s.given(ctx, u)
	return rolesOf(s.pool(), u.Roles, in.text("namespace")), err
}

func createGroupV3(ctx context.Context, s session, in arguments) (any, error) {
	if in.has("customData") {
		return nil, unsupported("customData")
	}
	if kind := in.text("type"); kind != "" && kind != "static" {
		return nil, unsupported("type " + kind)
	}
	made, err := s.makeGroup(ctx, in)
	return made, err
}

func deleteGroupsV3(ctx context.Context, s session, in arguments) (any, error) {
	return succeeded(s.dropGroups(ctx, in.texts("codeList")))
}

func addMembersV3(ctx context.Context, s session, in arguments) (any, error) {
	return succeeded(s.changeGroup(ctx, in.text("code"), in.texts("userIds"), s.join))
}

func removeMembersV3(ctx context.Context, s session, in arguments) (any, error) {
	return succeeded(s.changeGroup(ctx, in.text("code"), in.texts("userIds"), s.quit))
}

func createRoleV3(ctx context.Context, s session, in arguments) (any, error) {
	if in.has("disableTime") {
		return nil, unsupported("disableTime")
	}
	made, err := s.makeRole(ctx, in)
	return made, err
}

func deleteRolesV3(ctx context.Context, s session, in arguments) (any, error) {
	return succeeded(s.dropRoles(ctx, in.text("namespace"), "codeList", in.texts("codeList")))
}

func assignRoleV3(ctx context.Context, s session, in arguments) (any, error) {
	for _, name := range []string{"endTime", "enableTime"} { // who gave it for a time must not give it for good
		if in.has(name) {
			return nil, unsupported(name)
		}
	}
	ids, err := targets(in)
	if err != nil {
		return nil, err
	}
	return succeeded(s.changeRoles(ctx, rolesAsked(in), ids, s.give))
}

func revokeRoleV3(ctx context.Context, s session, in arguments) (any, error) {
	ids, err := targets(in)
	if err != nil {
		return nil, err
	}
	return succeeded(s.changeRoles(ctx, rolesAsked(in), ids, s.take))
}

func rolesAsked(in arguments) []string {
	return []string{roleName(in.text("namespace"), in.text("code"))}
}

// targets are the users who are given a role or lose it.
func targets(in arguments) (ids []string, err error) {
	for _, target := range in.objects("targets") {
		if kind := target.text("targetType"); kind != "USER" {
			return nil, unsupported("targetType " + kind)
		}
		ids = append(ids, target.text("targetIdentifier"))
	}
	return ids, nil
}
