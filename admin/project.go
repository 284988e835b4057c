package admin

import (
	"context"
	"encoding/json"

	"github.com/admitdev/admit/fhir/caller"
	"github.com/admitdev/admit/fhir/medplum"
	"github.com/admitdev/admit/fhir/repo"
	"github.com/admitdev/admit/pkg/audit"
	"github.com/admitdev/admit/pkg/outcome"
	"github.com/admitdev/admit/pkg/store"
)

// ProjectDetails is what an administrator's page shows of a project (contract §1.1). The lists are as
// they are stored.
type ProjectDetails struct {
	ID      string          `json:"id"`
	Name    string          `json:"name,omitempty"`
	Secret  json.RawMessage `json:"secret,omitempty"`
	Site    json.RawMessage `json:"site,omitempty"`
	Setting json.RawMessage `json:"setting,omitempty"`
}

// Project reads a project.
//
// Errors: outcome Forbidden, NotFound.
func (s *Service) Project(ctx context.Context, who caller.Caller, project string) (ProjectDetails, error) {
	var details ProjectDetails
	if err := s.mayAdminister(ctx, who, project, audit.ProjectRead); err != nil {
		return details, err
	}
	res, err := s.Repo.System("read the project that is administered", store.SystemProject).ReadWhole(ctx, medplum.TypeProject, project)
	if outcome.Has(err, outcome.Gone) {
		return details, outcome.New(outcome.NotFound, "")
	}
	if err != nil {
		return details, err
	}
	return details, decode(res, &details)
}

// List is a list of a Project that its administrators replace as a whole.
type List string

// The lists.
const (
	Secrets  List = "secret"
	Sites    List = "site"
	Settings List = "setting"
)

// ReplaceList replaces a list of a project and gives the project as the caller may see it. The
// items are validated as the element that they become.
//
// Errors: outcome Forbidden, NotFound, Invalid, Structure.
func (s *Service) ReplaceList(ctx context.Context, who caller.Caller, project string, list List, items []json.RawMessage) (store.Resource, error) {
	if err := s.mayAdminister(ctx, who, project, audit.ProjectChange); err != nil {
		return store.Resource{}, err
	}
	if items == nil { // no body at all: nobody means to empty a list by that
		return store.Resource{}, outcome.New(outcome.Invalid, "Expected array")
	}
	content, err := marshal(items)
	if err != nil {
		return store.Resource{}, err
	}
	var made store.Resource
	err = s.again(ctx, func() error {
		return s.Repo.System("replace a list of a project", project).InTx(ctx, func(tx *repo.Tx) (err error) {
			if err = s.replaceList(ctx, tx, who, project, list, content); err != nil {
				return err
			}
			made, err = tx.As(who).Read(ctx, medplum.TypeProject, project)
			return err
		})
	})
	return made, err
}

func (s *Service) replaceList(ctx context.Context, tx *repo.Tx, who caller.Caller, project string, list List, content []byte) error {
	projects := tx.Administer(who, "replace a list of a project", store.SystemProject)
	stored, err := projects.ReadWhole(ctx, medplum.TypeProject, project)
	if outcome.Has(err, outcome.Gone) {
		return outcome.New(outcome.NotFound, "")
	}
	if err != nil {
		return err
	}
	var members map[string]json.RawMessage
	if err := decode(stored, &members); err != nil {
		return err
	}
	members[string(list)] = content
	if isEmpty(content) { // FHIR has no empty arrays
		delete(members, string(list))
	}
	body, err := marshal(members)
	if err != nil {
		return err
	}
	if _, err := projects.Update(ctx, medplum.TypeProject, project, body, stored.Version); err != nil {
		return err
	}
	e := event(who, project, audit.ProjectChange, medplum.TypeProject+"/"+project)
	e.Description = string(list)
	return audit.Record(ctx, tx.Store(), e)
}

// maxTries is how often a read and the write that follows from it are tried when others write
// between the two.
const maxTries = 5

// again repeats fn while somebody else was faster.
func (s *Service) again(ctx context.Context, fn func() error) error {
	for try := 1; ; try++ {
		err := fn()
		if !outcome.Has(err, outcome.PreconditionFailed) || try == maxTries {
			return err
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
}
