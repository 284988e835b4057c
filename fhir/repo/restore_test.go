package repo

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestRestore(t *testing.T) {
	for _, tc := range []struct {
		name, old, in, out string
		paths              []string
	}{
		{"a changed element", `{"a":1}`, `{"a":2,"b":3}`, `{"a":1,"b":3}`, []string{"a"}},
		{"an added one", `{"b":1}`, `{"a":2,"b":3}`, `{"b":3}`, []string{"a"}},
		{"below what was removed", `{"a":{"b":1,"c":2}}`, `{"d":1}`, `{"d":1,"a":{"b":1}}`, []string{"a.b"}},
		{"an item that is hidden whole stays in its place", `{"a":[{"b":1},{"b":2,"c":3}]}`, `{"a":[{"c":4}]}`, `{"a":[{"b":1},{"c":4,"b":2}]}`, []string{"a.b"}},
		{"also when the list is gone", `{"a":[{"b":1},{"b":2,"c":3}]}`, `{"d":1}`, `{"d":1,"a":[{"b":1}]}`, []string{"a.b"}},
		{"an item that is seen and removed goes", `{"a":[{"b":1,"c":2},{"b":3,"c":4}]}`, `{"a":[{"c":2}]}`, `{"a":[{"c":2,"b":1}]}`, []string{"a.b"}},
		{"what is said of hidden elements does not count", `{"a":[{"b":1},{"b":2,"c":3}]}`, `{"a":[{"b":8},{"b":9,"c":3}]}`, `{"a":[{"b":1},{"b":2,"c":3}]}`, []string{"a.b"}},
		{"all paths together say what is hidden whole", `{"a":[{"b":1,"c":2},{"d":3}]}`, `{"a":[{"d":4}]}`, `{"a":[{"b":1,"c":2},{"d":4}]}`, []string{"a.b", "a.c"}},
		{"another kind of value", `{"a":{"b":1}}`, `{"a":"text"}`, `{"a":"text"}`, []string{"a.b"}},
	} {
		doc, err := restoreAll(node(t, tc.in), node(t, tc.old), tc.paths)
		if assert.NoError(t, err, tc.name) {
			assert.Equal(t, tc.out, string(doc.Compact(nil)), tc.name)
		}
	}
}
