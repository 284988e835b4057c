package repo

import (
	"slices"

	"github.com/admitdev/admit/fhir/document"
)

// protection is what a write leaves as it is: what is hidden from the caller where it reads, and what
// the rules for the write hide and protect.
type protection struct{ unseen, hidden, readonly []string }

// protected asks the rules for the stored image and for the new one.
func (a *access) protected(c *change, d draft) (p protection) {
	if c.oldDoc != nil && a.hasFields(c.ref.Type) {
		p.unseen = a.hidden(c.interaction, *c.old, c.oldIndex)
		if rule, ok := a.who.Policy.Rule(c.interaction, c.ref, c.old.LastUpdated, c.oldIndex); ok {
			p.hidden, p.readonly = append(p.hidden, rule.Hidden...), append(p.readonly, rule.Readonly...)
		}
	}
	if rule, ok := a.who.Policy.Rule(c.interaction, c.ref, d.at, d.index); ok {
		p.hidden = append(p.hidden, rule.Hidden...)
		if c.old != nil || !ownRules(c.ref.Type) {
			p.readonly = append(p.readonly, rule.Readonly...)
		}
	}
	return p
}

func (p protection) none() bool { return len(p.unseen)+len(p.hidden)+len(p.readonly) == 0 }

func (p protection) has(field string) bool {
	return slices.Contains(p.unseen, field) || slices.Contains(p.hidden, field) || slices.Contains(p.readonly, field)
}

// keep is doc with the protected elements as old has them. By what is unseen alone the writer counts
// the items of lists.
func (p protection) keep(doc, old *document.Node) (*document.Node, error) {
	doc, err := restoreAll(doc, old, p.unseen)
	if err != nil {
		return nil, err
	}
	others := slices.DeleteFunc(slices.Concat(p.hidden, p.readonly), func(field string) bool { return slices.Contains(p.unseen, field) })
	return putBackAll(doc, old, others)
}

// restore is what a writer made of what it sees of old, with what paths hide from it as old has it;
// nil when nothing is left. What the writer says of hidden elements does not count. The items of
// arrays correspond as the writer sees them: one that is hidden whole stays where it is, for the
// writer counts without it. One that it sees and removes takes what is hidden in it along.
func restore(n, old *document.Node, paths []path) []byte {
	switch {
	case n == nil && old.Kind != document.Object && old.Kind != document.Array:
		return nil
	case n == nil:
		return restore(&document.Node{Kind: old.Kind}, old, paths)
	case old == nil || len(paths) == 0 || n.Kind != old.Kind:
		return without(n, paths)
	case n.Kind == document.Object:
		if members := restoreMembers(n, old, paths); members != nil {
			return object(members)
		}
		return nil
	case n.Kind == document.Array:
		if items := restoreItems(n, old, paths); items != nil {
			return array(items)
		}
		return nil
	}
	return n.Compact(nil)
}

func restoreMembers(n, old *document.Node, paths []path) []member {
	var members []member
	add := func(name string, value []byte) {
		if value != nil {
			members = append(members, member{name, value})
		}
	}
	for i := range n.Fields {
		f := &n.Fields[i]
		was := old.Get(f.Name)
		switch rests, whole := under(paths, f.Name); {
		case !whole:
			add(f.Name, restore(f.Value, was, rests))
		case was != nil:
			add(f.Name, was.Compact(nil))
		}
	}
	for i := range old.Fields {
		f := &old.Fields[i]
		if n.Get(f.Name) != nil {
			continue
		}
		switch rests, whole := under(paths, f.Name); {
		case whole:
			add(f.Name, f.Value.Compact(nil))
		case rests != nil:
			add(f.Name, restore(nil, f.Value, rests))
		}
	}
	return members
}

func restoreItems(n, old *document.Node, paths []path) [][]byte {
	var items [][]byte
	var seen []*document.Node
	for _, item := range n.Items {
		if without(item, paths) != nil {
			seen = append(seen, item)
		}
	}
	for _, was := range old.Items {
		switch {
		case without(was, paths) == nil:
			items = append(items, was.Compact(nil))
		case len(seen) > 0:
			items, seen = append(items, restore(seen[0], was, paths)), seen[1:]
		}
	}
	for _, item := range seen {
		items = append(items, without(item, paths))
	}
	return items
}

// restoreAll is restore of a document.
func restoreAll(doc, old *document.Node, hidden []string) (*document.Node, error) {
	if len(hidden) == 0 {
		return doc, nil
	}
	content := restore(doc, old, pathsOf(hidden))
	if content == nil {
		content = []byte("{}")
	}
	return reparse(content)
}
