package rest

import (
	"context"

	"github.com/admitdev/admit/fhir/document"
	"github.com/admitdev/admit/fhir/r4"
	"github.com/admitdev/admit/fhir/repo"
	"github.com/admitdev/admit/fhir/terminology"
	"github.com/admitdev/admit/pkg/outcome"
)

// nesting collects a profile and those that it uses.
type nesting struct {
	session *repo.Session
	base    string
	seen    map[string]bool
	bundle  r4.Bundle
}

// add adds the profile of a canonical and those that it uses; one that is not known is left out.
func (x *nesting) add(ctx context.Context, canonical string, depth int) error {
	url, _ := terminology.Canonical(canonical)
	if x.seen[url] {
		return nil
	}
	x.seen[url] = true
	if depth > maxProfileDepth || len(x.seen) > maxNested {
		return outcome.New(outcome.TooCostly, "A profile uses others at most %d deep, and at most %d in all", maxProfileDepth, maxNested)
	}
	found, ok, err := x.session.Canonical(ctx, "StructureDefinition", url)
	if err != nil || !ok {
		return err
	}
	definition, err := document.Parse(found.Content)
	if err != nil {
		return err
	}
	x.bundle.Entries = append(x.bundle.Entries, r4.Entry{FullURL: x.base + "StructureDefinition/" + found.ID, Resource: found.Content})
	for _, used := range profilesOf(definition) {
		if err := x.add(ctx, used, depth+1); err != nil {
			return err
		}
	}
	return nil
}
