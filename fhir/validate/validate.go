// Package validate checks a resource against the definition of its type, in one walk over the
// parsed document: which members there may be and how many, of which JSON type, in which format,
// the codes of required bindings and the invariants of the definitions. It does no I/O: whether a
// reference's target exists and whether the caller may write are others' to say.
//
//   - Every issue is reported, with the path of the element, in the texts that Medplum's clients
//     know; first those of an object's elements in the order of the definition, then members
//     that it does not have, then its invariants.
//   - What passes loses nothing when it is read back: a member that would be dropped or could
//     not be read (two value[x], an empty string, array or object, null) is refused, not mended.
//   - A code outside a required value set is refused, unlike upstream: a client that relies on the
//     binding would otherwise read what it does not know. Where the set holds codes of systems
//     that are not here (units, currencies), those pass.
package validate

import (
	"fmt"
	"sync"

	"github.com/admitdev/admit/fhir/definitions"
	"github.com/admitdev/admit/fhir/document"
	"github.com/admitdev/admit/fhir/fhirpath"
	"github.com/admitdev/admit/pkg/outcome"
)

// maxIssues bounds the answer to a hostile document.
const maxIssues = 1000

// walkers are used again, for their room.
var walkers = sync.Pool{New: func() any { return &walker{} }}

// Resource checks a resource against the definition of its type. Its error is an
// *outcome.Outcome with every issue.
func Resource(doc *document.Node, resourceType string) error { return check(doc, resourceType, false) }

// Structure is Resource without the invariants: what they say of one element may depend on another,
// that somebody may not know of.
func Structure(doc *document.Node, resourceType string) error { return check(doc, resourceType, true) }

func check(doc *document.Node, resourceType string, structureAlone bool) error {
	if !definitions.IsResource(resourceType) {
		return outcome.New(outcome.Invalid, "Unknown data type: %s", resourceType)
	}
	if found := doc.Text("resourceType"); found != resourceType {
		if found == "" {
			found = "<EMPTY>"
		}
		return outcome.New(outcome.Invalid, "Incorrect resource type: expected %s, but found %s", resourceType, found)
	}
	w := walkers.Get().(*walker)
	defer func() {
		w.reset()
		walkers.Put(w)
	}()
	w.structureAlone = structureAlone
	w.env = *fhirpath.NewEnv(doc, resourceType)
	w.push(resourceType, -1)
	w.resource(doc, definitions.StructureOf(resourceType), true)
	return w.err()
}

// walker is one walk over a document.
type walker struct {
	path   []step
	slots  []slot
	issues []outcome.Issue
	env    fhirpath.Env
	// local are the "#id" found in the root resource, checked when it has been walked.
	local []localReference
	// inContained says that the resource walked is contained in another.
	inContained bool
	// structureAlone leaves invariants out.
	structureAlone bool
}

// keep is how much room a walker takes to its next walk; a hostile document's is given back.
const keep = 1024

func (w *walker) reset() {
	*w = walker{path: emptied(w.path), slots: emptied(w.slots), local: emptied(w.local)}
}

// emptied forgets what a slice held, so that no document is kept alive.
func emptied[T any](s []T) []T {
	if cap(s) > keep {
		return nil
	}
	clear(s[:cap(s)])
	return s[:0]
}

// step is one element of a path; index is -1 outside of arrays.
type step struct {
	name   string
	choice bool
	index  int
}

func (w *walker) push(name string, index int) { w.path = append(w.path, step{name, false, index}) }
func (w *walker) pushElement(e *definitions.Element) {
	w.path = append(w.path, step{e.Name, e.Choice, -1})
}
func (w *walker) pop()         { w.path = w.path[:len(w.path)-1] }
func (w *walker) at(index int) { w.path[len(w.path)-1].index = index }

func (w *walker) where() string {
	var out []byte
	for i, s := range w.path {
		if i > 0 {
			out = append(out, '.')
		}
		out = append(out, s.name...)
		if s.choice {
			out = append(out, "[x]"...)
		}
		if s.index >= 0 {
			out = fmt.Appendf(out, "[%d]", s.index)
		}
	}
	return string(out)
}

// structure reports an issue at the current path.
func (w *walker) structure(format string, args ...any) {
	w.report(outcome.Issue{Code: outcome.Structure.Issue, Text: fmt.Sprintf(format, args...)})
}

func (w *walker) report(issue outcome.Issue) {
	if len(w.issues) > maxIssues || (w.structureAlone && issue.Code == outcome.Invariant.Issue) {
		return
	}
	issue.Expression = []string{w.where()}
	if len(w.issues) == maxIssues {
		issue = outcome.Issue{Code: outcome.TooLong.Issue, Text: "More issues are not listed"}
	}
	w.issues = append(w.issues, issue)
}

func (w *walker) err() error {
	if len(w.issues) == 0 {
		return nil
	}
	code := outcome.Structure
	if w.issues[0].Code == outcome.Invariant.Issue {
		code = outcome.Invariant
	}
	return &outcome.Outcome{Code: code, Issues: w.issues}
}
