package repo_test

import (
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/admitdev/admit/fhir/medplum"
	"github.com/admitdev/admit/fhir/repo"
	"github.com/admitdev/admit/fhir/repo/repotest"
	"github.com/admitdev/admit/pkg/outcome"
)

// replaced is a patch that puts one text in the place of another.
type replaced [2]string

func (r replaced) Apply(content []byte, _ string) ([]byte, error) {
	return []byte(strings.Replace(string(content), r[0], r[1], 1)), nil
}

// TestInvariantsTellNothingHidden: whether a write passes does not depend on what is hidden from
// the writer.
func TestInvariantsTellNothingHidden(t *testing.T) {
	const class = `"status":"planned","class":{"code":"AMB"}`
	const observed = `"status":"final","code":{"coding":[{"code":"a"}]}`
	for _, tc := range []struct {
		name, resourceType string
		hidden             []string
		stored             string
		tries              []string // what the writer tries to make of it
	}{
		{"an end behind or before the beginning", "Encounter", []string{"period.end"},
			class + `,"period":{"start":"2020-01-01","end":"2020-06-01"}`,
			[]string{class + `,"period":{"start":"2020-05-31"}`, class + `,"period":{"start":"2020-06-02"}`}},
		{"an end in a list", "Patient", []string{"name.period.end"},
			`"name":[{"text":"a","period":{"start":"2020-01-01","end":"2020-06-01"}}]`,
			[]string{`"name":[{"text":"a","period":{"start":"2020-05-31"}}]`, `"name":[{"text":"a","period":{"start":"2020-06-02"}}]`}},
		{"a value", "Observation", []string{"value[x]"},
			observed + `,"valueString":"positive"`,
			[]string{observed + `,"dataAbsentReason":{"text":"x"}`, observed}},
		{"a component of the same code", "Observation", []string{"component"},
			observed + `,"component":[{"code":{"coding":[{"code":"a"}]},"valueString":"x"}]`,
			[]string{observed + `,"valueString":"x"`, observed}},
		{"a thousand items", "Patient", []string{"name.period.end"},
			`"name":[` + strings.Repeat(`{"period":{"start":"2020-01-01","end":"2020-06-01"}},`, 1001) + `{"text":"a"}]`,
			[]string{`"name":[` + strings.Repeat(`{"period":{"start":"2021"}},`, 1001) + `{"text":"a"}]`}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			each(t, func(t *testing.T, w *repotest.World) {
				of := func(elements string) string {
					return `{"resourceType":"` + tc.resourceType + `",` + elements + `}`
				}
				admin := w.As(t, w.A.Admin)
				masked := w.As(t, w.With(t, w.A.ID, medplum.PolicyResource{ResourceType: tc.resourceType, HiddenFields: tc.hidden}))
				for _, try := range tc.tries {
					for name, write := range map[string]func(id string) error{
						"$validate": func(id string) error {
							_, err := masked.Validate(ctx, repo.Validation{Type: tc.resourceType, ID: id, Mode: "update", Body: withID(id, of(try))})
							return err
						},
						"update": func(id string) error {
							_, err := masked.Update(ctx, tc.resourceType, id, withID(id, of(try)), "")
							return err
						},
						"patch": func(id string) error {
							_, err := masked.Patch(ctx, tc.resourceType, id, whole(withID(id, of(try))), "")
							return err
						},
					} {
						made := create(t, admin, of(tc.stored))
						assert.NoError(t, write(made.ID), "%s", name)
					}
				}
			})
		})
	}
}

// whole is a patch that replaces everything.
type whole []byte

func (w whole) Apply([]byte, string) ([]byte, error) { return w, nil }

// TestInvariantsBindWhoDoesNotSeeAll: what the writer sees must still be right.
func TestInvariantsBindWhoDoesNotSeeAll(t *testing.T) {
	each(t, func(t *testing.T, w *repotest.World) {
		admin := w.As(t, w.A.Admin)
		masked := w.As(t, w.With(t, w.A.ID, medplum.PolicyResource{ResourceType: "Patient", HiddenFields: []string{"contact.name", "communication.language"}, ReadonlyFields: []string{"birthDate"}}))
		made := create(t, admin, `{"resourceType":"Patient","contact":[{"gender":"male","name":{"text":"Bob"}}],"communication":[{"preferred":true,"language":{"text":"x"}}],"name":[{"period":{"start":"2020-01-01","end":"2020-06-01"}}]}`)
		_, err := masked.Patch(ctx, "Patient", made.ID, replaced{`"start":"2020-01-01"`, `"start":"2020-07-01"`}, "")
		wantCode(t, err, outcome.Invariant)
		_, err = masked.Patch(ctx, "Patient", made.ID, replaced{`"preferred":true`, `"preferred":1`}, "")
		wantCode(t, err, outcome.Structure)
		now, err := masked.Patch(ctx, "Patient", made.ID, replaced{`"start":"2020-01-01"`, `"start":"2020-02-01"`}, "")
		require.NoError(t, err, "a contact without what is hidden, and a communication, are as they were")
		assert.Contains(t, string(now.Content), "2020-02-01")
		stored, err := admin.Read(ctx, "Patient", made.ID)
		require.NoError(t, err)
		assert.Contains(t, string(stored.Content), "Bob")
	})
}

// TestTheBoundOfSearchableValuesTellsNothingHidden: neither the refusal nor how much may be added
// says how much is there that the writer does not see.
func TestTheBoundOfSearchableValuesTellsNothingHidden(t *testing.T) {
	each(t, func(t *testing.T, w *repotest.World) {
		masked := w.As(t, w.With(t, w.A.ID, medplum.PolicyResource{ResourceType: "Patient", HiddenFields: []string{"name"}}))
		given := make([]string, 4000)
		for i := range given {
			given[i] = `{"given":["g` + strconv.Itoa(i) + `"]}`
		}
		full := create(t, w.As(t, w.A.Admin), `{"resourceType":"Patient","name":[`+strings.Join(given, ",")+`]}`)
		empty := create(t, w.As(t, w.A.Admin), `{"resourceType":"Patient"}`)
		var refusals []string
		for _, id := range []string{full.ID, empty.ID} {
			writes := func(n int) error {
				addresses := make([]string, n)
				for i := range addresses {
					addresses[i] = `{"line":["l` + strconv.Itoa(i) + `"],"city":"c` + strconv.Itoa(i) + `"}`
				}
				body := `{"resourceType":"Patient","address":[` + strings.Join(addresses, ",") + `]}`
				_, err := masked.Validate(ctx, repo.Validation{Type: "Patient", ID: id, Mode: "update", Body: withID(id, body)})
				return err
			}
			require.NoError(t, writes(14_000))
			err := writes(20_000)
			wantCode(t, err, outcome.TooLong)
			refusals = append(refusals, err.Error())
		}
		assert.Equal(t, refusals[0], refusals[1])
	})
}
