package admin

import (
	"context"

	"github.com/admitdev/admit/fhir/medplum"
	"github.com/admitdev/admit/pkg/outcome"
	"github.com/admitdev/admit/pkg/secret"
	"github.com/admitdev/admit/pkg/store"
)

func (a *applying) programs(ctx context.Context, resourceType string, drafts []ProgramDraft) error {
	for _, d := range drafts {
		if err := a.program(ctx, resourceType, d); err != nil {
			return a.at(d.Place, err)
		}
	}
	return nil
}

func (a *applying) program(ctx context.Context, resourceType string, d ProgramDraft) error {
	elements := Elements{}
	for name, value := range d.Elements {
		elements[name] = value
	}
	if err := elements.set("name", d.Name); err != nil {
		return err
	}
	found, ok, err := a.findProgram(ctx, resourceType, d)
	if err != nil {
		return err
	}
	if !ok {
		return a.makeProgram(ctx, resourceType, d, elements)
	}
	merge := over
	if resourceType == medplum.TypeClientApplication {
		merge = instead
	}
	if elements, err = merge(found, elements); err != nil {
		return err
	}
	if err := a.bringProgram(ctx, found, d, elements); err != nil {
		return err
	}
	return a.bringRights(ctx, found, d)
}

// findProgram finds a program by its id or name.
func (a *applying) findProgram(ctx context.Context, resourceType string, d ProgramDraft) (store.Resource, bool, error) {
	if d.ID == "" {
		return a.find(ctx, resourceType, d.Name)
	}
	found, err := a.tx.System("find what a project file names", a.project.ID).ReadWhole(ctx, resourceType, d.ID)
	switch {
	case outcome.Has(err, outcome.NotFound):
		made, ok, err := a.madeFor(ctx, a.key(resourceType, d.Name))
		if ok {
			err = outcome.New(outcome.Invalid, "%s has the id %s, which stays", d.Name, made.ID).At("id")
		}
		return found, false, err
	case outcome.Has(err, outcome.Gone):
		return found, false, outcome.New(outcome.Invalid, "The program of this id has been deleted").At("id")
	}
	return found, err == nil, err
}

func (a *applying) makeProgram(ctx context.Context, resourceType string, d ProgramDraft, elements Elements) error {
	shown := ""
	if resourceType == medplum.TypeClientApplication && d.Secret == "" && isEmpty(elements["jwksUri"]) {
		shown = secret.Token(clientSecretBytes)
		d.Secret = shown
	}
	if err := elements.set("secret", d.Secret); err != nil {
		return err
	}
	res, err := a.make(ctx, store.Ref{Project: a.project.ID, Type: resourceType, ID: d.ID}, d.Part, elements)
	if err != nil {
		return err
	}
	a.difference.Changes[len(a.difference.Changes)-1].Made.Secret = shown
	access, err := a.access(ctx, d.Access)
	if err != nil {
		return err
	}
	self := medplum.RefTo(resourceType, res.ID, d.Name)
	member, err := makeMembership(ctx, a.tx, medplum.ProjectMembership{
		Project: medplum.RefTo(medplum.TypeProject, a.project.ID, a.project.Name), User: self, Profile: self,
		Admin: d.Admin != nil && *d.Admin, Access: access,
	})
	a.difference.Programs[d.Name] = member.ID
	return err
}

// bringProgram also replaces the secret of a client that is another one.
func (a *applying) bringProgram(ctx context.Context, found store.Resource, d ProgramDraft, elements Elements) error {
	var rotated []FieldChange
	if d.Secret != "" {
		kept, _, err := a.s.Repo.Secrets.ClientSecrets(ctx, a.tx.Store(), found.Project, found.ID)
		if err != nil {
			return err
		}
		if !secret.Equal(kept, d.Secret) {
			rotated = []FieldChange{{"secret", hiddenIn(kept), hiddenIn(d.Secret)}}
		}
		if err := elements.set("secret", d.Secret); err != nil {
			return err
		}
	}
	_, err := a.bring(ctx, found, d.Name, elements, rotated...)
	return err
}

// bringRights gives the membership of a program what the draft says.
func (a *applying) bringRights(ctx context.Context, found store.Resource, d ProgramDraft) error {
	members, err := a.s.membershipsOf(ctx, a.tx, a.project.ID, found.Ref)
	if err != nil {
		return err
	}
	if len(members) == 0 {
		return outcome.New(outcome.Invalid, "%s has no membership of the project", found.Type+"/"+found.ID)
	}
	a.difference.Programs[d.Name] = members[0].ID
	return a.settleMembership(ctx, members[0].ID, kindOf(found.Type), d.Name, d.RightsDraft, Elements{})
}

// policyNamed is a role, told in the words of project files and at the place that names it.
func (a *applying) policyNamed(ctx context.Context, name string) (Role, error) {
	role, err := a.s.roleNamed(ctx, a.tx, a.project.ID, name)
	if outcome.Has(err, outcome.Invalid) {
		err = outcome.New(outcome.Invalid, "There is no policy named %s, or more than one", name)
	}
	return role, err
}

// access are the access entries of a draft.
func (a *applying) access(ctx context.Context, drafts []AccessDraft) ([]medplum.Access, error) {
	var access []medplum.Access
	for _, d := range drafts {
		role, err := a.policyNamed(ctx, d.Name)
		if err != nil {
			return nil, a.at(d.Place, err)
		}
		access = append(access, medplum.Access{
			Policy: medplum.RefTo(medplum.TypeAccessPolicy, role.ID, role.Name), Parameter: d.Parameter,
		})
	}
	return access, nil
}

// settleMembership brings a membership to what the draft says of it.
func (a *applying) settleMembership(ctx context.Context, id, kind, name string, rights RightsDraft, elements Elements) error {
	stored, err := a.tx.System("read a membership of a project file", a.project.ID).Read(ctx, medplum.TypeProjectMembership, id)
	if err != nil {
		return err
	}
	a.touched[stored.Ref] = true
	if rights.Access != nil {
		access, err := a.access(ctx, rights.Access)
		if err != nil {
			return err
		}
		if err := elements.set("access", access); err != nil {
			return err
		}
		elements["accessPolicy"] = nil
	}
	if rights.Admin != nil {
		if err := elements.set("admin", *rights.Admin); err != nil {
			return err
		}
	}
	before, err := over(stored, Elements{})
	if err != nil {
		return err
	}
	after, err := over(stored, elements)
	if err != nil {
		return err
	}
	fields, err := differences(stored.Type, before, after)
	if err != nil || len(fields) == 0 {
		return err
	}
	a.noteAltered(kind, name, fields)
	body, err := marshal(after)
	if err != nil {
		return err
	}
	_, err = a.tx.System("change a membership of a project file", a.project.ID).Update(ctx, stored.Type, stored.ID, body, stored.Version)
	return err
}
