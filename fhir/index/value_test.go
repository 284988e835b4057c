package index

import (
	"math/rand/v2"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/cockroachdb/apd/v3"
	"pgregory.net/rapid"
)

func TestFold(t *testing.T) {
	for in, want := range map[string]string{
		"": "", "abc": "abc", "Homer  SIMPSON ": "homer simpson", "\tÉlodie\n": "elodie", "Straße": "strasse", "Łódź": "lodz",
		"ΣΊΣΥΦΟΣ": "σισυφοσ", "ﬁn": "fin", "ＡＢ": "ab", "Björk Guðmundsdóttir": "bjork gudmundsdottir", "e\u0301": "e", "a\u00a0b": "a b",
		"%_\\'": "%_\\'", "山田 太郎": "山田 太郎",
	} {
		if got := Fold(in); got != want {
			t.Errorf("Fold(%q) = %q, want %q", in, got, want)
		}
		if Fold(want) != want {
			t.Errorf("%q folds again", want)
		}
	}
}

// TestFoldingStopsWhenItHasEnough: one character may decompose into eighteen, and a megabyte of them
// must not take more work than the kilobyte that is kept.
func TestFoldingStopsWhenItHasEnough(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := strings.Repeat(rapid.StringOfN(rapid.RuneFrom([]rune("aÉ \u0301ﷺß\t")), 1, 40, -1).Draw(t, "s"), 60)
		if got, want := truncate(fold(s, MaxFolded)), truncate(Fold(s)); got != want {
			t.Errorf("%q instead of %q", got, want)
		}
	})
	var b builder
	long := strings.Repeat("ﷺ", 300_000)
	if took := testing.Benchmark(func(tb *testing.B) {
		for range tb.N {
			b.rows.String = b.rows.String[:0]
			b.addString("name", long)
		}
	}).AllocedBytesPerOp(); took > 64<<10 {
		t.Errorf("%d bytes to fold what is cut after %d", took, MaxFolded)
	}
}

func TestTruncateKeepsRunesWhole(t *testing.T) {
	long := "a" + strings.Repeat("é", MaxFolded)
	if got := truncate(long); !utf8.ValidString(got) || len(got) != MaxFolded-1 && len(got) != MaxFolded {
		t.Errorf("%d bytes", len(got))
	}
}

func TestBoundKeepsValuesApart(t *testing.T) {
	long := strings.Repeat("é", MaxKey)
	for _, s := range []string{"", "a", strings.Repeat("x", MaxKey)} {
		if Bound(s) != s {
			t.Errorf("%q is changed", s)
		}
	}
	a, b := Bound(long+"a"), Bound(long+"b")
	if len(a) > MaxKey || a == b || a != Bound(long+"a") || !utf8.ValidString(a) {
		t.Errorf("%q, %q", a, b)
	}
	ix := Extract(parse(t, `{"resourceType":"Patient","identifier":[{"system":"`+long+`","value":"`+long+`"}],"meta":{"source":"`+long+`"}}`), "Patient")
	if len(ix.Token[0].System) > MaxKey || len(ix.Token[0].Code) > MaxKey || len(ix.URI[0].URI) > MaxKey {
		t.Error("a row does not fit an index entry")
	}
}

func TestDate(t *testing.T) {
	at := func(s string) int64 {
		v, err := time.Parse(time.RFC3339Nano, s)
		if err != nil {
			t.Fatal(err)
		}
		return v.UnixMicro()
	}
	for _, tc := range []struct{ in, low, end string }{
		{"2024", "2024-01-01T00:00:00Z", "2025-01-01T00:00:00Z"},
		{"2024-02", "2024-02-01T00:00:00Z", "2024-03-01T00:00:00Z"},
		{"2024-12", "2024-12-01T00:00:00Z", "2025-01-01T00:00:00Z"},
		{"2024-02-29", "2024-02-29T00:00:00Z", "2024-03-01T00:00:00Z"},
		{"2024-02-29T10:00", "2024-02-29T10:00:00Z", "2024-02-29T10:01:00Z"},
		{"2024-02-29T10:00:05+05:30", "2024-02-29T04:30:05Z", "2024-02-29T04:30:06Z"},
		{"2024-02-29T10:00:05-01:00", "2024-02-29T11:00:05Z", "2024-02-29T11:00:06Z"},
		{"2024-02-29T10:00:05.12Z", "2024-02-29T10:00:05.12Z", "2024-02-29T10:00:05.13Z"},
		{"2024-02-29T10:00:05.123456789Z", "2024-02-29T10:00:05.123456Z", "2024-02-29T10:00:05.123457Z"},
		{"2016-12-31T23:59:60Z", "2016-12-31T23:59:59Z", "2017-01-01T00:00:00Z"},
		{"0001", "0001-01-01T00:00:00Z", "0002-01-01T00:00:00Z"},
		{"1905-08-23", "1905-08-23T00:00:00Z", "1905-08-24T00:00:00Z"},
	} {
		low, high, ok := Date(tc.in)
		if !ok || low != at(tc.low) || high != at(tc.end)-1 {
			t.Errorf("%s: %d to %d, %v; want %d to %d", tc.in, low, high, ok, at(tc.low), at(tc.end)-1)
		}
	}
	for _, in := range []string{
		"", "24", "0000", "2024-", "2024-13", "2024-00", "2023-02-29", "2024-02-30", "2024-1-1", "2024-02-29T", "2024-02-29T24:00", "2024-02-29T10",
		"2024-02-29T10:60", "2024-02-29T10:00:61Z", "2024-02-29T10:00:00.Z", "2024-02-29T10:00:00+25:00", "2024-02-29T10:00:00+0100", "2024-02-29 10:00",
		"2024-02-29Z", "yesterday", "２０２４", "-2024", "2024-02-29T10:00:00Zx",
	} {
		if low, high, ok := Date(in); ok {
			t.Errorf("%q is %d to %d", in, low, high)
		}
	}
}

