package apptest_test

import (
	"encoding/json"
	"testing"
)

// The comparison itself: what it lets pass and what it does not.
func TestComparisonOfAnswers(t *testing.T) {
	const id1, id2 = "3cf19c8f-efea-42f6-8a93-e03c178469e9", "5a4c64eb-e926-4fad-8213-1d57adc4e78f"
	for _, tc := range []struct {
		name, recorded, ours string
		path                 string // of the difference; empty: there is none
	}{
		{"the same", `{"a":1,"b":["x",true,null]}`, `{"b":["x",true,null],"a":1}`, ""},
		{"an id of ours", `{"id":"` + id1 + `"}`, `{"id":"0193-a.b"}`, ""},
		{"an id that is repeated", `["` + id1 + `","User/` + id1 + `"]`, `["u1","User/u1"]`, ""},
		{"an id that should be repeated", `["` + id1 + `","User/` + id1 + `"]`, `["u1","User/u2"]`, "body[1]"},
		{"two ids", `["` + id1 + `","` + id2 + `"]`, `["u1","u2"]`, ""},
		{"the server's address", `"http://127.0.0.1:8103/fhir/R4/"`, `"http://test/fhir/R4/"`, ""},
		{"an instant", `"2026-11-21T06:10:36.068Z"`, `"2020-01-01T00:00:00.000Z"`, ""},
		{"no instant", `"2026-11-21T06:10:36.068Z"`, `"yesterday"`, "body"},
		{"a secret", `"<secret, 64 characters>"`, `"abc"`, ""},
		{"an empty secret", `"<secret, 64 characters>"`, `""`, "body"},
		{"a time in seconds", `{"iat":1795241435}`, `{"iat":5}`, ""},
		{"a number", `{"expires_in":3600}`, `{"expires_in":3601}`, "body.expires_in"},
		{"another text", `{"text":"Not found"}`, `{"text":"not found"}`, "body.text"},
		{"something missing", `{"a":1,"b":2}`, `{"a":1}`, "body.b"},
		{"something more", `{"a":1}`, `{"a":1,"b":2}`, "body.b"},
		{"another type", `{"a":"1"}`, `{"a":1}`, "body.a"},
		{"a longer list", `[1]`, `[1,2]`, "body.length"},
		{"a list of which the start is kept", `[1,{"_trimmed":2}]`, `[1,2,3]`, ""},
		{"and that has another length", `[1,{"_trimmed":2}]`, `[1,2]`, "body.length"},
		{"null for an object", `{"a":{}}`, `{"a":null}`, "body.a"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := comparison{base: "http://test/", ids: map[string]string{}}
			var found []string
			c.value("body", decode(json.RawMessage(tc.recorded)), decode(json.RawMessage(tc.ours)), func(path, _, _ string) {
				found = append(found, path)
			})
			switch {
			case tc.path == "" && len(found) != 0:
				t.Errorf("differs at %v", found)
			case tc.path != "" && (len(found) != 1 || found[0] != tc.path):
				t.Errorf("differs at %v, want %s", found, tc.path)
			}
		})
	}
}
