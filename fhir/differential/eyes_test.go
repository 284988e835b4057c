package differential_test

import (
	"slices"

	"github.com/admitdev/admit/fhir/caller"
)

// This file is what the policies of a caller mean for a resource.

func (r *rule) about(kind, interaction string) bool {
	return (r.kind == kind || r.kind == "*") && slices.Contains(r.grants, interaction)
}

// granted says whether the caller may do something with some resource of a type.
func (e *eyes) granted(interaction, kind string) bool {
	if !slices.ContainsFunc(e.rules, func(r rule) bool { return r.about(kind, interaction) }) {
		return false
	}
	return !e.scoped || slices.ContainsFunc(e.scopes, func(s scope) bool {
		return e.gives(s, interaction, kind)
	})
}

// rule is the first that grants the interaction with a resource that says this; nil for none.
func (e *eyes) rule(interaction string, r *resource, body object) *rule {
	if e.scoped && !slices.ContainsFunc(e.scopes, func(s scope) bool {
		return e.gives(s, interaction, r.kind) && (s.where == nil || s.where(r, body))
	}) {
		return nil
	}
	return e.unscoped(interaction, r, body)
}

// unscoped is the first rule of the policies themselves.
func (e *eyes) unscoped(interaction string, r *resource, body object) *rule {
	for i := range e.rules {
		if one := &e.rules[i]; one.about(r.kind, interaction) && (one.where == nil || one.where(r, body)) {
			return one
		}
	}
	return nil
}

// within says whether a resource is where the caller may read.
func (e *eyes) within(r *resource) bool {
	return r.project == e.own || slices.ContainsFunc(e.who.Linked, func(l caller.Link) bool {
		return l.Project == r.project && (l.Types == nil || slices.Contains(l.Types, r.kind))
	})
}

// allowed says whether the caller may do something that reads with a resource as it was last.
func (e *eyes) allowed(interaction string, r *resource) bool {
	return r != nil && e.within(r) && e.rule(interaction, r, r.live()) != nil && (r.kind != "Binary" || e.inContext(r.live()))
}

// inContext says whether the caller may read what a Binary is about.
func (e *eyes) inContext(body object) bool {
	about := at(body, "securityContext", "reference")
	if len(about) == 0 {
		return true
	}
	of := e.find(about[0].(string))
	return of != nil && !of.deleted() && e.allowed("read", of)
}

// findable are the resources of a type that a search may lead to.
func (e *eyes) findable(kind string) []*resource {
	return slices.DeleteFunc(e.of(kind), func(r *resource) bool { return r.deleted() || !e.allowed("search", r) })
}

// hidden are the fields of a document that the caller does not see: the rule for its reading says so,
// and that for what it does when it may not read. The scopes of a token show nothing more.
func (e *eyes) hidden(interaction string, r *resource, body object) []string {
	for _, i := range []string{"read", interaction} {
		if one := e.unscoped(i, r, body); one != nil {
			return one.hidden
		}
	}
	return nil
}

// shown is a document as the caller sees it. A version is without what is hidden of the resource as it
// was last, too.
func (e *eyes) shown(interaction string, r *resource, body object) object {
	hidden := e.hidden(interaction, r, body)
	if interaction == "vread" || interaction == "history" {
		hidden = slices.Concat(hidden, e.hidden(interaction, r, r.live()))
	}
	return without(body, hidden)
}

// tells says whether a search by these parameters could tell of a hidden field: whether some rule by
// which a resource may be shown hides what is read. Rules behind one that shows everything never are.
func (e *eyes) tells(uses []use) bool {
	return slices.ContainsFunc(uses, func(u use) bool {
		for _, r := range e.rules {
			reads, searches := r.about(u.kind, "read"), r.about(u.kind, "search")
			if !reads && !searches {
				continue
			}
			for _, hidden := range r.hidden {
				if slices.ContainsFunc(u.reads, func(read []string) bool { return touches(dotted(hidden), read) }) {
					return true
				}
			}
			if r.where == nil && reads && searches {
				return false
			}
		}
		return false
	})
}

// touches says whether one path lies within the other.
func touches(hidden, read []string) bool {
	for i := range min(len(hidden), len(read)) {
		if hidden[i] != read[i] && !named(hidden[i], read[i]) {
			return false
		}
	}
	return true
}
