package apptest_test

import (
	"net/http"
	"strings"
	"testing"
)

// badIDs are spellings of an id that no resource has, as they go over the wire.
var badIDs = []struct{ name, id string }{
	{"path traversal, encoded", "..%2f..%2f..%2fetc%2fpasswd"},
	{"path traversal, encoded twice", "%252e%252e%252fetc"},
	{"dots", "%2e%2e"},
	{"NUL", "a%00b"},
	{"line break", "a%0d%0aSet-Cookie:%20x=y"},
	{"not UTF-8", "%ff%fe"},
	{"very long", strings.Repeat("a", 5000)},
	{"a quote", "a'%20OR%20'1'='1"},
	{"a wildcard", "%25"},
	{"another wildcard", "_"},
	{"a star", "*"},
	{"unknown", "00000000-0000-4000-8000-000000000000"},
	{"letters beyond ASCII", "%C3%A4"},
	{"a bracket", "%7B%7D"},
}

func idsThatAreNoneAreNotFound(t *testing.T, w *world) {
	project := w.owner.projectID()
	for _, route := range []struct {
		name, method, before, after, body string
		statuses                          []int
	}{
		{"read", http.MethodGet, "/fhir/R4/Patient/", "", "", []int{404}},
		{"vread", http.MethodGet, "/fhir/R4/Patient/" + w.patient + "/_history/", "", "", []int{404}},
		{"history", http.MethodGet, "/fhir/R4/Patient/", "/_history", "", []int{404}},
		{"update", http.MethodPut, "/fhir/R4/Patient/", "", `{"resourceType":"Patient","id":"x"}`, []int{400, 404}},
		{"delete", http.MethodDelete, "/fhir/R4/Patient/", "", "", []int{404}},
		{"project", http.MethodGet, "/admin/projects/", "", "", []int{403, 404}},
		{"invite", http.MethodPost, "/admin/projects/", "/invite", `{"resourceType":"Practitioner","firstName":"A","lastName":"B","email":"id@example.com"}`, []int{403, 404}},
		{"member", http.MethodGet, "/admin/projects/" + project + "/members/", "", "", []int{404}},
		{"change of a member", http.MethodPost, "/admin/projects/" + project + "/members/", "", `{"resourceType":"ProjectMembership"}`, []int{400, 403, 404}},
		{"removal of a member", http.MethodDelete, "/admin/projects/" + project + "/members/", "", "", []int{404}},
		{"login state", http.MethodGet, "/auth/login/", "", "", []int{404}},
		{"client info", http.MethodGet, "/auth/clientinfo/", "", "", []int{404}},
	} {
		for _, tc := range badIDs {
			t.Run(route.name+"/"+tc.name, func(t *testing.T) {
				w.unchanged(t, func() {
					got := w.api(t).do(call{
						Method: route.method, Path: route.before + tc.id + route.after, Token: w.owner.AccessToken,
						ContentType: "application/json", Body: route.body,
					})
					got.wantStatus(t, route.statuses...)
					if got.Header.Get("Set-Cookie") != "" {
						t.Errorf("a cookie from the path: %v", got.Header)
					}
				})
			})
		}
	}
}

