package caller

import (
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/admitdev/admit/pkg/outcome"
	"github.com/admitdev/admit/pkg/web"
)

// The headers by which a client asks for another view or another identity (contract §0.4).
const (
	headerMedplum    = "X-Medplum"
	headerOnBehalfOf = "X-Medplum-On-Behalf-Of"
)

// Middleware gives the handlers of a group their Caller. verified finds the claims that the
// authentication before it has checked; without any the answer is 401.
func (r *Resolver) Middleware(verified func(echo.Context) (Claims, bool)) echo.MiddlewareFunc {
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			claims, ok := verified(c)
			if !ok {
				return outcome.New(outcome.Unauthorized, "")
			}
			header := c.Request().Header
			ctx := c.Request().Context()
			who, err := r.Enter(ctx, claims, header.Get(headerOnBehalfOf), c.RealIP())
			if err != nil {
				return err
			}
			who.Extended = strings.EqualFold(strings.TrimSpace(header.Get(headerMedplum)), "extended")
			who.RequestID = web.RequestID(ctx)
			c.Set(contextKey, who)
			return next(c)
		}
	}
}
