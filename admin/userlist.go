package admin

import (
	"context"
	"slices"
	"strings"

	"github.com/admitdev/admit/fhir/caller"
	"github.com/admitdev/admit/fhir/index"
	"github.com/admitdev/admit/fhir/medplum"
	"github.com/admitdev/admit/fhir/repo"
	"github.com/admitdev/admit/pkg/audit"
	"github.com/admitdev/admit/pkg/outcome"
	"github.com/admitdev/admit/pkg/store"
)

// UserQuery is which users are listed; what is empty does not narrow. They come in the order of their
// ids, which is that in which they were made.
type UserQuery struct {
	// Search are words of which each begins a word of the user's names, login, address, phone, company
	// or external id, without regard to case and accents.
	Search       string
	IDs          []string
	Status       Status
	Patient      string // id of the Patient that is the profile
	Practitioner string
	Profile      string // reference of the profile
	Role         string // name or id
	Group        string // code or id
	Cursor       string // UserPage.Next of the page before
	Offset       int    // of the first user, for surfaces whose pages have numbers; without a Cursor
	Limit        int    // 0 for 100
	Total        bool   // wants UserPage.Total
}

// UserPage is a page of users.
type UserPage struct {
	Users []User `json:"users"`
	// Next is the cursor of the next page, empty on the last one.
	Next  string `json:"next,omitempty"`
	Total *int   `json:"total,omitempty"`
}

const (
	defaultUserPage = 100
	maxUserPage     = 1000
	maxUserOffset   = 1_000_000
	maxSearchWords  = 10
)

// ListUsers lists or searches users.
//
// Errors: outcome Forbidden, NotFound, Invalid.
func (s *Service) ListUsers(ctx context.Context, who caller.Caller, project string, q UserQuery) (UserPage, error) {
	if _, err := s.manage(ctx, who, project, audit.MembershipRead); err != nil {
		return UserPage{}, err
	}
	if err := q.check(); err != nil {
		return UserPage{}, err
	}
	if q.Status == StatusDeleted {
		return s.deletedUsers(ctx, project, q)
	}
	pointing, where, err := s.where(ctx, project, q)
	if err != nil {
		return UserPage{}, err
	}
	in := s.reading()
	rows, err := pageOf(ctx, in(project), pointing, where, q)
	if err != nil {
		return UserPage{}, err
	}
	page := UserPage{}
	if len(rows) > q.Limit {
		rows = rows[:q.Limit]
		page.Next = rows[q.Limit-1].ID
	}
	if page.Users, err = s.describe(ctx, in, project, rows); err != nil || !q.Total {
		return page, err
	}
	total, err := s.Repo.System("count the users of a project", project).CountWhere(ctx, medplum.TypeProjectMembership, withWords(all(pointing, where), q.words()))
	page.Total = &total
	return page, err
}

func (q *UserQuery) check() error {
	var fields outcome.Fields
	if q.Limit == 0 {
		q.Limit = defaultUserPage
	}
	fields.Check(q.Limit > 0 && q.Limit <= maxUserPage, "limit", "Limit must be between 1 and 1000")
	byNumber := q.Offset > 0 && q.Offset <= maxUserOffset && q.Cursor == "" && q.Status != StatusDeleted
	fields.Check(q.Offset == 0 || byNumber, "offset", "Offset must be between 0 and 1000000, without a cursor, and not of deleted users")
	fields.Check(len(q.IDs) <= maxUserPage, "ids", "At most 1000 ids")
	switch q.Status {
	case "", StatusActive, StatusBlocked, StatusDeleted:
	default:
		fields.Check(false, "status", "Status must be active, blocked or deleted")
	}
	fields.Check(q.Cursor == "" || repo.ValidID(q.Cursor), "cursor", "The cursor is not one of a page")
	fields.Check(len(strings.Fields(q.Search)) <= maxSearchWords, "search", "At most 10 words")
	profileType, _ := medplum.Reference{Reference: q.Profile}.Split()
	fields.Check(q.Profile == "" || isPerson(profileType), "profile", "A profile is a Patient, a Practitioner or a RelatedPerson")
	return fields.Err()
}

