package admin

import (
	"context"
	"errors"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/admitdev/admit/fhir/caller"
	"github.com/admitdev/admit/fhir/medplum"
	"github.com/admitdev/admit/fhir/repo"
	"github.com/admitdev/admit/pkg/audit"
	"github.com/admitdev/admit/pkg/outcome"
	"github.com/admitdev/admit/pkg/store"
)

// keyGroupCode is the kind of key that keeps the code of a group to one Group of a project.
const keyGroupCode = "Group.code"

// group is a Group of users, as far as it is one.
type group struct {
	ResourceType string               `json:"resourceType"`
	ID           string               `json:"id,omitempty"`
	Extension    []medplum.Extension  `json:"extension,omitempty"`
	Identifier   []medplum.Identifier `json:"identifier"`
	Type         string               `json:"type"`
	Actual       bool                 `json:"actual"`
	Name         string               `json:"name,omitempty"`
}

func (g group) code() string {
	for _, i := range g.Identifier {
		if i.System == medplum.GroupSystem {
			return i.Value
		}
	}
	return ""
}

func (g group) description() string {
	return medplum.TextOf(g.Extension, medplum.DescriptionExtension)
}

func groupOf(res store.Resource) (UserGroup, error) {
	var g group
	err := decode(res, &g)
	return UserGroup{res.ID, res.Version, g.code(), g.Name, g.description()}, err
}

// GroupFields are what may be set of a group.
type GroupFields struct {
	Code        string `json:"code"`
	Name        string `json:"name"`
	Description string `json:"-"` // of a dialect; it stays
}

func (in *GroupFields) check() error {
	in.Code, in.Name = strings.TrimSpace(in.Code), strings.TrimSpace(in.Name)
	var fields outcome.Fields
	fields.Check(in.Code != "" && isToken(in.Code) && !uuidForm.MatchString(in.Code), "code", "A code has 1 to 255 characters and is no UUID")
	fields.Check(isToken(in.Name), "name", "At most 255 characters, without control characters")
	fields.Check(isDescription(in.Description), "description", "At most 4096 characters, without NUL")
	return fields.Err()
}

func isDescription(text string) bool {
	return utf8.RuneCountInString(text) <= 4096 && !strings.Contains(text, "\x00")
}

// CreateGroup makes a group of users.
//
// Errors: outcome Forbidden, NotFound, Invalid.
func (s *Service) CreateGroup(ctx context.Context, who caller.Caller, project string, in GroupFields) (made UserGroup, err error) {
	err = s.withUser(ctx, who, project, audit.GroupChange, func(ctx context.Context, tx *repo.Tx, _ manager) error {
		if err := in.check(); err != nil {
			return err
		}
		ref := store.Ref{Project: project, Type: medplum.TypeGroup, ID: tx.NewID()}
		_, claimed, err := tx.Store().Claim(ctx, store.Key{Scope: project, Kind: keyGroupCode, Value: in.Code}, ref)
		if err == nil && !claimed {
			err = outcome.New(outcome.Duplicate, "A group with code %s exists already", in.Code).At("code")
		}
		if err != nil {
			return err
		}
		res, err := createRecorded(ctx, tx, who, ref, "make a group of users", audit.GroupChange, group{
			ResourceType: ref.Type, ID: ref.ID, Type: "person", Actual: true, Name: in.Name,
			Identifier: []medplum.Identifier{{System: medplum.GroupSystem, Value: in.Code}},
			Extension:  medplum.Texts(map[string]string{medplum.DescriptionExtension: in.Description}),
		})
		if err != nil {
			return err
		}
		made, err = groupOf(res)
		return err
	})
	return made, err
}

