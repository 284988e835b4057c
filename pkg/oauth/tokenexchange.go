package oauth

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/admitdev/admit/pkg/outcome"
	"github.com/admitdev/admit/pkg/secret"
	"github.com/admitdev/admit/pkg/store"
	"github.com/admitdev/admit/pkg/web"
)

// The names of RFC 8693 §2.1 and §3.
const (
	grantTokenExchange = "urn:ietf:params:oauth:grant-type:token-exchange"
	typeAccessToken    = "urn:ietf:params:oauth:token-type:access_token"
	typeIDToken        = "urn:ietf:params:oauth:token-type:id_token"
)

// The authMethods of logins for which another server vouches.
const (
	MethodExternal = "external"
	MethodExchange = "exchange" // begun by a token exchange
)

// SubjectToken is a token of another server that stands for somebody.
type SubjectToken struct {
	Token string
	// ID says that it is an ID token, else it is an access token.
	ID bool
	// Membership is the one that is wanted, empty for the only one.
	Membership string
	Address    string
}

// Recognised is whom a token of another server stands for.
type Recognised struct {
	User   store.Ref
	Member Membership
	// How is what the other server says of how it knows, Several that it has asked for several factors.
	How     store.Recognition
	Several bool
}

// Externals recognises people by tokens of other servers.
type Externals interface {
	// Recognise is the User of a token of the client's own identity provider, with an active membership in
	// the client's project.
	//
	// Errors: outcome Invalid with what is wrong, outcome TooManyRequests of the provider.
	Recognise(ctx context.Context, client Client, token SubjectToken) (Recognised, error)
}

// tokenExchange is RFC 8693: a token of the identity provider that the client names, for tokens of ours.
// What is asked for and cannot be given is refused, never left out.
func (s *Server) tokenExchange(ctx context.Context, r grantRequest) (tokens, error) {
	client, err := s.client(ctx, r.presented.id, "Invalid client")
	if err != nil {
		return tokens{}, err
	}
	if r.presented.proves() {
		err = s.authenticate(ctx, client, r.presented, "Invalid secret")
	} else {
		err = client.needsProof()
	}
	if err != nil {
		return tokens{}, err
	}
	scope, err := s.exchangeScope(client, r.form)
	if err != nil {
		return tokens{}, err
	}
	if !client.External || s.Externals == nil {
		return tokens{}, refuse(invalidRequest, "Invalid client")
	}
	subject := SubjectToken{
		Token: r.form.Get("subject_token"), ID: r.form.Get("subject_token_type") == typeIDToken,
		Membership: r.form.Get("membership_id"), Address: r.address,
	}
	if subject.Token == "" || s.isOurs(subject.Token) {
		return tokens{}, refuse(invalidRequest, "Invalid subject_token") // nor is one of ours shown to others
	}
	who, err := s.Externals.Recognise(ctx, client, subject)
	if err != nil {
		return tokens{}, notRecognised(err)
	}
	return s.exchanged(ctx, r, client, who, scope)
}

// exchangeScope judges the parameters that say what is wanted, and gives the scope.
func (s *Server) exchangeScope(client Client, form url.Values) (string, error) {
	switch kind := form.Get("subject_token_type"); {
	case form.Get("subject_token") == "":
		return "", refuse(invalidRequest, "Invalid subject_token")
	case kind != typeAccessToken && kind != typeIDToken:
		return "", refuse(invalidRequest, "Invalid subject_token_type")
	case form.Has("actor_token") || form.Has("actor_token_type"):
		return "", refuse(invalidRequest, "actor_token is not supported")
	case form.Has("requested_token_type") && form.Get("requested_token_type") != typeAccessToken:
		return "", refuse(invalidRequest, "The requested_token_type must be "+typeAccessToken)
	case form.Has("audience") && form.Get("audience") != s.issuer:
		return "", refuse(invalidTarget, "The audience must be "+s.issuer)
	case form.Has("resource") && !slices.Contains([]string{s.issuer, s.issuer + "fhir/R4", s.issuer + "fhir/R4/"}, form.Get("resource")):
		return "", refuse(invalidTarget, "The resource must be "+s.issuer+"fhir/R4")
	}
	given := strings.Join(client.DefaultScope, " ")
	scope := form.Get("scope")
	switch {
	case scope == "" && given == "":
		return defaultScope, nil
	case scope == "":
		return given, nil
	case !ValidScope(scope) || len(words(scope)) == 0:
		return "", refuse(invalidScope, "Invalid scope")
	case given != "" && slices.ContainsFunc(words(scope), func(word string) bool { return !hasScope(given, word) }):
		return "", refuse(invalidScope, "The scope is wider than the client's")
	}
	return scope, nil
}

