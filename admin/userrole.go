package admin

import (
	"context"
	"encoding/json"
	"errors"
	"net/url"
	"slices"
	"strings"

	"github.com/admitdev/admit/fhir/caller"
	"github.com/admitdev/admit/fhir/medplum"
	"github.com/admitdev/admit/fhir/repo"
	"github.com/admitdev/admit/pkg/audit"
	"github.com/admitdev/admit/pkg/outcome"
	"github.com/admitdev/admit/pkg/store"
)

// keyRoleName is the kind of key that keeps the name of a role to one AccessPolicy of a project.
// AccessPolicies that were made otherwise have none, and may share a name; then it names no role.
const keyRoleName = "AccessPolicy.name"

// Role is an AccessPolicy as those who manage users see it.
type Role struct {
	ID       string          `json:"id"`
	Version  string          `json:"version"`
	Name     string          `json:"name"`
	Resource json.RawMessage `json:"resource,omitempty"`
}

// RoleDraft is a role that is to be made.
type RoleDraft struct {
	Name string `json:"name"`
	// Resource are the rules of the AccessPolicy; without any the role allows nothing.
	Resource []json.RawMessage `json:"resource"`
	// Description and Statements are a dialect's: they are kept and given back, and allow nothing.
	Description string          `json:"-"`
	Statements  json.RawMessage `json:"-"`
}

// maxStatements is how many bytes of statements a role may have.
const maxStatements = 64 << 10

func (in *RoleDraft) check() error {
	var fields outcome.Fields
	fields.Check(isDescription(in.Description), "description", "At most 4096 characters, without NUL")
	fields.Check(len(in.Statements) <= maxStatements, "statements", "At most 64 kB")
	return errors.Join(checkRoleName(in.Name), fields.Err())
}

// CreateRole makes an AccessPolicy that is given by its name. It is for administrators.
//
// Errors: outcome Forbidden, NotFound, Invalid and those of validation.
func (s *Service) CreateRole(ctx context.Context, who caller.Caller, project string, in RoleDraft) (made Role, err error) {
	in.Name = strings.TrimSpace(in.Name)
	err = s.withUser(ctx, who, project, audit.RoleChange, func(ctx context.Context, tx *repo.Tx, m manager) error {
		res, err := s.createRole(ctx, tx, m, in)
		if err != nil {
			return err
		}
		made, err = roleOf(res)
		return err
	})
	return made, err
}

func (s *Service) createRole(ctx context.Context, tx *repo.Tx, m manager, in RoleDraft) (store.Resource, error) {
	if m.limited {
		return store.Resource{}, outcome.New(outcome.Forbidden, "")
	}
	if err := in.check(); err != nil {
		return store.Resource{}, err
	}
	ref := store.Ref{Project: m.project.ID, Type: medplum.TypeAccessPolicy, ID: tx.NewID()}
	if err := s.claimRoleName(ctx, tx, ref, in.Name); err != nil {
		return store.Resource{}, err
	}
	doc := memberDocument{}
	kept := medplum.Texts(map[string]string{medplum.DescriptionExtension: in.Description, medplum.StatementsExtension: string(in.Statements)})
	err := errors.Join(doc.set("resourceType", ref.Type), doc.set("id", ref.ID), doc.set("extension", kept), doc.set("name", in.Name), doc.set("resource", in.Resource))
	if err != nil {
		return store.Resource{}, err
	}
	return createRecorded(ctx, tx, m.who, ref, "make a role", audit.RoleChange, doc)
}

func checkRoleName(name string) error {
	if name == "" || !isToken(name) || uuidForm.MatchString(name) {
		return outcome.New(outcome.Invalid, "A name has 1 to 255 characters and is no UUID").At("name")
	}
	return nil
}

func (s *Service) claimRoleName(ctx context.Context, tx *repo.Tx, role store.Ref, name string) error {
	_, claimed, err := tx.Store().Claim(ctx, store.Key{Scope: role.Project, Kind: keyRoleName, Value: name}, role)
	if err != nil {
		return err
	}
	found, err := s.policiesNamed(ctx, tx.System("find the role of a name", role.Project), name)
	if err == nil && (!claimed || len(found) > 0) {
		err = outcome.New(outcome.Duplicate, "A role with name %s exists already", name).At("name")
	}
	return err
}

