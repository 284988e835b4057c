package repo

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/admitdev/admit/fhir/document"
	"github.com/admitdev/admit/fhir/medplum"
	"github.com/admitdev/admit/pkg/outcome"
	"github.com/admitdev/admit/pkg/store"
)

// This file keeps a project from losing its owner, by whatever route.

// owned refuses an owner who is no active member: a project must not be handed to a stranger, nor
// to somebody who cannot come in. Whoever makes a project names its first owner.
func (a *access) owned(ctx context.Context, c *change, doc *document.Node) error {
	owner := reference(doc, "owner")
	if c.old == nil || reference(c.oldDoc, "owner").Reference == owner.Reference {
		return nil
	}
	if owner.Reference == "" {
		return outcome.New(outcome.Invalid, "A project keeps an owner").At("Project.owner")
	}
	if resourceType, _ := owner.Split(); resourceType == medplum.TypeUser {
		isMember, err := a.hasMember(ctx, c.ref.ID, owner.Reference, func(m medplum.ProjectMembership) bool { return m.IsActive() })
		if err != nil || isMember {
			return err
		}
	}
	return outcome.New(outcome.Invalid, "%s is no active member of the project", owner.Reference).At("Project.owner")
}

// hasMember says whether a user has a membership of the project for which fits holds.
func (a *access) hasMember(ctx context.Context, project, user string, fits func(medplum.ProjectMembership) bool) (bool, error) {
	members, err := a.rows.Owners(ctx, store.SystemProject, KeyUserMembership, user+"/", maxMemberships)
	if err != nil {
		return false, err
	}
	for _, ref := range members {
		if ref.Project != project {
			continue
		}
		got, err := a.rows.Get(ctx, ref, nil)
		if err != nil {
			return false, err
		}
		m, err := membershipOf(got)
		if err != nil || fits(m) {
			return err == nil, err
		}
	}
	return false, nil
}

// byAdmit says whether Admit acts for itself, and not for an administrator (Tx.Administer).
func (a *access) byAdmit() bool { return a.system != "" && a.who.Profile.Reference == "" }

// ownerStays refuses to switch the owner's membership off or to take its administration away, unless
// the owner has another one to administer the project with.
func (a *access) ownerStays(ctx context.Context, c *change, m medplum.ProjectMembership) error {
	if c.old == nil || c.old.Deleted || a.byAdmit() {
		return nil
	}
	was := c.oldDoc.Get("active") == nil || c.oldDoc.Get("active").True()
	off, demoted := was && !m.IsActive(), c.oldDoc.Get("admin").True() && !m.Admin
	if !off && !demoted {
		return nil
	}
	owner, err := a.ownerOf(ctx, c.ref.Project)
	if err != nil || owner != m.User.Reference {
		return err
	}
	stays, err := a.administersOtherwise(ctx, c.ref, owner)
	if err != nil || stays {
		return err
	}
	if off {
		return outcome.New(outcome.Invalid, "Cannot deactivate the owner of the project").At("ProjectMembership.active")
	}
	return outcome.New(outcome.Invalid, "The owner of the project stays its administrator").At("ProjectMembership.admin")
}

// administersOtherwise says whether the owner has another membership to administer the project with.
func (a *access) administersOtherwise(ctx context.Context, membership store.Ref, owner string) (bool, error) {
	return a.hasMember(ctx, membership.Project, owner, func(other medplum.ProjectMembership) bool {
		return other.ID != membership.ID && other.IsActive() && other.Admin
	})
}

// mayLeave refuses to delete the owner's membership, unless they have another one to administer the
// project with; the text is Medplum's.
func (a *access) mayLeave(ctx context.Context, got store.Resource) error {
	m, err := membershipOf(got)
	if err != nil {
		return err
	}
	owner, err := a.ownerOf(ctx, got.Project)
	if err != nil || owner != m.User.Reference {
		return err
	}
	if stays, err := a.administersOtherwise(ctx, got.Ref, owner); err != nil || stays {
		return err
	}
	return outcome.New(outcome.Invalid, "Cannot delete the owner of the project")
}

// ownerOf is the owner of a project, empty when it has none. It is held, so that ownership does not
// pass to somebody whose membership goes at the same moment.
func (a *access) ownerOf(ctx context.Context, project string) (string, error) {
	ref := store.Ref{Project: store.SystemProject, Type: medplum.TypeProject, ID: project}
	if _, err := a.tx.Hold(ctx, ref); err != nil {
		return "", ignoreNotFound(err)
	}
	found, err := a.projectOf(ctx, project)
	if outcome.Has(err, outcome.Invalid) { // it is gone, and nobody's
		return "", nil
	}
	if err != nil || found.Owner == nil {
		return "", err
	}
	return found.Owner.Reference, nil
}

func membershipOf(got store.Resource) (m medplum.ProjectMembership, err error) {
	if got.Deleted {
		return m, nil
	}
	if err := json.Unmarshal(got.Content, &m); err != nil {
		return m, fmt.Errorf("ProjectMembership/%s: %w", got.ID, err)
	}
	return m, nil
}

// left ends what a membership let in: its sessions when it is deleted or switched off, and then
// also its tokens and open invitations when it is deleted.
func (a *access) left(ctx context.Context, res store.Resource) error {
	m, err := membershipOf(res)
	if err != nil || !res.Deleted && m.IsActive() {
		return err
	}
	if err := a.tx.RevokeMembershipLogins(ctx, res.Project, res.ID); err != nil || !res.Deleted {
		return err
	}
	if err := a.tx.DeleteMemberTokens(ctx, res.Project, res.ID); err != nil {
		return err
	}
	return a.tx.RevokeInvitations(ctx, res.Project, res.ID)
}
