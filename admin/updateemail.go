package admin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/admitdev/admit/fhir/caller"
	"github.com/admitdev/admit/fhir/medplum"
	"github.com/admitdev/admit/fhir/repo"
	"github.com/admitdev/admit/pkg/audit"
	"github.com/admitdev/admit/pkg/mail"
	"github.com/admitdev/admit/pkg/outcome"
	"github.com/admitdev/admit/pkg/store"
)

// EmailUpdate is what User/$update-email is given (contract §1.3).
type EmailUpdate struct {
	Email string
	// ProfileTelecom has the profiles in the project say the new address as well.
	ProfileTelecom bool
	// SkipVerification sends no link by which the person proves the address. It is unproven all the same.
	SkipVerification bool
}

// UpdateEmail gives a User another address: an administrator to one of the project alone, a super
// administrator to any. The old address is told, and links that were mailed there work no longer.
//
// Errors: outcome Forbidden, NotFound, Invalid, TooManyRequests.
func (s *Service) UpdateEmail(ctx context.Context, who caller.Caller, id string, in EmailUpdate) (store.Resource, error) {
	in.Email = mail.Canonical(in.Email)
	if !who.ProjectAdmin() || !mayByScope(who) {
		return store.Resource{}, s.refuse(ctx, who, audit.EmailChange, outcome.New(outcome.Forbidden, ""))
	}
	ref, err := s.Store.Owner(ctx, store.Key{Scope: store.SystemProject, Kind: medplum.TypeUser, Value: id})
	switch {
	case errors.Is(err, store.ErrNotFound):
		return store.Resource{}, s.refuseUser(ctx, who, audit.EmailChange, store.Ref{ID: id})
	case err != nil:
		return store.Resource{}, err
	case who.SuperAdmin:
	case ref.Project != who.Project:
		return store.Resource{}, s.refuseUser(ctx, who, audit.EmailChange, ref)
	}
	var fields outcome.Fields
	fields.Check(mail.ValidAddress(in.Email), "email", "Valid email address is required")
	fields.Check(!in.ProfileTelecom || ref.Project != store.SystemProject, "updateProfileTelecom", "Cannot update profile of server-scoped User")
	if err := fields.Err(); err != nil {
		return store.Resource{}, err
	}
	var made store.Resource
	err = s.again(ctx, func() error {
		return s.Repo.System("change the address of a User", ref.Project).InTx(ctx, func(tx *repo.Tx) (err error) {
			if err = s.updateEmail(ctx, tx, who, ref, in); err == nil {
				made, err = tx.As(who).Read(ctx, medplum.TypeUser, id)
			}
			return err
		})
	})
	return made, err
}

// refuseUser is the refusal of what an administrator may do to a User of the project alone. To them there is nobody
// but the members, and the trail tells nothing else.
func (s *Service) refuseUser(ctx context.Context, who caller.Caller, action audit.Action, user store.Ref) error {
	projects, err := projectsOf(ctx, s.Store, user.ID)
	if err != nil {
		return err
	}
	refusal := outcome.New(outcome.NotFound, "")
	if slices.Contains(projects, who.Project) {
		refusal = outcome.New(outcome.Forbidden, "")
	}
	return s.refuse(ctx, who, action, refusal)
}

func (s *Service) updateEmail(ctx context.Context, tx *repo.Tx, who caller.Caller, ref store.Ref, in EmailUpdate) error {
	stored, err := tx.System("read the User whose address changes", ref.Project).Read(ctx, ref.Type, ref.ID)
	if err != nil {
		return err
	}
	var user medplum.User
	if err := decode(stored, &user); err != nil {
		return err
	}
	if mail.Canonical(user.Email) == in.Email {
		return nil
	}
	if err := s.giveAddress(ctx, tx, ref, in.Email, false); err != nil {
		return err
	}
	if err := tx.Store().SupersedeSecurityRequests(ctx, ref); err != nil {
		return err
	}
	if in.ProfileTelecom {
		if err := s.updateTelecom(ctx, tx, who, ref, user.Email, in.Email); err != nil {
			return err
		}
	}
	if err := s.tellOfAddress(ctx, tx, who, ref, user.Email, in); err != nil {
		return err
	}
	return audit.Record(ctx, tx.Store(), event(who, who.Project, audit.EmailChange, ref.Type+"/"+ref.ID))
}

