package search

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/admitdev/admit/pkg/store"
)

// Match decides a predicate over the rows of one resource, with the meaning that the store's SQL
// gives it; nil always holds. Chains look at other resources and never hold here: no criteria has
// any.
func Match(p store.Predicate, self store.Ref, lastUpdated time.Time, ix store.Index) bool {
	m := matcher{self, lastUpdated, ix}
	return p == nil || m.holds(p)
}

// matcher is one resource.
type matcher struct {
	store.Ref
	at time.Time
	store.Index
}

func (m *matcher) holds(p store.Predicate) bool {
	switch p := p.(type) {
	case nil:
		return true
	case store.And:
		return !slices.ContainsFunc(p, func(part store.Predicate) bool { return !m.holds(part) })
	case store.Or:
		return slices.ContainsFunc(p, m.holds)
	case store.Not:
		return !containsChain(p.Of) && !m.holds(p.Of)
	case store.IDIn:
		return slices.Contains(p, m.ID)
	case store.TypeIs:
		return string(p) == m.Type
	case store.LastUpdated:
		ms := m.at.UnixMilli()
		return compares(p.Op, ms*1000, ms*1000+999, p.Low, p.High)
	case store.Missing:
		return m.missing(p)
	}
	return m.row(p)
}

// containsChain keeps the negation of what cannot be decided from holding.
func containsChain(p store.Predicate) bool {
	switch p := p.(type) {
	case store.Chain, store.Has:
		return true
	case store.And:
		return slices.ContainsFunc(p, containsChain)
	case store.Or:
		return slices.ContainsFunc(p, containsChain)
	case store.Not:
		return containsChain(p.Of)
	}
	return false
}

// row decides what one row can satisfy.
func (m *matcher) row(p store.Predicate) bool {
	switch p := p.(type) {
	case store.Token:
		return slices.ContainsFunc(m.Token, func(r store.TokenRow) bool { return r.Param == p.Param && tokenIn(r, p.Values) })
	case store.Reference:
		return slices.ContainsFunc(m.Reference, func(r store.ReferenceRow) bool { return r.Param == p.Param && targetIn(r, p.Values) })
	case store.String:
		return slices.ContainsFunc(m.String, func(r store.StringRow) bool { return r.Param == p.Param && reads(r, p) })
	case store.Date:
		return slices.ContainsFunc(m.Date, func(r store.DateRow) bool {
			return r.Param == p.Param && compares(p.Op, r.Low, r.High, p.Low, p.High)
		})
	case store.Quantity:
		return slices.ContainsFunc(m.Quantity, func(r store.QuantityRow) bool {
			return r.Param == p.Param && measures(r, p) && compares(p.Op, r.Low, r.High, p.Low, p.High)
		})
	case store.Span:
		return slices.ContainsFunc(m.Quantity, func(r store.QuantityRow) bool {
			return r.Param == p.Param && compares(p.Start.Op, r.Low, r.Low, p.Start.Low, p.Start.High) &&
				compares(p.End.Op, r.High, r.High, p.End.Low, p.End.High)
		})
	case store.URI:
		return slices.ContainsFunc(m.URI, func(r store.URIRow) bool { return r.Param == p.Param && locates(r.URI, p) })
	}
	return false
}

func (m *matcher) missing(p store.Missing) bool {
	switch p.Kind {
	case store.TokenKind:
		return !slices.ContainsFunc(m.Token, func(r store.TokenRow) bool { return r.Param == p.Param })
	case store.ReferenceKind:
		return !slices.ContainsFunc(m.Reference, func(r store.ReferenceRow) bool { return r.Param == p.Param })
	case store.StringKind:
		return !slices.ContainsFunc(m.String, func(r store.StringRow) bool { return r.Param == p.Param })
	case store.DateKind:
		return !slices.ContainsFunc(m.Date, func(r store.DateRow) bool { return r.Param == p.Param })
	case store.QuantityKind:
		return !slices.ContainsFunc(m.Quantity, func(r store.QuantityRow) bool { return r.Param == p.Param })
	case store.URIKind:
		return !slices.ContainsFunc(m.URI, func(r store.URIRow) bool { return r.Param == p.Param })
	}
	return false
}

func tokenIn(r store.TokenRow, values []store.TokenValue) bool {
	return slices.ContainsFunc(values, func(v store.TokenValue) bool {
		return (v.System == nil || *v.System == r.System) && (v.Code == nil || *v.Code == r.Code)
	})
}

func targetIn(r store.ReferenceRow, values []store.ReferenceValue) bool {
	return slices.ContainsFunc(values, func(v store.ReferenceValue) bool {
		if v.URL != "" {
			return v.URL == r.URL
		}
		return r.TargetID != "" && v.ID == r.TargetID && (v.Type == "" || v.Type == r.TargetType)
	})
}

func reads(r store.StringRow, p store.String) bool {
	switch p.Match {
	case store.Exact:
		return r.Exact == p.Value
	case store.Contains:
		return strings.Contains(r.Folded, p.Value)
	case store.Equal:
		return r.Folded == p.Value
	case store.EndsWith:
		return strings.HasSuffix(r.Folded, p.Value)
	}
	return strings.HasPrefix(r.Folded, p.Value)
}

func measures(r store.QuantityRow, p store.Quantity) bool {
	return (p.System == nil || *p.System == r.System) && (p.Code == nil || *p.Code == r.Code) &&
		(p.Unit == nil || *p.Unit == r.Code || *p.Unit == r.Unit)
}

func locates(uri string, p store.URI) bool {
	switch p.Match {
	case store.URIBelow:
		return strings.HasPrefix(uri, p.Value)
	case store.URIAbove:
		return uri != "" && strings.HasPrefix(p.Value, uri)
	}
	return uri == p.Value
}

// compares is store.Op on the row [low, high] and the value [from, to].
func compares[T cmp.Ordered](op store.Op, low, high, from, to T) bool {
	within := low >= from && low <= to && high <= to
	switch op {
	case store.Ne:
		return low < from || high > to
	case store.Gt:
		return high > to
	case store.Lt:
		return low < from
	case store.Ge:
		return high > to || within
	case store.Le:
		return low < from || within
	case store.Sa:
		return low > to
	case store.Eb:
		return high < from
	case store.Ap:
		return low <= to && high >= from
	}
	return within
}
