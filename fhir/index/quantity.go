package index

import (
	"github.com/admitdev/admit/fhir/document"
	"github.com/admitdev/admit/fhir/fhirpath"
	"github.com/admitdev/admit/pkg/store"
)

// currencies is the code system of Money.currency.
const currencies = "urn:iso:std:iso:4217"

// quantity makes the rows of R4 search.html#number and #quantity. A number stands for itself: the
// range that its spelling implies is what a search for it means, not what it is. Units are kept as written;
// the conversion of UCUM's comes with its own rows.
func (b *builder) quantity(param string, v fhirpath.Value) {
	switch {
	case v.Is("Quantity"):
		b.measured(param, v.Node)
	case v.TypeName() == "Money":
		row := store.QuantityRow{Param: param, System: currencies, Code: v.Node.Text("currency"), Unit: v.Node.Text("currency")}
		b.addQuantity(row, v.Node.Get("value"))
	case v.TypeName() == "Range":
		b.ranged(param, v.Node.Get("low"), v.Node.Get("high"))
	case v.TypeName() == "SampledData":
		b.sampled(param, v.Node)
	case v.TypeName() == "Extension":
		for _, value := range v.Children(nil, "value") {
			b.quantity(param, value)
		}
	default:
		if kind, s, ok := v.Primitive(); ok && kind == document.Number {
			b.addNumber(store.QuantityRow{Param: param}, s)
		}
	}
}

func unitOf(param string, n *document.Node) store.QuantityRow {
	return store.QuantityRow{Param: param, System: n.Text("system"), Code: n.Text("code"), Unit: n.Text("unit")}
}

// measured is a Quantity; a comparator opens one end of its range.
func (b *builder) measured(param string, n *document.Node) {
	row := unitOf(param, n)
	value, _, _, ok := Decimal(n.Get("value").String())
	if !ok {
		return
	}
	row.Value, row.Low, row.High = value, value, value
	switch n.Text("comparator") {
	case "<", "<=":
		row.Low = MinDecimal
	case ">", ">=":
		row.High = MaxDecimal
	}
	b.rows.Quantity = append(b.rows.Quantity, row)
}

// ranged covers from the low quantity to the high one; a missing one is open.
func (b *builder) ranged(param string, low, high *document.Node) {
	named := low
	if named == nil {
		named = high
	}
	row := unitOf(param, named)
	row.Low, row.High = MinDecimal, MaxDecimal
	value, _, _, hasLow := Decimal(low.Get("value").String())
	if hasLow {
		row.Value, row.Low = value, value
	}
	value, _, _, hasHigh := Decimal(high.Get("value").String())
	if hasHigh {
		row.High = value
		if !hasLow {
			row.Value = value
		}
	}
	if hasLow || hasHigh {
		b.rows.Quantity = append(b.rows.Quantity, row)
	}
}

// sampled covers the limits that the samples keep to, when they are said.
func (b *builder) sampled(param string, n *document.Node) {
	row := unitOf(param, n.Get("origin"))
	low, _, _, okLow := Decimal(n.Get("lowerLimit").String())
	high, _, _, okHigh := Decimal(n.Get("upperLimit").String())
	if okLow && okHigh {
		row.Value, row.Low, row.High = low, low, high
		b.rows.Quantity = append(b.rows.Quantity, row)
	}
}

func (b *builder) addQuantity(row store.QuantityRow, value *document.Node) {
	if value != nil {
		b.addNumber(row, value.String())
	}
}

func (b *builder) addNumber(row store.QuantityRow, s string) {
	if value, _, _, ok := Decimal(s); ok {
		row.Value, row.Low, row.High = value, value, value
		b.rows.Quantity = append(b.rows.Quantity, row)
	}
}
