package repo

import (
	"context"
	"slices"
	"time"

	"github.com/admitdev/admit/fhir/document"
	"github.com/admitdev/admit/fhir/medplum"
	"github.com/admitdev/admit/fhir/policy"
	"github.com/admitdev/admit/pkg/outcome"
	"github.com/admitdev/admit/pkg/store"
)

// needsTx says whether a write of the type touches more than its own row.
func needsTx(resourceType string) bool {
	switch resourceType {
	case medplum.TypeUser, medplum.TypeProjectMembership, medplum.TypeAccessPolicy, medplum.TypeProject,
		typeSearchParameter, medplum.TypeClientApplication, medplum.TypeDomainConfiguration, typeBinary:
		return true
	}
	return isDefinition(resourceType)
}

// inTx runs fn on the transaction that is open, or on a new one.
func (a *access) inTx(ctx context.Context, fn func(*access) error) error {
	if a.tx != nil {
		return fn(a)
	}
	s := Session{*a}
	return s.InTx(ctx, func(tx *Tx) error { return fn(&tx.access) })
}

// writable refuses a write that no rule of the policy could grant, before the body is looked at.
func (a *access) writable(interaction policy.Interaction, resourceType string) (store.Predicate, error) {
	visible, err := a.narrow(interaction, resourceType)
	if err != nil {
		return nil, err
	}
	if ServerMade(resourceType) {
		return nil, outcome.New(outcome.NotSupported, "%s resources are made by the server alone", resourceType)
	}
	return visible, nil
}

// change is one write on its way: what is there, what came in and what becomes of it.
type change struct {
	interaction policy.Interaction
	ref         store.Ref
	in          incoming
	old         *store.Resource // the stored version, nil on create
	oldDoc      *document.Node  // its content, or that of the last version before its deletion
	oldIndex    store.Index
	version     string
	at          time.Time
}

// before is the stored document, nil on create.
func (c *change) before() []byte {
	if c.oldDoc == nil {
		return nil
	}
	return c.oldDoc.Raw
}

// compose makes the draft of a change: the caller's fields are put back, the type's own rules
// applied, the policy asked about the image and the project about its profiles, definitions and references.
func (a *access) compose(ctx context.Context, c *change) (draft, error) {
	doc, err := a.serverMeta(ctx, c, c.in.doc)
	if err != nil {
		return draft{}, err
	}
	if doc, err = a.byType(ctx, c, doc); err != nil {
		return draft{}, err
	}
	d, err := a.stamp(ctx, doc, c.ref, c.version, c.at)
	if err != nil {
		return draft{}, err
	}
	if a.system == "" {
		if d, err = a.permit(ctx, c, d); err != nil {
			return draft{}, err
		}
	}
	if err := a.checkProfiles(ctx, c.interaction, d); err != nil {
		return draft{}, err
	}
	if err := a.checkDefinition(ctx, c, d); err != nil {
		return draft{}, err
	}
	return d, a.checkReferences(ctx, d)
}

// permit applies the field rules and asks the policy whether the result may be written.
func (a *access) permit(ctx context.Context, c *change, d draft) (draft, error) {
	fields := a.protected(c, d)
	if c.in.blob != nil && fields.has("data") { // the bytes are no part of the document that is put right below
		return draft{}, outcome.New(outcome.Forbidden, "")
	}
	rule, ok := a.who.Policy.Rule(c.interaction, c.ref, d.at, d.index)
	if !fields.none() {
		doc, err := fields.keep(d.doc, c.oldDoc)
		if err != nil {
			return draft{}, err
		}
		if doc, err = a.serverMeta(ctx, c, doc); err != nil { // whose patients may be others now
			return draft{}, err
		}
		hidden := slices.Concat(fields.unseen, fields.hidden)
		if doc, err = a.byType(ctx, c, doc); err != nil {
			return draft{}, err
		}
		if err = validSeen(doc, c.oldDoc, c.ref.Type, hidden); err != nil { // an element it needs may be gone
			return draft{}, err
		}
		if d, err = a.stamp(ctx, doc, c.ref, c.version, c.at); err != nil {
			return draft{}, err
		}
		d.hidden = hidden
		rule, ok = a.who.Policy.Rule(c.interaction, c.ref, d.at, d.index)
	}
	if !ok {
		return draft{}, outcome.New(outcome.Forbidden, "")
	}
	if rule.Constrained() && !rule.Permits(c.before(), d.doc.Raw) {
		return draft{}, outcome.New(outcome.Forbidden, "")
	}
	return d, nil
}

// putBackAll makes protected fields what they are in old; without an old version they are dropped.
func putBackAll(doc, old *document.Node, protected []string) (*document.Node, error) {
	for _, p := range pathsOf(protected) {
		var content []byte
		if old != nil {
			content = putBack(doc, old, p)
		} else if content = without(doc, []path{p}); content == nil {
			content = []byte("{}")
		}
		var err error
		if doc, err = reparse(content); err != nil {
			return nil, err
		}
	}
	return doc, nil
}

// serverMeta makes the members of meta that are the server's to say.
func (a *access) serverMeta(ctx context.Context, c *change, doc *document.Node) (*document.Node, error) {
	accounts, err := a.accountsOf(ctx, c, doc)
	if err != nil {
		return nil, err
	}
	var onBehalfOf []byte
	if a.who.OnBehalfOf != nil {
		if onBehalfOf, err = marshal(a.who.OnBehalfOf.Profile); err != nil {
			return nil, err
		}
	}
	return setMeta(doc, accounts, onBehalfOf)
}

// accountsOf decides meta.accounts: an administrator in extended mode may set them, a create gets
// the policy's compartment, everything else keeps what is stored; to that come the patients' (inherited).
func (a *access) accountsOf(ctx context.Context, c *change, doc *document.Node) ([]byte, error) {
	if a.setsAccounts() && (c.in.accounts || c.in.doc.Find("meta", "accounts") != nil) {
		return doc.Find("meta", "accounts").Compact(nil), nil
	}
	gained, lost, err := a.inherited(ctx, c, doc)
	if err != nil {
		return nil, err
	}
	if stamped := a.stampedAccount(c.ref.Project); c.oldDoc == nil && stamped != nil {
		gained = append([]medplum.Reference{*stamped}, gained...)
	}
	return changedAccounts(c.oldDoc.Find("meta", "accounts"), gained, lost)
}
