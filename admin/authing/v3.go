package authing

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/admitdev/admit/pkg/web"
)

// mountV3 adds the routes of version 3.
func (h *Handler) mountV3(e *echo.Echo, authenticate echo.MiddlewareFunc) {
	g := e.Group("/api/v3", web.Errors(writeV3), authenticate, h.enter)
	g.POST("/get-management-token", h.managementToken)
	for name, do := range map[string]operation{
		"create-user": createUserV3, "create-users-batch": createUsersV3, "update-user": updateUserV3, "delete-users-batch": deleteUsersV3,
		"list-users": listUsersV3, "is-user-exists": isUserExistsV3, "kick-users": kickUsersV3,
		"create-group": createGroupV3, "delete-groups-batch": deleteGroupsV3,
		"add-group-members": addMembersV3, "remove-group-members": removeMembersV3,
		"create-role": createRoleV3, "delete-roles-batch": deleteRolesV3, "assign-role": assignRoleV3, "revoke-role": revokeRoleV3,
	} {
		g.POST("/"+name, h.v3(do, bodyParams))
	}
	for name, do := range map[string]operation{
		"get-user": getUserV3, "get-user-batch": getUsersV3, "list-users": listUsersLegacyV3,
		"get-user-groups": getUserGroupsV3, "get-user-roles": getUserRolesV3,
	} {
		g.GET("/"+name, h.v3(do, queryParams))
	}
}

// operation is a route of version 3 with what was asked.
type operation func(ctx context.Context, s session, in arguments) (any, error)

// v3 is the handler of an operation for a client that has signed the request, or has an access token.
func (h *Handler) v3(do operation, read func(echo.Context) (map[string]json.RawMessage, error)) echo.HandlerFunc {
	return func(c echo.Context) error {
		credentials, signs := strings.CutPrefix(c.Request().Header.Get(echo.HeaderAuthorization), signatureScheme)
		id, signature, _ := strings.Cut(credentials, ":")
		if signs {
			if err := h.speak(c, id); err != nil {
				return err
			}
		} else if pool(c) == "" {
			return errOff
		}
		params, err := read(c)
		if err != nil {
			return err
		}
		if signs {
			if err := h.signed(c, signature, params); err != nil {
				return err
			}
		}
		who, err := client(c)
		if err != nil {
			return err
		}
		in, err := decoded(params)
		if err != nil {
			return err
		}
		data, err := do(c.Request().Context(), session{h.Admin, who}, in)
		if err != nil {
			return err
		}
		return writeEnvelope(c, envelope{StatusCode: codeOK, Message: "ok", Data: data})
	}
}

// bodyParams are the members of a body.
func bodyParams(c echo.Context) (params map[string]json.RawMessage, err error) {
	body, err := web.ReadBody(c, web.MaxJSON)
	if err == nil && len(body) > 0 {
		err = web.DecodeJSON(body, &params)
	}
	return params, err
}

// queryParams are the parameters of a query, an array's in one.
func queryParams(c echo.Context) (map[string]json.RawMessage, error) {
	values, err := url.ParseQuery(c.Request().URL.RawQuery)
	if err != nil {
		return nil, refuse("query", "it cannot be read")
	}
	params := map[string]json.RawMessage{}
	for name, all := range values {
		if array, ok := strings.CutSuffix(name, "[]"); ok {
			params[array] = compact(all)
		} else if len(all) > 1 {
			params[name] = compact(all)
		} else {
			params[name] = compact(all[0])
		}
	}
	return params, nil
}

// compact is JSON as clients write it, without escapes that are not needed.
func compact(value any) json.RawMessage {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if encoder.Encode(value) != nil { // texts can always be written
		return nil
	}
	return bytes.TrimSpace(out.Bytes())
}

// decoded are the parameters as values; numbers stay as they are written.
func decoded(params map[string]json.RawMessage) (arguments, error) {
	in := arguments{}
	for name, raw := range params {
		decoder := json.NewDecoder(bytes.NewReader(raw))
		decoder.UseNumber()
		var value any
		if err := decoder.Decode(&value); err != nil {
			return nil, refuse(name, "it cannot be read")
		}
		in[name] = value
	}
	return in, nil
}

// envelope is every answer of version 3. Its clients read statusCode: the status of HTTP is always 200.
type envelope struct {
	StatusCode int    `json:"statusCode"`
	APICode    int    `json:"apiCode,omitempty"`
	Message    string `json:"message"`
	RequestID  string `json:"requestId"`
	Data       any    `json:"data,omitempty"`
}

func writeEnvelope(c echo.Context, e envelope) error {
	e.RequestID = web.RequestID(c.Request().Context())
	return c.JSON(http.StatusOK, e)
}

// writeV3 writes an error of version 3.
func writeV3(c echo.Context, err error) error {
	if errors.Is(err, errOff) {
		return notThere(c)
	}
	f := toFailure(c, err)
	e := envelope{StatusCode: f.Code, Message: f.Message, Data: f.Data}
	if f.Code >= codeNotAllowed {
		e.APICode, e.StatusCode = f.Code, statusOf(f.Code)
	}
	return writeEnvelope(c, e)
}

// statusOf is the status of HTTP that a code of Authing's comes nearest.
func statusOf(code int) int {
	switch code {
	case codeNotLogged, codeSecret:
		return http.StatusUnauthorized
	case codeNotAllowed:
		return http.StatusForbidden
	case codeNoUser, codeNoGroup:
		return http.StatusNotFound
	}
	return http.StatusBadRequest
}

// managementToken gives whoever shows the secret of the pool an access token.
func (h *Handler) managementToken(c echo.Context) error {
	var in struct {
		AccessKeyID     string `json:"accessKeyId"`
		AccessKeySecret string `json:"accessKeySecret"`
	}
	if err := web.ReadJSON(c, &in); err != nil {
		return err
	}
	token, err := h.poolToken(c, in.AccessKeyID, in.AccessKeySecret)
	if err != nil {
		return err
	}
	return writeEnvelope(c, envelope{StatusCode: codeOK, Message: "ok", Data: map[string]any{
		"access_token": token.Token, "expires_in": token.ExpiresAt - token.IssuedAt,
	}})
}
