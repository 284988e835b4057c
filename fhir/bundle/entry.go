package bundle

import (
	"errors"
	"net/url"
	"slices"
	"strings"

	"github.com/admitdev/admit/fhir/document"
	"github.com/admitdev/admit/pkg/outcome"
)

// Entry is what one entry of a Bundle asks for.
type Entry struct {
	FullURL  string
	Method   string
	Path     []string // of request.url, decoded, without the server's base
	Query    string
	Resource []byte // as it was written, nil when there is none
	Type     string // of the resource

	IfMatch, IfNoneMatch, IfNoneExist, IfModifiedSince string

	url string
	// Err is why the entry cannot be understood: an outcome.
	Err error
}

func asOutcome(err error, o **outcome.Outcome) bool { return errors.As(err, o) }

// methods are those of R4 valueset-http-verb.html.
var methods = []string{"GET", "HEAD", "POST", "PUT", "DELETE", "PATCH"}

// entryMembers are an entry's. A modifierExtension could change what is meant, so it is refused.
var entryMembers = []string{"fullUrl", "resource", "request", "id", "extension", "link", "search", "response", "_fullUrl"}

var requestMembers = []string{"method", "url", "ifMatch", "ifNoneMatch", "ifNoneExist", "ifModifiedSince", "id", "extension"}

func readEntry(raw []byte) Entry {
	doc, err := document.Parse(raw)
	if err != nil {
		return Entry{Err: err}
	}
	request := doc.Get("request")
	e := Entry{
		FullURL: text(doc, "fullUrl"), Method: text(request, "method"), url: text(request, "url"),
		IfMatch: text(request, "ifMatch"), IfNoneMatch: text(request, "ifNoneMatch"),
		IfNoneExist: text(request, "ifNoneExist"), IfModifiedSince: text(request, "ifModifiedSince"),
	}
	if resource := doc.Get("resource"); resource != nil {
		e.Resource, e.Type = resource.Raw, text(resource, "resourceType")
	}
	e.Err = e.check(doc, request)
	return e
}

func (e *Entry) check(doc, request *document.Node) error {
	if err := onlyOf(doc, entryMembers, ""); err != nil {
		return err
	}
	if request == nil || request.Kind != document.Object {
		return outcome.New(outcome.Required, "Missing required property").At("request")
	}
	if err := onlyOf(request, requestMembers, "request"); err != nil {
		return err
	}
	for i := range request.Fields {
		if f := &request.Fields[i]; f.Value.Kind != document.String && f.Name != "extension" {
			return outcome.New(outcome.Structure, "Invalid JSON type: expected string, but got %s", f.Value.Kind).At("request." + f.Name)
		}
	}
	if !slices.Contains(methods, e.Method) {
		return outcome.New(outcome.Invalid, "Unknown method: %.40s", e.Method).At("request.method")
	}
	for _, p := range [...]struct{ name, value, methods string }{
		{"ifMatch", e.IfMatch, "PUT PATCH DELETE"}, {"ifNoneExist", e.IfNoneExist, "POST"},
		{"ifNoneMatch", e.IfNoneMatch, "GET HEAD"}, {"ifModifiedSince", e.IfModifiedSince, "GET HEAD"},
	} {
		if p.value != "" && !strings.Contains(p.methods, e.Method) {
			return outcome.New(outcome.NotSupported, "%s goes with %s alone", p.name, p.methods).At("request." + p.name)
		}
	}
	if needsBody := e.Method == "POST" || e.Method == "PUT" || e.Method == "PATCH"; needsBody && e.Resource == nil {
		return outcome.New(outcome.Required, "Missing required property").At("resource")
	}
	return nil
}

func onlyOf(n *document.Node, known []string, at string) error {
	if n.Kind != document.Object {
		return outcome.New(outcome.Structure, "Invalid JSON type: expected object, but got %s", n.Kind).At(at)
	}
	for i := range n.Fields {
		if name := n.Fields[i].Name; !slices.Contains(known, name) {
			return outcome.New(outcome.Structure, "Invalid additional property %q", name).At(at)
		}
	}
	return nil
}

// Address reads request.url, which is relative to base or begins with it. Clients also write a
// leading slash.
func (e *Entry) Address(base string) error {
	if e.Err != nil {
		return e.Err
	}
	rest := strings.TrimLeft(strings.TrimPrefix(e.url, base), "/")
	path, query, _ := strings.Cut(rest, "?")
	bad := outcome.New(outcome.Invalid, "Invalid address: %.100s", e.url).At("request.url")
	if strings.Contains(path, ":") || strings.Contains(rest, "#") {
		e.Err = bad
		return e.Err
	}
	e.Query = query
	for step := range strings.SplitSeq(strings.TrimSuffix(path, "/"), "/") {
		decoded, err := url.PathUnescape(step)
		if err != nil || decoded == "." || decoded == ".." || step == "" && path != "" {
			e.Err = bad
			return e.Err
		}
		e.Path = append(e.Path, decoded)
	}
	if path == "" {
		e.Path = nil
	}
	return nil
}

// Target names what a write is about, "" for a create: the resource, or the condition.
func (e *Entry) Target() string {
	switch {
	case len(e.Path) == 2:
		return e.Path[0] + "/" + e.Path[1]
	case len(e.Path) == 1 && e.Query != "" && e.Method != "GET" && e.Method != "HEAD":
		return e.Path[0] + "?" + e.Query
	}
	return ""
}

// The phases in which R4 has entries done (http.html#trules).
const (
	Deletes = iota
	Creates
	Changes // updates and patches
	Reads
	Phases
)

// Phase is when the entry is done.
func (e *Entry) Phase() int {
	switch e.Method {
	case "DELETE":
		return Deletes
	case "POST":
		return Creates
	case "PUT", "PATCH":
		return Changes
	}
	return Reads
}
