package rest

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/admitdev/admit/fhir/definitions"
	"github.com/admitdev/admit/fhir/fhirpath"
	"github.com/admitdev/admit/fhir/index"
	"github.com/admitdev/admit/fhir/repo"
	"github.com/admitdev/admit/fhir/search"
	"github.com/admitdev/admit/pkg/outcome"
	"github.com/admitdev/admit/pkg/store"
)

// graphDefinition is what is read of a GraphDefinition (R4 graphdefinition.html). Its profiles and
// cardinalities say what is to be expected and leave nothing out.
type graphDefinition struct {
	URL     string      `json:"url"`
	Version string      `json:"version"`
	Name    string      `json:"name"`
	Status  string      `json:"status"`
	Start   string      `json:"start"`
	Link    []graphLink `json:"link"`
}

type graphLink struct {
	Path      string        `json:"path"`
	SliceName string        `json:"sliceName"`
	Target    []graphTarget `json:"target"`

	expression *fhirpath.Expression // of Path
}

type graphTarget struct {
	Type        string            `json:"type"`
	Params      string            `json:"params"`
	Compartment []json.RawMessage `json:"compartment"`
	Link        []graphLink       `json:"link"`

	query url.Values // of Params
}

// graphRef stands in a target's params for the resource that is linked from.
const graphRef = "{ref}"

// The bounds of a GraphDefinition.
const (
	maxGraphDepth = 10
	maxGraphLinks = 100
	maxSameGraph  = 20 // GraphDefinitions of one name
)

// targets are those of a link. A path that names none leads to whatever it leads to.
func (l graphLink) targets(to pointers) []graphTarget {
	if len(l.Target) > 0 {
		return l.Target
	}
	var all []graphTarget
	for resourceType := range to.ids {
		all = append(all, graphTarget{Type: resourceType})
	}
	slices.SortFunc(all, func(a, b graphTarget) int { return cmp.Compare(a.Type, b.Type) })
	return all
}

// graphLinks are the links of the GraphDefinition with a name or URL, for a graph that begins at a
// resource of a type.
func graphLinks(ctx context.Context, session *repo.Session, graph, resourceType string) ([]graphLink, error) {
	definition, err := findGraph(ctx, session, graph)
	if err != nil {
		return nil, err
	}
	if definition.Start != resourceType {
		return nil, outcome.New(outcome.Invalid, "Missing or incorrect `start` type")
	}
	links := 0
	return definition.Link, prepareLinks(definition.Link, &links, 1)
}

// findGraph finds the definition: of several the caller's own before those of linked projects, those
// in use before others, and then the newest. What is hidden from the caller names nothing.
func findGraph(ctx context.Context, session *repo.Session, graph string) (graphDefinition, error) {
	address, version, _ := strings.Cut(graph, "|")
	use, where := "name", store.Predicate(store.String{Param: "name", Match: store.Exact, Value: graph, Folded: index.Fold(graph)})
	if strings.Contains(graph, ":") {
		use, where = "url", store.URI{Param: "url", Match: store.URIExact, Value: address}
	}
	request := search.Where("GraphDefinition", where, maxSameGraph)
	request.Uses = append(request.Uses, search.Use{Type: "GraphDefinition", Param: use})
	rows, err := session.Search(ctx, request)
	if err != nil && !outcome.Has(err, outcome.Forbidden) {
		return graphDefinition{}, err
	}
	own := session.Caller().Project
	slices.SortStableFunc(rows, func(a, b store.Row) int {
		if (a.Project == own) != (b.Project == own) {
			if a.Project == own {
				return -1
			}
			return 1
		}
		return b.LastUpdated.Compare(a.LastUpdated)
	})
	var best *graphDefinition
	for _, row := range rows {
		var d graphDefinition
		if err := json.Unmarshal(row.Content, &d); err != nil {
			return d, fmt.Errorf("GraphDefinition/%s: %w", row.ID, err)
		}
		if d.Name != graph && (d.URL != address || version != "" && d.Version != version) {
			continue
		}
		if best == nil || best.Status == "retired" && d.Status != "retired" {
			best = &d
		}
	}
	if best == nil {
		return graphDefinition{}, outcome.New(outcome.NotFound, "GraphDefinition %s not found", graph)
	}
	return *best, nil
}

// prepareLinks reads the paths and params of all links before anything is looked for.
func prepareLinks(links []graphLink, all *int, depth int) error {
	if *all += len(links); depth > maxGraphDepth || *all > maxGraphLinks {
		return outcome.New(outcome.TooCostly, "A GraphDefinition has at most %d links, at most %d deep", maxGraphLinks, maxGraphDepth)
	}
	for i := range links {
		link := &links[i]
		if err := link.prepare(); err != nil {
			return err
		}
		if *all += len(link.Target); *all > maxGraphLinks {
			return outcome.New(outcome.TooCostly, "A GraphDefinition has at most %d links and targets", maxGraphLinks)
		}
		for n := range link.Target {
			target := &link.Target[n]
			if err := target.prepare(link.Path != ""); err != nil {
				return err
			}
			if err := prepareLinks(target.Link, all, depth+1); err != nil {
				return err
			}
		}
	}
	return nil
}

func (l *graphLink) prepare() (err error) {
	switch {
	case l.SliceName != "":
		return outcome.New(outcome.NotSupported, "Slices of a GraphDefinition's links are not supported").At("GraphDefinition.link.sliceName")
	case l.Path != "":
		if l.expression, err = fhirpath.Compile(l.Path); err != nil {
			return outcome.New(outcome.Invalid, "Invalid link path %s: %s", l.Path, err).At("GraphDefinition.link.path")
		}
	case len(l.Target) == 0:
		return outcome.New(outcome.Invalid, "Invalid link: it has neither path nor target").At("GraphDefinition.link")
	}
	return nil
}

// paging are search parameters that say nothing about what is linked.
var paging = []string{"_count", "_offset", "_cursor", "_total", "_summary", "_elements", "_fields", "_include", "_revinclude", "_format"}

func (t *graphTarget) prepare(hasPath bool) (err error) {
	const at = "GraphDefinition.link.target"
	switch {
	case !definitions.IsResource(t.Type):
		return outcome.New(outcome.Invalid, "Unknown resource type %s", t.Type).At(at + ".type")
	case len(t.Compartment) > 0:
		return outcome.New(outcome.NotSupported, "Rules of a GraphDefinition about compartments are not supported").At(at + ".compartment")
	case hasPath && t.Params != "":
		return outcome.New(outcome.Invalid, "Invalid link: it has both path and params").At(at + ".params")
	case hasPath:
		return nil
	case t.Params == "":
		return outcome.New(outcome.Invalid, "Link target search params missing").At(at + ".params")
	}
	if t.query, err = url.ParseQuery(t.Params); err != nil {
		return outcome.New(outcome.Invalid, "Link target search params cannot be read: %s", t.Params).At(at + ".params")
	}
	refs := 0
	for name, values := range t.query {
		plain, _, _ := strings.Cut(name, ":")
		if slices.Contains(paging, plain) {
			return outcome.New(outcome.Invalid, "Link target search params do not page or include: %s", name).At(at + ".params")
		}
		for _, value := range values {
			if value == graphRef {
				refs++
			}
		}
	}
	if refs != 1 {
		return outcome.New(outcome.Invalid, "Link target search params must include {ref}, as the value of one parameter").At(at + ".params")
	}
	return nil
}
