package rest

import (
	"encoding/json"
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/admitdev/admit/fhir/definitions"
	"github.com/admitdev/admit/fhir/r4"
	"github.com/admitdev/admit/pkg/outcome"
)

// subsumes tells how two codes of a system relate (R4 codesystem-operation-subsumes.html).
func (h *Handler) subsumes(c echo.Context) error {
	in, err := operationInput(c, "codeA", "codeB", "system", "version", "codingA", "codingB")
	if err != nil {
		return err
	}
	if err := in.onlyParameters(); err != nil {
		return err
	}
	var codes [2]definitions.Coding
	for i, which := range [...]string{"A", "B"} {
		if codes[i], err = in.eitherCode("code"+which, "coding"+which); err != nil {
			return err
		}
	}
	if codes[0].System != codes[1].System {
		return outcome.New(outcome.Invalid, "Both codes are to be of one code system")
	}
	system, err := h.codeSystem(c.Request().Context(), h.session(c), c.Param("id"), &in, codes[:1])
	if err != nil {
		return err
	}
	for _, coding := range codes {
		if coding.System != "" && coding.System != system.URL {
			return outcome.New(outcome.Invalid, "The code %s is of %s, not of %s", coding.Code, coding.System, system.URL)
		}
		if _, ok := system.Find(coding.Code); !ok {
			return outcome.New(outcome.NotFound, "The code %s is not in CodeSystem %s", coding.Code, system.URL)
		}
	}
	body, err := r4.Parameters([]r4.Parameter{{Name: "outcome", ValueCode: system.Compare(codes[0].Code, codes[1].Code)}})
	if err != nil {
		return err
	}
	return blob(c, http.StatusOK, body)
}

// eitherCode is a code that is given as such, of the parameter system, or as a Coding.
func (in *input) eitherCode(code, coding string) (definitions.Coding, error) {
	object, err := in.object(coding)
	switch {
	case err != nil:
		return definitions.Coding{}, err
	case in.has(code) == (object != nil):
		return definitions.Coding{}, outcome.New(outcome.Required, "One of %s and %s is wanted", code, coding)
	case object == nil:
		return definitions.Coding{System: in.text("system"), Code: in.text(code)}, nil
	}
	var read definitions.Coding
	if err := json.Unmarshal(object.Raw, &read); err != nil {
		return read, outcome.New(outcome.Structure, "A Coding cannot be read").At(coding)
	}
	return read, nil
}
