package admin

import (
	"context"
	"errors"

	"github.com/admitdev/admit/fhir/caller"
	"github.com/admitdev/admit/fhir/repo"
	"github.com/admitdev/admit/pkg/audit"
	"github.com/admitdev/admit/pkg/mail"
	"github.com/admitdev/admit/pkg/outcome"
	"github.com/admitdev/admit/pkg/store"
)

// emailChanges is how many changes of their address somebody may ask for in a minute.
const emailChanges = 3

// ChangeEmail asks the caller's new address to prove itself and tells the old one. Nothing has changed
// until the link is used. Whether the address is somebody else's already shows no sooner.
//
// Errors: outcome Forbidden, Invalid, *StaleSignIn, *TooSoon.
func (s *SignIn) ChangeEmail(ctx context.Context, who caller.Caller, email string) error {
	email = mail.Canonical(email)
	var fields outcome.Fields
	fields.Check(mail.ValidAddress(email), "email", "Valid email address is required")
	if err := fields.Err(); err != nil {
		return err
	}
	me, err := s.freshAccount(ctx, who)
	if err != nil {
		return err
	}
	if email == mail.Canonical(me.user.Email) {
		return outcome.New(outcome.Invalid, "This is your address already").At("email")
	}
	if err := s.holdsAddress(ctx, me.ref); err != nil {
		return err
	}
	if err := s.countUp(ctx, "email "+me.ref.Project+"/"+me.ref.ID, emailChanges); err != nil {
		return err
	}
	return s.Repo.System("ask to change the address of a User", me.ref.Project).InTx(ctx, func(tx *repo.Tx) error {
		request := store.SecurityRequest{Type: store.RequestChangeEmail, Email: email}
		id, plain, err := makeRequest(ctx, tx, me.ref, request, resetAge)
		if err != nil {
			return err
		}
		letters := []mail.Letter{{Template: mail.ChangeEmail, To: email, Project: me.ref.Project, Request: id, Secret: plain}}
		if me.user.Email != "" {
			letters = append(letters, mail.Letter{Template: mail.EmailChanging, To: me.user.Email, Project: me.ref.Project})
		}
		for _, letter := range letters {
			if _, err := s.Mails.Queue(ctx, tx.Store(), letter); err != nil {
				return err
			}
		}
		asked := ownEvent(me.ref, audit.EmailChange)
		asked.Description = "asked for"
		return audit.Record(ctx, tx.Store(), asked)
	})
}

// holdsAddress refuses whoever chose a password without showing that their present address is theirs:
// with another address they would take along what was meant for its owner.
func (s *SignIn) holdsAddress(ctx context.Context, user store.Ref) error {
	kept, err := s.Store.Credential(ctx, user, store.Password)
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err == nil && kept.Opens != store.OpensAll {
		err = outcome.New(outcome.Invalid, "Show first that your present address is yours: ask for a new password there")
	}
	return err
}

// VerifyEmail proves the address of whoever holds the secret that was mailed there, be it the one they
// have or the one that is to take its place.
//
// Errors: outcome Invalid, NotFound.
func (s *SignIn) VerifyEmail(ctx context.Context, id, plain string) error {
	var fields outcome.Fields
	fields.Check(uuidForm.MatchString(id), "id", "Invalid request ID")
	fields.Check(plain != "", "secret", "Missing secret")
	if err := fields.Err(); err != nil {
		return err
	}
	request, who, err := s.request(ctx, id, plain, store.RequestVerifyEmail, store.RequestChangeEmail)
	if err != nil {
		return err
	}
	return s.Repo.System("prove the address of a User", who.ref.Project).InTx(ctx, func(tx *repo.Tx) error {
		if err := useRequest(ctx, tx, request); err != nil {
			return err
		}
		if request.Type == store.RequestChangeEmail {
			return s.Service.replaceEmail(ctx, tx, who.ref, request.Email)
		}
		return setUser(ctx, tx, who.ref, "emailVerified", true)
	})
}

// replaceEmail is the work of a used link: the new address is theirs. Links that were mailed to the old
// one are void.
func (s *Service) replaceEmail(ctx context.Context, tx *repo.Tx, user store.Ref, email string) error {
	err := s.giveAddress(ctx, tx, user, email, true)
	if err == nil {
		err = tx.Store().SupersedeSecurityRequests(ctx, user)
	}
	if err != nil {
		return err
	}
	return audit.Record(ctx, tx.Store(), ownEvent(user, audit.EmailChange))
}
