package repo

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/admitdev/admit/fhir/document"
)

func node(t *testing.T, content string) *document.Node {
	t.Helper()
	doc, err := document.Parse([]byte(content))
	require.NoError(t, err)
	return doc
}

func TestWithout(t *testing.T) {
	for _, tc := range []struct{ name, path, in, out string }{
		{"a member", "a", `{"a":1,"b":1.00}`, `{"b":1.00}`},
		{"its primitive extension", "a", `{"a":1,"_a":{"id":"x"},"b":2}`, `{"b":2}`},
		{"within arrays", "a.b", `{"a":[{"b":1,"c":2},{"c":3}]}`, `{"a":[{"c":2},{"c":3}]}`},
		{"what becomes empty goes", "a.b", `{"a":[{"b":1}],"c":{"a":{"b":2}}}`, `{"c":{"a":{"b":2}}}`},
		{"each form of a choice", "value[x]", `{"valueString":"s","value":1,"valueset":2,"_valueString":{}}`, `{"value":1,"valueset":2}`},
		{"not what only begins so", "name", `{"names":1}`, `{"names":1}`},
		{"nothing there", "x.y.z", `{"x":{"a":1}}`, `{"x":{"a":1}}`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			assert.Equal(t, tc.out, string(without(node(t, tc.in), []path{pathOf(tc.path)})))
		})
	}
}

func TestPutBack(t *testing.T) {
	for _, tc := range []struct{ name, path, old, in, out string }{
		{"a changed member", "a", `{"a":1}`, `{"a":2,"b":3}`, `{"a":1,"b":3}`},
		{"a removed one", "a", `{"a":1}`, `{"b":3}`, `{"b":3,"a":1}`},
		{"an added one", "a", `{}`, `{"a":2,"b":3}`, `{"b":3}`},
		{"within arrays by position", "a.b", `{"a":[{"b":1},{"b":2}]}`, `{"a":[{"c":5},{"b":9},{"b":9,"c":6}]}`, `{"a":[{"c":5,"b":1},{"b":2},{"c":6}]}`},
		{"below what was removed", "a.b", `{"a":{"b":1,"c":2}}`, `{"d":1}`, `{"d":1,"a":{"b":1}}`},
		{"below what was not there", "a.b", `{}`, `{"a":{"b":1,"c":2}}`, `{"a":{"c":2}}`},
		{"another kind of value", "a.b", `{"a":{"b":1}}`, `{"a":"text"}`, `{"a":"text"}`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			assert.Equal(t, tc.out, string(putBack(node(t, tc.in), node(t, tc.old), pathOf(tc.path))))
		})
	}
}

func TestSame(t *testing.T) {
	for _, tc := range []struct {
		name, a, b string
		same       bool
	}{
		{"order of members", `{"a":1,"b":[1,2]}`, `{ "b":[1, 2],"a":1}`, true},
		{"escapes", `{"a":"\u00e9"}`, `{"a":"é"}`, true},
		{"order of items", `[1,2]`, `[2,1]`, false},
		{"spelling of numbers", `{"a":1.0}`, `{"a":1.00}`, false},
		{"a missing member", `{"a":1}`, `{"a":1,"b":2}`, false},
		{"number and string", `{"a":1}`, `{"a":"1"}`, false},
		{"true and false", `{"a":true}`, `{"a":false}`, false},
	} {
		t.Run(tc.name, func(t *testing.T) { assert.Equal(t, tc.same, same(node(t, tc.a), node(t, tc.b))) })
	}
}

func TestExtend(t *testing.T) {
	assert.Equal(t, `{"resourceType":"A","id":"1","meta":{"project":"p","versionId":"2"},"x":{"meta":{}}}`,
		string(extend([]byte(`{"resourceType":"A","id":"1","meta":{"versionId":"2"},"x":{"meta":{}}}`), []byte(`"project":"p"`))))
	assert.Equal(t, `{"resourceType":"A"}`, string(extend([]byte(`{"resourceType":"A"}`), []byte(`"project":"p"`))), "meta is hidden")
}
