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
			if header.Get(headerOnBehalfOf) != "" {
				// Ignoring it would act with the caller's rights where the client asked for fewer.
				return outcome.New(outcome.NotSupported, "%s is not supported", headerOnBehalfOf)
			}
			ctx := c.Request().Context()
			who, err := r.Resolve(ctx, claims)
			if err != nil {
				return err
			}
			who.Extended = strings.EqualFold(strings.TrimSpace(header.Get(headerMedplum)), "extended")
			who.RemoteAddr = c.RealIP()
			if !who.Policy.AllowsAddress(who.RemoteAddr) {
				return outcome.New(outcome.Forbidden, "IP address not allowed")
			}
			who.RequestID = web.RequestID(ctx)
			c.Set(contextKey, who)
			return next(c)
		}
	}
}
