package authing

import (
	"github.com/labstack/echo/v4"

	"github.com/admitdev/admit/admin"
	"github.com/admitdev/admit/fhir/caller"
	"github.com/admitdev/admit/pkg/outcome"
	"github.com/admitdev/admit/pkg/secret"
)

// accessToken gives whoever shows the secret of the pool an access token.
func (h *Handler) accessToken(f *field) (any, error) {
	id := f.args.text("userPoolId")
	if pool(f.echo) == "" {
		if err := h.speak(f.echo, id); err != nil {
			return nil, err
		}
	}
	if id != pool(f.echo) {
		return nil, errSecret
	}
	token, err := h.issueToken(f.echo, f.args.text("secret"))
	return object{"accessToken": token.Token, "iat": token.IssuedAt, "exp": token.ExpiresAt}, err
}

// issueToken gives the client of the pool that has the secret an access token.
func (h *Handler) issueToken(c echo.Context, given string) (admin.AccessToken, error) {
	if err := h.Attempt(c); err != nil {
		return admin.AccessToken{}, err
	}
	err := h.enterBySecret(c, func(known string) bool { return secret.Equal(known, given) })
	if outcome.Has(err, outcome.Unauthorized) {
		err = errSecret
	}
	if err != nil {
		return admin.AccessToken{}, err
	}
	who, err := client(c)
	if err != nil {
		return admin.AccessToken{}, err
	}
	c.Response().Header().Set(echo.HeaderCacheControl, "no-store")
	return h.Admin.IssueClientToken(c.Request().Context(), who)
}

// enterBySecret lets the client of the pool in whose secret proves itself.
func (h *Handler) enterBySecret(c echo.Context, proves func(secret string) bool) error {
	claims, err := h.Admin.ClientBySecret(c.Request().Context(), pool(c), proves)
	if err != nil {
		return err
	}
	who, err := h.enterAs(c, claims)
	if err == nil {
		caller.Put(c, who)
	}
	return err
}
