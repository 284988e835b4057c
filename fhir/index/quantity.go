package index

import (
	"cmp"
	"strings"

	"github.com/admitdev/admit/fhir/document"
	"github.com/admitdev/admit/fhir/fhirpath"
	"github.com/admitdev/admit/fhir/ucum"
	"github.com/admitdev/admit/pkg/store"
)

// currencies is the code system of Money.currency.
const currencies = "urn:iso:std:iso:4217"

// quantity makes the rows of R4 search.html#number and #quantity. A number stands for itself: the
// range that its spelling implies is what a search for it means, not what it is. A quantity is kept
// in its unit as written, and when that is UCUM's once more in the canonical one.
func (b *builder) quantity(param string, v fhirpath.Value) {
	switch {
	case v.Is("Quantity"):
		b.measured(param, v.Node)
	case v.TypeName() == "Money":
		row := store.QuantityRow{Param: param, System: currencies, Code: v.Node.Text("currency"), Unit: v.Node.Text("currency")}
		if value := v.Node.Get("value"); value != nil {
			b.addMeasure(row, value.String(), value.String(), value.String())
		}
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
			b.addMeasure(store.QuantityRow{Param: param}, s, s, s)
		}
	}
}

func unitOf(param string, n *document.Node) store.QuantityRow {
	return store.QuantityRow{Param: param, System: n.Text("system"), Code: n.Text("code"), Unit: n.Text("unit")}
}

// measured is a Quantity; a comparator opens one end of its range.
func (b *builder) measured(param string, n *document.Node) {
	value := n.Get("value").String()
	if value == "" {
		return
	}
	low, high := value, value
	switch n.Text("comparator") {
	case "<", "<=":
		low = ""
	case ">", ">=":
		high = ""
	}
	b.addMeasure(unitOf(param, n), value, low, high)
}

// ranged covers from the low quantity to the high one; a missing one is open.
func (b *builder) ranged(param string, low, high *document.Node) {
	named := low
	if named == nil {
		named = high
	}
	from, to := low.Get("value").String(), high.Get("value").String()
	if from != "" || to != "" {
		b.addMeasure(unitOf(param, named), cmp.Or(from, to), from, to)
	}
}

// sampled covers the limits that the samples keep to, when they are said.
func (b *builder) sampled(param string, n *document.Node) {
	low, high := n.Get("lowerLimit").String(), n.Get("upperLimit").String()
	if low != "" && high != "" {
		b.addMeasure(unitOf(param, n.Get("origin")), low, low, high)
	}
}

// addMeasure makes the row of decimals as they are spelled; an empty low or high is an open end.
func (b *builder) addMeasure(unit store.QuantityRow, value, low, high string) {
	asGiven := func(decimal string) (string, bool) { return decimal, true }
	b.addDecimals(unit, value, low, high, asGiven)
	if unit.System != ucum.System {
		return
	}
	if canonical, ok := ucum.Parse(unit.Code); ok {
		row := store.QuantityRow{Param: CanonicalParam(unit.Param), Code: canonical.Canonical}
		b.addDecimals(row, value, low, high, canonical.Convert)
	}
}

func (b *builder) addDecimals(row store.QuantityRow, value, low, high string, convert func(string) (string, bool)) {
	sortable := func(decimal, open string) (string, bool) {
		if decimal == "" {
			return open, true
		}
		converted, ok := convert(decimal)
		if !ok {
			return "", false
		}
		d, ok := parseDecimal(converted)
		if !ok {
			return "", false
		}
		return d.sortable(), true
	}
	var ok, okLow, okHigh bool
	row.Value, ok = sortable(value, "")
	row.Low, okLow = sortable(low, MinDecimal)
	row.High, okHigh = sortable(high, MaxDecimal)
	if ok && okLow && okHigh {
		b.rows.Quantity = append(b.rows.Quantity, row)
	}
}

// CanonicalParam names the rows of a parameter in canonical units of UCUM. What names the element
// of a composite comes after the suffix.
func CanonicalParam(param string) string {
	code, element, isComposite := strings.Cut(param, "$")
	if !isComposite {
		return param + CanonicalSuffix
	}
	return code + CanonicalSuffix + "$" + element
}
