package oauth

import (
	"context"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/admitdev/admit/pkg/secret"
	"github.com/admitdev/admit/pkg/store"
)

// presented is how a client names itself in a request, and what it proves it with.
type presented struct {
	id, secret string
	basic      bool // by the Authorization header
	assertion  *assertion
}

// proves says whether the client tries to show who it is, not only names itself.
func (p presented) proves() bool { return p.secret != "" || p.basic || p.assertion != nil }

const assertionJWT = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

// present reads a client's credentials in the order of contract §3.1: assertion, header, body.
// Whether they are right is for provenClient to say.
func (s *Server) present(request *http.Request, form url.Values) (presented, error) {
	if form.Has("client_assertion_type") || form.Has("client_assertion") {
		return s.presentAssertion(form, len(request.Header["Authorization"]) > 0)
	}
	if values := request.Header["Authorization"]; len(values) > 0 {
		id, password, ok := basicForm(values)
		if !ok {
			return presented{}, refuse(invalidRequest, "Invalid authorization header")
		}
		if differs(form.Get("client_id"), id) || differs(form.Get("client_secret"), password) {
			return presented{}, refuse(invalidRequest, "Incorrect client")
		}
		return presented{id: id, secret: password, basic: true}, nil
	}
	return presented{id: form.Get("client_id"), secret: form.Get("client_secret")}, nil
}

// differs says whether the body contradicts the header. RFC 6749 §2.3 knows one method a request,
// but Medplum's SDK sends the same credentials by both.
func differs(body, header string) bool {
	return body != "" && subtle.ConstantTimeCompare([]byte(body), []byte(header)) == 0
}

// basicForm reads Basic credentials, whose parts are form-encoded (RFC 6749 §2.3.1).
func basicForm(values []string) (id, password string, ok bool) {
	id, password, ok = basic(values)
	if !ok {
		return "", "", false
	}
	id, err := url.QueryUnescape(id)
	password, err2 := url.QueryUnescape(password)
	return id, password, errors.Join(err, err2) == nil
}

// basic reads Basic credentials as they are (RFC 7617).
func basic(values []string) (id, password string, ok bool) {
	if len(values) != 1 {
		return "", "", false
	}
	scheme, encoded, found := strings.Cut(values[0], " ")
	if !found || !strings.EqualFold(scheme, "Basic") {
		return "", "", false
	}
	decoded, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		return "", "", false
	}
	return strings.Cut(string(decoded), ":")
}

// client finds an active client, or refuses; unknown is what is said of one that is not there.
func (s *Server) client(ctx context.Context, id, unknown string) (Client, error) {
	client, err := s.Directory.Client(ctx, id)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return Client{}, refuse(invalidRequest, unknown)
	case err != nil:
		return Client{}, err
	case !client.Active:
		return Client{}, refuse(invalidRequest, "Invalid client")
	}
	return client, nil
}

// prove says whether given is the client's secret; a retiring one counts where retiring is set. A client
// of keys alone has none that counts.
func (c Client) prove(given string, retiring bool) bool {
	if c.KeysAlone {
		return false
	}
	hash, proven := secret.SHA256(given), false
	for _, c := range c.Secrets {
		current := c.Kind == store.ClientSecret || retiring && c.Kind == store.RetiringSecret
		if current && c.Hash != "" && secret.Equal(c.Hash, hash) {
			proven = true
		}
	}
	return proven && given != ""
}

// authenticate holds a client to what it shows: its assertion, or its secret, a retiring one too.
// wrong is what is said of a wrong secret.
func (s *Server) authenticate(ctx context.Context, client Client, p presented, wrong string) error {
	if p.assertion != nil {
		if err := s.verifyAssertion(ctx, client, *p.assertion); err != nil {
			return err
		}
		return s.count(client)
	}
	if !client.prove(p.secret, true) {
		return refuse(invalidRequest, wrong)
	}
	return s.count(client)
}

// mayAsk holds a client that has registered itself to the scope that it was given then.
func (c Client) mayAsk(scope string) error {
	if c.Registered && !c.MayAsk(scope) {
		return refuse(invalidScope, "The client may not ask for this: it has registered for "+c.MostScope)
	}
	return nil
}

// MayAsk says whether a client may ask for a scope at all.
func (c Client) MayAsk(scope string) bool {
	return !c.Registered || len(words(Narrow(scope, c.MostScope))) == len(words(scope))
}

// confidential says whether a client can show who it is.
func (c Client) confidential() bool {
	return c.JWKSURI != "" || c.KeysAlone ||
		slices.ContainsFunc(c.Secrets, func(c store.Credential) bool { return c.Kind == store.ClientSecret })
}

// needsProof refuses a client that is known to be confidential and does not show who it is (RFC 6749
// §3.2.1): one with keys of its own, and one that was given a secret when it registered itself. Any
// other has a secret too, but runs in browsers as well, as Medplum's do, where PKCE alone must do.
func (c Client) needsProof() error {
	if c.JWKSURI == "" && !c.KeysAlone && !c.Registered || !c.confidential() {
		return nil
	}
	return refuse(invalidClient, "The client must show who it is")
}

// mayGoUnproven counts a client that has a code or token, and need not show who it is.
func (s *Server) mayGoUnproven(client Client) error {
	if err := client.needsProof(); err != nil {
		return err
	}
	return s.count(client)
}

// provenClient wants the client to show who it is, with the errors of client_credentials.
func (s *Server) provenClient(ctx context.Context, p presented) (Client, error) {
	switch {
	case p.id == "":
		return Client{}, refuse(invalidRequest, "Missing client_id")
	case p.secret == "" && p.assertion == nil:
		return Client{}, refuse(invalidRequest, "Missing client_secret")
	}
	unknown := "Invalid client"
	if p.assertion != nil {
		unknown = "Client not found"
	}
	client, err := s.client(ctx, p.id, unknown)
	if err != nil {
		return Client{}, err
	}
	return client, s.authenticate(ctx, client, p, "Invalid secret")
}
