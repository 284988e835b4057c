package repo

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/admitdev/admit/fhir/definitions"
	"github.com/admitdev/admit/fhir/index"
	"github.com/admitdev/admit/fhir/search"
	"github.com/admitdev/admit/pkg/store"
)

// parameterSet are the search parameters that a project defines, by the type that they are of.
type parameterSet map[string]*typeParameters

// typeParameters are those of one type. A type that once had some has a generation.
type typeParameters struct {
	generation int64
	compiled   []index.Param
	byCode     map[string]search.Parameter
}

// of are the compiled parameters of a type and the generation they belong to.
func (s parameterSet) of(resourceType string) ([]index.Param, int64) {
	if t := s[resourceType]; t != nil {
		return t.compiled, t.generation
	}
	return nil, 0
}

// maxSets bounds the cache; most sets are empty.
const maxSets = 20_000

// parameterCache keeps sets until they change. That a set is old does no harm to a write, which the
// store refuses, and a search is only refused a little longer.
type parameterCache struct {
	mu    sync.RWMutex
	sets  map[string]parameterSet
	drops uint64 // counts changes, so that a set loaded across one is not kept
}

func (c *parameterCache) get(project string) (parameterSet, bool, uint64) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	set, ok := c.sets[project]
	return set, ok, c.drops
}

func (c *parameterCache) put(project string, set parameterSet, since uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.drops != since {
		return
	}
	if len(c.sets) >= maxSets {
		clear(c.sets)
	}
	if c.sets == nil {
		c.sets = map[string]parameterSet{}
	}
	c.sets[project] = set
}

// Hear drops what a change makes untrue; one without a kind means that changes may have been missed.
// Changes of this process are heard without it.
func (r *Repo) Hear(change store.Change) {
	if change.Kind == "" || isDefinition(change.Kind) {
		r.profiles.drop()
	}
	c := &r.parameters
	switch change.Kind {
	case typeSearchParameter:
		c.mu.Lock()
		defer c.mu.Unlock()
		c.drops++
		delete(c.sets, change.Ref)
	case "":
		c.mu.Lock()
		defer c.mu.Unlock()
		c.drops++
		clear(c.sets)
	}
}

// parametersOf is what a project defines: from the cache, and once from the database.
func (a *access) parametersOf(ctx context.Context, project string) (parameterSet, error) {
	if project == store.SystemProject {
		return nil, nil
	}
	set, ok, since := a.repo.parameters.get(project)
	if ok {
		return set, nil
	}
	set, err := loadParameters(ctx, a.rows, project)
	if err == nil && a.tx == nil { // what a transaction sees may yet be undone
		a.repo.parameters.put(project, set, since)
	}
	return set, err
}

// generations reads what a project defines.
type generations interface {
	IndexGenerations(ctx context.Context, project string) ([]store.IndexGeneration, error)
}

func loadParameters(ctx context.Context, from generations, project string) (parameterSet, error) {
	all, err := from.IndexGenerations(ctx, project)
	if err != nil {
		return nil, err
	}
	set := parameterSet{}
	for _, g := range all {
		t := &typeParameters{generation: g.Generation, byCode: map[string]search.Parameter{}}
		for _, p := range g.Parameters {
			param := &definitions.SearchParam{Code: p.Code, Type: definitions.ParamType(p.Kind), Expression: p.Expression, Targets: p.Targets}
			compiled, err := index.Compile(param)
			if err != nil {
				return nil, fmt.Errorf("SearchParameter/%s of project %s is damaged: %w", p.ID, project, err)
			}
			t.compiled = append(t.compiled, compiled)
			t.byCode[p.Code] = search.Parameter{SearchParam: param, Projects: []string{project}, Indexing: g.Indexed < p.Since}
		}
		set[g.Type] = t
	}
	return set, nil
}

