package store

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
)

// SearchParameter is a search parameter that a resource of a project defines for one type.
type SearchParameter struct {
	Type, Code string
	ID         string // of the SearchParameter
	Kind       string // number, date, string …
	Expression string
	Targets    []string
	Since      int64 // the generation with which it came
}

// IndexGeneration says by which of a project's own parameters the rows of a type are made.
type IndexGeneration struct {
	Type string
	// Generation grows with every change; Indexed is the latest that has reached all resources.
	Generation, Indexed int64
	Parameters          []SearchParameter
}

// ErrGeneration says that the rows of a write are made by parameters that have changed since.
var ErrGeneration = errors.New("store: the search parameters have changed")

// ErrCodeTaken says that another SearchParameter defines the code for the type.
var ErrCodeTaken = errors.New("store: the code of a search parameter is taken")

// IndexGenerations are those of the types for which a project defines parameters, or once did.
func (r reader) IndexGenerations(ctx context.Context, project string) ([]IndexGeneration, error) {
	if !validProject(project) {
		return nil, nil
	}
	const query = `SELECT g.type, g.generation, g.indexed, p.code, p.id, p.kind, p.expression, p.targets, p.since
FROM index_generation g LEFT JOIN search_parameter p ON p.project_id = g.project_id AND p.type = g.type
WHERE g.project_id = $1::uuid ORDER BY g.type, p.code`
	rows, err := r.q.QueryContext(ctx, r.dialect.text(query), project)
	if err != nil {
		return nil, fmt.Errorf("read the search parameters of a project: %w", err)
	}
	defer rows.Close()
	var all []IndexGeneration
	for rows.Next() {
		var g IndexGeneration
		var code, id, kind, expression, targets *string
		var since *int64
		if err := rows.Scan(&g.Type, &g.Generation, &g.Indexed, &code, &id, &kind, &expression, &targets, &since); err != nil {
			return nil, fmt.Errorf("read the search parameters of a project: %w", err)
		}
		if len(all) == 0 || all[len(all)-1].Type != g.Type {
			all = append(all, g)
		}
		if code != nil {
			last := &all[len(all)-1]
			last.Parameters = append(last.Parameters, SearchParameter{g.Type, *code, *id, *kind, *expression, strings.Fields(*targets), *since})
		}
	}
	return all, rows.Err()
}

// DefineSearchParameters makes params all that the SearchParameter id of a project defines, and
// begins a new generation of each type for which that is a change. It gives those types with their
// generations.
//
// Errors: ErrCodeTaken.
func (tx *Tx) DefineSearchParameters(ctx context.Context, project, id string, params []SearchParameter) ([]IndexGeneration, error) {
	before, err := tx.searchParameters(ctx, project, id)
	if err != nil {
		return nil, err
	}
	var changed []IndexGeneration
	for _, t := range typesOf(before, params) { // in one order everywhere, so that two writers cannot deadlock
		old, wanted := parametersOf(before, t), parametersOf(params, t)
		if slices.EqualFunc(old, wanted, sameParameter) {
			continue
		}
		g, err := tx.nextGeneration(ctx, project, t)
		if err != nil {
			return nil, err
		}
		if err := tx.replaceParameters(ctx, project, id, g, wanted); err != nil {
			return nil, err
		}
		changed = append(changed, g)
	}
	return changed, nil
}

func (tx *Tx) searchParameters(ctx context.Context, project, id string) ([]SearchParameter, error) {
	const query = `SELECT type, code, kind, expression, targets, since FROM search_parameter WHERE project_id = $1::uuid AND id = $2`
	rows, err := tx.q.QueryContext(ctx, tx.dialect.text(query), project, id)
	if err != nil {
		return nil, fmt.Errorf("read what a SearchParameter defines: %w", err)
	}
	defer rows.Close()
	var all []SearchParameter
	for rows.Next() {
		p, targets := SearchParameter{ID: id}, ""
		if err := rows.Scan(&p.Type, &p.Code, &p.Kind, &p.Expression, &targets, &p.Since); err != nil {
			return nil, fmt.Errorf("read what a SearchParameter defines: %w", err)
		}
		p.Targets = strings.Fields(targets)
		all = append(all, p)
	}
	return all, errors.Join(rows.Err(), rows.Close())
}

