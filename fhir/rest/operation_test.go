package rest

import (
	"errors"
	"testing"

	"github.com/admitdev/admit/pkg/outcome"
)

// FuzzOperationInput holds that no body of an operation does more than be refused with an outcome.
func FuzzOperationInput(f *testing.F) {
	for _, seed := range []string{
		``, `{}`, `[]`, `{"resourceType":"Parameters","parameter":[{"name":"url","valueUri":"urn:x"},{"name":"coding","valueCoding":{"code":"x"}}]}`,
		`{"resourceType":"Parameters","parameter":{"name":"x","valueCode":[1]}}`, `{"resourceType":"Parameters","parameter":[null,1,{"name":"x","resource":null}]}`,
		`{"resourceType":"Patient"}`,
	} {
		f.Add("url=urn:y", seed)
	}
	f.Fuzz(func(t *testing.T, query, body string) {
		var in input
		var o *outcome.Outcome
		err := errors.Join(in.readQuery(query), in.readBody([]byte(body)), in.check([]string{"url", "coding"}))
		if err != nil && !errors.As(err, &o) {
			t.Fatalf("%v", err)
		}
		_, _ = in.object("coding")
		_, _ = in.codings()
		_, _ = in.number("url", 0, 10)
	})
}
