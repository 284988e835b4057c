package rest_test

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/tidwall/gjson"

	"github.com/admitdev/admit/fhir/medplum"
	"github.com/admitdev/admit/fhir/repo/repotest"
	"github.com/admitdev/admit/pkg/store/storetest"
)

// accountsOf are the accounts of what an entry wrote.
func accountsOf(r response, i int) string {
	return strings.ReplaceAll(gjson.GetBytes(r.Entry[i].Resource, "meta.accounts.#.reference").Raw, "Organization/", "")
}

func withAccounts(names ...string) string {
	var all []string
	for _, name := range names {
		all = append(all, `{"reference":"Organization/`+name+`"}`)
	}
	return `,"meta":{"accounts":[` + strings.Join(all, ",") + `]}`
}

// TestWhatComesWithItsPatientInheritsInWhateverOrder: R4 says that what comes of a transaction does not depend on
// the order of its entries.
func TestWhatComesWithItsPatientInheritsInWhateverOrder(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		transact := func(entries ...string) response {
			return s.do(t, "POST", "", bundleOf("transaction", entries...), "As", "admin", "X-Medplum", "extended").bundle(t)
		}
		known := s.create(t, `{"resourceType":"Patient","identifier":[{"value":"known"}]}`)
		subject := func(to string) string { return entry("POST", "Observation", observed(refer("subject", to))) }
		encounter := identified("Encounter", "e", `,"status":"planned","class":{"code":"AMB"}`, refer("subject", urnA))
		elsewhere := s.create(t, observed())
		patch := `{"resourceType":"Binary","contentType":"application/json-patch+json","data":"%s"}`
		for _, tc := range []struct {
			name     string
			entries  []string
			accounts map[int]string
		}{
			{"a new Patient", []string{subject(urnA), entry("POST", "Patient", `{"resourceType":"Patient"`+withAccounts("a", "b")+`}`, alice)}, map[int]string{0: `["a","b"]`}},
			{"a Patient that gets accounts", []string{subject("Patient/" + known), entry("PUT", "Patient/"+known, body(known, withAccounts("c")))}, map[int]string{0: `["c"]`}},
			{"a Patient that gets others", []string{entry("PUT", "Patient/"+known, body(known, withAccounts("d"))), subject("Patient/" + known)}, map[int]string{1: `["d"]`}},
			{"a Patient whose accounts are patched", []string{subject("Patient/" + known),
				entry("PATCH", "Patient/"+known, fmt.Sprintf(patch, "W3sib3AiOiJhZGQiLCJwYXRoIjoiL21ldGEvYWNjb3VudHMiLCJ2YWx1ZSI6W3sicmVmZXJlbmNlIjoiT3JnYW5pemF0aW9uL3AifV19XQ=="))}, map[int]string{0: `["p"]`}},
			{"a Patient made by a conditional update", []string{subject("Patient?identifier=urn:i|cond"), entry("PUT", "Patient?identifier=urn:i|cond", identified("Patient", "cond", withAccounts("e")))}, map[int]string{0: `["e"]`}},
			{"what is there and comes to a new Patient", []string{entry("PUT", "Observation/"+elsewhere, strings.Replace(observed(refer("subject", urnA)), "{", `{"id":"`+elsewhere+`",`, 1)),
				entry("POST", "Patient", `{"resourceType":"Patient"`+withAccounts("f")+`}`, alice)}, map[int]string{0: `["f"]`}},
			{"through conditional references of all", []string{
				entry("POST", "Observation", observed(refer("subject", urnA), refer("encounter", "Encounter?identifier=urn:i|e"))), entry("POST", "Encounter", encounter),
				entry("POST", "Patient", identified("Patient", "p", withAccounts("g"), refer("managingOrganization", "Organization?identifier=urn:i|o")), alice), entry("POST", "Organization", identified("Organization", "o")),
			}, map[int]string{0: `["g"]`, 1: `["g"]`}},
			{"a member named with an escape", []string{subject(urnA), entry("POST", "Patient", strings.Replace(`{"resourceType":"Patient"`+withAccounts("h")+`}`, "accounts", `\u0061ccounts`, 1), alice)}, map[int]string{0: `["h"]`}},
			{"two new Patients", []string{entry("POST", "Observation", observed(refer("subject", urnA), `,"performer":[{"reference":"`+urnB+`"}]`)),
				entry("POST", "Patient", `{"resourceType":"Patient"`+withAccounts("i")+`}`, alice), entry("POST", "Patient", `{"resourceType":"Patient"`+withAccounts("j")+`}`, bob)}, map[int]string{0: `["j","i"]`}},
		} {
			t.Run(tc.name, func(t *testing.T) {
				got := transact(tc.entries...)
				for i, want := range tc.accounts {
					assert.Equal(t, want, accountsOf(got, i), string(got.Entry[i].Resource))
				}
			})
		}
		t.Run("a circle, in which nobody is the first", func(t *testing.T) {
			got := transact(entry("POST", "RelatedPerson", identified("RelatedPerson", "r", refer("patient", urnA))),
				entry("POST", "Patient", identified("Patient", "q", withAccounts("z"), `,"link":[{"type":"seealso","other":{"reference":"RelatedPerson?identifier=urn:i|r"}}]`), alice))
			assert.Equal(t, "201 201", got.statuses())
		})
	})
}

