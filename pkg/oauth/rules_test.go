package oauth_test

import (
	"testing"

	"github.com/admitdev/admit/pkg/store/storetest"
)

// TestServer holds the server to its rules, on one database of each kind. Each rule has a server
// and a clock of its own.
func TestServer(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db storetest.DB) {
		for _, rule := range rules() {
			t.Run(rule.name, func(t *testing.T) { rule.holds(t, newWorld(t, db)) })
		}
	})
}

type rule struct {
	name  string
	holds func(*testing.T, *world)
}

func rules() []rule {
	return []rule{
		{"tokens say what medplums clients need", tokensSayWhatMedplumsClientsNeed},
		{"a patients token names the patient", aPatientsTokenNamesThePatient},
		{"a code is refused", aCodeIsRefused},
		{"a wrong verifier leaves the code good", aWrongVerifierLeavesTheCodeGood},
		{"a code issued for a redirect URI wants it again", aCodeIssuedForARedirectURIWantsItAgain},
		{"a replayed code ends what it gave", aReplayedCodeEndsWhatItGave},
		{"a newer code replaces the one before", aNewerCodeReplacesTheOneBefore},
		{"one of twenty simultaneous exchanges succeeds", oneOfTwentySimultaneousExchangesSucceeds},
		{"one of twenty simultaneous refreshes succeeds", oneOfTwentySimultaneousRefreshesSucceeds},
		{"refresh rotates and reuse ends the family", refreshRotatesAndReuseEndsTheFamily},
		{"refresh is refused", refreshIsRefused},
		{"a login without offline and a super admin get no refresh token", aLoginWithoutOfflineAndASuperAdminGetNoRefreshToken},
		{"a clients lifetimes are kept", aClientsLifetimesAreKept},
		{"plain challenges need to be allowed", plainChallengesNeedToBeAllowed},
		{"only an access token opens the server", onlyAnAccessTokenOpensTheServer},
		{"the header is one token exactly", theHeaderIsOneTokenExactly},
		{"forged tokens are refused", forgedTokensAreRefused},
		{"tokens for others are refused", tokensForOthersAreRefused},
		{"a token ends with its login and its time", aTokenEndsWithItsLoginAndItsTime},
		{"an unchosen login gives no access", anUnchosenLoginGivesNoAccess},
		{"basic opens the server for clients", basicOpensTheServerForClients},
		{"client credentials", clientCredentials},
		{"client credentials are refused", clientCredentialsAreRefused},
		{"whoever is inactive gets no token", whoeverIsInactiveGetsNoToken},
		{"a retiring secret gets tokens only", aRetiringSecretGetsTokensOnly},
		{"a client shows itself by its key", aClientShowsItselfByItsKey},
		{"an assertion is refused", anAssertionIsRefused},
		{"an assertion is good once", anAssertionIsGoodOnce},
		{"every endpoint takes an assertion", everyEndpointTakesAnAssertion},
		{"private addresses are not asked for keys", privateAddressesAreNotAskedForKeys},
		{"a clients keys are asked for anew when they change", aClientsKeysAreAskedForAnewWhenTheyChange},
		{"the token endpoint takes one form only", theTokenEndpointTakesOneFormOnly},
		{"a broken database is nobodys fault", aBrokenDatabaseIsNobodysFault},
		{"introspection is for clients of the project", introspectionIsForClientsOfTheProject},
		{"a client is limited wherever it asks from", aClientIsLimitedWhereverItAsksFrom},
		{"a public client is limited by what it was given", aPublicClientIsLimitedByWhatItWasGiven},
		{"a project limits how often an address asks", aProjectLimitsHowOftenAnAddressAsks},
		{"revocation ends the login of the clients own token", revocationEndsTheLoginOfTheClientsOwnToken},
		{"userinfo tells what the scope asks for", userinfoTellsWhatTheScopeAsksFor},
		{"discovery names what works", discoveryNamesWhatWorks},
		{"what has run out is removed", whatHasRunOutIsRemoved},
	}
}
