package apptest

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// BenchmarkBareHTTP is what BenchmarkServed's clients pay for HTTP alone: net/http answers the same client,
// at once, with as many bytes and headers as a read has. A request to Admit takes this and its statement at
// least, so raw-ns/op ÷ (raw-ns/op + ns/op here) bounds the ratio of a read that any server in Go reaches.
func BenchmarkBareHTTP(b *testing.B) {
	body := []byte(strings.Repeat("x", 700))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		header := w.Header()
		for i := range 12 {
			header[fmt.Sprintf("X-Header-%d", i)] = []string{"no-store, no-cache, must-revalidate"}
		}
		header["Content-Length"] = []string{"700"}
		_, _ = w.Write(body)
	}))
	b.Cleanup(server.Close)
	request := []byte("GET /fhir/R4/Patient/0198c0de-0000-7000-8000-000000000001 HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer " + strings.Repeat("x", 600) + "\r\n\r\n")
	for _, l := range []load{together(1), together(8), together(32)} {
		b.Run(fmt.Sprintf("clients=%d", l.clients), func(b *testing.B) {
			workers := make([]*worker, l.clients)
			for i := range workers {
				workers[i] = &worker{conn: connectTo(b, server.URL)}
				require.NoError(b, workers[i].conn.ask(request, http.StatusOK))
			}
			var served []time.Duration
			for n := 0; b.Loop(); n++ {
				served = append(served, atOnce(b, workers, l.each, n, func(k *worker, _ int) func() error {
					return func() error { return k.conn.ask(request, http.StatusOK) }
				}))
			}
			perOp := float64(l.clients * l.each)
			b.ReportMetric(median(served)/perOp, "ns/op")
			b.ReportMetric(perOp*float64(time.Second)/median(served), "req/s")
		})
	}
}
