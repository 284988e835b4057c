package storetest

import (
	"slices"
	"strings"

	"github.com/admitdev/admit/pkg/store"
)

// world is resources with their index, for which predicates are decided by plain Go: what the
// store's SQL is compared with.
type world struct {
	projects []string
	items    []store.Write
}

// holds decides p about one resource of the world.
func (w world) holds(p store.Predicate, x store.Write) bool {
	switch p := p.(type) {
	case nil:
		return true
	case store.And:
		return !slices.ContainsFunc(p, func(part store.Predicate) bool { return !w.holds(part, x) })
	case store.Or:
		return slices.ContainsFunc(p, func(part store.Predicate) bool { return w.holds(part, x) })
	case store.Not:
		return !w.holds(p.Of, x)
	case store.IDIn:
		return slices.Contains(p, x.ID)
	case store.TypeIs:
		return x.Type == string(p)
	case store.LastUpdated:
		t := x.LastUpdated.UnixMilli() * 1000
		return compare(p.Op, t, t+999, p.Low, p.High)
	case store.Missing:
		return !slices.Contains(params(x.Index, p.Kind), p.Param)
	case store.Chain:
		return slices.ContainsFunc(x.Index.Reference, func(r store.ReferenceRow) bool {
			return r.Param == p.Param && r.TargetType == p.Type && r.TargetID != "" && w.any(p.Type, p.Of, func(y store.Write) bool { return y.ID == r.TargetID })
		})
	case store.Has:
		return w.any(p.Type, p.Of, func(y store.Write) bool {
			return slices.Contains(y.Index.Reference, store.ReferenceRow{Param: p.Param, TargetType: x.Type, TargetID: x.ID})
		})
	default:
		return indexHolds(p, x.Index)
	}
}

// any says whether some resource of a type in the searched projects is such and p holds for it.
func (w world) any(typ string, p store.Predicate, such func(store.Write) bool) bool {
	return slices.ContainsFunc(w.items, func(y store.Write) bool {
		return y.Type == typ && slices.Contains(w.projects, y.Project) && such(y) && w.holds(p, y)
	})
}

func indexHolds(p store.Predicate, ix store.Index) bool {
	switch p := p.(type) {
	case store.Token:
		return slices.ContainsFunc(ix.Token, func(r store.TokenRow) bool {
			return r.Param == p.Param && slices.ContainsFunc(p.Values, func(v store.TokenValue) bool {
				return (v.System == nil || *v.System == r.System) && (v.Code == nil || *v.Code == r.Code)
			})
		})
	case store.Reference:
		return slices.ContainsFunc(ix.Reference, func(r store.ReferenceRow) bool {
			return r.Param == p.Param && slices.ContainsFunc(p.Values, func(v store.ReferenceValue) bool {
				if v.URL != "" {
					return v.URL == r.URL
				}
				return r.TargetID != "" && v.ID == r.TargetID && (v.Type == "" || v.Type == r.TargetType)
			})
		})
	case store.String:
		return slices.ContainsFunc(ix.String, func(r store.StringRow) bool { return r.Param == p.Param && stringHolds(p, r) })
	case store.Date:
		return slices.ContainsFunc(ix.Date, func(r store.DateRow) bool {
			return r.Param == p.Param && compare(p.Op, r.Low, r.High, p.Low, p.High)
		})
	case store.Quantity:
		return slices.ContainsFunc(ix.Quantity, func(r store.QuantityRow) bool {
			return r.Param == p.Param && compare(p.Op, r.Low, r.High, p.Low, p.High) && (p.System == nil || *p.System == r.System) &&
				(p.Code == nil || *p.Code == r.Code) && (p.Unit == nil || *p.Unit == r.Code || *p.Unit == r.Unit)
		})
	case store.URI:
		return slices.ContainsFunc(ix.URI, func(r store.URIRow) bool {
			switch {
			case r.Param != p.Param:
				return false
			case p.Match == store.URIBelow:
				return strings.HasPrefix(r.URI, p.Value)
			case p.Match == store.URIAbove:
				return strings.HasPrefix(p.Value, r.URI) && r.URI != ""
			}
			return r.URI == p.Value
		})
	}
	return false
}

func stringHolds(p store.String, r store.StringRow) bool {
	switch p.Match {
	case store.Contains:
		return strings.Contains(r.Folded, p.Value)
	case store.Exact:
		return r.Exact == p.Value
	case store.Equal:
		return r.Folded == p.Value
	case store.EndsWith:
		return strings.HasSuffix(r.Folded, p.Value)
	default:
		return strings.HasPrefix(r.Folded, p.Value)
	}
}

// compare is Op on the interval of a row and that of a value.
func compare[V int64 | string](op store.Op, rowLow, rowHigh, low, high V) bool {
	within := rowLow >= low && rowHigh <= high
	switch op {
	case store.Eq:
		return within
	case store.Ne:
		return !within
	case store.Gt:
		return rowHigh > high
	case store.Lt:
		return rowLow < low
	case store.Ge:
		return rowHigh > high || within
	case store.Le:
		return rowLow < low || within
	case store.Sa:
		return rowLow > high
	case store.Eb:
		return rowHigh < low
	default:
		return rowLow <= high && rowHigh >= low
	}
}

// params are the parameters that have rows in the table of a kind.
func params(ix store.Index, k store.Kind) []string {
	var names []string
	switch k {
	case store.TokenKind:
		for _, r := range ix.Token {
			names = append(names, r.Param)
		}
	case store.ReferenceKind:
		for _, r := range ix.Reference {
			names = append(names, r.Param)
		}
	case store.StringKind:
		for _, r := range ix.String {
			names = append(names, r.Param)
		}
	case store.DateKind:
		for _, r := range ix.Date {
			names = append(names, r.Param)
		}
	case store.QuantityKind:
		for _, r := range ix.Quantity {
			names = append(names, r.Param)
		}
	default:
		for _, r := range ix.URI {
			names = append(names, r.Param)
		}
	}
	return names
}
