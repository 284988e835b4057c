package admin

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"image/png"
	"time"

	"github.com/pquerna/otp"
	"github.com/pquerna/otp/totp"
	"github.com/tidwall/sjson"

	"github.com/admitdev/admit/fhir/caller"
	"github.com/admitdev/admit/fhir/medplum"
	"github.com/admitdev/admit/fhir/repo"
	"github.com/admitdev/admit/pkg/audit"
	"github.com/admitdev/admit/pkg/mail"
	"github.com/admitdev/admit/pkg/outcome"
	"github.com/admitdev/admit/pkg/store"
)

const (
	stepSeconds = 30 // of RFC 6238, as every authenticator has it
	// mfaAttempts is how many one-time passwords a User may try in a minute; one of a million, three
	// of which are good at a time, then takes months to guess.
	mfaAttempts = 5
)

// Enrollment is what an authenticator app is set up with.
type Enrollment struct {
	Enrolled bool   `json:"enrolled"`
	URI      string `json:"enrollUri,omitempty"`
	QRCode   string `json:"enrollQrCode,omitempty"`
}

func placeOfTOTP(of store.Ref) string { return of.Project + "/" + of.Type + "/" + of.ID + "/totp" }

// enrollment is the secret that is about to be enrolled, made at first need. It stays the same
// until it is, so that a code that was scanned goes on working.
func (s *SignIn) enrollment(ctx context.Context, tx *store.Tx, who account) (Enrollment, error) {
	kept, err := tx.Credential(ctx, who.ref, store.TOTP)
	var raw []byte
	switch {
	case err == nil:
		if raw, err = s.Box.Open(kept.Sealed, placeOfTOTP(who.ref)); err != nil {
			return Enrollment{}, fmt.Errorf("open one-time password secret: %w", err)
		}
	case !errors.Is(err, store.ErrNotFound):
		return Enrollment{}, err
	}
	options := totp.GenerateOpts{
		Issuer: s.AppName, AccountName: s.AppName + " - " + who.user.Email,
		Period: stepSeconds, Digits: otp.DigitsSix, Algorithm: otp.AlgorithmSHA1, SecretSize: 20, Secret: raw,
	}
	key, err := totp.Generate(options)
	if err != nil {
		return Enrollment{}, fmt.Errorf("make one-time password secret: %w", err)
	}
	if raw == nil {
		if err := s.keepTOTP(ctx, tx, who.ref, key.Secret()); err != nil {
			return Enrollment{}, err
		}
	}
	qr, err := qrCode(key)
	return Enrollment{URI: key.URL(), QRCode: qr}, err
}

// keepTOTP seals the secret, which is kept as bytes, not in base32.
func (s *SignIn) keepTOTP(ctx context.Context, tx *store.Tx, of store.Ref, base32 string) error {
	raw, err := decodeBase32(base32)
	if err != nil {
		return err
	}
	return tx.SetCredential(ctx, store.Credential{
		Project: of.Project, Type: of.Type, ID: of.ID, Kind: store.TOTP, Sealed: s.Box.Seal(raw, placeOfTOTP(of)),
	})
}

func qrCode(key *otp.Key) (string, error) {
	image, err := key.Image(228, 228)
	if err != nil {
		return "", fmt.Errorf("draw QR code: %w", err)
	}
	var out bytes.Buffer
	if err := png.Encode(&out, image); err != nil {
		return "", fmt.Errorf("draw QR code: %w", err)
	}
	return "data:image/png;base64," + base64.StdEncoding.EncodeToString(out.Bytes()), nil
}

// useToken uses a one-time password up, in tx. One that was used, or one before it, is wrong.
func (s *SignIn) useToken(ctx context.Context, tx *store.Tx, of store.Ref, token string) (bool, error) {
	kept, err := tx.Credential(ctx, of, store.TOTP)
	if errors.Is(err, store.ErrNotFound) {
		return false, outcome.New(outcome.Invalid, "Secret not found")
	}
	if err != nil {
		return false, err
	}
	raw, err := s.Box.Open(kept.Sealed, placeOfTOTP(of))
	if err != nil {
		return false, fmt.Errorf("open one-time password secret: %w", err)
	}
	step, ok, err := matchingStep(token, raw, tx.Now())
	if err != nil || !ok {
		return false, err
	}
	return tx.UseStep(ctx, of, step)
}

