package store

// steady says that one way to the rows is best whatever the values are: they come out of one index in the
// order asked for, and the page stops it. PostgreSQL may keep its plan; of any other search it makes one for
// the values at hand, since a plan for values of which nothing is known takes them for rare. With such a one a
// search for what nearly every resource has, in the order of time, finds and sorts all of them.
func (q Query) steady(where Predicate) bool {
	if _, ok := timelineOf(q, where); ok {
		return true
	}
	if !q.scope().single() || q.Probe || len(q.position()) > 0 {
		return false
	}
	wanted, visible := simplify(q.Where), simplify(q.Visible)
	switch {
	case len(q.Sort) > 0:
		return len(q.Sort) == 1 && q.Sort[0].Param == "_lastUpdated" && always(wanted) && always(visible)
	case always(wanted):
		return always(visible) || isOneToken(visible)
	}
	_, byID := wanted.(IDIn)
	return byID || isOneToken(wanted)
}

func always(p Predicate) bool {
	all, ok := p.(And)
	return ok && len(all) == 0
}

// isOneToken says whether p is one code of one system: its rows are in the order of the ids.
func isOneToken(p Predicate) bool {
	token, ok := p.(Token)
	return ok && len(token.Values) == 1 && token.Values[0].System != nil && token.Values[0].Code != nil
}
