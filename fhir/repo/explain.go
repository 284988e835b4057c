package repo

import (
	"context"
	"slices"

	"github.com/admitdev/admit/fhir/caller"
	"github.com/admitdev/admit/fhir/index"
	"github.com/admitdev/admit/fhir/medplum"
	"github.com/admitdev/admit/fhir/policy"
	"github.com/admitdev/admit/pkg/outcome"
	"github.com/admitdev/admit/pkg/store"
)

// Asked is an interaction with a resource that is there (Type and ID), one that would be (Body), or an
// update of the one to the other.
type Asked struct {
	Interaction policy.Interaction
	Type, ID    string
	Body        []byte
}

// Explain says what the policy of another member decides. The session looks the resource up with its
// own rights, and what is hidden from it has no part in the decision.
//
// Errors: outcome Forbidden, NotFound, Gone, those of validation.
func (s *Session) Explain(ctx context.Context, other caller.Caller, asked Asked) (policy.Decision, error) {
	var d policy.Decision
	if err := KnownType(asked.Type); err != nil {
		return d, err
	}
	t := s.repo.As(other).access
	c := &change{interaction: asked.Interaction, at: s.now(), version: s.newID()}
	if len(asked.Body) > 0 {
		var err error
		if c.in, err = receive(asked.Type, asked.Body); err != nil {
			return d, err
		}
	}
	if len(asked.Body) == 0 || asked.Interaction == policy.Update {
		if err := s.storedAsSeen(ctx, c, asked.Type, asked.ID); err != nil {
			return d, err
		}
		if !t.reaches(c.ref, asked.Interaction) {
			return policy.Refused(policy.LayerProject, "the resource belongs to a project in which the member may not %s", asked.Interaction), nil
		}
	} else {
		c.ref = store.Ref{Project: t.home(asked.Type), Type: asked.Type, ID: s.newID()}
	}
	var err error
	if t.patients, err = s.sharedAccounts(ctx, t, c); err != nil {
		return d, err
	}
	q, err := t.question(ctx, c)
	if err != nil {
		return d, err
	}
	return other.Policy.Explain(q), nil
}

// sharedAccounts are the accounts that a change would inherit, as far as both the session and the member see
// them at the patient.
func (s *Session) sharedAccounts(ctx context.Context, member access, c *change) (map[string][]medplum.Reference, error) {
	shared := map[string][]medplum.Reference{}
	if c.in.doc == nil {
		return shared, nil
	}
	ids := index.Patients(c.in.doc, c.ref.Type)
	if c.oldDoc != nil {
		ids = append(ids, index.Patients(c.oldDoc, c.ref.Type)...)
	}
	if len(ids) == 0 {
		return shared, nil
	}
	seen, err := s.readAccounts(ctx, c.ref.Project, ids)
	if err != nil {
		return nil, err
	}
	inherited, err := member.readAccounts(ctx, c.ref.Project, ids)
	for _, id := range ids {
		shared[id] = slices.DeleteFunc(inherited[id], func(account medplum.Reference) bool { return !contains(seen[id], account) })
	}
	return shared, err
}

// storedAsSeen loads the stored resource as the session may see it.
func (a *access) storedAsSeen(ctx context.Context, c *change, resourceType, id string) error {
	visible, err := a.narrow(policy.Read, resourceType)
	if err != nil {
		return err
	}
	got, err := a.get(ctx, resourceType, id, a.partitions(resourceType), visible)
	switch {
	case err != nil:
		return absent(err)
	case got.Deleted:
		return outcome.New(outcome.Gone, "")
	}
	res := got.Resource
	if a.hasFields(resourceType) {
		if res, _, err = a.mask(policy.Read, res, nil); err != nil {
			return err
		}
	}
	c.ref, c.old = res.Ref, &res
	c.oldDoc, c.oldIndex, err = indexed(res)
	return err
}

// reaches says whether a resource is where the caller may do such a thing at all.
func (a *access) reaches(ref store.Ref, i policy.Interaction) bool {
	if a.everywhere() {
		return true
	}
	switch {
	case ref.Type == medplum.TypeProject:
		return slices.Contains(a.who.Readable(ref.Type), ref.ID)
	case i == policy.Update || i == policy.Delete:
		return ref.Project == a.home(ref.Type)
	}
	return slices.Contains(a.partitions(ref.Type), ref.Project)
}

// question is what the caller's policy would be asked.
func (a *access) question(ctx context.Context, c *change) (policy.Question, error) {
	q := policy.Question{Interaction: c.interaction}
	if c.old != nil {
		q.Images, q.Before = append(q.Images, policy.Image{Name: "stored", Ref: c.ref, LastUpdated: c.old.LastUpdated, Index: c.oldIndex}), c.before()
	}
	if c.in.doc == nil {
		if c.interaction == policy.Update { // to what it is already
			q.After = q.Before
		}
		return q, nil
	}
	d, err := a.imagined(ctx, c)
	q.Images = append(q.Images, policy.Image{Name: "new", Ref: c.ref, LastUpdated: d.at, Index: d.index})
	if err == nil {
		q.After = d.doc.Raw
	}
	return q, err
}

// imagined is the draft that the policy would be asked about.
func (a *access) imagined(ctx context.Context, c *change) (draft, error) {
	doc, err := a.serverMeta(ctx, c, c.in.doc)
	if err != nil {
		return draft{}, err
	}
	d, err := a.stamp(ctx, doc, c.ref, c.version, c.at)
	if err != nil {
		return draft{}, err
	}
	if doc, err = a.protected(c, d).keep(d.doc, c.oldDoc); err != nil {
		return draft{}, err
	}
	if doc, err = a.serverMeta(ctx, c, doc); err != nil {
		return draft{}, err
	}
	return a.stamp(ctx, doc, c.ref, c.version, c.at)
}
