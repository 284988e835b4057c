package admin

import (
	"context"
	"errors"

	"github.com/admitdev/admit/fhir/medplum"
	"github.com/admitdev/admit/pkg/secret"
	"github.com/admitdev/admit/pkg/store"
)

// proof is what somebody has shown to be who they say: their password, or a named token, which leads
// to its one membership.
type proof struct {
	password store.Credential  // of a token only what it opens
	token    store.MemberToken // without a name for a password
}

// confirm holds it to be still good, and keeps it so until the transaction ends; one that is not ends it, with
// store.ErrChanged for a password.
func (p proof) confirm(ctx context.Context, tx *store.Tx, who account) error {
	if p.token.Name == "" {
		return tx.HoldCredential(ctx, who.ref, store.Password, p.password.Hash)
	}
	still, err := tx.ConfirmMemberToken(ctx, p.token)
	if err == nil && !still {
		err = wrongPassword()
	}
	return err
}

// named finds the User of a sign-in.
//
// Errors: store.ErrNotFound.
func (s *SignIn) named(ctx context.Context, in LoginRequest) (account, error) {
	if in.Email != "" {
		return s.byEmail(ctx, in.Email, in.ProjectID)
	}
	for _, name := range []UserName{{Login: in.Username}, {Phone: in.Username}} {
		if name.Phone != "" && !phoneForm.MatchString(CanonicalPhone(name.Phone)) {
			continue
		}
		ref, err := s.Service.findMember(ctx, in.ProjectID, name)
		if errors.Is(err, store.ErrNotFound) {
			continue
		}
		if err != nil {
			return account{}, err
		}
		m, err := fetch[medplum.ProjectMembership](ctx, s.Repo, "find the User who signs in by name", ref)
		if err != nil {
			return account{}, err
		}
		resourceType, id := m.User.Split()
		if resourceType != medplum.TypeUser {
			return account{}, store.ErrNotFound
		}
		return s.whoHolds(ctx, userKey(id))
	}
	return s.byEmail(ctx, in.Username, in.ProjectID)
}

// verifyToken finds the User's named token. It lets nobody make a project, nor look after the account
// as such.
//
// Errors: store.ErrNotFound.
func (s *SignIn) verifyToken(ctx context.Context, who account, in LoginRequest) (proof, error) {
	token, err := s.Store.MemberTokenByHash(ctx, secret.SHA256(in.Password))
	if err == nil && (token.Project != who.ref.Project || token.User != who.ref.ID || in.OwnAccount || !store.ValidProject(in.ProjectID)) {
		err = store.ErrNotFound
	}
	return proof{password: store.Credential{Opens: token.Project}, token: token}, err
}
