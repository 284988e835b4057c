package oauth

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/admitdev/admit/pkg/outcome"
	"github.com/admitdev/admit/pkg/secret"
	"github.com/admitdev/admit/pkg/store"
)

// introspection is RFC 7662 §2.2.
type introspection struct {
	Active   bool   `json:"active"`
	Use      string `json:"token_use,omitempty"`
	Type     string `json:"token_type,omitempty"`
	IssuedAt int64  `json:"iat,omitempty"`
	Expires  int64  `json:"exp,omitempty"`
	Issuer   string `json:"iss,omitempty"`
	Subject  string `json:"sub,omitempty"`
	ClientID string `json:"client_id,omitempty"`
	Scope    string `json:"scope,omitempty"`
	FHIRUser string `json:"fhirUser,omitempty"`
	// Confirmation is the key that the token is bound to (RFC 9449 §6.2).
	Confirmation *confirmation `json:"cnf,omitempty"`
	launched
}

// introspect tells a client, or a signed-in user, about a token of its own project. Upstream tells
// everybody about any token (contract §11, 7).
func (s *Server) introspect(c echo.Context) error {
	form, err := readForm(c)
	if err != nil {
		return err
	}
	ctx := c.Request().Context()
	by, err := s.asker(ctx, c, form)
	if err != nil {
		return err
	}
	token := form.Get("token")
	if token == "" {
		return c.String(http.StatusBadRequest, "Token to introspect must be provided")
	}
	shown, err := s.look(ctx, token, by)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, shown)
}

// asking is who asks about a token: a client or somebody with a login, of a project.
type asking struct{ project, client, login string }

// owns says whether a refresh token was issued to whoever asks. Nobody else has a use for one, unlike for an access
// token, which a resource server is shown.
func (a asking) owns(r registered) bool {
	if a.login != "" {
		return r.LoginID == a.login
	}
	return r.ClientID == a.client
}

// asker is whoever asks: a client by Basic or in the body, or a bearer whom its policies let in from there.
func (s *Server) asker(ctx context.Context, c echo.Context, form url.Values) (asking, error) {
	request := c.Request()
	values := request.Header["Authorization"]
	if len(values) == 1 && (schemeOf(values[0]) == "bearer" || schemeOf(values[0]) == "dpop") {
		claims, err := s.read(request, values)
		if err == nil {
			claims, err = s.LiveLogin(ctx, claims.LoginID)
		}
		var member Membership
		if err == nil {
			member, err = s.Directory.Membership(ctx, claims.Project, claims.Membership)
		}
		in := member.Active
		if err == nil && in {
			in, err = s.letsIn(ctx, member, c.RealIP())
		}
		if err == nil && !in {
			err = errToken
		}
		if errors.Is(err, errToken) || errors.Is(err, store.ErrNotFound) {
			return asking{}, s.basicChallenge()
		}
		return asking{project: claims.Project, login: claims.LoginID}, err
	}
	client, err := s.askingClient(ctx, request, form)
	return asking{project: client.Project, client: client.ID}, err
}

// askingClient is the client that proves itself, with the 401 of RFC 7662 §2.3 and RFC 7009 §2.2.1
// when it does not.
func (s *Server) askingClient(ctx context.Context, request *http.Request, form url.Values) (Client, error) {
	who, err := s.present(request, form)
	if err != nil {
		return Client{}, s.basicChallenge()
	}
	client, err := s.provenClient(ctx, who)
	var refused *Error
	if errors.As(err, &refused) && !tooMany(err) {
		return Client{}, s.basicChallenge()
	}
	return client, err
}

// look says what a token of the project is good for. Anything else is inactive, without a reason.
func (s *Server) look(ctx context.Context, token string, by asking) (introspection, error) {
	shown, claims, err := s.decode(ctx, token)
	if err != nil || !shown.Active || shown.Use != useAccess && !by.owns(claims) {
		return introspection{}, err
	}
	login, _, err := s.liveLogin(ctx, claims.LoginID)
	if err != nil || login.MembershipProject != by.project {
		return introspection{}, ignore(err, store.ErrNotFound)
	}
	member, err := s.Directory.Membership(ctx, login.MembershipProject, login.Membership)
	if err != nil || !member.Active {
		return introspection{}, ignore(err, store.ErrNotFound)
	}
	_, shown.Subject, _ = strings.Cut(member.User.Reference, "/")
	shown.Scope, shown.launched = login.Scope, launchedAbout(login, member)
	if hasScope(login.Scope, "openid") { // SMART App Launch 2.2, token introspection
		shown.FHIRUser = member.Profile.Reference
	}
	return shown, nil
}

// decode reads an access token, or a refresh token that is still to be used.
func (s *Server) decode(ctx context.Context, token string) (introspection, registered, error) {
	access, err := s.access(ctx, token)
	if err == nil {
		shown := describe(access.registered)
		if shown.Confirmation = access.Confirmation; shown.Confirmation != nil {
			shown.Type = headerDPoP
		}
		return shown, access.registered, nil
	} else if !errors.Is(err, errToken) {
		return introspection{}, registered{}, err
	}
	refresh, err := s.refresh(ctx, token)
	if err != nil {
		return introspection{}, registered{}, ignore(err, errToken)
	}
	kept, err := s.Store.RefreshToken(ctx, secret.SHA256(refresh.Secret))
	if err != nil || kept.Used {
		return introspection{}, registered{}, ignore(err, store.ErrNotFound)
	}
	return describe(refresh.registered), refresh.registered, nil
}

func describe(r registered) introspection {
	shown := introspection{
		Active: true, Use: r.Use, IssuedAt: r.IssuedAt, Expires: r.Expires, Issuer: r.Issuer, ClientID: r.ClientID,
	}
	if r.Use == useAccess {
		shown.Type = "Bearer"
	}
	return shown
}

// ignore is err unless it is the one expected.
func ignore(err, expected error) error {
	if errors.Is(err, expected) {
		return nil
	}
	return err
}

// revoke is RFC 7009: a client ends the login of a token that was given to it. A token that is not
// valid is no error (§2.2), one of another client is left alone.
func (s *Server) revoke(c echo.Context) error {
	form, err := readForm(c)
	if err != nil {
		return err
	}
	ctx := c.Request().Context()
	client, err := s.revokingClient(ctx, c.Request(), form)
	if err != nil {
		return err
	}
	token := form.Get("token")
	if token == "" {
		return refuse(invalidRequest, "Missing token")
	}
	shown, claims, err := s.decode(ctx, token)
	switch {
	case err != nil:
		return err
	case !shown.Active:
		return c.NoContent(http.StatusOK)
	case claims.ClientID != client.ID:
		return refuse(invalidGrant, outcome.Forbidden.Text)
	}
	if err := s.revokeLogin(ctx, claims.LoginID); err != nil {
		return err
	}
	return c.NoContent(http.StatusOK)
}

// revokingClient is the client that asks; one that may have tokens without a proof may end them so (RFC 7009 §2.1).
func (s *Server) revokingClient(ctx context.Context, request *http.Request, form url.Values) (Client, error) {
	who, err := s.present(request, form)
	if err != nil || who.id == "" || who.proves() {
		return s.askingClient(ctx, request, form)
	}
	client, err := s.client(ctx, who.id, "Invalid client")
	if err == nil {
		err = s.mayGoUnproven(client)
	}
	var refused *Error
	if errors.As(err, &refused) && !tooMany(err) {
		return Client{}, s.basicChallenge()
	}
	return client, err
}
