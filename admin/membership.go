package admin

import (
	"context"

	"github.com/admitdev/admit/fhir/caller"
	"github.com/admitdev/admit/fhir/document"
	"github.com/admitdev/admit/fhir/medplum"
	"github.com/admitdev/admit/fhir/repo"
	"github.com/admitdev/admit/pkg/audit"
	"github.com/admitdev/admit/pkg/outcome"
	"github.com/admitdev/admit/pkg/store"
)

// Member reads a membership of a project as the caller may see it.
//
// Errors: outcome Forbidden, NotFound, Gone.
func (s *Service) Member(ctx context.Context, who caller.Caller, project, id string) (store.Resource, error) {
	if err := s.mayAdminister(ctx, who, project, audit.MembershipRead); err != nil {
		return store.Resource{}, err
	}
	if _, err := s.Repo.System("find a membership of a project", project).Read(ctx, medplum.TypeProjectMembership, id); err != nil {
		return store.Resource{}, err
	}
	return s.Repo.As(who).Read(ctx, medplum.TypeProjectMembership, id)
}

// UpdateMember replaces a membership. Its project and user stay what they are, whatever the body
// says.
//
// Errors: outcome Forbidden, NotFound, Gone, those of validation, Conflict.
func (s *Service) UpdateMember(ctx context.Context, who caller.Caller, project, id string, body []byte) (store.Resource, error) {
	if err := s.mayAdminister(ctx, who, project, audit.MembershipChange); err != nil {
		return store.Resource{}, err
	}
	if err := mustBeMember(body, id); err != nil {
		return store.Resource{}, err
	}
	var made store.Resource
	err := s.again(ctx, func() error {
		return s.Repo.System("update a membership", project).InTx(ctx, func(tx *repo.Tx) (err error) {
			members := tx.Administer(who, "update a membership", project)
			stored, err := members.Read(ctx, medplum.TypeProjectMembership, id)
			if err != nil {
				return err
			}
			if made, err = members.Update(ctx, medplum.TypeProjectMembership, id, body, stored.Version); err != nil {
				return err
			}
			if err := audit.Record(ctx, tx.Store(), event(who, project, audit.MembershipChange, made.Type+"/"+id)); err != nil {
				return err
			}
			made, err = tx.As(who).Read(ctx, medplum.TypeProjectMembership, id)
			return err
		})
	})
	return made, err
}

// mustBeMember holds a body to its address; Medplum calls any other forbidden.
func mustBeMember(body []byte, id string) error {
	doc, err := document.Parse(body)
	if err != nil {
		return err
	}
	if doc.Text("resourceType") != medplum.TypeProjectMembership || doc.Text("id") != id {
		return outcome.New(outcome.Forbidden, "")
	}
	return nil
}

// DeleteMember removes a membership with its sessions and open invitations. The profile stays. A
// User of the project alone goes with its last membership.
//
// Errors: outcome Forbidden, NotFound, Gone, Invalid for the owner's.
func (s *Service) DeleteMember(ctx context.Context, who caller.Caller, projectID, id string) error {
	if err := s.mayAdminister(ctx, who, projectID, audit.MembershipDelete); err != nil {
		return err
	}
	return s.again(ctx, func() error {
		return s.Repo.System("delete a membership", projectID).InTx(ctx, func(tx *repo.Tx) error {
			project, err := s.project(ctx, tx, projectID)
			if err != nil {
				return err
			}
			return s.deleteMember(ctx, tx, who, project, id)
		})
	})
}

func (s *Service) deleteMember(ctx context.Context, tx *repo.Tx, who caller.Caller, project medplum.Project, id string) error {
	members := tx.Administer(who, "delete a membership", project.ID)
	res, err := members.Read(ctx, medplum.TypeProjectMembership, id)
	if err != nil {
		return err
	}
	var m medplum.ProjectMembership
	if err := decode(res, &m); err != nil {
		return err
	}
	if err := members.Delete(ctx, medplum.TypeProjectMembership, id); err != nil {
		return err
	}
	if err := s.forgetUser(ctx, tx, project.ID, m.User); err != nil {
		return err
	}
	return audit.Record(ctx, tx.Store(), event(who, project.ID, audit.MembershipDelete, res.Type+"/"+id, m.User.Reference))
}

// forgetUser deletes a User of the project who has no membership left, with all that lets it in.
func (s *Service) forgetUser(ctx context.Context, tx *repo.Tx, project string, user medplum.Reference) error {
	resourceType, id := user.Split()
	if resourceType != medplum.TypeUser {
		return nil
	}
	rows := tx.Store()
	ref, err := rows.Owner(ctx, store.Key{Scope: store.SystemProject, Kind: medplum.TypeUser, Value: id})
	if err != nil {
		return err
	}
	left, err := rows.Owners(ctx, store.SystemProject, repo.KeyUserMembership, user.Reference+"/", 1)
	if err != nil || len(left) > 0 {
		return err
	}
	if err := rows.SupersedeSecurityRequests(ctx, ref); err != nil || ref.Project != project {
		return err
	}
	if err := tx.System("delete the User of a last membership", project).Delete(ctx, resourceType, id); err != nil {
		return err
	}
	if err := rows.DeleteCredentials(ctx, ref); err != nil {
		return err
	}
	if err := forgetFactors(ctx, rows, ref); err != nil {
		return err
	}
	return rows.RevokeLogins(ctx, ref)
}
