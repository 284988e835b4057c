package admin

import (
	"context"
	"errors"
	"slices"

	"github.com/admitdev/admit/fhir/caller"
	"github.com/admitdev/admit/fhir/medplum"
	"github.com/admitdev/admit/fhir/repo"
	"github.com/admitdev/admit/pkg/audit"
	"github.com/admitdev/admit/pkg/mail"
	"github.com/admitdev/admit/pkg/outcome"
	"github.com/admitdev/admit/pkg/store"
)

// ReadUser reads a user by id.
//
// Errors: outcome Forbidden, NotFound, Gone.
func (s *Service) ReadUser(ctx context.Context, who caller.Caller, project, id string) (User, error) {
	if _, err := s.manage(ctx, who, project, audit.MembershipRead); err != nil {
		return User{}, err
	}
	in := s.reading()
	res, err := in(project).Read(ctx, medplum.TypeProjectMembership, id)
	if err != nil {
		return User{}, err
	}
	return s.describeUser(ctx, in, res)
}

// UserName is one name by which a user is found exactly.
type UserName struct{ Email, Login, Phone, ExternalID string }

// FindUser reads the user who has the name.
//
// Errors: outcome Forbidden, NotFound, Invalid unless one name is given.
func (s *Service) FindUser(ctx context.Context, who caller.Caller, project string, name UserName) (User, error) {
	if _, err := s.manage(ctx, who, project, audit.MembershipRead); err != nil {
		return User{}, err
	}
	ref, err := s.findMember(ctx, project, name)
	if errors.Is(err, store.ErrNotFound) {
		return User{}, outcome.New(outcome.NotFound, "")
	}
	if err != nil {
		return User{}, err
	}
	in := s.reading()
	res, err := in(project).Read(ctx, ref.Type, ref.ID)
	if err != nil {
		return User{}, err
	}
	return s.describeUser(ctx, in, res)
}

// findMember is the membership of a name within a project.
//
// Errors: store.ErrNotFound, outcome Invalid unless one name is given.
func (s *Service) findMember(ctx context.Context, project string, name UserName) (store.Ref, error) {
	given := 0
	key := store.Key{Scope: project}
	for _, by := range []struct{ kind, value string }{
		{repo.KeyUserEmail, mail.Canonical(name.Email)},
		{repo.KeyMembershipUserName, name.Login},
		{repo.KeyMembershipPhone, CanonicalPhone(name.Phone)},
		{repo.KeyMembershipExternalID, name.ExternalID},
	} {
		if by.value != "" {
			given++
			key.Kind, key.Value = by.kind, by.value
		}
	}
	switch {
	case given != 1:
		return store.Ref{}, outcome.New(outcome.Invalid, "One of email, login, phone and externalId is required")
	case key.Kind != repo.KeyUserEmail:
		return s.Store.Owner(ctx, key)
	}
	for _, scope := range []string{project, store.SystemProject} {
		key.Scope = scope
		user, err := s.Store.Owner(ctx, key)
		if errors.Is(err, store.ErrNotFound) {
			continue
		}
		if err != nil {
			return store.Ref{}, err
		}
		memberships, err := s.Store.Owners(ctx, store.SystemProject, repo.KeyUserMembership, user.Type+"/"+user.ID+"/", maxMemberships)
		if err != nil {
			return store.Ref{}, err
		}
		if i := slices.IndexFunc(memberships, func(m store.Ref) bool { return m.Project == project }); i >= 0 {
			return memberships[i], nil
		}
	}
	return store.Ref{}, store.ErrNotFound
}

// maxBatch is how many users one request of a batch may be about.
const maxBatch = 100

func checkBatch(n int, field string) error {
	if n == 0 || n > maxBatch {
		return outcome.New(outcome.Invalid, "Between 1 and %d are required", maxBatch).At(field)
	}
	return nil
}

// ReadUsers reads the users with the ids, in their order. Ids of nobody are left out.
//
// Errors: outcome Forbidden, NotFound, Invalid.
func (s *Service) ReadUsers(ctx context.Context, who caller.Caller, project string, ids []string) ([]User, error) {
	if _, err := s.manage(ctx, who, project, audit.MembershipRead); err != nil {
		return nil, err
	}
	if err := checkBatch(len(ids), "ids"); err != nil {
		return nil, err
	}
	in := s.reading()
	found, err := in(project).ReadMany(ctx, medplum.TypeProjectMembership, ids)
	if err != nil {
		return nil, err
	}
	var rows []store.Resource
	for _, id := range ids {
		if res, ok := found[id]; ok {
			rows = append(rows, res)
			delete(found, id) // an id that is given twice counts once
		}
	}
	return s.describe(ctx, in, project, rows)
}

// reader is what a session and a transaction read with.
type reader interface {
	Read(ctx context.Context, resourceType, id string) (store.Resource, error)
	ReadMany(ctx context.Context, resourceType string, ids []string) (map[string]store.Resource, error)
	Page(ctx context.Context, resourceType string, where store.Predicate, after string, limit int) ([]store.Resource, error)
	PageFrom(ctx context.Context, resourceType string, where store.Predicate, offset, limit int) ([]store.Resource, error)
	PageBeginning(ctx context.Context, resourceType, param string, words []string, where store.Predicate, after string, limit int) ([]store.Resource, error)
	PagePointing(ctx context.Context, resourceType, param string, at store.ReferenceValue, where store.Predicate, after string, limit int) ([]store.Resource, error)
}

// reading gives readers of partitions: of the project, and of the system for the Users of the server.
func (s *Service) reading() func(project string) reader {
	return func(project string) reader {
		return s.Repo.System("read the users of a project", project).Unextended()
	}
}

// readingIn is reading within a transaction.
func readingIn(tx *repo.Tx) func(project string) reader {
	return func(project string) reader { return tx.System("read the users of a project", project) }
}

func (s *Service) describeUser(ctx context.Context, in func(string) reader, res store.Resource) (User, error) {
	all, err := s.describe(ctx, in, res.Project, []store.Resource{res})
	if err == nil && len(all) == 0 { // a client or a bot is no user
		err = outcome.New(outcome.NotFound, "")
	}
	if err != nil {
		return User{}, err
	}
	return all[0], nil
}
