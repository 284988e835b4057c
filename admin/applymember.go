package admin

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"

	"github.com/admitdev/admit/fhir/medplum"
	"github.com/admitdev/admit/fhir/repo"
	"github.com/admitdev/admit/pkg/store"
)

func (a *applying) members(ctx context.Context) error {
	for _, d := range a.draft.Members {
		if err := a.member(ctx, d); err != nil {
			return a.at(d.Place, err)
		}
	}
	return nil
}

// memberKey is the name of a member among what drafts have made.
func (d MemberDraft) memberKey() string { return d.Profile + "/" + d.Name }

func (a *applying) member(ctx context.Context, d MemberDraft) error {
	all, err := a.membershipsNamed(ctx, d)
	if err != nil {
		return err
	}
	for _, m := range all {
		if profileType, _ := m.Profile.Split(); profileType == d.Profile {
			a.difference.People[d.Name] = cmp.Or(a.difference.People[d.Name], m.ID)
			return a.bringMember(ctx, d, m)
		}
	}
	return a.invite(ctx, d, len(all) > 0)
}

// membershipsNamed are the memberships that the person has in the project already.
func (a *applying) membershipsNamed(ctx context.Context, d MemberDraft) ([]medplum.ProjectMembership, error) {
	key := store.Key{Scope: a.project.ID, Kind: repo.KeyMembershipExternalID, Value: d.ExternalID}
	if d.ExternalID != "" {
		ref, err := a.tx.Store().Owner(ctx, key)
		if errors.Is(err, store.ErrNotFound) {
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		m, err := a.membership(ctx, ref.ID)
		return []medplum.ProjectMembership{m}, err
	}
	var all []medplum.ProjectMembership
	for _, scope := range []string{a.project.ID, store.SystemProject} {
		user, err := a.tx.Store().Owner(ctx, store.Key{Scope: scope, Kind: repo.KeyUserEmail, Value: d.Email})
		if errors.Is(err, store.ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		found, err := a.s.membershipsOf(ctx, a.tx, a.project.ID, user)
		if err != nil {
			return nil, err
		}
		all = append(all, found...)
	}
	return all, nil
}

// invite makes the member as any invite does, so that the same rules hold.
func (a *applying) invite(ctx context.Context, d MemberDraft, another bool) error {
	in, err := a.invitation(ctx, d)
	if err != nil {
		return err
	}
	in.ForceNewMembership = another
	if err := in.check(); err != nil {
		return err
	}
	v := inviting{s: a.s, tx: a.tx, who: a.who, in: in, hash: a.hashes[d.Place], handsOver: !in.sends() && d.Password == "" && d.Email != ""}
	made, err := v.run(ctx, a.project.ID)
	if err != nil {
		return err
	}
	a.difference.People[d.Name] = cmp.Or(a.difference.People[d.Name], made.ID)
	if err := a.noteMade(ctx, a.key(made.Type, d.memberKey()), Part{Name: d.Name}, made.Ref); err != nil {
		return err
	}
	told := &a.difference.Changes[len(a.difference.Changes)-1].Made
	told.Mailed, told.Known = in.sends(), v.handsOver && v.link == ""
	if v.link != "" {
		a.tell(v.link)
	}
	return nil
}

// tell gives back the link of the member that was made last. Of somebody with several profiles it is the one that works.
func (a *applying) tell(link string) {
	last := len(a.difference.Changes) - 1
	for i := range a.difference.Changes {
		if c := &a.difference.Changes[i]; c.Kind == "member" && c.Name == a.difference.Changes[last].Name {
			c.Made.Link = ""
		}
	}
	a.difference.Changes[last].Made.Link = link
}

func (a *applying) invitation(ctx context.Context, d MemberDraft) (Invitation, error) {
	in := Invitation{
		ResourceType: d.Profile, FirstName: d.FirstName, LastName: d.LastName, Email: d.Email, ExternalID: d.ExternalID,
		Scope: d.Scope, Admin: d.Admin, MFARequired: d.MFARequired, Patient: d.Patient, Membership: map[string]json.RawMessage{},
	}
	if d.HoldsMail || a.handOver || d.Password != "" {
		in.SendEmail = new(Flag)
	}
	access, err := a.access(ctx, d.Access)
	if err != nil {
		return in, err
	}
	for _, entry := range access {
		raw, err := marshal(entry)
		if err != nil {
			return in, err
		}
		in.Access = append(in.Access, raw)
	}
	if d.Block {
		in.Membership["active"] = json.RawMessage("false")
	}
	return in, a.joinGroups(ctx, d, memberDocument(in.Membership))
}

func (a *applying) joinGroups(ctx context.Context, d MemberDraft, doc memberDocument) error {
	if d.Groups == nil {
		return nil
	}
	ids, err := a.s.groupIDs(ctx, a.tx, a.project.ID, d.Groups)
	if err != nil {
		return err
	}
	return doc.setGroups(ids)
}

// bringMember gives a member what the draft says; who they are, and how they sign in, is theirs.
func (a *applying) bringMember(ctx context.Context, d MemberDraft, m medplum.ProjectMembership) error {
	stored, err := a.tx.System("read a membership of a project file", a.project.ID).Read(ctx, medplum.TypeProjectMembership, m.ID)
	if err != nil {
		return err
	}
	doc, _, err := openMember(stored)
	if err != nil {
		return err
	}
	if err := a.joinGroups(ctx, d, doc); err != nil {
		return err
	}
	elements := Elements{"extension": doc["extension"]}
	switch {
	case d.Block:
		elements["active"] = json.RawMessage("false")
	case !m.IsActive():
		elements["active"] = nil
	}
	return a.settleMembership(ctx, m.ID, "member", d.Name, d.RightsDraft, elements)
}