func unknownTypesAndParametersAreRefused(t *testing.T, w *world) {
	for _, tc := range []struct {
		name, method, path, body string
		status                   int
		issue                    string
	}{
		{"read of an unknown type", http.MethodGet, "/fhir/R4/Nothing/" + w.patient, "", 400, "structure"},
		{"search of an unknown type", http.MethodGet, "/fhir/R4/Nothing", "", 400, ""},
		{"create of an unknown type", http.MethodPost, "/fhir/R4/Nothing", `{"resourceType":"Nothing"}`, 400, "invalid"},
		{"a type in lower case", http.MethodGet, "/fhir/R4/patient/" + w.patient, "", 400, "structure"},
		{"a data type", http.MethodPost, "/fhir/R4/HumanName", `{"resourceType":"HumanName"}`, 400, ""},
		{"an abstract type", http.MethodPost, "/fhir/R4/DomainResource", `{"resourceType":"DomainResource"}`, 400, ""},
		{"unknown search parameter", http.MethodGet, "/fhir/R4/Patient?nope=1", "", 400, "invalid"},
		{"parameter of another type", http.MethodGet, "/fhir/R4/Patient?profile-type=x", "", 400, "invalid"},
		{"unknown modifier", http.MethodGet, "/fhir/R4/Patient?name:nope=x", "", 400, ""},
		{"a date that is none", http.MethodGet, "/fhir/R4/Patient?birthdate=yesterday", "", 400, ""},
		{"an unknown prefix", http.MethodGet, "/fhir/R4/Patient?birthdate=zz2020", "", 400, ""},
		{"unknown sort", http.MethodGet, "/fhir/R4/Patient?_sort=nope", "", 400, ""},
		{"a count that is none", http.MethodGet, "/fhir/R4/Patient?_count=many", "", 400, ""},
		{"a negative count", http.MethodGet, "/fhir/R4/Patient?_count=-1", "", 400, ""},
		{"a count beyond numbers", http.MethodGet, "/fhir/R4/Patient?_count=99999999999999999999", "", 400, ""},
		{"an unknown total", http.MethodGet, "/fhir/R4/Patient?_total=perhaps", "", 400, ""},
		{"NUL in a value", http.MethodGet, "/fhir/R4/Patient?name=a%00b", "", 400, ""},
		{"a value that is not UTF-8", http.MethodGet, "/fhir/R4/Patient?name=%ff", "", 400, ""},
		{"an escape that is none", http.MethodGet, "/fhir/R4/Patient?name=%zz", "", 400, ""},
		{"more values than a search may have", http.MethodGet, "/fhir/R4/Patient?_id=" + strings.Repeat("a,", 3000) + "a", "", 400, "invalid"},
		{"history of an unknown count", http.MethodGet, "/fhir/R4/Patient/" + w.patient + "/_history?_count=x", "", 400, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w.unchanged(t, func() {
				got := w.api(t).do(call{
					Method: tc.method, Path: tc.path, Token: w.owner.AccessToken, ContentType: "application/fhir+json", Body: tc.body,
				})
				got.wantOutcome(t, tc.status, tc.issue)
			})
		})
	}
}

// Values that mean something to SQL or LIKE are only text to a search.
func valuesOfASearchAreOnlyText(t *testing.T, w *world) {
	for _, query := range []string{
		"name=%27%20OR%201%3D1--", "name=%25", "name=_", "name=%5C%5C", "_id=%27%20OR%20%27a%27%3D%27a", "identifier=%27%7C%27",
		"_id=" + strings.Repeat("a,", 1000) + "a",
	} {
		got := w.api(t).do(call{Method: http.MethodGet, Path: "/fhir/R4/Patient?" + query, Token: w.owner.AccessToken})
		if got.Status != http.StatusOK || strings.Contains(string(got.Body), `"entry"`) {
			t.Errorf("%.60s: %d %.300s", query, got.Status, got.Body)
		}
	}
}

func unknownPathsAndMethodsChangeNothing(t *testing.T, w *world) {
	for _, tc := range []struct {
		method, path string
		statuses     []int
	}{
		{http.MethodGet, "/nothing", []int{404}},
		{http.MethodGet, "/fhir/R4/../../admin/projects/" + w.owner.projectID(), []int{400, 404}},
		{http.MethodGet, "/fhir/R5/Patient", []int{404}},
		{http.MethodGet, "/admin/projects", []int{404, 405}},
		{http.MethodDelete, "/admin/projects/" + w.owner.projectID(), []int{404, 405}},
		{http.MethodPut, "/auth/login", []int{404, 405}},
		{http.MethodGet, "/oauth2/token", []int{404, 405}},
		{"BREW", "/fhir/R4/Patient", []int{404, 405, 501}},
		{http.MethodTrace, "/fhir/R4/Patient", []int{404, 405, 501}},
	} {
		t.Run(tc.method+" "+tc.path, func(t *testing.T) {
			w.unchanged(t, func() {
				w.api(t).do(call{Method: tc.method, Path: tc.path, Token: w.owner.AccessToken}).wantStatus(t, tc.statuses...)
			})
		})
	}
}
