package oauth

import (
	"context"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/admitdev/admit/pkg/secret"
	"github.com/admitdev/admit/pkg/store"
)

// presented is how a client names itself in a request, and what it proves it with.
type presented struct {
	id, secret string
	basic      bool // by the Authorization header
}

const assertionJWT = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

// present reads a client's credentials in the order of contract §3.1: assertion, header, body.
// Whether they are right is for provenClient to say.
func present(request *http.Request, form url.Values) (presented, error) {
	if kind := form.Get("client_assertion_type"); kind != "" {
		if kind == assertionJWT && strings.Count(form.Get("client_assertion"), ".") != 2 {
			return presented{}, refuse(invalidRequest, "Invalid client assertion")
		}
		return presented{}, refuse(invalidRequest, "Unsupported client assertion type")
	}
	if values := request.Header["Authorization"]; len(values) > 0 {
		id, password, ok := basicForm(values)
		if !ok {
			return presented{}, refuse(invalidRequest, "Invalid authorization header")
		}
		if differs(form.Get("client_id"), id) || differs(form.Get("client_secret"), password) {
			return presented{}, refuse(invalidRequest, "Incorrect client")
		}
		return presented{id, password, true}, nil
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

// client finds an active client, or refuses.
func (s *Server) client(ctx context.Context, id string) (Client, error) {
	client, err := s.Directory.Client(ctx, id)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return Client{}, refuse(invalidRequest, "Invalid client")
	case err != nil:
		return Client{}, err
	case !client.Active:
		return Client{}, refuse(invalidRequest, "Invalid client")
	}
	return client, nil
}

// prove says whether given is the client's secret; a retiring one counts where retiring is set.
func (s *Server) prove(ctx context.Context, client Client, given string, retiring bool) (bool, error) {
	kept, err := s.Store.Credentials(ctx, client.Ref())
	if err != nil {
		return false, err
	}
	hash, proven := secret.SHA256(given), false
	for _, c := range kept {
		current := c.Kind == store.ClientSecret || retiring && c.Kind == store.RetiringSecret
		if current && c.Hash != "" && secret.Equal(c.Hash, hash) {
			proven = true
		}
	}
	return proven && given != "", nil
}

// hasSecret says whether a client has one at all.
func (s *Server) hasSecret(ctx context.Context, client Client) (bool, error) {
	_, err := s.Store.Credential(ctx, client.Ref(), store.ClientSecret)
	if errors.Is(err, store.ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

// provenClient wants the client's secret, with the errors of client_credentials.
func (s *Server) provenClient(ctx context.Context, p presented) (Client, error) {
	switch {
	case p.id == "":
		return Client{}, refuse(invalidRequest, "Missing client_id")
	case p.secret == "":
		return Client{}, refuse(invalidRequest, "Missing client_secret")
	}
	client, err := s.client(ctx, p.id)
	if err != nil {
		return Client{}, err
	}
	switch proven, err := s.prove(ctx, client, p.secret, true); {
	case err != nil:
		return Client{}, err
	case !proven:
		return Client{}, refuse(invalidRequest, "Invalid secret")
	}
	return client, nil
}
