package admin

import (
	"context"
	"errors"

	"github.com/admitdev/admit/fhir/medplum"
	"github.com/admitdev/admit/fhir/repo"
	"github.com/admitdev/admit/pkg/audit"
	"github.com/admitdev/admit/pkg/mail"
	"github.com/admitdev/admit/pkg/outcome"
	"github.com/admitdev/admit/pkg/secret"
	"github.com/admitdev/admit/pkg/store"
)

// superProjectName is what Medplum calls the project of its super administrators.
const superProjectName = "Super Admin"

// SuperAdmin is the first super administrator, and the client of the same project if one is wanted.
type SuperAdmin struct {
	FirstName, LastName    string
	Email, Password        string
	ClientID, ClientSecret string
}

// check wants a person; Medplum's first is called Medplum Admin, ours after the server.
func (in *SuperAdmin) check() error {
	var f outcome.Fields
	f.Check(isName(in.FirstName), "firstName", "First name must be between 1 and 128 characters")
	f.Check(isName(in.LastName), "lastName", "Last name must be between 1 and 128 characters")
	f.Check(mail.ValidAddress(in.Email), "email", "Valid email address is required")
	f.Check(in.Password != "", "password", "Password is required")
	in.Email = mail.Canonical(in.Email)
	return f.Err()
}

// setUpKey is held by the project of the first super administrator. It is what makes that one the
// only one who ever was set up without being asked by another.
func setUpKey() store.Key {
	return store.Key{Scope: store.SystemProject, Kind: "SuperAdmin", Value: "first"}
}

// NeedsSetUp says whether there has never been a super administrator.
func (s *Service) NeedsSetUp(ctx context.Context) (bool, error) {
	_, err := s.Store.Owner(ctx, setUpKey())
	if errors.Is(err, store.ErrNotFound) {
		return true, nil
	}
	return false, err
}

// setUpSecretLength is the number of hexadecimal digits of the set-up secret.
const setUpSecretLength = 32

// SetUpSecret is the secret of the one-time set-up link. It follows from the server's key, so that
// every process of the server knows it and none keeps it.
func (s *Service) SetUpSecret() string {
	return s.Fingerprints.Fingerprint([]byte("set-up link"))[:setUpSecretLength]
}

// SetUpBySecret is SetUp for whoever holds the secret of the link.
//
// Errors: outcome NotFound for another secret or when there is a super administrator, and SetUp's.
func (s *Service) SetUpBySecret(ctx context.Context, plain string, in SuperAdmin) error {
	if err := s.MaySetUp(ctx, plain); err != nil {
		return err
	}
	return s.SetUp(ctx, in)
}

// MaySetUp says whether the secret opens the set-up.
//
// Errors: outcome NotFound.
func (s *Service) MaySetUp(ctx context.Context, plain string) error {
	needed, err := s.NeedsSetUp(ctx)
	if err != nil {
		return err
	}
	if !needed || !secret.Equal(plain, s.SetUpSecret()) {
		return outcome.New(outcome.NotFound, "")
	}
	return nil
}

// SetUp makes the first super administrator with a project of their own. Of several at once one
// succeeds.
//
// Errors: outcome Invalid, Conflict when there is one already.
func (s *Service) SetUp(ctx context.Context, in SuperAdmin) error {
	if err := in.check(); err != nil {
		return err
	}
	hash, err := s.hash(ctx, in.Password, in.Email)
	if err != nil {
		return err
	}
	return s.Repo.System("set up the first super administrator", store.SystemProject).InTx(ctx, func(tx *repo.Tx) error {
		return s.setUp(ctx, tx, in, hash)
	})
}

func (s *Service) setUp(ctx context.Context, tx *repo.Tx, in SuperAdmin, hash string) error {
	rows := tx.Store()
	project := store.Ref{Project: store.SystemProject, Type: medplum.TypeProject, ID: rows.NewID()}
	holder, _, err := rows.Claim(ctx, setUpKey(), project)
	if err != nil {
		return err
	}
	if holder != project {
		return outcome.New(outcome.Conflict, "There is a super administrator already")
	}
	user := store.Ref{Project: store.SystemProject, Type: medplum.TypeUser, ID: newUserID(rows)}
	err = s.makeUser(ctx, tx, "make the first super administrator", user, medplum.User{
		ResourceType: medplum.TypeUser, ID: user.ID, FirstName: in.FirstName, LastName: in.LastName, Email: in.Email,
		EmailVerified: true,
	}, newPassword{hash, store.OpensAll})
	if err != nil {
		return err
	}
	made, err := s.CreateProject(ctx, tx, NewProject{
		ID: project.ID, Name: superProjectName, SuperAdmin: true,
		Owner:     medplum.RefTo(medplum.TypeUser, user.ID, in.Email),
		FirstName: in.FirstName, LastName: in.LastName, Email: in.Email,
		ClientID: in.ClientID, ClientSecret: in.ClientSecret,
	})
	if err != nil {
		return err
	}
	return audit.Record(ctx, rows, audit.Event{
		Project: project.ID, Action: audit.SetUp, Agent: "system", Entities: []string{made.Project.Reference, made.Profile.Reference},
	})
}
