package admin

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/admitdev/admit/fhir/caller"
	"github.com/admitdev/admit/fhir/index"
	"github.com/admitdev/admit/fhir/medplum"
	"github.com/admitdev/admit/fhir/repo"
	"github.com/admitdev/admit/pkg/audit"
	"github.com/admitdev/admit/pkg/outcome"
	"github.com/admitdev/admit/pkg/store"
)

// RoleOfMembers is a role with who has it, as a SCIM client sees it.
type RoleOfMembers struct {
	ID, Name, ExternalID string
	UpdatedAt            time.Time
	Members              []RoleMember
	// Tag changes with the role and with who has it. Without members there is none.
	Tag string

	version string
}

// RoleMember is a user who has a role.
type RoleMember struct{ ID, Name string }

// RoleChange is what is to become of a role. What is nil stays.
type RoleChange struct {
	Name, ExternalID *string
	// Members are users, by id, who get the role or lose it.
	Members map[string]bool
	// Only takes the role from everybody whom Members does not name.
	Only bool
}

const (
	maxRoleMembers = 10_000 // that are read together
	maxRoleChange  = 1_000  // that one change gives a role to, or takes it from
)

// rolePolicy is an AccessPolicy as far as it is a role.
type rolePolicy struct {
	Name      string              `json:"name"`
	Extension []medplum.Extension `json:"extension"`
}

func roleOfMembers(res store.Resource) (RoleOfMembers, error) {
	var stored rolePolicy
	err := decode(res, &stored)
	role := RoleOfMembers{ID: res.ID, Name: stored.Name, UpdatedAt: res.LastUpdated, version: res.Version}
	for _, e := range stored.Extension {
		if e.URL == medplum.RoleExternalID {
			role.ExternalID = e.ValueString
		}
	}
	return role, err
}

// SelectRoles gives a page of the roles for which a predicate holds, without their members, and how many
// they are.
//
// Errors: outcome Forbidden, NotFound.
func (s *Service) SelectRoles(ctx context.Context, who caller.Caller, project string, selection repo.Selection) (roles []RoleOfMembers, total int, err error) {
	if _, err := s.manage(ctx, who, project, audit.MembershipRead); err != nil {
		return nil, 0, err
	}
	selection.Where = store.And{store.Not{Of: store.Missing{Param: paramRoleName, Kind: store.StringKind}}, selection.Where}
	rows, total, err := s.Repo.System("read the roles of a project", project).Unextended().Select(ctx, medplum.TypeAccessPolicy, selection)
	if err != nil {
		return nil, 0, err
	}
	for _, res := range rows {
		role, err := roleOfMembers(res)
		if err != nil {
			return nil, 0, err
		}
		roles = append(roles, role)
	}
	return roles, total, nil
}

const paramRoleName = "name"

// RoleNamed holds for roles whose name matches, without regard to case and accents.
func RoleNamed(match store.StringMatch, name string) store.Predicate {
	return store.String{Param: paramRoleName, Match: match, Value: index.Fold(name)}
}

// ByRoleName orders roles.
func ByRoleName(desc bool) store.Sort {
	return store.Sort{Param: paramRoleName, Kind: store.StringKind, Desc: desc}
}

// WithMembers reads who has the roles.
//
// Errors: outcome Forbidden, NotFound, TooCostly when they are too many.
func (s *Service) WithMembers(ctx context.Context, who caller.Caller, project string, roles []RoleOfMembers) error {
	if _, err := s.manage(ctx, who, project, audit.MembershipRead); err != nil {
		return err
	}
	left := maxRoleMembers
	for i := range roles {
		if err := readMembers(ctx, s.reading()(project), &roles[i], left); err != nil {
			return err
		}
		left -= len(roles[i].Members)
	}
	return nil
}

func readMembers(ctx context.Context, in reader, role *RoleOfMembers, limit int) error {
	rows, err := in.Page(ctx, medplum.TypeProjectMembership, usersWithRole(role.ID), "", limit+1)
	if err != nil {
		return err
	}
	if len(rows) > limit {
		return outcome.New(outcome.TooCostly, "More than %d members; exclude them", maxRoleMembers).At("members")
	}
	role.Members = make([]RoleMember, len(rows))
	sum := sha256.New()
	fmt.Fprintln(sum, role.version)
	for i, res := range rows {
		var m medplum.ProjectMembership
		if err := decode(res, &m); err != nil {
			return err
		}
		role.Members[i] = RoleMember{ID: res.ID, Name: callName(m.Member(), m.Profile.Display, m.UserName)}
		fmt.Fprintln(sum, res.ID)
	}
	role.Tag = hex.EncodeToString(sum.Sum(nil)[:12])
	return nil
}

