package repo

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/admitdev/admit/fhir/definitions"
	"github.com/admitdev/admit/fhir/policy"
	"github.com/admitdev/admit/fhir/search"
	"github.com/admitdev/admit/fhir/terminology"
	"github.com/admitdev/admit/pkg/outcome"
	"github.com/admitdev/admit/pkg/store"
)

// maxSameURL is how many definitions of one URL are looked at.
const maxSameURL = 20

// Terminology is the value sets and code systems that the caller may search for in its project
// and the projects linked, and R4's own. What the caller may not see does not exist for it.
func (a *access) Terminology(ctx context.Context) terminology.Source {
	return terminology.Then(storedTerminology{func(resourceType, url string) ([]store.Row, error) {
		return a.definitions(ctx, resourceType, url)
	}})
}

// definitions are the resources of a type that have a canonical URL, as the caller may see them,
// the best first.
func (a *access) definitions(ctx context.Context, resourceType, url string) ([]store.Row, error) {
	rows, err := a.visibleWithURL(ctx, resourceType, url)
	if err != nil {
		return nil, err
	}
	for i := range rows {
		if rows[i].Resource, err = a.show(ctx, policy.Search, rows[i].Resource); err != nil {
			return nil, err
		}
	}
	return rows, nil
}

// visibleWithURL is withURL for those that the caller sees at all.
func (a *access) visibleWithURL(ctx context.Context, resourceType, url string) ([]store.Row, error) {
	visible, err := a.narrow(policy.Search, resourceType)
	if outcome.Has(err, outcome.Forbidden) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return a.withURL(ctx, resourceType, url, a.partitions(resourceType), visible)
}

// withURL finds the resources with a canonical URL: those of the first partition before others,
// then the newest.
func (a *access) withURL(ctx context.Context, resourceType, url string, partitions []string, visible store.Predicate) ([]store.Row, error) {
	wanted := store.URI{Param: "url", Match: store.URIExact, Value: url}
	q, err := search.Where(resourceType, wanted, maxSameURL).Query(partitions, func(string) (store.Predicate, error) { return visible, nil })
	if err != nil {
		return nil, err
	}
	rows, err := a.rows.Search(ctx, q)
	if err != nil {
		return nil, fmt.Errorf("find %s %s: %w", resourceType, url, err)
	}
	slices.SortStableFunc(rows, func(x, y store.Row) int {
		return cmp.Or(cmp.Compare(slices.Index(partitions, x.Project), slices.Index(partitions, y.Project)), y.LastUpdated.Compare(x.LastUpdated))
	})
	return rows, nil
}

// storedTerminology reads definitions that are resources.
type storedTerminology struct {
	find findDefinitions
}

// ValueSet implements terminology.Source.
func (s storedTerminology) ValueSet(url, version string) (*definitions.ValueSet, error) {
	rows, err := s.find("ValueSet", url)
	if err != nil {
		return nil, err
	}
	return pick(rows, func(v *definitions.ValueSet) bool {
		return v.URL == url && (version == "" || version == v.Version)
	}, func(v *definitions.ValueSet) string { return v.Status })
}

// CodeSystem implements terminology.Source.
func (s storedTerminology) CodeSystem(url, version string) (*terminology.System, error) {
	rows, err := s.find("CodeSystem", url)
	if err != nil {
		return nil, err
	}
	found, err := pick(rows, func(c *definitions.CodeSystem) bool {
		return c.URL == url && (version == "" || version == c.Version)
	}, func(c *definitions.CodeSystem) string { return c.Status })
	if found == nil || err != nil {
		return nil, err
	}
	return terminology.NewSystem(found), nil
}

// pick is the first that is wanted, one in use before one that is retired. A URL that is hidden
// from the caller is wanted by nobody.
func pick[T any](rows []store.Row, wanted func(*T) bool, status func(*T) string) (*T, error) {
	var retired *T
	for _, row := range rows {
		v := new(T)
		if err := json.Unmarshal(row.Content, v); err != nil {
			return nil, fmt.Errorf("%s/%s: %w", row.Type, row.ID, err)
		}
		switch {
		case !wanted(v):
		case status(v) != "retired":
			return v, nil
		case retired == nil:
			retired = v
		}
	}
	return retired, nil
}

// codes answers what searches ask of code systems, as Terminology does.
type codes struct {
	of   terminology.Source
	read func(id string) (*definitions.ValueSet, error) // nil for what is not there
}

var _ search.Terminology = codes{}

// ValueSet implements search.Terminology.
func (c codes) ValueSet(url string) ([]store.TokenValue, error) {
	set, err := c.set(url)
	if err != nil {
		return nil, err
	}
	members, _, err := set.Expand(terminology.Expansion{Count: -1, Limit: search.MaxCodes})
	if err != nil {
		return nil, err
	}
	values := make([]store.TokenValue, len(members))
	for i := range members {
		values[i] = store.TokenValue{System: &members[i].System, Code: &members[i].Code}
	}
	return values, nil
}

// set is a value set by its canonical URL, or by its address on this server (R4 search.html#token).
func (c codes) set(url string) (*terminology.Set, error) {
	if id, ok := strings.CutPrefix(url, "ValueSet/"); ok && ValidID(id) {
		if definition, err := c.read(id); definition != nil || err != nil {
			if err != nil {
				return nil, err
			}
			return terminology.ResolveDefinition(c.of, definition)
		}
	}
	return terminology.Resolve(c.of, url)
}

// valueSet reads a stored ValueSet, nil when the caller may not or it is not there.
func (a *access) valueSet(ctx context.Context, id string) (*definitions.ValueSet, error) {
	got, err := a.Read(ctx, "ValueSet", id)
	if outcome.Has(err, outcome.NotFound) || outcome.Has(err, outcome.Gone) || outcome.Has(err, outcome.Forbidden) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	definition := new(definitions.ValueSet)
	if err := json.Unmarshal(got.Content, definition); err != nil {
		return nil, fmt.Errorf("ValueSet/%s: %w", id, err)
	}
	return definition, nil
}

// Below implements search.Terminology.
func (c codes) Below(system, code string) ([]string, error) {
	return c.related(system, code, (*terminology.System).Below)
}

// Above implements search.Terminology.
func (c codes) Above(system, code string) ([]string, error) {
	return c.related(system, code, (*terminology.System).Above)
}

func (c codes) related(url, code string, reach func(*terminology.System, string) []int) ([]string, error) {
	system, err := c.of.CodeSystem(url, "")
	if err != nil {
		return nil, err
	}
	if system == nil {
		return nil, outcome.New(outcome.NotFound, "CodeSystem %s not found", url)
	}
	places := reach(system, code)
	if len(places) == 0 {
		return nil, outcome.New(outcome.NotFound, "The code %s is not in CodeSystem %s", code, url)
	}
	if len(places) > search.MaxCodes {
		return nil, outcome.New(outcome.TooCostly, "More than %d codes of %s are related to %s", search.MaxCodes, url, code)
	}
	out := make([]string, len(places))
	for i, at := range places {
		out[i] = system.Concepts[at].Code
	}
	return out, nil
}
