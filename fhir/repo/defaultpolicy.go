package repo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/admitdev/admit/fhir/document"
	"github.com/admitdev/admit/fhir/medplum"
	"github.com/admitdev/admit/pkg/outcome"
	"github.com/admitdev/admit/pkg/store"
)

// defaultPolicy gives a new membership that names no policies the project's default, so that none
// means nothing and not everything. A membership that has its default changes it with its role:
// whoever is no administrator any more must not keep an administrator's policy.
func (a *access) defaultPolicy(ctx context.Context, c *change, doc *document.Node) (*document.Node, error) {
	isAdmin := doc.Get("admin").True()
	switch {
	case c.old == nil && doc.Get("accessPolicy") == nil && doc.Get("access") == nil:
	case c.old != nil && c.oldDoc.Get("admin").True() != isAdmin:
	default:
		return doc, nil
	}
	project, err := a.projectOf(ctx, c.ref.Project)
	if err != nil {
		return nil, err
	}
	profile := reference(doc, "profile")
	profileType, _ := profile.Split()
	chosen := DefaultPolicy(project, profileType, isAdmin)
	if c.old != nil && !hasDefault(c.oldDoc, doc, DefaultPolicy(project, profileType, !isAdmin)) {
		return doc, nil
	}
	if doc, err = reparse(replace(doc, "accessPolicy", nil)); err != nil || chosen == nil {
		return doc, err
	}
	asAdmin := isAdmin && DefaultPolicy(project, "Admin", true) != nil
	if profileType == "RelatedPerson" && !asAdmin && doc.Get("access") == nil {
		return a.patientsPolicy(ctx, c.ref.Project, profile, *chosen, doc)
	}
	return setReference(doc, "accessPolicy", *chosen)
}

// hasDefault says whether a membership had a default policy and is not being given another one.
func hasDefault(before, after *document.Node, was *medplum.Reference) bool {
	had := reference(before, "accessPolicy").Reference
	return was != nil && had == was.Reference && reference(after, "accessPolicy").Reference == had
}

// patientsPolicy binds %patient to the patient of a RelatedPerson.
func (a *access) patientsPolicy(ctx context.Context, project string, profile, chosen medplum.Reference, doc *document.Node) (*document.Node, error) {
	resourceType, id := profile.Split()
	got, err := a.rows.Get(ctx, store.Ref{Project: project, Type: resourceType, ID: id}, nil)
	if errors.Is(err, store.ErrNotFound) || err == nil && got.Deleted {
		return doc, nil // peopleExist refuses it
	}
	if err != nil {
		return nil, err
	}
	person, err := parsed(got)
	if err != nil {
		return nil, err
	}
	patient := reference(person, "patient")
	raw, err := marshal([]medplum.Access{{
		Policy: chosen, Parameter: []medplum.Parameter{{Name: "patient", ValueReference: &patient}},
	}})
	if err != nil {
		return nil, err
	}
	return reparse(replace(doc, "access", raw))
}

func (a *access) projectOf(ctx context.Context, id string) (medplum.Project, error) {
	var p medplum.Project
	got, err := a.rows.Get(ctx, store.Ref{Project: store.SystemProject, Type: medplum.TypeProject, ID: id}, nil)
	if errors.Is(err, store.ErrNotFound) || err == nil && got.Deleted {
		return p, outcome.New(outcome.Invalid, "Project %s does not exist", id).At("ProjectMembership.project")
	}
	if err != nil {
		return p, err
	}
	if err := json.Unmarshal(got.Content, &p); err != nil {
		return p, fmt.Errorf("project %s: %w", id, err)
	}
	return p, nil
}

// DefaultPolicy is the policy that a project gives to a new membership that names none.
func DefaultPolicy(p medplum.Project, profileType string, admin bool) *medplum.Reference {
	byType := map[string]*medplum.Reference{}
	if p.DefaultPatientAccessPolicy != nil {
		byType["Patient"] = p.DefaultPatientAccessPolicy
	}
	for i := range p.DefaultAccessPolicies {
		byType[p.DefaultAccessPolicies[i].ProfileType] = &p.DefaultAccessPolicies[i].AccessPolicy
	}
	if admin && byType["Admin"] != nil {
		return byType["Admin"]
	}
	return byType[profileType]
}
