package admin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"time"

	"github.com/admitdev/admit/fhir/repo"
	"github.com/admitdev/admit/pkg/mail"
	"github.com/admitdev/admit/pkg/oauth"
	"github.com/admitdev/admit/pkg/openid"
	"github.com/admitdev/admit/pkg/outcome"
	"github.com/admitdev/admit/pkg/secret"
	"github.com/admitdev/admit/pkg/store"
	"github.com/admitdev/admit/pkg/web"
)

const (
	// journeyLasts is how long somebody may take at an identity provider.
	journeyLasts = 10 * time.Minute

	externalPath = "auth/external"
	// ExternalStart is the route where a journey begins.
	ExternalStart = "/auth/external/start"
)

// ExternalWish is what a client asks of a sign-in by an identity provider: that of a domain, or the one
// that the client itself names.
type ExternalWish struct {
	Wish
	Domain string `json:"domain,omitempty"`
	// RedirectURI is where the client wants its code; one of its own.
	RedirectURI string `json:"redirectUri,omitempty"`
	// Request is the request to the authorization endpoint that our own page was asked with. The login then
	// is that request's.
	Request string `json:"request,omitempty"`
	// MaxAge is how long ago the person may have shown who they are, by that request; nil for any time.
	MaxAge *time.Duration `json:"-"`
}

// journey is what is kept, sealed, while somebody is at the provider.
type journey struct {
	ExternalWish
	Nonce, Verifier string
	MaxAge          *time.Duration // as in the wish, of which it would not be kept
	Began           time.Time
}

// externalURL is where sign-ins at an identity provider begin.
func (s *SignIn) externalURL(query url.Values) string {
	at := s.Service.BaseURL.JoinPath(ExternalStart)
	at.RawQuery = query.Encode()
	return at.String()
}

// StartExternal sends a browser to an identity provider. The journey belongs to the browser, which browser
// is a secret of.
//
// Errors: outcome Invalid, NotFound for an unknown client.
func (s *SignIn) StartExternal(ctx context.Context, in ExternalWish, browser string, from Device) (address string, err error) {
	if in.Request == "" {
		client, err := s.check(ctx, &in.Wish, "")
		if err != nil {
			return "", err
		}
		if in.RedirectURI != "" && !slices.Contains(client.RedirectURIs, in.RedirectURI) {
			return "", outcome.New(outcome.Invalid, "Invalid redirect URI")
		}
	}
	p, err := s.providerOf(ctx, in)
	if err != nil {
		return "", err
	}
	if err := s.countJourney(ctx, from); err != nil {
		return "", err
	}
	state := secret.Token(32)
	kept := journey{ExternalWish: in, Nonce: secret.Token(16), Verifier: secret.Token(32), MaxAge: in.MaxAge, Began: s.Clock.Now()}
	trip := s.trip(kept, state)
	if trip.Strong, err = s.wantsSeveral(ctx, p, in.ProjectID); err != nil {
		return "", err
	}
	if address, err = s.Providers.AuthorizeURL(ctx, p.Config, trip); err != nil {
		return "", s.providerFailed(ctx, err, "The identity provider cannot be reached, or its configuration is wrong")
	}
	content, err := json.Marshal(kept)
	if err != nil {
		return "", fmt.Errorf("keep a journey: %w", err)
	}
	hash := secret.SHA256(state)
	return address, s.Store.AddExternalRequest(ctx, store.ExternalRequest{
		Hash: hash, Browser: secret.SHA256(browser), Sealed: s.Box.Seal(content, placeOfJourney(hash)), ExpiresAt: store.At(s.Clock.Now().Add(journeyLasts)),
	})
}

// journeysPerNetwork is how many times the sign-ins of an account the journeys of a network may be.
const journeysPerNetwork = 12

func (s *SignIn) countJourney(ctx context.Context, from Device) error {
	if s.LoginLimit < 0 {
		return nil
	}
	return s.countUp(ctx, "external "+web.Network(from.Address), journeysPerNetwork*s.LoginLimit)
}

func placeOfJourney(hash string) string { return "external_request/" + hash }

func (s *SignIn) trip(j journey, state string) openid.Trip {
	return openid.Trip{
		RedirectURI: s.Service.BaseURL.JoinPath(externalPath).String(), State: state, Nonce: j.Nonce, Verifier: j.Verifier, MaxAge: j.MaxAge,
	}
}

// providerOf is the provider that a wish leads to.
func (s *SignIn) providerOf(ctx context.Context, in ExternalWish) (provider, error) {
	if in.Domain != "" {
		return s.providerOfDomain(ctx, in.Domain)
	}
	return s.providerOfClient(ctx, in.ClientID)
}

