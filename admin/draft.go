package admin

import (
	"encoding/json"
	"fmt"

	"github.com/admitdev/admit/fhir/medplum"
)

// ProjectDraft is what a project is to be. Its parts lead to each other by their names, and a part that
// is renamed is another one.
//
//   - A policy, client or group becomes what the draft says, without anything that others have added
//     to it. Of the project, a bot and a membership only what the draft names is set.
//   - What an earlier draft had made and this one does not name any more goes: a member with their sessions, though
//     not the profile; a policy only when nobody has it. What others made stays, and a project always does.
type ProjectDraft struct {
	Part
	ID              string   // of a project that is made; without one, a new id
	Elements        Elements // of the Project
	DefaultPolicies []DefaultPolicyDraft
	Policies        []PolicyDraft
	Clients, Bots   []ProgramDraft
	Groups          []GroupDraft
	Members         []MemberDraft
}

// Part is something that a draft names, and where it was read.
type Part struct{ Name, Place string }

// Elements are elements of a resource, as JSON.
type Elements map[string]json.RawMessage

// DefaultPolicyDraft is the policy of memberships for which none is named, by profile type.
type DefaultPolicyDraft struct {
	Part        // of the policy
	ProfileType string
}

// PolicyDraft is an AccessPolicy.
type PolicyDraft struct {
	Part
	Elements Elements
}

// AccessDraft gives a policy to a membership.
type AccessDraft struct {
	Part      // of the policy
	Parameter []medplum.Parameter
}

// RightsDraft is what a membership may do. Without policies it keeps those that it has; a new one gets the project's.
type RightsDraft struct {
	Admin  *bool
	Access []AccessDraft
}

// ProgramDraft is a ClientApplication or Bot.
type ProgramDraft struct {
	Part
	RightsDraft
	ID       string // of one that is made; without one, a new id
	Elements Elements
	// Secret is a client's. Without one, a new client gets a secret unless it has keys of its own.
	Secret string
}

// GroupDraft is a group of users; its name is the code.
type GroupDraft struct {
	Part
	Title string
}

// MemberDraft is a person with a profile; somebody may have several, of different types.
type MemberDraft struct {
	Part // the name is the address, or the external id
	RightsDraft
	Profile                       string // its type
	FirstName, LastName           string
	Email, ExternalID, Scope      string
	Password                      string // of a User who is made
	MFARequired, HoldsMail, Block bool
	Groups                        []string // nil: those that they are in already
	Patient                       *medplum.Reference
}

// DraftError is what is wrong with a part of a draft.
type DraftError struct {
	Place string
	Err   error
}

// Error implements error.
func (e *DraftError) Error() string { return fmt.Sprintf("%s: %v", e.Place, e.Err) }

// Unwrap is what was wrong.
func (e *DraftError) Unwrap() error { return e.Err }

// ChangeAction is what becomes of a part.
type ChangeAction string

// The actions.
const (
	Make   ChangeAction = "make"
	Alter  ChangeAction = "change"
	Remove ChangeAction = "remove"
)

// Change is one difference between a project and its draft.
type Change struct {
	Action ChangeAction
	Kind   string // "project", "policy", "client", "bot", "group", "member"
	Name   string
	Fields []FieldChange // of an Alter
	Made   Made          // of a Make
}

// FieldChange is an element before and after, as JSON; empty for none, and without what is secret.
type FieldChange struct{ Name, Before, After string }

// Made is what whoever applies a draft is told of a part that was made, once.
type Made struct {
	ID     string
	Secret string // of a client
	Link   string // with which a new member sets a password
	Mailed bool   // the member gets a mail instead
	Known  bool   // neither: another project knows the person
}

// Difference is what has to be done to a project for its draft.
type Difference struct {
	Project string // its id
	Name    string
	Changes []Change
	// Programs and People are the ids of the memberships of all that the draft names, by name.
	Programs, People map[string]string
}