// giveAddress makes an address that of a User. Nobody who is a member beside them may have it, in whatever scope
// (fhir/repo).
func (s *Service) giveAddress(ctx context.Context, tx *repo.Tx, user store.Ref, email string, proven bool) error {
	err := setElements(ctx, tx, user, element{"email", email}, element{"emailVerified", proven})
	if outcome.Has(err, outcome.Conflict) {
		err = outcome.New(outcome.Invalid, "This address belongs to another account").At("email")
	}
	return err
}

// tellOfAddress mails the link by which the new address proves itself, and a notice to the old one. They
// count with the invitations that a project may mail: either address may be anybody's.
func (s *Service) tellOfAddress(ctx context.Context, tx *repo.Tx, who caller.Caller, ref store.Ref, old string, in EmailUpdate) error {
	var letters []mail.Letter
	if old != "" {
		letters = append(letters, mail.Letter{Template: mail.EmailChanging, To: old, Project: ref.Project})
	}
	if !in.SkipVerification {
		id, plain, err := makeRequest(ctx, tx, ref, store.SecurityRequest{Type: store.RequestVerifyEmail}, resetAge)
		if err != nil {
			return err
		}
		letters = append(letters, mail.Letter{Template: mail.VerifyEmail, To: in.Email, Project: ref.Project, Request: id, Secret: plain})
	}
	if s.MailLimit >= 0 && !who.SuperAdmin {
		left, err := s.mailsLeft(ctx, tx.Store(), ref.Project)
		if err == nil && left < len(letters) {
			err = tooManyMails(s.MailLimit)
		}
		if err != nil {
			return err
		}
	}
	for _, letter := range letters {
		if _, err := s.Mails.Queue(ctx, tx.Store(), letter); err != nil {
			return err
		}
	}
	return nil
}

// updateTelecom adds the new address to the profiles and calls the old one old.
func (s *Service) updateTelecom(ctx context.Context, tx *repo.Tx, who caller.Caller, user store.Ref, old, email string) error {
	members, err := s.membershipsOf(ctx, tx, user.Project, user)
	if err != nil {
		return err
	}
	for _, m := range members {
		resourceType, id := m.Profile.Split()
		profiles := tx.Administer(who, "change the address in a profile", user.Project)
		stored, err := profiles.Read(ctx, resourceType, id)
		if err != nil {
			return err
		}
		var doc memberDocument
		if err := decode(stored, &doc); err != nil {
			return err
		}
		if err := doc.moveTelecom(old, email); err != nil {
			return err
		}
		body, err := marshal(doc)
		if err != nil {
			return err
		}
		if _, err := profiles.Update(ctx, resourceType, id, body, stored.Version); err != nil {
			return err
		}
	}
	return nil
}

// moveTelecom is updateTelecom of one profile; what else its contact points say stays.
func (d memberDocument) moveTelecom(old, email string) error {
	var points []memberDocument
	if raw := d["telecom"]; raw != nil {
		if err := json.Unmarshal(raw, &points); err != nil {
			return fmt.Errorf("telecom of a profile: %w", err)
		}
	}
	is := func(point memberDocument, address string) bool {
		var system, value string
		return json.Unmarshal(point["system"], &system) == nil && json.Unmarshal(point["value"], &value) == nil &&
			system == "email" && mail.Canonical(value) == mail.Canonical(address)
	}
	points = slices.DeleteFunc(points, func(point memberDocument) bool { return is(point, email) })
	for _, point := range points {
		if is(point, old) {
			if err := point.set("use", "old"); err != nil {
				return err
			}
		}
	}
	added := memberDocument{}
	if err := errors.Join(added.set("system", "email"), added.set("use", "work"), added.set("value", email)); err != nil {
		return err
	}
	return d.set("telecom", append(points, added))
}
