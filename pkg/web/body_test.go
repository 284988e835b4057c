package web_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/labstack/echo/v4"
	"github.com/stretchr/testify/require"

	"github.com/admitdev/admit/pkg/web"
)

// person is a target with every kind of field.
type person struct {
	Email  string   `json:"email"`
	Admin  *bool    `json:"admin,omitempty"`
	Age    int      `json:"age"`
	Tags   []string `json:"tags"`
	Nested struct {
		Items []struct {
			Name string `json:"name"`
		} `json:"items"`
	} `json:"nested"`
	Raw json.RawMessage `json:"raw"`
}

// echoes answers with what ReadJSON made of the body.
func echoes(t *testing.T, strict ...web.Option) http.Handler {
	return serving(t, options(t), func(e *echo.Echo) {
		e.POST("/person", func(c echo.Context) error {
			var p person
			if err := web.ReadJSON(c, &p, strict...); err != nil {
				return err
			}
			return c.JSON(http.StatusOK, p)
		})
	})
}

func TestReadJSONRefuses(t *testing.T) {
	deep := strings.Repeat(`{"a":`, 100) + "1" + strings.Repeat("}", 100)
	for _, tc := range []struct {
		name, body         string
		status             int
		code, text, at     string
		contentType, other string
	}{
		{name: "no JSON", body: "{x", status: 400, code: "invalid", text: "Content could not be parsed"},
		{name: "cut off", body: `{"email":"a"`, status: 400, code: "invalid", text: "Content could not be parsed"},
		{name: "something after it", body: `{} {}`, status: 400, code: "invalid", text: "Content could not be parsed"},
		{name: "null", body: `null`, status: 400, code: "invalid", text: "Content could not be parsed"},
		{name: "a string", body: `"x"`, status: 400, code: "invalid", text: "Content could not be parsed"},
		{name: "an array for an object", body: `[]`, status: 400, code: "invalid", text: "Content could not be parsed"},
		{name: "bytes that are not UTF-8", body: "{\"email\":\"\xff\"}", status: 400, code: "invalid", text: "Content could not be parsed"},
		{name: "half a surrogate", body: `{"email":"\ud800"}`, status: 400, code: "invalid", text: "Content could not be parsed"},
		{name: "Latin-1 bytes", body: "{\"email\":\"\xe9\"}", status: 400, code: "invalid", text: "Content could not be parsed"},
		{name: "UTF-16", body: "{\x00}\x00", status: 400, code: "invalid", text: "Content could not be parsed"},
		{name: "a comment", body: `{/**/}`, status: 400, code: "invalid", text: "Content could not be parsed"},
		{name: "NaN", body: `{"age":NaN}`, status: 400, code: "invalid", text: "Content could not be parsed"},
		{name: "too deep", body: deep, status: 400, code: "invalid", text: "Content is nested too deeply"},
		{name: "one name, two values", body: `{"email":"a","email":"b"}`, status: 400, code: "invalid", text: `"email" is given twice with different values`, at: "email"},
		{name: "two values further in", body: `{"nested":{"items":[{},{"name":"a","name":"b"}]}}`, status: 400, code: "invalid", text: `"name" is given twice with different values`, at: "nested.items[1].name"},
		{name: "two values spelled alike", body: `{"email":"a","\u0065mail":"b"}`, status: 400, code: "invalid", text: `"email" is given twice with different values`, at: "email"},
		{name: "string for a boolean", body: `{"admin":"yes"}`, status: 400, code: "invalid", text: "Expected boolean", at: "admin"},
		{name: "number for a string", body: `{"email":1}`, status: 400, code: "invalid", text: "Expected string", at: "email"},
		{name: "object for an array", body: `{"tags":{}}`, status: 400, code: "invalid", text: "Expected array", at: "tags"},
		{name: "array for an object further in", body: `{"nested":{"items":[[]]}}`, status: 400, code: "invalid", text: "Expected object", at: "nested.items[0]"},
		{name: "fraction for an integer", body: `{"age":1.5}`, status: 400, code: "invalid", text: "Expected number", at: "age"},
		{name: "too large", body: `{"email":"` + strings.Repeat("x", web.MaxJSON) + `"}`, status: 413, code: "too-long", text: "Request body too large"},
		{name: "XML", contentType: "application/xml", body: `<a/>`, status: 415, code: "not-supported"},
		{name: "a form", contentType: "application/x-www-form-urlencoded", body: `a=b`, status: 415, code: "not-supported"},
		{name: "no type at all", contentType: "-", body: `{}`, status: 415, code: "not-supported"},
		{name: "another charset", contentType: "application/json; charset=iso-8859-1", body: `{}`, status: 415, code: "not-supported", text: "The charset must be utf-8"},
		{name: "compressed", other: "gzip", body: `{}`, status: 415, code: "not-supported", text: "The body must not be compressed"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := request(t, echoes(t), "POST", "/person", tc.body, func(r *http.Request) {
				switch tc.contentType {
				case "":
				case "-":
					r.Header.Del("Content-Type")
				default:
					r.Header.Set("Content-Type", tc.contentType)
				}
				if tc.other != "" {
					r.Header.Set("Content-Encoding", tc.other)
				}
			})
			require.Equal(t, tc.status, w.Code, w.Body.String())
			o := outcomeOf(t, w)
			require.Equal(t, tc.code, o.Issue[0].Code)
			if tc.text != "" {
				require.Equal(t, tc.text, o.Issue[0].Details.Text)
			}
			if tc.at != "" {
				require.Equal(t, []string{tc.at}, o.Issue[0].Expression)
			}
		})
	}
}