func TestDecimalRange(t *testing.T) {
	same := func(a, b string) bool {
		x, _, _, _ := Decimal(a)
		return x == b
	}
	for _, tc := range []struct{ in, low, high string }{
		{"100", "99.5", "100.5"}, {"100.00", "99.995", "100.005"}, {"1e2", "95", "105"}, {"1.0e2", "95", "105"}, // R4 search.html#number
		{"-5", "-5.5", "-4.5"}, {"0", "-0.5", "0.5"}, {"0.00", "-0.005", "0.005"}, {"5.40e-3", "0.005395", "0.005405"},
		{"12345678901234567890.12", "12345678901234567890.115", "12345678901234567890.125"},
	} {
		_, low, high, ok := Decimal(tc.in)
		if !ok || !same(tc.low, low) || !same(tc.high, high) {
			t.Errorf("%s: %q to %q, %v", tc.in, low, high, ok)
		}
	}
	for _, in := range []string{"", "-", ".", ".5", "5.", "1e", "e1", "abc", "1.2.3", "0x1", "1_0", "NaN", "Infinity", " 1", "1 ", "--1", "1e99999999999", "１"} {
		if value, _, _, ok := Decimal(in); ok {
			t.Errorf("%q is %q", in, value)
		}
	}
}

// TestDecimalOrder holds that the byte order of the text is the order of the numbers.
func TestDecimalOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		number := rapid.StringMatching(`-?(0|[1-9][0-9]{0,24})(\.[0-9]{1,12})?([eE][+-]?[0-9]{1,3})?`)
		a := number.Draw(t, "a")
		b := number.Draw(t, "b")
		if rand.IntN(2) == 0 { // near neighbours
			b = a + "1"
		}
		checkOrder(t, a, b)
	})
}

type failer interface {
	Fatalf(format string, args ...any)
}

func checkOrder(t failer, a, b string) {
	x, low, high, okA := Decimal(a)
	y, _, _, okB := Decimal(b)
	if !okA || !okB {
		return
	}
	m, _, errA := apd.NewFromString(a)
	n, _, errB := apd.NewFromString(b)
	if errA != nil || errB != nil {
		return // an exponent beyond that library's
	}
	if got, want := strings.Compare(x, y), m.Cmp(n); got != want {
		t.Fatalf("%s against %s: %d, want %d (%q, %q)", a, b, got, want, x, y)
	}
	if !(MinDecimal < low && low < x && x < high && high < MaxDecimal) {
		t.Fatalf("%s: %q, %q, %q are out of order", a, low, x, high)
	}
}

func FuzzDecimal(f *testing.F) {
	for _, seed := range [][2]string{{"1", "2"}, {"-1.0", "-1.00"}, {"1e400", "1E+401"}, {"0", "-0.000"}, {"99", "100"}, {"-99.9", "-100"}, {"x", ""}} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, a, b string) { checkOrder(t, a, b) })
}

func FuzzDate(f *testing.F) {
	for _, seed := range []string{"2024", "2024-02", "2024-02-29", "2024-02-29T10:00:05.123+05:30", "2016-12-31T23:59:60Z", "9999-12-31T23:59:59.999999Z", "0001-01-01T00:00:00+14:00", "x", ""} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		low, high, ok := Date(s)
		if ok && low > high {
			t.Fatalf("%q: %d to %d", s, low, high)
		}
		if v, err := time.Parse("2006-01-02T15:04:05.999999Z07:00", s); err == nil && ok && v.UnixMicro() != low {
			t.Fatalf("%q begins at %d, not %d", s, v.UnixMicro(), low)
		}
		if _, err := time.Parse(time.DateOnly, s); err == nil && !ok && !strings.HasPrefix(s, "0000") {
			t.Fatalf("%q is not taken", s)
		}
	})
}
