package web

import (
	"context"
	"errors"
	"log/slog"
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/admitdev/admit/pkg/outcome"
)

// Renderer writes an error in a surface's own form.
type Renderer func(c echo.Context, err error) error

// Errors makes render write whatever error the handlers of a group return.
func Errors(render Renderer) echo.MiddlewareFunc {
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			err := next(c)
			if err == nil {
				return nil
			}
			return write(c, err, render)
		}
	}
}

// write renders err unless the answer has already begun: then it can only be logged.
func write(c echo.Context, err error, render Renderer) error {
	if c.Response().Committed {
		if errors.Is(c.Request().Context().Err(), context.Canceled) {
			logger(c).DebugContext(c.Request().Context(), "client went away", "error", err)
			return nil
		}
		logger(c).ErrorContext(c.Request().Context(), "error after the answer had begun", "error", err)
		return nil
	}
	return render(c, err)
}

// Known returns the outcome that err is or wraps. Echo's own refusals become one as well. Any
// other error is ours: it is logged whole, once, and only its request id is shown.
func Known(c echo.Context, err error) *outcome.Outcome {
	var known *outcome.Outcome
	var refused *echo.HTTPError
	switch {
	case errors.As(err, &known):
		return known
	case errors.As(err, &refused) && refused.Code < http.StatusInternalServerError:
		return fromEcho(refused)
	}
	ctx := c.Request().Context()
	if errors.Is(ctx.Err(), context.Canceled) { // whatever failed, it failed because nobody waits any more
		logger(c).DebugContext(ctx, "client went away", "error", err)
		return outcome.New(outcome.ClientGone, "")
	}
	logger(c).ErrorContext(ctx, "request failed", "error", err, "method", c.Request().Method, "route", c.Path())
	return outcome.New(outcome.Exception, "").Because("Request %s", RequestID(ctx))
}

// fromEcho translates what the router itself refuses.
func fromEcho(refused *echo.HTTPError) *outcome.Outcome {
	switch refused.Code {
	case http.StatusNotFound:
		return outcome.New(outcome.NotFound, "")
	case http.StatusMethodNotAllowed:
		return outcome.New(outcome.MethodNotAllowed, "")
	case http.StatusRequestEntityTooLarge:
		return outcome.New(outcome.TooLong, "")
	case http.StatusUnsupportedMediaType:
		return outcome.New(outcome.UnsupportedMedia, "")
	}
	return outcome.New(outcome.Invalid, "")
}

const loggerKey = "web.logger"

// logger is the server's logger with the ids of this request.
func logger(c echo.Context) *slog.Logger {
	log, ok := c.Get(loggerKey).(*slog.Logger)
	if !ok {
		log = slog.New(slog.DiscardHandler)
	}
	t := traceFrom(c.Request().Context())
	return log.With("request", t.requestID, "trace", t.traceID)
}
