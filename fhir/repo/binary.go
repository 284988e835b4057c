package repo

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/admitdev/admit/fhir/document"
	"github.com/admitdev/admit/fhir/medplum"
	"github.com/admitdev/admit/fhir/policy"
	"github.com/admitdev/admit/pkg/outcome"
	"github.com/admitdev/admit/pkg/store"
)

const typeBinary = "Binary"

// Content is a Binary with its bytes (R4 binary.html): Data when they came within a resource, else
// Blob; neither when it has none, or when they are Hidden from the caller.
type Content struct {
	store.Resource // as the caller sees it
	Type           string
	Data           []byte
	Blob           *store.BlobUse
	Hidden         bool
}

// Content finds the bytes of a Binary, of its current version when version is empty.
//
// Errors: as Read's and VRead's.
func (a *access) Content(ctx context.Context, id, version string) (Content, error) {
	read := func() (store.Resource, error) { return a.Read(ctx, typeBinary, id) }
	interaction := policy.Read
	if version != "" {
		read = func() (store.Resource, error) { return a.VRead(ctx, typeBinary, id, version) }
		interaction = policy.VRead
	}
	res, err := read()
	if err != nil {
		return Content{}, err
	}
	c := Content{Resource: res}
	if c.Hidden, err = a.hidesData(ctx, interaction, res); err != nil || c.Hidden {
		return c, err
	}
	doc, err := parsed(res)
	if err != nil {
		return Content{}, err
	}
	c.Type = doc.Text("contentType")
	if data := doc.Text("data"); data != "" {
		c.Data, err = base64.StdEncoding.DecodeString(strings.Join(strings.Fields(data), ""))
		return c, err
	}
	switch use, err := a.rows.BlobOf(ctx, res.Ref, res.Version); {
	case errors.Is(err, store.ErrNotFound):
		return c, nil
	case err != nil:
		return Content{}, err
	default:
		c.Blob = &use
		return c, nil
	}
}

// hidesData says whether the policy hides the bytes of a Binary: hidden data is hidden wherever it
// lies.
func (a *access) hidesData(ctx context.Context, interaction policy.Interaction, shown store.Resource) (bool, error) {
	if !a.hasFields(typeBinary) {
		return false, nil
	}
	stored, err := a.rows.GetVersion(ctx, shown.Ref, shown.Version)
	if err != nil {
		return false, err
	}
	now, err := a.hiddenOf(ctx, interaction, stored.Ref)
	if err != nil {
		return false, err
	}
	_, hidden, err := a.mask(interaction, stored, now)
	return slices.Contains(hidden, "data"), err
}

// ReadManyContents is ReadMany of Binaries whose bytes are not hidden.
func (a *access) ReadManyContents(ctx context.Context, ids []string) (map[string]store.Resource, error) {
	found, err := a.ReadMany(ctx, typeBinary, ids)
	for id, res := range found {
		hides, err := a.hidesData(ctx, policy.Read, res)
		if err != nil {
			return nil, err
		}
		if hides {
			delete(found, id)
		}
	}
	return found, err
}

// inContext holds for a Binary whose security context the caller may read, or that has none (R4
// binary.html#security). What cannot be looked up here counts as not to be read.
//
// Errors: both outcome NotFound and store.ErrNotFound.
func (a *access) inContext(ctx context.Context, res store.Resource) error {
	if a.system != "" || res.Type != typeBinary {
		return nil
	}
	reference, err := contextOf(res.Content)
	if err != nil {
		return fmt.Errorf("%s/%s: %w", res.Type, res.ID, err)
	}
	if reference == nil {
		return nil
	}
	hidden := errors.Join(outcome.New(outcome.NotFound, ""), store.ErrNotFound)
	resourceType, id := reference.Split()
	if resourceType == "" || resourceType == typeBinary {
		return hidden
	}
	visible, err := a.narrow(policy.Read, resourceType)
	if err != nil {
		return hidden
	}
	switch found, err := a.get(ctx, resourceType, id, a.partitions(resourceType), visible); {
	case errors.Is(err, store.ErrNotFound), err == nil && found.Deleted:
		return hidden
	default:
		return err
	}
}

// contextOf is the security context that a Binary's content names; nil for none.
func contextOf(content []byte) (*medplum.Reference, error) {
	if !bytes.Contains(content, []byte(`securityContext`)) {
		return nil, nil
	}
	doc, err := document.Parse(content)
	if err != nil {
		return nil, fmt.Errorf("the version is damaged: %v", err) //nolint:errorlint // it is our damage, not the client's mistake
	}
	context := doc.Get("securityContext")
	if context == nil {
		return nil, nil
	}
	return &medplum.Reference{Reference: context.Text("reference")}, nil
}

// plain is a body whose signed URLs are the Binaries that they lead to.
func (a *access) plain(body []byte) []byte {
	if a.repo.Attachments == nil {
		return body
	}
	return a.repo.Attachments.Plain(body)
}

