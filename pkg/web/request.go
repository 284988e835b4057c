package web

import (
	"context"
	"net/http"
	"regexp"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/admitdev/admit/pkg/clock"
)

// trace is what identifies a request in logs and outcomes.
type trace struct{ requestID, traceID string }

type traceKey struct{}

// requestIDs gives each request its id, ours always, and the trace it belongs to, the client's
// when it names one in a known form and one of its own otherwise.
func requestIDs(ids clock.Clock) echo.MiddlewareFunc {
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			request := c.Request()
			t := trace{requestID: ids.NewID(), traceID: traceOf(request.Header)}
			if t.traceID == "" {
				t.traceID = t.requestID
			}
			c.SetRequest(request.WithContext(context.WithValue(request.Context(), traceKey{}, t)))
			c.Response().Header().Set(echo.HeaderXRequestID, t.requestID)
			if id := correlationOf(request.Header); id != "" {
				c.Response().Header().Set(echo.HeaderXCorrelationID, id)
			}
			return next(c)
		}
	}
}

// RequestID is the id of the request that ctx belongs to, empty outside of one.
func RequestID(ctx context.Context) string { return traceFrom(ctx).requestID }

func traceFrom(ctx context.Context) trace {
	t, _ := ctx.Value(traceKey{}).(trace)
	return t
}

var (
	uuidForm        = regexp.MustCompile(`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`)
	traceparentForm = regexp.MustCompile(`^[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}(-.*)?$`)
	amazonForm      = regexp.MustCompile(`(?:Root|Self)=(1-[0-9a-f]{8}-[0-9a-f]{24})(?:;|$)`)
)

var correlationForm = regexp.MustCompile(`^[A-Za-z0-9._:-]{1,128}$`)

// correlationOf is the id that the client has given the request, which the answer repeats beside ours
// (R4 http.html#custom). Only plain text passes.
func correlationOf(header http.Header) string {
	for _, name := range []string{echo.HeaderXCorrelationID, echo.HeaderXRequestID} {
		if id := header.Get(name); id != "" && correlationForm.MatchString(id) {
			return id
		}
	}
	return ""
}

// traceOf reads the trace id of x-trace-id (a UUID), traceparent (W3C Trace Context §3.2) or
// x-amzn-trace-id. Only those forms pass: the id is repeated in logs and answers.
func traceOf(header http.Header) string {
	if id := header.Get("X-Trace-Id"); id != "" && uuidForm.MatchString(id) {
		return strings.ToLower(id)
	}
	if id := header.Get("Traceparent"); id != "" {
		if m := traceparentForm.FindStringSubmatch(id); m != nil {
			return m[1]
		}
	}
	if id := header.Get("X-Amzn-Trace-Id"); id != "" {
		if m := amazonForm.FindStringSubmatch(id); m != nil {
			return m[1]
		}
	}
	return ""
}