// Groups lists the groups of a project in the order in which they were made.
//
// Errors: outcome Forbidden, NotFound.
func (s *Service) Groups(ctx context.Context, who caller.Caller, project, cursor string) (groups []UserGroup, next string, err error) {
	if _, err := s.manage(ctx, who, project, audit.MembershipRead); err != nil {
		return nil, "", err
	}
	system := medplum.GroupSystem
	ours := store.Token{Param: "identifier", Values: []store.TokenValue{{System: &system}}}
	rows, next, err := s.page(ctx, project, medplum.TypeGroup, ours, cursor)
	groups = []UserGroup{}
	for _, res := range rows {
		g, err := groupOf(res)
		if err != nil {
			return nil, "", err
		}
		groups = append(groups, g)
	}
	return groups, next, err
}

// page reads a page of what users are given.
func (s *Service) page(ctx context.Context, project, resourceType string, where store.Predicate, cursor string) (rows []store.Resource, next string, err error) {
	if cursor != "" && !repo.ValidID(cursor) {
		return nil, "", outcome.New(outcome.Invalid, "The cursor is not one of a page").At("cursor")
	}
	rows, err = s.reading()(project).Page(ctx, resourceType, where, cursor, defaultUserPage+1)
	if len(rows) > defaultUserPage {
		rows = rows[:defaultUserPage]
		next = rows[defaultUserPage-1].ID
	}
	return rows, next, err
}

// ReadGroup reads a group by its code or id.
//
// Errors: outcome Forbidden, NotFound.
func (s *Service) ReadGroup(ctx context.Context, who caller.Caller, project, name string) (UserGroup, error) {
	if _, err := s.manage(ctx, who, project, audit.MembershipRead); err != nil {
		return UserGroup{}, err
	}
	res, err := s.groupIn(ctx, s.Repo.System("read a group of users", project), s.Store, project, name)
	if err != nil {
		return UserGroup{}, err
	}
	return groupOf(res)
}

// UpdateGroup renames a group; its code stays.
//
// Errors: outcome Forbidden, NotFound, Invalid.
func (s *Service) UpdateGroup(ctx context.Context, who caller.Caller, project, name string, in GroupFields) (updated UserGroup, err error) {
	err = s.withUser(ctx, who, project, audit.GroupChange, func(ctx context.Context, tx *repo.Tx, _ manager) error {
		res, err := s.groupNamed(ctx, tx, project, name)
		if err != nil {
			return err
		}
		var doc memberDocument
		var g group
		if err := errors.Join(decode(res, &doc), decode(res, &g)); err != nil {
			return err
		}
		if in.Code == "" {
			in.Code = g.code()
		}
		if err := in.check(); err != nil {
			return err
		}
		if in.Code != g.code() {
			return outcome.New(outcome.Invalid, "The code of a group stays").At("code")
		}
		if err := doc.set("name", in.Name); err != nil {
			return err
		}
		body, err := marshal(doc)
		if err != nil {
			return err
		}
		if res, err = tx.Administer(who, "rename a group of users", project).Update(ctx, res.Type, res.ID, body, res.Version); err != nil {
			return err
		}
		if updated, err = groupOf(res); err != nil {
			return err
		}
		return audit.Record(ctx, tx.Store(), event(who, project, audit.GroupChange, res.Type+"/"+res.ID))
	})
	return updated, err
}

// DeleteGroup deletes a group. Its users are in it no longer; another group of the same code is another
// group. version, when given, is the one that the caller has seen.
//
// Errors: outcome Forbidden, NotFound, PreconditionFailed.
func (s *Service) DeleteGroup(ctx context.Context, who caller.Caller, project, name, version string) error {
	return s.withUser(ctx, who, project, audit.GroupChange, func(ctx context.Context, tx *repo.Tx, _ manager) error {
		res, err := s.groupNamed(ctx, tx, project, name)
		if err != nil {
			return err
		}
		if err := tx.Administer(who, "delete a group of users", project).DeleteVersion(ctx, res.Type, res.ID, version); err != nil {
			return err
		}
		return audit.Record(ctx, tx.Store(), event(who, project, audit.GroupChange, res.Type+"/"+res.ID))
	})
}

