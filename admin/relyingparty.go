package admin

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"

	"github.com/admitdev/admit/pkg/outcome"
	"github.com/admitdev/admit/pkg/secret"
	"github.com/admitdev/admit/pkg/store"
)

// challengeLasts is how long somebody may take to touch their authenticator.
const challengeLasts = 5 * time.Minute

// The purposes of challenges: an answer to one is good for no other.
const (
	toRegister = "register"
	toSignIn   = "sign-in"
	toVerify   = "factor"
	toStepUp   = "step-up"
)

// newRelyingParty is what authenticators make passkeys for: the host of the server's own address. The
// application that mailed links lead to may ask for them too, where browsers let its host do so.
func newRelyingParty(name string, base, app *url.URL) (*webauthn.WebAuthn, error) {
	origins := []string{base.Scheme + "://" + base.Host}
	if app != nil && app.Host != base.Host {
		origins = append(origins, app.Scheme+"://"+app.Host)
	}
	discoverable := true
	party, err := webauthn.New(&webauthn.Config{
		RPID: base.Hostname(), RPDisplayName: name, RPOrigins: origins,
		AttestationPreference: protocol.PreferNoAttestation,
		// Each passkey is good enough to sign in with alone.
		AuthenticatorSelection: protocol.AuthenticatorSelection{
			ResidentKey: protocol.ResidentKeyRequirementRequired, RequireResidentKey: &discoverable, UserVerification: protocol.VerificationRequired,
		},
	})
	if err != nil { // WebAuthn knows no addresses in figures
		return nil, outcome.New(outcome.NotSupported, "Passkeys need a server that is reached by a domain name")
	}
	return party, nil
}

// PasskeysWork says whether authenticators can make passkeys for this server.
func (s *SignIn) PasskeysWork() bool {
	_, err := s.relyingParty()
	return err == nil
}

// holder is a User with their passkeys, as the library asks for them.
type holder struct {
	account
	keys []webauthn.Credential
}

// WebAuthnID is the user handle. It tells nothing about the person (WebAuthn L3 §14.6.1).
func (h holder) WebAuthnID() []byte { return []byte(h.ref.ID) }

// WebAuthnName tells one account of a person from another.
func (h holder) WebAuthnName() string {
	if h.user.Email != "" {
		return h.user.Email
	}
	return h.WebAuthnDisplayName()
}

// WebAuthnDisplayName is what an authenticator shows.
func (h holder) WebAuthnDisplayName() string {
	return strings.TrimSpace(h.user.FirstName + " " + h.user.LastName)
}

// WebAuthnCredentials are those that may answer.
func (h holder) WebAuthnCredentials() []webauthn.Credential { return h.keys }

func (s *SignIn) holder(ctx context.Context, who account) (holder, error) {
	kept, err := s.Store.Passkeys(ctx, who.ref)
	if err != nil {
		return holder{}, err
	}
	h := holder{account: who}
	for _, p := range kept {
		var key webauthn.Credential
		if err := json.Unmarshal([]byte(p.Record), &key); err != nil {
			return holder{}, fmt.Errorf("passkey %s is damaged: %w", p.ID, err)
		}
		key.Authenticator.SignCount = p.SignCount
		h.keys = append(h.keys, key)
	}
	return h, nil
}

// challenge keeps what the answer to a challenge is checked with.
func (s *SignIn) challenge(ctx context.Context, purpose, login string, session *webauthn.SessionData) error {
	record, err := json.Marshal(session)
	if err != nil {
		return fmt.Errorf("keep a challenge: %w", err)
	}
	return s.Store.AddPasskeyChallenge(ctx, store.PasskeyChallenge{
		Hash: secret.SHA256(session.Challenge), Purpose: purpose, Login: login, Record: string(record),
		ExpiresAt: store.At(s.Clock.Now().Add(challengeLasts)),
	})
}

// useChallenge uses a challenge up before its answer is looked at: none is looked at twice.
//
// Errors: outcome Invalid.
func (s *SignIn) useChallenge(ctx context.Context, purpose, login, challenge string) (webauthn.SessionData, error) {
	var session webauthn.SessionData
	record, ok, err := s.Store.UsePasskeyChallenge(ctx, secret.SHA256(challenge), purpose, login)
	if err == nil && !ok {
		err = outcome.New(outcome.Invalid, "This challenge was not given, was used or has expired; ask for a new one").At("credential")
	}
	if err != nil {
		return session, err
	}
	if err := json.Unmarshal([]byte(record), &session); err != nil {
		return session, fmt.Errorf("challenge is damaged: %w", err)
	}
	return session, nil
}

// badPasskey is the one answer to whatever is wrong with what an authenticator said.
func badPasskey() error {
	return outcome.New(outcome.Invalid, "The passkey was not accepted").At("credential")
}
