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
func (s *SignIn) Recognise(ctx context.Context, client oauth.Client, subject oauth.SubjectToken) (store.Ref, oauth.Membership, error) {
	if err := s.countJourney(ctx, Device{Address: subject.Address}); err != nil {
		return store.Ref{}, oauth.Membership{}, err
	}
	who, member, err := s.bySubjectToken(ctx, client, subject)
	if err != nil {
		return store.Ref{}, oauth.Membership{}, err
	}
	user := medplum.TypeUser + "/" + who.ref.ID
	return who.ref, member, audit.RecordAlone(ctx, s.Store, audit.Event{
		Project: client.Project, Action: audit.SignIn, Agent: user, Entities: []string{user}, RemoteAddr: subject.Address,
	})
}

func (s *SignIn) bySubjectToken(ctx context.Context, client oauth.Client, subject oauth.SubjectToken) (account, oauth.Membership, error) {
	p, err := s.providerOfClient(ctx, client.ID)
	if outcome.Has(err, outcome.Invalid) {
		err = outcome.New(outcome.Invalid, "Invalid client")
	}
	if err != nil {
		return account{}, oauth.Membership{}, err
	}
	var id openid.Identity
	if subject.ID {
		id, err = s.Providers.IDToken(ctx, p.Config, subject.Token)
	} else {
		id, err = s.Providers.AccessToken(ctx, p.Config, subject.Token)
	}
	if err != nil {
		return account{}, oauth.Membership{}, s.providerFailed(ctx, err, "Invalid subject_token")
	}
	who, err := s.recognise(ctx, p, id, client.Project)
	if err != nil {
		return account{}, oauth.Membership{}, err
	}
	member, err := s.onlyMembership(ctx, who, client.Project, subject.Membership)
	return who, member, err
}

// onlyMembership is the membership that is wanted, or the only one there is in the project.
func (s *SignIn) onlyMembership(ctx context.Context, who account, project, wanted string) (oauth.Membership, error) {
	login := s.newLogin(who.ref, methodExternal, Device{})
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
