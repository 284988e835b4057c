package fhirpath

import (
	"cmp"
	"errors"
	"strconv"

	"github.com/cockroachdb/apd/v3"

	"github.com/admitdev/admit/fhir/document"
)

var errIncomparable = errors.New("values of different types have no order")

// dateTypes are compared as the time they cover, not as text.
var dateTypes = map[string]bool{"date": true, "dateTime": true, "instant": true}

func isDate(v Value) bool { return v.Type != nil && dateTypes[v.Type.Name] }

// equal compares two values; known is false for dates that overlap without being the same.
func equal(a, b Value) (same, known bool) {
	aKind, aText, aOK := a.Primitive()
	bKind, bText, bOK := b.Primitive()
	switch {
	case !aOK || !bOK:
		return aOK == bOK && deepEqual(a.Node, b.Node) && deepEqual(a.Ext, b.Ext), true
	case aKind != bKind:
		return false, true
	case aKind == document.Number:
		order, err := compareNumbers(aText, bText)
		return err == nil && order == 0, true
	case isDate(a) && isDate(b) && aText != bText:
		order, known := compareDates(aText, bText)
		return order == 0, known
	}
	return aText == bText, true
}

// deepEqual compares elements; the order of members says nothing, that of array elements does.
func deepEqual(a, b *document.Node) bool {
	if a == nil || b == nil {
		return a == b
	}
	if a.Kind != b.Kind || len(a.Fields) != len(b.Fields) || len(a.Items) != len(b.Items) {
		return false
	}
	for i := range a.Fields {
		if !deepEqual(a.Fields[i].Value, b.Get(a.Fields[i].Name)) {
			return false
		}
	}
	for i := range a.Items {
		if !deepEqual(a.Items[i], b.Items[i]) {
			return false
		}
	}
	return a.String() == b.String()
}

// compare orders two values.
func compare(a, b Value) (order int, known bool, err error) {
	aKind, aText, aOK := a.Primitive()
	bKind, bText, bOK := b.Primitive()
	switch {
	case a.Is("Quantity") && b.Is("Quantity"):
		return compareQuantities(a, b)
	case !aOK || !bOK || aKind != bKind:
		return 0, false, errIncomparable
	case aKind == document.Number:
		order, err = compareNumbers(aText, bText)
		return order, err == nil, err
	case isDate(a) || isDate(b):
		order, known = compareDates(aText, bText)
		return order, known, nil
	case aText < bText:
		return -1, true, nil
	case aText > bText:
		return 1, true, nil
	}
	return 0, true, nil
}

// compareQuantities orders quantities of one unit; of different units nothing is known.
func compareQuantities(a, b Value) (order int, known bool, err error) {
	if a.Node.Text("code") != b.Node.Text("code") || a.Node.Text("system") != b.Node.Text("system") ||
		a.Node.Text("code") == "" && a.Node.Text("unit") != b.Node.Text("unit") {
		return 0, false, nil
	}
	left, right := a.Node.Get("value"), b.Node.Get("value")
	if left == nil || right == nil {
		return 0, false, nil
	}
	order, err = compareNumbers(left.String(), right.String())
	return order, err == nil, err
}

func compareNumbers(a, b string) (int, error) {
	if x, err := strconv.ParseInt(a, 10, 64); err == nil {
		if y, err := strconv.ParseInt(b, 10, 64); err == nil {
			return cmp.Compare(x, y), nil
		}
	}
	x, _, err := apd.NewFromString(a)
	if err != nil {
		return 0, err
	}
	y, _, err := apd.NewFromString(b)
	if err != nil {
		return 0, err
	}
	return x.Cmp(y), nil
}

// compareDates orders the times that two dates cover; those that overlap without covering the
// same have no order.
func compareDates(a, b string) (order int, known bool) {
	aLow, aHigh, aOK := Interval(a)
	bLow, bHigh, bOK := Interval(b)
	switch {
	case !aOK || !bOK:
		return 0, false
	case aHigh < bLow:
		return -1, true
	case aLow > bHigh:
		return 1, true
	}
	return 0, aLow == bLow && aHigh == bHigh
}
