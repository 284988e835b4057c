package repo

import (
	"errors"
	"slices"
	"strings"

	"github.com/admitdev/admit/fhir/document"
	"github.com/admitdev/admit/fhir/medplum"
	"github.com/admitdev/admit/pkg/mail"
	"github.com/admitdev/admit/pkg/outcome"
	"github.com/admitdev/admit/pkg/store"
)

// The kinds of unique keys. Those that repeat a type's name or end in "membership" are directory
// entries: they say in which project something lives that is looked up without one, as KeyMembershipProfile does.
const (
	KeyUserEmail            = "User.email"
	KeyUserExternalID       = "User.externalId"
	KeyUserMembership       = "User.membership" // value: <User|ClientApplication|Bot>/<id>/<membership id>
	KeyMembershipExternalID = "ProjectMembership.externalId"
	KeyMembershipUserName   = "ProjectMembership.userName"
	KeyMembershipPhone      = "ProjectMembership.phone"   // the identifier of medplum.PhoneSystem
	KeyMembershipProfile    = "ProjectMembership.profile" // value: <profile>/<membership id>
	// KeyMembershipUser is one person's ordinary membership of a project. Invite claims it, so that
	// two invites of one person make one membership; a forced second membership is without it.
	// It is pinned: writes leave it with its owner.
	KeyMembershipUser = "ProjectMembership.user"
	KeyDomain         = "DomainConfiguration.domain"
	// KeyProjectDialect lists the projects that a dialect is asked for without one. Its value is
	// <setting>/<id of the project>.
	KeyProjectDialect = "Project.dialect"
)

// dialects are the settings of a Project that switch on a dialect whose clients name no project.
var dialects = [...]string{"icure"}

// keys are the unique keys and directory entries that follow from the content.
func (d draft) keys() []store.Key {
	switch d.ref.Type {
	case medplum.TypeUser:
		return userKeys(d)
	case medplum.TypeProjectMembership:
		return membershipKeys(d)
	case medplum.TypeClientApplication, medplum.TypeBot:
		return []store.Key{directory(d.ref)}
	case medplum.TypeProject:
		return dialectKeys(d)
	case medplum.TypeDomainConfiguration:
		return appendKey(nil, store.SystemProject, KeyDomain, mail.Canonical(d.doc.Text("domain")))
	}
	return nil
}

func directory(ref store.Ref) store.Key {
	return store.Key{Scope: store.SystemProject, Kind: ref.Type, Value: ref.ID}
}

func appendKey(keys []store.Key, scope, kind, value string) []store.Key {
	if value == "" {
		return keys
	}
	return append(keys, store.Key{Scope: scope, Kind: kind, Value: value})
}

func userKeys(d draft) []store.Key {
	keys := []store.Key{directory(d.ref)}
	keys = appendKey(keys, d.ref.Project, KeyUserEmail, mail.Canonical(d.doc.Text("email")))
	return appendKey(keys, d.ref.Project, KeyUserExternalID, d.doc.Text("externalId"))
}

// dialectKeys: a session of super administrators is short, and one of a dialect is not.
func dialectKeys(d draft) (keys []store.Key) {
	if d.doc.Get("superAdmin").True() {
		return nil
	}
	for _, setting := range d.doc.Get("setting").Values() {
		name := setting.Text("name")
		if setting.Get("valueBoolean").True() && slices.Contains(dialects[:], name) {
			keys = appendKey(keys, store.SystemProject, KeyProjectDialect, name+"/"+d.ref.ID)
		}
	}
	return keys
}

// membershipKeys leaves KeyMembershipUser alone: whoever claimed it keeps it (store.Tx.Claim).
func membershipKeys(d draft) []store.Key {
	keys := []store.Key{directory(d.ref)}
	keys = appendKey(keys, d.ref.Project, KeyMembershipExternalID, d.doc.Text("externalId"))
	keys = appendKey(keys, d.ref.Project, KeyMembershipUserName, d.doc.Text("userName"))
	for _, identifier := range d.doc.Get("identifier").Values() {
		if identifier.Text("system") == medplum.PhoneSystem {
			keys = appendKey(keys, d.ref.Project, KeyMembershipPhone, identifier.Text("value"))
		}
	}
	keys = appendKey(keys, store.SystemProject, KeyMembershipProfile, reference(d.doc, "profile").Reference+"/"+d.ref.ID)
	return appendKey(keys, store.SystemProject, KeyUserMembership, reference(d.doc, "user").Reference+"/"+d.ref.ID)
}

// reference reads a member that is a Reference.
func reference(doc *document.Node, name string) medplum.Reference {
	n := doc.Get(name)
	return medplum.Reference{Reference: n.Text("reference"), Display: n.Text("display")}
}

// takenID is also said of an id that is taken in another project, where it is unique in the whole server.
const takenID = "A resource with this id exists already"

// refused gives the store's refusals their outcomes.
func refused(err error) error {
	var taken *store.KeyConflict
	switch {
	case errors.As(err, &taken):
		return outcome.New(outcome.Conflict, "%s", conflictText(taken.Key))
	case errors.Is(err, store.ErrExists):
		return outcome.New(outcome.Conflict, takenID)
	case errors.Is(err, store.ErrVersion):
		return raced{outcome.New(outcome.PreconditionFailed, "")}
	}
	return err
}

// raced is a write that somebody else's came before; Raced tells it from an If-Match that names
// another version.
type raced struct{ *outcome.Outcome }

// Unwrap makes it the outcome that clients see.
func (r raced) Unwrap() error { return r.Outcome }

// Raced says that the same write may go well when it is tried again.
func Raced(err error) bool { return errors.As(err, new(raced)) }

// conflictText is what Medplum's clients compare: the text of PostgreSQL about Medplum's index.
func conflictText(k store.Key) string {
	_, column, ok := strings.Cut(k.Kind, ".")
	if !ok {
		return takenID
	}
	if column != strings.ToLower(column) {
		column = `"` + column + `"`
	}
	if k.Scope == store.SystemProject {
		return "Key (" + column + ")=(" + k.Value + ") already exists."
	}
	return "Key (project, " + column + ")=(Project/" + k.Scope + ", " + k.Value + ") already exists."
}
