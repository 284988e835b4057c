package admin

import (
	"cmp"
	"context"
	"encoding/json"

	"github.com/admitdev/admit/fhir/medplum"
	"github.com/admitdev/admit/fhir/repo"
	"github.com/admitdev/admit/pkg/outcome"
	"github.com/admitdev/admit/pkg/store"
)

// alreadyMember is Medplum's text, which clients compare.
const alreadyMember = "User is already a member of this project"

// makeMembership stores a new membership. repo gives it the project's default policy when the
// request names none, and refuses policies of other projects.
func (v *inviting) makeMembership(ctx context.Context) (store.Resource, error) {
	elements, err := v.in.elements()
	if err != nil {
		return store.Resource{}, err
	}
	ref := store.Ref{Project: v.project.ID, Type: medplum.TypeProjectMembership, ID: cmp.Or(v.ahead.membership, v.tx.Store().NewID())}
	if err := v.claimMembership(ctx, ref); err != nil {
		return store.Resource{}, err
	}
	for name, value := range map[string]any{
		"resourceType": ref.Type,
		"id":           ref.ID,
		"project":      v.reference(),
		"user":         medplum.RefTo(v.user.Type, v.user.ID, v.in.Email),
		"profile":      v.profile,
	} {
		if elements[name], err = marshal(value); err != nil {
			return store.Resource{}, err
		}
	}
	if v.who.User.Reference != "" {
		if elements["invitedBy"], err = marshal(v.who.User); err != nil {
			return store.Resource{}, err
		}
	}
	body, err := marshal(elements)
	if err != nil {
		return store.Resource{}, err
	}
	return v.tx.System("make the membership of an invite", v.project.ID).Create(ctx, ref.Type, body)
}

// claimMembership makes the membership the User's ordinary one. Only one can be that.
func (v *inviting) claimMembership(ctx context.Context, membership store.Ref) error {
	if v.in.ForceNewMembership {
		return nil
	}
	key := store.Key{Scope: v.project.ID, Kind: repo.KeyMembershipUser, Value: v.user.Type + "/" + v.user.ID}
	holder, _, err := v.tx.Store().Claim(ctx, key, membership)
	if err != nil {
		return err
	}
	if holder != membership {
		return outcome.New(outcome.Conflict, alreadyMember)
	}
	return nil
}

// updateMembership merges the request into the membership that has the same profile; what is new
// wins, identity stays.
func (v *inviting) updateMembership(ctx context.Context, existing []medplum.ProjectMembership) (store.Resource, error) {
	id := ""
	for _, m := range existing {
		if m.Profile.Reference == v.profile.Reference {
			id = m.ID
			break
		}
	}
	if id == "" {
		return store.Resource{}, outcome.New(outcome.Conflict, alreadyMember+" with a different profile")
	}
	members := v.tx.System("update the membership of a repeated invite", v.project.ID)
	stored, err := members.Read(ctx, medplum.TypeProjectMembership, id)
	if err != nil {
		return store.Resource{}, err
	}
	body, err := v.merge(stored)
	if err != nil {
		return store.Resource{}, err
	}
	return members.Update(ctx, medplum.TypeProjectMembership, id, body, stored.Version)
}

func (v *inviting) merge(stored store.Resource) ([]byte, error) {
	var merged map[string]json.RawMessage
	if err := decode(stored, &merged); err != nil {
		return nil, err
	}
	elements, err := v.in.elements()
	if err != nil {
		return nil, err
	}
	for name, value := range elements {
		merged[name] = value
	}
	if merged["invitedBy"], err = marshal(v.who.User); err != nil {
		return nil, err
	}
	return marshal(merged)
}
