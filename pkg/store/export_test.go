package store

import (
	"cmp"
	"context"
	"fmt"
	"runtime"
	"strings"
	"time"
)

// ShareAlways has writes wait for one another however long a statement takes.
func (s *Store) ShareAlways() { s.shares.slow = time.Hour }

// AwaitSharing returns when this many writes wait for their turn.
func (s *Store) AwaitSharing(n int) { s.shares.await(n) }

func (g *sharing) await(n int) {
	for n > 0 {
		waits := 0
		g.mu.Lock()
		for _, l := range g.lanes {
			waits += len(l.writes)
		}
		g.mu.Unlock()
		if waits == n {
			return
		}
		runtime.Gosched()
	}
}

// Pipeline asks all queries at once, each with the same argument; row gets the only column of the rows of each.
func (s *Store) Pipeline(ctx context.Context, queries []string, arg int, row func(query, n int) error) (errs []error) {
	all := make([]*asked, len(queries))
	for i, query := range queries {
		all[i] = &asked{query: query, args: []any{arg}, row: func(r scanner) error {
			var n int
			return cmp.Or(r.Scan(&n), row(i, n))
		}}
	}
	s.q.(direct).answer(ctx, all)
	for _, a := range all {
		errs = append(errs, a.err)
	}
	return errs
}

// PlanSearch is the plan of a search, as the database explains it.
func (s *Store) PlanSearch(ctx context.Context, q Query) (statement, plan string, err error) {
	q, where := q.prepared()
	b := &builder{dialect: s.dialect, projects: q.Projects}
	statement, err = b.search(q, where, nil)
	if err != nil {
		return "", "", err
	}
	plan, err = s.explain(ctx, statement, b.args)
	return statement, plan, err
}

// PlanFew is the plan of a search that looks at few rows; empty when q is none.
func (s *Store) PlanFew(ctx context.Context, q Query) (plan string, err error) {
	q, where := q.prepared()
	f, ok := fewOf(q)
	if !ok || q.steady(where) || !s.dialect.keepsPlan() {
		return "", nil
	}
	b := &builder{dialect: s.dialect, projects: q.Projects}
	statement, err := b.search(q, where, &f)
	if err != nil {
		return "", err
	}
	return s.explain(ctx, statement, b.args)
}

// PlanGet is the plan of a read under a predicate.
func (s *Store) PlanGet(ctx context.Context, ref Ref, visible Predicate) (statement, plan string, err error) {
	statement, args := s.getStatement(ref, visible)
	plan, err = s.explain(ctx, statement, args)
	return statement, plan, err
}

// PlanMembers is the plan of looking for members by external id.
func (s *Store) PlanMembers(ctx context.Context, id, other string) (plan string, err error) {
	return s.explain(ctx, s.dialect.text(membersQuery), []any{id, other})
}

// PlanHeld is the plan of HeldInProjects.
func (s *Store) PlanHeld(ctx context.Context, scope, kind, valuePrefix string) (statement, plan string, err error) {
	query, args := ownersQuery(scope, kind, valuePrefix, 100)
	statement = s.dialect.text(fmt.Sprintf(heldInProjects, query))
	plan, err = s.explain(ctx, statement, args)
	return statement, plan, err
}

// PlanHistory is the plan of a page of history.
func (s *Store) PlanHistory(ctx context.Context, q HistoryQuery) (statement, plan string, err error) {
	b := &builder{dialect: s.dialect, projects: []string{q.Project}}
	statement = (&historyText{builder: b, q: q}).statement()
	plan, err = s.explain(ctx, statement, b.args)
	return statement, plan, err
}

// PlanLastLive is the plan of EachLastLive.
func (s *Store) PlanLastLive(ctx context.Context, project string, refs []Ref) (statement, plan string, err error) {
	b := &builder{dialect: s.dialect, projects: []string{project}}
	statement = b.lastLive(project, refs)
	plan, err = s.explain(ctx, statement, b.args)
	return statement, plan, err
}

// PlanReplace is the plan of an update; empty on SQLite, which has no one statement for it.
func (s *Store) PlanReplace(ctx context.Context, w Write) (plan string, err error) {
	d, ok := s.dialect.(postgres)
	if !ok {
		return "", nil
	}
	statement, args := d.replaceStatement(w, true)
	return s.explain(ctx, statement, args)
}

func (s *Store) explain(ctx context.Context, statement string, args []any) (string, error) {
	columns, prefix := 1, "EXPLAIN "
	if s.writer != nil {
		columns, prefix = 4, "EXPLAIN QUERY PLAN "
	}
	rows, err := s.reads.QueryContext(ctx, prefix+statement, args...)
	if err != nil {
		return "", err
	}
	defer rows.Close()
	var plan strings.Builder
	for rows.Next() {
		line := ""
		into := []any{&line}
		for range columns - 1 { // the text is the last column
			into = append([]any{new(int)}, into...)
		}
		if err := rows.Scan(into...); err != nil {
			return "", err
		}
		plan.WriteString(line + "\n")
	}
	return plan.String(), rows.Err()
}

// Run executes a statement of the database's own kind.
func (s *Store) Run(ctx context.Context, statement string) error {
	_, err := s.writes.ExecContext(ctx, statement)
	return err
}

// Columns runs a query and joins each row's columns with spaces.
func (s *Store) Columns(ctx context.Context, query string) ([]string, error) {
	rows, err := s.reads.QueryContext(ctx, query)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	names, err := rows.Columns()
	if err != nil {
		return nil, err
	}
	var all []string
	for rows.Next() {
		values, into := make([]string, len(names)), make([]any, len(names))
		for i := range values {
			into[i] = &values[i]
		}
		if err := rows.Scan(into...); err != nil {
			return nil, err
		}
		all = append(all, strings.Join(values, " "))
	}
	return all, rows.Err()
}

// WaitForStatistics waits for a look at the tables that has begun.
func (s *Store) WaitForStatistics() {
	if s.grown != nil {
		s.grown.running.Wait()
	}
}
