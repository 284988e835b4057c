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

	"github.com/admitdev/admit/pkg/outcome"
	"github.com/admitdev/admit/pkg/store"
)

const stepSeconds = 30 // of RFC 6238, as every authenticator has it

// Enrollment is what an authenticator app is set up with.
type Enrollment struct {
	Enrolled bool   `json:"enrolled"`
	URI      string `json:"enrollUri,omitempty"`
	QRCode   string `json:"enrollQrCode,omitempty"`
	// RecoveryCodes is how many are left.
	RecoveryCodes int `json:"recoveryCodesLeft,omitempty"`
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

// enrolled says whether the authenticator was shown to hold the secret, which is offered before.
func enrolled(kept store.Credential) bool { return kept.UsedStep > 0 }

// useToken uses a one-time password up, in tx. One that was used, or one before it, is wrong. enrolling
// says whether it is to be the first of its secret.
func (s *SignIn) useToken(ctx context.Context, tx *store.Tx, of store.Ref, token string, enrolling bool) (bool, error) {
	kept, err := tx.Credential(ctx, of, store.TOTP)
	if errors.Is(err, store.ErrNotFound) || err == nil && !enrolling && !enrolled(kept) {
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
