package repo

import (
	"context"
	"fmt"

	"github.com/admitdev/admit/fhir/definitions"
	"github.com/admitdev/admit/fhir/document"
	"github.com/admitdev/admit/fhir/medplum"
	"github.com/admitdev/admit/fhir/policy"
	"github.com/admitdev/admit/pkg/outcome"
)

// checkReferences refuses references that the caller could not follow, in a project that asks for
// it. References to elsewhere, to contained resources and within meta are not looked at.
func (a *access) checkReferences(ctx context.Context, doc *document.Node) error {
	if a.system != "" || !a.who.CheckReferences {
		return nil
	}
	var issues []outcome.Issue
	for i := range doc.Fields {
		f := &doc.Fields[i]
		if f.Name == "meta" {
			continue
		}
		found, err := a.dangling(ctx, f.Value, doc.Text("resourceType")+"."+f.Name)
		if err != nil {
			return err
		}
		issues = append(issues, found...)
	}
	if len(issues) == 0 {
		return nil
	}
	return &outcome.Outcome{Code: outcome.Invalid, Issues: issues}
}

// dangling walks n and lists the references that lead nowhere.
func (a *access) dangling(ctx context.Context, n *document.Node, at string) ([]outcome.Issue, error) {
	var issues []outcome.Issue
	for i, item := range n.Items {
		found, err := a.dangling(ctx, item, fmt.Sprintf("%s[%d]", at, i))
		if err != nil {
			return nil, err
		}
		issues = append(issues, found...)
	}
	if ok, err := a.leads(ctx, n.Text("reference")); err != nil {
		return nil, err
	} else if !ok {
		issues = append(issues, outcome.Issue{Code: outcome.Invalid.Issue, Text: "Invalid reference (Not found)", Expression: []string{at}})
	}
	for i := range n.Fields {
		found, err := a.dangling(ctx, n.Fields[i].Value, at+"."+n.Fields[i].Name)
		if err != nil {
			return nil, err
		}
		issues = append(issues, found...)
	}
	return issues, nil
}

// leads says whether a literal reference can be followed by the caller.
func (a *access) leads(ctx context.Context, literal string) (bool, error) {
	resourceType, id := medplum.Reference{Reference: literal}.Split()
	if !definitions.IsResource(resourceType) {
		return true, nil
	}
	if _, err := a.narrow(policy.Read, resourceType); err != nil {
		return false, nil //nolint:nilerr // the refusal is the answer
	}
	_, err := a.Read(ctx, resourceType, id)
	switch {
	case err == nil:
		return true, nil
	case outcome.Has(err, outcome.NotFound), outcome.Has(err, outcome.Gone):
		return false, nil
	}
	return false, err
}
