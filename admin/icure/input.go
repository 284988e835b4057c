package icure

import (
	"encoding/json"
	"strings"
	"unicode"

	"github.com/labstack/echo/v4"

	"github.com/admitdev/admit/admin"
	"github.com/admitdev/admit/fhir/medplum"
	"github.com/admitdev/admit/fhir/repo"
	"github.com/admitdev/admit/pkg/outcome"
	"github.com/admitdev/admit/pkg/web"
)

// property is a PropertyStub as its client wrote it.
type property struct {
	name string
	raw  json.RawMessage
}

// UnmarshalJSON reads an object with a type that says which property it is.
func (p *property) UnmarshalJSON(raw []byte) error {
	var stub struct {
		Type struct {
			Identifier string `json:"identifier"`
		} `json:"type"`
	}
	if json.Unmarshal(raw, &stub) != nil || stub.Type.Identifier == "" {
		return outcome.New(outcome.Invalid, "A property is an object with a type.identifier").At("properties")
	}
	p.name, p.raw = stub.Type.Identifier, append(json.RawMessage(nil), raw...)
	return nil
}

// MarshalJSON is what was read.
func (p property) MarshalJSON() ([]byte, error) { return p.raw, nil }

// writtenUser is a UserDto as clients send it: with every field that one of them knows.
type writtenUser struct {
	ID                   string                     `json:"id"`
	Rev                  string                     `json:"rev"`
	Created              int64                      `json:"created"`
	CreatedDate          int64                      `json:"createdDate"` // an old name, which nobody reads
	DeletionDate         int64                      `json:"deletionDate"`
	Name                 string                     `json:"name"`
	Login                string                     `json:"login"`
	Email                string                     `json:"email"`
	MobilePhone          string                     `json:"mobilePhone"`
	PasswordHash         string                     `json:"passwordHash"`
	Type                 string                     `json:"type"`
	Status               string                     `json:"status"`
	GroupID              string                     `json:"groupId"`
	HealthcarePartyID    string                     `json:"healthcarePartyId"`
	PatientID            string                     `json:"patientId"`
	DeviceID             string                     `json:"deviceId"`
	TermsOfUseDate       int64                      `json:"termsOfUseDate"`
	Properties           []property                 `json:"properties"`
	Roles                []string                   `json:"roles"`
	Permissions          []json.RawMessage          `json:"permissions"`
	AutoDelegations      map[string][]string        `json:"autoDelegations"`
	ApplicationTokens    map[string]json.RawMessage `json:"applicationTokens"`
	AuthenticationTokens map[string]writtenToken    `json:"authenticationTokens"`
	Identifier           []json.RawMessage          `json:"identifier"`
	SystemMetadata       map[string]json.RawMessage `json:"systemMetadata"` // the server's own
	Use2FA               bool                       `json:"use2fa"`
	Secret               string                     `json:"secret"`
}

// writtenToken is a token that came back; with a time of deletion it ends.
type writtenToken struct {
	Token        string `json:"token"`
	CreationTime int64  `json:"creationTime"`
	Validity     int64  `json:"validity"`
	DeletionTime int64  `json:"deletionDate"`
}

const maxOwnerText = 255

// readUser reads the user of a request.
func readUser(c echo.Context) (in writtenUser, err error) {
	if err := web.ReadJSON(c, &in, web.RefuseUnknown()); err != nil {
		return in, err
	}
	var fields outcome.Fields
	fields.Check(in.GroupID == "" || in.GroupID == group(c), "groupId", "This is another group")
	fields.Check(in.Status == "" || in.Status == statusActive || in.Status == statusDisabled || in.Status == statusRegistering,
		"status", "Status must be ACTIVE, DISABLED or REGISTERING")
	fields.Check(in.Type == "" || in.Type == "database" || in.Type == "ldap" || in.Type == "token", "type", "Type must be database, ldap or token")
	fields.Check(in.DeletionDate == 0, "deletionDate", "A user is deleted by DELETE")
	fields.Check(len(in.Permissions) == 0, "permissions", "Permissions are not supported; rights are given by roles of the server")
	fields.Check(in.Secret == "" && !in.Use2FA, "use2fa", "A second factor is set up on the server's own pages")
	for name, id := range map[string]string{"healthcarePartyId": in.HealthcarePartyID, "patientId": in.PatientID} {
		fields.Check(id == "" || repo.ValidID(id), name, "An id has 1 to 64 letters, digits, '-' and '.'")
	}
	fields.Check(len([]rune(in.DeviceID)) <= maxOwnerText && !strings.ContainsFunc(in.DeviceID, unicode.IsControl),
		"deviceId", "At most 255 characters, without control characters")
	fields.Check(in.Created >= 0 && in.TermsOfUseDate >= 0, "created", "A time is a number of milliseconds since 1970")
	return in, fields.Err()
}

// password is the plain password that passwordHash holds, if it is a new one.
func (in writtenUser) password() *string {
	if in.PasswordHash == "" || in.PasswordHash == "*" {
		return nil
	}
	return &in.PasswordHash
}

