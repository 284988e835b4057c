package admin

import (
	"context"
	"encoding/json"
	"slices"
	"unicode/utf8"

	"github.com/admitdev/admit/fhir/caller"
	"github.com/admitdev/admit/fhir/definitions"
	"github.com/admitdev/admit/fhir/medplum"
	"github.com/admitdev/admit/fhir/repo"
	"github.com/admitdev/admit/pkg/audit"
	"github.com/admitdev/admit/pkg/outcome"
	"github.com/admitdev/admit/pkg/store"
)

// ProjectClone is what Project/$clone is given (contract §1.3). Empty lists stand for everything.
type ProjectClone struct {
	Name          string // that of the project which is copied when empty
	ResourceTypes []string
	IncludeIDs    []string
	ExcludeIDs    []string
}

func (in *ProjectClone) check() error {
	length := utf8.RuneCountInString(in.Name)
	var fields outcome.Fields
	fields.Check(in.Name == "" || length >= minProjectName && length <= maxProjectName, "name", "Project name must be between 4 and 72 characters")
	fields.Check(isPlain(in.Name), "name", "Project name must not have control characters")
	fields.Check(!slices.ContainsFunc(in.ResourceTypes, func(t string) bool { return !definitions.IsResource(t) }), "resourceTypes", "Unknown resource type")
	return fields.Err()
}

func (in *ProjectClone) takes(resourceType, id string) bool {
	return (len(in.ResourceTypes) == 0 || slices.Contains(in.ResourceTypes, resourceType)) &&
		(len(in.IncludeIDs) == 0 || slices.Contains(in.IncludeIDs, id)) && !slices.Contains(in.ExcludeIDs, id)
}

// maxCloned is how many resources are copied at once.
const maxCloned = 10_000

// CloneProject makes a project of the resources of another one, in one transaction: until it ends there is
// nothing to be seen, and what it has read into memory is bounded. People and their memberships, secrets and
// sites are not copied, nor is the power of a super administrator's project: the copy has no member and no
// owner, and its clients have no secret. Its links to other projects it shares.
//
// Errors: outcome Forbidden, Invalid, NotFound, TooCostly.
func (s *Service) CloneProject(ctx context.Context, who caller.Caller, id string, in ProjectClone) (store.Resource, error) {
	if err := s.mustBeSuper(ctx, who, audit.ProjectCreate); err != nil {
		return store.Resource{}, err
	}
	if err := in.check(); err != nil {
		return store.Resource{}, err
	}
	source, err := s.Repo.As(who).Read(ctx, medplum.TypeProject, id)
	if outcome.Has(err, outcome.Gone) {
		err = outcome.New(outcome.NotFound, "")
	}
	if err != nil {
		return store.Resource{}, err
	}
	to := s.Clock.NewID()
	copied, err := s.Repo.Copy(ctx, repo.Copying{
		From: id, To: to, Most: maxCloned, Base: s.BaseURL.JoinPath("fhir/R4/").String(), Takes: in.takes,
		Content: func(ctx context.Context, of store.BlobUse) (store.BlobUse, error) { return s.copyContent(ctx, to, of) },
	})
	if err != nil {
		return store.Resource{}, err
	}
	var made store.Resource
	err = s.Repo.System("copy a project", to).InTx(ctx, func(tx *repo.Tx) error {
		if err := s.pasteProject(ctx, tx, who, in.Name, source, copied); err != nil {
			return err
		}
		if err := tx.Administer(who, "copy a project", to).Paste(ctx, copied); err != nil {
			return err
		}
		if err := recordClone(ctx, tx, who, id, to); err != nil {
			return err
		}
		made, err = tx.As(who).Read(ctx, medplum.TypeProject, to)
		return err
	})
	return made, err
}

func (s *Service) copyContent(ctx context.Context, to string, of store.BlobUse) (store.BlobUse, error) {
	content, err := s.Contents.Open(ctx, of.Blob)
	if err != nil {
		return store.BlobUse{}, err
	}
	defer content.Close()
	kept, err := s.Contents.Put(ctx, to, content, of.Size)
	return store.BlobUse{Blob: kept, FileName: of.FileName}, err
}

// pasteProject stores the Project itself. When its default policies are not all copied it gets new ones: with
// none, whoever is invited may do nothing.
func (s *Service) pasteProject(ctx context.Context, tx *repo.Tx, who caller.Caller, name string, source store.Resource, copied *repo.Copy) error {
	var was medplum.Project
	if err := decode(source, &was); err != nil {
		return err
	}
	content, err := copied.Rewrite(source.Content)
	if err != nil {
		return err
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(content, &members); err != nil {
		return err
	}
	for _, stays := range []string{"meta", "owner", "superAdmin", "secret", "systemSecret", "site"} {
		delete(members, stays)
	}
	set := map[string]any{"id": copied.To}
	if name != "" {
		set["name"] = name
	}
	if slices.ContainsFunc(was.DefaultAccessPolicies, func(d medplum.DefaultAccessPolicy) bool { return !copied.Has(d.AccessPolicy) }) {
		if set["defaultAccessPolicies"], err = makeDefaultPolicies(ctx, tx, copied.To); err != nil {
			return err
		}
	}
	if was.DefaultPatientAccessPolicy != nil && !copied.Has(*was.DefaultPatientAccessPolicy) {
		delete(members, "defaultPatientAccessPolicy")
	}
	for member, value := range set {
		if members[member], err = marshal(value); err != nil {
			return err
		}
	}
	body, err := marshal(members)
	if err != nil {
		return err
	}
	_, err = tx.Administer(who, "copy a project", store.SystemProject).Create(ctx, medplum.TypeProject, body)
	return err
}

// recordClone tells both projects.
func recordClone(ctx context.Context, tx *repo.Tx, who caller.Caller, from, to string) error {
	entities := []string{medplum.TypeProject + "/" + from, medplum.TypeProject + "/" + to}
	read := event(who, from, audit.ProjectRead, entities...)
	read.Description = "copied"
	if err := audit.Record(ctx, tx.Store(), read); err != nil {
		return err
	}
	made := event(who, to, audit.ProjectCreate, entities...)
	made.Description = "a copy"
	return audit.Record(ctx, tx.Store(), made)
}
