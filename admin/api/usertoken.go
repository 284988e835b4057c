package api

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/admitdev/admit/admin"
	"github.com/admitdev/admit/fhir/caller"
	"github.com/admitdev/admit/pkg/web"
)

func (h *Handler) mountUserTokens(p *echo.Group) {
	p.GET("/users/:user/tokens", h.tokens)
	p.POST("/users/:user/tokens", h.createToken)
	p.POST("/users/:user/tokens/check", h.checkToken)
	p.DELETE("/users/:user/tokens/:key", h.revokeToken)
	p.POST("/users/:user/access-token", h.issueAccessToken)
	p.DELETE("/users/:user/sessions", h.endSessions)
}

// MountOwn adds what callers do about their own tokens to the group of /auth.
func (h *Handler) MountOwn(g *echo.Group) {
	g.GET("/me/tokens", h.ownTokens)
	g.POST("/me/tokens", h.createOwnToken)
	g.DELETE("/me/tokens/:key", h.revokeOwnToken)
}

// tokenDraft is what is said of a named token to be made.
type tokenDraft struct {
	Key      string `json:"key"`
	Validity int    `json:"validity"` // seconds
}

func (h *Handler) ownTokens(c echo.Context) error {
	found, err := h.Admin.OwnTokens(c.Request().Context(), caller.From(c))
	return answer(c, http.StatusOK, map[string][]admin.NamedToken{"tokens": found}, err)
}

func (h *Handler) createOwnToken(c echo.Context) error {
	var in tokenDraft
	if err := web.ReadJSON(c, &in, web.RefuseUnknown()); err != nil {
		return err
	}
	made, err := h.Admin.CreateOwnToken(c.Request().Context(), caller.From(c), in.Key, in.Validity)
	secretAnswer(c)
	return answer(c, http.StatusCreated, made, err)
}

func (h *Handler) revokeOwnToken(c echo.Context) error {
	key, err := web.PathParam(c, "key")
	if err != nil {
		return err
	}
	return finished(c, h.Admin.RevokeOwnToken(c.Request().Context(), caller.From(c), key))
}

// secretAnswer keeps an answer that holds a secret out of caches (RFC 6749 §5.1).
func secretAnswer(c echo.Context) { c.Response().Header().Set(echo.HeaderCacheControl, "no-store") }

func (h *Handler) tokens(c echo.Context) error {
	found, err := h.Admin.Tokens(c.Request().Context(), caller.From(c), c.Param("project"), c.Param("user"))
	return answer(c, http.StatusOK, map[string][]admin.NamedToken{"tokens": found}, err)
}

func (h *Handler) createToken(c echo.Context) error {
	var in tokenDraft
	if err := web.ReadJSON(c, &in, web.RefuseUnknown()); err != nil {
		return err
	}
	made, err := h.Admin.CreateToken(c.Request().Context(), caller.From(c), c.Param("project"), c.Param("user"), in.Key, in.Validity)
	secretAnswer(c)
	return answer(c, http.StatusCreated, made, err)
}

func (h *Handler) checkToken(c echo.Context) error {
	var in struct {
		Token string `json:"token"`
	}
	if err := web.ReadJSON(c, &in, web.RefuseUnknown()); err != nil {
		return err
	}
	valid, err := h.Admin.CheckToken(c.Request().Context(), caller.From(c), c.Param("project"), c.Param("user"), in.Token)
	return answer(c, http.StatusOK, map[string]bool{"valid": valid}, err)
}

func (h *Handler) revokeToken(c echo.Context) error {
	key, err := web.PathParam(c, "key")
	if err != nil {
		return err
	}
	return finished(c, h.Admin.RevokeToken(c.Request().Context(), caller.From(c), c.Param("project"), c.Param("user"), key))
}

func (h *Handler) issueAccessToken(c echo.Context) error {
	made, err := h.Admin.IssueAccessToken(c.Request().Context(), caller.From(c), c.Param("project"), c.Param("user"))
	secretAnswer(c)
	return answer(c, http.StatusOK, made, err)
}

func (h *Handler) endSessions(c echo.Context) error {
	return finished(c, h.Admin.EndSessions(c.Request().Context(), caller.From(c), c.Param("project"), c.Param("user")))
}
