// Package signin is the HTTP surface of signing in, /auth/*. It reads, calls package admin and
// writes; what an error looks like is pkg/web's, what may be done package admin's.
//
//   - A success is application/json, as Medplum's clients expect it here, an error an OperationOutcome.
//   - Nothing that was sent is repeated in an answer.
package signin

import (
	"errors"
	"fmt"
	"math"
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/admitdev/admit/admin"
	"github.com/admitdev/admit/pkg/clock"
	"github.com/admitdev/admit/pkg/outcome"
	"github.com/admitdev/admit/pkg/web"
)

// Handler is the surface.
type Handler struct {
	people *admin.SignIn
	clock  clock.Clock
}

// New makes a Handler.
func New(people *admin.SignIn, c clock.Clock) *Handler { return &Handler{people, c} }

// Mount adds the routes to the group /auth. authenticated gives the routes that need one their
// caller.
func (h *Handler) Mount(g *echo.Group, authenticated ...echo.MiddlewareFunc) {
	g.Use(h.retryAfter, h.insufficient)
	g.POST("/method", h.method)
	g.POST("/login", h.login)
	g.GET("/login/:login", h.status)
	g.POST("/google", h.google)
	g.POST("/newuser", h.newUser)
	g.POST("/newproject", h.newProject)
	g.POST("/newpatient", h.newPatient)
	g.POST("/profile", h.profile)
	g.POST("/scope", h.scope)
	g.POST("/mfa/login-enroll", h.enrollLogin)
	g.POST("/mfa/verify", h.verifyMFA)
	g.POST("/passkey/login-options", h.passkeyRequest)
	g.POST("/passkey/login", h.loginByPasskey)
	g.POST("/passkey/verify-options", h.passkeyVerification)
	g.POST("/passkey/verify", h.verifyPasskey)
	g.POST("/resetpassword", h.resetPassword)
	g.POST("/setpassword", h.setPassword)
	g.POST("/verifyemail", h.verifyEmail)
	g.GET("/clientinfo/:id", h.clientInfo)

	g.GET("/me", h.me, authenticated...)
	g.POST("/revoke", h.revoke, authenticated...)
	g.POST("/changepassword", h.changePassword, authenticated...)
	g.GET("/mfa/status", h.mfaStatus, authenticated...)
	g.POST("/mfa/enroll", h.enrollMFA, authenticated...)
	g.POST("/mfa/disable", h.disableMFA, authenticated...)
	g.POST("/mfa/recovery-codes", h.renewRecoveryCodes, authenticated...)
	g.GET("/passkey", h.passkeys, authenticated...)
	g.POST("/passkey/register-options", h.passkeyCreation, authenticated...)
	g.POST("/passkey/register", h.addPasskey, authenticated...)
	g.POST("/passkey/rename", h.renamePasskey, authenticated...)
	g.POST("/passkey/delete", h.deletePasskey, authenticated...)
	g.GET("/sessions", h.sessions, authenticated...)
	g.POST("/stepup-options", h.stepUpOptions, authenticated...)
	g.POST("/stepup", h.stepUp, authenticated...)
	g.POST("/changeemail", h.changeEmail, authenticated...)
}

// retryAfter says when a refusal for too many tries ends (RFC 6585 §4).
func (h *Handler) retryAfter(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		err := next(c)
		var tooSoon *admin.TooSoon
		if errors.As(err, &tooSoon) {
			seconds := math.Ceil(tooSoon.Until.Sub(h.clock.Now()).Seconds())
			c.Response().Header().Set(echo.HeaderRetryAfter, fmt.Sprintf("%.0f", max(1, seconds)))
		}
		return err
	}
}

// device is where the request comes from.
func device(c echo.Context) admin.Device {
	request := c.Request()
	return admin.Device{Address: c.RealIP(), Agent: request.UserAgent(), Origin: request.Header.Get(echo.HeaderOrigin)}
}

// ok answers "All OK".
func ok(c echo.Context) error { return web.WriteOutcome(c, outcome.New(outcome.OK, "")) }

// answer writes what a service gave, or passes its error on.
func answer[T any](c echo.Context, made T, err error) error {
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, made)
}

// done answers "All OK" unless the service failed.
func done(c echo.Context, err error) error {
	if err != nil {
		return err
	}
	return ok(c)
}
