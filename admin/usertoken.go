package admin

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/admitdev/admit/fhir/caller"
	"github.com/admitdev/admit/fhir/repo"
	"github.com/admitdev/admit/pkg/audit"
	"github.com/admitdev/admit/pkg/outcome"
	"github.com/admitdev/admit/pkg/secret"
	"github.com/admitdev/admit/pkg/store"
)

// A named token is typed where a password is, and signs in to one membership. Only a User of the
// project alone can have one: whoever held one of a User of the server could change, in that User's
// name, what other projects stand on.

// namedTokenPrefix begins every named token, so that a password is not looked for among them.
const namedTokenPrefix = "admit_"

const (
	namedTokenBytes   = 24
	defaultTokenLasts = time.Hour
	maxTokenLasts     = 366 * 24 * time.Hour
	maxNamedTokens    = 100
)

// NamedToken is a token of a user. Its value is shown when it is made and never again.
type NamedToken struct {
	Key       string    `json:"key"`
	Token     string    `json:"token,omitempty"`
	CreatedAt time.Time `json:"createdAt"`
	ExpiresAt time.Time `json:"expiresAt"`
}

// CreateToken makes the user's token of a key, in place of the one that there is.
//
// Errors: outcome Forbidden, NotFound, Gone, Invalid.
func (s *Service) CreateToken(ctx context.Context, who caller.Caller, project, id, key string, seconds int) (NamedToken, error) {
	m, err := s.manage(ctx, who, project, audit.TokenCreate)
	if err != nil {
		return NamedToken{}, err
	}
	return s.createToken(ctx, m, id, key, seconds)
}

// CreateOwnToken is CreateToken for the caller, who must have shown their password: whoever came with a
// named token, or by somebody else's word, makes no further one.
//
// Errors: outcome Forbidden, NotFound, Invalid.
func (s *Service) CreateOwnToken(ctx context.Context, who caller.Caller, key string, seconds int) (NamedToken, error) {
	m, id, err := s.self(ctx, who, audit.TokenCreate)
	if err != nil {
		return NamedToken{}, err
	}
	login, err := s.Store.Login(ctx, who.LoginID)
	if errors.Is(err, store.ErrNotFound) || err == nil && login.ProvenAt.IsZero() {
		err = outcome.New(outcome.Forbidden, "Please sign in with your password to do this")
	}
	if err != nil {
		return NamedToken{}, err
	}
	return s.createToken(ctx, m, id, key, seconds)
}

func (s *Service) createToken(ctx context.Context, m manager, id, key string, seconds int) (made NamedToken, err error) {
	err = s.withTokens(ctx, m, id, audit.TokenCreate, func(ctx context.Context, c *changing) error {
		made, err = c.createToken(ctx, key, seconds)
		return err
	})
	return made, err
}

func (c *changing) createToken(ctx context.Context, key string, seconds int) (NamedToken, error) {
	lasts := time.Duration(seconds) * time.Second
	if seconds == 0 {
		lasts = defaultTokenLasts
	}
	var fields outcome.Fields
	fields.Check(key != "" && key == strings.TrimSpace(key) && isToken(key), "key", "A key has 1 to 255 characters")
	fields.Check(seconds >= 0 && seconds <= int(maxTokenLasts/time.Second), "validity", "A validity is at most 366 days")
	if err := fields.Err(); err != nil {
		return NamedToken{}, err
	}
	project, id := c.m.project.ID, c.res.ID
	rows := c.tx.Store()
	known, err := rows.MemberTokens(ctx, project, id)
	if err != nil {
		return NamedToken{}, err
	}
	if len(known) >= maxNamedTokens {
		return NamedToken{}, outcome.New(outcome.Invalid, "A user may have %d tokens at most", maxNamedTokens).At("key")
	}
	value := namedTokenPrefix + secret.Token(namedTokenBytes)
	token := store.MemberToken{
		Project: project, Membership: id, User: c.account.ID, Name: key, Hash: secret.SHA256(value),
		CreatedAt: store.At(rows.Now()), ExpiresAt: store.At(rows.Now().Add(lasts)),
	}
	made := showToken(token)
	made.Token = value
	return made, rows.SetMemberToken(ctx, token)
}

func showToken(t store.MemberToken) NamedToken {
	return NamedToken{Key: t.Name, CreatedAt: t.CreatedAt.Time, ExpiresAt: t.ExpiresAt.Time}
}

