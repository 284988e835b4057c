package admin

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"

	"github.com/admitdev/admit/fhir/caller"
	"github.com/admitdev/admit/fhir/medplum"
	"github.com/admitdev/admit/pkg/audit"
	"github.com/admitdev/admit/pkg/outcome"
	"github.com/admitdev/admit/pkg/store"
)

// methodPasskey is the authMethod of logins by a passkey alone, which is two factors in one: what one
// has, and the gesture that unlocks it.
const methodPasskey = "passkey"

// PasskeyRequest asks whatever passkey a browser has for this server to sign in. It says nothing about
// who has an account.
func (s *SignIn) PasskeyRequest(ctx context.Context) (*protocol.CredentialAssertion, error) {
	party, err := s.relyingParty()
	if err != nil {
		return nil, err
	}
	options, session, err := party.BeginDiscoverableLogin(webauthn.WithUserVerification(protocol.VerificationRequired))
	if err != nil {
		return nil, fmt.Errorf("ask for a passkey: %w", err)
	}
	return options, s.challenge(ctx, toSignIn, "", session)
}

// PasskeyVerification asks for a passkey as the second factor of a login.
//
// Errors: outcome NotFound, Invalid.
func (s *SignIn) PasskeyVerification(ctx context.Context, id string) (*protocol.CredentialAssertion, error) {
	login, who, _, err := s.unverified(ctx, id)
	if err != nil {
		return nil, err
	}
	return s.askHolder(ctx, who, toVerify, login.ID, protocol.VerificationPreferred)
}

// PasskeyStepUp asks for a passkey of the caller's for StepUp.
//
// Errors: outcome Forbidden, Invalid.
func (s *SignIn) PasskeyStepUp(ctx context.Context, who caller.Caller) (*protocol.CredentialAssertion, error) {
	me, err := s.callersAccount(ctx, who)
	if err != nil {
		return nil, err
	}
	return s.askHolder(ctx, me, toStepUp, who.LoginID, protocol.VerificationRequired)
}

func (s *SignIn) askHolder(ctx context.Context, who account, purpose, login string, verification protocol.UserVerificationRequirement) (*protocol.CredentialAssertion, error) {
	h, err := s.holder(ctx, who)
	if err != nil {
		return nil, err
	}
	if len(h.keys) == 0 {
		return nil, outcome.New(outcome.Invalid, "User has no passkey")
	}
	party, err := s.relyingParty()
	if err != nil {
		return nil, err
	}
	options, session, err := party.BeginLogin(h, webauthn.WithUserVerification(verification))
	if err != nil {
		return nil, fmt.Errorf("ask for a passkey: %w", err)
	}
	return options, s.challenge(ctx, purpose, login, session)
}

// usedPasskey is a passkey that gave a right answer, which is still to be recorded.
type usedPasskey struct {
	user   store.Ref
	id     string
	before uint32 // the count of its last use
	key    webauthn.Credential
}

// answered checks the answer of a passkey of somebody who is known.
func (s *SignIn) answered(ctx context.Context, who account, purpose, login string, credential json.RawMessage) (usedPasskey, error) {
	parsed, err := protocol.ParseCredentialRequestResponseBytes(credential)
	if err != nil {
		return usedPasskey{}, badPasskey()
	}
	session, err := s.useChallenge(ctx, purpose, login, parsed.Response.CollectedClientData.Challenge)
	if err != nil {
		return usedPasskey{}, err
	}
	return s.checkAnswer(ctx, who, session, parsed)
}

func (s *SignIn) checkAnswer(ctx context.Context, who account, session webauthn.SessionData, parsed *protocol.ParsedCredentialAssertionData) (usedPasskey, error) {
	h, err := s.holder(ctx, who)
	if err != nil {
		return usedPasskey{}, err
	}
	party, err := s.relyingParty()
	if err != nil {
		return usedPasskey{}, err
	}
	var key *webauthn.Credential
	if len(session.UserID) == 0 {
		key, err = party.ValidateDiscoverableLogin(func(_, _ []byte) (webauthn.User, error) { return h, nil }, session, parsed)
	} else {
		key, err = party.ValidateLogin(h, session, parsed)
	}
	if err != nil {
		return usedPasskey{}, s.refusePasskey(ctx, who, "the answer was wrong", badPasskey())
	}
	if key.Authenticator.CloneWarning { // WebAuthn L3 §7.2 step 22
		return usedPasskey{}, s.refusePasskey(ctx, who, "the count did not grow",
			outcome.New(outcome.Invalid, "This passkey may have been copied. Sign in another way and delete it.").At("credential"))
	}
	used := usedPasskey{user: who.ref, id: base64.RawURLEncoding.EncodeToString(key.ID), key: *key}
	for _, before := range h.keys {
		if string(before.ID) == string(key.ID) {
			used.before = before.Authenticator.SignCount
		}
	}
	return used, nil
}

