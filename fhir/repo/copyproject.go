package repo

import (
	"context"
	"errors"
	"regexp"
	"strings"

	"github.com/admitdev/admit/fhir/document"
	"github.com/admitdev/admit/fhir/medplum"
	"github.com/admitdev/admit/fhir/policy"
	"github.com/admitdev/admit/pkg/outcome"
	"github.com/admitdev/admit/pkg/store"
)

// What is copied at once: it is in memory, and then written by one transaction.
const (
	maxCopiedBytes   = 64 << 20
	maxCopiedContent = 1 << 30 // of Binaries
	copyPage         = 50
)

// Copying says what of a project becomes another's.
type Copying struct {
	From, To string // projects
	Most     int    // resources
	// Base is the absolute URL of the FHIR surface.
	Base  string
	Takes func(resourceType, id string) bool
	// Content keeps the bytes of a Binary once more, for the project To.
	Content func(ctx context.Context, of store.BlobUse) (store.BlobUse, error)
}

// Copy is the current versions of a project's resources, on their way into another project. The
// references between them are to become the copies'; what they refer to elsewhere stays.
type Copy struct {
	Copying
	ids  map[string]string // by "Type/id", and by id where that is a UUID
	rows []store.Resource
	uses map[store.Ref]store.BlobUse
}

// staysBehind says that a type tells who may come in or what they did: nobody comes in to a copy who was
// not let in, and each project has a trail of its own. A domain is one project's.
func staysBehind(resourceType string) bool {
	switch resourceType {
	case medplum.TypeUser, medplum.TypeProjectMembership, medplum.TypeUserSecurityRequest, medplum.TypeProject,
		medplum.TypeDomainConfiguration, typeAuditEvent, "AsyncJob", "SmartAppLaunch":
		return true
	}
	return ServerMade(resourceType)
}

// headers are elements by which other servers know whoever calls them.
func headers(resourceType string) []path {
	switch resourceType {
	case "Subscription":
		return []path{{"channel", "header"}}
	case "Endpoint":
		return []path{{"header"}}
	}
	return nil
}

// Copy reads what is copied. Nothing is written but the content of Binaries, which is given up when no
// Binary comes to have it. What changes meanwhile is copied as it was or as it is.
//
// Errors: outcome TooCostly.
func (r *Repo) Copy(ctx context.Context, copying Copying) (*Copy, error) {
	c := &Copy{Copying: copying, ids: map[string]string{}, uses: map[store.Ref]store.BlobUse{}}
	c.name(medplum.TypeProject, c.From, c.To)
	size := 0
	for after := (store.Ref{}); ; {
		page, err := r.Store.ListCurrent(ctx, c.From, "", after, copyPage)
		if err != nil {
			return nil, err
		}
		for _, res := range page {
			if staysBehind(res.Type) || !c.Takes(res.Type, res.ID) {
				continue
			}
			if size += len(res.Content); len(c.rows) == c.Most || size > maxCopiedBytes {
				return nil, outcome.New(outcome.TooCostly, "At most %d resources of %d MB are copied at once: choose some by resourceTypes, includeIds or excludeIds",
					c.Most, maxCopiedBytes>>20)
			}
			c.rows = append(c.rows, res)
			c.name(res.Type, res.ID, r.Clock.NewID())
		}
		if len(page) < copyPage {
			break
		}
		after = page[len(page)-1].Ref
	}
	return c, c.copyContents(ctx, r)
}

func (c *Copy) name(resourceType, id, copied string) {
	c.ids[resourceType+"/"+id] = copied
	if uuidForm.FindString(id) == id {
		c.ids[id] = copied
	}
}

// Has says whether a resource is among those that are copied.
func (c *Copy) Has(ref medplum.Reference) bool { return c.ids[ref.Reference] != "" }

func (c *Copy) copyContents(ctx context.Context, r *Repo) error {
	var size int64
	for _, res := range c.rows {
		if res.Type != typeBinary {
			continue
		}
		use, err := r.Store.BlobOf(ctx, res.Ref, res.Version)
		if errors.Is(err, store.ErrNotFound) {
			continue
		}
		if err != nil {
			return err
		}
		if size += use.Size; size > maxCopiedContent {
			return outcome.New(outcome.TooCostly, "Binaries of at most %d MB are copied at once: choose some by resourceTypes, includeIds or excludeIds", maxCopiedContent>>20)
		}
		if c.uses[res.Ref], err = c.Content(ctx, use); err != nil {
			return err
		}
	}
	return nil
}

