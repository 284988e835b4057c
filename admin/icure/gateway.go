package icure

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/admitdev/admit/fhir/caller"
	"github.com/admitdev/admit/pkg/mail"
	"github.com/admitdev/admit/pkg/outcome"
	"github.com/admitdev/admit/pkg/web"
)

// email mails a user of the caller's project what the client has written: an invitation with a token, for
// one. The sender is the server's, whatever the request says.
func (h *Handler) email(c echo.Context) error {
	address, err := web.PathParam(c, "email")
	if err != nil {
		return err
	}
	var in struct {
		From    string `json:"from"`
		HTML    string `json:"html"`
		Subject string `json:"subject"`
	}
	if err := web.ReadJSON(c, &in); err != nil {
		return err
	}
	who := caller.From(c)
	note := mail.Note{Subject: in.Subject, Text: mail.PlainText(in.HTML)}
	if err := h.Admin.MailUser(c.Request().Context(), who, who.Project, address, note); err != nil {
		return err
	}
	return c.NoContent(http.StatusNoContent)
}

func (h *Handler) sms(c echo.Context) error {
	manages, err := h.Admin.Manages(c.Request().Context(), caller.From(c))
	switch {
	case err != nil:
		return err
	case !manages:
		return outcome.New(outcome.Forbidden, "")
	}
	return outcome.New(outcome.NotSupported, "This server sends e-mail, and no text messages")
}
