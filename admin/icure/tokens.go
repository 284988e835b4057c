package icure

import (
	"net/http"
	"strconv"

	"github.com/labstack/echo/v4"

	"github.com/admitdev/admit/admin"
	"github.com/admitdev/admit/fhir/caller"
	"github.com/admitdev/admit/pkg/outcome"
	"github.com/admitdev/admit/pkg/web"
)

// text answers bare text: in quotes, or as JSON, one client or the other takes it for something else.
func text(c echo.Context, value string) error {
	noStore(c)
	return c.Blob(http.StatusOK, "text/plain;charset=UTF-8", []byte(value))
}

// makeToken makes a named token of a user, who may be the caller.
func (h *Handler) makeToken(c echo.Context, id string) (admin.NamedToken, error) {
	ctx, who, project := c.Request().Context(), caller.From(c), group(c)
	key, err := web.PathParam(c, "key")
	if err != nil {
		return admin.NamedToken{}, err
	}
	seconds := 0
	if given := c.QueryParam("tokenValidity"); given != "" {
		if seconds, err = strconv.Atoi(given); err != nil || seconds < 1 {
			return admin.NamedToken{}, outcome.New(outcome.Invalid, "A validity is a number of seconds").At("validity")
		}
	}
	if isOwn(who, project, id) {
		return h.Admin.CreateOwnToken(ctx, who, key, seconds)
	}
	return h.Admin.CreateToken(ctx, who, project, id, key, seconds)
}

func (h *Handler) createToken(c echo.Context) error {
	made, err := h.makeToken(c, c.Param("user"))
	if err != nil {
		return err
	}
	return text(c, made.Token)
}

// groupToken is a token with the group that it opens.
type groupToken struct {
	Token     string `json:"token"`
	GroupID   string `json:"groupId"`
	GroupName string `json:"groupName"`
}

// createTokens makes a token in each group of which the caller manages the user: in its own.
func (h *Handler) createTokens(c echo.Context) error {
	who := caller.From(c)
	name, err := web.PathParam(c, "name")
	if err != nil {
		return err
	}
	found, err := h.named(c.Request().Context(), who, who.Project, name)
	if outcome.Has(err, outcome.NotFound) {
		return c.JSON(http.StatusOK, []groupToken{})
	}
	if err != nil {
		return err
	}
	made, err := h.makeToken(c, found.ID)
	if err != nil {
		return err
	}
	noStore(c)
	return c.JSON(http.StatusOK, []groupToken{{made.Token, who.Project, who.ProjectName}})
}

func (h *Handler) checkToken(c echo.Context) (err error) {
	ctx, who, id, token := c.Request().Context(), caller.From(c), c.Param("user"), c.Request().Header.Get("token")
	var valid bool
	if isOwn(who, who.Project, id) {
		valid, err = h.Admin.CheckOwnToken(ctx, who, token)
	} else {
		valid, err = h.Admin.CheckToken(ctx, who, who.Project, id, token)
	}
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, valid)
}

func (h *Handler) checkPassword(c echo.Context) error {
	good, err := h.People.CheckPassword(c.Request().Context(), caller.From(c), c.Request().Header.Get("password"))
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, good)
}

// encodePassword is what to send as passwordHash. The server hashes what it is sent, so that is the
// password itself, if it is good enough.
func (h *Handler) encodePassword(c echo.Context) error {
	password := c.Request().Header.Get("password")
	if err := h.Admin.Passwords.CheckFor("password", password); err != nil {
		return err
	}
	return text(c, password)
}
