package rest

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/admitdev/admit/fhir/definitions"
	"github.com/admitdev/admit/fhir/document"
	"github.com/admitdev/admit/fhir/fhirpath"
	"github.com/admitdev/admit/fhir/index"
	"github.com/admitdev/admit/fhir/r4"
	"github.com/admitdev/admit/fhir/search"
	"github.com/admitdev/admit/pkg/outcome"
	"github.com/admitdev/admit/pkg/store"
)

// The bounds of a graph.
const (
	maxGraph         = 2000 // resources
	maxGraphSearches = 200
	maxGraphRefs     = 100 // in one search for what refers to them
)

// graph gives a resource with what a GraphDefinition links to it (R4 resource-operation-graph.html).
// Every resource comes through the session and a path leads from what the caller sees of it, so nobody
// is shown more this way than by asking for it.
func (h *Handler) graph(c echo.Context) error {
	in, err := operationInput(c, "graph")
	if err != nil {
		return err
	}
	if err := in.onlyParameters(); err != nil {
		return err
	}
	if in.text("graph") == "" {
		return outcome.New(outcome.Required, "The parameter graph is missing")
	}
	ctx, session, resourceType := c.Request().Context(), h.session(c), c.Param("type")
	start, err := session.Read(ctx, resourceType, c.Param("id"))
	if err != nil {
		return err
	}
	links, err := graphLinks(ctx, session, in.text("graph"), resourceType)
	if err != nil {
		return err
	}
	g := &walk{Handler: h, session: session, known: map[string]store.Row{}, budget: fhirpath.NewBudget(0)}
	if err := g.follow(ctx, links, g.keep([]store.Row{{Resource: start}})); err != nil {
		return err
	}
	bundle := r4.Bundle{Type: "collection"}
	for _, row := range g.found {
		bundle.Entries = append(bundle.Entries, r4.Entry{FullURL: h.base + row.Type + "/" + row.ID, Resource: row.Content})
	}
	return blob(c, http.StatusOK, bundle.JSON())
}

// walk collects a graph. A definition is a tree, so a walk ends even where resources refer to each
// other in a circle; each resource is fetched once.
type walk struct {
	*Handler
	session  searcher
	known    map[string]store.Row // by Type/id
	found    []store.Row
	searches int
	budget   *fhirpath.Budget // of all paths
}

// keep adds the rows that are new, and gives each of rows once.
func (g *walk) keep(rows []store.Row) []store.Row {
	var reached []store.Row
	for _, row := range rows {
		key := row.Type + "/" + row.ID
		if _, ok := g.known[key]; !ok {
			g.known[key] = row
			g.found = append(g.found, row)
		}
		if !slices.ContainsFunc(reached, func(r store.Row) bool { return r.ID == row.ID && r.Type == row.Type }) {
			reached = append(reached, row)
		}
	}
	return reached
}

// follow goes along the links from rows of one type, all together.
func (g *walk) follow(ctx context.Context, links []graphLink, from []store.Row) error {
	if len(from) == 0 {
		return nil
	}
	for _, link := range links {
		var to pointers
		if link.expression != nil {
			var err error
			if to, err = g.pointers(link.expression, from); err != nil {
				return err
			}
		}
		for _, target := range link.targets(to) {
			rows, err := g.reach(ctx, link, target, to, from)
			if err != nil {
				return err
			}
			if err := g.follow(ctx, target.Link, g.keep(rows)); err != nil {
				return err
			}
		}
	}
	return nil
}

// pointers are where the values of a path lead.
type pointers struct {
	ids        map[string][]string // by type
	canonicals []string
}

// pointers evaluates a path on what the caller sees of rows.
func (g *walk) pointers(path *fhirpath.Expression, rows []store.Row) (pointers, error) {
	to := pointers{ids: map[string][]string{}}
	seen := map[string]bool{}
	for _, row := range rows {
		doc, err := document.Parse(row.Content)
		if err != nil {
			return to, err
		}
		g.budget.Grow(len(row.Content))
		values, err := path.Evaluate(g.budget.Env(doc, row.Type), fhirpath.Root(doc, row.Type))
		if err != nil {
			return to, outcome.New(outcome.Invalid, "Invalid link path %s: %s", path, err)
		}
		for _, v := range values {
			text, isReference, err := pointer(v, path)
			if err != nil {
				return to, err
			}
			if seen[text] {
				continue
			}
			if seen[text] = true; len(seen) > maxGraph {
				return to, tooLarge()
			}
			if !isReference {
				to.canonicals = append(to.canonicals, text)
			} else if at := index.Literal("", strings.TrimPrefix(text, g.base)); at.TargetID != "" {
				to.ids[at.TargetType] = append(to.ids[at.TargetType], at.TargetID)
			}
		}
	}
	return to, nil
}

