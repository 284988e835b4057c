package authing

import (
	"context"
	"encoding/json"
	"strings"

	"github.com/admitdev/admit/admin"
)

// shownV3 is a user as version 3 shows it; the more only when it is asked for.
func shownV3(s session, u admin.User, with arguments) object {
	out := shown(s.pool(), u)
	out["userId"], out["lastIp"] = out["id"], out["lastIP"]
	for _, name := range []string{
		"id", "lastIP", "userPoolId", "arn", "password", "token", "tokenExpiredAt", "blocked", "isDeleted", "groups", "roles",
		"oauth", "openid", "unionid", "params", "resetPasswordOnFirstLogin",
	} {
		delete(out, name)
	}
	if !asked(with, "withIdentities") {
		delete(out, "identities")
	}
	if delete(out, "customData"); asked(with, "withCustomData") {
		out["customData"] = u.CustomData
	}
	return out
}

// asked is a flag, which in a query is a text.
func asked(with arguments, name string) bool { return with.flag(name) || with.text(name) == "true" }

// whole asks for all that was given, as the answers to changes show it.
var whole = arguments{"withCustomData": true}

// typesV3 are the fields of a user that version 2 does not have, or has in another type.
var typesV3 = map[string]string{"status": "String", "identityNumber": "String", "customData": "object", "identities": "array"}

// refusedV3 are fields that would mean something to Authing that there is nothing for.
var refusedV3 = []string{"tenantIds", "departmentIds", "otp", "salt", "metadataSource", "metadata"}

// checkV3 holds a user's fields to their names and types, which GraphQL does for version 2.
func checkV3(in arguments, input string) error {
	for _, name := range refusedV3 {
		if in.has(name) {
			return unsupported(name)
		}
	}
	for name, value := range in {
		if name == "options" || name == "userId" || value == nil {
			continue
		}
		expected, ok := typesV3[name]
		if !ok {
			field := schema.Types[input].Fields.ForName(name)
			if field == nil {
				return refuse(name, "unknown field")
			}
			expected = field.Type.String()
		}
		if !isOf(value, expected) {
			return refuse(name, "expected "+strings.Trim(expected, "[!]"))
		}
	}
	switch in.text("status") {
	case "", activated, suspended, "Resigned", "Archived", "Deactivated":
		return nil
	}
	return refuse("status", "unknown status")
}

// isOf says whether a value is of a type of the schema, or a kind of JSON.
func isOf(value any, expected string) bool {
	switch value := value.(type) {
	case string:
		return expected == "String"
	case bool:
		return expected == "Boolean"
	case json.Number:
		_, err := value.Int64()
		return expected == "Int" && err == nil
	case map[string]any:
		return expected == "object"
	case []any:
		return expected == "array" || expected == "[String!]" && len(arguments{"": value}.texts("")) == len(value)
	}
	return false
}

// encrypted says whether a password comes encrypted.
func encrypted(options arguments) (bool, error) {
	for _, name := range []string{"autoGeneratePassword", "sendNotification", "sendPasswordResetedNotification"} {
		if options.has(name) && options[name] != false {
			return false, unsupported("options." + name)
		}
	}
	switch options.text("passwordEncryptType") {
	case "", "none":
		return false, nil
	case "rsa":
		return true, nil
	}
	return false, unsupported("options.passwordEncryptType " + options.text("passwordEncryptType"))
}

func (s session) draftV3(ctx context.Context, in, options arguments) (admin.UserDraft, error) {
	if err := checkV3(in, "CreateUserInput"); err != nil {
		return admin.UserDraft{}, err
	}
	sealed, err := encrypted(options)
	if err != nil {
		return admin.UserDraft{}, err
	}
	draft, err := s.draft(ctx, without(in, "options"), sealed)
	if err == nil && options.flag("resetPasswordOnFirstLogin") {
		draft.Properties[keptPrefix+"resetPasswordOnFirstLogin"] = json.RawMessage("true")
	}
	return draft, err
}

func without(in arguments, names ...string) arguments {
	left := arguments{}
	for name, value := range in {
		left[name] = value
	}
	for _, name := range names {
		delete(left, name)
	}
	return left
}

func createUserV3(ctx context.Context, s session, in arguments) (any, error) {
	draft, err := s.draftV3(ctx, in, in.object("options"))
	if err != nil {
		return nil, err
	}
	made, err := s.CreateUser(ctx, s.who, s.pool(), draft)
	return shownV3(s, made, whole), err
}

