package index

import (
	"github.com/admitdev/admit/fhir/fhirpath"
	"github.com/admitdev/admit/pkg/store"
)

// Date is the closed interval, in microseconds since 1970 UTC, that a date, dateTime, instant or
// partial date covers.
func Date(s string) (low, high int64, ok bool) { return fhirpath.Interval(s) }

// date makes the rows of R4 search.html#date.
func (b *builder) date(param string, v fhirpath.Value) {
	switch v.TypeName() {
	case "Period":
		low, _, hasLow := Date(v.Node.Text("start"))
		_, high, hasHigh := Date(v.Node.Text("end"))
		b.period(param, low, high, hasLow, hasHigh)
	case "Timing":
		b.timing(param, v)
	case "Extension":
		for _, value := range v.Children(nil, "value") {
			b.date(param, value)
		}
	default:
		if _, s, ok := v.Primitive(); ok {
			if low, high, ok := Date(s); ok {
				b.addDate(param, low, high)
			}
		}
	}
}

func (b *builder) period(param string, low, high int64, hasLow, hasHigh bool) {
	if !hasLow && !hasHigh {
		return
	}
	if !hasLow {
		low = store.MinDate
	}
	if !hasHigh {
		high = store.MaxDate
	}
	b.addDate(param, low, high)
}

// timing covers the time from the earliest to the latest that the Timing names.
func (b *builder) timing(param string, v fhirpath.Value) {
	earliest, latest, any := store.MaxDate, store.MinDate, false
	for _, event := range v.Node.Get("event").Values() {
		if low, high, ok := Date(event.String()); ok {
			earliest, latest, any = min(earliest, low), max(latest, high), true
		}
	}
	if any {
		b.addDate(param, earliest, latest)
	}
	if bounds := v.Node.Find("repeat", "boundsPeriod"); bounds != nil {
		low, _, hasLow := Date(bounds.Text("start"))
		_, high, hasHigh := Date(bounds.Text("end"))
		b.period(param, low, high, hasLow, hasHigh)
	}
}

func (b *builder) addDate(param string, low, high int64) {
	b.rows.Date = append(b.rows.Date, store.DateRow{Param: param, Low: low, High: high})
}
