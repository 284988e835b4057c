package admin

import (
	"encoding/json"
	"strings"

	"github.com/admitdev/admit/fhir/medplum"
	"github.com/admitdev/admit/pkg/mail"
	"github.com/admitdev/admit/pkg/outcome"
)

// Invitation is the body of an invite (contract §7.1).
type Invitation struct {
	ResourceType string            `json:"resourceType"` // of the profile
	FirstName    string            `json:"firstName"`
	LastName     string            `json:"lastName"`
	Email        string            `json:"email"`
	ExternalID   string            `json:"externalId"`
	Scope        string            `json:"scope"`
	Password     string            `json:"password"`
	SendEmail    *Flag             `json:"sendEmail"`
	MFARequired  bool              `json:"mfaRequired"`
	AccessPolicy json.RawMessage   `json:"accessPolicy"`
	Access       []json.RawMessage `json:"access"`
	Admin        *bool             `json:"admin"`
	// Membership is a partial ProjectMembership; what it says wins over the fields above. It is kept
	// as it was given, so that nothing of it is lost.
	Membership         map[string]json.RawMessage `json:"membership"`
	Upsert             bool                       `json:"upsert"`
	ForceNewMembership bool                       `json:"forceNewMembership"`
	Patient            *medplum.Reference         `json:"patient"`
}

// Flag is a boolean that may be spelled as a string: the guide that Medplum publishes shows
// "sendEmail":"false", and who writes that wants no mail.
type Flag bool

// UnmarshalJSON implements json.Unmarshaler.
func (f *Flag) UnmarshalJSON(data []byte) error {
	switch string(data) {
	case `true`, `"true"`:
		*f = true
	case `false`, `"false"`:
		*f = false
	default:
		return outcome.New(outcome.Invalid, "Expected boolean").At("sendEmail")
	}
	return nil
}

// The limits of what people are called and of what other systems call them.
const (
	maxName       = 128
	maxExternalID = 255
)

// check applies the rules of contract §7.1, in its order, and brings the fields to the spelling in
// which they are compared.
func (in *Invitation) check() error {
	in.FirstName, in.LastName = strings.TrimSpace(in.FirstName), strings.TrimSpace(in.LastName)
	var f outcome.Fields
	f.Explain(isPerson(in.ResourceType), "resourceType", "Resource type is required", "Patient, Practitioner and RelatedPerson may be invited")
	f.Check(in.FirstName != "", "firstName", "First name is required")
	f.Check(in.LastName != "", "lastName", "Last name is required")
	f.Check(in.FirstName == "" || isName(in.FirstName), "firstName", "First name must be between 1 and 128 characters")
	f.Check(in.LastName == "" || isName(in.LastName), "lastName", "Last name must be between 1 and 128 characters")
	// Medplum has these words for an address that is none as well; the diagnostics tell them apart.
	const unnamed = "Either email or externalId is required"
	f.Check(in.Email != "" || in.ExternalID != "", "", unnamed)
	f.Explain(in.Email == "" || mail.ValidAddress(in.Email), "", unnamed, "The email is no address, such as ann@example.com")
	f.Check(isToken(in.ExternalID), "externalId", "External id must be at most 255 characters, without control characters")
	f.Check(in.Scope == "" || in.Scope == "project" || in.Scope == "server", "scope", "Scope must be project or server")
	in.Email = mail.Canonical(in.Email)
	return f.Err()
}

// projectScoped says whether the User belongs to the project alone.
func (in *Invitation) projectScoped() bool {
	switch {
	case in.ExternalID != "":
		return true
	case in.Scope != "":
		return in.Scope == "project"
	}
	return in.ResourceType == "Patient"
}

// sends says whether a mail is wanted and possible.
func (in *Invitation) sends() bool {
	return in.Email != "" && (in.SendEmail == nil || bool(*in.SendEmail))
}

// elements are the elements of the membership that the request names; what it says of the
// membership's identity is not its to say.
func (in *Invitation) elements() (map[string]json.RawMessage, error) {
	elements := map[string]json.RawMessage{}
	for name, value := range map[string]any{
		"externalId":   in.ExternalID,
		"accessPolicy": in.AccessPolicy,
		"access":       in.Access,
		"admin":        in.Admin,
	} {
		raw, err := marshal(value)
		if err != nil {
			return nil, err
		}
		elements[name] = raw
	}
	for name, raw := range in.Membership {
		elements[name] = raw
	}
	for name, raw := range elements {
		if isEmpty(raw) {
			delete(elements, name)
		}
	}
	for _, name := range []string{"resourceType", "id", "meta", "project", "user", "invitedBy", "profile"} {
		delete(elements, name)
	}
	return elements, nil
}

// profile is the profile that the request names, if it does.
func (in *Invitation) profile() (medplum.Reference, error) {
	var ref medplum.Reference
	raw, named := in.Membership["profile"]
	if !named || isEmpty(raw) {
		return ref, nil
	}
	if err := json.Unmarshal(raw, &ref); err != nil {
		return ref, outcome.New(outcome.Invalid, "Expected object").At("membership.profile")
	}
	return ref, nil
}

func isEmpty(raw json.RawMessage) bool {
	switch string(raw) {
	case "", "null", `""`, "[]", "{}":
		return true
	}
	return false
}

func isPerson(resourceType string) bool {
	return resourceType == "Patient" || resourceType == "Practitioner" || resourceType == "RelatedPerson"
}

func isToken(s string) bool {
	return len([]rune(s)) <= maxExternalID && isPlain(s)
}
