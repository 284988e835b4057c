package admin

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/admitdev/admit/fhir/caller"
	"github.com/admitdev/admit/fhir/medplum"
	"github.com/admitdev/admit/fhir/repo"
	"github.com/admitdev/admit/pkg/audit"
	"github.com/admitdev/admit/pkg/outcome"
	"github.com/admitdev/admit/pkg/secret"
	"github.com/admitdev/admit/pkg/store"
)

// DialectAuthing is the setting of a Project, a boolean, by which clients of Authing may manage its users.
const DialectAuthing = "authing"

// Speaks says whether a project has a dialect on. One that is not there speaks none.
func (s *Service) Speaks(ctx context.Context, project, dialect string) (bool, error) {
	if !store.ValidProject(project) {
		return false, nil
	}
	p, err := fetch[medplum.Project](ctx, s.Repo, "see which dialects a project speaks",
		store.Ref{Project: store.SystemProject, Type: medplum.TypeProject, ID: project})
	if errors.Is(err, store.ErrNotFound) {
		return false, nil
	}
	return isSet(p.Setting, dialect), err
}

// DefaultRoles are the ids of the AccessPolicies that the project gives to whoever is given none by name.
//
// Errors: outcome Forbidden, NotFound.
func (s *Service) DefaultRoles(ctx context.Context, who caller.Caller, project string) (map[string]bool, error) {
	m, err := s.manage(ctx, who, project, audit.MembershipRead)
	if err != nil {
		return nil, err
	}
	given := map[string]bool{}
	for _, profileType := range []string{"Patient", "RelatedPerson", "Practitioner"} {
		if policy := repo.DefaultPolicy(m.project, profileType, false); policy != nil {
			_, id := policy.Split()
			given[id] = true
		}
	}
	return given, nil
}

// ProjectSecrets knows the secrets of clients; oauth.ClientSecrets implements it.
type ProjectSecrets interface {
	// SecretsOf are the current secrets of the clients of a project, by the ids of the clients.
	SecretsOf(ctx context.Context, project string) (map[string]string, error)
}

// ClientBySecret is the client of a project that is known by its secret alone. proves must take as long
// for a wrong secret as for the right one.
//
// Errors: outcome Unauthorized.
func (s *Service) ClientBySecret(ctx context.Context, project string, proves func(secret string) bool) (caller.Claims, error) {
	secrets, err := s.ProjectSecrets.SecretsOf(ctx, project)
	if err != nil {
		return caller.Claims{}, err
	}
	found := ""
	for id, value := range secrets {
		if proves(value) {
			found = id
		}
	}
	if found == "" {
		return caller.Claims{}, outcome.New(outcome.Unauthorized, "")
	}
	directory := NewDirectory(s.Repo)
	client, err := directory.Client(ctx, found)
	if err != nil {
		return caller.Claims{}, asUnauthorized(err)
	}
	member, err := directory.ClientMembership(ctx, client)
	switch {
	case err != nil:
		return caller.Claims{}, asUnauthorized(err)
	case !client.Active || !member.Active:
		return caller.Claims{}, outcome.New(outcome.Unauthorized, "")
	}
	return caller.Claims{Project: project, Membership: member.ID, ClientID: client.ID}, nil
}

func asUnauthorized(err error) error {
	if errors.Is(err, store.ErrNotFound) {
		return outcome.New(outcome.Unauthorized, "")
	}
	return err
}

// clientTokenLasts is how long the access token of a client works that a dialect asks for and that does
// not say it itself: Authing's ask anew before each call when it is an hour or less.
const clientTokenLasts = 2 * time.Hour

// IssueClientToken makes an access token for a client that has shown its secret, in a session of its own.
func (s *Service) IssueClientToken(ctx context.Context, who caller.Caller) (AccessToken, error) {
	_, membership := who.Membership.Split()
	client, err := NewDirectory(s.Repo).Client(ctx, who.ClientID)
	if err != nil {
		return AccessToken{}, asUnauthorized(err)
	}
	var login store.Login
	err = s.Store.InTx(ctx, func(tx *store.Tx) error {
		login = store.Login{
			ID: secret.ID(), UserProject: who.Project, UserType: medplum.TypeClientApplication, UserID: who.ClientID, Client: who.ClientID,
			MembershipProject: who.Project, Membership: membership, AuthMethod: "client", AuthTime: store.At(tx.Now()), Scope: "openid",
			Granted: true, RemoteAddress: who.RemoteAddr, ExpiresAt: store.At(tx.Now().Add(client.AccessLasts(clientTokenLasts))),
		}
		if err := tx.AddLogin(ctx, login); err != nil {
			return err
		}
		return audit.Record(ctx, tx, event(who, who.Project, audit.SignIn, medplum.TypeClientApplication+"/"+who.ClientID))
	})
	if err != nil {
		return AccessToken{}, err
	}
	token, err := s.AccessTokens.SignAccess(ctx, login, who.Profile.Reference)
	return AccessToken{token, login.AuthTime.Unix(), login.ExpiresAt.Unix()}, err
}

// PasswordEnvelope opens the passwords that the clients of a project encrypt. Each project has a key of
// its own, made when it is first asked for: its clients may set every password of it as they are.
func (s *Service) PasswordEnvelope(ctx context.Context, project string) (*secret.Envelope, error) {
	ref := store.Ref{Project: store.SystemProject, Type: medplum.TypeProject, ID: project}
	place := ref.Type + "/" + project + "/" + string(store.PasswordKey)
	kept, err := s.Store.Credential(ctx, ref, store.PasswordKey)
	if errors.Is(err, store.ErrNotFound) {
		var fresh []byte
		if fresh, err = secret.EnvelopeKey(); err != nil {
			return nil, err
		}
		kept, err = s.Store.KeepCredential(ctx, store.Credential{
			Project: ref.Project, Type: ref.Type, ID: ref.ID, Kind: store.PasswordKey, Sealed: s.Box.Seal(fresh, place),
		})
	}
	if err != nil {
		return nil, err
	}
	key, err := s.Box.Open(kept.Sealed, place)
	if err != nil {
		return nil, fmt.Errorf("open the password key of project %s: %w", project, err)
	}
	return secret.NewEnvelope(key)
}
