package policy_test

import (
	"encoding/json"
	"testing"

	"github.com/admitdev/admit/fhir/medplum"
	"github.com/admitdev/admit/fhir/policy"
)

// TestDescribe is what a running Medplum showed an owner in /auth/me.
func TestDescribe(t *testing.T) {
	p, err := policy.Compile([]policy.Source{{Policy: medplum.AccessPolicy{Resource: []medplum.PolicyResource{{ResourceType: "*"}}}}},
		policy.Subject{Project: project, Profile: homer, Admin: true})
	if err != nil {
		t.Fatal(err)
	}
	got, err := json.Marshal(p.Describe())
	if err != nil {
		t.Fatal(err)
	}
	want := `{"resourceType":"AccessPolicy","resource":[{"resourceType":"*"},{"resourceType":"SearchParameter","readonly":true},` +
		`{"resourceType":"StructureDefinition","readonly":true},` +
		`{"resourceType":"Project","criteria":"Project?_id=` + project + `","interaction":["read","vread","update","history","create","search"],` +
		`"hiddenFields":["superAdmin","systemSecret","strictMode"],"readonlyFields":["features","link","systemSetting"]},` +
		`{"resourceType":"Project","interaction":["read","vread","history","search"],` +
		`"hiddenFields":["superAdmin","setting","systemSetting","secret","systemSecret","strictMode"]},` +
		`{"resourceType":"ProjectMembership","criteria":"ProjectMembership?_project=` + project + `","readonlyFields":["project","user"]},` +
		`{"resourceType":"UserSecurityRequest","criteria":"UserSecurityRequest?_project=` + project + `","readonly":true},` +
		`{"resourceType":"User","criteria":"User?_project=` + project + `","hiddenFields":["passwordHash","mfaSecret"],` +
		`"readonlyFields":["email","emailVerified","mfaEnrolled","project"]},` +
		`{"resourceType":"Package","readonly":true},{"resourceType":"PackageRelease","readonly":true},{"resourceType":"PackageInstallation","readonly":true}]}`
	if string(got) != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestDescribeShowsValues(t *testing.T) {
	org := "Organization/a,b&c"
	p := compile(t, subject, `{"resourceType":"Patient","criteria":"Patient?organization=%org&_id=%patient.id&_tag=s|a,b"},
		{"resourceType":"Observation","compartment":{"reference":"%patient"}}`, medplum.Parameter{Name: "org", ValueString: &org})
	if got := p.Describe().Resource[0].Criteria; got != `Patient?organization=Organization/a%5C%2Cb%26c&_id=homer&_tag=s|a,b` {
		t.Error(got)
	}
	if got := p.Describe().Resource[1].Compartment.Reference; got != "Patient/homer" {
		t.Error(got)
	}
	if got := p.Describe().BasedOn; len(got) != 1 || got[0].Reference != "AccessPolicy/p" {
		t.Error(got)
	}
}
