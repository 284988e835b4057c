package store

// indexTable describes one index table to the writers of both dialects. Every table begins with
// project_id, type and id.
type indexTable struct {
	name    string
	columns []string
	types   []string // as PostgreSQL names them
	// arrays are the rows column by column, for unnest; rows are they one by one.
	arrays func(Index) []any
	rows   func(Index) [][]any
	count  func(Index) int
}

// indexTables are the six of them, in the order of Kind.
func indexTables() []indexTable {
	return []indexTable{
		table("token_index", func(ix Index) []TokenRow { return ix.Token },
			text("param", func(r TokenRow) string { return r.Param }),
			text("system", func(r TokenRow) string { return r.System }),
			text("code", func(r TokenRow) string { return r.Code })),
		table("reference_index", func(ix Index) []ReferenceRow { return ix.Reference },
			text("param", func(r ReferenceRow) string { return r.Param }),
			text("target_type", func(r ReferenceRow) string { return r.TargetType }),
			text("target_id", func(r ReferenceRow) string { return r.TargetID }),
			text("url", func(r ReferenceRow) string { return r.URL }),
			bigint("newest", func(r ReferenceRow) int64 { return r.Newest })),
		table("string_index", func(ix Index) []StringRow { return ix.String },
			text("param", func(r StringRow) string { return r.Param }),
			text("folded", func(r StringRow) string { return r.Folded }),
			text("exact", func(r StringRow) string { return r.Exact })),
		table("date_index", func(ix Index) []DateRow { return ix.Date },
			text("param", func(r DateRow) string { return r.Param }),
			bigint("low", func(r DateRow) int64 { return r.Low }),
			bigint("high", func(r DateRow) int64 { return r.High })),
		table("quantity_index", func(ix Index) []QuantityRow { return ix.Quantity },
			text("param", func(r QuantityRow) string { return r.Param }),
			text("system", func(r QuantityRow) string { return r.System }),
			text("code", func(r QuantityRow) string { return r.Code }),
			text("unit", func(r QuantityRow) string { return r.Unit }),
			text("value", func(r QuantityRow) string { return r.Value }),
			text("low", func(r QuantityRow) string { return r.Low }),
			text("high", func(r QuantityRow) string { return r.High })),
		table("uri_index", func(ix Index) []URIRow { return ix.URI },
			text("param", func(r URIRow) string { return r.Param }),
			text("uri", func(r URIRow) string { return r.URI })),
	}
}

// column reads one column of a row of type R.
type column[R any] struct {
	name, kind string
	array      func([]R) any
	value      func(R) any
}

func text[R any](name string, get func(R) string) column[R] { return cell(name, "text", get) }

func bigint[R any](name string, get func(R) int64) column[R] { return cell(name, "bigint", get) }

func cell[R, V any](name, kind string, get func(R) V) column[R] {
	return column[R]{
		name: name, kind: kind,
		value: func(r R) any { return get(r) },
		array: func(rows []R) any {
			values := make([]V, len(rows))
			for i, r := range rows {
				values[i] = get(r)
			}
			return values
		},
	}
}

func table[R any](name string, of func(Index) []R, columns ...column[R]) indexTable {
	t := indexTable{name: name}
	for _, c := range columns {
		t.columns = append(t.columns, c.name)
		t.types = append(t.types, c.kind)
	}
	t.count = func(ix Index) int { return len(of(ix)) }
	t.arrays = func(ix Index) []any {
		rows := of(ix)
		if len(rows) == 0 {
			return nil
		}
		arrays := make([]any, len(columns))
		for i, c := range columns {
			arrays[i] = c.array(rows)
		}
		return arrays
	}
	t.rows = func(ix Index) [][]any {
		var all [][]any
		for _, r := range of(ix) {
			values := make([]any, len(columns))
			for i, c := range columns {
				values[i] = c.value(r)
			}
			all = append(all, values)
		}
		return all
	}
	return t
}
