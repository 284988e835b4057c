package signin

import (
	"encoding/json"

	"github.com/labstack/echo/v4"

	"github.com/admitdev/admit/admin"
	"github.com/admitdev/admit/fhir/caller"
	"github.com/admitdev/admit/pkg/web"
)

// The options of a ceremony are {"publicKey": …}, as PublicKeyCredential.parseCreationOptionsFromJSON and
// parseRequestOptionsFromJSON read them; its answer is the toJSON() of what the browser gives.

// ofPasskey is what is said about a passkey or with one.
type ofPasskey struct {
	Login      string          `json:"login"`
	ID         string          `json:"id"`
	Name       string          `json:"name"`
	Credential json.RawMessage `json:"credential"`
}

func (h *Handler) passkeys(c echo.Context) error {
	all, err := h.people.Passkeys(c.Request().Context(), caller.From(c))
	return answer(c, map[string][]admin.Passkey{"passkeys": all}, err)
}

func (h *Handler) passkeyCreation(c echo.Context) error {
	options, err := h.people.PasskeyCreation(c.Request().Context(), caller.From(c))
	return answer(c, options, err)
}

func (h *Handler) addPasskey(c echo.Context) error {
	var in admin.NewPasskey
	if err := web.ReadJSON(c, &in); err != nil {
		return err
	}
	added, err := h.people.AddPasskey(c.Request().Context(), caller.From(c), in)
	return answer(c, added, err)
}

func (h *Handler) renamePasskey(c echo.Context) error {
	var in ofPasskey
	if err := web.ReadJSON(c, &in); err != nil {
		return err
	}
	return done(c, h.people.RenamePasskey(c.Request().Context(), caller.From(c), in.ID, in.Name))
}

func (h *Handler) deletePasskey(c echo.Context) error {
	var in ofPasskey
	if err := web.ReadJSON(c, &in); err != nil {
		return err
	}
	return done(c, h.people.DeletePasskey(c.Request().Context(), caller.From(c), in.ID))
}

func (h *Handler) passkeyRequest(c echo.Context) error {
	options, err := h.people.PasskeyRequest(c.Request().Context())
	return answer(c, options, err)
}

func (h *Handler) loginByPasskey(c echo.Context) error {
	var in admin.PasskeyLogin
	if err := web.ReadJSON(c, &in); err != nil {
		return err
	}
	step, err := h.people.LoginByPasskey(c.Request().Context(), in, device(c))
	return answer(c, step, err)
}

func (h *Handler) passkeyVerification(c echo.Context) error {
	var in ofPasskey
	if err := web.ReadJSON(c, &in); err != nil {
		return err
	}
	options, err := h.people.PasskeyVerification(c.Request().Context(), in.Login)
	return answer(c, options, err)
}

func (h *Handler) verifyPasskey(c echo.Context) error {
	var in ofPasskey
	if err := web.ReadJSON(c, &in); err != nil {
		return err
	}
	step, err := h.people.VerifyPasskey(c.Request().Context(), in.Login, in.Credential)
	return answer(c, step, err)
}
