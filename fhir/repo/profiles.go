package repo

import (
	"context"
	"slices"
	"strings"
	"sync"

	"github.com/admitdev/admit/fhir/document"
	"github.com/admitdev/admit/fhir/policy"
	"github.com/admitdev/admit/fhir/profile"
	"github.com/admitdev/admit/fhir/terminology"
	"github.com/admitdev/admit/pkg/outcome"
	"github.com/admitdev/admit/pkg/store"
)

const typeStructureDefinition, typeValueSet, typeCodeSystem = "StructureDefinition", "ValueSet", "CodeSystem"

// definitionTypes are what profiles are compiled from.
var definitionTypes = []string{typeStructureDefinition, typeValueSet, typeCodeSystem}

func isDefinition(resourceType string) bool { return slices.Contains(definitionTypes, resourceType) }

// maxNamed is how many profiles one resource may name, maxCompiled bounds the cache.
const maxNamed, maxCompiled = 20, 2000

// compiled is what came of compiling a profile: nil for one that is not known, or why it cannot be
// checked.
type compiled struct {
	profile *profile.Profile
	refused error
}

// profileCache keeps profiles until anything changes that profiles are made from. A profile is the
// same for all who read the same projects.
type profileCache struct {
	mu    sync.RWMutex
	made  map[string]compiled
	drops uint64
}

func (c *profileCache) get(key string) (compiled, bool, uint64) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	made, ok := c.made[key]
	return made, ok, c.drops
}

func (c *profileCache) put(key string, made compiled, since uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.drops != since {
		return
	}
	if c.made == nil || len(c.made) >= maxCompiled {
		c.made = map[string]compiled{}
	}
	c.made[key] = made
}

func (c *profileCache) drop() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.drops++
	clear(c.made)
}

// profileSource reads what profiles are compiled from.
type profileSource struct {
	terminology.Source
	find findDefinitions
}

func newProfileSource(find findDefinitions) profileSource {
	return profileSource{terminology.Then(storedTerminology{find}), find}
}

// StructureDefinition implements profile.Source.
func (s profileSource) StructureDefinition(url, version string) (*document.Node, error) {
	rows, err := s.find(typeStructureDefinition, url)
	if err != nil {
		return nil, err
	}
	var retired *document.Node
	for _, row := range rows {
		doc, err := parsed(row.Resource)
		if err != nil {
			return nil, err
		}
		switch {
		case doc.Text("url") != url, version != "" && doc.Text("version") != version:
		case doc.Text("status") != "retired":
			return doc, nil
		case retired == nil:
			retired = doc
		}
	}
	return retired, nil
}

// ruling is a profile as it rules the writes of the project: its own definitions and those of the
// projects linked count, whoever writes. A profile that a writer may not read binds it all the same; for
// value sets see rulers.
func (a *access) ruling(ctx context.Context, canonical string) (compiled, error) {
	find, shared := a.rulers(ctx)
	if !shared {
		return compileProfile(newProfileSource(find), canonical)
	}
	key := strings.Join(append(a.partitions(typeStructureDefinition), canonical), " ")
	made, ok, since := a.repo.profiles.get(key)
	own := a.defined != nil && *a.defined // what the transaction has written may yet be undone
	if ok && !own {
		return made, nil
	}
	made, err := compileProfile(newProfileSource(find), canonical)
	if err == nil && !own {
		a.repo.profiles.put(key, made, since)
	}
	return made, err
}

func compileProfile(source profile.Source, canonical string) (compiled, error) {
	made, err := profile.Compile(source, canonical)
	for _, code := range []outcome.Code{outcome.NotSupported, outcome.Invalid, outcome.TooCostly} {
		if outcome.Has(err, code) {
			return compiled{refused: err}, nil
		}
	}
	return compiled{profile: made}, err
}

