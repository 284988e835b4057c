package admin

import (
	"context"
	"errors"
	"time"

	"github.com/admitdev/admit/fhir/caller"
	"github.com/admitdev/admit/fhir/repo"
	"github.com/admitdev/admit/pkg/audit"
	"github.com/admitdev/admit/pkg/mail"
	"github.com/admitdev/admit/pkg/outcome"
	"github.com/admitdev/admit/pkg/store"
)

const (
	// mfaAttempts is how many one-time passwords and recovery codes a User may try in a minute.
	mfaAttempts = 5
	// mfaFailures is how many wrong ones there may be in a day (SP 800-63B-4 §3.2.2): one of a million,
	// three of which are good at a time, then takes years to guess.
	mfaFailures   = 100
	failureWindow = 24 * time.Hour
)

// The factors that a step names.
const (
	factorTOTP     = "totp"
	factorPasskey  = "passkey"
	factorRecovery = "recovery-code"
)

// factors are what a User can show besides a password.
type factors struct {
	totp     bool
	passkeys []store.Passkey
	recovery int // how many codes are left
}

// factorRows reads factors; a Store or a transaction.
type factorRows interface {
	Credential(ctx context.Context, of store.Ref, kind store.CredentialKind) (store.Credential, error)
	Passkeys(ctx context.Context, user store.Ref) ([]store.Passkey, error)
	RecoveryCodes(ctx context.Context, user store.Ref) (int, error)
}

func factorsOf(ctx context.Context, rows factorRows, user store.Ref) (f factors, err error) {
	kept, err := rows.Credential(ctx, user, store.TOTP)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return f, err
	}
	f.totp = err == nil && enrolled(kept)
	if f.passkeys, err = rows.Passkeys(ctx, user); err != nil {
		return f, err
	}
	f.recovery, err = rows.RecoveryCodes(ctx, user)
	return f, err
}

// methods are the names of those that there are.
func (f factors) methods() []string {
	var all []string
	if f.totp {
		all = append(all, factorTOTP)
	}
	if len(f.passkeys) > 0 {
		all = append(all, factorPasskey)
	}
	if f.recovery > 0 {
		all = append(all, factorRecovery)
	}
	return all
}

func notEnrolled() error { return outcome.New(outcome.Invalid, "User not enrolled in MFA") }

// attempt is a try at a one-time password or a recovery code.
type attempt struct {
	token string
	wrong string // the text of a wrong one
	// enrolling wants the first one-time password of a secret, and nothing else.
	enrolling bool
}

// tryToken counts a try, uses the token up and goes on in the same transaction.
//
// Errors: *TooSoon, outcome Invalid with the text wrong.
func (s *SignIn) tryToken(ctx context.Context, who account, a attempt, then func(*repo.Tx) error) error {
	name := "mfa " + who.ref.Project + "/" + who.ref.ID
	count, ends, err := s.countAll(ctx, limited(name, mfaAttempts), store.Count{Name: name + " wrong", Window: failureWindow, Limit: mfaFailures})
	if err != nil {
		return err
	}
	wrong := false
	err = s.Repo.System("verify the second factor of a User", who.ref.Project).InTx(ctx, func(tx *repo.Tx) error {
		good, err := s.useFactor(ctx, tx.Store(), who, a)
		if err != nil {
			return err
		}
		if wrong = !good; wrong {
			return outcome.New(outcome.Invalid, "%s", a.wrong)
		}
		if err := tx.Store().TakeBack(ctx, name+" wrong", ends); err != nil {
			return err
		}
		return then(tx)
	})
	if wrong {
		refusal := ownEvent(who.ref, audit.MFAVerify)
		refusal.Outcome = audit.Refused
		err = errors.Join(err, audit.RecordAlone(ctx, s.Store, refusal))
		if count%manyFailures == 0 {
			err = errors.Join(err, s.Store.InTx(ctx, func(tx *store.Tx) error { return s.tellSparingly(ctx, tx, who, mail.Guessed, mail.Note{}) }))
		}
		return err
	}
	return err
}