func TestReadJSONTooLargeWithoutLength(t *testing.T) {
	w := request(t, echoes(t), "POST", "/person", `{"email":"`+strings.Repeat("x", web.MaxJSON)+`"}`, func(r *http.Request) { r.ContentLength = -1 })
	require.Equal(t, http.StatusRequestEntityTooLarge, w.Code)
	require.Equal(t, "content-too-large", outcomeOf(t, w).ID)
}

func TestReadJSONAccepts(t *testing.T) {
	for _, tc := range []struct{ name, contentType, body, want string }{
		{"one name twice with one value", "application/json", `{"email":"a","age":1,"email":"a"}`, "a"},
		{"the same object twice, spelled differently", "application/json", `{"email":"a","nested":{"items":[],"x":1.0},"nested":{ "x":1,"items":[ ] }}`, "a"},
		{"FHIR's media type", "application/fhir+json; charset=UTF-8", `{"email":"a"}`, "a"},
		{"any +json", "application/scim+json", `{"email":"a"}`, "a"},
		{"a byte order mark", "application/json", "\xef\xbb\xbf{\"email\":\"a\"}", "a"},
		{"unknown names", "application/json", `{"email":"a","shoe":42}`, "a"},
		{"names compare with case", "application/json", `{"email":"a","EMAIL":"b"}`, "a"},
		{"null is absent", "application/json", `{"email":"a","admin":null,"tags":null}`, "a"},
		{"no body is an empty object", "", "", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := request(t, echoes(t), "POST", "/person", tc.body, header("Content-Type", tc.contentType))
			require.Equal(t, http.StatusOK, w.Code, w.Body.String())
			var p person
			require.NoError(t, json.Unmarshal(w.Body.Bytes(), &p))
			require.Equal(t, tc.want, p.Email)
		})
	}
}

func TestReadJSONRefusesUnknownWhenAsked(t *testing.T) {
	w := request(t, echoes(t, web.RefuseUnknown()), "POST", "/person", `{"email":"a","shoe":42}`)
	require.Equal(t, http.StatusBadRequest, w.Code)
	require.Equal(t, []string{"shoe"}, outcomeOf(t, w).Issue[0].Expression)
}

func TestReadForm(t *testing.T) {
	handler := serving(t, options(t), func(e *echo.Echo) {
		e.POST("/form", func(c echo.Context) error {
			form, err := web.ReadForm(c)
			if err != nil {
				return err
			}
			return c.JSON(http.StatusOK, form)
		})
	})
	w := request(t, handler, "POST", "/form", "a=1&a=2&b=%2B", header("Content-Type", "application/x-www-form-urlencoded"))
	require.JSONEq(t, `{"a":["1","2"],"b":["+"]}`, w.Body.String())
	require.Equal(t, http.StatusUnsupportedMediaType, request(t, handler, "POST", "/form", `{}`).Code)
	require.Equal(t, http.StatusBadRequest, request(t, handler, "POST", "/form", "a=%zz", header("Content-Type", "application/x-www-form-urlencoded")).Code)
}

func FuzzDecodeJSON(f *testing.F) {
	f.Add([]byte(`{"email":"a","email":"a","nested":{"items":[{"name":"x"}]}}`))
	f.Add([]byte(`[{"a":[[[]]]}]`))
	f.Fuzz(func(t *testing.T, body []byte) {
		var p person
		if web.DecodeJSON(body, &p) == nil && !json.Valid(body) {
			t.Fatalf("accepted what is no JSON: %q", body)
		}
	})
}

// TestReadJSONSaysWhere a body cannot be read.
func TestReadJSONSaysWhere(t *testing.T) {
	for body, where := range map[string]string{
		"{\n  \"email\": oops\n}": "invalid character 'o' at start of value at line 2, column 12 (byte 13)",
		"{\"email\":\"a\"":        "unexpected EOF at line 1, column 13 (byte 12)",
		"{} {}":                   "something after the end at line 1, column 3 (byte 2)",
		"null":                    "no object at line 1, column 1 (byte 0)",
		"[]":                      "another value than an object at line 1, column 1 (byte 0)",
	} {
		w := request(t, echoes(t), "POST", "/person", body, header("Content-Type", "application/json"))
		require.Equal(t, http.StatusBadRequest, w.Code)
		require.Equal(t, where, outcomeOf(t, w).Issue[0].Diagnostics)
	}
}