// checkProfiles refuses what does not conform to the profiles that it names. One that is not known
// is passed over, as upstream. The caller is judged by what it sees: were hidden elements looked
// at, a profile of its own making would tell what is in them.
func (a *access) checkProfiles(ctx context.Context, interaction policy.Interaction, d draft) error {
	if a.system != "" || len(d.doc.Find("meta", "profile").Values()) == 0 {
		return nil
	}
	doc, hidden, err := a.seen(interaction, d)
	if err != nil {
		return err
	}
	issues, err := a.conformance(doc, named(doc), func(canonical string) (compiled, error) { return a.ruling(ctx, canonical) })
	if err != nil {
		return err
	}
	return refusal(slices.DeleteFunc(issues, func(i outcome.Issue) bool { return touches(i, d.ref.Type, hidden) }))
}

// seen is the document without the elements that are hidden from the caller, and what they are.
func (a *access) seen(interaction policy.Interaction, d draft) (*document.Node, []string, error) {
	if !a.hasFields(d.ref.Type) {
		return d.doc, nil, nil
	}
	hidden := a.hidden(interaction, store.Resource{Ref: d.ref, LastUpdated: d.at}, d.index)
	doc, err := drop(d.doc, pathsOf(hidden))
	return doc, hidden, err
}

// touches says whether an issue is about a hidden element, one that holds it or one below it.
func touches(i outcome.Issue, resourceType string, hidden []string) bool {
	return slices.ContainsFunc(hidden, func(field string) bool {
		at, field := i.Expression[0]+".", resourceType+"."+field
		return strings.HasPrefix(field+".", at) || strings.HasPrefix(at, field+".") || strings.HasPrefix(at, field+"[")
	})
}

// named are the profiles that a resource names.
func named(doc *document.Node) []string {
	var out []string
	for _, canonical := range doc.Find("meta", "profile").Values() {
		out = append(out, canonical.String())
	}
	return out
}

// conformance checks a document against profiles; find compiles them.
func (a *access) conformance(doc *document.Node, canonicals []string, find func(string) (compiled, error)) ([]outcome.Issue, error) {
	resourceType := doc.Text("resourceType")
	if len(canonicals) > maxNamed {
		return nil, outcome.New(outcome.TooCostly, "A resource may name at most %d profiles", maxNamed).At(resourceType + ".meta.profile")
	}
	var issues []outcome.Issue
	for _, canonical := range canonicals {
		if profile.IsCore(canonical) {
			issues = append(issues, ofCore(canonical, resourceType)...)
			continue
		}
		made, err := find(canonical)
		if err != nil {
			return nil, err
		}
		switch {
		case made.refused != nil:
			issues = append(issues, outcome.Issue{
				Code: outcome.NotSupported.Issue, Text: made.refused.Error(), Expression: []string{resourceType + ".meta.profile"},
			})
		case made.profile == nil:
			issues = append(issues, outcome.Issue{
				Severity: "warning", Code: outcome.NotFound.Issue, Text: "Profile " + canonical + " not found", Expression: []string{resourceType + ".meta.profile"},
			})
		default:
			issues = append(issues, made.profile.Check(doc)...)
		}
	}
	return issues, nil
}

// ofCore is for a type of R4 named as a profile.
func ofCore(canonical, resourceType string) []outcome.Issue {
	url, _ := terminology.Canonical(canonical)
	switch name := url[strings.LastIndexByte(url, '/')+1:]; name {
	case resourceType, "Resource", "DomainResource":
		return nil
	default:
		return []outcome.Issue{{
			Code: outcome.Structure.Issue, Text: "Incorrect resource type: profile " + canonical + " is for " + name, Expression: []string{resourceType},
		}}
	}
}

// refusal is an error when one of the issues is; then it has them all.
func refusal(issues []outcome.Issue) error {
	first := slices.IndexFunc(issues, func(i outcome.Issue) bool { return i.Severity == "" || i.Severity == "error" })
	if first < 0 {
		return nil
	}
	code := outcome.Structure
	for _, known := range []outcome.Code{outcome.Invariant, outcome.NotSupported, outcome.TooCostly, outcome.Invalid} {
		if known.Issue == issues[first].Code {
			code = known
		}
	}
	return &outcome.Outcome{Code: code, Issues: issues}
}
