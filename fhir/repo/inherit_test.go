package repo_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/admitdev/admit/fhir/medplum"
	"github.com/admitdev/admit/fhir/repo"
	"github.com/admitdev/admit/fhir/repo/repotest"
	"github.com/admitdev/admit/pkg/outcome"
)

// family is a world with two patients that have accounts, and one that has none.
type family struct {
	*repotest.World
	admin            *repo.Session
	one, other, bare string // references
}

func newFamily(t *testing.T, w *repotest.World) family {
	who := w.Caller(t, w.A.Admin)
	who.Extended = true
	f := family{World: w, admin: w.Repo.As(who)}
	patient := func(meta string) string {
		return "Patient/" + create(t, f.admin, `{"resourceType":"Patient"`+meta+`}`).ID
	}
	f.one = patient(`,"meta":{"accounts":[{"reference":"Organization/one","display":"One"},{"reference":"Organization/both"}]}`)
	f.other = patient(`,"meta":{"accounts":[{"reference":"Organization/other"},{"reference":"Organization/both"}]}`)
	f.bare = patient("")
	return f
}

func about(patients ...string) string {
	body := `{"resourceType":"Observation","status":"final","code":{"text":"x"}`
	if len(patients) > 0 {
		body += `,"subject":{"reference":"` + patients[0] + `"}`
	}
	if len(patients) > 1 {
		body += `,"performer":[{"reference":"` + patients[1] + `"}]`
	}
	return body + "}"
}

func names(refs []medplum.Reference) string {
	var all []string
	for _, ref := range refs {
		all = append(all, strings.TrimPrefix(ref.Reference, "Organization/"))
	}
	return strings.Join(all, " ")
}

func TestWhatIsInAPatientsCompartmentInheritsItsAccounts(t *testing.T) {
	each(t, func(t *testing.T, w *repotest.World) {
		f := newFamily(t, w)
		staff := w.As(t, w.A.Staff)
		made := func(body string) string { return names(accountsOf(t, create(t, staff, body).Content)) }
		assert.Equal(t, "one both", made(about(f.one)))
		assert.Equal(t, "other both one", made(about(f.one, f.other)), "of each patient, once")
		assert.Empty(t, made(about(f.bare)))
		assert.Empty(t, made(about()))
		assert.Empty(t, made(`{"resourceType":"Organization","name":"x"}`))
		assert.Empty(t, made(`{"resourceType":"Patient","link":[{"type":"seealso","other":{"reference":"`+f.one+`"}}]}`), "patients do not inherit")
		assert.Empty(t, made(strings.Replace(about(), "{", `{"meta":{"accounts":[{"reference":"`+f.one+`"}]},`, 1)), "no account of the body counts")

		obs := create(t, staff, about(f.one))
		update := func(body string) string {
			got, err := staff.Update(ctx, "Observation", obs.ID, withID(obs.ID, body), "")
			require.NoError(t, err)
			return names(accountsOf(t, got.Content))
		}
		assert.Equal(t, "both other", update(about(f.other)), "it has left one patient for the other")
		assert.Equal(t, "both other one", update(about(f.other, f.one)))
		assert.Equal(t, "both other", update(about(f.other, f.bare)))
		assert.Empty(t, update(about()))
		assert.Equal(t, "one both", update(about(f.one)))
		assert.Len(t, find(t, staff, []string{"Observation"}, "_compartment=Organization/one"), 3)
	})
}

func TestAccountsThatAnAdministratorSetsAreExact(t *testing.T) {
	each(t, func(t *testing.T, w *repotest.World) {
		f := newFamily(t, w)
		staff := w.As(t, w.A.Staff)
		explicit := `{"meta":{"accounts":[{"reference":"Organization/x"}]},`
		obs := create(t, f.admin, strings.Replace(about(f.one), "{", explicit, 1))
		assert.Equal(t, "x", names(accountsOf(t, obs.Content)))
		got, err := staff.Update(ctx, "Observation", obs.ID, withID(obs.ID, strings.Replace(about(f.one), "final", "amended", 1)), "")
		require.NoError(t, err)
		assert.Equal(t, "x", names(accountsOf(t, got.Content)), "later writes keep what is there")
		_, err = f.admin.SetAccounts(ctx, medplum.RefTo("Observation", obs.ID, ""), setting(nil, false))
		require.NoError(t, err)
		got, err = staff.Update(ctx, "Observation", obs.ID, withID(obs.ID, about(f.one)), "")
		require.NoError(t, err)
		assert.Empty(t, accountsOf(t, got.Content))
		assert.Equal(t, "one both", names(accountsOf(t, create(t, f.admin, about(f.one)).Content)), "without accounts of its own it inherits")
	})
}

