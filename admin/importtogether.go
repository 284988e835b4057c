package admin

import (
	"cmp"
	"context"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/samply/golang-fhir-models/fhir-models/fhir"

	"github.com/admitdev/admit/fhir/caller"
	"github.com/admitdev/admit/fhir/medplum"
	"github.com/admitdev/admit/fhir/repo"
	"github.com/admitdev/admit/pkg/store"
)

// withoutProfiles are the rows whose address no profile has; known the others.
func (s *Service) withoutProfiles(ctx context.Context, tx *repo.Tx, project string, plain []waiting) (without, known []waiting, err error) {
	addresses := map[string][]string{}
	for _, w := range plain {
		if w.in.Email != "" {
			addresses[w.in.ResourceType] = append(addresses[w.in.ResourceType], escapeToken(w.in.Email))
		}
	}
	found := map[string]bool{}
	for resourceType, emails := range addresses {
		query := url.Values{"email": {strings.Join(emails, ",")}, "_count": {strconv.Itoa(maxFound)}}
		profiles, err := s.search(ctx, tx, "find the profile of an invited address", project, resourceType, query)
		if err != nil {
			return nil, nil, err
		}
		if len(profiles) == maxFound { // there may be more
			return nil, plain, nil
		}
		for _, profile := range profiles {
			var person struct{ Telecom []fhir.ContactPoint }
			if err := decode(profile, &person); err != nil {
				return nil, nil, err
			}
			for _, telecom := range person.Telecom {
				if telecom.Value != nil {
					found[strings.ToLower(*telecom.Value)] = true
				}
			}
		}
	}
	for _, w := range plain {
		if found[strings.ToLower(w.in.Email)] {
			known = append(known, w)
		} else {
			without = append(without, w)
		}
	}
	return without, known, nil
}

// maxFound is how many profiles of a batch are looked at.
const maxFound = 1000

// inviteAll invites new people and notes in their rows what was made.
func (s *Service) inviteAll(ctx context.Context, tx *repo.Tx, who caller.Caller, project string, plain []waiting) error {
	if len(plain) == 0 {
		return nil
	}
	described, err := s.project(ctx, tx, project)
	if err != nil {
		return err
	}
	mails := 0
	if s.MailLimit >= 0 {
		if mails, err = s.mailsLeft(ctx, tx.Store(), project); err != nil {
			return err
		}
	}
	invites := make([]inviting, len(plain))
	made, err := tx.Gather(ctx, func(tx *repo.Tx) error {
		for i, w := range plain {
			invites[i] = inviting{s: s, tx: tx, who: who, in: w.in, hash: w.hash, project: described, ahead: invitedAhead{
				user: newUserID(tx.Store()), membership: tx.NewID(), newProfile: true, mailsLeft: &mails,
			}}
		}
		if err := claimAhead(ctx, tx, invites); err != nil {
			return err
		}
		for i := range invites {
			if _, err := invites[i].run(ctx, project); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	for i := range plain {
		if err := plain[i].done(store.RowCreate, invites[i].imported(made)); err != nil {
			return err
		}
	}
	return nil
}

// imported is what the invite has made.
func (v *inviting) imported(made map[store.Ref]store.Resource) imported {
	resourceType, id := v.profile.Split()
	result := imported{Password: v.hash != "" && v.user.made}
	if user, ok := made[v.user.Ref]; ok {
		result.User = versionOf(user)
	}
	if profile, ok := made[store.Ref{Project: v.project.ID, Type: resourceType, ID: id}]; ok {
		result.Profile = versionOf(profile)
	}
	if member, ok := made[store.Ref{Project: v.project.ID, Type: medplum.TypeProjectMembership, ID: v.ahead.membership}]; ok {
		result.Membership = *versionOf(member)
	}
	return result
}

// claimAhead claims what the invites will ask for: their addresses in both scopes, first all in the
// project's, as a single invite does, and that each person has one membership.
func claimAhead(ctx context.Context, tx *repo.Tx, invites []inviting) error {
	var addresses, members []store.KeyClaim
	for i := range invites {
		v := &invites[i]
		user := store.Ref{Project: store.SystemProject, Type: medplum.TypeUser, ID: v.ahead.user}
		if v.in.projectScoped() {
			user.Project = v.project.ID
		}
		if v.in.Email != "" {
			for _, scope := range []string{v.project.ID, store.SystemProject} {
				addresses = append(addresses, store.KeyClaim{Key: store.Key{Scope: scope, Kind: repo.KeyUserEmail, Value: v.in.Email}, Owner: user})
			}
		}
		members = append(members, store.KeyClaim{
			Key:   store.Key{Scope: v.project.ID, Kind: repo.KeyMembershipUser, Value: user.Type + "/" + user.ID},
			Owner: store.Ref{Project: v.project.ID, Type: medplum.TypeProjectMembership, ID: v.ahead.membership},
		})
	}
	slices.SortFunc(addresses, func(a, b store.KeyClaim) int {
		if (a.Scope == store.SystemProject) != (b.Scope == store.SystemProject) {
			return map[bool]int{true: 1, false: -1}[a.Scope == store.SystemProject]
		}
		return cmp.Compare(a.Value, b.Value)
	})
	wanted := append(addresses, members...)
	holders, err := tx.Store().ClaimAhead(ctx, wanted)
	if err != nil {
		return err
	}
	for _, claim := range wanted {
		if holders[claim.Key] != claim.Owner {
			return errOneByOne
		}
	}
	return nil
}