// matchingStep finds the time step whose password token is: the current one, or one next to it for
// clocks that differ.
func matchingStep(token string, raw []byte, now time.Time) (step int64, ok bool, err error) {
	options := totp.ValidateOpts{Period: stepSeconds, Digits: otp.DigitsSix, Algorithm: otp.AlgorithmSHA1}
	for _, skew := range []int64{0, -1, 1} {
		at := now.Add(time.Duration(skew) * stepSeconds * time.Second)
		match, err := totp.ValidateCustom(token, encodeBase32(raw), at, options)
		if err != nil && !errors.Is(err, otp.ErrValidateInputInvalidLength) {
			return 0, false, fmt.Errorf("verify one-time password: %w", err)
		}
		if match {
			return at.Unix() / stepSeconds, true, nil
		}
	}
	return 0, false, nil
}

// tryToken counts a try and uses the token up.
//
// Errors: *TooSoon, outcome Invalid with the text wrong.
func (s *SignIn) tryToken(ctx context.Context, of store.Ref, token, wrong string, then func(*repo.Tx) error) error {
	if err := s.countUp(ctx, "mfa "+of.Project+"/"+of.ID, mfaAttempts); err != nil {
		return err
	}
	return s.Repo.System("verify the second factor of a User", of.Project).InTx(ctx, func(tx *repo.Tx) error {
		good, err := s.useToken(ctx, tx.Store(), of, token)
		if err == nil && !good {
			err = outcome.New(outcome.Invalid, "%s", wrong)
		}
		if err == nil {
			err = then(tx)
		}
		return err
	})
}

// VerifyMFA shows the second factor of a login.
//
// Errors: outcome NotFound, Invalid, *TooSoon.
func (s *SignIn) VerifyMFA(ctx context.Context, id, token string) (step Step, err error) {
	if token == "" {
		return Step{}, outcome.New(outcome.Invalid, "Missing token").At("token")
	}
	login, who, err := s.pending(ctx, id)
	switch {
	case err != nil:
		return Step{}, err
	case login.MFAVerified:
		return Step{}, outcome.New(outcome.Invalid, "Login already verified")
	case !who.user.MFAEnrolled:
		return Step{}, outcome.New(outcome.Invalid, "User not enrolled in MFA")
	}
	choices, err := s.choices(ctx, login)
	if err != nil {
		return Step{}, err
	}
	err = s.tryToken(ctx, who.ref, token, "Invalid MFA token", func(tx *repo.Tx) error {
		step, err = s.verified(ctx, tx.Store(), login.ID, who, choices)
		return err
	})
	return step, err
}

