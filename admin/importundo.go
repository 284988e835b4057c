package admin

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/admitdev/admit/fhir/caller"
	"github.com/admitdev/admit/fhir/definitions"
	"github.com/admitdev/admit/fhir/index"
	"github.com/admitdev/admit/fhir/repo"
	"github.com/admitdev/admit/pkg/audit"
	"github.com/admitdev/admit/pkg/outcome"
	"github.com/admitdev/admit/pkg/store"
)

// undoBatch takes back the next rows after a number and gives the number of the last; 0 when there
// are none.
func (s *Service) undoBatch(ctx context.Context, who caller.Caller, in store.Import, after int) (last int, err error) {
	rows, err := s.Store.ImportRows(ctx, in, store.RowDone, after, importBatch)
	if err != nil || len(rows) == 0 {
		return 0, err
	}
	for _, row := range rows {
		if err := s.undoRow(ctx, who, in, row); err != nil {
			return 0, err
		}
	}
	return rows[len(rows)-1].Number, nil
}

// undoRow takes back what one row has made, all of it or, when some of it has changed, nothing.
func (s *Service) undoRow(ctx context.Context, who caller.Caller, in store.Import, row store.ImportRow) error {
	var made imported
	if err := json.Unmarshal([]byte(row.Result), &made); err != nil {
		return fmt.Errorf("row %d of import %s is damaged: %w", row.Number, in.ID, err)
	}
	kept := waiting{row: row}
	err := s.Repo.System("undo an import", in.Project).InTx(ctx, func(tx *repo.Tx) error {
		rows := tx.Store()
		held, err := rows.HoldImport(ctx, in.Project, in.ID)
		if err != nil || held.State != store.ImportUndoing {
			return err
		}
		now, err := rows.ImportRows(ctx, in, store.RowDone, row.Number-1, 1)
		if err != nil || len(now) == 0 || now[0].Number != row.Number {
			return err
		}
		switch row.Action {
		case store.RowCreate:
			err = s.undoCreate(ctx, tx, who, in.Project, made)
		case store.RowUpdate:
			err = s.undoUpdate(ctx, tx, who, in.Project, made)
		}
		if err != nil {
			return err
		}
		undone := row
		undone.State = store.RowUndone
		return rows.SetImportRows(ctx, []store.ImportRow{undone})
	})
	var refused *outcome.Outcome
	if !errors.As(err, &refused) {
		return err
	}
	if err := kept.fail(refused); err != nil {
		return err
	}
	kept.row.State, kept.row.Action = store.RowKept, row.Action
	return s.Store.InTx(ctx, func(tx *store.Tx) error { return tx.SetImportRows(ctx, []store.ImportRow{kept.row}) })
}

// unchanged holds a resource and refuses one that is not as the import has left it.
func unchanged(ctx context.Context, tx *repo.Tx, v version) error {
	now, err := tx.Store().Hold(ctx, v.ref())
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return err
	}
	if err != nil || now != v.Version {
		return outcome.New(outcome.Conflict, "%s/%s has changed since", v.Type, v.ID)
	}
	return nil
}

func (s *Service) undoCreate(ctx context.Context, tx *repo.Tx, who caller.Caller, project string, made imported) error {
	if err := notEntered(ctx, tx.Store(), project, made); err != nil {
		return err
	}
	for _, v := range []*version{&made.Membership, made.Profile, made.User} {
		if v != nil {
			if err := unchanged(ctx, tx, *v); err != nil {
				return err
			}
		}
	}
	if made.Profile != nil {
		if err := inNoCompartment(ctx, tx.Store(), made.Profile.ref()); err != nil {
			return err
		}
	}
	if err := withdrawMails(ctx, tx.Store(), project, made.Membership.ID); err != nil {
		return err
	}
	described, err := s.project(ctx, tx, project)
	if err != nil {
		return err
	}
	if err := s.deleteMember(ctx, tx, who, described, made.Membership.ID); err != nil {
		return err
	}
	if made.Profile != nil {
		if err := tx.Administer(who, "undo an import", project).Delete(ctx, made.Profile.Type, made.Profile.ID); err != nil {
			return err
		}
	}
	if made.User == nil || made.User.Project == project { // deleting the member has deleted the latter
		return nil
	}
	return s.undoUser(ctx, tx, made.User.ref())
}

