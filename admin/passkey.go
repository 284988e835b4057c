package admin

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"

	"github.com/admitdev/admit/fhir/caller"
	"github.com/admitdev/admit/fhir/repo"
	"github.com/admitdev/admit/pkg/audit"
	"github.com/admitdev/admit/pkg/outcome"
	"github.com/admitdev/admit/pkg/store"
)

// maxPasskeys is how many passkeys somebody may have.
const maxPasskeys = 20

// Passkey is what somebody is shown of a passkey of theirs.
type Passkey struct {
	ID       string `json:"id"`
	Name     string `json:"name"`
	Created  string `json:"created"`
	LastUsed string `json:"lastUsed,omitempty"`
	// Synced says that the authenticator keeps copies of it elsewhere.
	Synced bool `json:"synced"`
}

func describePasskey(p store.Passkey) (Passkey, error) {
	var key webauthn.Credential
	if err := json.Unmarshal([]byte(p.Record), &key); err != nil {
		return Passkey{}, fmt.Errorf("passkey %s is damaged: %w", p.ID, err)
	}
	shown := Passkey{ID: p.ID, Name: p.Name, Created: p.CreatedAt.Format(instant), Synced: key.Flags.BackupState}
	if !p.UsedAt.IsZero() {
		shown.LastUsed = p.UsedAt.Format(instant)
	}
	return shown, nil
}

// Passkeys lists the caller's.
func (s *SignIn) Passkeys(ctx context.Context, who caller.Caller) ([]Passkey, error) {
	me, err := s.callersAccount(ctx, who)
	if err != nil {
		return nil, err
	}
	kept, err := s.Store.Passkeys(ctx, me.ref)
	shown := make([]Passkey, len(kept))
	for i := 0; err == nil && i < len(kept); i++ {
		shown[i], err = describePasskey(kept[i])
	}
	return shown, err
}

// PasskeyCreation asks the caller's authenticator for a passkey (WebAuthn L3 §5.4).
//
// Errors: outcome Forbidden, Invalid, *StaleSignIn.
func (s *SignIn) PasskeyCreation(ctx context.Context, who caller.Caller) (*protocol.CredentialCreation, error) {
	me, err := s.freshAccount(ctx, who)
	if err != nil {
		return nil, err
	}
	h, err := s.holder(ctx, me)
	if err != nil {
		return nil, err
	}
	if len(h.keys) >= maxPasskeys {
		return nil, outcome.New(outcome.Invalid, "You have %d passkeys; delete one first", maxPasskeys)
	}
	party, err := s.relyingParty()
	if err != nil {
		return nil, err
	}
	options, session, err := party.BeginRegistration(h, webauthn.WithExclusions(webauthn.Credentials(h.keys).CredentialDescriptors()))
	if err != nil {
		return nil, fmt.Errorf("ask for a passkey: %w", err)
	}
	return options, s.challenge(ctx, toRegister, who.LoginID, session)
}

// NewPasskey is what an authenticator made.
type NewPasskey struct {
	Name       string          `json:"name"`
	Credential json.RawMessage `json:"credential"` // RegistrationResponseJSON
}

// AddedPasskey is a passkey that was added, with the recovery codes that come with a first factor.
type AddedPasskey struct {
	Passkey
	RecoveryCodes []string `json:"recoveryCodes,omitempty"`
}

