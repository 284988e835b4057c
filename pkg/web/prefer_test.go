package web_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/admitdev/admit/pkg/web"
)

func TestPreferencesAreReadAsRFC7240Says(t *testing.T) {
	for _, tc := range []struct {
		rule   string
		prefer []string
		value  string
		async  bool
	}{
		{"no header", nil, "", false},
		{"a value", []string{"return=minimal"}, "minimal", false},
		{"in quotes", []string{`return="minimal"`}, "minimal", false},
		{"names have no case", []string{"RETURN=minimal, Respond-Async"}, "minimal", true},
		{"white space is around", []string{" return = minimal ; x=y"}, "minimal", false},
		{"the first counts", []string{"return=minimal, return=representation"}, "minimal", false},
		{"over several headers", []string{"respond-async; wait=10", "return=minimal"}, "minimal", true},
		{"part of a name is another name", []string{"respond-async-not, returns=minimal"}, "", false},
	} {
		t.Run(tc.rule, func(t *testing.T) {
			header := http.Header{"Prefer": tc.prefer}
			value, ok := web.Preference(header, "return")
			assert.Equal(t, tc.value, value)
			assert.Equal(t, tc.value != "", ok)
			assert.Equal(t, tc.async, web.RespondAsync(header))
		})
	}
}
