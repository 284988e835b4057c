package admin

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/admitdev/admit/fhir/caller"
	"github.com/admitdev/admit/fhir/repo"
	"github.com/admitdev/admit/pkg/audit"
	"github.com/admitdev/admit/pkg/outcome"
	"github.com/admitdev/admit/pkg/store"
)

// ProvenLasts is how long a session may change what guards the account after its User has shown a
// password or a factor.
const ProvenLasts = 5 * time.Minute

// StaleSignIn is the outcome of a change that wants its User to show again who they are.
type StaleSignIn struct{ *outcome.Outcome }

// Unwrap makes it the outcome that clients see.
func (e *StaleSignIn) Unwrap() error { return e.Outcome }

// StaleNow is the outcome of a change that wants its User to show again who they are.
func StaleNow() error {
	return &StaleSignIn{outcome.New(outcome.Forbidden, "Recent authentication required").
		Because("Show your password or a second factor at POST /auth/stepup, or sign in again; then repeat this within five minutes.")}
}

// freshAccount is the User who calls, in a session that has shown a password or a factor lately: a
// session left open, or a stolen token, changes nothing that guards the account.
//
// Errors: outcome Forbidden, *StaleSignIn.
func (s *SignIn) freshAccount(ctx context.Context, who caller.Caller) (account, error) {
	me, err := s.callersAccount(ctx, who)
	if err != nil {
		return me, err
	}
	fresh, err := s.provenLately(ctx, who)
	if err == nil && !fresh {
		err = StaleNow()
	}
	return me, err
}

func (s *SignIn) provenLately(ctx context.Context, who caller.Caller) (bool, error) {
	login, err := s.Store.Login(ctx, who.LoginID)
	if errors.Is(err, store.ErrNotFound) {
		return false, nil
	}
	return err == nil && s.Clock.Now().Sub(login.ProvenAt.Time) <= ProvenLasts, err
}

// Proof is what somebody shows again of themselves: one of the three.
type Proof struct {
	Password   string          `json:"password"`
	Token      string          `json:"token"`
	Credential json.RawMessage `json:"credential"`
}

// StepUp lets the caller's session change what guards the account for a while.
//
// Errors: outcome Forbidden, Invalid, *TooSoon.
func (s *SignIn) StepUp(ctx context.Context, who caller.Caller, proof Proof) error {
	me, err := s.callersAccount(ctx, who)
	if err != nil {
		return err
	}
	prove := func(tx *repo.Tx) error { return proveLogin(ctx, tx.Store(), me.ref, who.LoginID) }
	switch {
	case proof.Password != "":
		return s.stepUpByPassword(ctx, who, me, proof.Password, prove)
	case proof.Token != "":
		return s.tryToken(ctx, me, attempt{token: proof.Token, wrong: "Invalid token"}, prove)
	case len(proof.Credential) > 0:
		used, err := s.answered(ctx, me, toStepUp, who.LoginID, proof.Credential)
		if err != nil {
			return err
		}
		return s.Repo.System("prove a session of a User", me.ref.Project).InTx(ctx, func(tx *repo.Tx) error {
			if err := usePasskey(ctx, tx.Store(), used); err != nil {
				return err
			}
			return prove(tx)
		})
	}
	return outcome.New(outcome.Invalid, "Missing password, token or credential")
}

func (s *SignIn) stepUpByPassword(ctx context.Context, who caller.Caller, me account, password string, prove func(*repo.Tx) error) error {
	kept, err := passwordOf(me)
	if err != nil {
		return err
	}
	if err := s.verifyAgain(ctx, me, "password", password, kept.Hash, who.RemoteAddr); err != nil {
		return err
	}
	return s.Repo.System("prove a session of a User", me.ref.Project).InTx(ctx, func(tx *repo.Tx) error {
		if err := confirmPassword(ctx, tx.Store(), me.ref, kept, "password"); err != nil {
			return err
		}
		return prove(tx)
	})
}

func proveLogin(ctx context.Context, tx *store.Tx, user store.Ref, login string) error {
	live, err := tx.ProveLogin(ctx, login)
	if err == nil && !live {
		err = outcome.New(outcome.Unauthorized, "")
	}
	if err != nil {
		return err
	}
	return audit.Record(ctx, tx, ownEvent(user, audit.StepUp))
}

// ownEvent is an audit event of what somebody does to their own account.
func ownEvent(user store.Ref, action audit.Action) audit.Event {
	self := user.Type + "/" + user.ID
	return audit.Event{Project: user.Project, Action: action, Agent: self, Entities: []string{self}}
}
