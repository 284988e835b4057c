package admin

import (
	"context"
	"errors"
	"time"

	"github.com/admitdev/admit/fhir/caller"
	"github.com/admitdev/admit/pkg/audit"
	"github.com/admitdev/admit/pkg/oauth"
	"github.com/admitdev/admit/pkg/outcome"
	"github.com/admitdev/admit/pkg/secret"
	"github.com/admitdev/admit/pkg/store"
)

// SessionTokens signs the tokens of the sessions that an Entry begins; *oauth.Server implements it.
type SessionTokens interface {
	SignSession(ctx context.Context, login store.Login, profile string, class int) (oauth.SessionTokens, error)
	Renewal(ctx context.Context, token string) (login string, err error)
}

// SessionTokensOf signs the tokens of a session; class is the dialect's word for how it was proven.
func (s *SignIn) SessionTokensOf(ctx context.Context, login store.Login, class func(store.Login) int) (oauth.SessionTokens, error) {
	member, err := s.directory.Membership(ctx, login.MembershipProject, login.Membership)
	if err == nil && !member.Active {
		err = store.ErrNotFound
	}
	if errors.Is(err, store.ErrNotFound) {
		return oauth.SessionTokens{}, outcome.New(outcome.Unauthorized, "")
	}
	if err != nil {
		return oauth.SessionTokens{}, err
	}
	return s.Tokens.SignSession(ctx, login, member.Profile.Reference, class(login))
}

// Renew is the live session of a renewal token, in a project that has the dialect still switched on.
//
// Errors: outcome Unauthorized, Invalid for an address that is not let in.
func (s *SignIn) Renew(ctx context.Context, dialect, token string, from Device) (store.Login, error) {
	id, err := s.Tokens.Renewal(ctx, token)
	if err != nil {
		return store.Login{}, err
	}
	login, err := s.LiveSession(ctx, id)
	if err != nil {
		return store.Login{}, err
	}
	speaks, err := s.Service.Listed(ctx, login.MembershipProject, dialect)
	if err == nil && !speaks {
		err = outcome.New(outcome.Unauthorized, "")
	}
	if err == nil {
		err = s.mayComeFrom(ctx, login.MembershipProject, login.Membership, from)
	}
	return login, err
}

// LiveSession reads a session that has not ended.
//
// Errors: outcome Unauthorized.
func (s *SignIn) LiveSession(ctx context.Context, id string) (store.Login, error) {
	login, err := s.Store.Login(ctx, id)
	if errors.Is(err, store.ErrNotFound) || err == nil && (login.Revoked || !login.Granted || login.Membership == "") {
		err = outcome.New(outcome.Unauthorized, "")
	}
	return login, err
}

// Switch is a session of the same person in another project, as far as the password that they have shown
// opens it. Whoever came with a named token stays where it led.
//
// Errors: outcome Forbidden, Invalid, ErrFactorDue.
func (s *SignIn) Switch(ctx context.Context, dialect string, login store.Login, project string, lasts time.Duration, from Device) (store.Login, error) {
	if login.MembershipProject == project {
		return login, nil
	}
	choices, err := s.elsewhere(ctx, dialect, login)
	if err != nil {
		return store.Login{}, err
	}
	for _, choice := range choices {
		if choice.project == project {
			return s.switchTo(ctx, login, choice, lasts, from)
		}
	}
	return store.Login{}, outcome.New(outcome.Forbidden, "")
}

func (s *SignIn) switchTo(ctx context.Context, login store.Login, choice Choice, lasts time.Duration, from Device) (store.Login, error) {
	who, err := s.account(ctx, login.User())
	if err == nil {
		err = s.mayComeFrom(ctx, choice.project, choice.ID, from)
	}
	if err != nil {
		return store.Login{}, err
	}
	login.ID, login.Nonce, login.Client = secret.ID(), secret.ID(), ""
	login.MembershipProject, login.Membership, login.WantedProject = choice.project, choice.ID, choice.project
	if due, err := s.factorDue(ctx, s.Store, login, who, nil); err != nil || due {
		return store.Login{}, errors.Join(err, ErrFactorDue)
	}
	login.RemoteAddress, login.UserAgent = oauth.Text(from.Address, 64), oauth.Text(from.Agent, 512)
	login.ExpiresAt = store.At(s.Clock.Now().Add(lasts))
	return login, s.Store.InTx(ctx, func(tx *store.Tx) error {
		if err := tx.AddLogin(ctx, login); err != nil {
			return err
		}
		if err := tx.AcceptInvitations(ctx, login.MembershipProject, login.Membership); err != nil {
			return err
		}
		return audit.Record(ctx, tx, signedIn(login))
	})
}

// elsewhere are the memberships to which a session leads, in projects that have the dialect switched on.
func (s *SignIn) elsewhere(ctx context.Context, dialect string, login store.Login) ([]Choice, error) {
	wide := login
	if wide.WantedProject = ""; login.ProvenAt.IsZero() {
		wide.WantedProject = login.MembershipProject
	}
	all, err := s.choices(ctx, wide)
	if err != nil {
		return nil, err
	}
	var open []Choice
	for _, choice := range all {
		speaks, err := s.Service.Listed(ctx, choice.project, dialect)
		if err != nil {
			return nil, err
		}
		if speaks && (choice.ID == login.Membership || !login.ProvenAt.IsZero()) {
			open = append(open, choice)
		}
	}
	return open, nil
}

// Match is a membership of the person who calls.
type Match struct {
	Project, ProjectName string
	User                 User
}

// Matches are the caller's memberships in projects that have the dialect switched on and to which their
// session leads.
//
// Errors: outcome Forbidden.
func (s *SignIn) Matches(ctx context.Context, dialect string, who caller.Caller) ([]Match, error) {
	choices := []Choice{}
	if _, id := who.Membership.Split(); who.LoginID == "" || !ownByScope(who) {
		choices = append(choices, Choice{ID: id, project: who.Project})
	} else {
		login, err := s.Store.Login(ctx, who.LoginID)
		if err == nil {
			choices, err = s.elsewhere(ctx, dialect, login)
		}
		if err != nil {
			return nil, err
		}
	}
	matches := make([]Match, 0, len(choices))
	for _, choice := range choices {
		user, err := s.Service.ownUser(ctx, choice.project, choice.ID)
		if err != nil {
			return nil, err
		}
		matches = append(matches, Match{choice.project, choice.Project.Display, user})
	}
	return matches, nil
}

// CheckPassword says whether a password is the caller's own. Guesses count.
//
// Errors: outcome Forbidden, *TooSoon.
func (s *SignIn) CheckPassword(ctx context.Context, who caller.Caller, password string) (bool, error) {
	me, err := s.accountOf(ctx, who)
	if err != nil {
		return false, err
	}
	if me.password.Hash == "" {
		return false, nil
	}
	err = s.verifyAgain(ctx, me, "password", password, me.password.Hash, who.RemoteAddr)
	if outcome.Has(err, outcome.Invalid) {
		return false, nil
	}
	return err == nil, err
}