// isOurs says whether a token says of itself that we issued it.
func (s *Server) isOurs(token string) bool {
	var claims registered
	return unverified(token, &claims) && claims.Issuer == s.issuer
}

// notRecognised words a refusal of Externals; a provider that limits us is passed on as such.
func notRecognised(err error) error {
	var refused *outcome.Outcome
	if errors.As(err, &refused) && refused.Code == outcome.Invalid {
		return refuse(invalidRequest, refused.Error())
	}
	return err
}

// exchanged begins the session and gives its tokens.
func (s *Server) exchanged(ctx context.Context, r grantRequest, client Client, who Recognised, scope string) (tokens, error) {
	now := s.Clock.Now()
	login := store.Login{
		ID: secret.ID(), UserProject: who.User.Project, UserType: who.User.Type, UserID: who.User.ID, Client: client.ID,
		WantedProject: client.Project, MembershipProject: who.Member.Project, Membership: who.Member.ID,
		AuthMethod: MethodExchange, AuthTime: store.At(now), Nonce: secret.ID(), Scope: scope, Offline: OfflineScope(scope),
		Recognition: who.How, MFAVerified: who.Several, Granted: true, RemoteAddress: r.address, UserAgent: r.agent, KeyThumbprint: r.key,
	}
	client, err := s.clientOf(ctx, login) // again: the provider may have taken its time
	if err != nil {
		return tokens{}, err
	}
	of, err := s.sessionOf(ctx, login, client)
	if err == nil {
		err = s.mayComeFrom(ctx, of.member, r.address)
	}
	if err != nil {
		return tokens{}, err
	}
	of.login.ExpiresAt = store.At(now.Add(of.lasts()))
	made, err := s.issue(ctx, of)
	if err != nil {
		return tokens{}, err
	}
	made.IssuedTokenType = typeAccessToken
	return made, s.Store.InTx(ctx, func(tx *store.Tx) error {
		if err := tx.AddLogin(ctx, of.login); err != nil {
			return err
		}
		if err := tx.AcceptInvitations(ctx, of.login.MembershipProject, of.login.Membership); err != nil {
			return err
		}
		return s.keepRefreshToken(ctx, tx, of)
	})
}

// externalToken is POST /auth/exchange, the older form of the same (contract §2.2).
func (s *Server) externalToken(c echo.Context) error {
	var in struct {
		Token    string `json:"externalAccessToken"`
		ClientID string `json:"clientId"`
	}
	if err := web.ReadJSON(c, &in); err != nil {
		return err
	}
	var fields outcome.Fields
	fields.Check(in.Token != "", "externalAccessToken", "Missing externalAccessToken")
	fields.Check(in.ClientID != "", "clientId", "Missing clientId")
	if err := fields.Err(); err != nil {
		return err
	}
	form := url.Values{"subject_token": {in.Token}, "subject_token_type": {typeAccessToken}}
	made, err := s.tokenExchange(c.Request().Context(), grantRequest{
		form, presented{id: in.ClientID}, c.RealIP(), Text(c.Request().UserAgent(), 512), "",
	})
	var refused *Error
	if errors.As(err, &refused) {
		err = outcome.New(outcome.Invalid, "%s", refused.Description)
	}
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, made)
}
