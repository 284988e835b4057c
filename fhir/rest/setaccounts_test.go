package rest_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tidwall/gjson"

	"github.com/admitdev/admit/fhir/repo/repotest"
	"github.com/admitdev/admit/pkg/store/storetest"
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

// filled gives a patient a compartment that takes three pages.
func (s *server) filled(t *testing.T, patient string) {
	t.Helper()
	s.Repo.Jobs = s.queue
	one := entry("POST", "Observation", `{"resourceType":"Observation","status":"final","code":{"text":"x"},"subject":{"reference":"Patient/`+patient+`"}}`)
	s.do(t, "POST", "/", bundleOf("batch", strings.TrimSuffix(strings.Repeat(one+",", 220), ","))).want(t, http.StatusOK)
}

func (s *server) having(t *testing.T, account string) string {
	t.Helper()
	return gjson.Get(s.do(t, "GET", "/Observation?_compartment=Organization/"+account+"&_summary=count", "", "As", "admin").body, "total").Raw
}

const toB = `{"accounts":[{"reference":"Organization/b"}],"propagate":true}`

// TestALargeCompartmentFollowsAndItsStatusIsTold, whether or not the client wanted to wait.
func TestALargeCompartmentFollowsAndItsStatusIsTold(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		_, patient := s.A.Patient.Profile.Split()
		s.filled(t, patient)
		path := "/Patient/" + patient + "/$set-accounts"
		got := s.do(t, "POST", path, toB, "As", "admin").want(t, http.StatusAccepted)
		at := "/" + strings.TrimPrefix(got.header.Get("Content-Location"), base)
		s.do(t, "GET", at, "", "As", "admin").want(t, http.StatusAccepted)
		s.do(t, "GET", at, "", "As", "staff").want(t, http.StatusNotFound)
		assert.Equal(t, "0", s.having(t, "b"))
		again := s.queue.accounts[0]
		s.run(t)
		assert.Equal(t, "221", gjson.Get(s.result(t, at, "As", "admin"), "parameter.0.valueInteger").Raw)
		assert.Equal(t, "220", s.having(t, "b"))
		require.NoError(t, s.handler.RunAccounts(t.Context(), again), "a job may be tried again")

		at = s.asked(t, "POST", path, `{"accounts":[{"reference":"Organization/c"}]}`, "As", "admin")
		s.run(t)
		assert.Equal(t, "1", gjson.Get(s.result(t, at, "As", "admin"), "parameter.0.valueInteger").Raw, "without propagate")
		at = s.asked(t, "POST", path, toB, "As", "admin")
		s.do(t, "DELETE", at, "", "As", "admin").want(t, http.StatusAccepted)
		s.run(t)
		status, _, output := s.do(t, "GET", at, "", "As", "admin").ended(t)
		assert.Equal(t, [2]string{"cancelled", ""}, [2]string{status, output})
		s.do(t, "POST", path, toB, "Prefer", "respond-async").want(t, http.StatusForbidden)
		assert.Empty(t, s.queue.accounts)
	})
}

// TestAJobOfAccountsGoesOnWhereItWasStopped: after each of its statements, as when the process is killed there,
// and what it has done is neither done nor counted twice.
func TestAJobOfAccountsGoesOnWhereItWasStopped(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db storetest.DB) {
		stop, left := errors.New("the process is gone"), -1
		s := startIn(t, repotest.On(t, storetest.OpenFaulty(t, db, func(_ context.Context, statement string) error {
			if left > 0 && statement == "COMMIT" {
				if left--; left == 0 {
					return stop
				}
			}
			return nil
		})))
		_, patient := s.A.Patient.Profile.Split()
		s.filled(t, patient)
		for stops := 1; stops <= 4; stops++ {
			account := string(rune('a' + stops))
			got := s.do(t, "POST", "/Patient/"+patient+"/$set-accounts", strings.Replace(toB, "/b", "/"+account, 1), "As", "admin").want(t, http.StatusAccepted)
			job := s.queue.accounts[0]
			s.queue.accounts = nil
			left = stops
			for left > 0 {
				if err := s.handler.RunAccounts(t.Context(), job); err == nil {
					break
				}
				left = 0
				require.NotEqual(t, "220", s.having(t, account), "stopped before the last commit")
			}
			left = -1
			require.NoError(t, s.handler.RunAccounts(t.Context(), job))
			at := "/" + strings.TrimPrefix(got.header.Get("Content-Location"), base)
			assert.Equal(t, "221", gjson.Get(s.result(t, at, "As", "admin"), "parameter.0.valueInteger").Raw)
			assert.Equal(t, "220", s.having(t, account))
		}
	})
}