func roleOf(res store.Resource) (Role, error) {
	role := Role{Version: res.Version}
	err := decode(res, &role)
	role.ID = res.ID
	return role, err
}

// policiesNamed are the AccessPolicies of a name, two at most.
func (s *Service) policiesNamed(ctx context.Context, in finder, name string) ([]store.Resource, error) {
	return s.searchIn(ctx, in, medplum.TypeAccessPolicy, url.Values{"name:exact": {escapeToken(name)}, "_count": {"2"}})
}

// roleNamed is the AccessPolicy of a name or id.
//
// Errors: outcome Invalid.
func (s *Service) roleNamed(ctx context.Context, tx *repo.Tx, project, name string) (Role, error) {
	return s.roleIn(ctx, tx.System("read a role", project), name)
}

func (s *Service) roleIn(ctx context.Context, in finder, name string) (Role, error) {
	if uuidForm.MatchString(name) {
		res, err := in.Read(ctx, medplum.TypeAccessPolicy, name)
		if outcome.Has(err, outcome.NotFound) || outcome.Has(err, outcome.Gone) {
			err = noRole(name)
		}
		if err != nil {
			return Role{}, err
		}
		return roleOf(res)
	}
	found, err := s.policiesNamed(ctx, in, name)
	switch {
	case err != nil:
		return Role{}, err
	case len(found) == 0:
		return Role{}, noRole(name)
	case len(found) > 1:
		return Role{}, outcome.New(outcome.Invalid, "Several roles are named %s; give the id of one", name).At("roles")
	}
	return roleOf(found[0])
}

func noRole(name string) error {
	return outcome.New(outcome.Invalid, "Role %s does not exist", name).At("roles")
}

// Roles lists the roles of a project in the order in which they were made.
//
// Errors: outcome Forbidden, NotFound.
func (s *Service) Roles(ctx context.Context, who caller.Caller, project, cursor string) (roles []Role, next string, err error) {
	if _, err := s.manage(ctx, who, project, audit.MembershipRead); err != nil {
		return nil, "", err
	}
	rows, next, err := s.page(ctx, project, medplum.TypeAccessPolicy, nil, cursor)
	roles = []Role{}
	for _, res := range rows {
		role, err := roleOf(res)
		if err != nil {
			return nil, "", err
		}
		roles = append(roles, role)
	}
	return roles, next, err
}

// ReadRole reads a role by its name or id.
//
// Errors: outcome Forbidden, NotFound.
func (s *Service) ReadRole(ctx context.Context, who caller.Caller, project, name string) (Role, error) {
	if _, err := s.manage(ctx, who, project, audit.MembershipRead); err != nil {
		return Role{}, err
	}
	role, err := s.roleIn(ctx, s.Repo.System("read a role", project), name)
	return role, asNotFound(err)
}

// asNotFound is for a role that the address names.
func asNotFound(err error) error {
	if outcome.Has(err, outcome.Invalid) {
		return outcome.New(outcome.NotFound, "")
	}
	return err
}

// DeleteRole deletes a role that nobody has. It is for administrators.
//
// Errors: outcome Forbidden, NotFound, Invalid while a membership has it.
func (s *Service) DeleteRole(ctx context.Context, who caller.Caller, project, name string) error {
	return s.withUser(ctx, who, project, audit.RoleChange, func(ctx context.Context, tx *repo.Tx, m manager) error {
		if m.limited {
			return outcome.New(outcome.Forbidden, "")
		}
		role, err := s.roleNamed(ctx, tx, project, name)
		if err != nil {
			return asNotFound(err)
		}
		// A membership with a policy that is gone could not sign in at all.
		holders, err := s.search(ctx, tx, "see who has a role", project, medplum.TypeProjectMembership,
			url.Values{"access-policy": {medplum.TypeAccessPolicy + "/" + role.ID}, "_count": {"1"}})
		if err != nil {
			return err
		}
		if len(holders) > 0 || isDefault(m.project, role.ID) {
			return outcome.New(outcome.Invalid, "Role %s is in use", role.Name).At("role")
		}
		if err := tx.Administer(who, "delete a role", project).Delete(ctx, medplum.TypeAccessPolicy, role.ID); err != nil {
			return err
		}
		return audit.Record(ctx, tx.Store(), event(who, project, audit.RoleChange, medplum.TypeAccessPolicy+"/"+role.ID))
	})
}