func (s *SignIn) useFactor(ctx context.Context, tx *store.Tx, who account, a attempt) (bool, error) {
	if hash, can := recoveryHash(a.token); can && !a.enrolling {
		return s.useRecoveryCode(ctx, tx, who, hash)
	}
	return s.useToken(ctx, tx, who.ref, a.token, a.enrolling)
}

// VerifyMFA shows the second factor of a login: a one-time password or a recovery code.
//
// Errors: outcome NotFound, Invalid, *TooSoon.
func (s *SignIn) VerifyMFA(ctx context.Context, id, token string) (step Step, err error) {
	if token == "" {
		return Step{}, outcome.New(outcome.Invalid, "Missing token").At("token")
	}
	login, who, choices, err := s.unverified(ctx, id)
	if err != nil {
		return Step{}, err
	}
	err = s.tryToken(ctx, who, attempt{token: token, wrong: "Invalid MFA token"}, func(tx *repo.Tx) error {
		step, err = s.verified(ctx, tx.Store(), login.ID, who, choices)
		return err
	})
	return step, err
}

// unverified is a login that waits for the second factor that its User has.
//
// Errors: outcome NotFound, Invalid.
func (s *SignIn) unverified(ctx context.Context, id string) (store.Login, account, []Choice, error) {
	login, who, err := s.pending(ctx, id)
	switch {
	case err != nil:
		return login, who, nil, err
	case login.MFAVerified:
		return login, who, nil, outcome.New(outcome.Invalid, "Login already verified")
	case !who.user.MFAEnrolled:
		return login, who, nil, notEnrolled()
	}
	choices, err := s.choices(ctx, login)
	return login, who, choices, err
}

// verified records the second factor and goes on.
func (s *SignIn) verified(ctx context.Context, tx *store.Tx, id string, who account, choices []Choice) (Step, error) {
	set, err := tx.VerifyLoginMFA(ctx, id)
	if err == nil && !set {
		err = outcome.New(outcome.Invalid, "Login already verified")
	}
	if err == nil {
		_, err = tx.ProveLogin(ctx, id)
	}
	if err != nil {
		return Step{}, err
	}
	return s.advance(ctx, tx, id, who, choices)
}

// EnrollLogin enrols the authenticator of somebody who must have one to sign in.
//
// Errors: as VerifyMFA's, Invalid "Already enrolled".
func (s *SignIn) EnrollLogin(ctx context.Context, id, token string) (step Step, err error) {
	login, who, err := s.pending(ctx, id)
	if err != nil {
		return Step{}, err
	}
	switch {
	case who.user.MFAEnrolled:
		return Step{}, outcome.New(outcome.Invalid, "Already enrolled")
	case isForOneProject(login):
		return Step{}, mustEnrolElsewhere()
	}
	choices, err := s.choices(ctx, login)
	if err != nil {
		return Step{}, err
	}
	err = s.tryToken(ctx, who, attempt{token: token, wrong: "Invalid token", enrolling: true}, func(tx *repo.Tx) error {
		codes, err := s.enroll(ctx, tx, who, audit.MFAEnroll)
		if err != nil {
			return err
		}
		who.user.MFAEnrolled = true
		step, err = s.verified(ctx, tx.Store(), login.ID, who, choices)
		step.RecoveryCodes = codes
		return err
	})
	return step, err
}

// enroll lets a User sign in with a second factor alone from now on. With the first one come recovery
// codes.
func (s *SignIn) enroll(ctx context.Context, tx *repo.Tx, who account, action audit.Action) (codes []string, err error) {
	if !who.user.MFAEnrolled {
		if err := setUser(ctx, tx, who.ref, "mfaEnrolled", true); err != nil {
			return nil, err
		}
		if codes, err = makeRecoveryCodes(ctx, tx.Store(), who.ref); err != nil {
			return nil, err
		}
	}
	if err := tell(ctx, s.Mails, tx.Store(), who, mail.FactorsChanged); err != nil {
		return nil, err
	}
	return codes, audit.Record(ctx, tx.Store(), ownEvent(who.ref, action))
}