func TestThePoliciesCompartmentAndThePatientsAccountsComeTogether(t *testing.T) {
	each(t, func(t *testing.T, w *repotest.World) {
		f := newFamily(t, w)
		policy := medplum.RefTo(medplum.TypeAccessPolicy, w.Make(t, w.A.ID, medplum.TypeAccessPolicy, medplum.AccessPolicy{
			ResourceType: medplum.TypeAccessPolicy, Compartment: &medplum.Reference{Reference: "Organization/mine"},
			Resource: []medplum.PolicyResource{{ResourceType: "*"}},
		}), "")
		s := w.As(t, w.Member(t, w.A.ID, "Practitioner", medplum.ProjectMembership{AccessPolicy: &policy}))
		assert.Equal(t, "mine one both", names(accountsOf(t, create(t, s, about(f.one)).Content)))
	})
}

func TestAccountsComeFromPatientsAloneThatTheCallerSees(t *testing.T) {
	each(t, func(t *testing.T, w *repotest.World) {
		f := newFamily(t, w)
		observations := medplum.PolicyResource{ResourceType: "Observation"}
		_, id := medplum.Reference{Reference: f.other}.Split()
		for name, rule := range map[string]medplum.PolicyResource{
			"no right to read patients": {ResourceType: "Patient", Interaction: []string{"search"}},
			"another patient":           {ResourceType: "Patient", Criteria: "Patient?_id=" + id},
			"hidden accounts":           {ResourceType: "Patient", HiddenFields: []string{"meta.accounts"}},
			"hidden meta":               {ResourceType: "Patient", HiddenFields: []string{"meta"}},
		} {
			s := w.As(t, w.With(t, w.A.ID, observations, rule))
			assert.Empty(t, accountsOf(t, create(t, s, about(f.one)).Content), name)
		}
		_, err := w.As(t, w.B.Staff).Create(ctx, "Observation", []byte(about(f.one)))
		require.NoError(t, err)
		assert.Empty(t, find(t, w.As(t, w.B.Staff), []string{"Observation"}, "_compartment=Organization/one"), "another project's patient")
	})
}

// A subject that is put back, because the caller may not write it, brings no accounts of the one sent.
func TestAccountsFollowWhatIsStoredNotWhatIsSent(t *testing.T) {
	each(t, func(t *testing.T, w *repotest.World) {
		f := newFamily(t, w)
		patients := medplum.PolicyResource{ResourceType: "Patient"}
		s := w.As(t, w.With(t, w.A.ID, patients, medplum.PolicyResource{ResourceType: "Observation", ReadonlyFields: []string{"subject"}}))
		assert.Empty(t, accountsOf(t, create(t, s, about(f.one)).Content), "the subject is not taken")
		obs := create(t, w.As(t, w.A.Staff), about(f.one))
		got, err := s.Update(ctx, "Observation", obs.ID, withID(obs.ID, about(f.other)), "")
		require.NoError(t, err)
		assert.Equal(t, "one both", names(accountsOf(t, got.Content)))

		meta := w.As(t, w.With(t, w.A.ID, patients, medplum.PolicyResource{ResourceType: "Observation", ReadonlyFields: []string{"meta"}}))
		assert.Equal(t, "one both", names(accountsOf(t, create(t, meta, about(f.one)).Content)), "accounts are the server's to say")
	})
}

// What is inherited counts where a rule asks for it.
func TestInheritedAccountsSatisfyThePolicy(t *testing.T) {
	each(t, func(t *testing.T, w *repotest.World) {
		f := newFamily(t, w)
		s := w.As(t, w.With(t, w.A.ID, medplum.PolicyResource{ResourceType: "Patient"},
			medplum.PolicyResource{ResourceType: "Observation", Criteria: "Observation?_compartment=Organization/one"}))
		obs := create(t, s, about(f.one))
		_, err := s.Create(ctx, "Observation", []byte(about(f.other)))
		wantCode(t, err, outcome.Forbidden)
		_, err = s.Update(ctx, "Observation", obs.ID, withID(obs.ID, about(f.other)), "")
		wantCode(t, err, outcome.Forbidden)
	})
}

// Whether a project has accounts is asked once in a second; what this process writes it knows at once.
func TestAProjectIsFoundToHaveAccounts(t *testing.T) {
	each(t, func(t *testing.T, w *repotest.World) {
		staff := w.As(t, w.A.Staff)
		create(t, staff, about())
		assert.True(t, staff.Plain(ctx, "Observation"))
		f := newFamily(t, w)
		assert.False(t, staff.Plain(ctx, "Observation"), "it may have to ask a patient")
		assert.True(t, staff.Plain(ctx, "Patient"))
		assert.True(t, w.As(t, w.B.Staff).Plain(ctx, "Observation"))
		for _, patient := range []string{f.one, f.other} {
			_, err := f.admin.SetAccounts(ctx, medplum.Reference{Reference: patient}, setting(nil, false))
			require.NoError(t, err)
		}
		another := repo.New(w.Repo.Options).As(w.Caller(t, w.A.Staff))
		assert.True(t, another.Plain(ctx, "Observation"), "another process finds none")
	})
}
