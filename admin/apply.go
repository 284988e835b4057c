package admin

import (
	"context"
	"errors"
	"net/url"

	"github.com/admitdev/admit/fhir/caller"
	"github.com/admitdev/admit/fhir/medplum"
	"github.com/admitdev/admit/fhir/repo"
	"github.com/admitdev/admit/pkg/audit"
	"github.com/admitdev/admit/pkg/outcome"
	"github.com/admitdev/admit/pkg/store"
)

// keyDraft is the kind of key that leads from the name of a part to what a draft has made for it. It stays
// until what it leads to is deleted, and tells what a later draft may remove.
const keyDraft = "ProjectDraft"

// errPlanned undoes a transaction that has shown what it would do.
var errPlanned = errors.New("planned")

// PlanProject shows what ApplyProject would do. All of it is done and undone, so what would be refused
// is refused here. The ids, secrets and links are not those that will be.
//
// Errors: *DraftError.
func (s *Service) PlanProject(ctx context.Context, d ProjectDraft) (Difference, error) {
	planned, err := s.applyDraft(ctx, applying{draft: d}, func(Difference) error { return errPlanned })
	if errors.Is(err, errPlanned) {
		err = nil
	}
	return planned, err
}

// ApplyProject makes a project what the draft says, in one transaction. What agree refuses is not done.
// With handOver, links are given back instead of mailed.
//
// Errors: *DraftError, agree's.
func (s *Service) ApplyProject(ctx context.Context, d ProjectDraft, handOver bool, agree func(Difference) error) (Difference, error) {
	hashes := map[string]string{}
	for _, m := range d.Members {
		hash, err := s.hash(ctx, m.Password, m.Email)
		if err != nil {
			return Difference{}, &DraftError{m.Place, err}
		}
		hashes[m.Place] = hash
	}
	return s.applyDraft(ctx, applying{draft: d, hashes: hashes, handOver: handOver}, agree)
}

func (s *Service) applyDraft(ctx context.Context, of applying, end func(Difference) error) (made Difference, err error) {
	err = s.again(ctx, func() error {
		return s.Repo.System("apply a project file", store.SystemProject).InTx(ctx, func(tx *repo.Tx) error {
			a := of
			a.s, a.tx, a.touched = s, tx, map[store.Ref]bool{}
			a.who = caller.Caller{SuperAdmin: true, Profile: medplum.Reference{Reference: "system"}}
			if err := a.run(ctx); err != nil {
				return err
			}
			made = a.difference
			return end(made)
		})
	})
	return made, err
}

// applying is one draft on its way, within one attempt of its transaction.
type applying struct {
	draft      ProjectDraft
	hashes     map[string]string // of passwords, by the place of the member
	handOver   bool
	s          *Service
	tx         *repo.Tx
	who        caller.Caller
	project    medplum.Project
	touched    map[store.Ref]bool // what the draft names
	difference Difference
}

// run goes from what others stand on to what stands on it, and removes the other way round.
func (a *applying) run(ctx context.Context) error {
	a.difference = Difference{Name: a.draft.Name, Programs: map[string]string{}, People: map[string]string{}}
	found, err := a.findProject(ctx)
	if err != nil {
		return a.at(a.draft.Place, err)
	}
	for _, step := range []func(context.Context) error{
		a.policies,
		func(ctx context.Context) error { return a.at(a.draft.Place, a.settleProject(ctx, found)) },
		a.groups,
		func(ctx context.Context) error {
			return a.programs(ctx, medplum.TypeClientApplication, a.draft.Clients)
		},
		func(ctx context.Context) error { return a.programs(ctx, medplum.TypeBot, a.draft.Bots) },
		a.members,
		func(ctx context.Context) error { return a.at(a.draft.Place, a.nameOwner(ctx, found.ID == "")) },
		a.removeUnnamed,
	} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	if len(a.difference.Changes) == 0 {
		return nil
	}
	e := event(a.who, a.project.ID, audit.ProjectChange, medplum.TypeProject+"/"+a.project.ID)
	e.Description = "project file"
	return audit.Record(ctx, a.tx.Store(), e)
}

// at says which part an error is about, unless that is known.
func (a *applying) at(place string, err error) error {
	var known *DraftError
	if err == nil || errors.As(err, &known) || repo.Raced(err) {
		return err
	}
	return &DraftError{place, err}
}

// kindOf is the word of project files for a type.
func kindOf(resourceType string) string {
	switch resourceType {
	case medplum.TypeProject:
		return "project"
	case medplum.TypeAccessPolicy:
		return "policy"
	case medplum.TypeClientApplication:
		return "client"
	case medplum.TypeBot:
		return "bot"
	case medplum.TypeGroup:
		return "group"
	}
	return "member"
}

// key leads from a name to what a draft has made. Projects are found among all of the server's.
func (a *applying) key(resourceType, name string) store.Key {
	scope := a.project.ID
	if resourceType == medplum.TypeProject {
		scope = store.SystemProject
	}
	return store.Key{Scope: scope, Kind: keyDraft, Value: resourceType + "/" + name}
}

