package ucum_test

import (
	"strings"
	"testing"

	"github.com/admitdev/admit/fhir/ucum"
)

func TestConvertibleUnitsHaveOneForm(t *testing.T) {
	for _, tc := range []struct{ rule, a, unitA, b, unitB string }{
		{"a prefix is a power of ten", "5", "mg", "0.005", "g"},
		{"a unit may have a prefix within", "1", "kg", "1000", "g"},
		{"litre and cubic decimetre", "1", "L", "1", "dm3"},
		{"l and L", "3.50", "l", "3.5", "L"},
		{"per", "60", "/min", "1", "/s"},
		{"per, with an exponent", "1", "s-1", "1", "Hz"},
		{"products", "1", "N.m", "1", "J"},
		{"quotients from the left", "1", "mg/kg/h", "24", "mg/kg/d"},
		{"parentheses", "1", "mg/(kg.h)", "1", "mg/kg/h"},
		{"an annotation says nothing", "72", "{beats}/min", "72", "/min"},
		{"nor behind a unit", "1", "mg{total}", "1", "mg"},
		{"mercury", "120", "mm[Hg]", "15.998640", "kPa"},
		{"powers of ten", "5", "10*9/L", "5000", "10*6/L"},
		{"the other power of ten", "5", "10^3", "5000", "1"},
		{"per cent", "50", "%", "0.5", "1"},
		{"a number in a unit", "1", "2.5.m", "10", "m"},
		{"temperatures", "37", "Cel", "98.6", "[degF]"},
		{"and kelvin", "0", "Cel", "273.15", "K"},
		{"inches", "1", "[in_i]", "2.54", "cm"},
		{"pounds", "1", "[lb_av]", "453.59237", "g"},
		{"arbitrary units by volume", "1", "[iU]/mL", "1000", "[iU]/L"},
		{"a number as it is spelled", "1e-2", "g", "10", "mg"},
	} {
		a, okA := ucum.Parse(tc.unitA)
		b, okB := ucum.Parse(tc.unitB)
		if !okA || !okB || a.Canonical != b.Canonical {
			t.Errorf("%s: %s is %q %v, %s is %q %v", tc.rule, tc.unitA, a.Canonical, okA, tc.unitB, b.Canonical, okB)
			continue
		}
		av, _ := a.Convert(tc.a)
		bv, _ := b.Convert(tc.b)
		if av != bv || av == "" {
			t.Errorf("%s: %s %s is %s, %s %s is %s", tc.rule, tc.a, tc.unitA, av, tc.b, tc.unitB, bv)
		}
	}
}

func TestOtherUnitsDoNotMeet(t *testing.T) {
	for _, tc := range []struct{ a, b string }{
		{"mg", "mL"}, {"m", "m2"}, {"[iU]", "1"}, {"[iU]", "[arb'U]"}, {"[pH]", "1"}, {"mg", "mg/L"}, {"/min", "min"},
	} {
		a, _ := ucum.Parse(tc.a)
		b, _ := ucum.Parse(tc.b)
		if a.Canonical == b.Canonical {
			t.Errorf("%s and %s are both %s", tc.a, tc.b, a.Canonical)
		}
	}
}

func TestWhatUCUMDoesNotKnow(t *testing.T) {
	for _, code := range []string{
		"", "beats", "mcg", "kmin", "m/", "(m", "m)", "{a", "m..s", "0", "/0", "m999", "Cel/s", "mCel", " mg", "mg ", "5/3/", "[in_i", "é",
		strings.Repeat("m.", 200) + "m", strings.Repeat("(", 100) + "m", "Ym60.Ym60.Ym60",
	} {
		if u, ok := ucum.Parse(code); ok {
			t.Errorf("%q is %q", code, u.Canonical)
		}
	}
	g, _ := ucum.Parse("g")
	for _, decimal := range []string{"", "x", "1/2", "0x10", "1_0", "1P10000", "1e1000000000", "1e-1000000000", "Inf", strings.Repeat("9", 10000)} {
		if v, ok := g.Convert(decimal); ok {
			t.Errorf("%.20q is %.20q", decimal, v)
		}
	}
}

// FuzzParse holds that any text is a unit or none, in bounded time and size.
func FuzzParse(f *testing.F) {
	for _, code := range []string{"mg", "mm[Hg]", "{beats}/min", "10*9/L", "(m.s)2/kg-3", "B[10.nV]", "Ym60", "((((m", "1/0"} {
		f.Add(code, "1.50e3")
	}
	f.Fuzz(func(t *testing.T, code, decimal string) {
		u, ok := ucum.Parse(code)
		if !ok {
			return
		}
		if again, ok := ucum.Parse(u.Canonical); !ok || again.Canonical != u.Canonical {
			t.Fatalf("%q is %q, which is %q %v", code, u.Canonical, again.Canonical, ok)
		}
		if v, ok := u.Convert(decimal); ok && len(v) > 2000 {
			t.Fatalf("%q %q: %d bytes", decimal, code, len(v))
		}
	})
}