// MFAStatus says whether the caller has an authenticator, and offers one otherwise, to a session that
// may enrol it: whoever reads the secret holds the factor.
func (s *SignIn) MFAStatus(ctx context.Context, who caller.Caller) (Enrollment, error) {
	me, err := s.callersAccount(ctx, who)
	if err != nil {
		return Enrollment{}, err
	}
	have, err := factorsOf(ctx, s.Store, me.ref)
	if err != nil || have.totp {
		return Enrollment{Enrolled: have.totp, RecoveryCodes: have.recovery}, err
	}
	fresh, err := s.provenLately(ctx, who)
	if err != nil || !fresh {
		return Enrollment{RecoveryCodes: have.recovery}, err
	}
	var offered Enrollment
	err = s.Store.InTx(ctx, func(tx *store.Tx) (err error) {
		offered, err = s.enrollment(ctx, tx, me)
		return err
	})
	offered.RecoveryCodes = have.recovery
	return offered, err
}

// EnrollMFA enrols the caller's authenticator.
//
// Errors: outcome Invalid, *TooSoon, *StaleSignIn.
func (s *SignIn) EnrollMFA(ctx context.Context, who caller.Caller, token string) (codes []string, err error) {
	me, err := s.freshAccount(ctx, who)
	if err != nil {
		return nil, err
	}
	have, err := factorsOf(ctx, s.Store, me.ref)
	if err == nil && have.totp {
		err = outcome.New(outcome.Invalid, "Already enrolled")
	}
	if err != nil {
		return nil, err
	}
	err = s.tryToken(ctx, me, attempt{token: token, wrong: "Invalid token", enrolling: true}, func(tx *repo.Tx) error {
		codes, err = s.enroll(ctx, tx, me, audit.MFAEnroll)
		return err
	})
	return codes, err
}

// DisableMFA takes the caller's authenticator away; the next enrolment has a new secret. The token is
// itself the proof of who asks.
//
// Errors: outcome Invalid, *TooSoon.
func (s *SignIn) DisableMFA(ctx context.Context, who caller.Caller, token string) error {
	me, err := s.callersAccount(ctx, who)
	if err != nil {
		return err
	}
	have, err := factorsOf(ctx, s.Store, me.ref)
	if err == nil && !have.totp {
		err = notEnrolled()
	}
	if err != nil {
		return err
	}
	return s.tryToken(ctx, me, attempt{token: token, wrong: "Invalid token"}, func(tx *repo.Tx) error {
		if _, err := tx.Store().Hold(ctx, me.ref); err != nil {
			return err
		}
		if err := tx.Store().DeleteCredential(ctx, me.ref, store.TOTP); err != nil {
			return err
		}
		return s.lessFactors(ctx, tx, me, audit.MFADisable)
	})
}

// lessFactors ends the second step of signing in with the last factor. The caller holds the User.
func (s *SignIn) lessFactors(ctx context.Context, tx *repo.Tx, who account, action audit.Action) error {
	left, err := factorsOf(ctx, tx.Store(), who.ref)
	if err == nil && !left.totp && len(left.passkeys) == 0 {
		err = unenroll(ctx, tx, who.ref)
	}
	if err == nil {
		err = tell(ctx, s.Mails, tx.Store(), who, mail.FactorsChanged)
	}
	if err != nil {
		return err
	}
	return audit.Record(ctx, tx.Store(), ownEvent(who.ref, action))
}

// unenroll ends every second factor of a User; the next enrolment has a new secret.
func unenroll(ctx context.Context, tx *repo.Tx, user store.Ref) error {
	if err := setUser(ctx, tx, user, "mfaEnrolled", false); err != nil {
		return err
	}
	return forgetFactors(ctx, tx.Store(), user)
}

func forgetFactors(ctx context.Context, tx *store.Tx, user store.Ref) error {
	if err := tx.DeleteCredential(ctx, user, store.TOTP); err != nil {
		return err
	}
	if err := tx.DeletePasskeys(ctx, user); err != nil {
		return err
	}
	return tx.SetRecoveryCodes(ctx, user, nil)
}
