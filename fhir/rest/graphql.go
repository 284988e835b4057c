package rest

import (
	"encoding/json"
	"net/http"
	"slices"
	"strconv"

	"github.com/labstack/echo/v4"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"github.com/admitdev/admit/fhir/caller"
	"github.com/admitdev/admit/fhir/graphql"
	"github.com/admitdev/admit/pkg/web"
)

// featureIntrospection lets a project ask for the whole schema.
const featureIntrospection = "graphql-introspection"

// graphQL answers a query over the caller's resources (R4 graphql.html), as POST only: a query in an
// address would end up in logs. One that cannot be carried out is a 400 that both kinds of clients
// read: the errors are in GraphQL's form, and those of FHIR find an OperationOutcome around them.
func (h *Handler) graphQL(c echo.Context) error {
	if _, err := parameters(c); err != nil {
		return err
	}
	var query graphql.Query
	if err := web.ReadJSON(c, &query); err != nil {
		return err
	}
	ctx := c.Request().Context()
	whole := slices.Contains(caller.From(c).Features, featureIntrospection)
	answer, err := h.graphql.Execute(ctx, h.session(c), query, whole)
	if err != nil {
		return err
	}
	if answer.Data == nil {
		return c.JSON(http.StatusBadRequest, refusedQuery(answer.Errors))
	}
	content, err := signed(c, answer.Data)
	if err != nil {
		return err
	}
	answer.Data = content
	out, err := encodeAnswer(answer)
	if err != nil {
		return err
	}
	c.Response().Header().Set(echo.HeaderContentLength, strconv.Itoa(len(out)))
	return c.Blob(http.StatusOK, echo.MIMEApplicationJSON, out)
}

// encodeAnswer leaves the data as they were made: a marshaller would look at each byte again.
func encodeAnswer(answer graphql.Answer) ([]byte, error) {
	out := append(make([]byte, 0, len(answer.Data)+16), `{"data":`...)
	out = append(out, answer.Data...)
	if len(answer.Errors) > 0 {
		errs, err := json.Marshal(answer.Errors)
		if err != nil {
			return nil, err
		}
		out = append(append(out, `,"errors":`...), errs...)
	}
	return append(out, '}'), nil
}

type refusedIssue struct {
	Severity string      `json:"severity"`
	Code     string      `json:"code"`
	Details  refusedText `json:"details"`
}

type refusedText struct {
	Text string `json:"text"`
}

type queryRefusal struct {
	ResourceType string         `json:"resourceType"`
	Issue        []refusedIssue `json:"issue"`
	Errors       gqlerror.List  `json:"errors"`
}

func refusedQuery(errs gqlerror.List) queryRefusal {
	refused := queryRefusal{ResourceType: "OperationOutcome", Errors: errs}
	for _, e := range errs {
		refused.Issue = append(refused.Issue, refusedIssue{"error", "invalid", refusedText{e.Message}})
	}
	return refused
}