// AddPasskey keeps a passkey that the caller's authenticator made.
//
// Errors: outcome Forbidden, Invalid, *StaleSignIn.
func (s *SignIn) AddPasskey(ctx context.Context, who caller.Caller, in NewPasskey) (added AddedPasskey, err error) {
	if err := checkPasskeyName(in.Name); err != nil {
		return added, err
	}
	me, err := s.freshAccount(ctx, who)
	if err != nil {
		return added, err
	}
	key, err := s.created(ctx, me, who.LoginID, in.Credential)
	if err != nil {
		return added, err
	}
	kept, err := keptPasskey(me.ref, in.Name, *key)
	if err != nil {
		return added, err
	}
	err = s.Repo.System("add a passkey of a User", me.ref.Project).InTx(ctx, func(tx *repo.Tx) error {
		fresh, err := tx.Store().AddPasskey(ctx, kept)
		if err == nil && !fresh {
			err = badPasskey()
		}
		if err != nil {
			return err
		}
		kept.CreatedAt = store.At(tx.Store().Now())
		if added.Passkey, err = describePasskey(kept); err != nil {
			return err
		}
		added.RecoveryCodes, err = s.enroll(ctx, tx, me, audit.PasskeyAdd)
		return err
	})
	return added, err
}

func checkPasskeyName(name string) error {
	var fields outcome.Fields
	fields.Check(isName(name), "name", "Missing name")
	return fields.Err()
}

// created checks what an authenticator made against the challenge that it was given.
func (s *SignIn) created(ctx context.Context, me account, login string, credential json.RawMessage) (*webauthn.Credential, error) {
	parsed, err := protocol.ParseCredentialCreationResponseBytes(credential)
	if err != nil {
		return nil, badPasskey()
	}
	session, err := s.useChallenge(ctx, toRegister, login, parsed.Response.CollectedClientData.Challenge)
	if err != nil {
		return nil, err
	}
	party, err := s.relyingParty()
	if err != nil {
		return nil, err
	}
	key, err := party.CreateCredential(holder{account: me}, session, parsed)
	if err != nil {
		return nil, badPasskey()
	}
	return key, nil
}

// keptPasskey is a passkey as it is stored, without the attestation that nobody asked for.
func keptPasskey(user store.Ref, name string, key webauthn.Credential) (store.Passkey, error) {
	key.Attestation = webauthn.CredentialAttestation{}
	record, err := json.Marshal(key)
	if err != nil {
		return store.Passkey{}, fmt.Errorf("keep a passkey: %w", err)
	}
	return store.Passkey{
		ID: base64.RawURLEncoding.EncodeToString(key.ID), UserProject: user.Project, User: user.ID,
		Name: name, Record: string(record), SignCount: key.Authenticator.SignCount,
	}, nil
}

// RenamePasskey gives a passkey of the caller's another name. That guards nothing, so it wants no proof.
//
// Errors: outcome Forbidden, Invalid, NotFound.
func (s *SignIn) RenamePasskey(ctx context.Context, who caller.Caller, id, name string) error {
	if err := checkPasskeyName(name); err != nil {
		return err
	}
	me, err := s.callersAccount(ctx, who)
	if err != nil {
		return err
	}
	return s.Store.InTx(ctx, func(tx *store.Tx) error {
		found, err := tx.RenamePasskey(ctx, me.ref, id, name)
		if err := oneOfTheirs(found, err); err != nil {
			return err
		}
		return audit.Record(ctx, tx, ownEvent(me.ref, audit.PasskeyRename))
	})
}

// DeletePasskey takes a passkey of the caller's away.
//
// Errors: outcome Forbidden, NotFound, *StaleSignIn.
func (s *SignIn) DeletePasskey(ctx context.Context, who caller.Caller, id string) error {
	me, err := s.freshAccount(ctx, who)
	if err != nil {
		return err
	}
	return s.Repo.System("delete a passkey of a User", me.ref.Project).InTx(ctx, func(tx *repo.Tx) error {
		if _, err := tx.Store().Hold(ctx, me.ref); err != nil {
			return err
		}
		found, err := tx.Store().DeletePasskey(ctx, me.ref, id)
		if err := oneOfTheirs(found, err); err != nil {
			return err
		}
		return s.lessFactors(ctx, tx, me, audit.PasskeyDelete)
	})
}

func oneOfTheirs(found bool, err error) error {
	if err == nil && !found {
		err = outcome.New(outcome.NotFound, "")
	}
	return err
}
