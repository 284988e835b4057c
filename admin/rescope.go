package admin

import (
	"context"
	"errors"
	"strings"

	"github.com/admitdev/admit/fhir/caller"
	"github.com/admitdev/admit/fhir/medplum"
	"github.com/admitdev/admit/fhir/repo"
	"github.com/admitdev/admit/pkg/audit"
	"github.com/admitdev/admit/pkg/outcome"
	"github.com/admitdev/admit/pkg/store"
)

// Rescope is what User/$rescope is given (contract §1.3).
type Rescope struct {
	Scope   string // "project" or "server"
	Project string // for "project": its id, or a reference
}

// RescopeUser moves a User between the server and a project: a super administrator to either, an administrator
// one of the project to the server. It ends the User's sessions and mailed links.
//
// An account of the server opens whatever other projects invite its address to. So an administrator moves only
// one whose address the person has proven, and what it signs in with is forgotten: whoever set its password may
// have added the rest.
//
// Errors: outcome Forbidden, NotFound, Invalid.
func (s *Service) RescopeUser(ctx context.Context, who caller.Caller, id string, in Rescope) (store.Resource, error) {
	if !who.ProjectAdmin() || !mayByScope(who) {
		return store.Resource{}, s.refuse(ctx, who, audit.UserRescope, outcome.New(outcome.Forbidden, ""))
	}
	ref, err := s.Store.Owner(ctx, store.Key{Scope: store.SystemProject, Kind: medplum.TypeUser, Value: id})
	switch {
	case errors.Is(err, store.ErrNotFound):
		return store.Resource{}, s.refuseUser(ctx, who, audit.UserRescope, store.Ref{ID: id})
	case err != nil:
		return store.Resource{}, err
	case !who.SuperAdmin && ref.Project != who.Project:
		return store.Resource{}, s.refuseUser(ctx, who, audit.UserRescope, ref)
	case !who.SuperAdmin && in.Scope == scopeProject:
		return store.Resource{}, s.refuse(ctx, who, audit.UserRescope, outcome.New(outcome.Forbidden, ""))
	}
	to, err := in.home(ref)
	if err != nil {
		return store.Resource{}, err
	}
	var made store.Resource
	err = s.again(ctx, func() error {
		return s.Repo.System("move a User to another scope", ref.Project).InTx(ctx, func(tx *repo.Tx) (err error) {
			made, err = s.rescope(ctx, tx, who, ref, to)
			return err
		})
	})
	return made, err
}

const (
	scopeProject = "project"
	scopeServer  = "server"
)

// home is the partition to which the User is to move.
func (in Rescope) home(ref store.Ref) (string, error) {
	project := strings.TrimPrefix(in.Project, medplum.TypeProject+"/")
	var fields outcome.Fields
	switch in.Scope {
	case scopeServer:
		fields.Check(ref.Project != store.SystemProject, "scope", "User is already server-scoped")
		project = store.SystemProject
	case scopeProject:
		fields.Check(store.ValidProject(project) && project != store.SystemProject, "project", "Project is required")
		fields.Check(ref.Project != project, "scope", "User is already scoped to this project")
	default:
		fields.Check(false, "scope", `Invalid scope: must be "project" or "server"`)
	}
	return project, fields.Err()
}

func (s *Service) rescope(ctx context.Context, tx *repo.Tx, who caller.Caller, ref store.Ref, to string) (store.Resource, error) {
	stored, err := tx.System("read the User who moves", ref.Project).Read(ctx, ref.Type, ref.ID)
	if err != nil {
		return store.Resource{}, err
	}
	var user medplum.User
	if err := decode(stored, &user); err != nil {
		return store.Resource{}, err
	}
	if err := s.mayMove(ctx, tx, who, ref, to, user); err != nil {
		return store.Resource{}, err
	}
	rows := tx.Store()
	if err := errors.Join(rows.RevokeLogins(ctx, ref), rows.SupersedeSecurityRequests(ctx, ref)); err != nil {
		return store.Resource{}, err
	}
	if !who.SuperAdmin {
		err := errors.Join(rows.DeleteCredentials(ctx, ref), rows.DeletePasskeys(ctx, ref), rows.SetRecoveryCodes(ctx, ref, nil))
		if err != nil {
			return store.Resource{}, err
		}
	}
	if err := rows.Rehome(ctx, ref, to); err != nil {
		return store.Resource{}, err
	}
	body, err := rescoped(stored, to, who.SuperAdmin)
	if err != nil {
		return store.Resource{}, err
	}
	made, err := tx.System("move a User to another scope", to).Update(ctx, ref.Type, ref.ID, body, stored.Version)
	if outcome.Has(err, outcome.Conflict) {
		err = outcome.New(outcome.Invalid, "Another User has this address there").At("scope")
	}
	if err != nil {
		return store.Resource{}, err
	}
	return made, audit.Record(ctx, rows, event(who, who.Project, audit.UserRescope, ref.Type+"/"+ref.ID))
}

// mayMove refuses what would leave the User, or a project, with a dead login.
func (s *Service) mayMove(ctx context.Context, tx *repo.Tx, who caller.Caller, ref store.Ref, to string, user medplum.User) error {
	if to == store.SystemProject {
		if !who.SuperAdmin && !user.EmailVerified {
			return outcome.New(outcome.Invalid, "The person has not proven the address of the User").At("scope")
		}
		return nil
	}
	target := store.Ref{Project: store.SystemProject, Type: medplum.TypeProject, ID: to}
	switch _, err := tx.System("see whether a project exists", store.SystemProject).Read(ctx, target.Type, target.ID); {
	case outcome.Has(err, outcome.NotFound) || outcome.Has(err, outcome.Gone):
		return outcome.New(outcome.Invalid, "Project does not exist").At("project")
	case err != nil:
		return err
	}
	members, err := s.Store.Owners(ctx, store.SystemProject, repo.KeyUserMembership, ref.Type+"/"+ref.ID+"/", maxRescoped)
	if err != nil {
		return err
	}
	for _, m := range members {
		if m.Project != to {
			return outcome.New(outcome.Invalid, "User has ProjectMembership in another project; remove those memberships before rescoping").At("scope")
		}
	}
	return nil
}

// maxRescoped is how many memberships of a User are looked at; one with more has one elsewhere.
const maxRescoped = 1000

// rescoped is a User as it is in its new partition, with its second factor or without.
func rescoped(stored store.Resource, to string, factor bool) ([]byte, error) {
	var doc memberDocument
	if err := decode(stored, &doc); err != nil {
		return nil, err
	}
	delete(doc, "project")
	if !factor {
		delete(doc, "mfaEnrolled")
	}
	if to != store.SystemProject {
		if err := doc.set("project", medplum.RefTo(medplum.TypeProject, to, "")); err != nil {
			return nil, err
		}
	}
	return marshal(doc)
}