// Upload is content that lies in a blob and is to become a Binary's.
type Upload struct {
	Blob            store.BlobUse
	ContentType     string
	SecurityContext string // a literal reference; empty: none, or on update the one that is there
}

// MayUpload says, before any bytes are taken, where those of a new Binary (no id) or of an existing
// one are to be kept.
//
// Errors: as Create's and Update's.
func (a *access) MayUpload(ctx context.Context, id string) (project string, err error) {
	if id == "" {
		_, err = a.writable(policy.Create, typeBinary)
		return a.home(typeBinary), err
	}
	visible, err := a.writable(policy.Update, typeBinary)
	if err == nil {
		_, err = a.writeTarget(ctx, typeBinary, id, visible)
	}
	return a.home(typeBinary), refusedTarget(err)
}

func refusedTarget(err error) error {
	if err == nil || errors.Is(err, store.ErrNotFound) {
		return absent(err)
	}
	return err
}

// CreateUpload makes a Binary of what was uploaded.
//
// Errors: as Create's.
func (a *access) CreateUpload(ctx context.Context, u Upload) (made store.Resource, err error) {
	if _, err = a.writable(policy.Create, typeBinary); err != nil {
		return store.Resource{}, err
	}
	body, err := u.over([]byte(`{"resourceType":"Binary"}`))
	if err != nil {
		return store.Resource{}, err
	}
	in, err := receive(typeBinary, body)
	if err != nil {
		return store.Resource{}, err
	}
	in.blob = &u.Blob
	c := change{interaction: policy.Create, in: in, version: a.newID(), at: a.now()}
	c.ref = store.Ref{Project: a.home(typeBinary), Type: typeBinary, ID: a.newID()}
	err = a.inTx(ctx, func(a *access) (err error) {
		made, err = a.create(ctx, &c)
		return err
	})
	if err != nil {
		return store.Resource{}, refused(err)
	}
	return a.show(ctx, policy.Create, made)
}

// UpdateUpload gives a Binary what was uploaded for its content; the rest of it stays.
//
// Errors: as Update's.
func (a *access) UpdateUpload(ctx context.Context, id string, u Upload, ifMatch string) (made store.Resource, err error) {
	visible, err := a.writable(policy.Update, typeBinary)
	if err != nil {
		return store.Resource{}, err
	}
	for range maxPatchAttempts {
		err = a.inTx(ctx, func(a *access) (err error) {
			made, err = a.updateUpload(ctx, id, u, ifMatch, visible)
			return refused(err)
		})
		if a.tx != nil || !Raced(err) {
			break
		}
	}
	if err != nil {
		return store.Resource{}, err
	}
	return a.show(ctx, policy.Update, made)
}

func (a *access) updateUpload(ctx context.Context, id string, u Upload, ifMatch string, visible store.Predicate) (store.Resource, error) {
	got, err := a.writeTarget(ctx, typeBinary, id, visible)
	if err != nil {
		return store.Resource{}, err
	}
	if ifMatch != "" && ifMatch != got.Version {
		return store.Resource{}, outcome.New(outcome.PreconditionFailed, "")
	}
	was := got.Resource
	if got.Deleted {
		if was, err = a.lastLive(ctx, got.Ref); err != nil {
			return store.Resource{}, err
		}
	}
	body, err := u.over(was.Content)
	if err != nil {
		return store.Resource{}, err
	}
	in, err := receiveUpdate(typeBinary, id, body)
	if err != nil {
		return store.Resource{}, err
	}
	in.blob = &u.Blob
	return a.over(ctx, got, in)
}

// over is a Binary's document with what the upload says of it, and without data of its own.
func (u Upload) over(content []byte) ([]byte, error) {
	doc, err := reparse(content)
	if err != nil {
		return nil, err
	}
	contentType, err := marshal(u.ContentType)
	if err != nil {
		return nil, err
	}
	if doc, err = reparse(replace(doc, "data", nil)); err != nil {
		return nil, err
	}
	if doc, err = reparse(replace(doc, "contentType", contentType)); err != nil || u.SecurityContext == "" {
		return doc.Compact(nil), err
	}
	if doc, err = setReference(doc, "securityContext", medplum.Reference{Reference: u.SecurityContext}); err != nil {
		return nil, err
	}
	return doc.Compact(nil), nil
}

// keepContent names the blob of a Binary's new version in the transaction that writes it. A version
// that brings no content has that of the version it replaces.
func (a *access) keepContent(ctx context.Context, c *change, doc *document.Node) error {
	use := c.in.blob
	if use == nil {
		if c.old == nil || doc.Get("data") != nil {
			return nil
		}
		before, err := a.rows.BlobOf(ctx, c.ref, c.old.Version)
		if errors.Is(err, store.ErrNotFound) {
			return nil
		} else if err != nil {
			return err
		}
		use = &before
	}
	err := a.tx.UseBlob(ctx, c.ref, c.version, *use)
	if errors.Is(err, store.ErrBlobGone) {
		return outcome.New(outcome.Timeout, "The upload took too long")
	}
	return err
}