// withdrawMails keeps the mails of a membership's invitations from being sent, if they wait.
func withdrawMails(ctx context.Context, rows *store.Tx, project, membership string) error {
	invitations, err := rows.InvitationsOf(ctx, project, membership)
	if err != nil {
		return err
	}
	for _, invitation := range invitations {
		if invitation.Mail == "" {
			continue
		}
		if err := rows.WithdrawMail(ctx, invitation.Mail); err != nil {
			return err
		}
	}
	return nil
}

// undoUser deletes a User of the server who has come to be by the import.
func (s *Service) undoUser(ctx context.Context, tx *repo.Tx, user store.Ref) error {
	rows := tx.Store()
	others, err := rows.Owners(ctx, store.SystemProject, repo.KeyUserMembership, user.Type+"/"+user.ID+"/", 1)
	if err != nil || len(others) > 0 { // another project has invited them meanwhile
		return err
	}
	if err := tx.System("undo an import", store.SystemProject).Delete(ctx, user.Type, user.ID); err != nil {
		return err
	}
	if err := rows.DeleteCredentials(ctx, user); err != nil {
		return err
	}
	if err := forgetFactors(ctx, rows, user); err != nil {
		return err
	}
	return rows.RevokeLogins(ctx, user)
}

// notEntered refuses to take back somebody who has signed in, or somebody new who has set a password. Logins
// go with time: that the invitation was accepted stays. Who has signed in to no project has a login alone.
func notEntered(ctx context.Context, rows *store.Tx, project string, made imported) error {
	signedIn := outcome.New(outcome.Conflict, "The person has signed in")
	if made.User != nil {
		user := made.User.ref()
		_, err := rows.Credential(ctx, user, store.Password)
		switch {
		case err == nil && !made.Password:
			return outcome.New(outcome.Conflict, "The person has accepted the invitation")
		case ignoreNotFound(err) != nil:
			return err
		}
		if entered, err := rows.HasLogin(ctx, user); err != nil || entered {
			return cmp.Or(err, error(signedIn))
		}
	}
	invitations, err := rows.InvitationsOf(ctx, project, made.Membership.ID)
	if err == nil && slices.ContainsFunc(invitations, func(in store.Invitation) bool { return in.State == store.InvitationAccepted }) {
		err = signedIn
	}
	return err
}

// inNoCompartment refuses a profile in whose compartment there is anything. Records of what was done
// do not count: the import has written some itself.
func inNoCompartment(ctx context.Context, rows *store.Tx, profile store.Ref) error {
	var types []string
	for _, resourceType := range definitions.ResourceTypes() {
		if resourceType != "AuditEvent" && !slices.Contains(medplumTypes(), resourceType) {
			types = append(types, resourceType)
		}
	}
	found, err := rows.Search(ctx, store.Query{
		Projects: []string{profile.Project}, Types: types, Limit: 2, // one is the profile itself
		Where: store.Reference{Param: index.CompartmentParam, Values: []store.ReferenceValue{{Type: profile.Type, ID: profile.ID}}},
	})
	if err != nil {
		return err
	}
	for _, row := range found {
		if row.Ref != profile {
			return outcome.New(outcome.Conflict, "%s/%s refers to %s/%s", row.Type, row.ID, profile.Type, profile.ID)
		}
	}
	return nil
}

// undoUpdate gives the membership the content that it had before.
func (s *Service) undoUpdate(ctx context.Context, tx *repo.Tx, who caller.Caller, project string, made imported) error {
	if err := unchanged(ctx, tx, made.Membership); err != nil {
		return err
	}
	members := tx.Administer(who, "undo an import", project)
	before, err := members.VRead(ctx, made.Membership.Type, made.Membership.ID, made.Before)
	if err != nil {
		return err
	}
	res, err := members.Update(ctx, made.Membership.Type, made.Membership.ID, before.Content, made.Membership.Version)
	if err != nil {
		return err
	}
	return audit.Record(ctx, tx.Store(), event(who, project, audit.MembershipChange, res.Type+"/"+res.ID))
}
