package document

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/admitdev/admit/pkg/outcome"
)

func mustParse(t *testing.T, s string) *Node {
	t.Helper()
	n, err := Parse([]byte(s))
	if err != nil {
		t.Fatalf("%s: %v", s, err)
	}
	return n
}

func TestParseKeepsWhatWasWritten(t *testing.T) {
	for _, s := range []string{
		`{"a":1.00,"b":-0.0E+07,"c":12345678901234567890.123456789}`,
		`{"z":1,"a":[true,false,null],"m":{}}`,
		`"\u00e9\/\n\ud83d\ude00é😀"`, `[]`, ` 5 `, `{"":""}`, `"\"\\"`,
	} {
		if got := string(mustParse(t, s).Raw); got != strings.TrimSpace(s) {
			t.Errorf("%s became %s", s, got)
		}
	}
}

func TestStringDecodes(t *testing.T) {
	for s, want := range map[string]string{
		`"plain"`: "plain", `"\u00e9\/\n\b\f\r\t\\\""`: "é/\n\b\f\r\t\\\"", `"\ud83d\uDE00"`: "😀",
		`1.50`: "1.50", `true`: "true", `null`: "", `{}`: "", `"\u0000"`: "\x00",
	} {
		if got := mustParse(t, s).String(); got != want {
			t.Errorf("%s is %q, want %q", s, got, want)
		}
	}
}

func TestLookup(t *testing.T) {
	n := mustParse(t, `{"meta":{"tag":[{"code":"a"},{"code":"b"}]},"id":"x","n":1,"\u0061b":true,"none":null}`)
	if n.Text("id") != "x" || n.Text("n") != "" || n.Text("nope") != "" {
		t.Error("Text")
	}
	if !n.Get("ab").True() || n.Get("id").True() || (*Node)(nil).True() {
		t.Error("an escaped name, True")
	}
	if tags := n.Find("meta", "tag").Values(); len(tags) != 2 || tags[1].Text("code") != "b" {
		t.Errorf("Values: %v", tags)
	}
	if n.Find("meta", "nope", "deeper") != nil || len(n.Get("none").Values()) != 0 || len(n.Get("id").Values()) != 1 {
		t.Error("absent values")
	}
}

func TestParseRefuses(t *testing.T) {
	for _, tc := range []struct{ name, body, reason string }{
		{"nothing", ``, "unexpected end"},
		{"half an object", `{"resourceType":`, "unexpected end"},
		{"trailing data", `{} {}`, "data after the document"},
		{"duplicate", `{"a":1,"b":2,"a":1}`, `the member "a" is given twice`},
		{"duplicate by escape", `{"a":1,"\u0061":2}`, `the member "a" is given twice`},
		{"duplicate inside", `{"x":[{"b":1,"b":1}]}`, `the member "b" is given twice`},
		{"bad UTF-8", "{\"a\":\"\xff\"}", "invalid UTF-8"},
		{"overlong UTF-8", "\"\xc0\xaf\"", "invalid UTF-8"},
		{"UTF-8 surrogate", "\"\xed\xa0\x80\"", "invalid UTF-8"},
		{"bad UTF-8 in a name", "{\"\xff\":1}", "invalid UTF-8"},
		{"half a surrogate pair", `"\ud83d"`, "half a surrogate pair"},
		{"low surrogate first", `"\ude00\ud83d"`, "half a surrogate pair"},
		{"short escape", `"\u00g0"`, "four hexadecimal digits"},
		{"unknown escape", `"\x"`, "unknown escape"},
		{"control character", "\"a\nb\"", "control character"},
		{"leading zero", `01`, "data after"},
		{"plus", `+1`, "expected a value"},
		{"bare point", `1.`, "unexpected end"},
		{"bare point inside", `[1.]`, "expected a digit"},
		{"bare exponent", `[1e]`, "expected a digit"},
		{"NaN", `NaN`, "expected a value"},
		{"trailing comma", `[1,]`, "expected a value"},
		{"trailing comma in an object", `{"a":1,}`, "expected a member name"},
		{"missing comma", `{"a":1 "b":2}`, "expected , or }"},
		{"single quotes", `{'a':1}`, "expected a member name"},
		{"comment", `{/**/}`, "expected a member name"},
		{"byte order mark", "\xef\xbb\xbf{}", "expected a value"},
		{"too deep", strings.Repeat("[", MaxDepth+2) + strings.Repeat("]", MaxDepth+2), "nesting deeper than 100"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := Parse([]byte(tc.body))
			var o *outcome.Outcome
			if !errors.As(err, &o) || o.Code != outcome.Invalid || o.Issues[0].Text != "Content could not be parsed" {
				t.Fatalf("got %v", err)
			}
			if !strings.Contains(o.Issues[0].Diagnostics, tc.reason) {
				t.Errorf("diagnostics %q, want %q", o.Issues[0].Diagnostics, tc.reason)
			}
		})
	}
	mustParse(t, strings.Repeat("[", MaxDepth)+strings.Repeat("]", MaxDepth))
}

