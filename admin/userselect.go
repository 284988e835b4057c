package admin

import (
	"context"
	"strings"

	"github.com/admitdev/admit/fhir/caller"
	"github.com/admitdev/admit/fhir/index"
	"github.com/admitdev/admit/fhir/medplum"
	"github.com/admitdev/admit/fhir/repo"
	"github.com/admitdev/admit/pkg/audit"
	"github.com/admitdev/admit/pkg/store"
)

// Administers says whether the caller may administer its own project.
//
// Errors: outcome Forbidden, NotFound.
func (s *Service) Administers(ctx context.Context, who caller.Caller) error {
	return s.mayAdminister(ctx, who, who.Project, audit.MembershipRead)
}

// SelectUsers gives a page of the users for whom a predicate holds, and how many they are.
//
// Errors: outcome Forbidden, NotFound.
func (s *Service) SelectUsers(ctx context.Context, who caller.Caller, project string, selection repo.Selection) (users []User, total int, err error) {
	if _, err := s.manage(ctx, who, project, audit.MembershipRead); err != nil {
		return nil, 0, err
	}
	selection.Where = store.And{store.Not{Of: hasMemberToken(repo.MemberProgram)}, selection.Where}
	in := s.reading()
	rows, total, err := s.Repo.System("read the users of a project", project).Unextended().Select(ctx, medplum.TypeProjectMembership, selection)
	if err != nil {
		return nil, 0, err
	}
	users, err = s.describe(ctx, in, project, rows)
	return users, total, err
}

func hasMemberToken(code string) store.Predicate {
	return store.Token{Param: repo.MemberParam, Values: []store.TokenValue{{Code: &code}}}
}

// UserBlocked holds for users who may not sign in.
func UserBlocked() store.Predicate { return hasMemberToken(repo.MemberBlocked) }

// UserHasRole holds for users who have a role.
func UserHasRole(id string) store.Predicate {
	return store.Reference{Param: paramPolicy, Values: []store.ReferenceValue{{Type: medplum.TypeAccessPolicy, ID: id}}}
}

const paramPolicy = "access-policy"

// UserLogin holds for users whose login matches, without regard to case and accents.
func UserLogin(match store.StringMatch, login string) store.Predicate {
	return store.String{Param: paramLogin, Match: match, Value: index.Fold(login)}
}

// UserWithoutLogin holds for users who have no login.
func UserWithoutLogin() store.Predicate {
	return store.Missing{Param: paramLogin, Kind: store.StringKind}
}

// UserExternalID holds for users whose external id matches, without regard to case and accents.
func UserExternalID(match store.StringMatch, id string) store.Predicate {
	return store.String{Param: paramExternalID, Match: match, Value: index.Fold(id)}
}

// UserWithoutExternalID holds for users who have no external id.
func UserWithoutExternalID() store.Predicate {
	return store.Missing{Param: paramExternalID, Kind: store.StringKind}
}

const (
	paramLogin      = "user-name"
	paramExternalID = "external-id"
)

// ByLogin and ByExternalID order users; those who have none come last.
func ByLogin(desc bool) store.Sort {
	return store.Sort{Param: paramLogin, Kind: store.StringKind, Desc: desc}
}

// ByExternalID is ByLogin for external ids.
func ByExternalID(desc bool) store.Sort {
	return store.Sort{Param: paramExternalID, Kind: store.StringKind, Desc: desc}
}

// UserNamed holds at least for the users of whom a name, login, address, phone number or external id
// matches: for those who have all of its words, in whatever places.
func UserNamed(match store.StringMatch, name string) store.Predicate {
	words := strings.Fields(index.Fold(name))
	all := make(store.And, len(words))
	for i, word := range words {
		one := match
		if match == store.StartsWith && i < len(words)-1 {
			one = store.Equal
		}
		all[i] = store.String{Param: repo.MemberParam, Match: one, Value: word}
	}
	return all
}
