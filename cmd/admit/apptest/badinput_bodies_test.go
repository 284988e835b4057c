package apptest_test

import (
	"net/http"
	"strings"
	"testing"
	"unicode/utf16"
)

// jsonSurface is a route that takes JSON, and a body that it would accept.
type jsonSurface struct {
	name, path, token, contentType string
	good                           string
	duplicates                     bool // a key given twice with one value counts once (admin bodies)
}

func jsonSurfaces(w *world) []jsonSurface {
	return []jsonSurface{
		{
			name: "FHIR", path: "/fhir/R4/Patient", token: w.owner.AccessToken, contentType: "application/fhir+json",
			good: `{"resourceType":"Patient","active":true}`,
		},
		{
			name: "admin", path: "/admin/projects/" + w.owner.projectID() + "/invite", token: w.owner.AccessToken,
			contentType: "application/json",
			good:        `{"resourceType":"Practitioner","firstName":"B","lastName":"Ad","email":"bad@example.com","sendEmail":false}`,
			duplicates:  true,
		},
		{
			name: "auth", path: "/auth/newuser", contentType: "application/json",
			good: quote(`{"firstName":"B","lastName":"Ad","email":"bad@example.com","password":%q,"projectId":"new"}`, aPassword),
		},
	}
}

// badBodies are bodies that no surface takes, whatever it is for.
func badBodies(good string) []struct {
	name, contentType, body string
	status                  int
	issue                   string
} {
	withMember := func(member string) string { return "{" + member + "," + good[1:] }
	deep := strings.Repeat(`[`, 5000) + strings.Repeat(`]`, 5000)
	deepObject := strings.Repeat(`{"extension":`, 5000) + "1" + strings.Repeat(`}`, 5000)
	return []struct {
		name, contentType, body string
		status                  int
		issue                   string
	}{
		{"cut short", "", good[:len(good)-1], 400, "invalid"},
		{"a second document", "", good + good, 400, "invalid"},
		{"text after the document", "", good + "x", 400, "invalid"},
		{"a comma too many", "", "{" + strings.TrimSuffix(good[1:], "}") + ",}", 400, "invalid"},
		{"single quotes", "", strings.ReplaceAll(good, `"`, `'`), 400, "invalid"},
		{"a comment", "", "/**/" + good, 400, "invalid"},
		{"NaN", "", withMember(`"x":NaN`), 400, "invalid"},
		{"a raw control character in a string", "", withMember("\"x\":\"a\x01b\""), 400, "invalid"},
		{"a string", "", `"` + "x" + `"`, 400, "invalid"},
		{"a number", "", `1`, 400, "invalid"},
		{"null", "", `null`, 400, "invalid"},
		{"an array", "", "[" + good + "]", 400, "invalid"},
		{"nested too deeply, arrays", "", withMember(`"x":` + deep), 400, ""},
		{"nested too deeply, objects", "", withMember(`"x":` + deepObject), 400, ""},
		{"one key, two values", "", withMember(`"resourceType":"Device","email":"other@example.com"`), 400, "invalid"},
		{"one key, two values, one of them escaped", "", withMember("\"resource\\u0054ype\":\"Device\",\"\\u0065mail\":\"other@example.com\""), 400, "invalid"},
		{"not UTF-8", "", withMember("\"x\":\"\xff\xfe\""), 400, "invalid"},
		{"overlong UTF-8", "", withMember("\"x\":\"\xc0\xaf\""), 400, "invalid"},
		{"half a surrogate pair", "", withMember(`"x":"\ud800"`), 400, "invalid"},
		{"UTF-16", "application/json; charset=utf-16", utf16BE(good), 0, ""},
		{"UTF-16 that claims to be UTF-8", "application/json", utf16BE(good), 400, ""},
		{"Latin-1", "application/json; charset=iso-8859-1", good, 0, ""},
		{"too large", "", withMember(`"x":"` + strings.Repeat("x", 2_000_000) + `"`), 413, "too-long"},
		{"too large with white space only", "", strings.Repeat(" ", 2_000_000) + good, 413, "too-long"},
		{"nothing", "", ``, 400, ""},
		{"an empty object", "", `{}`, 400, "invalid"},
	}
}

func brokenBodiesAreRefusedAndChangeNothing(t *testing.T, w *world) {
	for _, surface := range jsonSurfaces(w) {
		for _, tc := range badBodies(surface.good) {
			t.Run(surface.name+"/"+tc.name, func(t *testing.T) {
				contentType := tc.contentType
				if contentType == "" {
					contentType = surface.contentType
				}
				w.unchanged(t, func() {
					got := w.api(t).do(call{
						Method: http.MethodPost, Path: surface.path, Token: surface.token, ContentType: contentType, Body: tc.body,
					})
					if tc.status == 0 && (got.Status == http.StatusBadRequest || got.Status == http.StatusUnsupportedMediaType) {
						tc.status = got.Status // both say whose fault it is
					}
					got.wantOutcome(t, tc.status, tc.issue)
				})
			})
		}
	}
}

