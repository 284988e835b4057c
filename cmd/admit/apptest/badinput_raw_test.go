package apptest_test

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

// What no HTTP library would send is refused before anything is looked up, and the next request is
// answered as ever.
func requestsThatAreNoHTTPAreRefused(t *testing.T, w *world) {
	base, err := url.Parse(w.base)
	if err != nil {
		t.Fatal(err)
	}
	good := "Authorization: Bearer " + w.owner.AccessToken + "\r\n"
	create := `{"resourceType":"Patient"}`
	if status := sendRaw(t, base.Host, "GET /auth/me HTTP/1.1\r\nHost: x\r\n"+good+"\r\n"); status != http.StatusOK {
		t.Fatalf("a good request is answered %d, so what follows proves nothing", status)
	}
	for _, tc := range []struct{ name, raw string }{
		{"no HTTP at all", "hello\r\n\r\n"},
		{"TLS", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n"},
		{"a NUL in the path", "GET /fhir/R4/Patient/\x00 HTTP/1.1\r\nHost: x\r\n" + good + "\r\n"},
		{"a line break in the path", "GET /fhir/R4/Patient/\nx HTTP/1.1\r\nHost: x\r\n" + good + "\r\n"},
		{"no host", "GET /auth/me HTTP/1.1\r\n" + good + "\r\n"},
		{"two hosts", "GET /auth/me HTTP/1.1\r\nHost: a\r\nHost: b\r\n" + good + "\r\n"},
		{"a host of nonsense", "GET /auth/me HTTP/1.1\r\nHost: a b\r\n" + good + "\r\n"},
		{"a header without a name", "GET /auth/me HTTP/1.1\r\nHost: x\r\n: y\r\n" + good + "\r\n"},
		{"a space before the colon", "GET /auth/me HTTP/1.1\r\nHost: x\r\nAuthorization : Bearer x\r\n\r\n"},
		{"a control character in a header", "GET /auth/me HTTP/1.1\r\nHost: x\r\nX-Medplum: a\x00b\r\n" + good + "\r\n"},
		{"a lone CR in a header", "GET /auth/me HTTP/1.1\r\nHost: x\r\nX-Medplum: a\rSet-Cookie: b\r\n" + good + "\r\n"},
		{"two lengths", "POST /fhir/R4/Patient HTTP/1.1\r\nHost: x\r\n" + good + "Content-Type: application/fhir+json\r\nContent-Length: 26\r\nContent-Length: 2\r\n\r\n" + create},
		{"a negative length", "POST /fhir/R4/Patient HTTP/1.1\r\nHost: x\r\n" + good + "Content-Type: application/fhir+json\r\nContent-Length: -1\r\n\r\n" + create},
		{"a length of nonsense", "POST /fhir/R4/Patient HTTP/1.1\r\nHost: x\r\n" + good + "Content-Type: application/fhir+json\r\nContent-Length: 0x1a\r\n\r\n" + create},
		{"an unknown transfer coding", "POST /fhir/R4/Patient HTTP/1.1\r\nHost: x\r\n" + good + "Content-Type: application/fhir+json\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"},
		{"chunks of nonsense", "POST /fhir/R4/Patient HTTP/1.1\r\nHost: x\r\n" + good + "Content-Type: application/fhir+json\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n" + create + "\r\n0\r\n\r\n"},
		{"headers without end", "GET /auth/me HTTP/1.1\r\nHost: x\r\n" + good + strings.Repeat("X-Header: "+strings.Repeat("a", 1000)+"\r\n", 2000) + "\r\n"},
		{"two authorizations", "GET /auth/me HTTP/1.1\r\nHost: x\r\n" + good + "Authorization: Bearer x\r\n\r\n"},
		{"two authorizations, the good one last", "GET /auth/me HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer x\r\n" + good + "\r\n"},
		{"a compressed body", "POST /fhir/R4/Patient HTTP/1.1\r\nHost: x\r\n" + good + "Content-Type: application/fhir+json\r\nContent-Encoding: gzip\r\nContent-Length: 26\r\n\r\n" + create},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w.unchanged(t, func() {
				if status := sendRaw(t, base.Host, tc.raw); status != 0 && (status < 400 || status >= 500) && status != http.StatusNotImplemented && status != http.StatusHTTPVersionNotSupported {
					t.Errorf("status %d", status)
				}
			})
		})
	}
	w.api(t).do(call{Method: http.MethodGet, Path: "/auth/me", Token: w.owner.AccessToken}).wantStatus(t, http.StatusOK)
}

// sendRaw tells the status, or 0 when the server hung up.
func sendRaw(t *testing.T, host, raw string) int {
	t.Helper()
	conn, err := net.Dial("tcp", host)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	_, _ = io.WriteString(conn, raw) // it may have been refused half way
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return 0
	}
	response.Body.Close()
	return response.StatusCode
}
