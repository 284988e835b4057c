package repo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/admitdev/admit/fhir/document"
	"github.com/admitdev/admit/fhir/medplum"
	"github.com/admitdev/admit/fhir/policy"
	"github.com/admitdev/admit/pkg/outcome"
	"github.com/admitdev/admit/pkg/store"
)

// This file keeps a membership from rights that could not be given: its member would be shut out, or
// let in for longer than its administrator meant.

// checkAccess refuses policies that do not exist in the project and, when the membership's access
// changes, such as cannot be compiled with its parameters and periods.
func (a *access) checkAccess(ctx context.Context, c *change, doc *document.Node, m medplum.ProjectMembership) error {
	changed := c.old == nil || !sameMember(c.oldDoc, doc, "accessPolicy") || !sameMember(c.oldDoc, doc, "access") || !sameMember(c.oldDoc, doc, "profile")
	if m.AccessPolicy != nil {
		if err := a.checkEntry(ctx, c.ref.Project, m, medplum.Access{Policy: *m.AccessPolicy}, "accessPolicy", changed); err != nil {
			return err
		}
	}
	for i, entry := range m.Access {
		path := fmt.Sprintf("access[%d]", i)
		for _, extension := range doc.Get("access").Items[i].Get("extension").Values() {
			if extension.Text("url") == policy.AccessPeriod {
				return outcome.New(outcome.Invalid, "The period of an access is a modifierExtension").At("ProjectMembership." + path + ".extension")
			}
		}
		if err := a.checkEntry(ctx, c.ref.Project, m, entry, path, changed); err != nil {
			return err
		}
	}
	return nil
}

func sameMember(before, after *document.Node, name string) bool {
	was, is := before.Get(name), after.Get(name)
	if was == nil || is == nil {
		return was == is
	}
	return same(was, is)
}

// checkEntry refuses an entry whose policy does not exist or, when asked to compile it, does not fit.
func (a *access) checkEntry(ctx context.Context, project string, m medplum.ProjectMembership, entry medplum.Access, path string, compile bool) error {
	resourceType, id := entry.Policy.Split()
	if resourceType != medplum.TypeAccessPolicy || !ValidID(id) {
		return noPolicy(entry.Policy, path)
	}
	got, err := a.rows.Get(ctx, store.Ref{Project: project, Type: resourceType, ID: id}, nil)
	switch {
	case errors.Is(err, store.ErrNotFound) || err == nil && got.Deleted:
		return noPolicy(entry.Policy, path)
	case err != nil:
		return err
	case !compile:
		return nil
	}
	return a.fits(got, project, m, entry, "ProjectMembership."+path)
}

// fits refuses an entry whose period is none or whose policy does not compile with its parameters. Gather
// compiles it once for all members who differ in the id of their profile alone: that is bound as a value.
func (a *access) fits(stored store.Resource, project string, m medplum.ProjectMembership, entry medplum.Access, path string) error {
	profileType, _ := m.Profile.Split()
	key, err := json.Marshal([]any{stored.ID, stored.Version, profileType, m.Admin, entry})
	if err != nil {
		return fmt.Errorf("AccessPolicy/%s: %w", stored.ID, err)
	}
	g, gathers := a.rows.(*gathering)
	if gathers && g.fitting[string(key)] {
		return nil
	}
	source := policy.Source{Parameters: entry.Parameter}
	if err := json.Unmarshal(stored.Content, &source.Policy); err != nil {
		return fmt.Errorf("AccessPolicy/%s: %w", stored.ID, err)
	}
	if _, err = policy.PeriodOf(entry); err != nil {
		text, expression := issueOf(err)
		return outcome.New(outcome.Invalid, "%s", text).At(path + "." + expression)
	}
	if _, err = policy.Compile([]policy.Source{source}, policy.Subject{Project: project, Profile: m.Profile, Admin: m.Admin}); err != nil {
		text, expression := issueOf(err)
		return outcome.New(outcome.Invalid, "%s", text).At(path).Because("AccessPolicy/%s, %s", stored.ID, expression)
	}
	if gathers {
		g.fitting[string(key)] = true
	}
	return nil
}

// issueOf is what an outcome says, and of which element.
func issueOf(err error) (text, expression string) {
	var o *outcome.Outcome
	if !errors.As(err, &o) {
		return err.Error(), ""
	}
	if issue := o.Issues[len(o.Issues)-1]; len(issue.Expression) > 0 {
		expression = issue.Expression[0]
	}
	return o.Error(), expression
}

// noPolicy words the refusal (contract §7), the same of what is another project's and of what is nowhere.
func noPolicy(ref medplum.Reference, path string) error {
	if path != "accessPolicy" {
		path += ".policy"
	}
	return outcome.New(outcome.Invalid, "Access policy %s does not exist", ref.Reference).At("ProjectMembership." + path)
}