// madeFor is what a draft has made for a name.
func (a *applying) madeFor(ctx context.Context, key store.Key) (store.Resource, bool, error) {
	ref, err := a.tx.Store().Owner(ctx, key)
	if errors.Is(err, store.ErrNotFound) {
		return store.Resource{}, false, nil
	}
	if err != nil {
		return store.Resource{}, false, err
	}
	res, err := a.tx.System("find what a project file has made", ref.Project).ReadWhole(ctx, ref.Type, ref.ID)
	return res, err == nil, err
}

// find is what a name stands for: what a draft has made for it, or the only one of that name.
func (a *applying) find(ctx context.Context, resourceType, name string) (store.Resource, bool, error) {
	if res, ok, err := a.madeFor(ctx, a.key(resourceType, name)); ok || err != nil {
		return res, ok, err
	}
	return a.named(ctx, a.project.ID, resourceType, name)
}

// named is the only resource of a name.
func (a *applying) named(ctx context.Context, partition, resourceType, name string) (store.Resource, bool, error) {
	query := url.Values{"name:exact": {escapeToken(name)}, "_count": {"2"}}
	found, err := a.s.search(ctx, a.tx, "find what a project file names", partition, resourceType, query)
	switch {
	case err != nil || len(found) == 0:
		return store.Resource{}, false, err
	case len(found) > 1:
		return store.Resource{}, false, outcome.New(outcome.Invalid, "Several %s resources are named %s", resourceType, name).At("name")
	}
	res, err := a.tx.System("read what a project file names", partition).ReadWhole(ctx, resourceType, found[0].ID)
	return res, err == nil, err
}

// make makes a part, and remembers that a draft has.
func (a *applying) make(ctx context.Context, of store.Ref, part Part, elements Elements) (store.Resource, error) {
	if err := elements.set("resourceType", of.Type); err != nil {
		return store.Resource{}, err
	}
	if err := elements.set("id", of.ID); err != nil {
		return store.Resource{}, err
	}
	body, err := marshal(elements)
	if err != nil {
		return store.Resource{}, err
	}
	res, err := a.tx.System("make what a project file names", of.Project).Create(ctx, of.Type, body)
	if outcome.Has(err, outcome.Conflict) && of.ID != "" {
		return store.Resource{}, outcome.New(outcome.Conflict, "The id %s is taken, maybe in another project", of.ID).At("id")
	}
	if err != nil {
		return store.Resource{}, err
	}
	return res, a.noteMade(ctx, a.key(of.Type, part.Name), part, res.Ref)
}

func (a *applying) noteMade(ctx context.Context, key store.Key, part Part, ref store.Ref) error {
	_, claimed, err := a.tx.Store().Claim(ctx, key, ref)
	if err == nil && !claimed {
		err = outcome.New(outcome.Conflict, "Another one is applied at the same time")
	}
	a.touched[ref] = true
	a.note(Change{Action: Make, Kind: kindOf(ref.Type), Name: part.Name, Made: Made{ID: ref.ID}})
	return err
}

func (a *applying) note(c Change) { a.difference.Changes = append(a.difference.Changes, c) }

// bring makes a stored resource what its elements say.
func (a *applying) bring(ctx context.Context, stored store.Resource, name string, elements Elements, more ...FieldChange) (store.Resource, error) {
	a.touched[stored.Ref] = true
	var before Elements
	if err := decode(stored, &before); err != nil {
		return stored, err
	}
	fields, err := differences(stored.Type, before, elements)
	if err != nil {
		return stored, err
	}
	fields = append(fields, more...)
	if len(fields) == 0 {
		return stored, nil
	}
	body, err := marshal(elements)
	if err != nil {
		return stored, err
	}
	a.noteAltered(kindOf(stored.Type), name, fields)
	return a.tx.System("change what a project file names", stored.Project).Update(ctx, stored.Type, stored.ID, body, stored.Version)
}

// noteAltered joins what changes of a program with what changes of its membership.
func (a *applying) noteAltered(kind, name string, fields []FieldChange) {
	for i, c := range a.difference.Changes {
		if c.Kind == kind && c.Name == name {
			if c.Action == Alter {
				a.difference.Changes[i].Fields = append(c.Fields, fields...)
			}
			return
		}
	}
	a.note(Change{Action: Alter, Kind: kind, Name: name, Fields: fields})
}

// instead are elements that take the place of all that a stored resource has, but who it is.
func instead(stored store.Resource, elements Elements) (Elements, error) {
	var was Elements
	if err := decode(stored, &was); err != nil {
		return nil, err
	}
	all := Elements{"resourceType": was["resourceType"], "id": was["id"], "meta": was["meta"]}
	for name, value := range elements {
		all[name] = value
	}
	return all, nil
}

// over are the elements of a stored resource with these in the place of its own.
func over(stored store.Resource, elements Elements) (Elements, error) {
	var all Elements
	if err := decode(stored, &all); err != nil {
		return nil, err
	}
	for name, value := range elements {
		if all[name] = value; isEmpty(value) {
			delete(all, name)
		}
	}
	return all, nil
}

// set sets an element; one that is empty goes.
func (e Elements) set(name string, value any) error { return memberDocument(e).set(name, value) }
