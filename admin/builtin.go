package admin

import "github.com/admitdev/admit/pkg/oauth"

// builtInClient is a client that every server has, in no project: whoever signs in through it goes on in
// their own. Medplum's CLI names it and listens at its redirect URI (contract §10.2).
func builtInClient(id string) (oauth.Client, bool) {
	if id != "medplum-cli" {
		return oauth.Client{}, false
	}
	return oauth.Client{
		ID: id, Name: "The Medplum command line", Active: true, BuiltIn: true, PKCEOptional: true, RedirectURIs: []string{"http://localhost:9615"},
	}, true
}
