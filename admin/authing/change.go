package authing

import (
	"context"

	"github.com/admitdev/admit/admin"
)

// profileType is that of the users that a dialect makes: the one with the fewest rights.
const profileType = "Patient"

func createUser(ctx context.Context, f *field) (any, error) {
	info := f.args.object("userInfo")
	draft, err := f.client.draft(ctx, info, true)
	if err != nil {
		return nil, err
	}
	if identity := f.args.object("identity"); identity != nil {
		draft.Properties[keptPrefix+"identities"] = marshal([]any{identity})
	}
	for _, option := range []string{"params", "resetPasswordOnFirstLogin"} {
		if f.args.text(option) != "" || f.args.flag(option) {
			draft.Properties[keptPrefix+option] = marshal(f.args[option])
		}
	}
	made, err := f.client.CreateUser(ctx, f.client.who, f.client.pool(), draft)
	return shown(f.client.pool(), made), err
}

// draft is a user that is to be made.
func (s session) draft(ctx context.Context, info arguments, encrypted bool) (admin.UserDraft, error) {
	in, err := fields(info)
	if err != nil {
		return admin.UserDraft{}, err
	}
	for name, value := range in.Properties {
		if string(value) == "null" {
			delete(in.Properties, name)
		}
	}
	if in.Password, err = s.password(ctx, info, encrypted); err != nil {
		return admin.UserDraft{}, err
	}
	return admin.UserDraft{UserFields: in, ProfileType: profileType}, nil
}

// password is the one that is given, in the plain; nil when there is none.
func (s session) password(ctx context.Context, info arguments, encrypted bool) (*string, error) {
	given := info.text("password")
	if given == "" || !encrypted {
		return orNil(given), nil
	}
	envelope, err := s.PasswordEnvelope(ctx, s.pool())
	if err != nil {
		return nil, err
	}
	plain, err := envelope.Open(given)
	if err != nil {
		return nil, errEncryption
	}
	return &plain, nil
}

func orNil(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}

func updateUser(ctx context.Context, f *field) (any, error) {
	u, err := f.client.update(ctx, f.args.text("id"), f.args.object("input"), true)
	return shown(f.client.pool(), u), err
}

// update changes a user. To let their tokens have run out is to end their sessions.
func (s session) update(ctx context.Context, id string, input arguments, encrypted bool) (admin.User, error) {
	in, err := fields(input)
	if err != nil {
		return admin.User{}, err
	}
	if in.Password, err = s.password(ctx, input, encrypted); err != nil {
		return admin.User{}, err
	}
	u, err := s.UpdateUser(ctx, s.who, s.pool(), id, "", in)
	if err != nil {
		return admin.User{}, of(err, errNoUser)
	}
	if ends, _ := moment(input, "tokenExpiredAt"); !ends.IsZero() && ends.Before(s.Clock.Now()) { // fields has seen that it is a time
		err = s.EndSessions(ctx, s.who, s.pool(), id)
	}
	return u, err
}

func deleteUser(ctx context.Context, f *field) (any, error) {
	err := f.client.DeleteUser(ctx, f.client.who, f.client.pool(), f.args.text("id"))
	return done(), of(err, errNoUser)
}

func deleteUsers(ctx context.Context, f *field) (any, error) {
	return done(), f.client.deleteMany(ctx, "ids", f.args.texts("ids"))
}

// deleteMany deletes users who are all there, each for itself.
func (s session) deleteMany(ctx context.Context, field string, ids []string) error {
	if err := s.known(ctx, field, ids); err != nil {
		return err
	}
	results, err := s.DeleteUsers(ctx, s.who, s.pool(), ids)
	for _, result := range results {
		if result.Refused != nil {
			return result.Refused
		}
	}
	return err
}

// changeGroup lets users join or quit a group.
func (s session) changeGroup(ctx context.Context, code string, ids []string, change func(ctx context.Context, id, group string) (admin.User, error)) error {
	if err := s.known(ctx, "userIds", ids); err != nil {
		return err
	}
	group, err := s.ReadGroup(ctx, s.who, s.pool(), code)
	if err != nil {
		return of(err, errNoGroup(code))
	}
	for _, id := range ids {
		if _, err := change(ctx, id, group.ID); err != nil {
			return of(err, errNoUser)
		}
	}
	return nil
}

func (s session) join(ctx context.Context, id, group string) (admin.User, error) {
	return s.JoinGroup(ctx, s.who, s.pool(), id, group)
}

func (s session) quit(ctx context.Context, id, group string) (admin.User, error) {
	return s.QuitGroup(ctx, s.who, s.pool(), id, group)
}

func addUserToGroup(ctx context.Context, f *field) (any, error) {
	return done(), f.client.changeGroup(ctx, f.args.text("code"), f.args.texts("userIds"), f.client.join)
}

func removeUserFromGroup(ctx context.Context, f *field) (any, error) {
	return done(), f.client.changeGroup(ctx, f.args.text("code"), f.args.texts("userIds"), f.client.quit)
}

// changeOfRoles gives a user roles or takes them away.
type changeOfRoles func(ctx context.Context, id string, roles []string) (admin.User, error)

// changeRoles gives users roles or takes them away.
func (s session) changeRoles(ctx context.Context, names, ids []string, change changeOfRoles) error {
	if err := some(names, "roleCodes"); err != nil {
		return err
	}
	if err := s.known(ctx, "userIds", ids); err != nil {
		return err
	}
	roles := make([]string, len(names))
	for i, name := range names {
		role, err := s.ReadRole(ctx, s.who, s.pool(), name)
		if err != nil {
			return of(err, errNoRole(name))
		}
		roles[i] = role.ID
	}
	for _, id := range ids {
		if _, err := change(ctx, id, roles); err != nil {
			return of(err, errNoUser)
		}
	}
	return nil
}

func (s session) give(ctx context.Context, id string, roles []string) (admin.User, error) {
	return s.AddRoles(ctx, s.who, s.pool(), id, roles)
}

func (s session) take(ctx context.Context, id string, roles []string) (admin.User, error) {
	return s.RemoveRoles(ctx, s.who, s.pool(), id, roles)
}

func assignRole(ctx context.Context, f *field) (any, error) {
	return f.roles(ctx, f.client.give)
}

func revokeRole(ctx context.Context, f *field) (any, error) {
	return f.roles(ctx, f.client.take)
}

func (f *field) roles(ctx context.Context, change changeOfRoles) (any, error) {
	for _, target := range []string{"groupCodes", "nodeCodes"} {
		if len(f.args.texts(target)) > 0 {
			return nil, unsupported(target)
		}
	}
	codes := f.args.texts("roleCodes")
	if one := f.args.text("roleCode"); one != "" {
		codes = append(codes, one)
	}
	names := make([]string, len(codes))
	for i, code := range codes {
		names[i] = roleName(f.args.text("namespace"), code)
	}
	return done(), f.client.changeRoles(ctx, names, f.args.texts("userIds"), change)
}
