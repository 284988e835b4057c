package admin

import (
	"context"
	"errors"
	"unicode/utf8"

	"github.com/admitdev/admit/fhir/medplum"
	"github.com/admitdev/admit/pkg/outcome"
	"github.com/admitdev/admit/pkg/store"
)

// findProject finds the project by its id or name, or chooses the id of one that is to be made. Two that
// make the same one wait for each other here.
func (a *applying) findProject(ctx context.Context) (found store.Resource, err error) {
	d := a.draft
	if n := utf8.RuneCountInString(d.Name); n < minProjectName || n > maxProjectName || !isPlain(d.Name) {
		return found, outcome.New(outcome.Invalid, "Project name must be between 4 and 72 characters").At("name")
	}
	if d.ID != "" && !store.ValidProject(d.ID) {
		return found, outcome.New(outcome.Invalid, "The id of a project is a UUID").At("id")
	}
	if found, err = a.projectThere(ctx); err != nil {
		return found, err
	}
	if found.ID != "" {
		a.difference.Project = found.ID
		return found, decode(found, &a.project)
	}
	a.project = medplum.Project{ID: d.ID, Name: d.Name}
	if d.ID == "" {
		a.project.ID = a.tx.NewID()
	}
	a.difference.Project = a.project.ID
	ref := store.Ref{Project: store.SystemProject, Type: medplum.TypeProject, ID: a.project.ID}
	return found, a.noteMade(ctx, a.key(ref.Type, d.Name), d.Part, ref)
}

func (a *applying) projectThere(ctx context.Context) (store.Resource, error) {
	if a.draft.ID == "" {
		found, _, err := a.find(ctx, medplum.TypeProject, a.draft.Name)
		return found, err
	}
	found, err := a.tx.System("read the project of a project file", store.SystemProject).ReadWhole(ctx, medplum.TypeProject, a.draft.ID)
	switch {
	case outcome.Has(err, outcome.NotFound):
		return store.Resource{}, nil
	case outcome.Has(err, outcome.Gone):
		return store.Resource{}, outcome.New(outcome.Invalid, "The project of this id has been deleted").At("id")
	}
	return found, err
}

// settleProject comes after the policies, for the project names them.
func (a *applying) settleProject(ctx context.Context, found store.Resource) error {
	elements := Elements{}
	for name, value := range a.draft.Elements {
		elements[name] = value
	}
	if err := elements.set("name", a.draft.Name); err != nil {
		return err
	}
	if found.ID == "" {
		return a.makeProject(ctx, elements)
	}
	defaults, err := a.defaults(ctx, a.project.DefaultAccessPolicies)
	if err != nil {
		return err
	}
	if err := elements.set("defaultAccessPolicies", defaults); err != nil {
		return err
	}
	if elements, err = over(found, elements); err != nil {
		return err
	}
	res, err := a.bring(ctx, found, a.draft.Name, elements)
	if err != nil {
		return err
	}
	return decode(res, &a.project)
}

func (a *applying) makeProject(ctx context.Context, elements Elements) error {
	given, err := makeDefaultPolicies(ctx, a.tx, a.project.ID)
	if err != nil {
		return err
	}
	defaults, err := a.defaults(ctx, given)
	if err != nil {
		return err
	}
	err = errors.Join(elements.set("resourceType", medplum.TypeProject), elements.set("id", a.project.ID),
		elements.set("strictMode", true), elements.set("defaultAccessPolicies", defaults))
	if err != nil {
		return err
	}
	body, err := marshal(elements)
	if err != nil {
		return err
	}
	res, err := a.tx.System("make a project", store.SystemProject).Create(ctx, medplum.TypeProject, body)
	if err != nil {
		return err
	}
	return decode(res, &a.project)
}

// defaults are the default policies with those that the draft names in their places.
func (a *applying) defaults(ctx context.Context, given []medplum.DefaultAccessPolicy) ([]medplum.DefaultAccessPolicy, error) {
	all := append([]medplum.DefaultAccessPolicy(nil), given...)
	for _, d := range a.draft.DefaultPolicies {
		role, err := a.policyNamed(ctx, d.Name)
		if err != nil {
			return nil, a.at(d.Place, err)
		}
		named := medplum.DefaultAccessPolicy{ProfileType: d.ProfileType, AccessPolicy: medplum.RefTo(medplum.TypeAccessPolicy, role.ID, role.Name)}
		at := -1
		for i := range all {
			if all[i].ProfileType == d.ProfileType {
				at = i
			}
		}
		if at < 0 {
			all = append(all, named)
		} else if all[at].AccessPolicy.Reference != named.AccessPolicy.Reference {
			all[at] = named
		}
	}
	return all, nil
}

