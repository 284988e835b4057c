package admin

import (
	"context"
	"strings"

	"github.com/admitdev/admit/fhir/caller"
	"github.com/admitdev/admit/fhir/repo"
	"github.com/admitdev/admit/pkg/audit"
	"github.com/admitdev/admit/pkg/mail"
	"github.com/admitdev/admit/pkg/secret"
	"github.com/admitdev/admit/pkg/store"
)

const (
	recoveryCodes = 10
	// A code has 25 letters of five bits: more than the 112 bits from which SP 800-63B-4 §3.1.2.2 lets
	// it be kept by a plain hash.
	codeLetters = 25
	codeGroup   = 5
)

// newRecoveryCode is a code as it is shown: groups of letters and digits.
func newRecoveryCode() string {
	letters := encodeBase32(secret.Key())[:codeLetters]
	groups := make([]string, 0, codeLetters/codeGroup)
	for at := 0; at < codeLetters; at += codeGroup {
		groups = append(groups, letters[at:at+codeGroup])
	}
	return strings.Join(groups, "-")
}

// recoveryHash is how a code is kept, however it was typed; ok says that it can be one at all.
func recoveryHash(typed string) (hash string, ok bool) {
	letters := strings.ToUpper(strings.NewReplacer("-", "", " ", "").Replace(typed))
	return secret.SHA256(letters), len(letters) == codeLetters
}

// makeRecoveryCodes replaces the recovery codes of a User. They are shown now and never again.
func makeRecoveryCodes(ctx context.Context, tx *store.Tx, user store.Ref) ([]string, error) {
	codes, hashes := make([]string, recoveryCodes), make([]string, recoveryCodes)
	for i := range codes {
		codes[i] = newRecoveryCode()
		hashes[i], _ = recoveryHash(codes[i])
	}
	return codes, tx.SetRecoveryCodes(ctx, user, hashes)
}

// useRecoveryCode uses a code up and tells the person by mail: whoever else has their codes is found
// out by that.
func (s *SignIn) useRecoveryCode(ctx context.Context, tx *store.Tx, who account, hash string) (bool, error) {
	used, err := tx.UseRecoveryCode(ctx, who.ref, hash)
	if err != nil || !used {
		return false, err
	}
	if err := tell(ctx, s.Mails, tx, who, mail.RecoveryUsed); err != nil {
		return false, err
	}
	return true, audit.Record(ctx, tx, ownEvent(who.ref, audit.RecoveryCodeUse))
}

// RenewRecoveryCodes gives the caller new recovery codes in place of those that they have.
//
// Errors: outcome Forbidden, Invalid, *StaleSignIn.
func (s *SignIn) RenewRecoveryCodes(ctx context.Context, who caller.Caller) (codes []string, err error) {
	me, err := s.freshAccount(ctx, who)
	if err != nil {
		return nil, err
	}
	if !me.user.MFAEnrolled {
		return nil, notEnrolled()
	}
	err = s.Repo.System("renew the recovery codes of a User", me.ref.Project).InTx(ctx, func(tx *repo.Tx) error {
		if codes, err = makeRecoveryCodes(ctx, tx.Store(), me.ref); err != nil {
			return err
		}
		return audit.Record(ctx, tx.Store(), ownEvent(me.ref, audit.RecoveryCodesRenew))
	})
	return codes, err
}