// A body whose length is not announced is cut off all the same.
func anOversizedBodyWithoutLengthIsCutOff(t *testing.T, w *world) {
	for _, surface := range jsonSurfaces(w) {
		t.Run(surface.name, func(t *testing.T) {
			w.unchanged(t, func() {
				got := w.api(t).stream(call{
					Method: http.MethodPost, Path: surface.path, Token: surface.token, ContentType: surface.contentType,
					Body: `{"x":"` + strings.Repeat("x", 3_000_000) + `"}`,
				})
				got.wantOutcome(t, http.StatusRequestEntityTooLarge, "too-long")
			})
		})
	}
	t.Run("form", func(t *testing.T) {
		got := w.api(t).stream(call{
			Method: http.MethodPost, Path: "/oauth2/token", ContentType: "application/x-www-form-urlencoded",
			Body: "grant_type=" + strings.Repeat("x", 3_000_000),
		})
		if got.Status != http.StatusRequestEntityTooLarge && got.Status != http.StatusBadRequest {
			t.Errorf("%d %.200s", got.Status, got.Body)
		}
	})
}

func wrongTypesInBodiesAreRefusedAndChangeNothing(t *testing.T, w *world) {
	invite := "/admin/projects/" + w.owner.projectID() + "/invite"
	for _, tc := range []struct{ name, path, body string }{
		{"invite: number for a name", invite, `{"resourceType":"Practitioner","firstName":1,"lastName":"B","email":"t@example.com"}`},
		{"invite: object for an e-mail", invite, `{"resourceType":"Practitioner","firstName":"A","lastName":"B","email":{}}`},
		{"invite: array for an e-mail", invite, `{"resourceType":"Practitioner","firstName":"A","lastName":"B","email":["t@example.com"]}`},
		{"invite: string for access", invite, `{"resourceType":"Practitioner","firstName":"A","lastName":"B","email":"t@example.com","access":"all"}`},
		{"invite: string for membership", invite, `{"resourceType":"Practitioner","firstName":"A","lastName":"B","email":"t@example.com","membership":"x"}`},
		{"invite: number for admin", invite, `{"resourceType":"Practitioner","firstName":"A","lastName":"B","email":"t@example.com","admin":1}`},
		{"invite: a word for admin", invite, `{"resourceType":"Practitioner","firstName":"A","lastName":"B","email":"t@example.com","admin":"yes"}`},
		{"invite: a scope that is none", invite, `{"resourceType":"Practitioner","firstName":"A","lastName":"B","email":"t@example.com","scope":"galaxy"}`},
		{"invite: policy of the wrong type", invite, `{"resourceType":"Practitioner","firstName":"A","lastName":"B","email":"t@example.com","accessPolicy":{"reference":"Patient/1"}}`},
		{"invite: unknown property of the membership", invite, `{"resourceType":"Practitioner","firstName":"A","lastName":"B","email":"t@example.com","membership":{"nope":1}}`},
		{"invite: two addresses", invite, `{"resourceType":"Practitioner","firstName":"A","lastName":"B","email":"t@example.com, u@example.com"}`},
		{"invite: address with a name", invite, `{"resourceType":"Practitioner","firstName":"A","lastName":"B","email":"T <t@example.com>"}`},
		{"invite: address of 300 characters", invite, `{"resourceType":"Practitioner","firstName":"A","lastName":"B","email":"` + strings.Repeat("a", 290) + `@example.com"}`},
		{"invite: address with a space", invite, `{"resourceType":"Practitioner","firstName":"A","lastName":"B","email":"t t@example.com"}`},
		{"client: object for a name", "/admin/projects/" + w.owner.projectID() + "/client", `{"name":{}}`},
		{"bot: no name", "/admin/projects/" + w.owner.projectID() + "/bot", `{"description":"x"}`},
		{"set password: no password", "/admin/projects/setpassword", `{"email":"owner@clinic.example"}`},
		{"member: not a membership", "/admin/projects/" + w.owner.projectID() + "/members/" + w.ownerMembership, `{"resourceType":"Patient"}`},
		{"login: object for a password", "/auth/login", `{"email":"owner@clinic.example","password":{"$ne":""}}`},
		{"login: array for an e-mail", "/auth/login", `{"email":["owner@clinic.example"],"password":"Correct-horse-battery-24"}`},
		{"FHIR: string for a boolean", "/fhir/R4/Patient", `{"resourceType":"Patient","active":"yes"}`},
		{"FHIR: another type", "/fhir/R4/Patient", `{"resourceType":"Practitioner"}`},
		{"FHIR: number beyond an integer", "/fhir/R4/Patient", `{"resourceType":"Patient","multipleBirthInteger":99999999999999999999}`},
		{"FHIR: fraction for an integer", "/fhir/R4/Patient", `{"resourceType":"Patient","multipleBirthInteger":1.5}`},
		{"FHIR: NUL in a string", "/fhir/R4/Patient", `{"resourceType":"Patient","name":[{"family":"a\u0000b"}]}`},
		{"FHIR: meta of another project", "/fhir/R4/Patient", `{"resourceType":"Patient","meta":{"project":1}}`},
		{"FHIR: a policy that does not parse", "/fhir/R4/AccessPolicy", `{"resourceType":"AccessPolicy","resource":[{"resourceType":"Patient","criteria":"Patient?nope=1"}]}`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w.unchanged(t, func() {
				got := w.api(t).do(call{Method: http.MethodPost, Path: tc.path, Token: w.owner.AccessToken, ContentType: "application/json", Body: tc.body})
				if got.Status != http.StatusBadRequest && got.Status != http.StatusForbidden {
					t.Errorf("%d %.300s", got.Status, got.Body)
				}
				got.wantOutcome(t, got.Status, "")
			})
		})
	}
}

func utf16BE(s string) string {
	var out strings.Builder
	for _, unit := range utf16.Encode([]rune(s)) {
		out.WriteByte(byte(unit >> 8))
		out.WriteByte(byte(unit))
	}
	return out.String()
}
