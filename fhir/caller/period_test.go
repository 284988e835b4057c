package caller_test

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/admitdev/admit/fhir/medplum"
	"github.com/admitdev/admit/fhir/policy"
	"github.com/admitdev/admit/fhir/repo/repotest"
	"github.com/admitdev/admit/pkg/clock"
	"github.com/admitdev/admit/pkg/outcome"
	"github.com/admitdev/admit/pkg/store/storetest"
)

// hands is a clock that is set.
type hands struct {
	clock.System
	at atomic.Int64
}

func (h *hands) set(text string) {
	at, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		panic(err)
	}
	h.at.Store(at.UnixMilli())
}

func (h *hands) Now() time.Time { return time.UnixMilli(h.at.Load()).UTC() }

func limited(policyID string, period medplum.Period) medplum.Access {
	return medplum.Access{
		Policy:            medplum.RefTo(medplum.TypeAccessPolicy, policyID, ""),
		ModifierExtension: []medplum.Extension{{URL: policy.AccessPeriod, ValuePeriod: &period}},
	}
}

func TestAnAccessBeginsAndEndsByItself(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db storetest.DB) {
		w := repotest.New(t, db)
		patients := w.Policy(t, w.A.ID, medplum.PolicyResource{ResourceType: "Patient"})
		observations := w.Policy(t, w.A.ID, medplum.PolicyResource{ResourceType: "Observation"})
		member := w.Member(t, w.A.ID, "Practitioner", medplum.ProjectMembership{Access: []medplum.Access{
			limited(patients, medplum.Period{Start: "2026-03-01T08:00:00Z", End: "2026-03-01T16:00:00.500Z"}),
			limited(observations, medplum.Period{Start: "2026-03-01T12:00:00+01:00", End: "2026-03-02"}),
		}})
		now := &hands{}
		now.set("2026-03-01T07:59:59.999Z")
		r, records := resolverAt(t, w, w.Store, now)
		for _, tc := range []struct {
			at                   string
			patient, observation bool
			cached               bool // so that what follows would come from the cache
		}{
			{"2026-03-01T07:59:59.999Z", false, false, true},
			{"2026-03-01T08:00:00Z", true, false, true},
			{"2026-03-01T10:59:59.999Z", true, false, false},
			{"2026-03-01T11:00:00Z", true, true, false},
			{"2026-03-01T16:00:00.500Z", true, true, false},
			{"2026-03-01T16:00:00.501Z", false, true, true},
			{"2026-03-02T23:59:59.999Z", false, true, false},
			{"2026-03-03T00:00:00Z", false, false, false},
		} {
			now.set(tc.at)
			who, err := r.Resolve(ctx, member.Claims)
			require.NoError(t, err)
			for resourceType, may := range map[string]bool{"Patient": tc.patient, "Observation": tc.observation} {
				_, allowed := who.Policy.Narrow(policy.Read, resourceType)
				require.Equal(t, may, allowed, "%s at %s", resourceType, tc.at)
			}
			if tc.cached {
				warm(t, r, records, member.Claims)
			}
		}
	})
}

func TestAnAccessWhosePeriodIsNotUnderstoodIsRefused(t *testing.T) {
	w := repotest.New(t, storetest.SQLite(t))
	id := w.Policy(t, w.A.ID, medplum.PolicyResource{ResourceType: "*"})
	for _, tc := range []struct {
		name, entry, at string
	}{
		{"end before start", period(`{"start":"2026-03-02","end":"2026-03-01"}`), "value"},
		{"no bounds", period(`{}`), "modifierExtension"},
		{"no date", period(`{"start":"tomorrow"}`), "start"},
		{"no period", `"modifierExtension":[{"url":"` + policy.AccessPeriod + `","valueBoolean":true}]`, "valuePeriod"},
		{"another modifier", `"modifierExtension":[{"url":"urn:other","valueBoolean":true}]`, "url"},
		{"twice", `"modifierExtension":[{"url":"` + policy.AccessPeriod + `","valuePeriod":{"end":"2026"}},{"url":"` + policy.AccessPeriod + `","valuePeriod":{"end":"2027"}}]`, "modifierExtension"},
		{"where it could be overlooked", `"extension":[{"url":"` + policy.AccessPeriod + `","valuePeriod":{"end":"2026"}}]`, "extension"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			body := `{"resourceType":"ProjectMembership","project":{"reference":"Project/` + w.A.ID + `"},"user":{"reference":"` + w.A.Staff.User.Reference +
				`"},"profile":{"reference":"` + w.A.Staff.Profile.Reference + `"},"access":[{"policy":{"reference":"AccessPolicy/` + id + `"},` + tc.entry + `}]}`
			_, err := w.As(t, w.A.Admin).Create(ctx, medplum.TypeProjectMembership, []byte(body))
			var o *outcome.Outcome
			require.ErrorAs(t, err, &o)
			require.Equal(t, 400, o.Code.Status, "%v", err)
			require.Contains(t, o.Issues[0].Expression[0], "ProjectMembership.access[0]", "%v", err)
			require.Contains(t, o.Issues[0].Expression[0], tc.at)
		})
	}
}

func period(value string) string {
	return `"modifierExtension":[{"url":"` + policy.AccessPeriod + `","valuePeriod":` + value + `}]`
}

func TestAnAccessWithoutItsParameterIsRefused(t *testing.T) {
	w := repotest.New(t, storetest.SQLite(t))
	id := w.Policy(t, w.A.ID, medplum.PolicyResource{ResourceType: "Patient", Criteria: "Patient?organization=%organization"})
	m := medplum.ProjectMembership{
		ResourceType: medplum.TypeProjectMembership, Project: medplum.RefTo("Project", w.A.ID, ""), User: w.A.Staff.User, Profile: w.A.Staff.Profile,
		Access: []medplum.Access{{Policy: medplum.RefTo(medplum.TypeAccessPolicy, id, "")}},
	}
	_, err := w.As(t, w.A.Admin).Create(ctx, medplum.TypeProjectMembership, encode(t, m))
	var o *outcome.Outcome
	require.ErrorAs(t, err, &o)
	require.Equal(t, "Parameter organization has no value", err.Error())
	require.Equal(t, []string{"ProjectMembership.access[0]"}, o.Issues[0].Expression)
	require.Equal(t, "AccessPolicy/"+id+", AccessPolicy.resource[0].criteria", o.Issues[0].Diagnostics)
	organization := "Organization/o"
	m.Access[0].Parameter = []medplum.Parameter{{Name: "organization", ValueString: &organization}}
	_, err = w.As(t, w.A.Admin).Create(ctx, medplum.TypeProjectMembership, encode(t, m))
	require.NoError(t, err)
}
