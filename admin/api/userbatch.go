package api

import (
	"encoding/json"
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/admitdev/admit/admin"
	"github.com/admitdev/admit/fhir/caller"
	"github.com/admitdev/admit/pkg/web"
)

// ids is the body of a batch about users that are there.
type ids struct {
	IDs []string `json:"ids"`
}

// result is what became of one item of a batch.
type result struct {
	ID      string          `json:"id,omitempty"`
	Status  int             `json:"status"`
	User    *admin.User     `json:"user,omitempty"`
	Outcome json.RawMessage `json:"outcome,omitempty"`
}

func results(c echo.Context, success int, items []admin.UserResult, err error) error {
	if err != nil {
		return err
	}
	shown := make([]result, len(items))
	for i, item := range items {
		shown[i] = result{ID: item.ID, Status: success, User: item.User}
		if item.Refused == nil {
			continue
		}
		shown[i].Status = item.Refused.Code.Status
		if shown[i].Outcome, err = web.MarshalOutcome(c, item.Refused); err != nil {
			return err
		}
	}
	return c.JSON(http.StatusOK, map[string][]result{"results": shown})
}

func (h *Handler) readUsers(c echo.Context) error {
	var in ids
	if err := web.ReadJSON(c, &in, web.RefuseUnknown()); err != nil {
		return err
	}
	found, err := h.Admin.ReadUsers(c.Request().Context(), caller.From(c), c.Param("project"), in.IDs)
	return answer(c, http.StatusOK, admin.UserPage{Users: found}, err)
}

func (h *Handler) createUsers(c echo.Context) error {
	var in struct {
		Users []admin.UserDraft `json:"users"`
	}
	if err := web.ReadJSON(c, &in, web.RefuseUnknown()); err != nil {
		return err
	}
	made, err := h.Admin.CreateUsers(c.Request().Context(), caller.From(c), c.Param("project"), in.Users)
	return results(c, http.StatusCreated, made, err)
}

func (h *Handler) deleteUsers(c echo.Context) error {
	var in ids
	if err := web.ReadJSON(c, &in, web.RefuseUnknown()); err != nil {
		return err
	}
	deleted, err := h.Admin.DeleteUsers(c.Request().Context(), caller.From(c), c.Param("project"), in.IDs)
	return results(c, http.StatusOK, deleted, err)
}
