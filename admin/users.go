package admin

import (
	"encoding/json"
	"time"

	"github.com/admitdev/admit/fhir/medplum"
)

// This file and those that begin with user, group or role are the one service of users that every
// surface stands on: the native API, the SDK, SCIM and the dialects.
//
// A user of a project is a membership with its User and profile, and goes by the membership's id. All
// that a project says of a user (login, phone, names, groups, roles, custom data) is in the membership
// and the profile, which are the project's own. The User itself is touched only when it belongs to the
// project alone; one of the server may belong to other projects, so here it is never given a password,
// an address or a token, and removing it removes the membership.
//
// It all stays in package admin because it shares the steps of inviting, passwords and memberships.
// Everything is a resource: groups are Groups, but who is in one is said by the memberships
// (medplum.MemberGroupExtension). A Group lists its members within itself, so each that joins would
// rewrite it whole and wait for all others, and R4 has no room there for a RelatedPerson. Roles are
// AccessPolicies, by name.
//
// The caller's role is checked first (manager); then the service acts with Admit's own rights within
// the project, because managing Practitioners have no rule for identity resources of their own.

// User is a member of a project as those who manage users see it.
type User struct {
	ID        string    `json:"id"` // of the membership
	Version   string    `json:"version"`
	UpdatedAt time.Time `json:"updatedAt"`
	Status    Status    `json:"status"`
	Scope     Scope     `json:"scope"`
	Admin     bool      `json:"admin"`

	Login         string `json:"login,omitempty"`
	Email         string `json:"email,omitempty"`
	EmailVerified bool   `json:"emailVerified"`
	Phone         string `json:"phone,omitempty"`
	ExternalID    string `json:"externalId,omitempty"`
	MFAEnrolled   bool   `json:"mfaEnrolled"`

	Name       string `json:"name,omitempty"`
	GivenName  string `json:"givenName,omitempty"`
	FamilyName string `json:"familyName,omitempty"`
	Nickname   string `json:"nickname,omitempty"`
	Company    string `json:"company,omitempty"`

	User    medplum.Reference `json:"user"`
	Profile medplum.Reference `json:"profile"`
	Roles   []UserRole        `json:"roles"`
	Groups  []UserGroup       `json:"groups"`

	Properties map[string]json.RawMessage `json:"properties"`
	CustomData map[string]json.RawMessage `json:"customData"`
	SCIM       json.RawMessage            `json:"-"` // see medplum.Member
}

// UserRole is an AccessPolicy that a user has.
type UserRole struct {
	ID          string `json:"id"`
	Name        string `json:"name"`
	Description string `json:"-"` // of a dialect
}

// UserGroup is a group of users, or one that a user has joined; then it has no version.
type UserGroup struct {
	ID          string `json:"id"`
	Version     string `json:"version,omitempty"`
	Code        string `json:"code"`
	Name        string `json:"name,omitempty"`
	Description string `json:"-"` // of a dialect
}

// Status says whether a user may sign in.
type Status string

// The states of a user.
const (
	StatusActive  Status = "active"
	StatusBlocked Status = "blocked"
	StatusDeleted Status = "deleted"
)

// Scope says whether the User belongs to the project alone.
type Scope string

// The scopes of a User.
const (
	ScopeProject Scope = "project"
	ScopeServer  Scope = "server"
)

// UserFields are what may be set of a user. What is nil stays; an empty text removes.
type UserFields struct {
	Login      *string `json:"login"`
	Email      *string `json:"email"`
	Phone      *string `json:"phone"`
	ExternalID *string `json:"externalId"`
	Name       *string `json:"name"`
	GivenName  *string `json:"givenName"`
	FamilyName *string `json:"familyName"`
	Nickname   *string `json:"nickname"`
	Company    *string `json:"company"`
	Password   *string `json:"password"`
	Admin      *bool   `json:"admin"`
	Status     Status  `json:"status"` // active or blocked; empty: as it is
	// Properties and CustomData are merged by name; null removes one (RFC 7396).
	Properties map[string]json.RawMessage `json:"properties"`
	CustomData map[string]json.RawMessage `json:"customData"`
	// SCIM is for the SCIM surface alone (see medplum.Member).
	SCIM json.RawMessage `json:"-"`
	// LoginInAnyCase refuses a Login that another user has in another case.
	LoginInAnyCase bool `json:"-"`
}

// UserDraft is a user that is to be made. It has a new profile of ProfileType, or the one that Profile
// names, and the project's default policy unless roles are named.
type UserDraft struct {
	UserFields
	ID          string             `json:"id"` // a free UUID, or empty for a new one
	ProfileType string             `json:"profileType"`
	Profile     *medplum.Reference `json:"profile"`
	// MakesProfile has a Profile that is not there made, with its id.
	MakesProfile bool               `json:"-"`
	Patient      *medplum.Reference `json:"patient"` // of a RelatedPerson
	Roles        []string           `json:"roles"`
	Groups       []string           `json:"groups"`
}
