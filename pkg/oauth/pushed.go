package oauth

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/admitdev/admit/pkg/outcome"
	"github.com/admitdev/admit/pkg/secret"
	"github.com/admitdev/admit/pkg/store"
)

// Pushed authorization requests (RFC 9126). A reference is good for one browser that comes with it in
// time; the pages after that carry the reference alone, so nobody changes what the client has pushed. It
// is used up with the code.

const (
	pushedPrefix = "urn:ietf:params:oauth:request_uri:"
	pushedBytes  = 32
	pushedLasts  = 90 * time.Second
	begunLasts   = time.Hour // as long as a login may take
)

// pushedAnswer is RFC 9126 §2.2.
type pushedAnswer struct {
	RequestURI string `json:"request_uri"`
	ExpiresIn  int    `json:"expires_in"`
}

// push is POST /oauth2/par.
func (s *Server) push(c echo.Context) error {
	form, err := readForm(c)
	if err != nil {
		return err
	}
	who, err := s.present(c.Request(), form)
	if err != nil {
		return err
	}
	ctx := c.Request().Context()
	client, err := s.pushingClient(ctx, who)
	if err != nil {
		return err
	}
	if form.Has("request_uri") {
		return refuse(invalidRequest, "A request_uri cannot be pushed")
	}
	if named := form.Get("client_id"); named != "" && named != client.ID {
		return refuse(invalidRequest, "Incorrect client")
	}
	if err := s.bindPushed(c.Request(), form); err != nil {
		return err
	}
	reference, err := s.keepPushed(ctx, client, form)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusCreated, pushedAnswer{reference, int(pushedLasts / time.Second)})
}

// pushingClient authenticates as the token endpoint does for a code.
func (s *Server) pushingClient(ctx context.Context, who presented) (Client, error) {
	if who.id == "" {
		return Client{}, refuse(invalidRequest, "Missing client_id")
	}
	client, err := s.client(ctx, who.id, "Invalid client")
	if err != nil {
		return Client{}, err
	}
	if who.secret == "" && who.assertion == nil {
		return client, s.mayGoUnproven(client)
	}
	return client, s.authenticate(ctx, client, who, "Invalid secret")
}

// keyParameter names the key to which a code is bound (RFC 9449 §10).
const keyParameter = "dpop_jkt"

// bindPushed binds the code to the key that the push proves (RFC 9449 §10.1).
func (s *Server) bindPushed(request *http.Request, form url.Values) error {
	key, err := s.provenKey(request)
	switch named := form.Get(keyParameter); {
	case err != nil || key == "":
		return err
	case named != "" && named != key:
		return refuse(invalidProof, "The DPoP proof is of another key than "+keyParameter)
	}
	form.Set(keyParameter, key)
	return nil
}

// keepPushed judges a request as the authorization endpoint would, and keeps it without what
// authenticates the client.
func (s *Server) keepPushed(ctx context.Context, client Client, form url.Values) (reference string, err error) {
	for _, name := range []string{"client_secret", "client_assertion", "client_assertion_type"} {
		form.Del(name)
	}
	form.Set("client_id", client.ID)
	_, err = s.authorization(ctx, form)
	var refused *Redirection
	if errors.As(err, &refused) {
		return "", refuse(refused.Code, refused.Description)
	}
	if err != nil {
		return "", err
	}
	parameters, err := json.Marshal(form)
	if err != nil {
		return "", fmt.Errorf("keep pushed request: %w", err)
	}
	reference = pushedPrefix + secret.Token(pushedBytes)
	return reference, s.Store.AddPushedRequest(ctx, store.PushedRequest{
		Hash: secret.SHA256(reference), Client: client.ID, Parameters: string(parameters), ExpiresAt: store.At(s.Clock.Now().Add(pushedLasts)),
	})
}

// isPushed says whether a request names one that was pushed.
func isPushed(given url.Values) bool {
	return strings.HasPrefix(given.Get("request_uri"), pushedPrefix)
}

// errPushed: whose fault it is that a reference is not good is nobody's to know.
var errPushed = outcome.New(outcome.Invalid, "The request is unknown, has run out or was begun before. Please go back to the application and begin again.")

// Begin reads the request that a browser comes with; with a pushed one nobody can come again.
//
// Errors: outcome Invalid, *Redirection.
func (s *Server) Begin(ctx context.Context, given url.Values) (Authorization, error) {
	if isPushed(given) {
		begun, err := s.Store.BeginPushedRequest(ctx, secret.SHA256(given.Get("request_uri")), given.Get("client_id"), begunLasts)
		if err == nil && !begun {
			err = errPushed
		}
		if err != nil {
			return Authorization{}, err
		}
	}
	return s.Authorization(ctx, given)
}

// pushed is a pushed request that was begun, judged anew. What else stands beside its reference is not
// looked at (RFC 9101 §5).
func (s *Server) pushed(ctx context.Context, given url.Values) (Authorization, error) {
	hash := secret.SHA256(given.Get("request_uri"))
	kept, err := s.Store.PushedRequest(ctx, hash)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return Authorization{}, errPushed
	case err != nil:
		return Authorization{}, err
	case kept.Client != given.Get("client_id") || !kept.Begun || !kept.ExpiresAt.After(s.Clock.Now()):
		return Authorization{}, errPushed
	}
	var parameters url.Values
	if err := json.Unmarshal([]byte(kept.Parameters), &parameters); err != nil {
		return Authorization{}, fmt.Errorf("read pushed request: %w", err)
	}
	a, err := s.authorization(ctx, parameters)
	a.Pushed = hash
	return a, err
}
