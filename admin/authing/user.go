package authing

import (
	"encoding/json"
	"strings"
	"time"

	"github.com/admitdev/admit/admin"
	"github.com/admitdev/admit/pkg/clock"
	"github.com/admitdev/admit/pkg/outcome"
)

// keptPrefix begins the properties in which a user's fields are kept that mean nothing to Admit.
const keptPrefix = "authing."

// maxText is how long a text that is kept may be.
const maxText = 4096

// meaning are the fields that a service knows; the others are kept.
func meaning(in *admin.UserFields) map[string]**string {
	return map[string]**string{
		"username": &in.Login, "email": &in.Email, "phone": &in.Phone, "externalId": &in.ExternalID, "name": &in.Name,
		"givenName": &in.GivenName, "familyName": &in.FamilyName, "nickname": &in.Nickname, "company": &in.Company,
	}
}

// moments are fields that hold a time.
var moments = []string{"lastLogin", "signedUp", "tokenExpiredAt"}

// fields are a user's fields as the services take them. A null removes.
func fields(given arguments) (admin.UserFields, error) {
	in := admin.UserFields{Properties: map[string]json.RawMessage{}}
	for _, name := range moments {
		if _, err := moment(given, name); err != nil {
			return in, err
		}
	}
	known := meaning(&in)
	for name, value := range given {
		if text, ok := value.(string); ok && len(text) > maxText {
			return in, refuse(name, "too long")
		}
		switch target := known[name]; {
		case target != nil:
			text, _ := value.(string)
			*target = &text
		case name == "password", name == "blocked", name == "isDeleted", name == "customData":
		default:
			in.Properties[keptPrefix+name] = marshal(value)
		}
	}
	if in.Email != nil && !given.has("emailVerified") { // of another address nothing is known
		in.Properties[keptPrefix+"emailVerified"] = json.RawMessage("null")
	}
	if in.Phone != nil && !given.has("phoneVerified") {
		in.Properties[keptPrefix+"phoneVerified"] = json.RawMessage("null")
	}
	if in.Status = status(given); in.Status == admin.StatusActive {
		in.Properties[keptPrefix+"status"] = json.RawMessage("null")
	}
	in.CustomData = map[string]json.RawMessage{}
	for name, value := range given.object("customData") {
		in.CustomData[name] = marshal(value)
	}
	if given.flag("isDeleted") {
		return in, refuse("isDeleted", "a user is deleted by deleteUser")
	}
	return in, nil
}

// status is what blocked and the status of version 3 come to.
func status(given arguments) admin.Status {
	switch {
	case given.has("blocked") && given.flag("blocked"):
		return admin.StatusBlocked
	case given.has("blocked"), given.text("status") == activated:
		return admin.StatusActive
	case given.has("status"):
		return admin.StatusBlocked
	}
	return ""
}

const activated, suspended = "Activated", "Suspended"

// moment reads a time in ISO 8601; the zero time when there is none.
func moment(given arguments, name string) (time.Time, error) {
	text := given.text(name)
	if text == "" {
		return time.Time{}, nil
	}
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999", time.DateOnly} {
		if at, err := time.Parse(layout, text); err == nil {
			return at, nil
		}
	}
	return time.Time{}, refuse(name, "a time in ISO 8601 is expected")
}

// isoTime is how Authing writes times.
const isoTime = "2006-01-02T15:04:05.000Z"

func since(id string) any {
	if at, ok := clock.Of(id); ok {
		return at.Format(isoTime)
	}
	return nil
}

// shown is a user as version 2 shows it.
func shown(pool string, u admin.User) object {
	out := object{
		"gender": "U", "loginsCount": 0, "emailVerified": false, "phoneVerified": false, "identities": []object{},
		"lastLogin": nil, "lastIP": nil, "signedUp": nil, "photo": nil, "registerSource": nil,
	}
	for name, value := range u.Properties {
		if kept, ok := strings.CutPrefix(name, keptPrefix); ok {
			out[kept] = keptValue(value)
		}
	}
	for name, text := range map[string]string{
		"username": u.Login, "email": u.Email, "phone": u.Phone, "externalId": u.ExternalID, "name": u.Name,
		"givenName": u.GivenName, "familyName": u.FamilyName, "nickname": u.Nickname, "company": u.Company,
	} {
		if out[name] = any(nil); text != "" {
			out[name] = text
		}
	}
	if u.EmailVerified {
		out["emailVerified"] = true
	}
	out["id"], out["userPoolId"], out["arn"] = u.ID, pool, arn(pool, "user", u.ID)
	out["blocked"], out["isDeleted"] = u.Status != admin.StatusActive, u.Status == admin.StatusDeleted
	if u.Status == admin.StatusActive {
		out["status"] = activated
	} else if out["status"] == nil {
		out["status"] = suspended
	}
	out["password"], out["token"] = nil, nil
	out["createdAt"], out["updatedAt"] = since(u.ID), u.UpdatedAt.UTC().Format(isoTime)
	out["customData"] = customData(u)
	out["groups"] = groupsOf(u)
	out["roles"] = computed(func(a arguments) any { return rolesOf(pool, u.Roles, a.text("namespace")) })
	return out
}

func arn(pool, kind, id string) string { return "arn:cn:authing:" + pool + ":" + kind + ":" + id }

// keptValue is a value as it was written.
func keptValue(raw json.RawMessage) any {
	var list []map[string]any
	if json.Unmarshal(raw, &list) == nil && list != nil {
		objects := make([]object, len(list))
		for i, one := range list {
			objects[i] = one
		}
		return objects
	}
	return raw
}

// listed is a page of something.
func listed(total int, list []object) object { return object{"totalCount": total, "list": list} }

// done is what a mutation gives that has nothing to show.
func done() object { return object{"code": codeOK, "message": "ok"} }

// nobody says whether a user is not there.
func nobody(err error) bool {
	return outcome.Has(err, outcome.NotFound) || outcome.Has(err, outcome.Gone)
}
