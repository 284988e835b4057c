package admin

import (
	"context"
	"net/url"

	"github.com/admitdev/admit/fhir/medplum"
	"github.com/admitdev/admit/pkg/outcome"
	"github.com/admitdev/admit/pkg/store"
)

// maxDrafted is how many parts of one project drafts may have made.
const maxDrafted = 10_000

// removeUnnamed removes what earlier drafts have made and this one does not name.
func (a *applying) removeUnnamed(ctx context.Context) error {
	made, err := a.tx.Store().Owners(ctx, a.project.ID, keyDraft, "", maxDrafted)
	if err != nil {
		return err
	}
	for _, resourceType := range []string{
		medplum.TypeProjectMembership, medplum.TypeClientApplication, medplum.TypeBot, medplum.TypeGroup, medplum.TypeAccessPolicy,
	} {
		for _, ref := range made {
			if ref.Type != resourceType || a.touched[ref] {
				continue
			}
			if err := a.remove(ctx, ref); err != nil {
				return a.at(a.draft.Place, err)
			}
		}
	}
	return nil
}

func (a *applying) remove(ctx context.Context, ref store.Ref) error {
	res, err := a.tx.System("read what a project file names no more", ref.Project).Read(ctx, ref.Type, ref.ID)
	if err != nil {
		return err
	}
	name, err := nameOf(res)
	if err != nil {
		return err
	}
	a.note(Change{Action: Remove, Kind: kindOf(ref.Type), Name: name})
	switch ref.Type {
	case medplum.TypeProjectMembership:
		return a.s.deleteMember(ctx, a.tx, a.who, a.project, ref.ID)
	case medplum.TypeAccessPolicy:
		if err := a.mustBeUnused(ctx, ref, name); err != nil {
			return err
		}
	case medplum.TypeClientApplication, medplum.TypeBot:
		members, err := a.s.membershipsOf(ctx, a.tx, a.project.ID, ref)
		if err != nil {
			return err
		}
		for _, m := range members {
			if err := a.s.deleteMember(ctx, a.tx, a.who, a.project, m.ID); err != nil {
				return err
			}
		}
	}
	return a.tx.System("remove what a project file names no more", ref.Project).Delete(ctx, ref.Type, ref.ID)
}

// mustBeUnused refuses to delete a policy by which somebody still comes in.
func (a *applying) mustBeUnused(ctx context.Context, policy store.Ref, name string) error {
	holders, err := a.s.search(ctx, a.tx, "see who has a policy", a.project.ID, medplum.TypeProjectMembership,
		url.Values{"access-policy": {policy.Type + "/" + policy.ID}, "_count": {"1"}})
	if err != nil {
		return err
	}
	if len(holders) > 0 || isDefault(a.project, policy.ID) {
		return outcome.New(outcome.Invalid, "Policy %s is not in the file any more, but in use", name).At("policies")
	}
	return nil
}

// nameOf is what a difference calls something that goes.
func nameOf(res store.Resource) (string, error) {
	switch res.Type {
	case medplum.TypeProjectMembership:
		var m medplum.ProjectMembership
		err := decode(res, &m)
		return m.User.Display, err
	case medplum.TypeGroup:
		var g group
		err := decode(res, &g)
		return g.code(), err
	}
	var named struct{ Name string }
	err := decode(res, &named)
	return named.Name, err
}
