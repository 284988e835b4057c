package rest

import (
	"context"
	"net/http"
	"slices"

	"github.com/admitdev/admit/fhir/bundle"
	"github.com/admitdev/admit/fhir/definitions"
	"github.com/admitdev/admit/fhir/document"
	"github.com/admitdev/admit/fhir/index"
	"github.com/admitdev/admit/fhir/repo"
)

// This file says when a transaction's writes are done. Creates come before changes, and what has conditional
// references after what has none (R4 http.html#trules). Beyond that, what comes of a Bundle does not depend
// on the order of its entries: a write waits for what its conditional references mean, and for the Patients
// whose accounts it inherits; definitions come before what they rule, and before others that are made of them.

// write does the creates and changes.
func (t *transaction) write(ctx context.Context, as actor) error {
	waiting := t.writes()
	for len(waiting) > 0 {
		later, err := t.writeReady(ctx, as, waiting)
		if err != nil {
			return err
		}
		progress := len(later) < len(waiting)
		waiting = later
		if len(waiting) == 0 || progress && len(t.conditional[waiting[0]]) == 0 {
			continue
		}
		resolved, err := t.resolve(ctx, as, waiting)
		switch {
		case err != nil:
			return err
		case progress || resolved:
		case len(t.unwritten) > 0: // they refer to one another in a circle, in which nobody can be the first
			clear(t.unwritten)
		default:
			return t.nothing(waiting[0])
		}
	}
	return nil
}

// writes are the entries that create or change: those without conditional references first.
func (t *transaction) writes() []int {
	var entries []int
	for _, conditional := range []bool{false, true} {
		for _, phase := range []int{bundle.Creates, bundle.Changes} {
			var group []int
			for i := range t.entries {
				if t.entries[i].Phase() == phase && len(t.conditional[i]) > 0 == conditional {
					group = append(group, i)
				}
			}
			slices.SortStableFunc(group, func(i, j int) int { return t.rank(i) - t.rank(j) })
			entries = append(entries, group...)
		}
	}
	return entries
}

// defining are the types of definitions, those before that others are made of.
var defining = []string{"CodeSystem", "ValueSet", "StructureDefinition"}

func (t *transaction) rank(i int) int {
	if at := slices.Index(defining, t.targets[i].resourceType); at >= 0 {
		return at
	}
	return len(defining)
}

// writeReady does those of the entries that wait for nothing, and gives the others.
func (t *transaction) writeReady(ctx context.Context, as actor, entries []int) (later []int, err error) {
	for _, i := range entries {
		if t.open(i) || t.inherits(i) {
			later = append(later, i)
			continue
		}
		if err := t.carryOut(ctx, as, i); err != nil {
			return nil, err
		}
		delete(t.unwritten, t.targets[i].resourceType+"/"+t.targets[i].id)
	}
	return later, nil
}

// inherits says whether an entry comes into the compartment of a Patient that is yet to be written. What a
// patch will make of a resource is not known before.
func (t *transaction) inherits(i int) bool {
	e := &t.entries[i]
	resourceType := t.targets[i].resourceType
	if _, may := definitions.Compartment("Patient", resourceType); !may || resourceType == "Patient" || len(t.unwritten) == 0 {
		return false
	}
	if e.Method == http.MethodPatch {
		return true
	}
	linked, err := t.links.Rewrite(e.Resource, e.Type, e.FullURL)
	if err != nil {
		return false // for whoever writes it to refuse
	}
	doc, err := document.Parse(linked)
	if err != nil {
		return false
	}
	for _, id := range index.Patients(doc, resourceType) {
		if t.unwritten["Patient/"+id] {
			return true
		}
	}
	return false
}

// accounting is what is asked of the session about accounts.
type accounting interface {
	GivesAccounts(sent []byte) bool
	StampsAccounts() bool
}

// gives says whether an entry may give a Patient accounts that others inherit.
func (t *transaction) gives(as accounting, e *bundle.Entry, to target) bool {
	switch e.Phase() {
	case bundle.Creates:
		return !to.exists && (as.StampsAccounts() || as.GivesAccounts(e.Resource))
	case bundle.Changes:
		return !to.exists && as.StampsAccounts() || as.GivesAccounts(sent(e))
	}
	return false
}

// sent is what an entry makes of a resource, nil when it is a patch.
func sent(e *bundle.Entry) []byte {
	if e.Method == http.MethodPatch {
		return nil
	}
	return e.Resource
}

// givesAccounts says whether some Patient may get accounts by what is sent. What the policy gives a new one it
// gives all that is new.
func (t *transaction) givesAccounts(session *repo.Session) bool {
	for i := range t.entries {
		e := &t.entries[i]
		if len(e.Path) > 0 && e.Path[0] == "Patient" && (e.Phase() == bundle.Creates || e.Phase() == bundle.Changes) && session.GivesAccounts(sent(e)) {
			return true
		}
	}
	return false
}
