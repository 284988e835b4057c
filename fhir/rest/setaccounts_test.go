package rest_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/tidwall/gjson"
)

func TestSetAccountsTakesPlainJSONAndParameters(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		_, patient := s.A.Patient.Profile.Split()
		at := "/Patient/" + patient
		accounts := func() string {
			return gjson.Get(s.do(t, "GET", at, "", "As", "admin").want(t, http.StatusOK).body, "meta.accounts.#.reference").Raw
		}
		for _, tc := range []struct{ body, accounts string }{
			{`{"accounts":[{"reference":"Organization/a"},{"reference":"Practitioner/b"}],"propagate":true}`, `["Organization/a","Practitioner/b"]`},
			{`{"resourceType":"Parameters","parameter":[{"name":"accounts","valueReference":{"reference":"Organization/c"}},{"name":"propagate","valueBoolean":true}]}`, `["Organization/c"]`},
		} {
			got := s.do(t, "POST", at+"/$set-accounts", tc.body, "As", "admin").want(t, http.StatusOK)
			assert.Equal(t, "1", gjson.Get(got.body, "parameter.0.valueInteger").Raw)
			assert.JSONEq(t, tc.accounts, accounts())
		}
		for _, tc := range []struct {
			as, at, body string
			status       int
		}{
			{"staff", at, `{"accounts":[]}`, http.StatusForbidden},
			{"patient", at, `{"accounts":[]}`, http.StatusForbidden},
			{"other", at, `{"accounts":[]}`, http.StatusForbidden},
			{"admin", "/Patient/none", `{"accounts":[]}`, http.StatusNotFound},
			{"admin", "/Nonsense/x", `{"accounts":[]}`, http.StatusBadRequest},
			{"admin", at, `{"resourceType":"Patient"}`, http.StatusBadRequest},
			{"admin", at, `{"accounts":[{"reference":"x"}]}`, http.StatusBadRequest},
			{"admin", at, `{"accounts":["Organization/x"]}`, http.StatusBadRequest},
		} {
			s.do(t, "POST", tc.at+"/$set-accounts", tc.body, "As", tc.as).want(t, tc.status)
		}
		assert.JSONEq(t, `["Organization/c"]`, accounts())
	})
}