func TestDiagnosticsNameThePlace(t *testing.T) {
	_, err := Parse([]byte("{\n  \"a\": tru\n}"))
	var o *outcome.Outcome
	if !errors.As(err, &o) || o.Issues[0].Diagnostics != "expected a value at line 2, column 8 (byte 9)" {
		t.Errorf("got %+v", o)
	}
}

func TestManyMembers(t *testing.T) {
	var b strings.Builder
	b.WriteString(`{"a":0`)
	for i := range 50_000 {
		b.WriteString(`,"m` + strings.Repeat("x", i%7) + string(rune('a'+i%26)) + time.Duration(i).String() + `":1`)
	}
	many := b.String()
	mustParse(t, many+"}")
	if _, err := Parse([]byte(many + `,"a":0}`)); err == nil {
		t.Error("a duplicate among many is accepted")
	}
}

func TestStamp(t *testing.T) {
	as := Identity{"Patient", "p1", "v1", time.Date(2024, 2, 29, 12, 0, 0, 123456789, time.FixedZone("", 3600))}
	const head = `{"resourceType":"Patient","id":"p1","meta":{"versionId":"v1","lastUpdated":"2024-02-29T11:00:00.123Z"`
	for _, tc := range []struct{ name, in, want string }{
		{"nothing else", `{"resourceType":"Patient"}`, head + `}}`},
		{
			"order and spelling stay, white space goes",
			"{ \"b\" : [ 1.00 , 1e2 ],\n\"resourceType\":\"Patient\", \"a\":\"\\u00e9 x\" }",
			head + `},"b":[1.00,1e2],"a":"\u00e9 x"}`,
		},
		{
			"the server's members of meta are replaced, the others stay",
			`{"id":"mine","meta":{"versionId":"9","tag":[{"code":"t"}],"author":{"reference":"x"},"project":"q","account":{},"compartment":[],` +
				`"lastUpdated":"2000-01-01T00:00:00Z","_lastUpdated":{"id":"e"},"accounts":[{"reference":"Organization/1"}]},"active":true}`,
			head + `,"tag":[{"code":"t"}],"_lastUpdated":{"id":"e"},"accounts":[{"reference":"Organization/1"}]},"active":true}`,
		},
		{"escaped names stay escaped", `{"\u0061":1}`, head + `},"\u0061":1}`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := Stamp(mustParse(t, tc.in), as)
			if string(got.Raw) != tc.want {
				t.Errorf("got  %s\nwant %s", got.Raw, tc.want)
			}
			if got.Text("id") != "p1" || got.Text("resourceType") != "Patient" {
				t.Error("the stamped document does not know its id")
			}
		})
	}
}

func TestEqual(t *testing.T) {
	for _, tc := range []struct {
		name, a, b string
		want       bool
	}{
		{"server's members and white space", `{"id":"1","meta":{"versionId":"1"},"a":1}`, `{ "a" : 1 }`, true},
		{"a number's spelling", `{"a":1.0}`, `{"a":1.00}`, false},
		{"a tag", `{"meta":{"tag":[{"code":"a"}]}}`, `{}`, false},
		{"a value", `{"a":"x"}`, `{"a":"y"}`, false},
	} {
		if got := Equal(mustParse(t, tc.a), mustParse(t, tc.b)); got != tc.want {
			t.Errorf("%s: %v", tc.name, got)
		}
	}
}

