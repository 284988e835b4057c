package authing

import (
	"context"
	"strings"

	"github.com/admitdev/admit/admin"
)

// policyPrefix begins the names of the roles that policies are.
const policyPrefix = "Authing policy "

func policyName(namespace, code string) string {
	if namespace == "" {
		namespace = defaultNamespace
	}
	return policyPrefix + namespace + ":" + code
}

func isPolicy(name string) bool { return strings.HasPrefix(name, policyPrefix) }

// policyCode is the reverse of policyName.
func policyCode(name string) (namespace, code string) {
	namespace, code, _ = strings.Cut(strings.TrimPrefix(name, policyPrefix), ":")
	return namespace, code
}

func errNoPolicy(code string) *failure {
	return &failure{Code: codeNotFound, Message: "Policy " + code + " does not exist"}
}

func createPolicy(ctx context.Context, f *field) (any, error) {
	code, namespace, statements := f.args.text("code"), f.args.text("namespace"), f.args.objects("statements")
	switch {
	case code == "":
		return nil, refuse("code", "required")
	case strings.Contains(namespace, ":"):
		return nil, refuse("namespace", "without a colon")
	case len(statements) == 0:
		return nil, refuse("statements", "one at least is expected")
	}
	made, err := f.client.CreateRole(ctx, f.client.who, f.client.pool(), admin.RoleDraft{
		Name: policyName(namespace, code), Description: f.args.text("description"), Statements: marshal(f.args["statements"]),
	})
	if err != nil {
		return nil, err
	}
	namespace, code = policyCode(made.Name)
	return object{
		"namespace": namespace, "code": code, "isDefault": false, "description": orNull(f.args.text("description")), "statements": statementsShown(statements),
		"createdAt": since(made.ID), "updatedAt": since(made.ID), "assignmentsCount": 0,
	}, nil
}

// statementsShown are statements as they were written.
func statementsShown(statements []arguments) []object {
	shown := make([]object, len(statements))
	for i, statement := range statements {
		shown[i] = object(statement)
		if statement.has("condition") {
			var conditions []object
			for _, condition := range statement.objects("condition") {
				conditions = append(conditions, object(condition))
			}
			shown[i]["condition"] = conditions
		}
	}
	return shown
}

// policy is the role that a policy is.
func (s session) policy(ctx context.Context, namespace, code string) (admin.Role, error) {
	role, err := s.ReadRole(ctx, s.who, s.pool(), policyName(namespace, code))
	return role, of(err, errNoPolicy(code))
}

func deletePolicy(ctx context.Context, f *field) (any, error) {
	role, err := f.client.policy(ctx, f.args.text("namespace"), f.args.text("code"))
	if err != nil {
		return nil, err
	}
	return done(), f.client.DeleteRoleOfMembers(ctx, f.client.who, f.client.pool(), role.ID, "")
}

func addPolicyAssignments(ctx context.Context, f *field) (any, error) {
	if f.args.flag("inheritByChildren") {
		return nil, unsupported("inheritByChildren")
	}
	return f.policies(ctx, f.client.give)
}

func removePolicyAssignments(ctx context.Context, f *field) (any, error) {
	return f.policies(ctx, f.client.take)
}

func (f *field) policies(ctx context.Context, change changeOfRoles) (any, error) {
	if err := onlyUsers(f.args); err != nil {
		return nil, err
	}
	codes, ids := f.args.texts("policies"), f.args.texts("targetIdentifiers")
	if err := some(codes, "policies"); err != nil {
		return nil, err
	}
	if err := f.client.known(ctx, "targetIdentifiers", ids); err != nil {
		return nil, err
	}
	names := make([]string, len(codes))
	for i, code := range codes {
		role, err := f.client.policy(ctx, f.args.text("namespace"), code)
		if err != nil {
			return nil, err
		}
		names[i] = role.Name
	}
	return done(), f.client.changeRoles(ctx, names, ids, change)
}

// onlyUsers refuses policies of whom there are none here.
func onlyUsers(args arguments) error {
	if kind := args.text("targetType"); kind != "" && kind != "USER" {
		return unsupported("targetType " + kind)
	}
	return nil
}

// policyAssignments are the policies of a user, or the users of a policy.
func policyAssignments(ctx context.Context, f *field) (any, error) {
	if err := onlyUsers(f.args); err != nil {
		return nil, err
	}
	offset, limit, err := f.args.page()
	if err != nil {
		return nil, err
	}
	if id := f.args.text("targetIdentifier"); id != "" {
		u, err := f.client.ReadUser(ctx, f.client.who, f.client.pool(), id)
		if err != nil {
			return nil, of(err, errNoUser)
		}
		list := policiesOf(u, f.args.text("namespace"), f.args.text("code"))
		begin := min(offset, len(list))
		return listed(len(list), list[begin:min(begin+limit, len(list))]), nil
	}
	code := f.args.text("code")
	if code == "" {
		return nil, refuse("code", "a policy or a user is expected")
	}
	role, err := f.client.policy(ctx, f.args.text("namespace"), code)
	if err != nil {
		return nil, err
	}
	users, total, err := f.client.searchUsers(ctx, f.args, admin.UserQuery{Role: role.ID}, nil)
	list := make([]object, len(users))
	for i, u := range users {
		list[i] = assignment(code, u.ID)
	}
	return listed(total, list), err
}

// policiesOf are the policies of a user, all or those of a namespace or a code.
func policiesOf(u admin.User, namespace, code string) []object {
	list := []object{}
	for _, role := range u.Roles {
		its, is := policyCode(role.Name)
		if isPolicy(role.Name) && (namespace == "" || namespace == its) && (code == "" || code == is) {
			list = append(list, assignment(is, u.ID))
		}
	}
	return list
}

func assignment(code, user string) object {
	return object{"code": code, "targetType": "USER", "targetIdentifier": user}
}