// withTokens is a transaction about the tokens of a user. The membership is held, so that it is not
// deleted meanwhile.
func (s *Service) withTokens(ctx context.Context, m manager, id string, action audit.Action, do func(context.Context, *changing) error) error {
	return s.withManager(ctx, m, func(ctx context.Context, tx *repo.Tx) error {
		c, err := s.open(ctx, tx, m, id)
		switch {
		case err != nil:
			return err
		case !c.ofProject():
			return outcome.New(outcome.Invalid, "Only a User of the project alone can have tokens")
		}
		if _, err := tx.Store().Hold(ctx, c.res.Ref); err != nil {
			return err
		}
		if err := do(ctx, c); err != nil {
			return err
		}
		return audit.Record(ctx, tx.Store(), event(m.who, m.project.ID, action, c.res.Type+"/"+id, c.member.User.Reference))
	})
}

// TokensOf lists the live tokens of users of a project whom the caller was shown, without their values.
//
// Errors: none of an outcome.
func (s *Service) TokensOf(ctx context.Context, project string, users []User) (map[string][]NamedToken, error) {
	ids := make([]string, len(users))
	for i, u := range users {
		ids[i] = u.ID
	}
	known, err := s.Store.MemberTokensOf(ctx, project, ids)
	tokens := map[string][]NamedToken{}
	for _, token := range known {
		tokens[token.Membership] = append(tokens[token.Membership], showToken(token))
	}
	return tokens, err
}

// Tokens lists the live tokens of a user, without their values.
//
// Errors: outcome Forbidden, NotFound, Gone, Invalid.
func (s *Service) Tokens(ctx context.Context, who caller.Caller, project, id string) ([]NamedToken, error) {
	m, err := s.manage(ctx, who, project, audit.MembershipRead)
	if err != nil {
		return nil, err
	}
	return s.tokens(ctx, m, id)
}

// OwnTokens is Tokens for the caller.
//
// Errors: outcome Forbidden, NotFound, Invalid.
func (s *Service) OwnTokens(ctx context.Context, who caller.Caller) ([]NamedToken, error) {
	m, id, err := s.self(ctx, who, audit.MembershipRead)
	if err != nil {
		return nil, err
	}
	return s.tokens(ctx, m, id)
}

func (s *Service) tokens(ctx context.Context, m manager, id string) (tokens []NamedToken, err error) {
	err = s.withTokens(ctx, m, id, audit.MembershipRead, func(ctx context.Context, c *changing) error {
		known, err := c.tx.Store().MemberTokens(ctx, m.project.ID, id)
		tokens = make([]NamedToken, len(known))
		for i, token := range known {
			tokens[i] = showToken(token)
		}
		return err
	})
	return tokens, err
}

// RevokeToken ends a token of a user. Sessions that began with it go on until they are ended.
//
// Errors: outcome Forbidden, NotFound, Gone, Invalid.
func (s *Service) RevokeToken(ctx context.Context, who caller.Caller, project, id, key string) error {
	m, err := s.manage(ctx, who, project, audit.TokenRevoke)
	if err != nil {
		return err
	}
	return s.revokeToken(ctx, m, id, key)
}

// RevokeOwnToken is RevokeToken for the caller.
//
// Errors: outcome Forbidden, NotFound, Invalid.
func (s *Service) RevokeOwnToken(ctx context.Context, who caller.Caller, key string) error {
	m, id, err := s.self(ctx, who, audit.TokenRevoke)
	if err != nil {
		return err
	}
	return s.revokeToken(ctx, m, id, key)
}

func (s *Service) revokeToken(ctx context.Context, m manager, id, key string) error {
	return s.withTokens(ctx, m, id, audit.TokenRevoke, func(ctx context.Context, c *changing) error {
		ended, err := c.tx.Store().DeleteMemberToken(ctx, m.project.ID, id, key)
		if err == nil && !ended {
			err = outcome.New(outcome.NotFound, "")
		}
		return err
	})
}

// CheckToken says whether a token is one of the user's that still works.
//
// Errors: outcome Forbidden, NotFound, Gone, Invalid.
func (s *Service) CheckToken(ctx context.Context, who caller.Caller, project, id, token string) (valid bool, err error) {
	m, err := s.manage(ctx, who, project, audit.MembershipRead)
	if err != nil {
		return false, err
	}
	return s.checkToken(ctx, m, id, token)
}

// CheckOwnToken is CheckToken for the caller.
//
// Errors: outcome Forbidden, Invalid.
func (s *Service) CheckOwnToken(ctx context.Context, who caller.Caller, token string) (valid bool, err error) {
	m, id, err := s.self(ctx, who, audit.MembershipRead)
	if err != nil {
		return false, err
	}
	return s.checkToken(ctx, m, id, token)
}

