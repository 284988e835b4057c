package admin

import (
	"context"
	"slices"

	"github.com/admitdev/admit/fhir/definitions"
	"github.com/admitdev/admit/fhir/medplum"
	"github.com/admitdev/admit/fhir/repo"
)

// defaultPolicies are the policies that a new project begins with. They are ordinary resources:
// its administrators see them, change them, and name others in Project.defaultAccessPolicies.
func defaultPolicies() []defaultPolicy {
	return []defaultPolicy{
		{"Default policy of patients and related persons", []string{"Patient", "RelatedPerson"}, ownRecord()},
		{"Default policy of staff and programs", []string{"Practitioner", medplum.TypeClientApplication, medplum.TypeBot}, append(clinical(), launching())},
		{"Default policy of administrators", []string{"Admin"}, []medplum.PolicyResource{{ResourceType: "*"}}},
	}
}

type defaultPolicy struct {
	name         string
	profileTypes []string
	rules        []medplum.PolicyResource
}

// ownRecord is the compartment of the patient: %patient is the profile of a Patient, and what the
// membership of a RelatedPerson says. They may add to the record and correct who they are, but not
// rewrite what others wrote there.
//
// One of several ways into the compartment is enough to be in it, so whoever performs an Observation
// could write it about somebody else; what is added therefore names no other patient at all. What
// says who somebody is, or what happened, is not theirs to add.
//
// Binary is left out: it is in no compartment, and a rule that opened it would open every Binary of the
// project that names no securityContext. A project whose patients are to read attachments adds a rule
// for Binary once all of its Binaries name one.
func ownRecord() []medplum.PolicyResource {
	fhirpath := func(expression string) medplum.Expression {
		return medplum.Expression{Language: "text/fhirpath", Expression: expression}
	}
	return []medplum.PolicyResource{
		{ResourceType: "*", Criteria: "*?_compartment=%patient", Interaction: []string{"read", "vread", "history", "search"}},
		{
			ResourceType: "*", Criteria: "*?_compartment=%patient", Interaction: []string{"create"},
			WriteConstraint: []medplum.Expression{
				fhirpath("descendants().reference.ofType(string).where(matches('(^|/)Patient/')).all($this = %patient)"),
				fhirpath("(Patient.exists() or Person.exists() or Group.exists() or AuditEvent.exists() or Provenance.exists()).not()"),
			},
		},
		{ResourceType: "Patient", Criteria: "Patient?_id=%patient.id", Interaction: []string{"update"}, ReadonlyFields: []string{"link"}},
	}
}

// clinical is every resource type of R4, each by its name. A rule for all types would open the
// policies themselves, and whoever may write a policy may do anything.
func clinical() []medplum.PolicyResource {
	var rules []medplum.PolicyResource
	for _, resourceType := range definitions.ResourceTypes() {
		if !slices.Contains(medplumTypes(), resourceType) {
			rules = append(rules, medplum.PolicyResource{ResourceType: resourceType})
		}
	}
	return rules
}

// launching lets staff open an application about a patient (SMART App Launch, EHR launch).
func launching() medplum.PolicyResource {
	return medplum.PolicyResource{ResourceType: "SmartAppLaunch", Interaction: []string{"create", "read"}}
}

// medplumTypes are the types that R4 does not have.
func medplumTypes() []string {
	return []string{
		"AccessPolicy", "Agent", "AsyncJob", "Bot", "BulkDataExport", "ClientApplication", "DomainConfiguration",
		"JsonWebKey", "Login", "Package", "PackageInstallation", "PackageRelease", "Project", "ProjectMembership",
		"SmartAppLaunch", "User", "UserConfiguration", "UserSecurityRequest", "ViewDefinition",
	}
}

// makeDefaultPolicies stores the policies in a project and tells which profile types get which.
func makeDefaultPolicies(ctx context.Context, tx *repo.Tx, project string) ([]medplum.DefaultAccessPolicy, error) {
	var made []medplum.DefaultAccessPolicy
	for _, policy := range defaultPolicies() {
		body, err := marshal(medplum.AccessPolicy{
			ResourceType: medplum.TypeAccessPolicy, Name: policy.name, Resource: policy.rules,
		})
		if err != nil {
			return nil, err
		}
		res, err := tx.System("make the default policies of a new project", project).Create(ctx, medplum.TypeAccessPolicy, body)
		if err != nil {
			return nil, err
		}
		for _, profileType := range policy.profileTypes {
			ref := medplum.RefTo(res.Type, res.ID, policy.name)
			made = append(made, medplum.DefaultAccessPolicy{ProfileType: profileType, AccessPolicy: ref})
		}
	}
	return made, nil
}
