package admin

import (
	"encoding/json"
	"maps"
	"regexp"
	"strings"

	"github.com/admitdev/admit/fhir/medplum"
	"github.com/admitdev/admit/pkg/mail"
	"github.com/admitdev/admit/pkg/outcome"
)

// The limits of custom data.
const (
	maxCustomBytes = 64 << 10
	maxCustomNames = 200
)

var phoneForm = regexp.MustCompile(`^\+?[0-9]{6,20}$`)

// CanonicalPhone is a phone number as it is compared: without what people put between digits.
func CanonicalPhone(phone string) string {
	return strings.NewReplacer(" ", "", "-", "", "(", "", ")", "", ".", "", "/", "").Replace(phone)
}

// check brings the fields to the spelling in which they are compared and refuses what cannot be.
func (f *UserFields) check() error {
	for _, text := range []*string{f.Login, f.Email, f.Phone, f.ExternalID, f.Name, f.GivenName, f.FamilyName, f.Nickname, f.Company} {
		if text != nil {
			*text = strings.TrimSpace(*text)
		}
	}
	var fields outcome.Fields
	if f.Email != nil && *f.Email != "" {
		fields.Check(mail.ValidAddress(*f.Email), "email", "Valid email address is required")
		*f.Email = mail.Canonical(*f.Email)
	}
	if f.Phone != nil && *f.Phone != "" {
		*f.Phone = CanonicalPhone(*f.Phone)
		fields.Check(phoneForm.MatchString(*f.Phone), "phone", "A phone number has 6 to 20 digits")
	}
	for name, text := range map[string]*string{"login": f.Login, "externalId": f.ExternalID, "nickname": f.Nickname, "company": f.Company} {
		fields.Check(text == nil || isToken(*text), name, "At most 255 characters, without control characters")
	}
	for name, text := range map[string]*string{"name": f.Name, "givenName": f.GivenName, "familyName": f.FamilyName} {
		fields.Check(text == nil || *text == "" || isName(*text), name, "At most 128 characters, without control characters")
	}
	fields.Check(f.Status == "" || f.Status == StatusActive || f.Status == StatusBlocked, "status", "Status must be active or blocked")
	checkCustom(&fields, "properties", f.Properties)
	checkCustom(&fields, "customData", f.CustomData)
	return fields.Err()
}

func checkCustom(fields *outcome.Fields, name string, values map[string]json.RawMessage) {
	size := 0
	for key, value := range values {
		size += len(key) + len(value)
		fields.Check(key != "" && isToken(key), name, "A name has at most 255 characters, without control characters")
	}
	fields.Check(size <= maxCustomBytes && len(values) <= maxCustomNames, name, "At most 200 names and 64 kB")
}

// checkNames refuses what somebody is to sign in with that could be taken for another's: a login that
// looks like an address or a phone number is the user's own.
func checkNames(login, email, phone, externalID string) error {
	var fields outcome.Fields
	fields.Check(login+email+phone+externalID != "", "", "One of login, email, phone and externalId is required")
	fields.Check(!strings.Contains(login, "@") || strings.EqualFold(login, email), "login", "A login that is an address must be the user's own")
	fields.Check(!phoneForm.MatchString(login) || login == phone, "login", "A login that is a phone number must be the user's own")
	return fields.Err()
}

// over are the member's own data with the fields laid over them.
func (f *UserFields) over(member medplum.Member) (medplum.Member, error) {
	for _, set := range []struct {
		to   *string
		from *string
	}{
		{&member.Name, f.Name}, {&member.GivenName, f.GivenName}, {&member.FamilyName, f.FamilyName},
		{&member.Nickname, f.Nickname}, {&member.Company, f.Company},
	} {
		if set.from != nil {
			*set.to = *set.from
		}
	}
	member.Properties = mergeCustom(member.Properties, f.Properties)
	member.CustomData = mergeCustom(member.CustomData, f.CustomData)
	if f.SCIM != nil {
		member.SCIM = f.SCIM
	}
	var fields outcome.Fields
	checkCustom(&fields, "properties", member.Properties)
	checkCustom(&fields, "customData", member.CustomData)
	return member, fields.Err()
}

func mergeCustom(stored, given map[string]json.RawMessage) map[string]json.RawMessage {
	if len(given) == 0 {
		return stored
	}
	merged := maps.Clone(stored)
	if merged == nil {
		merged = map[string]json.RawMessage{}
	}
	for name, value := range given {
		if string(value) == "null" {
			delete(merged, name)
		} else {
			merged[name] = value
		}
	}
	return merged
}

// named says whether the fields change what the user is called.
func (f *UserFields) named() bool { return f.Name != nil || f.GivenName != nil || f.FamilyName != nil }

// callName is what somebody is called: the whole name, else its parts, else what they sign in with.
func callName(member medplum.Member, otherwise ...string) string {
	if member.Name != "" {
		return member.Name
	}
	if parts := strings.TrimSpace(member.GivenName + " " + member.FamilyName); parts != "" {
		return parts
	}
	for _, name := range otherwise {
		if name != "" {
			return name
		}
	}
	return ""
}

// nameParts are the parts of a name: those given, else the first word and the rest of the whole.
func nameParts(member medplum.Member) (first, last string) {
	if member.GivenName != "" || member.FamilyName != "" {
		return member.GivenName, member.FamilyName
	}
	first, last, _ = strings.Cut(member.Name, " ")
	return first, strings.TrimSpace(last)
}

func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