func (s *Service) checkToken(ctx context.Context, m manager, id, token string) (valid bool, err error) {
	err = s.withTokens(ctx, m, id, audit.MembershipRead, func(ctx context.Context, c *changing) error {
		known, err := c.tx.Store().MemberTokens(ctx, m.project.ID, id)
		for _, k := range known {
			valid = valid || secret.Equal(k.Hash, secret.SHA256(token))
		}
		return err
	})
	return valid, err
}

// EndSessions ends every session that a user has in the project, with its refresh tokens. Named tokens
// stay.
//
// Errors: outcome Forbidden, NotFound, Gone.
func (s *Service) EndSessions(ctx context.Context, who caller.Caller, project, id string) error {
	return s.withUser(ctx, who, project, audit.SignOut, func(ctx context.Context, tx *repo.Tx, m manager) error {
		c, err := s.open(ctx, tx, m, id)
		if err != nil {
			return err
		}
		if err := tx.Store().RevokeMembershipLogins(ctx, project, id); err != nil {
			return err
		}
		return audit.Record(ctx, tx.Store(), event(who, project, audit.SignOut, c.res.Type+"/"+id, c.member.User.Reference))
	})
}

// ForgotPassword mails the user who has the name a link to set a new password.
//
// Errors: outcome Forbidden, NotFound, Invalid.
func (s *Service) ForgotPassword(ctx context.Context, who caller.Caller, project string, name UserName) error {
	found, err := s.FindUser(ctx, who, project, name)
	if err != nil {
		return err
	}
	return s.withUser(ctx, who, project, audit.PasswordReset, func(ctx context.Context, tx *repo.Tx, m manager) error {
		c, err := s.open(ctx, tx, m, found.ID)
		switch {
		case err != nil:
			return err
		case c.user.Email == "":
			return outcome.New(outcome.Invalid, "User does not have an email address")
		}
		if err := s.mailReset(ctx, tx, c.account, c.user.Email, project, m.project.Name); err != nil {
			return err
		}
		return audit.Record(ctx, tx.Store(), event(who, project, audit.PasswordReset, c.res.Type+"/"+c.res.ID, c.member.User.Reference))
	})
}

// AccessTokens signs access tokens; *oauth.Server implements it.
type AccessTokens interface {
	// SignAccess makes the access token of a stored login, good for as long as the login lasts.
	SignAccess(ctx context.Context, login store.Login, profile string) (token string, err error)
}

// AccessToken is an access token of a user.
type AccessToken struct {
	Token     string `json:"token"`
	IssuedAt  int64  `json:"iat"`
	ExpiresAt int64  `json:"exp"`
}

// accessTokenLasts is how long the access token that a manager asks for works.
const accessTokenLasts = time.Hour

// IssueAccessToken makes an access token for a user of the project alone, in a session of its own. It
// has the scope of the manager's token.
//
// Errors: outcome Forbidden, NotFound, Gone, Invalid.
func (s *Service) IssueAccessToken(ctx context.Context, who caller.Caller, project, id string) (AccessToken, error) {
	var login store.Login
	var profile string
	err := s.withUser(ctx, who, project, audit.TokenCreate, func(ctx context.Context, tx *repo.Tx, m manager) error {
		c, err := s.open(ctx, tx, m, id)
		switch {
		case err != nil:
			return err
		case !c.ofProject():
			return outcome.New(outcome.Invalid, "Only a User of the project alone can have tokens")
		case !c.member.IsActive():
			return outcome.New(outcome.Invalid, "The user is blocked")
		}
		rows := tx.Store()
		if _, err := rows.Hold(ctx, c.res.Ref); err != nil {
			return err
		}
		profile = c.member.Profile.Reference
		login = store.Login{
			ID: secret.ID(), UserProject: c.account.Project, UserType: c.account.Type, UserID: c.account.ID,
			MembershipProject: project, Membership: id, AuthMethod: "pre-authorized", AuthTime: store.At(rows.Now()), Scope: who.Scope,
			Granted: true, RemoteAddress: who.RemoteAddr, ExpiresAt: store.At(rows.Now().Add(accessTokenLasts)),
		}
		if err := rows.AddLogin(ctx, login); err != nil {
			return err
		}
		return audit.Record(ctx, rows, event(who, project, audit.TokenCreate, c.res.Type+"/"+id, c.member.User.Reference))
	})
	if err != nil {
		return AccessToken{}, err
	}
	token, err := s.AccessTokens.SignAccess(ctx, login, profile)
	return AccessToken{token, login.AuthTime.Unix(), login.ExpiresAt.Unix()}, err
}
