package oauth

import (
	"errors"
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/admitdev/admit/pkg/outcome"
	"github.com/admitdev/admit/pkg/web"
)

// Error is a refusal in OAuth's own words (RFC 6749 §5.2).
type Error struct {
	Code        string `json:"error"`
	Description string `json:"error_description,omitempty"`
	Status      int    `json:"-"`
	// Challenge is the WWW-Authenticate header of a 401.
	Challenge string `json:"-"`
	// RetryAfter is when it may be tried again, zero for never.
	RetryAfter time.Duration `json:"-"`
}

// Error implements error.
func (e *Error) Error() string { return e.Code + ": " + e.Description }

// The codes of RFC 6749 §5.2 that are used here.
const (
	invalidRequest = "invalid_request"
	invalidClient  = "invalid_client"
	invalidGrant   = "invalid_grant"
	invalidScope   = "invalid_scope"
	invalidTarget  = "invalid_target" // RFC 8693 §2.2.2
	accessDenied   = "access_denied"
	serverError    = "server_error"
)

// refuse is an error of the token endpoint: 400, also where RFC 6749 allows 401, because Medplum's
// clients look at the body alone.
func refuse(code, description string) *Error {
	return &Error{Code: code, Description: description, Status: http.StatusBadRequest}
}

// errContent: the body is no form. It is answered as text.
var errContent = errors.New("oauth: unsupported content type")

// render is the renderer of /oauth2's protocol routes.
func render(c echo.Context, err error) error {
	var refused *Error
	switch {
	case errors.As(err, &refused):
	case errors.Is(err, errContent):
		return c.String(http.StatusBadRequest, "Unsupported content type")
	default:
		known := web.Known(c, err)
		refused = &Error{Code: invalidRequest, Description: known.Error(), Status: known.Code.Status}
		if known.Code == outcome.Exception {
			refused.Code, refused.Description = serverError, "Request "+web.RequestID(c.Request().Context())
		}
	}
	if refused.RetryAfter > 0 {
		c.Response().Header().Set(echo.HeaderRetryAfter, strconv.Itoa(int(math.Ceil(refused.RetryAfter.Seconds()))))
	}
	if refused.Challenge != "" {
		c.Response().Header().Set(echo.HeaderWWWAuthenticate, refused.Challenge)
	}
	return c.JSON(refused.Status, refused)
}
