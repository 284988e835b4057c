package signin_test

import (
	"testing"

	"github.com/admitdev/admit/admin"
	"github.com/admitdev/admit/pkg/store/storetest"
)

type rule struct {
	name  string
	holds func(*testing.T, *world)
}

// TestSigningIn holds the surface to its rules, on one database of each kind.
func TestSigningIn(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db storetest.DB) {
		for _, rule := range rules() {
			t.Run(rule.name, func(t *testing.T) { rule.holds(t, newWorld(t, db)) })
		}
		for _, rule := range limitRules() {
			t.Run(rule.name, func(t *testing.T) {
				rule.holds(t, newWorld(t, db, func(o *admin.SignInOptions) { o.LoginLimit = 5 }))
			})
		}
		t.Run("registration is closed by default", func(t *testing.T) {
			closed(t, newWorld(t, db, func(o *admin.SignInOptions) { o.RegistrationOpen = false }))
		})
	})
}

func rules() []rule {
	return []rule{
		{"a stranger registers and makes a project", strangerMakesProject},
		{"registering is refused", registeringIsRefused},
		{"making a project is refused", projectIsRefused},
		{"a patient registers in a project that is open to them", patientRegisters},
		{"whoever cannot sign in gets one answer for one hash", oneAnswer},
		{"a sign-in is held to its form", formOfLogin},
		{"a client's project is the login's", clientsProject},
		{"somebody with several memberships chooses", severalMemberships},
		{"the status of a login", statusOfLogin},
		{"a scope is narrowed and never widened", narrowedScope},
		{"me", aboutMe},
		{"a session is revoked by its owner", revokedSession},
		{"a forgotten password is set by a mailed secret", forgottenPassword},
		{"a mailed secret is refused", secretIsRefused},
		{"one of many uses of a mailed secret succeeds", secretUsedOnce},
		{"a changed password ends every session", changedPassword},
		{"a password changed during a sign-in ends it", passwordChangedMeanwhile},
		{"an address is verified by a mailed secret", verifiedEmail},
		{"a second factor that is required is enrolled first", secondFactor},
		{"a second factor of one's own choice", chosenSecondFactor},
		{"a second factor that the project wants", projectSecondFactor},
		{"recovery codes stand in for a lost factor, each once", recoveryCodes},
		{"a passkey signs in, has a name and can be deleted", passkeyLife},
		{"a passkey is a second factor", passkeyAsSecondFactor},
		{"bad answers of passkeys are refused", badPasskeys},
		{"bad passkeys are not registered", badRegistrations},
		{"a copied passkey is found out", copiedPasskey},
		{"a passkey opens no more than its password", passkeyOpensNoMore},
		{"what guards the account wants a recent sign-in", guarded},
		{"an address is changed by its new owner's leave", changedEmail},
		{"sessions are listed and ended by whose they are", ownSessions},
		{"guesses of a second factor are limited", guessedSecondFactor},
	}
}

func limitRules() []rule {
	return []rule{
		{"tries are limited per account, known or not", limitPerAccount},
		{"tries are limited per account, whatever project they name", limitAcrossProjects},
		{"tries are limited per address", limitPerAddress},
		{"a success is forgiven", successIsForgiven},
		{"a project may have fewer tries", limitOfProject},
		{"mails to an address are limited", limitedResets},
	}
}