// isDefault says whether the project gives the policy to new memberships.
func isDefault(project medplum.Project, id string) bool {
	ref := medplum.TypeAccessPolicy + "/" + id
	return project.DefaultPatientAccessPolicy != nil && project.DefaultPatientAccessPolicy.Reference == ref ||
		slices.ContainsFunc(project.DefaultAccessPolicies, func(d medplum.DefaultAccessPolicy) bool { return d.AccessPolicy.Reference == ref })
}

// maxRoles is how many policies one user may have.
const maxRoles = 100

// AddRoles gives a user roles; those that they have stay.
//
// Errors: outcome Forbidden, NotFound, Gone, Invalid.
func (s *Service) AddRoles(ctx context.Context, who caller.Caller, project, id string, names []string) (User, error) {
	return s.changeUser(ctx, who, project, id, audit.MembershipChange, func(ctx context.Context, c *changing) error {
		given, err := s.accessOf(ctx, c.tx, project, names)
		if err != nil {
			return err
		}
		return c.addAccess(given)
	})
}

// AddPolicies gives a user AccessPolicies with their parameters, beside those that they have.
//
// Errors: as AddRoles'.
func (s *Service) AddPolicies(ctx context.Context, who caller.Caller, project, id string, access []medplum.Access) (User, error) {
	return s.changeUser(ctx, who, project, id, audit.MembershipChange, func(_ context.Context, c *changing) error {
		return c.addAccess(access)
	})
}

// addAccess adds entries to those of the membership, which are kept as they are written.
func (c *changing) addAccess(given []medplum.Access) error {
	var entries []json.RawMessage
	if raw := c.doc["access"]; raw != nil {
		if err := json.Unmarshal(raw, &entries); err != nil {
			return err
		}
	}
	has := policiesOf(c.member)
	for _, entry := range given {
		if len(entry.Parameter) == 0 && slices.ContainsFunc(has, func(r medplum.Reference) bool { return r.Reference == entry.Policy.Reference }) {
			continue
		}
		raw, err := marshal(entry)
		if err != nil {
			return err
		}
		entries = append(entries, raw)
	}
	if len(entries) > maxRoles {
		return outcome.New(outcome.Invalid, "A user may have %d roles at most", maxRoles).At("roles")
	}
	return c.doc.set("access", entries)
}

// RemoveRoles takes roles away from a user, whatever their parameters. Whoever has none left may do
// nothing.
//
// Errors: outcome Forbidden, NotFound, Gone, Invalid.
func (s *Service) RemoveRoles(ctx context.Context, who caller.Caller, project, id string, names []string) (User, error) {
	return s.changeUser(ctx, who, project, id, audit.MembershipChange, func(ctx context.Context, c *changing) error {
		removed := map[string]bool{}
		for _, name := range names {
			role, err := s.roleNamed(ctx, c.tx, project, name)
			if err != nil {
				return err
			}
			removed[medplum.TypeAccessPolicy+"/"+role.ID] = true
		}
		return c.removeAccess(removed)
	})
}

func (c *changing) removeAccess(removed map[string]bool) error {
	if policy := c.member.AccessPolicy; policy != nil && removed[policy.Reference] {
		delete(c.doc, "accessPolicy")
	}
	var entries, kept []json.RawMessage
	if raw := c.doc["access"]; raw != nil {
		if err := json.Unmarshal(raw, &entries); err != nil {
			return err
		}
	}
	for i, entry := range c.member.Access {
		if !removed[entry.Policy.Reference] {
			kept = append(kept, entries[i])
		}
	}
	return c.doc.set("access", kept)
}

// UserPolicies are the policies of a user with their parameters.
//
// Errors: outcome Forbidden, NotFound, Gone.
func (s *Service) UserPolicies(ctx context.Context, who caller.Caller, project, id string) (access []medplum.Access, err error) {
	if _, err := s.manage(ctx, who, project, audit.MembershipRead); err != nil {
		return nil, err
	}
	res, err := s.reading()(project).Read(ctx, medplum.TypeProjectMembership, id)
	if err != nil {
		return nil, err
	}
	var m medplum.ProjectMembership
	if err := decode(res, &m); err != nil {
		return nil, err
	}
	access = []medplum.Access{}
	if m.AccessPolicy != nil {
		access = append(access, medplum.Access{Policy: *m.AccessPolicy})
	}
	return append(access, m.Access...), nil
}