// createUsersV3 makes users who are all well formed, each for itself; the first that cannot be made is
// told, with those that were.
func createUsersV3(ctx context.Context, s session, in arguments) (any, error) {
	list := in.objects("list")
	if len(list) == 0 || len(list) > maxMany {
		return nil, refuse("list", "between 1 and 100 are expected")
	}
	drafts := make([]admin.UserDraft, len(list))
	for i, one := range list {
		var err error
		if drafts[i], err = s.draftV3(ctx, one, in.object("options")); err != nil {
			return nil, err
		}
	}
	results, err := s.CreateUsers(ctx, s.who, s.pool(), drafts)
	made := []object{}
	for _, result := range results {
		if result.User != nil {
			made = append(made, shownV3(s, *result.User, whole))
		} else if err == nil {
			err = result.Refused
		}
	}
	return made, err
}

func updateUserV3(ctx context.Context, s session, in arguments) (any, error) {
	if err := checkV3(in, "UpdateUserInput"); err != nil {
		return nil, err
	}
	options := in.object("options")
	sealed, err := encrypted(options)
	if err != nil {
		return nil, err
	}
	id, err := s.idOf(ctx, in.text("userId"), options.text("userIdType"))
	if err != nil {
		return nil, err
	}
	u, err := s.update(ctx, id, without(in, "options", "userId"), sealed)
	return shownV3(s, u, whole), err
}

// idOf is the id of the user that a name of a kind means.
func (s session) idOf(ctx context.Context, value, kind string) (string, error) {
	if value == "" {
		return "", refuse("userId", "it is required")
	}
	if kind == "" || kind == "user_id" {
		return value, nil
	}
	name, ok := named(kind, value)
	if !ok {
		return "", unsupported("userIdType " + kind)
	}
	u, err := s.FindUser(ctx, s.who, s.pool(), name)
	return u.ID, of(err, errNoUser)
}

// idsOf are the ids of the users that are meant.
func (s session) idsOf(ctx context.Context, values []string, kind string) ([]string, error) {
	if err := some(values, "userIds"); err != nil {
		return nil, err
	}
	ids := make([]string, len(values))
	for i, value := range values {
		var err error
		if ids[i], err = s.idOf(ctx, value, kind); err != nil {
			return nil, err
		}
	}
	return ids, nil
}

// succeeded is the answer to a change that has nothing to show.
func succeeded(err error) (any, error) { return map[string]bool{"success": true}, err }

func deleteUsersV3(ctx context.Context, s session, in arguments) (any, error) {
	ids, err := s.idsOf(ctx, in.texts("userIds"), in.object("options").text("userIdType"))
	if err != nil {
		return nil, err
	}
	return succeeded(s.deleteMany(ctx, "userIds", ids))
}

func kickUsersV3(ctx context.Context, s session, in arguments) (any, error) {
	id, err := s.idOf(ctx, in.text("userId"), in.object("options").text("userIdType"))
	if err != nil {
		return nil, err
	}
	return succeeded(s.kick(ctx, []string{id}))
}

// readV3 reads the user that is asked for.
func (s session) readV3(ctx context.Context, in arguments) (admin.User, error) {
	id, err := s.idOf(ctx, in.text("userId"), in.text("userIdType"))
	if err != nil {
		return admin.User{}, err
	}
	u, err := s.ReadUser(ctx, s.who, s.pool(), id)
	return u, of(err, errNoUser)
}

func getUserV3(ctx context.Context, s session, in arguments) (any, error) {
	u, err := s.readV3(ctx, in)
	return shownV3(s, u, in), err
}

func getUsersV3(ctx context.Context, s session, in arguments) (any, error) {
	ids := in.texts("userIds")
	if one := in.text("userIds"); one != "" {
		ids = []string{one}
	}
	kind := in.text("userIdType")
	if kind == "user_id" {
		kind = ""
	}
	found, err := s.batch(ctx, ids, kind)
	return s.listV3(found, in), err
}

func (s session) listV3(users []admin.User, with arguments) []object {
	list := make([]object, len(users))
	for i, u := range users {
		list[i] = shownV3(s, u, with)
	}
	return list
}

func isUserExistsV3(ctx context.Context, s session, in arguments) (any, error) {
	_, ok, err := s.find(ctx, in)
	return map[string]bool{"exists": ok}, err
}
