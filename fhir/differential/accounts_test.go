package differential_test

import (
	"net/http"
	"slices"
	"strings"
)

// This file is what meta.accounts are to be (contract of Medplum): a resource inherits those of the patients
// whose compartment it comes into, and loses those of the patients that it leaves; $set-accounts gives a
// compartment what its patient gets.

// accounts are one or two organizations.
func (w *world) accounts() []any {
	one, other := w.some("Organization").name(), w.some("Organization").name()
	all := []any{object{"reference": one}}
	if one != other && w.chance(2) {
		all = append(all, object{"reference": other})
	}
	return all
}

// setsAccounts says whether the accounts that the caller sends count: an administrator's do, in extended mode.
func (e *eyes) setsAccounts() bool { return e.who.Admin && e.who.Extended }

// exact says whether the accounts of a body do.
func (e *eyes) exact(body object) bool {
	return e.setsAccounts() && len(at(body, "meta", "accounts")) > 0
}

// accounted sets the accounts of a body that replaces another, or nothing.
func (e *eyes) accounted(kind string, body, was object, exact bool) {
	if exact {
		return
	}
	accounts := slices.Clone(at(was, "meta", "accounts"))
	if was == nil && e.account != "" {
		accounts = []any{object{"reference": e.account}}
	}
	before, now := patients(kind, was), patients(kind, body)
	var staying []any
	for _, p := range now {
		staying = append(staying, e.accountsOf(p)...)
	}
	for _, p := range before {
		if slices.Contains(now, p) {
			continue
		}
		for _, lost := range e.accountsOf(p) {
			if !holds(staying, lost) {
				accounts = slices.DeleteFunc(accounts, func(a any) bool { return text(a) == text(lost) })
			}
		}
	}
	for _, p := range now {
		if slices.Contains(before, p) {
			continue
		}
		for _, gained := range e.accountsOf(p) {
			if !holds(accounts, gained) {
				accounts = append(accounts, gained)
			}
		}
	}
	if withAccounts(body, nil); len(accounts) > 0 {
		withAccounts(body, accounts)
	}
}

func holds(accounts []any, account any) bool {
	return slices.ContainsFunc(accounts, func(a any) bool { return text(a) == text(account) })
}

// patients are whose compartment a resource is in by what it refers to.
func patients(kind string, body object) []string {
	var all []string
	for _, field := range map[string][]string{"Encounter": {"subject"}, "Observation": {"performer", "subject"}}[kind] {
		for _, reference := range at(body, field, "reference") {
			if name := reference.(string); strings.HasPrefix(name, "Patient/") && !slices.Contains(all, name) {
				all = append(all, name)
			}
		}
	}
	return all
}

// accountsOf are the accounts of a patient of the caller's project, as the caller sees it.
func (e *eyes) accountsOf(patient string) []any {
	p := e.find(patient)
	if p == nil || p.project != e.own || p.deleted() || !e.allowed("read", p) {
		return nil
	}
	return at(e.shown("read", p, p.live()), "meta", "accounts")
}

// inherit draws a write that takes a resource to another patient.
func (e *eyes) inherit() request {
	kind := pick(e.world, "Encounter", "Observation")
	subject := object{"reference": e.some("Patient").name()}
	if body := e.draw(kind); e.chance(2) {
		body["subject"] = subject
		return e.create(kind, body)
	}
	_, id, r := e.any(kind)
	for range 10 {
		if e.target("update", kind, r) != 0 {
			_, id, r = e.any(kind)
		}
	}
	sent := e.draw(kind)
	if r != nil {
		sent = clone(r.live())
	}
	sent["id"], sent["subject"] = id, subject
	q := request{method: http.MethodPut, path: "/" + kind + "/" + id, body: text(sent)}
	e.wantUpdated(&q, kind, r, sent)
	return q
}

// setAccounts draws an operation that gives a patient other accounts, and his compartment with him.
func (e *eyes) setAccounts() request {
	_, id, r := e.any("Patient")
	for range 20 {
		if e.leaves(r) {
			break
		}
		_, id, r = e.any("Patient")
	}
	accounts, propagate := e.accounts(), !e.chance(4)
	if e.chance(4) {
		accounts = []any{}
	}
	q := request{method: http.MethodPost, path: "/Patient/" + id + "/$set-accounts", body: text(object{"accounts": accounts, "propagate": propagate})}
	if !e.who.Admin || e.scoped && !slices.ContainsFunc(e.scopes, func(s scope) bool { return s.kind == "*" && s.where == nil && slices.Contains(s.grants, "update") }) {
		q.statuses = []int{http.StatusForbidden}
		return q
	}
	if status := e.target("update", "Patient", r); status != 0 {
		q.statuses = []int{status}
		return q
	}
	if r.deleted() {
		q.statuses = []int{http.StatusGone}
		return q
	}
	q.statuses = []int{http.StatusOK}
	q.done = func(a answer) string {
		old, updated := slices.Clone(at(r.live(), "meta", "accounts")), r.account(accounts)
		for _, one := range e.resources {
			if !propagate || one.project != e.own || one.deleted() || !slices.Contains(patients(one.kind, one.live()), r.name()) {
				continue
			}
			had := at(one.live(), "meta", "accounts")
			has := slices.Clone(accounts)
			for _, kept := range had {
				if !holds(old, kept) && !holds(has, kept) {
					has = append(has, kept)
				}
			}
			if len(has) != len(had) || slices.ContainsFunc(has, func(a any) bool { return !holds(had, a) }) {
				updated += one.account(has)
			}
		}
		if got := at(parse(a.body), "parameter", "valueInteger"); text(got) != text([]int{updated}) {
			return "updated should be " + text(updated)
		}
		return ""
	}
	return q
}

// leaves says whether something is about a patient that has an account of his.
func (e *eyes) leaves(r *resource) bool {
	return r != nil && !r.deleted() && slices.ContainsFunc(e.resources, func(one *resource) bool {
		return one.project == e.own && !one.deleted() && slices.Contains(patients(one.kind, one.live()), r.name()) &&
			slices.ContainsFunc(at(one.live(), "meta", "accounts"), func(a any) bool { return holds(at(r.live(), "meta", "accounts"), a) })
	})
}

// account gives a resource exactly these accounts, and says whether that changes it.
func (r *resource) account(accounts []any) int {
	body := clone(r.live())
	if withAccounts(body, nil); len(accounts) > 0 {
		withAccounts(body, accounts)
	}
	if same(body, r.live()) {
		return 0
	}
	r.versions = append(r.versions, version{body: body})
	return 1
}
