package web

import (
	"encoding/json"
	"net/http"

	"github.com/labstack/echo/v4"
	"github.com/samply/golang-fhir-models/fhir-models/fhir"

	"github.com/admitdev/admit/pkg/outcome"
)

// FHIRJSON is the media type of resources (R4 http.html#mime-type).
const FHIRJSON = "application/fhir+json; charset=utf-8"

// tracingURL is the extension by which Medplum's clients find a request again in the logs.
const tracingURL = "https://medplum.com/fhir/StructureDefinition/tracing"

// Outcome renders err as an OperationOutcome with the status of its code: the renderer of the
// FHIR, auth and admin surfaces (see Errors).
func Outcome(c echo.Context, err error) error {
	return WriteOutcome(c, Known(c, err))
}

// WriteOutcome answers with o, which may also be a success ("All OK").
func WriteOutcome(c echo.Context, o *outcome.Outcome) error {
	body, err := MarshalOutcome(c, o)
	if err != nil {
		return err
	}
	if o.Code.Status == http.StatusNotModified {
		return c.NoContent(http.StatusNotModified)
	}
	return c.Blob(o.Code.Status, FHIRJSON, body)
}

// MarshalOutcome is the OperationOutcome resource of o, as it also stands in a Bundle's entry.
func MarshalOutcome(c echo.Context, o *outcome.Outcome) ([]byte, error) {
	resource := fhir.OperationOutcome{Extension: tracing(c)}
	switch {
	case o.Code.ID != "":
		resource.Id = &o.Code.ID
	case o.Validation:
		resource.Id = new(RequestID(c.Request().Context())) // contract §0.3: a random id
	}
	for _, issue := range o.Issues {
		resource.Issue = append(resource.Issue, renderIssue(issue))
	}
	return json.Marshal(resource)
}

func renderIssue(issue outcome.Issue) fhir.OperationOutcomeIssue {
	rendered := fhir.OperationOutcomeIssue{
		Severity:   fhir.IssueSeverityError,
		Expression: issue.Expression,
		Details:    &fhir.CodeableConcept{Text: &issue.Text},
	}
	if issue.Diagnostics != "" {
		rendered.Diagnostics = &issue.Diagnostics
	}
	if issue.Code == outcome.OK.Issue {
		rendered.Severity = fhir.IssueSeverityInformation
	}
	// The enumerations of the library read themselves from JSON alone; a code that is none of
	// FHIR's is a mistake of ours and reads as the zero value.
	_ = rendered.Code.UnmarshalJSON([]byte(issue.Code))
	if issue.Severity != "" {
		_ = rendered.Severity.UnmarshalJSON([]byte(issue.Severity))
	}
	return rendered
}

func tracing(c echo.Context) []fhir.Extension {
	t := traceFrom(c.Request().Context())
	if t.requestID == "" {
		return nil
	}
	return []fhir.Extension{{Url: tracingURL, Extension: []fhir.Extension{
		{Url: "requestId", ValueId: &t.requestID},
		{Url: "traceId", ValueId: &t.traceID},
	}}}
}
