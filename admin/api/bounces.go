package api

import (
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/admitdev/admit/admin"
	"github.com/admitdev/admit/pkg/outcome"
	"github.com/admitdev/admit/pkg/secret"
	"github.com/admitdev/admit/pkg/web"
)

// Bounces is where the operator's mail server hands in reports about mails. Who does so has a secret of
// their own, with which nothing else can be done.
type Bounces struct {
	Admin  *admin.Service
	Secret string // empty: nobody may
}

// Mount adds the route to the group of /mail.
func (b *Bounces) Mount(g *echo.Group) { g.POST("/bounces", b.take) }

// maxMessage is how long a report may be, with the mail that it is about.
const maxMessage = 2 << 20

func (b *Bounces) take(c echo.Context) error {
	shown, bearer := strings.CutPrefix(c.Request().Header.Get(echo.HeaderAuthorization), "Bearer ")
	if b.Secret == "" || !bearer || !secret.Equal(shown, b.Secret) {
		return outcome.New(outcome.Unauthorized, "")
	}
	message, err := web.ReadRaw(c, maxMessage)
	if err != nil {
		return err
	}
	return finished(c, b.Admin.ReportDelivery(c.Request().Context(), c.QueryParam("recipient"), message))
}
