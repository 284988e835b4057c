package signin

import (
	"net/http"

	"github.com/labstack/echo/v4"
	"github.com/tidwall/sjson"

	"github.com/admitdev/admit/fhir/caller"
	"github.com/admitdev/admit/pkg/outcome"
	"github.com/admitdev/admit/pkg/web"
)

func (h *Handler) enrollLogin(c echo.Context) error {
	var in further
	if err := web.ReadJSON(c, &in); err != nil {
		return err
	}
	step, err := h.people.EnrollLogin(c.Request().Context(), in.Login, in.Token)
	return answer(c, step, err)
}

func (h *Handler) verifyMFA(c echo.Context) error {
	var in further
	if err := web.ReadJSON(c, &in); err != nil {
		return err
	}
	step, err := h.people.VerifyMFA(c.Request().Context(), in.Login, in.Token)
	return answer(c, step, err)
}

func (h *Handler) mfaStatus(c echo.Context) error {
	status, err := h.people.MFAStatus(c.Request().Context(), caller.From(c))
	return answer(c, status, err)
}

func (h *Handler) enrollMFA(c echo.Context) error {
	var in further
	if err := web.ReadJSON(c, &in); err != nil {
		return err
	}
	codes, err := h.people.EnrollMFA(c.Request().Context(), caller.From(c), in.Token)
	if err != nil {
		return err
	}
	return okWithCodes(c, codes)
}

// okWithCodes is "All OK", which Medplum's clients look for, with the recovery codes beside it.
func okWithCodes(c echo.Context, codes []string) error {
	body, err := web.MarshalOutcome(c, outcome.New(outcome.OK, ""))
	if err == nil && len(codes) > 0 {
		body, err = sjson.SetBytes(body, "recoveryCodes", codes)
	}
	if err != nil {
		return err
	}
	return c.JSONBlob(http.StatusOK, body)
}

// recoveryCodes are shown once.
type recoveryCodes struct {
	Codes []string `json:"recoveryCodes"`
}

func (h *Handler) renewRecoveryCodes(c echo.Context) error {
	codes, err := h.people.RenewRecoveryCodes(c.Request().Context(), caller.From(c))
	return answer(c, recoveryCodes{codes}, err)
}

func (h *Handler) disableMFA(c echo.Context) error {
	var in further
	if err := web.ReadJSON(c, &in); err != nil {
		return err
	}
	return done(c, h.people.DisableMFA(c.Request().Context(), caller.From(c), in.Token))
}
