package web

import (
	"io"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/labstack/echo/v4"
)

// pause is how long a transfer may stand still.
const pause = 30 * time.Second

// Transfer lifts the server's limits on how long one request may take in all, for bodies and answers
// of any size: it may last as long as its bytes keep moving. Both are cut off when they stand still,
// until end is called.
func Transfer(c echo.Context) (end func()) {
	control := http.NewResponseController(c.Response().Writer)
	limit := func(at time.Time) { // where there are no limits, none need be lifted
		_ = control.SetReadDeadline(at)
		_ = control.SetWriteDeadline(at)
	}
	limit(time.Time{})
	w := &watch{timer: time.AfterFunc(pause, func() { limit(time.Unix(1, 0)) })}
	request, response := c.Request(), c.Response()
	body, writer := request.Body, response.Writer
	request.Body, response.Writer = movingBody{body, w}, movingAnswer{writer, w}
	return func() {
		w.ended.Store(true)
		w.timer.Stop()
		request.Body, response.Writer = body, writer
	}
}

// watch looks on while bytes move.
type watch struct {
	timer *time.Timer
	ended atomic.Bool
}

func (w *watch) moved() {
	if !w.ended.Load() {
		w.timer.Reset(pause)
	}
}

type movingBody struct {
	io.ReadCloser
	watch *watch
}

func (b movingBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.watch.moved()
	return n, err
}

type movingAnswer struct {
	http.ResponseWriter
	watch *watch
}

func (a movingAnswer) Write(p []byte) (int, error) {
	a.watch.moved()
	return a.ResponseWriter.Write(p)
}

// Unwrap lets http.ResponseController find what it needs.
func (a movingAnswer) Unwrap() http.ResponseWriter { return a.ResponseWriter }