// pointer is the text of a reference or canonical.
func pointer(v fhirpath.Value, path *fhirpath.Expression) (text string, isReference bool, err error) {
	switch v.TypeName() {
	case "Reference":
		return v.Node.Text("reference"), true, nil
	case "canonical":
		_, text, _ := v.Primitive()
		return text, false, nil
	}
	return "", false, outcome.New(outcome.Invalid, "Invalid link path %s: it leads to no Reference or canonical", path)
}

// reach finds the resources of a target.
func (g *walk) reach(ctx context.Context, link graphLink, target graphTarget, to pointers, from []store.Row) ([]store.Row, error) {
	if target.Type == typeBinary { // is not searched for
		return nil, nil
	}
	if link.expression == nil {
		return g.referring(ctx, target, from)
	}
	var rows []store.Row
	var wanted store.IDIn
	for _, id := range to.ids[target.Type] {
		if row, ok := g.known[target.Type+"/"+id]; ok {
			rows = append(rows, row)
		} else {
			wanted = append(wanted, id)
		}
	}
	if len(wanted) > 0 {
		found, err := g.search(ctx, search.Where(target.Type, wanted, maxGraph))
		if err != nil {
			return nil, err
		}
		rows = append(rows, found...)
	}
	found, err := g.canonical(ctx, target.Type, to.canonicals)
	return append(rows, found...), err
}

// canonical finds the definitions of a type by their URLs, and versions where those are named.
func (g *walk) canonical(ctx context.Context, resourceType string, canonicals []string) ([]store.Row, error) {
	if _, ok := definitions.SearchParamOf(resourceType, "url"); !ok || len(canonicals) == 0 {
		return nil, nil
	}
	var any store.Or
	for _, canonical := range canonicals {
		address, _, _ := strings.Cut(canonical, "|")
		any = append(any, store.URI{Param: "url", Match: store.URIExact, Value: address})
	}
	request := search.Where(resourceType, any, maxGraph)
	request.Uses = append(request.Uses, search.Use{Type: resourceType, Param: "url"}) // whoever may not know it finds nothing
	rows, err := g.search(ctx, request)
	if err != nil {
		return nil, err
	}
	var named []store.Row
	for _, row := range rows {
		doc, err := document.Parse(row.Content)
		if err != nil {
			return nil, err
		}
		address := doc.Text("url")
		if slices.Contains(canonicals, address) || slices.Contains(canonicals, address+"|"+doc.Text("version")) {
			named = append(named, row)
		}
	}
	return named, nil
}

// referring searches for what refers to rows, as the target's params say.
func (g *walk) referring(ctx context.Context, target graphTarget, rows []store.Row) ([]store.Row, error) {
	var all []store.Row
	for some := range slices.Chunk(rows, maxGraphRefs) {
		refs := make([]string, len(some))
		for i, row := range some {
			refs[i] = row.Type + "/" + row.ID
		}
		query := url.Values{}
		for name, values := range target.query {
			for _, value := range values {
				if value == graphRef {
					value = strings.Join(refs, ",")
				}
				query.Add(name, value)
			}
		}
		request, err := g.parse(ctx, g.session, []string{target.Type}, query.Encode(), handling{})
		if err != nil {
			return nil, err
		}
		request.Count = maxGraph
		found, err := g.search(ctx, request)
		if err != nil {
			return nil, err
		}
		all = append(all, found...)
	}
	return all, nil
}

// search finds nothing of what the caller may not search.
func (g *walk) search(ctx context.Context, request *search.Request) ([]store.Row, error) {
	if g.searches++; g.searches > maxGraphSearches {
		return nil, tooLarge()
	}
	rows, err := g.session.Search(ctx, request)
	if outcome.Has(err, outcome.Forbidden) {
		return nil, nil
	}
	if len(g.found)+len(rows) > maxGraph {
		return nil, tooLarge()
	}
	return rows, err
}

func tooLarge() error {
	return outcome.New(outcome.TooCostly, "A graph has at most %d resources, found by at most %d searches", maxGraph, maxGraphSearches)
}
