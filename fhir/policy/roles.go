package policy

import (
	"slices"

	"github.com/admitdev/admit/fhir/index"
	"github.com/admitdev/admit/fhir/medplum"
	"github.com/admitdev/admit/pkg/store"
)

// identityTypes are never covered by a rule for all types; only the roles below open them.
var identityTypes = []string{
	medplum.TypeProject, medplum.TypeProjectMembership, medplum.TypeUserSecurityRequest, medplum.TypeUser,
	"Package", "PackageRelease", "PackageInstallation",
}

// superTypes are for super admins alone.
var superTypes = []string{medplum.TypeDomainConfiguration, medplum.TypeJSONWebKey, medplum.TypeLogin}

func isIdentity(resourceType string) bool {
	return slices.Contains(identityTypes, resourceType) || slices.Contains(superTypes, resourceType)
}

// mayName says whether a policy of the subject can say anything about the type.
func (s Subject) mayName(resourceType string) bool { return s.SuperAdmin || !isIdentity(resourceType) }

// roles adds the rules that administrators have besides their policies.
func (c *compiler) roles() {
	switch {
	case c.subject.SuperAdmin:
		c.superAdmin()
	case c.subject.Admin:
		c.projectAdmin()
	}
}

// superAdmin opens the identity types that the policies do not mention, in all projects. Sessions,
// keys and security requests are made by the server alone.
func (c *compiler) superAdmin() {
	for _, t := range slices.Concat(identityTypes, superTypes) {
		if c.names(t) {
			continue
		}
		rule := &Rule{origin: originSuperAdmin, entry: medplum.PolicyResource{ResourceType: t}, grants: interactions}
		if t == medplum.TypeLogin || t == medplum.TypeJSONWebKey || t == medplum.TypeUserSecurityRequest {
			rule.entry.Readonly, rule.grants = true, readonly
		}
		c.rules = append(c.rules, rule)
	}
}

// projectAdmin opens the identity types of the subject's own project (contract of Medplum).
func (c *compiler) projectAdmin() {
	own := c.subject.Project
	inProject := store.Reference{
		Param:  index.CompartmentParam,
		Values: []store.ReferenceValue{{Type: medplum.TypeProject, ID: own}},
	}
	c.add(medplum.PolicyResource{
		ResourceType:   medplum.TypeProject,
		Criteria:       "Project?_id=" + own,
		Interaction:    []string{"read", "vread", "update", "history", "create", "search"},
		HiddenFields:   []string{"superAdmin", "systemSecret", "strictMode"},
		ReadonlyFields: []string{"features", "link", "systemSetting"},
	}, store.IDIn{own})
	// The description has no criteria, as Medplum's has none: there a project that is not linked
	// does not exist, here this rule sees to it.
	c.add(medplum.PolicyResource{
		ResourceType: medplum.TypeProject,
		Interaction:  []string{"read", "vread", "history", "search"},
		HiddenFields: []string{"superAdmin", "setting", "systemSetting", "secret", "systemSecret", "strictMode"},
	}, store.IDIn(slices.Clone(c.subject.Linked)))
	c.add(medplum.PolicyResource{
		ResourceType:   medplum.TypeProjectMembership,
		Criteria:       "ProjectMembership?_project=" + own,
		ReadonlyFields: []string{"project", "user"},
	}, inProject)
	c.add(medplum.PolicyResource{
		ResourceType: medplum.TypeUserSecurityRequest,
		Criteria:     "UserSecurityRequest?_project=" + own,
		Readonly:     true,
	}, inProject)
	c.add(medplum.PolicyResource{
		ResourceType:   medplum.TypeUser,
		Criteria:       "User?_project=" + own,
		HiddenFields:   []string{"passwordHash", "mfaSecret"},
		ReadonlyFields: []string{"email", "emailVerified", "mfaEnrolled", "project"},
	}, inProject)
	for _, t := range []string{"Package", "PackageRelease", "PackageInstallation"} {
		c.add(medplum.PolicyResource{ResourceType: t, Readonly: true}, nil)
	}
}

// add makes a rule of our own; where is what its criteria means.
func (c *compiler) add(entry medplum.PolicyResource, where store.Predicate) {
	grants, err := granted(entry)
	if err != nil {
		panic("policy: " + err.Error()) // the entries above name interactions that exist
	}
	c.rules = append(c.rules, &Rule{
		Hidden: entry.HiddenFields, Readonly: entry.ReadonlyFields, origin: originAdmin, entry: entry, grants: grants, where: where,
	})
}