func (tx *Tx) nextGeneration(ctx context.Context, project, resourceType string) (IndexGeneration, error) {
	g := IndexGeneration{Type: resourceType}
	const statement = `INSERT INTO index_generation AS g (project_id, type, generation, indexed) VALUES ($1::uuid, $2, 1, 0)
ON CONFLICT (project_id, type) DO UPDATE SET generation = g.generation + 1 RETURNING generation, indexed`
	err := first(ctx, tx.q, tx.dialect.text(statement), []any{project, resourceType}, &g.Generation, &g.Indexed)
	if err != nil {
		return g, fmt.Errorf("begin a generation of the index: %w", err)
	}
	return g, nil
}

func (tx *Tx) replaceParameters(ctx context.Context, project, id string, g IndexGeneration, params []SearchParameter) error {
	const clear = `DELETE FROM search_parameter WHERE project_id = $1::uuid AND type = $2 AND id = $3`
	if _, err := tx.q.ExecContext(ctx, tx.dialect.text(clear), project, g.Type, id); err != nil {
		return fmt.Errorf("define a search parameter: %w", err)
	}
	const insert = `INSERT INTO search_parameter (project_id, type, code, id, kind, expression, targets, since)
VALUES ($1::uuid, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING`
	for _, p := range params {
		n, err := affected(ctx, tx.q, tx.dialect.text(insert), project, p.Type, p.Code, id, p.Kind, p.Expression, strings.Join(p.Targets, " "), g.Generation)
		switch {
		case err != nil:
			return fmt.Errorf("define a search parameter: %w", err)
		case n == 0:
			return ErrCodeTaken
		}
	}
	return nil
}

func typesOf(lists ...[]SearchParameter) []string {
	var types []string
	for _, p := range slices.Concat(lists...) {
		types = append(types, p.Type)
	}
	slices.Sort(types)
	return slices.Compact(types)
}

func parametersOf(all []SearchParameter, resourceType string) []SearchParameter {
	var some []SearchParameter
	for _, p := range all {
		if p.Type == resourceType {
			some = append(some, p)
		}
	}
	return some
}

func sameParameter(a, b SearchParameter) bool {
	return a.Code == b.Code && a.Kind == b.Kind && a.Expression == b.Expression && slices.Equal(a.Targets, b.Targets)
}

// Indexed records that all resources of a type have rows of the generation.
func (tx *Tx) Indexed(ctx context.Context, project, resourceType string, generation int64) error {
	const statement = `UPDATE index_generation SET indexed = $3 WHERE project_id = $1::uuid AND type = $2 AND indexed < $3 AND generation >= $3`
	if _, err := tx.q.ExecContext(ctx, tx.dialect.text(statement), project, resourceType, generation); err != nil {
		return fmt.Errorf("record that a generation is indexed: %w", err)
	}
	return nil
}

// TakeIndexVersion says whether version is later than that of the program which last took it, and
// takes it: once, however many processes ask.
func (tx *Tx) TakeIndexVersion(ctx context.Context, version int64) (bool, error) {
	const statement = `INSERT INTO index_generation AS g (project_id, type, generation, indexed) VALUES ($1::uuid, '', $2, 0)
ON CONFLICT (project_id, type) DO UPDATE SET generation = EXCLUDED.generation WHERE g.generation < EXCLUDED.generation`
	n, err := affected(ctx, tx.q, tx.dialect.text(statement), SystemProject, version)
	if err != nil {
		return false, fmt.Errorf("take the index version: %w", err)
	}
	return n > 0, nil
}

// anyGeneration is that of a write without rows.
const anyGeneration = math.MaxInt64

// current fails with ErrGeneration when there is a later generation than the write's.
func (r reader) current(ctx context.Context, w Write) error {
	const query = `SELECT count(*) FROM index_generation WHERE project_id = $1::uuid AND type = $2 AND generation > $3`
	var later int
	err := first(ctx, r.q, r.dialect.text(query), []any{w.Project, w.Type, w.Generation}, &later)
	switch {
	case err != nil:
		return fmt.Errorf("read the index generation: %w", err)
	case later > 0:
		return ErrGeneration
	}
	return nil
}