// nameOwner makes the first administrator of a new project its owner.
func (a *applying) nameOwner(ctx context.Context, made bool) error {
	if !made {
		return nil
	}
	for _, d := range a.draft.Members {
		if d.Admin == nil || !*d.Admin || d.Block {
			continue
		}
		m, err := a.membership(ctx, a.difference.People[d.Name])
		if err != nil {
			return err
		}
		projects := a.tx.System("name the owner of a new project", store.SystemProject)
		stored, err := projects.ReadWhole(ctx, medplum.TypeProject, a.project.ID)
		if err != nil {
			return err
		}
		elements, err := over(stored, Elements{})
		if err != nil {
			return err
		}
		if err := elements.set("owner", m.User); err != nil {
			return err
		}
		body, err := marshal(elements)
		if err != nil {
			return err
		}
		_, err = projects.Update(ctx, stored.Type, stored.ID, body, stored.Version)
		return err
	}
	return nil
}

func (a *applying) policies(ctx context.Context) error {
	for _, d := range a.draft.Policies {
		if err := a.policy(ctx, d); err != nil {
			return a.at(d.Place, err)
		}
	}
	return nil
}

func (a *applying) policy(ctx context.Context, d PolicyDraft) error {
	elements := Elements{}
	for name, value := range d.Elements {
		elements[name] = value
	}
	if err := elements.set("name", d.Name); err != nil {
		return err
	}
	found, ok, err := a.find(ctx, medplum.TypeAccessPolicy, d.Name)
	if err != nil {
		return err
	}
	if !ok {
		_, err = a.make(ctx, store.Ref{Project: a.project.ID, Type: medplum.TypeAccessPolicy}, d.Part, elements)
		return err
	}
	if elements, err = instead(found, elements); err != nil {
		return err
	}
	_, err = a.bring(ctx, found, d.Name, elements)
	return err
}

func (a *applying) groups(ctx context.Context) error {
	for _, d := range a.draft.Groups {
		if err := a.group(ctx, d); err != nil {
			return a.at(d.Place, err)
		}
	}
	return nil
}

func (a *applying) group(ctx context.Context, d GroupDraft) error {
	in := GroupFields{Code: d.Name, Name: d.Title}
	if err := in.check(); err != nil {
		return err
	}
	found, err := a.s.groupNamed(ctx, a.tx, a.project.ID, d.Name)
	if outcome.Has(err, outcome.NotFound) {
		return a.makeGroup(ctx, d)
	}
	if err != nil {
		return err
	}
	name, err := marshal(d.Title)
	if err != nil {
		return err
	}
	elements, err := over(found, Elements{"name": name})
	if err != nil {
		return err
	}
	_, err = a.bring(ctx, found, d.Name, elements)
	return err
}

func (a *applying) makeGroup(ctx context.Context, d GroupDraft) error {
	ref := store.Ref{Project: a.project.ID, Type: medplum.TypeGroup, ID: a.tx.NewID()}
	elements := Elements{}
	err := errors.Join(elements.set("type", "person"), elements.set("actual", true), elements.set("name", d.Title),
		elements.set("identifier", []medplum.Identifier{{System: medplum.GroupSystem, Value: d.Name}}))
	if err != nil {
		return err
	}
	if _, err := a.make(ctx, ref, d.Part, elements); err != nil {
		return err
	}
	_, _, err = a.tx.Store().Claim(ctx, store.Key{Scope: ref.Project, Kind: keyGroupCode, Value: d.Name}, ref)
	return err
}

// membership reads a membership of the project.
func (a *applying) membership(ctx context.Context, id string) (m medplum.ProjectMembership, err error) {
	res, err := a.tx.System("read a membership of a project file", a.project.ID).Read(ctx, medplum.TypeProjectMembership, id)
	if err != nil {
		return m, err
	}
	return m, decode(res, &m)
}
