package admin

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/admitdev/admit/fhir/caller"
	"github.com/admitdev/admit/fhir/medplum"
	"github.com/admitdev/admit/pkg/outcome"
	"github.com/admitdev/admit/pkg/store"
)

// The page of one's own account has a session of its own, which a browser's cookie leads to. It has no
// membership, so it reaches no data and never gives tokens.

// EnterAccount signs a browser in to the page of the person's own account. What the step wants is given
// to VerifyAccount; a step that wants nothing has opened it.
//
// Errors: as Login's.
func (s *SignIn) EnterAccount(ctx context.Context, in LoginRequest, browser string, from Device) (Step, error) {
	in.OwnAccount, in.Browser = true, browser
	step, err := s.Login(ctx, in, from)
	return s.openAccount(ctx, step, err)
}

// EnterAccountByPasskey is EnterAccount with a passkey.
//
// Errors: as LoginByPasskey's.
func (s *SignIn) EnterAccountByPasskey(ctx context.Context, credential json.RawMessage, browser string, from Device) (Step, error) {
	in := PasskeyLogin{Wish: Wish{OwnAccount: true, Browser: browser}, Credential: credential}
	step, err := s.LoginByPasskey(ctx, in, from)
	return s.openAccount(ctx, step, err)
}

// VerifyAccount shows the second factor with one of VerifyMFA, VerifyPasskey and EnrollLogin.
//
// Errors: as theirs.
func (s *SignIn) VerifyAccount(ctx context.Context, id, browser string, verify func(login string) (Step, error)) (Step, error) {
	login, err := s.login(ctx, id)
	if err != nil {
		return Step{}, err
	}
	if browser == "" || login.Browser != browser || login.WantedProject != ownAccount {
		return Step{}, outcome.New(outcome.NotFound, "")
	}
	step, err := verify(login.ID)
	return s.openAccount(ctx, step, err)
}

func (s *SignIn) openAccount(ctx context.Context, step Step, err error) (Step, error) {
	if err != nil || step.MFARequired || step.MFAEnrollRequired {
		return step, err
	}
	return step, s.Store.InTx(ctx, func(tx *store.Tx) error {
		opened, err := tx.OpenAccount(ctx, step.Login)
		if err == nil && !opened {
			err = outcome.New(outcome.Invalid, "Login revoked")
		}
		return err
	})
}

// Account is somebody on the page of their own account.
type Account struct {
	Caller      caller.Caller
	Name, Email string
	// Project is that of a User who belongs to it alone.
	Project string
	// TOTP says that an authenticator app is enrolled.
	TOTP          bool
	RecoveryCodes int // left
	Passkeys      []Passkey
	Sessions      []Session
}

// Account is whom a browser's cookie leads to.
//
// Errors: store.ErrNotFound.
func (s *SignIn) Account(ctx context.Context, browser string, from Device) (Account, error) {
	login, err := s.Store.AccountLogin(ctx, browser)
	if err != nil {
		return Account{}, err
	}
	who, err := s.account(ctx, login.User())
	if err != nil {
		return Account{}, err
	}
	a := Account{
		Name: holder{account: who}.WebAuthnDisplayName(), Email: who.user.Email,
		Caller: caller.Caller{
			Project: who.ref.Project, User: medplum.RefTo(medplum.TypeUser, who.ref.ID, ""), LoginID: login.ID, RemoteAddr: from.Address,
		},
	}
	if who.ref.Project != store.SystemProject {
		a.Project = who.ref.Project
	}
	have, err := factorsOf(ctx, s.Store, who.ref)
	if err != nil {
		return Account{}, err
	}
	a.TOTP, a.RecoveryCodes = have.totp, have.recovery
	if a.Passkeys, err = s.Passkeys(ctx, a.Caller); err != nil {
		return Account{}, err
	}
	a.Sessions, err = s.Sessions(ctx, a.Caller)
	return a, err
}

// Stale says whether an error wants the person to show again who they are.
func Stale(err error) bool { return errors.As(err, new(*StaleSignIn)) }
