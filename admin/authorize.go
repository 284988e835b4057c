package admin

import (
	"context"
	"slices"
	"strings"

	"github.com/admitdev/admit/fhir/medplum"
	"github.com/admitdev/admit/pkg/audit"
	"github.com/admitdev/admit/pkg/oauth"
	"github.com/admitdev/admit/pkg/outcome"
	"github.com/admitdev/admit/pkg/secret"
	"github.com/admitdev/admit/pkg/store"
)

// maxBrowserLogins is how many sessions of one browser are looked at.
const maxBrowserLogins = 20

// WishOf is what a request to the authorization endpoint asks of the login that begins.
func WishOf(a oauth.Authorization, browser string) Wish {
	return Wish{
		ClientID: a.Client.ID, Scope: a.Scope, Nonce: a.Nonce,
		CodeChallenge: a.CodeChallenge, CodeChallengeMethod: a.CodeChallengeMethod,
		RedirectURI: a.RedirectURI, Browser: browser, Launch: a.Launch, KeyThumbprint: a.KeyThumbprint,
	}
}

// Resume begins a login from a session that the browser has already: of a User with an active
// membership of the client's project, signed in recently enough. allowed says that the same client was
// allowed all of the scope before. Without such a session the step is empty.
func (s *SignIn) Resume(ctx context.Context, a oauth.Authorization, browser string, from Device) (step Step, allowed bool, err error) {
	sessions, err := s.Store.LoginsOfBrowser(ctx, browser, maxBrowserLogins)
	if err != nil {
		return Step{}, false, err
	}
	var found *store.Login
	for i, session := range sessions {
		tooOld := a.MaxAge >= 0 && s.Clock.Now().Sub(session.Recognised().Time) > a.MaxAge
		other := a.Subject != "" && session.UserID != a.Subject
		if session.MembershipProject != a.Client.Project || tooOld || other || session.UserType != medplum.TypeUser {
			continue
		}
		same := session.Client == a.Client.ID && wordsWithin(a.Scope, session.Scope) && oauth.Covers(session.Scope, a.Scope)
		if found == nil || same && !allowed {
			found, allowed = &sessions[i], same
		}
	}
	if found == nil {
		return Step{}, false, nil
	}
	member, err := s.directory.Membership(ctx, found.MembershipProject, found.Membership)
	if err != nil || !member.Active {
		return Step{}, false, ignoreNotFound(err)
	}
	who, err := s.account(ctx, found.User())
	if err != nil {
		return Step{}, false, ignoreNotFound(err)
	}
	if due, err := s.factorDue(ctx, s.Store, *found, who, nil); err != nil || due { // it was not wanted then
		return Step{}, false, err
	}
	login := *found
	login.ID, login.Granted, login.Nonce = secret.ID(), false, secret.ID()
	login.RemoteAddress, login.UserAgent = oauth.Text(from.Address, 64), oauth.Text(from.Agent, 512)
	login.ExpiresAt = store.At(s.Clock.Now().Add(loginLasts))
	WishOf(a, browser).apply(&login, a.Client)
	if allowed && a.Launch.Patient == "" && slices.Contains(a.Prompts, "none") { // nobody is there to choose again
		login.LaunchPatient, login.LaunchEncounter, login.LaunchContext = found.LaunchPatient, found.LaunchEncounter, found.LaunchContext
	}
	login.WantedProject = a.Client.Project
	if err := s.Store.AddLogin(ctx, login); err != nil {
		return Step{}, false, err
	}
	return Step{Login: login.ID, Consent: true}, allowed, nil
}

func wordsWithin(asked, granted string) bool {
	have := strings.Fields(granted)
	return !slices.ContainsFunc(strings.Fields(asked), func(word string) bool { return !slices.Contains(have, word) })
}

// Pending says what a login of this browser needs next, for a request that it was begun for.
//
// Errors: outcome NotFound, Invalid.
func (s *SignIn) Pending(ctx context.Context, id, browser string, a oauth.Authorization) (store.Login, error) {
	login, _, err := s.pending(ctx, id)
	switch {
	case err != nil:
		return login, err
	case browser == "" || login.Browser != browser, login.Client != a.Client.ID, login.RedirectURI != a.RedirectURI:
		return login, outcome.New(outcome.NotFound, "")
	}
	return login, nil
}

// Allow gives the code of a login whose User lets the client have scope, which is no more than it
// asked for. A request that was pushed is used up by it.
//
// Errors: outcome NotFound, Invalid.
func (s *SignIn) Allow(ctx context.Context, id, scope, pushed string) (code string, err error) {
	login, who, err := s.pending(ctx, id)
	if err != nil {
		return "", err
	}
	patient, err := s.patientOf(ctx, login)
	switch {
	case err != nil:
		return "", err
	case login.Membership == "" || login.RedirectURI == "":
		return "", outcome.New(outcome.Invalid, "Login profile not set")
	case oauth.WantsPatient(scope) && patient == "":
		return "", outcome.New(outcome.Invalid, "A patient must be chosen first")
	case scope == "" || !wordsWithin(scope, login.Scope) || !oauth.Covers(login.Scope, scope):
		return "", outcome.New(outcome.Invalid, "Invalid scope")
	}
	err = s.Store.InTx(ctx, func(tx *store.Tx) error {
		set, err := tx.SetLoginScope(ctx, login.ID, scope)
		if err == nil && !set {
			err = outcome.New(outcome.Invalid, "Login granted")
		}
		if err != nil {
			return err
		}
		step, err := s.advance(ctx, tx, login.ID, who, nil)
		if err == nil && !step.Consent { // a second factor is still due
			err = outcome.New(outcome.Invalid, "Login not verified")
		}
		if err == nil {
			code, err = s.Codes.IssueCode(ctx, tx, login.ID, login.RedirectURI)
		}
		if err == nil && pushed != "" {
			err = usePushed(ctx, tx, pushed)
		}
		if err != nil {
			return err
		}
		return audit.Record(ctx, tx, audit.Event{
			Project: login.MembershipProject, Action: audit.Consent, Agent: login.UserType + "/" + login.UserID,
			Entities: []string{medplum.TypeClientApplication + "/" + login.Client}, Description: scope, RemoteAddr: login.RemoteAddress,
		})
	})
	return code, err
}

// usePushed lets a pushed request give one code.
func usePushed(ctx context.Context, tx *store.Tx, hash string) error {
	used, err := tx.UsePushedRequest(ctx, hash)
	if err == nil && !used {
		err = outcome.New(outcome.Invalid, "The request was answered before")
	}
	return err
}
