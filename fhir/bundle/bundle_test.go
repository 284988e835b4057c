package bundle_test

import (
	"encoding/json"
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/admitdev/admit/fhir/bundle"
	"github.com/admitdev/admit/pkg/outcome"
)

func TestRewriteFollowsFullURLs(t *testing.T) {
	links := bundle.Links{ByURL: map[string]string{"urn:uuid:a": "Patient/1", "https://x.example/fhir/Patient/7": "Patient/2", "urn:uuid:b": "Binary/3"}}
	for _, tc := range []struct{ name, from, in, want string }{
		{"a urn", "", `"subject":{"reference":"urn:uuid:a"}`, `"subject":{"reference":"Patient/1"}`},
		{"its fragment stays", "", `"subject":{"reference":"urn:uuid:a#x"}`, `"subject":{"reference":"Patient/1#x"}`},
		{"another urn", "", `"subject":{"reference":"urn:uuid:z"}`, ``},
		{"a part of a urn", "", `"subject":{"reference":"urn:uuid:ab"}`, ``},
		{"an absolute address", "", `"subject":{"reference":"https://x.example/fhir/Patient/7"}`, `"subject":{"reference":"Patient/2"}`},
		{"relative to a RESTful fullUrl", "https://x.example/fhir/Observation/1", `"subject":{"reference":"Patient/7"}`, `"subject":{"reference":"Patient/2"}`},
		{"relative to another", "https://y.example/fhir/Observation/1", `"subject":{"reference":"Patient/7"}`, ``},
		{"relative to a urn", "urn:uuid:c", `"subject":{"reference":"Patient/7"}`, ``},
		{"in a contained resource", "", `"contained":[{"resourceType":"Observation","subject":{"reference":"urn:uuid:a"}}]`, `"contained":[{"resourceType":"Observation","subject":{"reference":"Patient/1"}}]`},
		{"in an extension of a primitive", "", `"_status":{"extension":[{"url":"urn:e","valueReference":{"reference":"urn:uuid:a"}}]}`, `"_status":{"extension":[{"url":"urn:e","valueReference":{"reference":"Patient/1"}}]}`},
		{"a url", "", `"extension":[{"url":"urn:e","valueAttachment":{"url":"urn:uuid:b"}}]`, `"extension":[{"url":"urn:e","valueAttachment":{"url":"Binary/3"}}]`},
		{"no string, code or canonical", "", `"note":[{"text":"urn:uuid:a"}],"instantiatesCanonical":["urn:uuid:a"],"valueString":"urn:uuid:a"`, ``},
		{"an unknown member", "", `"nope":{"reference":"urn:uuid:a"}`, ``},
		{"numbers as spelled", "", `"valueQuantity":{"value":1.00},"subject":{"reference":"urn:uuid:a"}`, `"valueQuantity":{"value":1.00},"subject":{"reference":"Patient/1"}`},
		{"a contained Bundle is its own", "", `"contained":[{"resourceType":"Bundle","entry":[{"fullUrl":"urn:uuid:a"}]}]`, ``},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if tc.want == "" {
				tc.want = tc.in
			}
			got, err := links.Rewrite([]byte(`{"resourceType":"Observation",`+tc.in+`}`), "Observation", tc.from)
			require.NoError(t, err)
			assert.Equal(t, `{"resourceType":"Observation",`+tc.want+`}`, string(got))
		})
	}
}

func TestConditionalReferencesAreFoundWithTheirPlaces(t *testing.T) {
	found, err := bundle.Conditionals([]byte(`{"resourceType":"Observation","subject":{"reference":"Patient?identifier=a"},`+
		`"performer":[{"reference":"Practitioner/1"},{"reference":"Practitioner?identifier=b"}],"note":[{"text":"Patient?identifier=a"}],`+
		`"contained":[{"resourceType":"Encounter","participant":[{"individual":{"reference":"Practitioner?identifier=b"}}]}],`+
		`"_status":{"extension":[{"url":"urn:e","valueReference":{"reference":"Group?identifier=c"}}]},"component":[{"code":{"text":"?"}}]}`), "Observation")
	require.NoError(t, err)
	assert.Equal(t, []bundle.Conditional{
		{Reference: "Patient?identifier=a", At: "Observation.subject"},
		{Reference: "Practitioner?identifier=b", At: "Observation.performer[1]"},
		{Reference: "Practitioner?identifier=b", At: "Observation.contained[0].participant[0].individual"},
		{Reference: "Group?identifier=c", At: "Observation.status.extension[0].valueReference"},
	}, found)
}

// FuzzRead holds that whatever is posted gives entries or an outcome, and that rewriting makes no
// JSON of something else.
func FuzzRead(f *testing.F) {
	f.Add([]byte(`{"resourceType":"Bundle","type":"transaction","entry":[{"fullUrl":"urn:uuid:a","request":{"method":"POST","url":"Patient"},"resource":{"resourceType":"Patient","link":[{"other":{"reference":"urn:uuid:a"}}]}}]}`))
	f.Add([]byte(`{"type":"batch","entry":[[],{"request":[]},{"request":{"method":"GET","url":"//../%zz?x#"}}],"resourceType":"Bundle"}`))
	f.Add([]byte(`{"resourceType":"Bundle","entry":[`))
	links := bundle.Links{ByURL: map[string]string{"urn:uuid:a": "Patient/1", "": "Patient/2"}, Condition: func(string, string) (string, error) { return "Patient/3", nil }}
	f.Fuzz(func(t *testing.T, body []byte) {
		b, err := bundle.Read(body, 100)
		var o *outcome.Outcome
		if err != nil && !errors.As(err, &o) {
			t.Fatalf("%q: %v", body, err)
		}
		for i := range b.Entries {
			e := &b.Entries[i]
			if e.Address("https://admit.example/fhir/R4/") != nil || e.Resource == nil {
				continue
			}
			_, _ = e.Target(), e.Phase()
			if out, err := links.Rewrite(e.Resource, e.Type, e.FullURL); err == nil && !json.Valid(out) {
				t.Fatalf("%q became %q", e.Resource, out)
			}
		}
	})
}
