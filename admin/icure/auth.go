package icure

import (
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/admitdev/admit/admin"
	"github.com/admitdev/admit/fhir/caller"
	"github.com/admitdev/admit/pkg/outcome"
	"github.com/admitdev/admit/pkg/store"
	"github.com/admitdev/admit/pkg/web"
)

// sessionLasts is how long a client may renew its tokens. It keeps the one refresh token that it was given,
// so a session is shorter than one whose refresh tokens are used up.
const sessionLasts = 24 * time.Hour

const refreshToken = "Refresh-Token"

// The numbers by which iCure's tokens say how a session was proven.
const (
	classPassword = 20
	classToken    = 40
)

func class(login store.Login) int {
	if login.ProvenAt.IsZero() {
		return classToken
	}
	return classPassword
}

// isGroup says whether a text can be the id of a group.
func isGroup(id string) bool { return store.ValidProject(id) }

func device(c echo.Context) admin.Device {
	request := c.Request()
	return admin.Device{Address: c.RealIP(), Agent: request.UserAgent(), Origin: request.Header.Get(echo.HeaderOrigin)}
}

type credentials struct {
	Username string `json:"username"`
	Password string `json:"password"`
}

// session is the answer to somebody who has got in.
type session struct {
	Successful   bool   `json:"successful"`
	Token        string `json:"token,omitempty"`
	RefreshToken string `json:"refreshToken,omitempty"`
}

// entering reads who wants in. A request whose body names nobody is somebody without credentials.
func entering(c echo.Context) (admin.Entry, error) {
	var in credentials
	if err := web.ReadJSON(c, &in); err != nil {
		return admin.Entry{}, err
	}
	return entry(in.Username, in.Password, c.QueryParam("groupId")), nil
}

func (h *Handler) login(c echo.Context) error {
	in, err := entering(c)
	if err != nil {
		return err
	}
	in.Lasts = sessionLasts
	login, err := h.People.Enter(c.Request().Context(), in, device(c))
	if err != nil {
		return shutOut(err)
	}
	return h.open(c, login)
}

// shutOut is 401 for whoever cannot get in, for whichever reason.
func shutOut(err error) error {
	if outcome.Has(err, outcome.Invalid) {
		return outcome.New(outcome.Unauthorized, "")
	}
	return err
}

// open gives the tokens of a session.
func (h *Handler) open(c echo.Context, login store.Login) error {
	tokens, err := h.People.SessionTokensOf(c.Request().Context(), login, class)
	if err != nil {
		return err
	}
	noStore(c)
	return c.JSON(http.StatusOK, session{true, tokens.Access, tokens.Renewal})
}

func noStore(c echo.Context) { c.Response().Header().Set(echo.HeaderCacheControl, "no-store") }

// check answers 204 without a type of content, or the clients read it as JSON.
func (h *Handler) check(c echo.Context) error {
	in, err := entering(c)
	if err == nil {
		err = shutOut(h.People.Check(c.Request().Context(), in, device(c)))
	}
	if err != nil {
		return err
	}
	return c.NoContent(http.StatusNoContent)
}

// renewed is the session of the token in the header.
func (h *Handler) renewed(c echo.Context) (store.Login, error) {
	login, err := h.People.Renew(c.Request().Context(), admin.DialectICure, c.Request().Header.Get(refreshToken), device(c))
	return login, shutOut(err)
}

func (h *Handler) refresh(c echo.Context) error {
	login, err := h.renewed(c)
	if err != nil {
		return err
	}
	tokens, err := h.People.SessionTokensOf(c.Request().Context(), login, class)
	if err != nil {
		return err
	}
	noStore(c)
	return c.JSON(http.StatusOK, session{Successful: true, Token: tokens.Access})
}

func (h *Handler) switchGroup(c echo.Context) error {
	login, err := h.renewed(c)
	if err == nil {
		login, err = h.People.Switch(c.Request().Context(), admin.DialectICure, login, c.Param("project"), sessionLasts, device(c))
	}
	if err != nil {
		return shutOut(err)
	}
	return h.open(c, login)
}

func (h *Handler) logout(c echo.Context) error {
	who := caller.From(c)
	if who.LoginID != "" {
		if err := h.People.RevokeLogin(c.Request().Context(), who, who.LoginID); err != nil {
			return err
		}
	}
	return c.JSON(http.StatusOK, session{Successful: true})
}

// forgottenPassword mails our own letter, never what the request holds: nobody has said who they are.
func (h *Handler) forgottenPassword(c echo.Context) error {
	email, err := web.PathParam(c, "email")
	if err != nil {
		return err
	}
	in := admin.ResetRequest{Email: email, Dialect: admin.DialectICure}
	if err := h.People.ResetPassword(c.Request().Context(), in, device(c)); err != nil {
		return err
	}
	return c.JSON(http.StatusOK, true)
}
