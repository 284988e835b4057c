package repo_test

import (
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/admitdev/admit/fhir/medplum"
	"github.com/admitdev/admit/fhir/repo"
	"github.com/admitdev/admit/fhir/repo/repotest"
	"github.com/admitdev/admit/pkg/outcome"
	"github.com/admitdev/admit/pkg/store/storetest"
)

// constraining is a profile of Patient with one element, besides the root that it must have.
func constraining(url, element string) string {
	if !strings.HasPrefix(element, `{"id":"Patient",`) {
		element = `{"id":"Patient","path":"Patient"},` + element
	}
	return `{"resourceType":"StructureDefinition","url":"` + url + `","name":"X","status":"active","kind":"resource","abstract":false,"type":"Patient",
		"baseDefinition":"http://hl7.org/fhir/StructureDefinition/Patient","derivation":"constraint","differential":{"element":[` + element + `]}}`
}

func claiming(url, rest string) string {
	return `{"resourceType":"Patient","meta":{"profile":["` + url + `"]}` + rest + `}`
}

func TestProfilesBindWrites(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db storetest.DB) {
		w := repotest.New(t, db)
		ctx := context.Background()
		admin, staff, other := w.As(t, w.A.Admin), w.As(t, w.A.Staff), w.As(t, w.B.Staff)
		writes := func(as *repo.Session, body string) error {
			_, err := as.Create(ctx, "Patient", []byte(body))
			return err
		}
		require.NoError(t, writes(staff, claiming("urn:p", "")), "nobody has defined it yet")
		made, err := admin.Create(ctx, "StructureDefinition", []byte(constraining("urn:p", `{"id":"Patient.name","path":"Patient.name","min":1}`)))
		require.NoError(t, err)

		missing := writes(staff, claiming("urn:p", ""))
		assert.True(t, outcome.Has(missing, outcome.Structure), "%v", missing)
		assert.EqualError(t, missing, "Missing required property")
		assert.NoError(t, writes(staff, claiming("urn:p", `,"name":[{"text":"x"}]`)))
		assert.NoError(t, writes(staff, `{"resourceType":"Patient"}`), "which names no profile")
		assert.NoError(t, writes(other, claiming("urn:p", "")), "another project's")
		linked := w.Project(t, medplum.Project{Name: "Linked", Link: []medplum.Link{{Project: medplum.RefTo("Project", w.A.ID, "")}}})
		assert.Error(t, writes(w.As(t, linked.Staff), claiming("urn:p", "")), "that of a linked project")
		blind := w.As(t, w.With(t, w.A.ID, medplum.PolicyResource{ResourceType: "Patient"}))
		assert.Error(t, writes(blind, claiming("urn:p", "")), "whoever may not read it is bound all the same")

		t.Run("an update and a patch", func(t *testing.T) {
			plain, err := staff.Create(ctx, "Patient", []byte(`{"resourceType":"Patient"}`))
			require.NoError(t, err)
			_, err = staff.Update(ctx, "Patient", plain.ID, []byte(strings.Replace(claiming("urn:p", ""), `"meta"`, `"id":"`+plain.ID+`","meta"`, 1)), "")
			assert.Error(t, err)
		})
		t.Run("a profile that changes counts at once", func(t *testing.T) {
			changed := strings.Replace(constraining("urn:p", `{"id":"Patient.gender","path":"Patient.gender","min":1}`), `"url"`, `"id":"`+made.ID+`","url"`, 1)
			_, err := admin.Update(ctx, "StructureDefinition", made.ID, []byte(changed), "")
			require.NoError(t, err)
			assert.NoError(t, writes(staff, claiming("urn:p", `,"gender":"male"`)))
			assert.Error(t, writes(staff, claiming("urn:p", `,"name":[{"text":"x"}]`)))
			require.NoError(t, admin.Delete(ctx, "StructureDefinition", made.ID))
			assert.NoError(t, writes(staff, claiming("urn:p", "")))
		})
		t.Run("a transaction sees what it defines, and nobody else before its end", func(t *testing.T) {
			undone := assert.AnError
			err := admin.InTx(ctx, func(tx *repo.Tx) error {
				_, err := tx.Create(ctx, "StructureDefinition", []byte(constraining("urn:t", `{"id":"Patient.name","path":"Patient.name","min":1}`)))
				require.NoError(t, err)
				_, err = tx.Create(ctx, "Patient", []byte(claiming("urn:t", "")))
				assert.Error(t, err)
				return undone
			})
			require.ErrorIs(t, err, undone)
			assert.NoError(t, writes(staff, claiming("urn:t", "")))
		})
		t.Run("one that cannot be checked is refused", func(t *testing.T) {
			slices := `{"id":"Patient.generalPractitioner","path":"Patient.generalPractitioner","slicing":{"discriminator":[{"type":"type","path":"resolve()"}],"rules":"open"}},{"id":"Patient.generalPractitioner:a","path":"Patient.generalPractitioner","sliceName":"a"}`
			_, err := admin.Create(ctx, "StructureDefinition", []byte(constraining("urn:r", slices)))
			require.NoError(t, err)
			err = writes(staff, claiming("urn:r", ""))
			assert.True(t, outcome.Has(err, outcome.NotSupported), "%v", err)
		})
		t.Run("too many", func(t *testing.T) {
			err := writes(staff, claiming(strings.Repeat(`urn:x","`, 21)+"urn:y", ""))
			assert.True(t, outcome.Has(err, outcome.TooCostly), "%v", err)
		})
	})
}

// TestProfilesTellNothingHidden holds that a profile of a caller's own making does not tell what an
// element is that is hidden from it.
func TestProfilesTellNothingHidden(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db storetest.DB) {
		w := repotest.New(t, db)
		ctx := context.Background()
		admin := w.As(t, w.A.Admin)
		made, err := admin.Create(ctx, "Patient", []byte(`{"resourceType":"Patient","birthDate":"1950-01-01"}`))
		require.NoError(t, err)
		masked := w.As(t, w.With(t, w.A.ID, medplum.PolicyResource{ResourceType: "Patient", HiddenFields: []string{"birthDate"}}, medplum.PolicyResource{ResourceType: "StructureDefinition"}))
		for i, element := range []string{
			`{"id":"Patient.birthDate","path":"Patient.birthDate","fixedDate":"1950-01-01"}`, `{"id":"Patient.birthDate","path":"Patient.birthDate","fixedDate":"1951-01-01"}`,
			`{"id":"Patient","path":"Patient","constraint":[{"key":"a","severity":"error","human":"x","expression":"birthDate < @1960-01-01"}]}`,
			`{"id":"Patient","path":"Patient","constraint":[{"key":"a","severity":"error","human":"x","expression":"birthDate.exists()"}]}`,
			`{"id":"Patient","path":"Patient","constraint":[{"key":"a","severity":"error","human":"x","expression":"birthDate.empty()"}]}`,
		} {
			url := "urn:probe:" + string(rune('a'+i))
			_, err := masked.Create(ctx, "StructureDefinition", []byte(constraining(url, element)))
			require.NoError(t, err)
			body := strings.Replace(claiming(url, ""), `"meta"`, `"id":"`+made.ID+`","meta"`, 1)
			_, err = masked.Update(ctx, "Patient", made.ID, []byte(body), "")
			assert.NoError(t, err, element)
		}
		still, err := admin.Read(ctx, "Patient", made.ID)
		require.NoError(t, err)
		assert.Contains(t, string(still.Content), "1950-01-01")
	})
}
