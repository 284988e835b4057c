package oauth

import (
	"context"
	"encoding/json"
	"errors"
	"net/url"
	"slices"

	"github.com/admitdev/admit/pkg/outcome"
	"github.com/admitdev/admit/pkg/store"
)

// EndSession is a request to end a session (OpenID Connect RP-Initiated Logout 1.0 §2) that may be
// answered.
type EndSession struct {
	Client Client // zero when the request names none
	// Login is what id_token_hint was made for; empty without a hint, and then the person is asked.
	Login string
	// Location is where the browser goes then, with the state; empty when the request names nothing.
	Location string
}

// EndSession reads a request. A client has no addresses of its own for this, so one of its redirect
// URIs must be named, character by character. A hint that has expired still says which session is
// meant (§2).
//
// Errors: outcome Invalid.
func (s *Server) EndSession(ctx context.Context, given url.Values) (e EndSession, err error) {
	for _, values := range given {
		if len(values) > 1 || len(values[0]) > maxParameter {
			return e, outcome.New(outcome.Invalid, "A parameter is given twice or is too long")
		}
	}
	id := given.Get("client_id")
	if hint := given.Get("id_token_hint"); hint != "" {
		claims, err := s.hinted(ctx, hint)
		if err != nil {
			return e, err
		}
		if id != "" && id != claims.ClientID {
			return e, outcome.New(outcome.Invalid, "The id_token_hint was given to another client")
		}
		id, e.Login = claims.ClientID, claims.LoginID
	}
	if id != "" {
		e.Client, err = s.Directory.Client(ctx, id)
		if errors.Is(err, store.ErrNotFound) {
			return e, outcome.New(outcome.Invalid, "Client not found")
		} else if err != nil {
			return e, err
		}
	}
	if to := given.Get("post_logout_redirect_uri"); to != "" {
		if !slices.Contains(e.Client.RedirectURIs, to) {
			return e, outcome.New(outcome.Invalid, "Invalid post_logout_redirect_uri")
		}
		e.Location = withState(to, given.Get("state"))
	}
	return e, nil
}

// hinted are the claims of an id_token of ours, which may have expired.
func (s *Server) hinted(ctx context.Context, hint string) (claims idClaims, err error) {
	payload, err := s.keys.verify(ctx, hint)
	if err == nil && json.Unmarshal(payload, &claims) != nil {
		err = errToken
	}
	if errors.Is(err, errToken) || err == nil && (claims.Use != useID || claims.Issuer != s.issuer) {
		return idClaims{}, outcome.New(outcome.Invalid, "Invalid id_token_hint")
	}
	return claims, err
}

func withState(to, state string) string {
	u, err := url.Parse(to)
	if err != nil || state == "" {
		return to // a registered one is a URL
	}
	query := u.Query()
	query.Set("state", state)
	u.RawQuery = query.Encode()
	return u.String()
}

// EndHinted ends the login of a hint, and lets its browser be known no longer: the next sign-in asks
// for the password. What other clients hold is for them to end.
func (s *Server) EndHinted(ctx context.Context, login string) error {
	found, err := s.Store.Login(ctx, login)
	if err != nil {
		return ignore(err, store.ErrNotFound) // it has run out
	}
	return s.Store.InTx(ctx, func(tx *store.Tx) error {
		if _, err := tx.RevokeLogin(ctx, found.ID); err != nil {
			return err
		}
		return tx.ForgetBrowser(ctx, found.Browser)
	})
}

// maxBrowserLogins is how many sessions of a browser are ended one by one.
const maxBrowserLogins = 100

// EndBrowser ends every session of a browser, by the SHA-256 of its cookie.
func (s *Server) EndBrowser(ctx context.Context, browser string) error {
	logins, err := s.Store.LoginsOfBrowser(ctx, browser, maxBrowserLogins)
	if err != nil {
		return err
	}
	return s.Store.InTx(ctx, func(tx *store.Tx) error {
		for _, login := range logins {
			if _, err := tx.RevokeLogin(ctx, login.ID); err != nil {
				return err
			}
		}
		return tx.ForgetBrowser(ctx, browser)
	})
}
