package admin

import (
	"context"

	"github.com/admitdev/admit/pkg/store"
)

// Link is what a page may say to whoever holds the link of a mail, before they act on it.
type Link struct {
	Email string
	// Invite says that the link is an invitation's and not a reset's.
	Invite bool
	// Project is the project of a User who belongs to one alone, and signs in to it by name.
	Project string
}

// PasswordLink looks at the link of an invite or a reset and uses nothing up: those who scan mails
// open what they find.
//
// Errors: outcome Invalid "Already used", "Incorrect secret", "This link has expired"; NotFound.
func (s *SignIn) PasswordLink(ctx context.Context, id, plain string) (Link, error) {
	request, who, err := s.request(ctx, id, plain, store.RequestInvite, store.RequestReset)
	if err != nil {
		return Link{}, err
	}
	link := Link{Email: who.user.Email, Invite: request.Type == store.RequestInvite}
	if who.ref.Project != store.SystemProject {
		link.Project = who.ref.Project
	}
	if !link.Invite {
		return link, nil
	}
	return link, s.Service.openInvitation(ctx, request)
}

// Identity is somebody who has just shown who they are.
type Identity struct {
	Name, Email string
	// Memberships are where they may go from here.
	Memberships []Choice
	// SecondFactor says that they would have to show a second one.
	SecondFactor bool
}

// Prove signs somebody in to see that it works, and ends the session that this began: a page that
// only shows who somebody is needs none.
//
// Errors: as Login's.
func (s *SignIn) Prove(ctx context.Context, in LoginRequest, from Device) (Identity, error) {
	step, err := s.Login(ctx, in, from)
	if err != nil {
		return Identity{}, err
	}
	login, who, err := s.pending(ctx, step.Login)
	if err != nil {
		return Identity{}, err
	}
	err = s.Store.InTx(ctx, func(tx *store.Tx) error {
		_, err := tx.RevokeLogin(ctx, login.ID)
		return err
	})
	if err != nil {
		return Identity{}, err
	}
	proven := Identity{
		Name: who.user.FirstName + " " + who.user.LastName, Email: who.user.Email,
		SecondFactor: step.MFARequired || step.MFAEnrollRequired,
	}
	if proven.SecondFactor { // nobody is let in by half
		return proven, nil
	}
	proven.Memberships, err = s.choices(ctx, login)
	return proven, err
}
