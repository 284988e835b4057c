package authing

import (
	"github.com/labstack/echo/v4"

	"github.com/admitdev/admit/pkg/web"
)

// wellKnown tells the key for which passwords are to be encrypted.
func (h *Handler) wellKnown(c echo.Context) error {
	if pool(c) == "" {
		return errOff
	}
	envelope, err := h.Admin.PasswordEnvelope(c.Request().Context(), pool(c))
	if err != nil {
		return err
	}
	key, err := envelope.PublicKey()
	if err != nil {
		return err
	}
	return writeData(c, map[string]any{"publicKey": key, "sm2PublicKey": nil})
}

// detail shows a user; nobody is null.
func (h *Handler) detail(c echo.Context, s session) (any, error) {
	u, err := s.ReadUser(c.Request().Context(), s.who, s.pool(), c.Param("user"))
	if nobody(err) {
		return nil, nil //nolint:nilnil // null is the answer
	}
	custom := c.QueryParam("with_custom_data")
	return plain(shown(s.pool(), u), custom == "true" || custom == "1"), err
}

// plain is a user outside of GraphQL.
func plain(u object, withCustomData bool) object {
	delete(u, "groups")
	delete(u, "roles")
	if !withCustomData {
		delete(u, "customData")
	}
	return u
}

func (h *Handler) batch(c echo.Context, s session) (any, error) {
	var in struct {
		IDs            []string `json:"ids"`
		Type           string   `json:"type"`
		WithCustomData bool     `json:"withCustomData"`
	}
	if err := web.ReadJSON(c, &in); err != nil {
		return nil, err
	}
	found, err := s.batch(c.Request().Context(), in.IDs, in.Type)
	list := s.show(found)
	for i := range list {
		list[i] = plain(list[i], in.WithCustomData)
	}
	return list, err
}

// kick ends the sessions of users.
func (h *Handler) kick(c echo.Context, s session) (any, error) {
	var in struct {
		UserIDs []string `json:"userIds"`
	}
	if err := web.ReadJSON(c, &in); err != nil {
		return nil, err
	}
	return nil, s.kick(c.Request().Context(), in.UserIDs)
}