func (s *SignIn) refusePasskey(ctx context.Context, who account, why string, refusal error) error {
	e := ownEvent(who.ref, audit.PasskeyUse)
	e.Outcome, e.Description = audit.Refused, why
	return errors.Join(refusal, audit.RecordAlone(ctx, s.Store, e))
}

// usePasskey records a use. Of two uses of one count one is a copy's.
func usePasskey(ctx context.Context, tx *store.Tx, used usedPasskey) error {
	kept, err := keptPasskey(used.user, "", used.key)
	if err != nil {
		return err
	}
	ok, err := tx.UsePasskey(ctx, used.user, used.id, used.before, kept.SignCount, kept.Record)
	if err == nil && !ok {
		err = badPasskey()
	}
	if err != nil {
		return err
	}
	return audit.Record(ctx, tx, ownEvent(used.user, audit.PasskeyUse))
}

// VerifyPasskey shows a passkey as the second factor of a login.
//
// Errors: outcome NotFound, Invalid.
func (s *SignIn) VerifyPasskey(ctx context.Context, id string, credential json.RawMessage) (step Step, err error) {
	login, who, choices, err := s.unverified(ctx, id)
	if err != nil {
		return Step{}, err
	}
	used, err := s.answered(ctx, who, toVerify, login.ID, credential)
	if err != nil {
		return Step{}, err
	}
	err = s.Store.InTx(ctx, func(tx *store.Tx) error {
		if err := usePasskey(ctx, tx, used); err != nil {
			return err
		}
		step, err = s.verified(ctx, tx, login.ID, who, choices)
		return err
	})
	return step, err
}

// PasskeyLogin is a sign-in by a passkey alone.
type PasskeyLogin struct {
	Wish
	Credential json.RawMessage `json:"credential"` // AuthenticationResponseJSON
}

// LoginByPasskey signs somebody in by a passkey and says what is next.
//
// Errors: outcome Invalid, NotFound for an unknown client.
func (s *SignIn) LoginByPasskey(ctx context.Context, in PasskeyLogin, from Device) (Step, error) {
	client, err := s.check(ctx, &in.Wish, from.Origin)
	if err != nil {
		return Step{}, err
	}
	who, used, err := s.byPasskey(ctx, in.Credential)
	var step Step
	if err == nil {
		step, err = s.begin(ctx, entrance{
			wish: in.Wish, client: client, who: who, method: methodPasskey, nothing: badPasskey(),
			confirm: func(tx *store.Tx) error { return usePasskey(ctx, tx, used) },
		}, from)
	}
	if outcome.Has(err, outcome.Invalid) {
		return Step{}, errors.Join(err, s.recordRefusal(ctx, store.Ref{}, "the passkey was not accepted", from))
	}
	return step, err
}

// byPasskey finds the User whom an authenticator names, and checks its answer.
func (s *SignIn) byPasskey(ctx context.Context, credential json.RawMessage) (account, usedPasskey, error) {
	parsed, err := protocol.ParseCredentialRequestResponseBytes(credential)
	if err != nil {
		return account{}, usedPasskey{}, badPasskey()
	}
	session, err := s.useChallenge(ctx, toSignIn, "", parsed.Response.CollectedClientData.Challenge)
	if err != nil {
		return account{}, usedPasskey{}, err
	}
	key := store.Key{Scope: store.SystemProject, Kind: medplum.TypeUser, Value: string(parsed.Response.UserHandle)}
	ref, err := s.Store.Owner(ctx, key)
	var who account
	if err == nil {
		who, err = s.account(ctx, ref)
	}
	if errors.Is(err, store.ErrNotFound) {
		err = badPasskey()
	}
	if err != nil {
		return account{}, usedPasskey{}, err
	}
	used, err := s.checkAnswer(ctx, who, session, parsed)
	return who, used, err
}