// Paste writes the copies. They were valid where they come from, and are not validated again. The
// SearchParameters come last: what they define is indexed by the task that each of them begins.
func (t *Tx) Paste(ctx context.Context, c *Copy) error {
	a := t.access
	kept := &writeBehind{keeper{rows: a.rows}}
	a.rows = kept
	isParameter := func(res store.Resource) bool { return res.Type == typeSearchParameter }
	for _, last := range []bool{false, true} {
		for _, res := range c.rows {
			if isParameter(res) != last {
				continue
			}
			if err := a.paste(ctx, c, res); err != nil {
				return refused(err)
			}
		}
	}
	return kept.write(ctx)
}

func (a *access) paste(ctx context.Context, c *Copy, res store.Resource) error {
	doc, err := parsed(res)
	if err != nil {
		return err
	}
	if doc, err = drop(doc, headers(res.Type)); err != nil {
		return err
	}
	if doc, err = reparse(c.rewritten(doc)); err != nil {
		return err
	}
	if doc, err = setMeta(doc, doc.Find("meta", "accounts").Compact(nil), nil); err != nil {
		return err
	}
	made := &change{interaction: policy.Create, version: a.newID(), at: a.now()}
	made.ref = store.Ref{Project: c.To, Type: res.Type, ID: c.ids[res.Type+"/"+res.ID]}
	if use, ok := c.uses[res.Ref]; ok {
		made.in.blob = &use
	}
	d, err := a.stamp(ctx, doc, made.ref, made.version, made.at)
	if err == nil {
		_, err = a.put(ctx, made, d)
	}
	return err
}

// Rewrite is a document that refers to the copies of what is copied. References are rewritten wherever a
// string has one: in a Reference, in the criteria of a policy, in a narrative or a URL of this server. Ids
// by themselves are, when they are UUIDs. A reference to a version is one to the copy, which has no other.
// What urn:uuid names is of the document, and not ours to rename.
//
// Errors: those of what cannot be parsed.
func (c *Copy) Rewrite(content []byte) ([]byte, error) {
	doc, err := reparse(content)
	if err != nil {
		return nil, err
	}
	return c.rewritten(doc), nil
}

func (c *Copy) rewritten(doc *document.Node) []byte {
	edits := map[*document.Node][]byte{}
	c.collect(edits, doc)
	return doc.Splice(nil, edits)
}

func (c *Copy) collect(edits map[*document.Node][]byte, n *document.Node) {
	for _, item := range n.Items {
		c.collect(edits, item)
	}
	for i := range n.Fields {
		c.collect(edits, n.Fields[i].Value)
	}
	if n.Kind != document.String {
		return
	}
	was := n.String()
	if is := c.rewrite(was); is != was {
		if raw, err := marshal(is); err == nil { // a string always marshals
			edits[n] = raw
		}
	}
}

var (
	uuidForm = regexp.MustCompile(`[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}`)
	// mentioned is a reference, perhaps to a version, or a UUID.
	mentioned = regexp.MustCompile(`\b([A-Z][A-Za-z]+/[A-Za-z0-9\-.]{1,64})(/_history/[A-Za-z0-9\-.]{1,64})?|` + uuidForm.String())
)

// apart is what may be between a reference and the text before it.
const apart = " \t\r\n\"'=,|()<>?&;$"

func (c *Copy) rewrite(text string) string {
	var out strings.Builder
	done := 0
	for _, at := range mentioned.FindAllStringSubmatchIndex(text, -1) {
		name := text[at[0]:at[1]]
		if at[2] >= 0 {
			name = text[at[2]:at[3]]
		}
		copied, before := c.ids[name], text[:at[0]]
		before = before[strings.LastIndexAny(before, apart)+1:]
		if copied == "" || before != "" && before != c.Base {
			continue
		}
		if resourceType, _, ok := strings.Cut(name, "/"); ok {
			copied = resourceType + "/" + copied
		}
		out.WriteString(text[done:at[0]] + copied)
		done = at[1]
	}
	return out.String() + text[done:]
}
