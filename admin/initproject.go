package admin

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"unicode/utf8"

	"github.com/admitdev/admit/fhir/caller"
	"github.com/admitdev/admit/fhir/medplum"
	"github.com/admitdev/admit/fhir/repo"
	"github.com/admitdev/admit/pkg/audit"
	"github.com/admitdev/admit/pkg/mail"
	"github.com/admitdev/admit/pkg/outcome"
	"github.com/admitdev/admit/pkg/store"
)

// ProjectInit is what Project/$init is given (contract §1.3): the owner by reference, by address, or
// nobody but the caller.
type ProjectInit struct {
	Name       string
	Owner      medplum.Reference
	OwnerEmail string
}

func (in *ProjectInit) check() error {
	in.OwnerEmail = mail.Canonical(strings.TrimSpace(in.OwnerEmail))
	length := utf8.RuneCountInString(in.Name)
	var fields outcome.Fields
	fields.Check(length >= minProjectName && length <= maxProjectName, "name", "Project name must be between 4 and 72 characters")
	fields.Check(isPlain(in.Name), "name", "Project name must not have control characters")
	fields.Check(in.OwnerEmail == "" || mail.ValidAddress(in.OwnerEmail), "ownerEmail", "Valid email address is required")
	return fields.Err()
}

// InitProject makes a project with its policies, its default client and its owner's membership. Anybody
// might make projects by it, so it is for super administrators.
//
// Errors: outcome Forbidden, Invalid.
func (s *Service) InitProject(ctx context.Context, who caller.Caller, in ProjectInit) (store.Resource, error) {
	if err := s.mustBeSuper(ctx, who, audit.ProjectCreate); err != nil {
		return store.Resource{}, err
	}
	if err := in.check(); err != nil {
		return store.Resource{}, err
	}
	id := ""
	err := s.Repo.System("make a project for an administrator", store.SystemProject).InTx(ctx, func(tx *repo.Tx) error {
		ref, owner, err := s.projectOwner(ctx, tx, who, in)
		if err != nil {
			return err
		}
		made, err := s.CreateProject(ctx, tx, NewProject{
			Name: in.Name, Owner: medplum.RefTo(medplum.TypeUser, ref.ID, owner.Email),
			FirstName: owner.FirstName, LastName: owner.LastName, Email: owner.Email,
		})
		_, id = made.Project.Split()
		return err
	})
	if err != nil {
		return store.Resource{}, err
	}
	return s.Repo.As(who).Read(ctx, medplum.TypeProject, id)
}

// projectOwner finds the owner among the Users of the server, or makes one for an address that nobody
// has: without a password, which its owner resets.
func (s *Service) projectOwner(ctx context.Context, tx *repo.Tx, who caller.Caller, in ProjectInit) (store.Ref, medplum.User, error) {
	ref := store.Ref{Project: store.SystemProject, Type: medplum.TypeUser}
	owner := in.Owner
	if owner.Reference == "" && in.OwnerEmail == "" {
		owner = who.User
	}
	if owner.Reference != "" {
		var resourceType string
		if resourceType, ref.ID = owner.Split(); resourceType != medplum.TypeUser {
			return ref, medplum.User{}, outcome.New(outcome.Invalid, "Only Users are permitted to be the owner of a new Project").At("owner")
		}
		return s.serverUser(ctx, tx, ref)
	}
	held, err := tx.Store().Owner(ctx, store.Key{Scope: store.SystemProject, Kind: repo.KeyUserEmail, Value: in.OwnerEmail})
	switch {
	case err == nil:
		return s.serverUser(ctx, tx, held)
	case !errors.Is(err, store.ErrNotFound):
		return ref, medplum.User{}, err
	}
	ref.ID = newUserID(tx.Store())
	name, domain, _ := strings.Cut(in.OwnerEmail, "@")
	made := medplum.User{ResourceType: medplum.TypeUser, ID: ref.ID, FirstName: name, LastName: domain, Email: in.OwnerEmail}
	return ref, made, s.makeUser(ctx, tx, "make the owner of a project", ref, made, newPassword{})
}

func (s *Service) serverUser(ctx context.Context, tx *repo.Tx, ref store.Ref) (store.Ref, medplum.User, error) {
	var user medplum.User
	found, err := tx.System("find the owner of a project", store.SystemProject).Read(ctx, medplum.TypeUser, ref.ID)
	if outcome.Has(err, outcome.NotFound) || outcome.Has(err, outcome.Gone) {
		return ref, user, outcome.New(outcome.Invalid, "Project owner must not belong to another Project").At("owner")
	}
	if err != nil {
		return ref, user, err
	}
	return ref, user, json.Unmarshal(found.Content, &user)
}