func usersWithRole(id string) store.Predicate {
	return store.And{UserHasRole(id), store.Not{Of: hasMemberToken(repo.MemberProgram)}}
}

// CreateRoleOfMembers makes a role that allows nothing yet and gives it to users. It is for administrators.
//
// Errors: outcome Forbidden, NotFound, Invalid.
func (s *Service) CreateRoleOfMembers(ctx context.Context, who caller.Caller, project string, in RoleChange) (made RoleOfMembers, err error) {
	err = s.withUser(ctx, who, project, audit.RoleChange, func(ctx context.Context, tx *repo.Tx, m manager) error {
		res, err := s.createRole(ctx, tx, m, RoleDraft{Name: strings.TrimSpace(text(in.Name))})
		if err != nil {
			return err
		}
		in.Name = nil
		made, err = s.changeRole(ctx, tx, m, res, in)
		return err
	})
	return made, err
}

// ChangeRole renames a role and changes who has it, all or nothing. tag, when given, is the one that the
// caller has seen. It is for administrators.
//
// Errors: outcome Forbidden, NotFound, Invalid, TooCostly, PreconditionFailed.
func (s *Service) ChangeRole(ctx context.Context, who caller.Caller, project, id, tag string, change RoleChange) (changed RoleOfMembers, err error) {
	err = s.withUser(ctx, who, project, audit.RoleChange, func(ctx context.Context, tx *repo.Tx, m manager) error {
		res, err := openRole(ctx, tx, m, id, tag)
		if err != nil {
			return err
		}
		changed, err = s.changeRole(ctx, tx, m, res, change)
		return err
	})
	return changed, err
}

// openRole reads a role that an administrator may change.
//
// Errors: outcome Forbidden, NotFound, TooCostly, PreconditionFailed.
func openRole(ctx context.Context, tx *repo.Tx, m manager, id, tag string) (store.Resource, error) {
	if m.limited {
		return store.Resource{}, outcome.New(outcome.Forbidden, "")
	}
	rows := tx.System("read the role that is changed", m.project.ID)
	res, err := rows.Read(ctx, medplum.TypeAccessPolicy, id)
	if outcome.Has(err, outcome.Gone) {
		err = outcome.New(outcome.NotFound, "")
	}
	if err != nil {
		return res, err
	}
	role, err := roleOfMembers(res)
	switch {
	case err != nil:
		return res, err
	case role.Name == "":
		return res, outcome.New(outcome.NotFound, "")
	case tag == "":
		return res, nil
	}
	if err := readMembers(ctx, rows, &role, maxRoleMembers); err != nil {
		return res, err
	}
	if role.Tag != tag {
		return res, outcome.New(outcome.PreconditionFailed, "")
	}
	return res, nil
}

func (s *Service) changeRole(ctx context.Context, tx *repo.Tx, m manager, res store.Resource, change RoleChange) (role RoleOfMembers, err error) {
	if res, err = s.editRole(ctx, tx, m, res, change); err != nil {
		return role, err
	}
	if role, err = roleOfMembers(res); err != nil {
		return role, err
	}
	members := maps.Clone(change.Members)
	if change.Only {
		before := role
		if err := readMembers(ctx, tx.System("see who loses a role", m.project.ID), &before, maxRoleMembers); err != nil {
			return role, err
		}
		members = without(change.Members, before.Members)
	}
	if len(members) > maxRoleChange {
		return role, outcome.New(outcome.TooCostly, "At most %d members may be changed together", maxRoleChange).At("members")
	}
	for _, id := range slices.Sorted(maps.Keys(members)) { // in one order, so that no two changes wait for each other
		if err := s.setRole(ctx, tx, m, id, role, members[id]); err != nil {
			return role, err
		}
	}
	return role, nil
}

// without is the change by which those named are all who have a role that others had before.
func without(named map[string]bool, before []RoleMember) map[string]bool {
	change := map[string]bool{}
	for id, has := range named {
		if has {
			change[id] = true
		}
	}
	for _, member := range before {
		if change[member.ID] {
			delete(change, member.ID)
		} else {
			change[member.ID] = false
		}
	}
	return change
}

// setRole gives one user a role or takes it away. Who is no user has no role to lose.
func (s *Service) setRole(ctx context.Context, tx *repo.Tx, m manager, id string, role RoleOfMembers, has bool) error {
	c, err := s.open(ctx, tx, m, id)
	if outcome.Has(err, outcome.NotFound) || outcome.Has(err, outcome.Gone) {
		if !has {
			return nil
		}
		return outcome.New(outcome.Invalid, "User %s does not exist", id).At("members")
	}
	if err != nil {
		return err
	}
	ref := medplum.RefTo(medplum.TypeAccessPolicy, role.ID, role.Name)
	had := slices.ContainsFunc(policiesOf(c.member), func(r medplum.Reference) bool { return r.Reference == ref.Reference })
	switch {
	case had == has:
		return nil
	case has:
		err = c.addAccess([]medplum.Access{{Policy: ref}})
	default:
		err = c.removeAccess(map[string]bool{ref.Reference: true})
	}
	if err != nil {
		return err
	}
	return c.save(ctx, audit.MembershipChange)
}