// TestWhatAPolicyStampsOnANewPatientIsInherited by what the same transaction brings to it.
func TestWhatAPolicyStampsOnANewPatientIsInherited(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		policy := medplum.RefTo(medplum.TypeAccessPolicy, s.Make(t, s.A.ID, medplum.TypeAccessPolicy, medplum.AccessPolicy{
			ResourceType: medplum.TypeAccessPolicy, Compartment: &medplum.Reference{Reference: "Organization/mine"},
			Resource: []medplum.PolicyResource{{ResourceType: "*"}},
		}), "")
		s.members["stamped"] = s.Member(t, s.A.ID, "Practitioner", medplum.ProjectMembership{AccessPolicy: &policy}).Claims
		there := s.create(t, observed())
		got := s.do(t, "POST", "", bundleOf("transaction",
			entry("PUT", "Observation/"+there, strings.Replace(observed(refer("subject", urnA)), "{", `{"id":"`+there+`",`, 1)),
			entry("POST", "Patient", `{"resourceType":"Patient"}`, alice)), "As", "stamped").bundle(t)
		assert.Equal(t, `["mine"]`, accountsOf(got, 0))
		assert.Equal(t, `["mine"]`, accountsOf(got, 1))
	})
}

// TestATransactionAsksForAPatientsAccountsOnce, however many of its entries are about him.
func TestATransactionAsksForAPatientsAccountsOnce(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db storetest.DB) {
		var executed atomic.Int64
		s := startIn(t, repotest.On(t, storetest.OpenFaulty(t, db, func(context.Context, string) error {
			executed.Add(1)
			return nil
		})))
		patient, _ := s.do(t, "POST", "/Patient", `{"resourceType":"Patient"`+withAccounts("a")+`}`, "As", "admin", "X-Medplum", "extended").made(t)
		statements := func(n int) int64 {
			body := bundleOf("transaction", slices.Repeat([]string{entry("POST", "Observation", observed(refer("subject", "Patient/"+patient)))}, n)...)
			executed.Store(0)
			got := s.do(t, "POST", "", body).want(t, http.StatusOK).bundle(t)
			assert.Equal(t, `["a"]`, accountsOf(got, n-1))
			return executed.Load()
		}
		statements(1) // what is prepared once
		if few, many := statements(2), statements(40); db.Name == "postgres" {
			assert.Equal(t, few, many)
		} else {
			assert.Less(t, many-few, int64(38*12), "what a create is on SQLite, and nothing besides")
		}
	})
}
