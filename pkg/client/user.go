package client

import (
	"encoding/json"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Reference is a FHIR Reference.
type Reference struct {
	Reference string `json:"reference,omitempty"`
	Display   string `json:"display,omitempty"`
}

// User is a user of the project. Its id is that of the membership.
type User struct {
	ID            string                     `json:"id"`
	Version       string                     `json:"version"`
	UpdatedAt     time.Time                  `json:"updatedAt"`
	Status        string                     `json:"status"` // active, blocked, deleted
	Scope         string                     `json:"scope"`  // project, server
	Admin         bool                       `json:"admin"`
	Login         string                     `json:"login"`
	Email         string                     `json:"email"`
	EmailVerified bool                       `json:"emailVerified"`
	Phone         string                     `json:"phone"`
	ExternalID    string                     `json:"externalId"`
	MFAEnrolled   bool                       `json:"mfaEnrolled"`
	Name          string                     `json:"name"`
	GivenName     string                     `json:"givenName"`
	FamilyName    string                     `json:"familyName"`
	Nickname      string                     `json:"nickname"`
	Company       string                     `json:"company"`
	User          Reference                  `json:"user"`
	Profile       Reference                  `json:"profile"`
	Roles         []Role                     `json:"roles"`
	Groups        []Group                    `json:"groups"`
	Properties    map[string]json.RawMessage `json:"properties"`
	CustomData    map[string]json.RawMessage `json:"customData"`
}

// Role is an AccessPolicy that is given by its name. Of a user's roles there are no rules.
type Role struct {
	ID       string            `json:"id"`
	Version  string            `json:"version,omitempty"`
	Name     string            `json:"name"`
	Resource []json.RawMessage `json:"resource,omitempty"`
}

// Group is a group of users.
type Group struct {
	ID      string `json:"id"`
	Version string `json:"version,omitempty"`
	Code    string `json:"code"`
	Name    string `json:"name,omitempty"`
}

// Access is an AccessPolicy with the parameters that a user has it with.
type Access struct {
	Policy    Reference   `json:"policy"`
	Parameter []Parameter `json:"parameter,omitempty"`
}

// Parameter is a named value of an Access; one value is set.
type Parameter struct {
	Name           string     `json:"name"`
	ValueString    *string    `json:"valueString,omitempty"`
	ValueReference *Reference `json:"valueReference,omitempty"`
}

// UserFields are what may be set of a user: nil leaves as it is, an empty text removes. Properties and
// CustomData are merged by name; null removes one.
type UserFields struct {
	Login      *string                    `json:"login,omitempty"`
	Email      *string                    `json:"email,omitempty"`
	Phone      *string                    `json:"phone,omitempty"`
	ExternalID *string                    `json:"externalId,omitempty"`
	Name       *string                    `json:"name,omitempty"`
	GivenName  *string                    `json:"givenName,omitempty"`
	FamilyName *string                    `json:"familyName,omitempty"`
	Nickname   *string                    `json:"nickname,omitempty"`
	Company    *string                    `json:"company,omitempty"`
	Password   *string                    `json:"password,omitempty"`
	Admin      *bool                      `json:"admin,omitempty"`
	Status     string                     `json:"status,omitempty"`
	Properties map[string]json.RawMessage `json:"properties,omitempty"`
	CustomData map[string]json.RawMessage `json:"customData,omitempty"`
}

// UserDraft is a user to be made, with a new profile of ProfileType or the one that Profile names.
type UserDraft struct {
	UserFields
	ID          string     `json:"id,omitempty"`
	ProfileType string     `json:"profileType,omitempty"`
	Profile     *Reference `json:"profile,omitempty"`
	Patient     *Reference `json:"patient,omitempty"`
	Roles       []string   `json:"roles,omitempty"`
	Groups      []string   `json:"groups,omitempty"`
}

// Query narrows a list of users; what is empty does not.
type Query struct {
	Search, Status, Patient, Practitioner, Profile, Role, Group string
	IDs                                                         []string
	Cursor                                                      string // Page.Next of the page before
	Limit                                                       int
	Total                                                       bool
}

func (q Query) values() url.Values {
	values := url.Values{}
	for name, value := range map[string]string{
		"search": q.Search, "status": q.Status, "patient": q.Patient, "practitioner": q.Practitioner, "profile": q.Profile,
		"role": q.Role, "group": q.Group, "ids": strings.Join(q.IDs, ","), "cursor": q.Cursor,
	} {
		if value != "" {
			values.Set(name, value)
		}
	}
	if q.Limit > 0 {
		values.Set("limit", strconv.Itoa(q.Limit))
	}
	if q.Total {
		values.Set("total", "true")
	}
	return values
}

// Page is a page of users.
type Page struct {
	Users []User `json:"users"`
	Next  string `json:"next"`  // empty on the last page
	Total *int   `json:"total"` // when it was asked for
}

// Name is one name by which a user is found.
type Name struct {
	Email      string `json:"email,omitempty"`
	Login      string `json:"login,omitempty"`
	Phone      string `json:"phone,omitempty"`
	ExternalID string `json:"externalId,omitempty"`
}

func (n Name) values() url.Values {
	values := url.Values{}
	for name, value := range map[string]string{"email": n.Email, "login": n.Login, "phone": n.Phone, "externalId": n.ExternalID} {
		if value != "" {
			values.Set(name, value)
		}
	}
	return values
}

// Result is what became of one item of a batch.
type Result struct {
	ID      string          `json:"id"`
	Status  int             `json:"status"`
	User    *User           `json:"user"`
	Outcome json.RawMessage `json:"outcome"`
}

// Err is why the item was refused; nil when it was not.
func (r Result) Err() error {
	if r.Outcome == nil {
		return nil
	}
	return refusal(r.Status, r.Outcome)
}

// NamedToken is a token with which a user signs in. Its value is there when it was just made.
type NamedToken struct {
	Key       string    `json:"key"`
	Token     string    `json:"token"`
	CreatedAt time.Time `json:"createdAt"`
	ExpiresAt time.Time `json:"expiresAt"`
}

// AccessToken is an access token of a user.
type AccessToken struct {
	Token     string `json:"token"`
	IssuedAt  int64  `json:"iat"`
	ExpiresAt int64  `json:"exp"`
}
