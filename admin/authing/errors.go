package authing

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/admitdev/admit/pkg/outcome"
	"github.com/admitdev/admit/pkg/web"
)

// failure is an error as Authing's clients know it.
type failure struct {
	Code    int    `json:"code"`
	Message string `json:"message"`
	Data    any    `json:"data"`
	path    string // the field of GraphQL that failed
}

// Error implements error.
func (f *failure) Error() string { return f.Message }

// at names the field of GraphQL that failed.
func (f failure) at(path string) *failure {
	f.path = path
	return &f
}

// Authing's codes.
const (
	codeOK         = 200
	codeInvalid    = 400
	codeNotFound   = 404
	codeOther      = 500
	codeNotAllowed = 1001
	codeNoUser     = 2004
	codeEncryption = 2016
	codeNotLogged  = 2020
	codeExists     = 2026
	codeNoGroup    = 2080
	codeSecret     = 2206
)

var (
	// errOff says that the pool is none: the answer is that of a route that is not there.
	errOff         = errors.New("authing: the project does not speak this dialect")
	errNotLoggedIn = &failure{Code: codeNotLogged, Message: "Not logged in"}
	errNotAllowed  = &failure{Code: codeNotAllowed, Message: "Permission denied"}
	errNoUser      = &failure{Code: codeNoUser, Message: "User does not exist"}
	errSecret      = &failure{Code: codeSecret, Message: "The userPoolId or its secret is wrong"}
	errEncryption  = &failure{Code: codeEncryption, Message: "The password is not encrypted with the public key of the user pool"}
)

// refuse is an error about a field of the request.
func refuse(field, message string) *failure {
	return &failure{Code: codeInvalid, Message: field + ": " + message, Data: map[string]string{"field": field}}
}

// unsupported refuses what there is nothing for.
func unsupported(field string) *failure { return refuse(field, "not supported by this server") }

// toFailure translates an error of the services, whose login is Authing's username.
func toFailure(c echo.Context, err error) *failure {
	var own *failure
	if errors.As(err, &own) {
		return own
	}
	known := web.Known(c, err)
	made := &failure{Code: codeOf(known.Code), Message: known.Error()}
	field := ""
	if at := known.Issues[0].Expression; len(at) > 0 {
		field = at[0]
	}
	if field == "login" || strings.HasPrefix(made.Message, "One of ") {
		made.Message = strings.Replace(made.Message, "login", "username", 1)
		field = strings.Replace(field, "login", "username", 1)
	}
	if field == "" {
		return made
	}
	made.Data = map[string]string{"field": field}
	if known.Code != outcome.Duplicate { // which says it
		made.Message = field + ": " + made.Message
	}
	return made
}

func codeOf(code outcome.Code) int {
	switch code {
	case outcome.Unauthorized:
		return codeNotLogged
	case outcome.Forbidden:
		return codeNotAllowed
	case outcome.NotFound, outcome.Gone:
		return codeNotFound
	case outcome.Duplicate:
		return codeExists
	case outcome.TooManyRequests, outcome.TooLong:
		return code.Status
	}
	if code.Status >= http.StatusInternalServerError {
		return codeOther
	}
	return codeInvalid
}

// of gives what is not there its own code.
func of(err error, missing *failure) error {
	if outcome.Has(err, outcome.NotFound) || outcome.Has(err, outcome.Gone) {
		return missing
	}
	return err
}

// notThere answers as the router does for a route that is not there.
func notThere(c echo.Context) error { return web.WriteOutcome(c, outcome.New(outcome.NotFound, "")) }

// writeGraphQL writes an error into an answer of GraphQL. The message is an object: Authing's clients
// take it apart.
func writeGraphQL(c echo.Context, err error) error {
	if errors.Is(err, errOff) {
		return notThere(c)
	}
	f := toFailure(c, err)
	path := []string{}
	if f.path != "" {
		path = append(path, f.path)
	}
	type located struct {
		Message   *failure `json:"message"`
		Locations []string `json:"locations"`
		Path      []string `json:"path"`
	}
	return c.JSON(http.StatusOK, struct {
		Errors []located       `json:"errors"`
		Data   json.RawMessage `json:"data"`
	}{[]located{{f, []string{}, path}}, json.RawMessage("null")})
}

// writeREST writes an error of version 2's other routes.
func writeREST(c echo.Context, err error) error {
	if errors.Is(err, errOff) {
		return notThere(c)
	}
	return c.JSON(http.StatusOK, toFailure(c, err))
}

// writeData writes what such a route gives.
func writeData(c echo.Context, data any) error {
	return c.JSON(http.StatusOK, failure{Code: codeOK, Message: "ok", Data: data})
}
