package scim

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/admitdev/admit/admin"
	"github.com/admitdev/admit/pkg/outcome"
	"github.com/admitdev/admit/pkg/web"
)

// refusal is an error in SCIM's own words (RFC 7644 §3.12).
type refusal struct {
	status   int
	scimType string
	detail   string
}

// Error implements error.
func (r *refusal) Error() string { return r.detail }

// The words of RFC 7644 table 9.
const (
	invalidFilter = "invalidFilter"
	tooMany       = "tooMany"
	uniqueness    = "uniqueness"
	mutability    = "mutability"
	invalidSyntax = "invalidSyntax"
	invalidPath   = "invalidPath"
	noTarget      = "noTarget"
	invalidValue  = "invalidValue"
)

// refuse is a 400 with a scimType.
func refuse(scimType, format string, args ...any) error {
	return &refusal{http.StatusBadRequest, scimType, fmt.Sprintf(format, args...)}
}

// refusalOf says an error in SCIM's words.
func refusalOf(c echo.Context, err error) *refusal {
	var own *refusal
	if errors.As(err, &own) {
		return own
	}
	known := web.Known(c, err)
	r := &refusal{status: known.Code.Status, detail: detailOf(known)}
	switch {
	case known.Code == outcome.Duplicate:
		r.status, r.scimType = http.StatusConflict, uniqueness
	case known.Code == outcome.Gone:
		r.status, r.detail = http.StatusNotFound, outcome.NotFound.Text
	case known.Code == outcome.TooCostly:
		r.scimType = tooMany
	case known.Code == outcome.MethodNotAllowed, known.Code == outcome.UnsupportedMedia:
	case admin.IsTheirs(err):
		r.scimType = mutability
	case known.Code.Status == http.StatusBadRequest:
		r.scimType = invalidValue
	}
	return r
}

// attributes are what the fields of the services are called here.
var attributes = map[string]string{
	"login": "userName", "email": "emails", "phone": "phoneNumbers", "name": "displayName", "givenName": "name.givenName",
	"familyName": "name.familyName", "nickname": "nickName", "company": "organization", "profileType": "userType",
}

func detailOf(o *outcome.Outcome) string {
	texts := make([]string, len(o.Issues))
	for i, issue := range o.Issues {
		if texts[i] = issue.Text; len(issue.Expression) > 0 {
			field := issue.Expression[0]
			if name, known := attributes[field]; known {
				field = name
			}
			texts[i] = field + ": " + issue.Text
		}
	}
	return strings.Join(texts, "; ")
}

func (r *refusal) body() object {
	body := object{"schemas": []string{errorSchema}, "status": strconv.Itoa(r.status), "detail": r.detail}
	if r.scimType != "" {
		body["scimType"] = r.scimType
	}
	return body
}

const errorSchema = "urn:ietf:params:scim:api:messages:2.0:Error"

// Render is the renderer of the surface's errors.
func Render(c echo.Context, err error) error {
	r := refusalOf(c, err)
	return write(c, r.status, r.body())
}

// contentType is SCIM's (RFC 7644 §3.1).
const contentType = "application/scim+json"

func write(c echo.Context, status int, body any) error {
	content, err := json.Marshal(body)
	if err != nil {
		return err
	}
	return c.Blob(status, contentType, content)
}