// pageOf reads a page. What a search or ids do not find is found by what points at a profile, a role or
// a group; nobody knows how many that are.
func pageOf(ctx context.Context, in reader, pointing []store.Reference, where store.And, q UserQuery) ([]store.Resource, error) {
	words := q.words()
	switch {
	case q.Offset > 0:
		return in.PageFrom(ctx, medplum.TypeProjectMembership, withWords(all(pointing, where), words), q.Offset, q.Limit+1)
	case q.IDs != nil || len(words) == 0 && len(pointing) == 0:
		return in.Page(ctx, medplum.TypeProjectMembership, withWords(all(pointing, where), words), q.Cursor, q.Limit+1)
	case len(words) > 0:
		return in.PageBeginning(ctx, medplum.TypeProjectMembership, repo.MemberParam, words, all(pointing, where), q.Cursor, q.Limit+1)
	}
	first := pointing[0]
	return in.PagePointing(ctx, medplum.TypeProjectMembership, first.Param, first.Values[0], all(pointing[1:], where), q.Cursor, q.Limit+1)
}

// words are what is searched for, folded.
func (q UserQuery) words() []string { return strings.Fields(index.Fold(q.Search)) }

func withWords(where store.And, words []string) store.And {
	for _, word := range words {
		where = append(where, store.String{Param: repo.MemberParam, Match: store.StartsWith, Value: word})
	}
	return where
}

func all(pointing []store.Reference, where store.And) store.And {
	both := slices.Clone(where)
	for _, p := range pointing {
		both = append(both, p)
	}
	return both
}

// where is the query as the store has it: what a membership points at, the most telling first, and what
// else it satisfies. What most users satisfy is asked of each row, what few do finds the rows.
func (s *Service) where(ctx context.Context, project string, q UserQuery) (pointing []store.Reference, where store.And, err error) {
	where = store.And{store.Not{Of: hasMemberToken(repo.MemberProgram)}}
	switch q.Status {
	case StatusActive:
		where = append(where, store.Not{Of: UserBlocked()})
	case StatusBlocked:
		where = append(where, UserBlocked())
	}
	if q.IDs != nil {
		where = append(where, store.IDIn(q.IDs))
	}
	refer := func(param, resourceType, id string) {
		pointing = append(pointing, store.Reference{Param: param, Values: []store.ReferenceValue{{Type: resourceType, ID: id}}})
	}
	if q.Patient != "" {
		refer("profile", "Patient", q.Patient)
	}
	if q.Practitioner != "" {
		refer("profile", "Practitioner", q.Practitioner)
	}
	if profileType, id := (medplum.Reference{Reference: q.Profile}).Split(); id != "" {
		refer("profile", profileType, id)
	}
	in := s.Repo.System("find the role or group of a list", project)
	if q.Role != "" {
		role, err := s.roleIn(ctx, in, q.Role)
		if err != nil {
			return nil, nil, err
		}
		refer("access-policy", medplum.TypeAccessPolicy, role.ID)
	}
	if q.Group != "" {
		group, err := s.groupIn(ctx, in, s.Store, project, q.Group)
		if err != nil {
			return nil, nil, asNoGroup(err, q.Group)
		}
		refer(repo.MemberParam, medplum.TypeGroup, group.ID)
	}
	return pointing, where, nil
}

// deletedUsers lists the users that were deleted and may be brought back.
func (s *Service) deletedUsers(ctx context.Context, project string, q UserQuery) (UserPage, error) {
	if narrowed := q.Search + q.Patient + q.Practitioner + q.Profile + q.Role + q.Group; narrowed != "" || q.IDs != nil {
		return UserPage{}, outcome.New(outcome.Invalid, "Deleted users cannot be searched").At("status")
	}
	deleted, err := s.Repo.DeletedOf(ctx, "list the deleted users of a project", project, medplum.TypeProjectMembership, q.Cursor, q.Limit+1)
	if err != nil {
		return UserPage{}, err
	}
	page := UserPage{}
	if len(deleted) > q.Limit {
		deleted = deleted[:q.Limit]
		page.Next = deleted[q.Limit-1].ID
	}
	page.Users = []User{}
	for _, res := range deleted {
		var m medplum.ProjectMembership
		if err := decode(res, &m); err != nil {
			return UserPage{}, err
		}
		if resourceType, _ := m.User.Split(); resourceType == medplum.TypeUser {
			u := describeUser(res, m, medplum.User{Email: m.User.Display})
			u.Status = StatusDeleted
			page.Users = append(page.Users, u)
		}
	}
	return page, nil
}