// FuzzParse holds that whatever is accepted is JSON to the standard library too, means the same
// there, and survives Compact and Stamp; and that nothing which that library's strict reading
// accepts is refused but for duplicates, depth and surrogates.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		`{"resourceType":"Patient","name":[{"given":["a",null],"_given":[null,{"id":"x"}]}]}`,
		`{"a":1.0e-7,"b":[],"c":{}, "d":"\u00e9\ud83d\ude00"}`, ` [ 1 , "x" ] `, `{"a":1,"a":1}`, `"\ud800"`, "\"\xff\"", `-`, `{`, `1e999`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		n, err := Parse(data)
		if err != nil {
			if o := (*outcome.Outcome)(nil); !errors.As(err, &o) {
				t.Fatalf("not an outcome: %v", err)
			}
			return
		}
		if !json.Valid(data) {
			t.Fatalf("accepted %q", data)
		}
		compact := n.Compact(nil)
		if !sameJSON(t, data, compact) {
			t.Fatalf("%q became %q", data, compact)
		}
		again, err := Parse(compact)
		if err != nil || string(again.Compact(nil)) != string(compact) {
			t.Fatalf("%q: %v", compact, err)
		}
		if n.Kind == Object {
			Stamp(n, Identity{Type: "X", ID: "1"})
		}
	})
}

func sameJSON(t *testing.T, a, b []byte) bool {
	t.Helper()
	var x, y any
	for data, into := range map[string]*any{string(a): &x, string(b): &y} {
		dec := json.NewDecoder(strings.NewReader(data))
		dec.UseNumber()
		if err := dec.Decode(into); err != nil {
			t.Fatalf("%q: %v", data, err)
		}
	}
	if string(a) == string(b) {
		return true
	}
	return reflect.DeepEqual(x, y)
}

func BenchmarkParse(b *testing.B) {
	data := []byte(patient)
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Parse(data); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkStamp(b *testing.B) {
	n, err := Parse([]byte(patient))
	if err != nil {
		b.Fatal(err)
	}
	as := Identity{"Patient", "018f", "018f", time.UnixMilli(1)}
	b.ReportAllocs()
	for b.Loop() {
		Stamp(n, as)
	}
}

// patient is about a kilobyte.
const patient = `{"resourceType":"Patient","id":"018f6d0e-7a1e-7c3b-9d65-0c1f4a9b2d10","meta":{"versionId":"1","lastUpdated":"2024-02-29T11:00:00.123Z"},` +
	`"identifier":[{"use":"usual","type":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/v2-0203","code":"MR"}]},"system":"urn:oid:1.2.36.146.595.217.0.1","value":"12345","period":{"start":"2001-05-06"}}],` +
	`"active":true,"name":[{"use":"official","family":"Chalmers","given":["Peter","James"]},{"use":"usual","given":["Jim"]}],` +
	`"telecom":[{"system":"phone","value":"(03) 5555 6473","use":"work","rank":1},{"system":"email","value":"peter@example.com"}],"gender":"male","birthDate":"1974-12-25",` +
	`"address":[{"use":"home","type":"both","line":["534 Erewhon St"],"city":"PleasantVille","district":"Rainbow","state":"Vic","postalCode":"3999","period":{"start":"1974-12-25"}}],` +
	`"contact":[{"relationship":[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/v2-0131","code":"N"}]}],"name":{"family":"du Marché","given":["Bénédicte"]},"gender":"female"}],` +
	`"managingOrganization":{"reference":"Organization/1"}}`

func TestSpliceReplacesNothingElse(t *testing.T) {
	n := mustParse(t, `{ "a": [1.00, {"\u0062": "x"}], "c": "x" }`)
	edits := map[*Node][]byte{n.Get("a").Items[1].Get("b"): []byte(`"y"`)}
	if got := string(n.Splice(nil, edits)); got != `{"a":[1.00,{"\u0062":"y"}],"c":"x"}` {
		t.Error(got)
	}
}