// verified records the second factor and goes on.
func (s *SignIn) verified(ctx context.Context, tx *store.Tx, id string, who account, choices []Choice) (Step, error) {
	set, err := tx.VerifyLoginMFA(ctx, id)
	if err == nil && !set {
		err = outcome.New(outcome.Invalid, "Login already verified")
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
	if who.user.MFAEnrolled {
		return Step{}, outcome.New(outcome.Invalid, "Already enrolled")
	}
	choices, err := s.choices(ctx, login)
	if err != nil {
		return Step{}, err
	}
	err = s.tryToken(ctx, who.ref, token, "Invalid token", func(tx *repo.Tx) error {
		if err := setUser(ctx, tx, who.ref, "mfaEnrolled", true); err != nil {
			return err
		}
		who.user.MFAEnrolled = true
		step, err = s.verified(ctx, tx.Store(), login.ID, who, choices)
		return err
	})
	return step, err
}

// MFAStatus says whether the caller has an authenticator, and offers one otherwise.
func (s *SignIn) MFAStatus(ctx context.Context, who caller.Caller) (Enrollment, error) {
	me, err := s.callersAccount(ctx, who)
	if err != nil || me.user.MFAEnrolled {
		return Enrollment{Enrolled: true}, err
	}
	var offered Enrollment
	err = s.Store.InTx(ctx, func(tx *store.Tx) (err error) {
		offered, err = s.enrollment(ctx, tx, me)
		return err
	})
	return offered, err
}

// EnrollMFA enrols the caller's authenticator.
//
// Errors: outcome Invalid, *TooSoon.
func (s *SignIn) EnrollMFA(ctx context.Context, who caller.Caller, token string) error {
	me, err := s.callersAccount(ctx, who)
	if err != nil {
		return err
	}
	if me.user.MFAEnrolled {
		return outcome.New(outcome.Invalid, "Already enrolled")
	}
	return s.tryToken(ctx, me.ref, token, "Invalid token", func(tx *repo.Tx) error {
		return setUser(ctx, tx, me.ref, "mfaEnrolled", true)
	})
}

// DisableMFA ends the caller's second factor; the next enrolment has a new secret.
//
// Errors: outcome Invalid, *TooSoon.
func (s *SignIn) DisableMFA(ctx context.Context, who caller.Caller, token string) error {
	me, err := s.callersAccount(ctx, who)
	if err != nil {
		return err
	}
	if !me.user.MFAEnrolled {
		return outcome.New(outcome.Invalid, "User not enrolled in MFA")
	}
	return s.tryToken(ctx, me.ref, token, "Invalid token", func(tx *repo.Tx) error {
		return unenroll(ctx, tx, me.ref)
	})
}

// ResetMemberMFA ends the second factor of a member who has lost it, and tells them by mail. A User of
// several projects is a super administrator's to help: one project's administrator would weaken what
// guards the others, after an invite that nobody asked the person about.
//
// Errors: outcome Forbidden, NotFound, Gone, Invalid.
func (s *Service) ResetMemberMFA(ctx context.Context, who caller.Caller, projectID, id, method string) error {
	if err := s.mayAdminister(ctx, who, projectID, audit.MFAReset); err != nil {
		return err
	}
	if method != "" && method != "totp" {
		return outcome.New(outcome.Invalid, "User is not enrolled in MFA")
	}
	return s.Repo.System("reset the second factor of a member", projectID).InTx(ctx, func(tx *repo.Tx) error {
		res, err := tx.System("find the User of a membership", projectID).Read(ctx, medplum.TypeProjectMembership, id)
		if err != nil {
			return err
		}
		var m medplum.ProjectMembership
		if err := decode(res, &m); err != nil {
			return err
		}
		ref, user, err := s.userOf(ctx, tx, m.User)
		if err != nil {
			return err
		}
		if err := s.mayResetMFA(ctx, tx, who, ref, user); err != nil {
			return err
		}
		if err := unenroll(ctx, tx, ref); err != nil {
			return err
		}
		if user.Email != "" {
			letter := mail.Letter{Template: mail.MFAReset, To: user.Email, Project: projectID, ProjectName: m.Project.Display}
			if _, err := s.Mails.Queue(ctx, tx.Store(), letter); err != nil {
				return err
			}
		}
		return audit.Record(ctx, tx.Store(), event(who, projectID, audit.MFAReset, res.Type+"/"+id, m.User.Reference))
	})
}

func (s *Service) mayResetMFA(ctx context.Context, tx *repo.Tx, who caller.Caller, ref store.Ref, user medplum.User) error {
	if ref.ID == "" {
		return outcome.New(outcome.Invalid, "User is not enrolled in MFA")
	}
	if ref.Project == store.SystemProject && !who.SuperAdmin {
		projects, err := projectsOf(ctx, tx.Store(), ref.ID)
		if err != nil {
			return err
		}
		if len(projects) > 1 {
			return outcome.New(outcome.Forbidden, "")
		}
	}
	_, err := tx.Store().Credential(ctx, ref, store.TOTP)
	switch {
	case errors.Is(err, store.ErrNotFound) && !user.MFAEnrolled:
		return outcome.New(outcome.Invalid, "User is not enrolled in MFA")
	case errors.Is(err, store.ErrNotFound):
		return nil
	}
	return err
}

// unenroll ends the second factor of a User; the next enrolment has a new secret.
func unenroll(ctx context.Context, tx *repo.Tx, user store.Ref) error {
	if err := setUser(ctx, tx, user, "mfaEnrolled", false); err != nil {
		return err
	}
	return tx.Store().DeleteCredential(ctx, user, store.TOTP)
}

// setUser sets an element of a User.
func setUser(ctx context.Context, tx *repo.Tx, ref store.Ref, element string, value any) error {
	rows := tx.System("set "+element+" of a User", ref.Project)
	res, err := rows.Read(ctx, medplum.TypeUser, ref.ID)
	if err != nil {
		return err
	}
	body, err := sjson.SetBytes(res.Content, element, value)
	if err != nil {
		return fmt.Errorf("set %s of a User: %w", element, err)
	}
	_, err = rows.Update(ctx, medplum.TypeUser, ref.ID, body, res.Version)
	return err
}
