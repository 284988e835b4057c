package admin

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/admitdev/admit/pkg/openid"
	"github.com/admitdev/admit/pkg/store"
)

// clocksDiffer is by how much the clock of an identity provider may differ from ours.
const clocksDiffer = time.Minute

// recognition is what is kept of what a provider says of how it recognised somebody. An acr of which we do not
// know what it means says nothing to our clients either, and a time that is still to come says nothing at all.
func (s *SignIn) recognition(p provider, id openid.Identity) store.Recognition {
	r := store.Recognition{AMR: strings.Join(id.AMR, " "), WholeAccount: p.project == store.SystemProject && !p.useSubject}
	if slices.Contains(openid.StrongACR, id.ACR) {
		r.ACR = id.ACR
	}
	now := s.Clock.Now()
	switch {
	case id.AuthTime.IsZero() || id.AuthTime.After(now.Add(clocksDiffer)):
	case id.AuthTime.After(now):
		r.RecognisedAt = store.At(now)
	default:
		r.RecognisedAt = store.At(id.AuthTime)
	}
	return r
}

// wantsSeveral says whether whoever goes to a provider will be asked for several factors by the project.
func (s *SignIn) wantsSeveral(ctx context.Context, p provider, project string) (bool, error) {
	if p.project != store.SystemProject {
		project = p.project
	}
	if !store.ValidProject(project) {
		return false, nil
	}
	wants, err := wantsFactor(ctx, s.Store, project)
	return wants, ignoreNotFound(err)
}

// recent says whether somebody showed who they are as lately as the journey wants. A provider that was asked
// must say when (OpenID Connect Core §2).
func (j journey) recent(at time.Time) bool {
	return j.MaxAge == nil || !at.IsZero() && !at.Before(j.Began.Add(-*j.MaxAge-clocksDiffer)) && !at.After(j.Began.Add(journeyLasts+clocksDiffer))
}