// groupNamed reads a group of users by its code or id.
//
// Errors: outcome NotFound.
func (s *Service) groupNamed(ctx context.Context, tx *repo.Tx, project, name string) (store.Resource, error) {
	return s.groupIn(ctx, tx.System("read a group of users", project), tx.Store(), project, name)
}

// keyRows tell who holds a key; a Store or a transaction.
type keyRows interface {
	Owner(ctx context.Context, key store.Key) (store.Ref, error)
}

func (s *Service) groupIn(ctx context.Context, in finder, keys keyRows, project, name string) (store.Resource, error) {
	id := name
	if !uuidForm.MatchString(name) {
		ref, err := keys.Owner(ctx, store.Key{Scope: project, Kind: keyGroupCode, Value: name})
		if errors.Is(err, store.ErrNotFound) {
			return store.Resource{}, outcome.New(outcome.NotFound, "")
		}
		if err != nil {
			return store.Resource{}, err
		}
		id = ref.ID
	}
	res, err := in.Read(ctx, medplum.TypeGroup, id)
	if outcome.Has(err, outcome.Gone) {
		err = outcome.New(outcome.NotFound, "")
	}
	if err != nil {
		return res, err
	}
	var g group
	if err := decode(res, &g); err != nil || g.code() == "" { // a Group of something else
		return res, errors.Join(err, outcome.New(outcome.NotFound, ""))
	}
	return res, nil
}

// groupIDs are the ids of groups that are named.
//
// Errors: outcome Invalid.
func (s *Service) groupIDs(ctx context.Context, tx *repo.Tx, project string, names []string) (ids []string, err error) {
	for _, name := range names {
		res, err := s.groupNamed(ctx, tx, project, name)
		if err != nil {
			return nil, asNoGroup(err, name)
		}
		if !slices.Contains(ids, res.ID) {
			ids = append(ids, res.ID)
		}
	}
	return ids, nil
}

// asNoGroup is for a group that a request names beside what it is about.
func asNoGroup(err error, name string) error {
	if outcome.Has(err, outcome.NotFound) {
		return outcome.New(outcome.Invalid, "Group %s does not exist", name).At("groups")
	}
	return err
}

// maxGroups is how many groups one user may join.
const maxGroups = 200

// JoinGroup adds a user to a group; who is in it stays.
//
// Errors: outcome Forbidden, NotFound, Gone, Invalid.
func (s *Service) JoinGroup(ctx context.Context, who caller.Caller, project, id, name string) (User, error) {
	return s.changeGroups(ctx, who, project, id, name, func(ids []string, group string) ([]string, error) {
		switch {
		case slices.Contains(ids, group):
			return ids, nil
		case len(ids) == maxGroups:
			return nil, outcome.New(outcome.Invalid, "A user may be in %d groups at most", maxGroups).At("groups")
		}
		return append(ids, group), nil
	})
}

// QuitGroup takes a user out of a group; who is not in it stays so.
//
// Errors: outcome Forbidden, NotFound, Gone, Invalid.
func (s *Service) QuitGroup(ctx context.Context, who caller.Caller, project, id, name string) (User, error) {
	return s.changeGroups(ctx, who, project, id, name, func(ids []string, group string) ([]string, error) {
		return slices.DeleteFunc(ids, func(id string) bool { return id == group }), nil
	})
}

func (s *Service) changeGroups(ctx context.Context, who caller.Caller, project, id, name string, change func(ids []string, group string) ([]string, error)) (User, error) {
	return s.changeUser(ctx, who, project, id, audit.MembershipChange, func(ctx context.Context, c *changing) error {
		named, err := s.groupIDs(ctx, c.tx, project, []string{name})
		if err != nil {
			return err
		}
		ids, err := change(c.member.Groups(), named[0])
		if err != nil {
			return err
		}
		return c.doc.setGroups(ids)
	})
}
