package web_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/stretchr/testify/require"

	"github.com/admitdev/admit/pkg/web"
)

// TestTransferOutlastsTheServersLimits: a body that takes longer than a request may is read to its
// end when the handler has asked for it, and cut off when it has not.
func TestTransferOutlastsTheServersLimits(t *testing.T) {
	const limit = 200 * time.Millisecond
	e := echo.New()
	read := func(c echo.Context) error {
		body, err := io.ReadAll(c.Request().Body)
		if err != nil {
			return c.NoContent(http.StatusBadRequest)
		}
		return c.String(http.StatusOK, string(body))
	}
	e.POST("/patient", func(c echo.Context) error {
		defer web.Transfer(c)()
		return read(c)
	})
	e.POST("/hurried", read)
	server := httptest.NewUnstartedServer(e)
	server.Config.ReadTimeout, server.Config.WriteTimeout = limit, limit
	server.Start()
	t.Cleanup(server.Close)
	slow := func(path string) string {
		body, feed := io.Pipe()
		go func() {
			_, _ = feed.Write([]byte("begun, "))
			<-time.After(2 * limit) // what is tested is that time passes
			_, _ = feed.Write([]byte("ended"))
			_ = feed.Close()
		}()
		response, err := http.Post(server.URL+path, "text/plain", body)
		if err != nil {
			return err.Error()
		}
		defer response.Body.Close()
		got, err := io.ReadAll(response.Body)
		require.NoError(t, err)
		return string(got)
	}
	require.Equal(t, "begun, ended", slow("/patient"))
	require.False(t, strings.Contains(slow("/hurried"), "ended"))
	require.Equal(t, "begun, ended", slow("/patient"), "the next request has its own limits")
}
