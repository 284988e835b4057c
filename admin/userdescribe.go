package admin

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/admitdev/admit/fhir/medplum"
	"github.com/admitdev/admit/pkg/store"
)

// describe shows memberships as users, with one read each of their Users, policies and Groups.
// Memberships of programs are left out.
func (s *Service) describe(ctx context.Context, in func(project string) reader, project string, rows []store.Resource) ([]User, error) {
	members := make([]medplum.ProjectMembership, len(rows))
	var users, policies, groups []string
	for i, res := range rows {
		if err := decode(res, &members[i]); err != nil {
			return nil, err
		}
		if resourceType, id := members[i].User.Split(); resourceType == medplum.TypeUser {
			users = append(users, id)
		}
		for _, ref := range policiesOf(members[i]) {
			_, id := ref.Split()
			policies = append(policies, id)
		}
		groups = append(groups, members[i].Groups()...)
	}
	known, err := readUsers(ctx, in, project, users)
	if err != nil {
		return nil, err
	}
	roles, err := readAll[medplum.AccessPolicy](ctx, in(project), medplum.TypeAccessPolicy, policies)
	if err != nil {
		return nil, err
	}
	joined, err := readAll[group](ctx, in(project), medplum.TypeGroup, groups)
	if err != nil {
		return nil, err
	}
	names, err := readNames(ctx, in(project), members, known)
	if err != nil {
		return nil, err
	}
	shown := make([]User, 0, len(rows))
	for i, row := range rows {
		m := members[i]
		_, id := m.User.Split()
		if account, ok := known[id]; ok {
			if account.Project == nil { // who they are elsewhere is not the project's to know
				account = names[m.Profile.Reference].of(account)
			}
			u := describeUser(row, m, account)
			u.addRoles(m, roles)
			u.addGroups(m, joined)
			shown = append(shown, u)
		}
	}
	return shown, nil
}

// readUsers reads Users, of the project and of the server.
func readUsers(ctx context.Context, in func(project string) reader, project string, ids []string) (map[string]medplum.User, error) {
	known, err := readAll[medplum.User](ctx, in(project), medplum.TypeUser, ids)
	if err != nil {
		return nil, err
	}
	var missing []string
	for _, id := range ids {
		if _, ok := known[id]; !ok {
			missing = append(missing, id)
		}
	}
	ofServer, err := readAll[medplum.User](ctx, in(store.SystemProject), medplum.TypeUser, missing)
	for id, user := range ofServer {
		known[id] = user
	}
	return known, err
}

// profileName is what a profile says of the name.
type profileName struct {
	Name []struct {
		Given  []string `json:"given"`
		Family string   `json:"family"`
	} `json:"name"`
}

// of is a User of the server as the project knows them: by the address that it has invited and the name that
// it has given. Whether they have an account already, its names and factors would tell of anybody whom an
// administrator invites.
func (p profileName) of(account medplum.User) medplum.User {
	account.FirstName, account.LastName, account.EmailVerified, account.MFAEnrolled = "", "", false, false
	if len(p.Name) > 0 {
		account.FirstName, account.LastName = strings.Join(p.Name[0].Given, " "), p.Name[0].Family
	}
	return account
}

// readNames reads the profiles of those members who have a User of the server and no name of their own.
func readNames(ctx context.Context, in reader, members []medplum.ProjectMembership, known map[string]medplum.User) (map[string]profileName, error) {
	wanted := map[string][]string{}
	for _, m := range members {
		_, user := m.User.Split()
		if account, ok := known[user]; ok && account.Project == nil && callName(m.Member()) == "" {
			resourceType, id := m.Profile.Split()
			wanted[resourceType] = append(wanted[resourceType], id)
		}
	}
	names := map[string]profileName{}
	for resourceType, ids := range wanted {
		found, err := readAll[profileName](ctx, in, resourceType, ids)
		if err != nil {
			return nil, err
		}
		for id, name := range found {
			names[resourceType+"/"+id] = name
		}
	}
	return names, nil
}

// readAll reads resources of a type by their ids.
func readAll[T any](ctx context.Context, in reader, resourceType string, ids []string) (map[string]T, error) {
	all := map[string]T{}
	if len(ids) == 0 {
		return all, nil
	}
	found, err := in.ReadMany(ctx, resourceType, distinct(ids))
	if err != nil {
		return nil, err
	}
	for id, res := range found {
		var one T
		if err := json.Unmarshal(res.Content, &one); err != nil {
			return nil, fmt.Errorf("%s/%s is damaged: %w", resourceType, id, err)
		}
		all[id] = one
	}
	return all, nil
}

func distinct(ids []string) []string {
	seen := map[string]bool{}
	var once []string
	for _, id := range ids {
		if !seen[id] {
			seen[id] = true
			once = append(once, id)
		}
	}
	return once
}

// policiesOf are the policies of a membership, in their order.
func policiesOf(m medplum.ProjectMembership) (refs []medplum.Reference) {
	if m.AccessPolicy != nil {
		refs = append(refs, *m.AccessPolicy)
	}
	for _, entry := range m.Access {
		refs = append(refs, entry.Policy)
	}
	return refs
}

func describeUser(res store.Resource, m medplum.ProjectMembership, account medplum.User) User {
	member := m.Member()
	u := User{
		ID: m.ID, Version: res.Version, UpdatedAt: res.LastUpdated, Status: StatusActive, Scope: ScopeServer, Admin: m.Admin,
		Login: m.UserName, Email: account.Email, EmailVerified: account.EmailVerified, Phone: m.Phone(), ExternalID: m.ExternalID,
		MFAEnrolled: account.MFAEnrolled, GivenName: member.GivenName, FamilyName: member.FamilyName,
		Nickname: member.Nickname, Company: member.Company, User: m.User, Profile: m.Profile,
		Roles: []UserRole{}, Groups: []UserGroup{}, Properties: orEmpty(member.Properties), CustomData: orEmpty(member.CustomData),
		SCIM: member.SCIM,
	}
	if !m.IsActive() {
		u.Status = StatusBlocked
	}
	if account.Project != nil {
		u.Scope = ScopeProject
	}
	if callName(member) == "" { // of an invited member only the User says the names
		u.GivenName, u.FamilyName = account.FirstName, account.LastName
	}
	u.Name = callName(member, m.Profile.Display, strings.TrimSpace(account.FirstName+" "+account.LastName))
	return u
}

func orEmpty(values map[string]json.RawMessage) map[string]json.RawMessage {
	if values == nil {
		return map[string]json.RawMessage{}
	}
	return values
}

func (u *User) addRoles(m medplum.ProjectMembership, known map[string]medplum.AccessPolicy) {
	for _, ref := range policiesOf(m) {
		_, id := ref.Split()
		if role, ok := known[id]; ok {
			u.Roles = append(u.Roles, UserRole{ID: id, Name: role.Name, Description: medplum.TextOf(role.Extension, medplum.DescriptionExtension)})
		}
	}
}

func (u *User) addGroups(m medplum.ProjectMembership, known map[string]group) {
	for _, id := range m.Groups() {
		if joined, ok := known[id]; ok {
			u.Groups = append(u.Groups, UserGroup{ID: id, Code: joined.code(), Name: joined.Name, Description: joined.description()})
		}
	}
}