// providerFailed tells the browser no more than text, and the log why.
func (s *SignIn) providerFailed(ctx context.Context, err error, text string) error {
	switch {
	case errors.Is(err, openid.ErrBusy):
		return outcome.New(outcome.TooManyRequests, "The identity provider limits us; please try again later")
	case errors.Is(err, openid.ErrRefused):
		s.Service.Log.WarnContext(ctx, "an identity provider was refused", "error", err)
		return outcome.New(outcome.Invalid, "%s", text)
	}
	return err
}

// ExternalAnswer is what a browser brings back from a provider.
type ExternalAnswer struct{ Code, State, Issuer, Error string }

var errorForm = regexp.MustCompile(`^[a-z_]{1,60}$`)

func (a ExternalAnswer) check() error {
	switch {
	case a.Error != "" && errorForm.MatchString(a.Error):
		return outcome.New(outcome.Invalid, "The identity provider did not sign you in: %s", a.Error)
	case a.Error != "":
		return outcome.New(outcome.Invalid, "The identity provider did not sign you in")
	case a.Code == "":
		return outcome.New(outcome.Invalid, "Missing code")
	}
	return nil
}

// Return is a journey that has come back to where it began: who it is that comes, not yet a login.
type Return struct {
	ExternalWish
	p  provider
	id openid.Identity
}

// FinishExternal reads what a browser brings back. The journey is over whatever comes of it; a state of
// another browser, one that came before and one that is too old are all unknown.
//
// Errors: outcome Invalid.
func (s *SignIn) FinishExternal(ctx context.Context, answer ExternalAnswer, browser string) (Return, error) {
	if answer.State == "" {
		return Return{}, outcome.New(outcome.Invalid, "Missing state")
	}
	hash := secret.SHA256(answer.State)
	kept, err := s.Store.TakeExternalRequest(ctx, hash, secret.SHA256(browser))
	if browser == "" || errors.Is(err, store.ErrNotFound) {
		return Return{}, outcome.New(outcome.Invalid, "Invalid state")
	}
	if err != nil {
		return Return{}, err
	}
	if err := answer.check(); err != nil {
		return Return{}, err
	}
	content, err := s.Box.Open(kept.Sealed, placeOfJourney(hash))
	var j journey
	if err == nil {
		err = json.Unmarshal(content, &j)
	}
	if err != nil {
		return Return{}, fmt.Errorf("read a journey: %w", err)
	}
	p, err := s.providerOf(ctx, j.ExternalWish)
	if err != nil {
		return Return{}, err
	}
	id, err := s.Providers.Exchange(ctx, p.Config, s.trip(j, answer.State), answer.Code, answer.Issuer)
	if err == nil && !j.recent(id.AuthTime) {
		return Return{}, outcome.New(outcome.Invalid, "The identity provider does not say that you have signed in there as lately as the application wants")
	}
	return Return{j.ExternalWish, p, id}, s.providerFailed(ctx, err, "Failed to verify code - check your identity provider configuration")
}

// BeginExternal begins the login of whoever came back, for what wish asks.
//
// Errors: outcome Invalid, NotFound for a client that has gone since.
func (s *SignIn) BeginExternal(ctx context.Context, back Return, wish Wish, from Device) (Step, error) {
	client, err := s.check(ctx, &wish, "")
	if err != nil {
		return Step{}, err
	}
	step, err := s.beginExternal(ctx, back, wish, client, from)
	if outcome.Has(err, outcome.Invalid) {
		err = errors.Join(err, s.recordRefusal(ctx, store.Ref{}, "the identity provider names nobody who may come in", from))
	}
	return step, err
}

func (s *SignIn) beginExternal(ctx context.Context, back Return, wish Wish, client oauth.Client, from Device) (Step, error) {
	if back.p.project != store.SystemProject && back.p.project != wish.ProjectID {
		return Step{}, outcome.New(outcome.Invalid, "Invalid project") // a project's provider lets in there alone
	}
	who, err := s.recognise(ctx, back.p, back.id, wish.ProjectID)
	if err != nil {
		return Step{}, err
	}
	return s.begin(ctx, entrance{
		wish: wish, client: client, who: who, method: oauth.MethodExternal, nothing: outcome.New(outcome.Invalid, "User not found"),
		how: s.recognition(back.p, back.id), several: back.id.Several(),
		confirm: func(*store.Tx) error { return nil },
	}, from)
}

// ClientProvider is the host of the identity provider that a client names; empty when it names none.
func (s *SignIn) ClientProvider(ctx context.Context, client string) (host string, err error) {
	p, err := s.providerOfClient(ctx, client)
	if outcome.Has(err, outcome.Invalid) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	at, err := url.Parse(p.AuthorizeURL)
	if err != nil {
		return "", nil //nolint:nilerr // no address, no provider
	}
	return mail.OneLine(at.Hostname()), nil
}

// AnyDomainProvider says whether there is a domain with a configuration.
func (s *SignIn) AnyDomainProvider(ctx context.Context) (bool, error) {
	found, err := s.Store.Owners(ctx, store.SystemProject, repo.KeyDomain, "", 1)
	return len(found) > 0, err
}
