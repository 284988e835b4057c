package admin

import (
	"context"
	"errors"

	"github.com/admitdev/admit/fhir/caller"
	"github.com/admitdev/admit/fhir/medplum"
	"github.com/admitdev/admit/fhir/policy"
	"github.com/admitdev/admit/pkg/oauth"
	"github.com/admitdev/admit/pkg/outcome"
	"github.com/admitdev/admit/pkg/store"
)

// callersAccount is the User who calls and may change how they sign in; a client or bot has no password and
// no second factor. A token that was given for less than the account does not reach it, and an identity
// provider's word is enough to come in, not to change what opens other projects: it may be the word of one
// project's administrator.
//
// Errors: outcome Forbidden.
func (s *SignIn) callersAccount(ctx context.Context, who caller.Caller) (account, error) {
	me, err := s.accountOf(ctx, who)
	if err != nil {
		return me, err
	}
	login, err := s.Store.Login(ctx, who.LoginID)
	switch {
	case err != nil && !errors.Is(err, store.ErrNotFound):
		return me, err
	case !ownByScope(who):
		err = outcome.New(outcome.Forbidden, "")
	case err != nil, isForOneProject(login): // a token of an external issuer has no login
		err = outcome.New(outcome.Forbidden, "Please sign in with your password to do this")
	}
	return me, err
}

// ownByScope says whether the caller's token was given for all that its User may do. On the page of their
// own account people have no policy and no scopes.
func ownByScope(who caller.Caller) bool {
	return who.Policy == nil || who.Policy.ScopesGrant(policy.Update, medplum.TypeUser)
}

// isForOneProject says whether a User of the server came in by a word that counts in one project.
func isForOneProject(login store.Login) bool {
	elsewhere := login.AuthMethod == oauth.MethodExternal || login.AuthMethod == oauth.MethodExchange
	return elsewhere && !login.WholeAccount && login.UserProject == store.SystemProject
}

// ownSessions says which sessions of the caller's User are the caller's to see and to end: all, those of
// the project that alone it came in to, or, with a token that was given for less, the one that calls.
func (s *SignIn) ownSessions(ctx context.Context, who caller.Caller) (func(store.Login) bool, error) {
	if !ownByScope(who) {
		return func(login store.Login) bool { return login.ID == who.LoginID }, nil
	}
	calling, err := s.Store.Login(ctx, who.LoginID)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return nil, err
	}
	return func(login store.Login) bool {
		return calling.ID != "" && !isForOneProject(calling) || login.MembershipProject == who.Project
	}, nil
}
