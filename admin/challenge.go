package admin

import (
	"context"
	"errors"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/admitdev/admit/pkg/oauth"
	"github.com/admitdev/admit/pkg/outcome"
	"github.com/admitdev/admit/pkg/store"
)

// Wish is what a client asks of the login that begins, whether by a password or by registering.
type Wish struct {
	ClientID            string `json:"clientId"`
	ProjectID           string `json:"projectId"` // an id, "new" or empty
	ResourceType        string `json:"resourceType"`
	Scope               string `json:"scope"`
	Nonce               string `json:"nonce"`
	CodeChallenge       string `json:"codeChallenge"`
	CodeChallengeMethod string `json:"codeChallengeMethod"`
	Remember            bool   `json:"remember"`

	// LaunchID is a SmartAppLaunch of the client's project.
	LaunchID string `json:"launch"`

	// RedirectURI, Browser, Launch and KeyThumbprint are those of a request to the authorization endpoint; no body sets
	// them.
	RedirectURI string       `json:"-"`
	Browser     string       `json:"-"` // SHA-256 of the browser's cookie
	Launch      oauth.Launch `json:"-"`
	// KeyThumbprint is that of the key to which the code is bound (RFC 9449 §10), empty for none.
	KeyThumbprint string `json:"-"`
	// OwnAccount says that the sign-in is to the page of the person's own account.
	OwnAccount bool `json:"-"`
}

// check holds a wish to its client and its form, and completes it.
//
// Errors: outcome NotFound for an unknown client, Invalid.
func (s *SignIn) check(ctx context.Context, w *Wish, origin string) (client oauth.Client, err error) {
	if w.ClientID != "" { // the SDK sends an empty one when it has none
		client, err = s.directory.Client(ctx, w.ClientID)
		if errors.Is(err, store.ErrNotFound) {
			return client, outcome.New(outcome.NotFound, "")
		}
		if err != nil {
			return client, err
		}
	}
	if err := w.bindClient(client, origin); err != nil {
		return client, err
	}
	if w.Scope == "" {
		w.Scope = "openid"
	}
	switch {
	case !oauth.ValidScope(w.Scope), !client.MayAsk(w.Scope):
		return client, outcome.New(outcome.Invalid, "Invalid scope").At("scope")
	case len(w.Nonce) > maxNonce || !utf8.ValidString(w.Nonce) || oauth.Text(w.Nonce, maxNonce) != w.Nonce:
		return client, outcome.New(outcome.Invalid, "Invalid nonce").At("nonce")
	case w.ResourceType != "" && !slices.Contains(profileTypes[:], w.ResourceType):
		return client, outcome.New(outcome.Invalid, "Invalid resource type").At("resourceType")
	}
	if err := s.checkLaunch(ctx, w, client); err != nil {
		return client, err
	}
	return client, s.checkChallenge(*w)
}

// checkLaunch finds out what the client was launched about. A launch says nothing without the client
// that it is for.
func (s *SignIn) checkLaunch(ctx context.Context, w *Wish, client oauth.Client) (err error) {
	if w.LaunchID == "" {
		return nil
	}
	if client.ID != "" {
		w.Launch, err = s.directory.Launch(ctx, client.Project, w.LaunchID)
	}
	if client.ID == "" || errors.Is(err, store.ErrNotFound) {
		return outcome.New(outcome.Invalid, "Invalid launch").At("launch")
	}
	return err
}

// profileTypes are the types of profiles that people have.
var profileTypes = [...]string{"Patient", "Practitioner", "RelatedPerson"}

// otherProject is the outcome of a wish for another project than the client's.
type otherProject struct{ *outcome.Outcome }

// Unwrap makes it the outcome that clients see.
func (o *otherProject) Unwrap() error { return o.Outcome }

// bindClient makes the client's project the login's.
func (w *Wish) bindClient(client oauth.Client, origin string) error {
	if w.ProjectID != "" && w.ProjectID != newProjectID && !store.ValidProject(w.ProjectID) {
		return outcome.New(outcome.Invalid, "Invalid projectId").At("projectId")
	}
	if client.ID == "" {
		return nil
	}
	switch {
	case !client.Active:
		return outcome.New(outcome.Invalid, "Invalid client")
	case client.BuiltIn:
		return nil // it is in no project
	case w.ProjectID != "" && w.ProjectID != client.Project:
		return &otherProject{outcome.New(outcome.Invalid, "Invalid projectId")}
	case len(client.AllowedOrigins) > 0 && origin != "" && !slices.Contains(client.AllowedOrigins, origin):
		return outcome.New(outcome.Invalid, "Invalid origin")
	}
	w.ProjectID = client.Project
	return nil
}

func (s *SignIn) checkChallenge(w Wish) error {
	if w.CodeChallenge == "" && w.CodeChallengeMethod == "" {
		return nil
	}
	challengeOK, methodOK := s.Codes.ValidChallenge(w.CodeChallenge, w.CodeChallengeMethod)
	switch {
	case w.CodeChallenge == "", !challengeOK:
		return outcome.New(outcome.Invalid, "Invalid code challenge").At("code_challenge")
	case !methodOK:
		return outcome.New(outcome.Invalid, "Invalid code challenge method").At("code_challenge_method")
	}
	return nil
}

// apply writes the wish into the login.
func (w Wish) apply(login *store.Login, client oauth.Client) {
	login.Client, login.WantedProject, login.ProfileType = client.ID, w.ProjectID, w.ResourceType
	if w.OwnAccount {
		login.WantedProject = ownAccount
	}
	login.KeyThumbprint = w.KeyThumbprint
	login.Scope, login.RedirectURI, login.Browser = w.Scope, w.RedirectURI, w.Browser
	login.LaunchPatient, login.LaunchEncounter = w.Launch.Patient, w.Launch.Encounter
	login.LaunchContext = strings.Join(w.Launch.FHIRContext, " ")
	if w.Nonce != "" || w.RedirectURI != "" { // OpenID Connect Core §2: none unless the client sent one
		login.Nonce = w.Nonce
	}
	login.CodeChallenge, login.CodeChallengeMethod = w.CodeChallenge, w.CodeChallengeMethod
	login.Offline = w.Remember || oauth.OfflineScope(w.Scope) || slices.Contains(client.GrantTypes, "refresh_token")
}
