package admin

import (
	"context"
	"encoding/json"
	"slices"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/admitdev/admit/fhir/medplum"
	"github.com/admitdev/admit/fhir/repo"
	"github.com/admitdev/admit/pkg/outcome"
	"github.com/admitdev/admit/pkg/store"
)

// plan is what an invite would do now.
type plan struct {
	action  store.ImportAction
	refused error
	member  store.Resource // that would be updated, or is as it should be
	// plain says that nobody holds the address and that a profile of its own is wanted, so that the
	// invite makes everything anew.
	plain bool
}

// planning is what plans are made from; a Store or a Tx, and a session of it.
type planning struct {
	project string
	keys    interface {
		OwnersOf(ctx context.Context, keys []store.Key) (map[store.Key]store.Ref, error)
		Owners(ctx context.Context, scope, kind, valuePrefix string, limit int) ([]store.Ref, error)
	}
	members interface {
		ReadMany(ctx context.Context, resourceType string, ids []string) (map[string]store.Resource, error)
	}
	owners map[store.Key]store.Ref
	// memberships are the ordinary memberships of holders, by their references.
	memberships map[string]store.Resource
}

// plans says what each of the invites would do. They are looked up together, in few statements.
func (p *planning) plans(ctx context.Context, invites []Invitation) ([]plan, error) {
	var keys []store.Key
	for _, in := range invites {
		if in.Email != "" {
			home, other := p.addresses(in)
			keys = append(keys, home, other)
		}
		if in.ExternalID != "" {
			keys = append(keys, p.externalID(in))
		}
	}
	var err error
	if p.owners, err = p.keys.OwnersOf(ctx, keys); err != nil {
		return nil, err
	}
	if err := p.readMembers(ctx); err != nil {
		return nil, err
	}
	plans := make([]plan, len(invites))
	for i, in := range invites {
		if plans[i], err = p.plan(in); err != nil {
			return nil, err
		}
	}
	return plans, nil
}

// addresses are the key of the invited address in the scope of its User, and in the other.
func (p *planning) addresses(in Invitation) (home, other store.Key) {
	home = store.Key{Scope: store.SystemProject, Kind: repo.KeyUserEmail, Value: in.Email}
	other = home
	if other.Scope = p.project; in.projectScoped() {
		home, other = other, home
	}
	return home, other
}

func (p *planning) externalID(in Invitation) store.Key {
	return store.Key{Scope: p.project, Kind: repo.KeyMembershipExternalID, Value: in.ExternalID}
}

// readMembers reads the memberships of those who hold the keys.
func (p *planning) readMembers(ctx context.Context) error {
	var ordinary []store.Key
	ids := map[string]string{} // of memberships, by the references of their holders
	for key, owner := range p.owners {
		switch {
		case key.Kind == repo.KeyUserEmail:
			ordinary = append(ordinary, store.Key{Scope: p.project, Kind: repo.KeyMembershipUser, Value: owner.Type + "/" + owner.ID})
		case owner.Project == p.project:
			ids[owner.Type+"/"+owner.ID] = owner.ID
		}
	}
	held, err := p.keys.OwnersOf(ctx, ordinary)
	if err != nil {
		return err
	}
	for _, key := range ordinary {
		if member, ok := held[key]; ok {
			ids[key.Value] = member.ID
			continue
		}
		// Not everybody became a member by an invite.
		members, err := p.keys.Owners(ctx, store.SystemProject, repo.KeyUserMembership, key.Value+"/", maxCandidates)
		if err != nil {
			return err
		}
		if i := slices.IndexFunc(members, func(m store.Ref) bool { return m.Project == p.project }); i >= 0 {
			ids[key.Value] = members[i].ID
		}
	}
	p.memberships = map[string]store.Resource{}
	wanted := make([]string, 0, len(ids))
	for _, id := range ids {
		wanted = append(wanted, id)
	}
	if len(wanted) == 0 {
		return nil
	}
	found, err := p.members.ReadMany(ctx, medplum.TypeProjectMembership, wanted)
	if err != nil {
		return err
	}
	for holder, id := range ids {
		if member, ok := found[id]; ok {
			p.memberships[holder] = member
		}
	}
	return nil
}

func (p *planning) memberOf(key store.Key) (store.Resource, bool) {
	owner, held := p.owners[key]
	if !held {
		return store.Resource{}, false
	}
	member, ok := p.memberships[owner.Type+"/"+owner.ID]
	return member, ok
}

func (p *planning) plan(in Invitation) (plan, error) {
	named, err := in.profile()
	if err != nil {
		return refusedBy(err), nil
	}
	whose, byExternalID := store.Resource{}, false
	if in.ExternalID != "" {
		whose, byExternalID = p.memberOf(p.externalID(in))
	}
	if in.Email == "" {
		if byExternalID {
			in.Upsert = false // an external id names the membership, not the person: nobody is found by it
			return in.against(whose)
		}
		return plan{action: store.RowCreate, plain: in.isPlain(named)}, nil
	}
	home, other := p.addresses(in)
	if _, elsewhere := p.memberOf(other); elsewhere {
		return alreadyThere(alreadyMember), nil
	}
	member, isMember := p.memberOf(home)
	if byExternalID && whose.ID != member.ID {
		return refusedBy(outcome.New(outcome.Conflict, "The external id belongs to another member").At("externalId")), nil
	}
	if isMember {
		return in.against(member)
	}
	_, atHome := p.owners[home]
	_, elsewhere := p.owners[other]
	return plan{action: store.RowCreate, plain: !atHome && !elsewhere && in.isPlain(named)}, nil
}

func refusedBy(err error) plan { return plan{action: store.RowError, refused: err} }

func alreadyThere(text string) plan { return refusedBy(outcome.New(outcome.Conflict, "%s", text)) }

// isPlain says whether the profile is to be one that refers to nobody.
func (in *Invitation) isPlain(named medplum.Reference) bool {
	return named.Reference == "" && in.Patient == nil && in.ResourceType != "RelatedPerson"
}

// against compares an invite with the membership that the person has.
func (in *Invitation) against(member store.Resource) (plan, error) {
	var stored map[string]json.RawMessage
	var m medplum.ProjectMembership
	if err := decode(member, &stored); err != nil {
		return plan{}, err
	}
	if err := decode(member, &m); err != nil {
		return plan{}, err
	}
	named, err := in.profile()
	if err != nil {
		return refusedBy(err), nil
	}
	resourceType, _ := m.Profile.Split()
	if resourceType != in.ResourceType || named.Reference != "" && named.Reference != m.Profile.Reference {
		return alreadyThere(alreadyMember + " with a different profile"), nil
	}
	elements, err := in.elements()
	if err != nil {
		return plan{}, err
	}
	same := true
	for name, value := range elements {
		same = same && sameElement(name, stored[name], value)
	}
	switch {
	case same:
		return plan{action: store.RowUnchanged, member: member}, nil
	case in.Upsert:
		return plan{action: store.RowUpdate, member: member}, nil
	}
	return alreadyThere(alreadyMember), nil
}

// sameElement compares what a membership has with what an invite gives.
func sameElement(name string, stored, given json.RawMessage) bool {
	switch name {
	case "admin":
		return (string(stored) == "true") == (string(given) == "true")
	case "accessPolicy":
		var was, is medplum.Reference
		return json.Unmarshal(stored, &was) == nil && json.Unmarshal(given, &is) == nil && was.Reference == is.Reference
	}
	was, is := jsontext.Value(slices.Clone(stored)), jsontext.Value(slices.Clone(given))
	return was.Canonicalize() == nil && is.Canonicalize() == nil && string(was) == string(is)
}