// Language is what the caller's searches may be spelled with: the parameters of R4, and for the
// resources of each project that the caller reads the project's own. base is the absolute URL of
// the FHIR surface.
func (a *access) Language(ctx context.Context, base string) (search.Language, error) {
	projects := []string{a.who.Project}
	for _, link := range a.who.Linked {
		projects = append(projects, link.Project)
	}
	custom := &projectParameters{access: a, sets: map[string]parameterSet{}}
	for _, project := range projects {
		set, err := a.parametersOf(ctx, project)
		if err != nil {
			return search.Language{}, err
		}
		if len(set) > 0 {
			custom.sets[project] = set
		}
	}
	if len(custom.sets) == 0 {
		return search.Language{Base: base}, nil
	}
	return search.Language{Base: base, Custom: custom}, nil
}

// projectParameters are the parameters of the projects that a caller reads.
type projectParameters struct {
	*access
	sets map[string]parameterSet
}

// SearchParam implements search.Parameters. Projects that give a code the same type of parameter
// are searched together, each by its own expression.
func (p *projectParameters) SearchParam(resourceType, code string) (search.Parameter, bool) {
	var found search.Parameter
	places := p.partitions(resourceType)
	for _, project := range places {
		t := p.sets[project][resourceType]
		if t == nil {
			continue
		}
		one, ok := t.byCode[code]
		switch {
		case !ok:
		case found.SearchParam == nil:
			found = one
		case found.Type == one.Type:
			found = joined(found, one)
		}
	}
	if found.SearchParam == nil {
		return search.Parameter{}, false
	}
	if len(found.Projects) == len(places) && !p.everywhere() {
		found.Projects = nil
	}
	return found, true
}

func joined(a, b search.Parameter) search.Parameter {
	both := *a.SearchParam
	if both.Expression != b.Expression {
		both.Expression += " | " + b.Expression
	}
	both.Targets = append(slices.Clone(both.Targets), b.Targets...)
	slices.Sort(both.Targets)
	both.Targets = slices.Compact(both.Targets)
	return search.Parameter{SearchParam: &both, Projects: slices.Concat(a.Projects, b.Projects), Indexing: a.Indexing || b.Indexing}
}

// Targets are the references that a parameter finds in what the caller sees of a resource: a hidden
// one leads nowhere.
func (a *access) Targets(ctx context.Context, res store.Resource, param string) ([]store.ReferenceRow, error) {
	doc, err := parsed(res)
	if err != nil {
		return nil, err
	}
	set, err := a.parametersOf(ctx, res.Project)
	if err != nil {
		return nil, err
	}
	custom, _ := set.of(res.Type)
	return index.References(doc, res.Type, param, custom...), nil
}

// maxGenerations is how often the parameters may change while one resource is written.
const maxGenerations = 5

// putIndexed puts writes. When the parameters that their rows are made by have changed, the rows
// are made again: this process may not have heard of the change yet.
func putIndexed(ctx context.Context, on rows, w ...store.Write) error {
	for range maxGenerations {
		err := on.Put(ctx, w...)
		if !errors.Is(err, store.ErrGeneration) {
			return err
		}
		if w, err = indexedAgain(ctx, on, w); err != nil {
			return err
		}
	}
	return store.ErrGeneration
}

func indexedAgain(ctx context.Context, from generations, w []store.Write) ([]store.Write, error) {
	sets := map[string]parameterSet{}
	again := slices.Clone(w)
	for i, one := range again {
		if one.Deleted {
			continue
		}
		set, ok := sets[one.Project]
		if !ok {
			var err error
			if set, err = loadParameters(ctx, from, one.Project); err != nil {
				return nil, err
			}
			sets[one.Project] = set
		}
		var err error
		if again[i].Index, again[i].Generation, err = indexedBy(set, one.Resource); err != nil {
			return nil, err
		}
	}
	return again, nil
}

// indexedBy are the rows of a stored version by the parameters of its project.
func indexedBy(set parameterSet, res store.Resource) (store.Index, int64, error) {
	doc, err := parsed(res)
	if err != nil {
		return store.Index{}, 0, err
	}
	custom, generation := set.of(res.Type)
	return rowsOf(doc, res.Type, compartmentRows(doc, res.Ref, references(doc.Find("meta", "accounts"))), custom...), generation, nil
}
