// Package outcome is the one error type that has a meaning on the wire: a FHIR OperationOutcome
// (R4 operationoutcome.html) declared by issue code, and the only map from an issue code to an
// HTTP status. A plain error has no place here: surfaces log it whole and show "exception".
package outcome

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
)

// Code is an issue code of http://hl7.org/fhir/issue-type together with the outcome id by which
// Medplum's clients recognise it. Declare new ones here and nowhere else.
type Code struct {
	ID     string // the outcome's id; empty: the surface gives a random one
	Issue  string // FHIR issue code
	Status int    // HTTP status
	Text   string // details.text when New is given none
}

// The codes and their texts are those that Medplum's clients compare.
var (
	OK                 = Code{"ok", "informational", http.StatusOK, "All OK"}
	Created            = Code{"created", "informational", http.StatusCreated, "Created"}
	Accepted           = Code{"accepted", "informational", http.StatusAccepted, "Accepted"}
	NotModified        = Code{"not-modified", "informational", http.StatusNotModified, "Not Modified"}
	Unauthorized       = Code{"unauthorized", "login", http.StatusUnauthorized, "Unauthorized"}
	Forbidden          = Code{"forbidden", "forbidden", http.StatusForbidden, "Forbidden"}
	NotFound           = Code{"not-found", "not-found", http.StatusNotFound, "Not found"}
	Conflict           = Code{"conflict", "conflict", http.StatusConflict, "Conflict"}
	Gone               = Code{"gone", "deleted", http.StatusGone, "Gone"}
	PreconditionFailed = Code{"precondition-failed", "processing", http.StatusPreconditionFailed, "Precondition Failed"}
	MultipleMatches    = Code{"multiple-matches", "multiple-matches", http.StatusPreconditionFailed, "Multiple resources found matching condition"}
	TooLong            = Code{"content-too-large", "too-long", http.StatusRequestEntityTooLarge, "Request body too large"}
	BusinessRule       = Code{"business-rule", "business-rule", http.StatusUnprocessableEntity, "Business rule"}
	TooManyRequests    = Code{"too-many-requests", "throttled", http.StatusTooManyRequests, "Too many requests"}
	TooCostly          = Code{"", "too-costly", http.StatusBadRequest, "Too costly"}
	Timeout            = Code{"server-timeout", "timeout", http.StatusGatewayTimeout, "Server timeout"}
	// ClientGone is for the log alone: its client has hung up (499 is nginx's word for it).
	ClientGone       = Code{"", "transient", 499, "Client closed the request"}
	Invalid          = Code{"", "invalid", http.StatusBadRequest, "Invalid"}
	Duplicate        = Code{"", "duplicate", http.StatusBadRequest, "Duplicate"}
	Structure        = Code{"", "structure", http.StatusBadRequest, "Invalid structure"}
	Invariant        = Code{"", "invariant", http.StatusBadRequest, "Constraint not met"}
	Value            = Code{"", "value", http.StatusBadRequest, "Invalid value"}
	Required         = Code{"", "required", http.StatusBadRequest, "Required"}
	NotSupported     = Code{"", "not-supported", http.StatusBadRequest, "Not supported"}
	UnsupportedMedia = Code{"", "not-supported", http.StatusUnsupportedMediaType, "Unsupported media type"}
	MethodNotAllowed = Code{"", "not-supported", http.StatusMethodNotAllowed, "Method not allowed"}
	NotAcceptable    = Code{"", "not-supported", http.StatusNotAcceptable, "Not acceptable"}
	Exception        = Code{"", "exception", http.StatusInternalServerError, "Internal Server Error"}
)

// Issue is one OperationOutcome.issue. Severity is "error" when left empty.
type Issue struct {
	Severity    string
	Code        string
	Text        string
	Diagnostics string
	Expression  []string
}

// Outcome is an error that is shown to the client as an OperationOutcome.
type Outcome struct {
	Code   Code
	Issues []Issue
	// Validation says that the issues are failed rules of fields (see Fields).
	Validation bool
}

// New makes an outcome with one issue. With an empty format the code's own text is used.
func New(code Code, format string, args ...any) *Outcome {
	text := code.Text
	if format != "" {
		text = fmt.Sprintf(format, args...)
	}
	return &Outcome{Code: code, Issues: []Issue{{Code: code.Issue, Text: text}}}
}

// At names the element or field at fault, as a FHIRPath or a field name.
func (o *Outcome) At(expression ...string) *Outcome {
	o.Issues[len(o.Issues)-1].Expression = expression
	return o
}

// Because adds diagnostics for the developer of the client.
func (o *Outcome) Because(format string, args ...any) *Outcome {
	o.Issues[len(o.Issues)-1].Diagnostics = fmt.Sprintf(format, args...)
	return o
}

// Error implements error.
func (o *Outcome) Error() string {
	texts := make([]string, len(o.Issues))
	for i, issue := range o.Issues {
		texts[i] = issue.Text
	}
	return strings.Join(texts, "; ")
}

// Is makes errors.Is(err, outcome.New(outcome.NotFound, "")) compare by code.
func (o *Outcome) Is(target error) bool {
	other, ok := target.(*Outcome)
	return ok && other.Code == o.Code
}

// Has says whether err is or wraps an Outcome of this code.
func Has(err error, code Code) bool {
	if err == nil { // before anything is allocated: most requests are answered
		return false
	}
	var o *Outcome
	return errors.As(err, &o) && o.Code == code
}

// Fields collects the failures of several fields into one outcome: one issue per failed rule.
type Fields struct{ issues []Issue }

// Check records text against the field unless ok holds.
func (f *Fields) Check(ok bool, field, text string) {
	if ok {
		return
	}
	issue := Issue{Code: Invalid.Issue, Text: text}
	if field != "" {
		issue.Expression = []string{field}
	}
	f.issues = append(f.issues, issue)
}

// Explain is Check with diagnostics, for a text that other systems prescribe and that says too little.
func (f *Fields) Explain(ok bool, field, text, diagnostics string) {
	if f.Check(ok, field, text); !ok {
		f.issues[len(f.issues)-1].Diagnostics = diagnostics
	}
}

// Err is nil when every rule held.
func (f *Fields) Err() error {
	if len(f.issues) == 0 {
		return nil
	}
	return &Outcome{Code: Invalid, Issues: f.issues, Validation: true}
}
