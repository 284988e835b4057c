package repo

import (
	"bytes"
	"slices"

	"github.com/admitdev/admit/fhir/definitions"
	"github.com/admitdev/admit/fhir/document"
	"github.com/admitdev/admit/fhir/medplum"
	"github.com/admitdev/admit/fhir/validate"
	"github.com/admitdev/admit/pkg/outcome"
	"github.com/admitdev/admit/pkg/store"
)

// credentialFields are the elements of identity resources that hold secrets. They are taken out of
// whatever comes in, before anything else looks at it.
func credentialFields(resourceType string) []path {
	switch resourceType {
	case medplum.TypeUser:
		return []path{{"passwordHash"}, {"mfaSecret"}}
	case medplum.TypeClientApplication:
		return []path{{"secret"}, {"retiringSecret"}, {"identityProvider", "clientSecret"}}
	case medplum.TypeDomainConfiguration:
		return []path{{"identityProvider", "clientSecret"}}
	case medplum.TypeUserSecurityRequest:
		return []path{{"secret"}}
	}
	return nil
}

// ServerMade says that the type is kept in tables of its own and cannot be written as a resource.
func ServerMade(resourceType string) bool {
	return resourceType == medplum.TypeLogin || resourceType == medplum.TypeJSONWebKey
}

// ValidID says whether a resource could have this id (R4 datatypes.html#id).
func ValidID(id string) bool {
	if id == "" || len(id) > 64 {
		return false
	}
	for _, c := range []byte(id) {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '-', c == '.':
		default:
			return false
		}
	}
	return true
}

// KnownType refuses a type that this server does not have.
func KnownType(resourceType string) error {
	if definitions.IsResource(resourceType) {
		return nil
	}
	return outcome.New(outcome.Structure, "Unknown resource type")
}

// incoming is a resource as a client gave it, parsed, without secrets, and valid.
type incoming struct {
	doc *document.Node
	// secret is what ClientApplication.secret was, empty when absent.
	secret string
	// providerSecret is what identityProvider.clientSecret was, empty when absent.
	providerSecret string
	// blob is what was uploaded for a Binary, nil when nothing was.
	blob *store.BlobUse
	// accounts says that meta.accounts of doc counts even where it is not there.
	accounts bool
}

// receive parses and validates a body.
func receive(resourceType string, body []byte) (incoming, error) {
	doc, err := document.Parse(body)
	if err != nil {
		return incoming{}, err
	}
	if found := doc.Text("resourceType"); found != resourceType {
		if found == "" {
			found = "<EMPTY>"
		}
		return incoming{}, outcome.New(outcome.Invalid, "Incorrect resource type: expected %s, but found %s", resourceType, found)
	}
	return receiveParsed(resourceType, doc)
}

// receiveParsed takes the secrets out and validates the rest.
func receiveParsed(resourceType string, doc *document.Node) (incoming, error) {
	in, err := withoutSecrets(resourceType, doc)
	if err != nil {
		return incoming{}, err
	}
	return in, validate.Resource(in.doc, resourceType)
}

func withoutSecrets(resourceType string, doc *document.Node) (in incoming, err error) {
	if resourceType == medplum.TypeClientApplication {
		in.secret = doc.Text("secret")
	}
	if hasProvider(resourceType) {
		in.providerSecret = doc.Get("identityProvider").Text("clientSecret")
	}
	in.doc, err = drop(doc, credentialFields(resourceType))
	return in, err
}

// drop is doc without some elements; doc itself when it has none of them.
func drop(doc *document.Node, paths []path) (*document.Node, error) {
	touched := slices.ContainsFunc(paths, func(p path) bool { return has(doc, p[0]) })
	if !touched {
		return doc, nil
	}
	left := without(doc, paths)
	if left == nil {
		left = []byte("{}")
	}
	return reparse(left)
}

// has says whether doc has a member that the step names.
func has(doc *document.Node, step string) bool {
	return slices.ContainsFunc(doc.Fields, func(f document.Field) bool { return names(step, f.Name) })
}

// setMeta sets what only the server says in meta: accounts and onBehalfOf, nil for none.
func setMeta(doc *document.Node, accounts, onBehalfOf []byte) (*document.Node, error) {
	meta := doc.Get("meta")
	if accounts == nil && onBehalfOf == nil && meta.Get("accounts") == nil && meta.Get("onBehalfOf") == nil {
		return doc, nil
	}
	if meta == nil {
		meta = &document.Node{Kind: document.Object}
	}
	content, err := reparse(replace(meta, "accounts", accounts))
	if err != nil {
		return nil, err
	}
	members := replace(content, "onBehalfOf", onBehalfOf)
	if bytes.Equal(members, []byte("{}")) {
		members = nil
	}
	return reparse(replace(doc, "meta", members))
}

// setReference sets a member of doc to a literal reference.
func setReference(doc *document.Node, name string, ref medplum.Reference) (*document.Node, error) {
	raw, err := marshal(ref)
	if err != nil {
		return nil, err
	}
	return reparse(replace(doc, name, raw))
}

// same says whether two documents say the same, whatever the order of their members; numbers are
// compared by spelling, because 1.0 and 1.00 differ in FHIR.
func same(a, b *document.Node) bool {
	switch {
	case a.Kind != b.Kind || len(a.Fields) != len(b.Fields) || len(a.Items) != len(b.Items):
		return false
	case a.Kind == document.Object:
		for i := range a.Fields {
			other := b.Get(a.Fields[i].Name)
			if other == nil || !same(a.Fields[i].Value, other) {
				return false
			}
		}
		return true
	case a.Kind == document.Array:
		for i := range a.Items {
			if !same(a.Items[i], b.Items[i]) {
				return false
			}
		}
		return true
	}
	return a.String() == b.String() && (a.Kind == document.String || bytes.Equal(a.Raw, b.Raw))
}
