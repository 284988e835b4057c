package caller_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/admitdev/admit/fhir/caller"
	"github.com/admitdev/admit/fhir/medplum"
	"github.com/admitdev/admit/fhir/repo/repotest"
	"github.com/admitdev/admit/pkg/outcome"
	"github.com/admitdev/admit/pkg/store/storetest"
)

func TestAnAdministratorActsWithTheRightsOfAnother(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db storetest.DB) {
		w := repotest.New(t, db)
		org := medplum.Reference{Reference: "Organization/o1"}
		policy := medplum.RefTo(medplum.TypeAccessPolicy, w.Make(t, w.A.ID, medplum.TypeAccessPolicy, medplum.AccessPolicy{
			ResourceType: medplum.TypeAccessPolicy, Compartment: &org, Resource: []medplum.PolicyResource{{ResourceType: "Observation"}},
		}), "")
		nurse := w.Member(t, w.A.ID, "Practitioner", medplum.ProjectMembership{AccessPolicy: &policy})
		for _, target := range []string{nurse.Profile.Reference, nurse.Membership.Reference} {
			who, err := w.Resolver.Enter(ctx, w.A.Admin.Claims, target, "192.0.2.1")
			require.NoError(t, err)
			assert.False(t, who.Admin, "no right of one's own is left")
			s := w.Repo.As(who)
			_, err = s.Search(ctx, request(t, "Patient"))
			require.True(t, outcome.Has(err, outcome.Forbidden), "%v", err)
			who.Extended = true
			made, err := w.Repo.As(who).Create(ctx, "Observation", []byte(`{"resourceType":"Observation","status":"final","code":{"text":"x"}}`))
			require.NoError(t, err)
			assert.Equal(t, w.A.Admin.Profile.Reference, field(made, "meta.author.reference"))
			assert.Equal(t, nurse.Profile.Reference, field(made, "meta.onBehalfOf.reference"))
			assert.Equal(t, org.Reference, field(made, "meta.accounts.0.reference"))

			body := []byte(`{"resourceType":"Observation","id":"` + made.ID + `","status":"final","code":{"text":"x"},"meta":{"onBehalfOf":{"reference":"Practitioner/forged"}}}`)
			same, err := w.As(t, w.A.Admin).Update(ctx, "Observation", made.ID, body, "")
			require.NoError(t, err)
			assert.Equal(t, made.Version, same.Version, "on whose behalf is no change of the resource")
			body = []byte(`{"resourceType":"Observation","id":"` + made.ID + `","status":"amended","code":{"text":"x"}}`)
			changed, err := w.As(t, w.A.Admin).Update(ctx, "Observation", made.ID, body, "")
			require.NoError(t, err)
			assert.Empty(t, field(changed, "meta.onBehalfOf"))
		}
	})
}

func TestNobodyElseActsOnBehalfOfAnother(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db storetest.DB) {
		w := repotest.New(t, db)
		blocked := medplum.RefTo(medplum.TypeAccessPolicy, w.Make(t, w.A.ID, medplum.TypeAccessPolicy, medplum.AccessPolicy{
			ResourceType: medplum.TypeAccessPolicy, IPAccessRule: []medplum.IPAccessRule{{Value: "192.0.2.1", Action: "block"}},
		}), "")
		barred := w.Member(t, w.A.ID, "Practitioner", medplum.ProjectMembership{AccessPolicy: &blocked})
		off := w.Member(t, w.A.ID, "Practitioner", medplum.ProjectMembership{})
		deactivate(t, w, off)
		scoped := w.A.Admin.Claims
		scoped.LoginID, scoped.Scope = "", "user/Patient.rs"
		for _, tc := range []struct {
			name   string
			as     caller.Claims
			target string
		}{
			{"no administrator", w.A.Staff.Claims, w.A.Patient.Profile.Reference},
			{"a token for less", scoped, w.A.Patient.Profile.Reference},
			{"a profile of another project", w.A.Admin.Claims, w.B.Staff.Profile.Reference},
			{"a membership of another project", w.A.Admin.Claims, w.B.Staff.Membership.Reference},
			{"a membership of another project, by a super administrator", w.Super.Admin.Claims, w.B.Staff.Membership.Reference},
			{"nobody", w.A.Admin.Claims, "Practitioner/none"},
			{"no reference", w.A.Admin.Claims, "*"},
			{"somebody switched off", w.A.Admin.Claims, off.Profile.Reference},
			{"somebody switched off, by membership", w.A.Admin.Claims, off.Membership.Reference},
			{"somebody who may not come from there", w.A.Admin.Claims, barred.Profile.Reference},
		} {
			t.Run(tc.name, func(t *testing.T) {
				_, err := fresh(t, w).Enter(ctx, tc.as, tc.target, "192.0.2.1")
				require.True(t, outcome.Has(err, outcome.Forbidden), "%v", err)
			})
		}
	})
}

func TestWhoseRightsAreTakenOnAreThoseOfNow(t *testing.T) {
	w := repotest.New(t, storetest.SQLite(t))
	r, records := resolver(t, w, w.Store)
	warm(t, r, records, w.A.Admin.Claims)
	_, err := r.Enter(ctx, w.A.Admin.Claims, w.A.Staff.Profile.Reference, "192.0.2.1")
	require.NoError(t, err)
	before := records.reads.Load()
	_, err = r.Enter(ctx, w.A.Admin.Claims, w.A.Staff.Profile.Reference, "192.0.2.1")
	require.NoError(t, err)
	assert.Equal(t, before, records.reads.Load(), "cached")
	deactivate(t, w, w.A.Staff)
	_, err = r.Enter(ctx, w.A.Admin.Claims, w.A.Staff.Profile.Reference, "192.0.2.1")
	require.True(t, outcome.Has(err, outcome.Forbidden), "%v", err)
}