// editRole changes what a role is called.
func (s *Service) editRole(ctx context.Context, tx *repo.Tx, m manager, res store.Resource, change RoleChange) (store.Resource, error) {
	before, err := roleOfMembers(res)
	if err != nil {
		return res, err
	}
	name, externalID := before.Name, before.ExternalID
	if change.Name != nil {
		name = strings.TrimSpace(*change.Name)
	}
	if change.ExternalID != nil {
		externalID = *change.ExternalID
	}
	if name == before.Name && externalID == before.ExternalID {
		return res, nil
	}
	if !isToken(externalID) {
		return res, outcome.New(outcome.Invalid, "At most 255 characters, without control characters").At("externalId")
	}
	if name != before.Name {
		if err := s.renameRole(ctx, tx, res.Ref, before.Name, name); err != nil {
			return res, err
		}
	}
	var doc memberDocument
	if err := decode(res, &doc); err != nil {
		return res, err
	}
	var extensions []any
	if externalID != "" {
		extensions = []any{medplum.Extension{URL: medplum.RoleExternalID, ValueString: externalID}}
	}
	if err := errors.Join(doc.set("name", name), doc.replaceItems("extension", "url", medplum.RoleExternalID, extensions)); err != nil {
		return res, err
	}
	body, err := marshal(doc)
	if err != nil {
		return res, err
	}
	if res, err = tx.Administer(m.who, "rename a role", m.project.ID).Update(ctx, res.Type, res.ID, body, res.Version); err != nil {
		return res, err
	}
	return res, audit.Record(ctx, tx.Store(), event(m.who, m.project.ID, audit.RoleChange, res.Type+"/"+res.ID))
}

// renameRole lets go of the old name, if the role has the key of it, and takes the new one.
func (s *Service) renameRole(ctx context.Context, tx *repo.Tx, role store.Ref, before, after string) error {
	if err := checkRoleName(after); err != nil {
		return err
	}
	if err := s.claimRoleName(ctx, tx, role, after); err != nil {
		return err
	}
	old := store.Key{Scope: role.Project, Kind: keyRoleName, Value: before}
	owner, err := tx.Store().Owner(ctx, old)
	switch {
	case errors.Is(err, store.ErrNotFound), err == nil && owner != role:
		return nil
	case err != nil:
		return err
	}
	return tx.Store().Release(ctx, old)
}

// DeleteRoleOfMembers takes a role from every user who has it, some at a time, and deletes it. One that
// the project gives to new members, or that a client or bot has, stays. tag is as ChangeRole's. It is for
// administrators.
//
// Errors: outcome Forbidden, NotFound, Invalid, PreconditionFailed.
func (s *Service) DeleteRoleOfMembers(ctx context.Context, who caller.Caller, project, id, tag string) error {
	for {
		left := 0
		err := s.withUser(ctx, who, project, audit.RoleChange, func(ctx context.Context, tx *repo.Tx, m manager) (err error) {
			left, err = s.emptyRole(ctx, tx, m, id, tag)
			return err
		})
		if err != nil {
			return err
		}
		if tag = ""; left == 0 {
			return s.DeleteRole(ctx, who, project, id)
		}
	}
}

// emptyRole takes a role from as many users as one transaction may change, and says how many they were.
func (s *Service) emptyRole(ctx context.Context, tx *repo.Tx, m manager, id, tag string) (int, error) {
	res, err := openRole(ctx, tx, m, id, tag)
	if err != nil {
		return 0, err
	}
	role, err := roleOfMembers(res)
	if err != nil {
		return 0, err
	}
	rows := tx.System("see who loses a role", m.project.ID)
	programs, err := rows.Page(ctx, medplum.TypeProjectMembership, store.And{UserHasRole(id), hasMemberToken(repo.MemberProgram)}, "", 1)
	if err != nil {
		return 0, err
	}
	if len(programs) > 0 || isDefault(m.project, id) {
		return 0, outcome.New(outcome.Invalid, "Role %s is in use", role.Name).At("role")
	}
	users, err := rows.Page(ctx, medplum.TypeProjectMembership, usersWithRole(id), "", maxRoleChange)
	if err != nil {
		return 0, err
	}
	for _, user := range users {
		if err := s.setRole(ctx, tx, m, user.ID, role, false); err != nil {
			return 0, err
		}
	}
	return len(users), nil
}
