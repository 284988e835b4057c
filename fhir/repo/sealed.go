package repo

import (
	"bytes"
	"context"

	"github.com/tidwall/gjson"

	"github.com/admitdev/admit/fhir/document"
	"github.com/admitdev/admit/fhir/medplum"
	"github.com/admitdev/admit/fhir/policy"
	"github.com/admitdev/admit/pkg/outcome"
	"github.com/admitdev/admit/pkg/store"
)

// This file keeps elements that hold secrets of others, and that somebody must be able to read again.
// The version that is stored, its index and its history are without them. Of the current version
// the whole content is kept sealed besides, for the administrators of its project alone, and for
// writes, which take it for what is there.

// guarded are those elements.
func guarded(resourceType string) []string {
	switch resourceType {
	case medplum.TypeProject:
		return []string{"secret", "systemSecret", "site.googleClientSecret", "site.recaptchaSecretKey"}
	case medplum.TypeClientApplication, medplum.TypeDomainConfiguration:
		return []string{"identityProvider.userInfoApiKey"}
	}
	return nil
}

// unseen are the guarded elements that are none of the caller's business.
func (a *access) unseen(ref store.Ref) []string {
	project := ref.Project
	if ref.Type == medplum.TypeProject {
		project = ref.ID
	}
	if a.seesSecrets(project, ref.Type) {
		return nil
	}
	return guarded(ref.Type)
}

// open is what of a document may be stored: itself when it has no guarded elements.
func open(resourceType string, doc *document.Node) (*document.Node, error) {
	left, err := drop(doc, pathsOf(guarded(resourceType)))
	if err != nil || left == doc || bytes.Equal(left.Compact(nil), doc.Compact(nil)) {
		return doc, err
	}
	return left, nil
}

// keepSealed keeps the whole of a version whose stored content is without its secrets. When neither it
// nor the version before it has any, there is nothing to keep or forget.
func (a *access) keepSealed(ctx context.Context, c *change, d draft) error {
	if d.open != d.doc {
		return a.repo.Secrets.SetSealed(ctx, a.tx, d.ref, d.doc.Raw)
	}
	if c.oldDoc == nil {
		return nil
	}
	was, err := open(d.ref.Type, c.oldDoc)
	if err != nil || was == c.oldDoc {
		return err
	}
	return a.repo.Secrets.SetSealed(ctx, a.tx, d.ref, nil)
}

// unsealed is a stored version whole, if it is the one that is kept so. A read that finds a later one
// kept is refused: shown without its secrets, a resource would be written back without them.
func (a *access) unsealed(ctx context.Context, interaction policy.Interaction, res store.Resource) (store.Resource, error) {
	if guarded(res.Type) == nil || res.Deleted {
		return res, nil
	}
	content, err := a.repo.Secrets.Sealed(ctx, a.tx, res.Ref)
	if err != nil || content == nil {
		return res, err
	}
	const version, at = "meta.versionId", "meta.lastUpdated"
	switch kept := gjson.GetManyBytes(content, version, at); {
	case kept[0].String() == res.Version:
		res.Content = content
	case interaction == policy.Read && kept[1].String() > gjson.GetBytes(res.Content, at).String():
		return res, outcome.New(outcome.Conflict, "%s/%s was changed while it was read", res.Type, res.ID)
	}
	return res, nil
}

// ReadWhole is Read of a system session that means to show, or to write again, what is kept sealed.
//
// Errors: as Read's; Conflict when the resource was changed meanwhile.
func (a *access) ReadWhole(ctx context.Context, resourceType, id string) (store.Resource, error) {
	got, err := a.Read(ctx, resourceType, id)
	if err != nil || a.system == "" {
		return got, err
	}
	return a.unsealed(ctx, policy.Read, got)
}
