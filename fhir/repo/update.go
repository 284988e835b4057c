package repo

import (
	"context"
	"errors"

	"github.com/admitdev/admit/fhir/document"
	"github.com/admitdev/admit/fhir/policy"
	"github.com/admitdev/admit/pkg/outcome"
	"github.com/admitdev/admit/pkg/store"
)

// Update replaces a resource; ifMatch is the version it must have, empty for any. An update that
// changes nothing gives the stored version back; one of a deleted resource brings it back.
//
// Errors: as Create's, NotFound, PreconditionFailed.
func (a *access) Update(ctx context.Context, resourceType, id string, body []byte, ifMatch string) (made store.Resource, err error) {
	visible, err := a.writable(policy.Update, resourceType)
	if err != nil {
		return store.Resource{}, err
	}
	in, err := receiveUpdate(resourceType, id, a.plain(body))
	if err != nil {
		return store.Resource{}, err
	}
	attempt := func(a *access) (err error) {
		made, err = a.update(ctx, resourceType, id, in, ifMatch, visible)
		return err
	}
	if needsTx(resourceType) {
		err = a.inTx(ctx, attempt)
	} else {
		err = attempt(a)
	}
	if errors.Is(err, store.ErrVersion) && ifMatch == "" && a.tx == nil {
		// Somebody was faster; what they wrote, committed or not, is now the version to replace.
		err = a.inTx(ctx, attempt)
	}
	if err != nil {
		return store.Resource{}, refused(err)
	}
	return a.show(ctx, policy.Update, made)
}

// receiveUpdate also holds the body to the address.
func receiveUpdate(resourceType, id string, body []byte) (incoming, error) {
	doc, err := addressedTo(resourceType, id, body)
	if err != nil {
		return incoming{}, err
	}
	return receiveParsed(resourceType, doc)
}

func addressedTo(resourceType, id string, body []byte) (*document.Node, error) {
	doc, err := document.Parse(body)
	switch {
	case err != nil:
		return nil, err
	case doc.Text("resourceType") != resourceType:
		return nil, outcome.New(outcome.Invalid, "Incorrect resource type")
	case doc.Text("id") != id:
		return nil, outcome.New(outcome.Invalid, "Incorrect resource ID")
	}
	return doc, nil
}

func (a *access) update(ctx context.Context, resourceType, id string, in incoming, ifMatch string, visible store.Predicate) (store.Resource, error) {
	got, err := a.writeTarget(ctx, resourceType, id, visible)
	if err != nil {
		return store.Resource{}, err
	}
	if ifMatch != "" && ifMatch != got.Version {
		return store.Resource{}, outcome.New(outcome.PreconditionFailed, "")
	}
	return a.over(ctx, got, in)
}

// over writes in over what was found.
func (a *access) over(ctx context.Context, got found, in incoming) (store.Resource, error) {
	c := &change{interaction: policy.Update, ref: got.Ref, in: in, old: &got.Resource}
	c.version, c.at = a.newID(), store.Later(a.now(), got.LastUpdated)
	if err := a.before(ctx, c, got); err != nil {
		return store.Resource{}, err
	}
	d, err := a.compose(ctx, c)
	if err != nil {
		return store.Resource{}, err
	}
	if !got.Deleted && in.blob == nil && unchanged(c.oldDoc, d.doc) {
		return got.Resource, a.keepSecrets(ctx, c)
	}
	return a.put(ctx, c, d)
}

// before loads what the version that is replaced says.
func (a *access) before(ctx context.Context, c *change, got found) (err error) {
	was := got.Resource
	if got.live != nil {
		was = *got.live
	} else if got.Deleted {
		if was, err = a.lastLive(ctx, got.Ref); err != nil {
			return err
		}
	}
	if was, err = a.unsealed(ctx, c.interaction, was); err != nil {
		return err
	}
	if a.hasFields(c.ref.Type) {
		c.oldDoc, c.oldIndex, err = indexed(was)
	} else {
		c.oldDoc, err = parsed(was)
	}
	return err
}

// writeTarget finds the resource to change. One that may be read but not changed is Forbidden,
// one that may not even be read is not there.
func (a *access) writeTarget(ctx context.Context, resourceType, id string, visible store.Predicate) (found, error) {
	got, err := a.get(ctx, resourceType, id, []string{a.home(resourceType)}, visible)
	if !errors.Is(err, store.ErrNotFound) {
		return got, err
	}
	readable, denied := a.narrow(policy.Read, resourceType)
	if denied != nil {
		return found{}, outcome.New(outcome.NotFound, "")
	}
	if _, err = a.get(ctx, resourceType, id, a.partitions(resourceType), readable); err != nil {
		return found{}, absent(err)
	}
	return found{}, outcome.New(outcome.Forbidden, "")
}

// unchanged compares two stored documents but for version, time and on whose behalf they were written.
func unchanged(a, b *document.Node) bool {
	return same(document.Stamp(unbound(a), document.Identity{}), document.Stamp(unbound(b), document.Identity{}))
}

// unbound is doc without meta.onBehalfOf.
func unbound(doc *document.Node) *document.Node {
	if doc.Find("meta", "onBehalfOf") == nil {
		return doc
	}
	if left, err := reparse(without(doc, []path{{"meta", "onBehalfOf"}})); err == nil {
		return left
	}
	return doc
}