// status is the service's; empty where it stays.
func (in writtenUser) status() admin.Status {
	switch in.Status {
	case "":
		return ""
	case statusActive:
		return admin.StatusActive
	}
	return admin.StatusBlocked
}

// owner is the profile that the user is to have; nil for none.
func (in writtenUser) owner() *medplum.Reference {
	switch {
	case in.HealthcarePartyID != "":
		return new(medplum.RefTo("Practitioner", in.HealthcarePartyID, ""))
	case in.PatientID != "":
		return new(medplum.RefTo("Patient", in.PatientID, ""))
	}
	return nil
}

// keeps is what Admit has no home for, as it is to be kept after what was.
func (in writtenUser) keeps(was kept) kept {
	is := kept{
		Writes: was.Writes, Created: was.Created, Type: in.Type, Registering: in.Status == statusRegistering || in.Status == "" && was.Registering,
		DeviceID: in.DeviceID, NoOwner: was.NoOwner && in.owner() == nil, TermsOfUseDate: in.TermsOfUseDate,
		Properties: in.Properties, Roles: in.Roles, AutoDelegations: in.AutoDelegations, Identifier: in.Identifier,
	}
	if in.Created != 0 {
		is.Created = in.Created
	}
	if in.HealthcarePartyID != "" {
		is.PatientID = in.PatientID
	}
	return is
}

// ended are the keys of the tokens that were sent back with a time of deletion.
func (in writtenUser) ended() (keys []string) {
	for key, t := range in.AuthenticationTokens {
		if t.DeletionTime != 0 {
			keys = append(keys, key)
		}
	}
	return keys
}

// draft is the user as the service makes it. The login is the address or the phone where none is given.
func (in writtenUser) draft(now int64) (admin.UserDraft, error) {
	login := in.Login
	for _, other := range []string{in.Email, in.MobilePhone} {
		if login == "" {
			login = other
		}
	}
	draft := admin.UserDraft{ID: in.ID, ProfileType: "Patient", Profile: in.owner(), MakesProfile: true}
	draft.Status = in.status()
	draft.Login, draft.Email, draft.Phone, draft.Password = &login, &in.Email, &in.MobilePhone, in.password()
	if in.Name != "" {
		draft.Name = &in.Name
	}
	k := in.keeps(kept{Created: now})
	if draft.Profile != nil {
		draft.ProfileType, _ = draft.Profile.Split()
	} else {
		k.NoOwner = true
	}
	var err error
	draft.CustomData, err = k.custom()
	return draft, err
}

// edit is what the service is to change of a user so that it becomes this one.
func (in writtenUser) edit(u admin.User) (admin.UserEdit, error) {
	was := keptOf(u)
	practitioner, patient := owners(u, was)
	e := admin.UserEdit{EndTokens: in.ended()}
	e.Status = in.status()
	switch {
	case in.owner() == nil && practitioner+patient != "":
		return e, outcome.New(outcome.Invalid, "The data owner of a user may be replaced, not removed").At("profile")
	case in.owner() != nil && in.owner().Reference != u.Profile.Reference:
		e.Profile = in.owner()
	}
	switch {
	case u.Login == "" && in.Login == loginOf(u): // as it is shown
		in.Login = ""
	case in.Login == u.Email && u.Login == u.Email && u.Email != "": // a login that is the address follows it
		in.Login = in.Email
	}
	change := func(field **string, is, was string) {
		if is != was {
			*field = &is
		}
	}
	change(&e.Login, in.Login, u.Login)
	change(&e.Phone, in.MobilePhone, u.Phone)
	if !strings.EqualFold(in.Email, u.Email) {
		e.Email = &in.Email
	}
	if in.Name != "" {
		change(&e.Name, in.Name, u.Name)
	}
	e.Password = in.password()
	var err error
	e.CustomData, err = in.keeps(was).custom()
	return e, err
}

// onlyOwn refuses changes that a user may not make of itself.
func (in writtenUser) onlyOwn(u admin.User) error {
	was := describeUser("", u, nil)
	same := map[string]bool{
		"name": in.Name == "" || in.Name == was.Name, "login": in.Login == was.Login, "email": strings.EqualFold(in.Email, was.Email),
		"mobilePhone": in.MobilePhone == was.MobilePhone, "status": in.Status == "" || in.Status == was.Status, "passwordHash": in.password() == nil,
		"healthcarePartyId": in.HealthcarePartyID == was.HealthcarePartyID, "patientId": in.PatientID == was.PatientID,
		"deviceId": in.DeviceID == was.DeviceID, "type": in.Type == was.Type,
		"roles": strings.Join(in.Roles, "\n") == strings.Join(was.Roles, "\n"), "authenticationTokens": len(in.ended()) == 0,
	}
	for name, is := range same {
		if !is {
			return outcome.New(outcome.Forbidden, "A user may not change this of itself").At(name)
		}
	}
	return nil
}
