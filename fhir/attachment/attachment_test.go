package attachment_test

import (
	"bytes"
	"encoding/json"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/admitdev/admit/fhir/attachment"
	"github.com/admitdev/admit/pkg/clock"
	"github.com/admitdev/admit/pkg/outcome"
	"github.com/admitdev/admit/pkg/secret"
	"github.com/admitdev/admit/pkg/store"
)

// at is a clock that stands still.
type at struct {
	clock.System
	now time.Time
}

func (a at) Now() time.Time { return a.now }

func urls(t testing.TB, now time.Time) *attachment.URLs {
	t.Helper()
	box, err := secret.NewBox(bytes.Repeat([]byte{7}, 32))
	require.NoError(t, err)
	return &attachment.URLs{Storage: "https://a.example/storage/", FHIR: "https://a.example/fhir/R4/", Key: box, Clock: at{now: now}}
}

var noon = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)

func TestSignedURLIsTheSameForAWhileAndRunsOut(t *testing.T) {
	of := store.Ref{Project: "p", Type: "Binary", ID: "b"}
	signed := urls(t, noon).Sign(of, "v")
	require.Equal(t, signed, urls(t, noon.Add(9*time.Minute)).Sign(of, "v"), "a browser may keep what it fetched")
	require.NotEqual(t, signed, urls(t, noon.Add(11*time.Minute)).Sign(of, "v"))
	parsed, err := url.Parse(signed)
	require.NoError(t, err)
	got, left, err := urls(t, noon.Add(time.Minute)).Check("b", "v", parsed.Query())
	require.NoError(t, err)
	require.Equal(t, of, got)
	require.Equal(t, 69*time.Minute, left)
	_, _, err = urls(t, noon.Add(70*time.Minute)).Check("b", "v", parsed.Query())
	require.True(t, outcome.Has(err, outcome.Gone), err)
	_, _, err = urls(t, noon).Check("b", "w", parsed.Query())
	require.True(t, outcome.Has(err, outcome.Unauthorized), err)
	_, _, err = urls(t, noon).Check("b", "v", nil)
	require.True(t, outcome.Has(err, outcome.Unauthorized), err)
}

func TestNamesAreFoundInURLsAlone(t *testing.T) {
	u := urls(t, noon)
	for text, want := range map[string][]attachment.Binary{
		`{"url":"Binary/1"}`:                            {{ID: "1"}},
		`{"url" :	"Binary\/1"}`:                         {{ID: "1"}},
		`{"url":"Binary/1/_history/2"}`:                 {{ID: "1", Version: "2"}},
		`{"url":"https://a.example/fhir/R4/Binary/1"}`:  {{ID: "1"}},
		`[{"url":"Binary/1"},{"url":"Binary/1"}]`:       {{ID: "1"}},
		`{"reference":"Binary/1"}`:                      nil,
		`{"url":"https://b.example/Binary/1"}`:          nil,
		`{"url":"Binary/../1"}`:                         nil,
		`{"url":"Binary/"}`:                             nil,
		`{"url":["Binary/1"]}`:                          nil,
		`{"text":"\"url\":\"Binary/1\""}`:               nil,
		`{"x\"url":"Binary/1"}`:                         nil,
		`["url","Binary/1"]`:                            nil,
		`{"request":{"method":"PUT","url":"Binary/1"}}`: nil,
	} {
		assert.Equal(t, want, u.Named([]byte(text)), text)
	}
}

func TestTextWithoutBinariesIsNotTouched(t *testing.T) {
	u := urls(t, noon)
	text := []byte(`{"resourceType":"Patient","extension":[{"url":"http://example.org"}]}`)
	require.Same(t, &text[0], &u.Plain(text)[0])
	require.Zero(t, testing.AllocsPerRun(10, func() { u.Named(text) }))
}

// FuzzRewrite: whatever is rewritten stays JSON in which nothing else has changed.
func FuzzRewrite(f *testing.F) {
	for _, seed := range []string{
		`{"url":"Binary/1"}`, `{"a":"\"url\":\"Binary/1\"","url":"Binary/1","b":["url",{"url" : "Binary/2"}]}`, `{"\\":"url","url":"x"}`, `{"url":"\\\"Binary/1"}`,
	} {
		f.Add(seed)
	}
	u := urls(f, noon)
	f.Fuzz(func(t *testing.T, text string) {
		var before any
		if json.Unmarshal([]byte(text), &before) != nil {
			return
		}
		signed := map[attachment.Binary]string{}
		for _, b := range u.Named([]byte(text)) {
			signed[b] = u.Storage + b.ID + "/v?Signature=x"
		}
		rewritten := u.Signed([]byte(text), signed)
		var after any
		require.NoError(t, json.Unmarshal(rewritten, &after), "%s", rewritten)
		require.Equal(t, expected(u, before, ""), expected(u, after, ""), "%s", rewritten)
		require.NotContains(t, string(u.Plain(rewritten)), `"`+u.Storage, "%s", rewritten)
	})
}

// expected is a value with every address of a Binary in the same form.
func expected(u *attachment.URLs, v any, name string) any {
	switch v := v.(type) {
	case map[string]any:
		for name, member := range v {
			v[name] = expected(u, member, name)
		}
	case []any:
		for i := range v {
			v[i] = expected(u, v[i], "")
		}
	case string:
		if name == "url" {
			v = strings.TrimPrefix(strings.TrimPrefix(v, u.FHIR), "Binary/")
			if rest, ok := strings.CutPrefix(v, u.Storage); ok {
				v, _, _ = strings.Cut(rest, "/")
			}
			v, _, _ = strings.Cut(v, "/_history/")
		}
		return v
	}
	return v
}

func BenchmarkNamed(b *testing.B) {
	u := urls(b, noon)
	text := []byte(`{"resourceType":"Patient","extension":[{"url":"http://example.org"}],"text":"` + strings.Repeat("Some narrative. Born in B. ", 40) + `"}`)
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		u.Named(text)
	}
}
