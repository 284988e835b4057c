package rest

import (
	"encoding/json"
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/admitdev/admit/fhir/medplum"
	"github.com/admitdev/admit/pkg/outcome"
	"github.com/admitdev/admit/pkg/web"
)

// setAccounts gives a resource other accounts, and a patient's compartment with it. The rest of a
// large compartment follows after the answer, which then is 202.
func (h *Handler) setAccounts(c echo.Context) error {
	in, err := operationInput(c, "accounts"+repeated, "propagate")
	if err != nil {
		return err
	}
	accounts, propagate, err := accountsIn(in)
	if err != nil {
		return err
	}
	done, err := h.session(c).SetAccounts(c.Request().Context(), medplum.RefTo(c.Param("type"), c.Param("id"), ""), accounts, propagate)
	if err != nil {
		return err
	}
	switch {
	case done.Rest == nil:
	case c.Get(inBackground) == nil:
		return web.WriteOutcome(c, outcome.New(outcome.Accepted, ""))
	default: // what is done here the job of the rest finds done; it is there in case this process ends
		if err := h.repo.SetAccountsOf(c.Request().Context(), *done.Rest); err != nil {
			return err
		}
		return web.WriteOutcome(c, outcome.New(outcome.OK, ""))
	}
	body, err := json.Marshal(map[string]any{
		"resourceType": "Parameters", "parameter": []any{map[string]any{"name": "resourcesUpdated", "valueInteger": done.Updated}},
	})
	if err != nil {
		return err
	}
	return blob(c, http.StatusOK, body)
}

// accountsIn reads a Parameters resource, or the plain JSON that Medplum's clients send.
func accountsIn(in input) (accounts []medplum.Reference, propagate bool, err error) {
	if in.bare == nil {
		for _, g := range in.list {
			if g.name == "accounts" {
				accounts = append(accounts, medplum.Reference{Reference: g.object.Text("reference"), Display: g.object.Text("display")})
			}
		}
		propagate, err = in.boolean("propagate")
		return accounts, propagate, err
	}
	if in.bare.Get("resourceType") != nil {
		return nil, false, in.onlyParameters()
	}
	for _, account := range in.bare.Get("accounts").Values() {
		accounts = append(accounts, medplum.Reference{Reference: account.Text("reference"), Display: account.Text("display")})
	}
	return accounts, in.bare.Get("propagate").True(), nil
}
