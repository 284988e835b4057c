package apptest

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/admitdev/admit/pkg/store/storetest"
)

// BenchmarkCriteria has two members read and search the same patients, in turn, through the handler
// with all middleware: one whose policy has criteria that they meet, one whose policy has none. It
// reports
//
//   - ns/op: the median time of a request under criteria;
//   - of-unrestricted: the time without criteria, in parts of that with: 1 is as fast.
func BenchmarkCriteria(b *testing.B) {
	storetest.Each(b, func(b *testing.B, db storetest.DB) {
		s := Start(b, On(db))
		ids := manyPatients(b, s, 2000)
		analyze(b, db)
		free := s.restricted(b, "free", `{"resourceType":"Patient"}`)
		for _, criteria := range []struct{ name, text string }{
			{"token", "Patient?active=true"}, {"reference", "Patient?organization=Organization/o1"}, {"compartment", "Patient?_compartment=Organization/o1"},
		} {
			bound := s.restricted(b, criteria.name, `{"resourceType":"Patient","criteria":"`+criteria.text+`"}`)
			b.Run(criteria.name+"/read", func(b *testing.B) {
				s.inTurn(b, bound, free, func(n int) string { return "/fhir/R4/Patient/" + ids[n%len(ids)] })
			})
			b.Run(criteria.name+"/search", func(b *testing.B) {
				s.inTurn(b, bound, free, func(n int) string { return fmt.Sprintf("/fhir/R4/Patient?identifier=urn:mrn|%d", n%len(ids)) })
			})
			b.Run(criteria.name+"/page", func(b *testing.B) {
				s.inTurn(b, bound, free, func(n int) string { return fmt.Sprintf("/fhir/R4/Patient?family=Family%d", n%20) })
			})
		}
	})
}

// manyPatients are patients of one organization.
func manyPatients(b *testing.B, s *Server, n int) []string {
	b.Helper()
	admin := s.As(Admin)
	ids := make([]string, 0, n)
	for len(ids) < n {
		var entries []string
		for i := range 50 {
			number := len(ids) + i
			entries = append(entries, fmt.Sprintf(`{"request":{"method":"POST","url":"Patient"},"resource":{"resourceType":"Patient","active":true,`+
				`"meta":{"accounts":[{"reference":"Organization/o1"}]},"identifier":[{"system":"urn:mrn","value":"%d"}],"name":[{"family":"Family%d"}],`+
				`"managingOrganization":{"reference":"Organization/o1"}}}`, number, number%20))
		}
		answer := admin.With("X-Medplum", "extended").POST("/fhir/R4", `{"resourceType":"Bundle","type":"transaction","entry":[`+strings.Join(entries, ",")+`]}`).WantStatus(http.StatusOK)
		for i := range entries {
			_, id, ok := strings.Cut(answer.Field(fmt.Sprintf("entry.%d.response.location", i)), "/")
			require.True(b, ok)
			id, _, _ = strings.Cut(id, "/")
			ids = append(ids, id)
		}
	}
	return ids
}

// restricted is a member with one policy.
func (s *Server) restricted(b *testing.B, name, rules string) *Client {
	b.Helper()
	admin := s.As(Admin)
	id := admin.POST("/fhir/R4/AccessPolicy", `{"resourceType":"AccessPolicy","resource":[`+rules+`]}`).WantStatus(http.StatusCreated).Field("id")
	return s.Invite(admin, "Practitioner", name+"@clinic.example", `,"accessPolicy":{"reference":"AccessPolicy/`+id+`"}`)
}

// inTurn has both ask for the same.
func (s *Server) inTurn(b *testing.B, bound, free *Client, path func(int) string) {
	b.Helper()
	var with, without []time.Duration
	var first, second []byte
	ask := func(as *Client, n int) (time.Duration, []byte) {
		request := httptest.NewRequest(http.MethodGet, path(n), nil)
		request.Header.Set("Authorization", "Bearer "+as.Token)
		answer := httptest.NewRecorder()
		begun := time.Now()
		s.Handler.ServeHTTP(answer, request)
		took := time.Since(begun)
		require.Equal(b, http.StatusOK, answer.Code, answer.Body)
		return took, answer.Body.Bytes()
	}
	run := func(n int) {
		var took time.Duration
		took, first = ask(bound, n)
		with = append(with, took)
		took, second = ask(free, n)
		without = append(without, took)
	}
	for n := range 100 {
		run(n)
	}
	require.True(b, bytes.Equal(first, second), "both see the same")
	with, without = nil, nil
	for n := 0; b.Loop(); n++ {
		run(n)
	}
	b.ReportMetric(median(with), "ns/op")
	b.ReportMetric(median(without)/median(with), "of-unrestricted")
}
