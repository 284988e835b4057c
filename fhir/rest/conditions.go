package rest

import (
	"context"
	"errors"
	"net/http"
	"slices"

	"github.com/admitdev/admit/fhir/bundle"
	"github.com/admitdev/admit/fhir/repo"
	"github.com/admitdev/admit/pkg/outcome"
)

// maxConditional is how many conditional entries are one transaction: as long as it lasts, others with
// the same conditions wait.
const maxConditional = 100

// conditional carries out the conditional entries of a phase, many in a transaction, and gives the
// entries that are left. An entry that is refused stays out of it; when the transaction fails, its
// entries are left to be carried out one by one.
func (h *Handler) conditional(ctx context.Context, session *repo.Session, b bundle.Bundle, entries []int, results []done, left *budget) (others []int) {
	var together []int
	var conditions []repo.Condition
	seen := map[string]bool{}
	for _, i := range entries {
		condition, ok := h.conditionIn(ctx, session, &b.Entries[i])
		if name := condition.Type + "?" + condition.Query; ok && !seen[name] {
			seen[name] = true
			together, conditions = append(together, i), append(conditions, condition)
		} else {
			others = append(others, i)
		}
	}
	if len(together) < 2 {
		return entries
	}
	for len(together) > 0 {
		n := min(maxConditional, len(together))
		if !h.conditionally(ctx, session, b, together[:n], conditions[:n], results, left) {
			others = append(others, together[:n]...)
		}
		together, conditions = together[n:], conditions[n:]
	}
	slices.Sort(others)
	return others
}

// conditionIn is the condition of an entry that can be carried out with others.
func (h *Handler) conditionIn(ctx context.Context, session *repo.Session, e *bundle.Entry) (repo.Condition, bool) {
	if e.Err != nil || len(e.Path) != 1 || conditionText(e) == "" || !session.Plain(ctx, e.Path[0]) {
		return repo.Condition{}, false
	}
	condition, err := h.condition(ctx, session, e.Path[0], conditionText(e))
	return condition, err == nil
}

// conditionText is the condition as it is written, empty for an entry without.
func conditionText(e *bundle.Entry) string {
	switch e.Phase() {
	case bundle.Creates:
		return e.IfNoneExist
	case bundle.Reads:
		return ""
	}
	return e.Query
}

// conditionally carries out entries of one phase in one transaction, if that can be done.
func (h *Handler) conditionally(ctx context.Context, session *repo.Session, b bundle.Bundle, entries []int, conditions []repo.Condition, results []done, left *budget) bool {
	asked := repo.Conditions{ToMake: conditions}
	if b.Entries[entries[0]].Phase() == bundle.Deletes {
		asked = repo.Conditions{ToFind: conditions}
	}
	err := session.Transaction(ctx, nil, asked, func(tx *repo.Tx) error {
		for _, i := range entries {
			e := &b.Entries[i]
			results[i] = left.within(e, func() done { return h.perform(ctx, tx, e) })
			var refused *outcome.Outcome
			if err := results[i].err; err != nil && !errors.As(err, &refused) {
				return err
			}
		}
		return nil
	})
	return err == nil
}

// asked are the conditions of the entries. What is wrong with one is told where its entry is identified.
func (t *transaction) asked(ctx context.Context, session *repo.Session) (asked repo.Conditions) {
	seen := map[string]bool{}
	for i := range t.entries {
		e := &t.entries[i]
		if len(e.Path) != 1 || conditionText(e) == "" || seen[e.Path[0]+"?"+conditionText(e)] {
			continue
		}
		seen[e.Path[0]+"?"+conditionText(e)] = true
		condition, err := t.h.condition(ctx, session, e.Path[0], conditionText(e))
		switch {
		case err != nil:
		case e.Method == http.MethodPost || e.Method == http.MethodPut:
			asked.ToMake = append(asked.ToMake, condition)
		default:
			asked.ToFind = append(asked.ToFind, condition)
		}
	}
	return asked
}
