package apptest_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/tidwall/sjson"
)

// TestAnotherProcessActsOnAChangeWithinASecond: two processes of the real command on one database, on
// SQLite as on PostgreSQL. What is taken away through one is gone in the other a second later, even if
// its last look at the changes was just before; what is given is there.
func TestAnotherProcessActsOnAChangeWithinASecond(t *testing.T) {
	eachServer(t, func(t *testing.T, w *world) {
		here, there := w.api(t), api{t, startProcess(t, freeAddress(t), "ADMIT_DATABASE_URL="+w.databaseURL, "ADMIT_SMTP_URL="+w.mail.URL(), "SSL_CERT_FILE="+w.mail.CertFile, "ADMIT_BASE_URL="+w.base).URL}
		owner := here.register("owner@clinic.example", "Clinic")
		patient := "/fhir/R4/Patient/" + here.post("/fhir/R4/Patient", owner.AccessToken, `{"resourceType":"Patient","gender":"male"}`).field(t, "id")
		change := func(t *testing.T, path, token, element string, value any) {
			t.Helper()
			got := api{t, here.base}.do(call{Method: http.MethodGet, Path: path, Token: token})
			got.wantStatus(t, http.StatusOK)
			body, err := sjson.Set(string(got.Body), element, value)
			if err != nil {
				t.Fatal(err)
			}
			api{t, here.base}.do(call{Method: http.MethodPut, Path: path, Token: token, ContentType: "application/fhir+json", Body: body}).wantStatus(t, http.StatusOK)
		}
		rule := func(criteria string) any {
			return []any{map[string]any{"resourceType": "Patient", "criteria": criteria}}
		}
		for name, tc := range map[string]struct {
			act           func(t *testing.T, member session, membership, policy string)
			before, after int
		}{
			"a revoked session": {func(t *testing.T, member session, _, _ string) {
				api{t, here.base}.post("/oauth2/logout", member.AccessToken, `{}`)
			}, http.StatusOK, http.StatusUnauthorized},
			"a policy that grants less": {func(t *testing.T, _ session, _, policy string) {
				change(t, "/fhir/R4/"+policy, owner.AccessToken, "resource", rule("Patient?gender=female"))
			}, http.StatusOK, http.StatusNotFound},
			"a policy that grants more": {func(t *testing.T, _ session, _, policy string) {
				change(t, "/fhir/R4/"+policy, owner.AccessToken, "resource", rule("Patient?gender=male,female"))
			}, http.StatusNotFound, http.StatusOK},
			"another policy": {func(t *testing.T, _ session, membership, _ string) {
				other := api{t, here.base}.post("/fhir/R4/AccessPolicy", owner.AccessToken, `{"resourceType":"AccessPolicy","resource":[{"resourceType":"Observation"}]}`).field(t, "id")
				change(t, "/fhir/R4/ProjectMembership/"+membership, owner.AccessToken, "accessPolicy.reference", "AccessPolicy/"+other)
			}, http.StatusOK, http.StatusForbidden},
			"a membership that is switched off": {func(t *testing.T, _ session, membership, _ string) {
				change(t, "/fhir/R4/ProjectMembership/"+membership, owner.AccessToken, "active", false)
			}, http.StatusOK, http.StatusUnauthorized},
			"a membership that is deleted": {func(t *testing.T, _ session, membership, _ string) {
				api{t, here.base}.do(call{Method: http.MethodDelete, Path: "/fhir/R4/ProjectMembership/" + membership, Token: owner.AccessToken}).wantStatus(t, http.StatusOK)
			}, http.StatusOK, http.StatusUnauthorized},
		} {
			t.Run(name, func(t *testing.T) {
				criteria := map[int]string{http.StatusOK: "Patient?gender=male", http.StatusNotFound: "Patient?gender=other"}[tc.before]
				policy := "AccessPolicy/" + here.post("/fhir/R4/AccessPolicy", owner.AccessToken,
					quote(`{"resourceType":"AccessPolicy","resource":[{"resourceType":"Patient","criteria":%q}]}`, criteria)).field(t, "id")
				member := here.member(owner, "Practitioner", strings.ReplaceAll(name, " ", ".")+"@clinic.example", quote(`,"accessPolicy":{"reference":%q}`, policy))
				ask := func() int {
					return api{t, there.base}.do(call{Method: http.MethodGet, Path: patient, Token: member.AccessToken}).Status
				}
				if got := ask(); got != tc.before {
					t.Fatalf("before: %d", got)
				}
				tc.act(t, member, w.membershipOf(t, owner, member), policy)
				within(t, time.Second, tc.after, ask)
			})
		}
	})
}

// within asks until the answer is the wanted one. The last time is when the time is over.
func within(t *testing.T, limit time.Duration, want int, ask func() int) {
	t.Helper()
	ctx, stop := context.WithTimeout(t.Context(), limit)
	defer stop()
	for over := false; ; {
		got := ask()
		if got == want {
			return
		}
		if over {
			t.Fatalf("after %s: %d, want %d", limit, got, want)
		}
		select {
		case <-ctx.Done():
			over = true
		case <-time.After(5 * time.Millisecond): // another process has no signal to wait on
		}
	}
}
