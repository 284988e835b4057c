package repo

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/admitdev/admit/fhir/definitions"
	"github.com/admitdev/admit/fhir/document"
	"github.com/admitdev/admit/fhir/medplum"
	"github.com/admitdev/admit/fhir/policy"
	"github.com/admitdev/admit/pkg/outcome"
	"github.com/admitdev/admit/pkg/store"
)

// maxTargets is how many targets one statement looks for. Most resources take one statement.
const maxTargets = 500

// literal is a reference to a resource of this server and where it stands.
type literal struct{ resourceType, id, at string }

// checkReferences refuses references that the caller could not follow, in a project that asks for
// it, unless the transaction will have made what they lead to. References to elsewhere, to contained resources and within meta are not looked at, nor those that
// the caller does not see.
func (a *access) checkReferences(ctx context.Context, d draft) error {
	if a.system != "" || !a.who.CheckReferences {
		return nil
	}
	doc, err := drop(d.doc, pathsOf(d.hidden))
	if err != nil {
		return err
	}
	var found []literal
	for i := range doc.Fields {
		if f := &doc.Fields[i]; f.Name != "meta" {
			found = appendLiterals(found, f.Value, doc.Text("resourceType")+"."+f.Name)
		}
	}
	var issues []outcome.Issue
	for part := range slices.Chunk(found, maxTargets) {
		known, err := a.readable(ctx, part)
		if err != nil {
			return err
		}
		for _, l := range part {
			if name := l.resourceType + "/" + l.id; !known[name] && !slices.Contains(a.expected, name) {
				issues = append(issues, outcome.Issue{Code: outcome.Invalid.Issue, Text: "Invalid reference (Not found)", Expression: []string{l.at}})
			}
		}
	}
	if len(issues) == 0 {
		return nil
	}
	return &outcome.Outcome{Code: outcome.Invalid, Issues: issues}
}

// appendLiterals appends the references in n.
func appendLiterals(out []literal, n *document.Node, at string) []literal {
	for i, item := range n.Items {
		out = appendLiterals(out, item, fmt.Sprintf("%s[%d]", at, i))
	}
	reference, _, _ := strings.Cut(n.Text("reference"), "/_history/")
	resourceType, id := medplum.Reference{Reference: reference}.Split()
	if definitions.IsResource(resourceType) {
		out = append(out, literal{resourceType, id, at})
	}
	for i := range n.Fields {
		out = appendLiterals(out, n.Fields[i].Value, at+"."+n.Fields[i].Name)
	}
	return out
}

// readable are those of the targets ("Type/id") that the caller may read, found by one statement.
func (a *access) readable(ctx context.Context, targets []literal) (map[string]bool, error) {
	ids := map[string]store.IDIn{}
	for _, l := range targets {
		if ValidID(l.id) && !slices.Contains(ids[l.resourceType], l.id) {
			ids[l.resourceType] = append(ids[l.resourceType], l.id)
		}
	}
	q, err := a.targetQuery(ctx, ids)
	if err != nil || len(q.Types) == 0 {
		return nil, err
	}
	rows, err := a.rows.Search(ctx, q)
	if err != nil {
		return nil, fmt.Errorf("look for the targets of references: %w", err)
	}
	known := make(map[string]bool, len(rows))
	for _, row := range rows {
		known[row.Type+"/"+row.ID] = true
	}
	return known, nil
}

// targetQuery looks for resources of several types by their ids. A type that the caller may not
// read is left out.
func (a *access) targetQuery(ctx context.Context, ids map[string]store.IDIn) (q store.Query, err error) {
	for _, resourceType := range slices.Sorted(maps.Keys(ids)) {
		for _, project := range a.partitions(resourceType) {
			if !slices.Contains(q.Projects, project) {
				q.Projects = append(q.Projects, project)
			}
		}
	}
	if a.everywhere() {
		if q.Projects, err = a.rows.Partitions(ctx); err != nil {
			return q, err
		}
	}
	var each store.Or
	for _, resourceType := range slices.Sorted(maps.Keys(ids)) {
		visible, err := a.narrow(policy.Read, resourceType)
		if outcome.Has(err, outcome.Forbidden) {
			continue
		}
		if err != nil {
			return q, err
		}
		where := store.And{store.TypeIs(resourceType), ids[resourceType]}
		if visible != nil {
			where = append(where, visible)
		}
		if inside := a.inside(resourceType, q.Projects); inside != nil && !a.everywhere() {
			where = append(where, inside)
		}
		q.Types, each = append(q.Types, resourceType), append(each, where)
		q.Limit += len(ids[resourceType]) * len(q.Projects)
	}
	q.Where = each
	return q, nil
}
