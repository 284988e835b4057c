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
	token, err := h.poolToken(f.echo, f.args.text("userPoolId"), f.args.text("secret"))
	return object{"accessToken": token.Token, "iat": token.IssuedAt, "exp": token.ExpiresAt}, err
}

// poolToken gives the client of a pool that has the secret an access token.
func (h *Handler) poolToken(c echo.Context, id, given string) (admin.AccessToken, error) {
	if pool(c) == "" {
		if err := h.speak(c, id); err != nil {
			return admin.AccessToken{}, err
		}
	}
	if id != pool(c) {
		return admin.AccessToken{}, errSecret
	}
	if err := h.Attempt(c, 1); err != nil {
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
