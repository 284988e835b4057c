package admin

import (
	"context"

	"github.com/admitdev/admit/fhir/medplum"
	"github.com/admitdev/admit/pkg/audit"
	"github.com/admitdev/admit/pkg/oauth"
	"github.com/admitdev/admit/pkg/openid"
	"github.com/admitdev/admit/pkg/outcome"
	"github.com/admitdev/admit/pkg/store"
)

// Recognise implements oauth.Externals.
func (s *SignIn) Recognise(ctx context.Context, client oauth.Client, subject oauth.SubjectToken) (oauth.Recognised, error) {
	if err := s.countJourney(ctx, Device{Address: subject.Address}); err != nil {
		return oauth.Recognised{}, err
	}
	who, err := s.bySubjectToken(ctx, client, subject)
	if err != nil {
		return oauth.Recognised{}, err
	}
	user := medplum.TypeUser + "/" + who.User.ID
	return who, audit.RecordAlone(ctx, s.Store, audit.Event{
		Project: client.Project, Action: audit.SignIn, Agent: user, Entities: []string{user}, RemoteAddr: subject.Address,
	})
}

func (s *SignIn) bySubjectToken(ctx context.Context, client oauth.Client, subject oauth.SubjectToken) (oauth.Recognised, error) {
	p, err := s.providerOfClient(ctx, client.ID)
	if outcome.Has(err, outcome.Invalid) {
		err = outcome.New(outcome.Invalid, "Invalid client")
	}
	if err != nil {
		return oauth.Recognised{}, err
	}
	var id openid.Identity
	if subject.ID {
		id, err = s.Providers.IDToken(ctx, p.Config, subject.Token)
	} else {
		id, err = s.Providers.AccessToken(ctx, p.Config, subject.Token)
	}
	if err != nil {
		return oauth.Recognised{}, s.providerFailed(ctx, err, "Invalid subject_token")
	}
	who, err := s.recognise(ctx, p, id, client.Project)
	if err != nil {
		return oauth.Recognised{}, err
	}
	member, err := s.onlyMembership(ctx, who, client.Project, subject.Membership)
	if err != nil {
		return oauth.Recognised{}, err
	}
	known := oauth.Recognised{User: who.ref, Member: member, How: s.recognition(p, id), Several: id.Several()}
	return known, s.mustBeStrong(ctx, who, known)
}

// mustBeStrong refuses a token that does not say that there were several factors where there must be: nobody is
// there to be asked for another.
//
// Errors: outcome Invalid.
func (s *SignIn) mustBeStrong(ctx context.Context, who account, known oauth.Recognised) error {
	login := store.Login{AuthMethod: oauth.MethodExternal, MFAVerified: known.Several, MembershipProject: known.Member.Project}
	due, err := s.factorDue(ctx, s.Store, login, who, nil)
	if err == nil && due {
		err = outcome.New(outcome.Invalid, "A second factor is required, and the token does not say that there was one")
	}
	return err
}

// onlyMembership is the membership that is wanted, or the only one there is in the project.
func (s *SignIn) onlyMembership(ctx context.Context, who account, project, wanted string) (oauth.Membership, error) {
	login := s.newLogin(who.ref, oauth.MethodExternal, Device{})
	login.WantedProject = project
	choices, err := s.choices(ctx, login)
	if err != nil {
		return oauth.Membership{}, err
	}
	for _, c := range choices {
		if c.ID == wanted || wanted == "" && len(choices) == 1 {
			return s.directory.Membership(ctx, c.project, c.ID)
		}
	}
	if len(choices) > 1 && wanted == "" {
		return oauth.Membership{}, outcome.New(outcome.Invalid, "There are several memberships; membership_id says which")
	}
	return oauth.Membership{}, outcome.New(outcome.Invalid, "User not found")
}
