package fetch_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/admitdev/admit/pkg/fetch"
)

func TestOnlyAddressesOfTheInternetArePublic(t *testing.T) {
	for address, public := range map[string]bool{
		"1.1.1.1": true, "172.32.0.1": true, "2606:4700::1111": true, "::ffff:1.1.1.1": true,
		"127.0.0.1": false, "10.1.2.3": false, "172.16.0.1": false, "192.168.1.1": false, "169.254.169.254": false,
		"100.64.0.1": false, "0.0.0.0": false, "0.1.2.3": false, "255.255.255.255": false, "224.0.0.1": false, "198.18.0.1": false,
		"192.0.2.1": false, "::1": false, "::": false, "fc00::1": false, "fe80::1": false, "ff02::1": false,
		"::ffff:127.0.0.1": false, "::127.0.0.1": false, "64:ff9b::7f00:1": false, "2002:7f00:1::": false, "2001::1": false, "2001:db8::1": false,
	} {
		require.Equal(t, public, fetch.Public(netip.MustParseAddr(address)), address)
	}
}

func TestWhatIsNotPublicIsNotAsked(t *testing.T) {
	asked := 0
	handler := http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked++ })
	server, plain := httptest.NewTLSServer(handler), httptest.NewServer(handler)
	t.Cleanup(server.Close)
	t.Cleanup(plain.Close)
	_, port, _ := strings.Cut(strings.TrimPrefix(server.URL, "https://"), ":")
	for _, address := range []string{
		server.URL, "https://localhost:" + port, "https://[::ffff:127.0.0.1]:" + port, "https://0.0.0.0:" + port, "https://2130706433:" + port, // dialled as 127.0.0.1
		plain.URL, "file:///etc/passwd", "https://", "https://user:password@one.one.one.one/", "\x00",
	} {
		_, _, err := fetch.New(false).Get(t.Context(), address, "*/*")
		require.Error(t, err, address)
	}
	_, _, err := fetch.New(false).Get(t.Context(), server.URL, "*/*")
	require.ErrorIs(t, err, fetch.ErrRefused)
	require.Zero(t, asked)
	_, _, err = fetch.New(true).Get(t.Context(), plain.URL, "*/*")
	require.NoError(t, err)
	require.Equal(t, 1, asked)
}

func TestAnAnswerIsReadAsFarAsTheLimit(t *testing.T) {
	followed := false
	mux := http.NewServeMux()
	mux.HandleFunc("/exact", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(make([]byte, fetch.Limit)) })
	mux.HandleFunc("/long", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(make([]byte, fetch.Limit+1)) })
	mux.HandleFunc("/elsewhere", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/followed", http.StatusFound) })
	mux.HandleFunc("/followed", func(http.ResponseWriter, *http.Request) { followed = true })
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	c := fetch.New(true)
	body, _, err := c.Get(t.Context(), server.URL+"/exact", "*/*")
	require.NoError(t, err)
	require.Len(t, body, fetch.Limit)
	for _, path := range []string{"/long", "/elsewhere", "/missing"} {
		_, _, err := c.Get(t.Context(), server.URL+path, "*/*")
		require.ErrorIs(t, err, fetch.ErrRefused, path)
	}
	require.False(t, followed)
}

func TestALibrarysRequestsAreHeldToTheSame(t *testing.T) {
	asked := 0
	mux := http.NewServeMux()
	mux.HandleFunc("/long", func(w http.ResponseWriter, _ *http.Request) { asked++; _, _ = w.Write(make([]byte, fetch.Limit+1)) })
	mux.HandleFunc("/elsewhere", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "http://169.254.169.254/", http.StatusFound)
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	get := func(c *fetch.Client, path string) (*http.Response, error) {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+path, nil)
		require.NoError(t, err)
		return c.HTTP().Do(request)
	}
	_, err := get(fetch.New(false), "/long")
	require.ErrorIs(t, err, fetch.ErrRefused)
	require.Zero(t, asked)
	answer, err := get(fetch.New(true), "/long")
	require.NoError(t, err)
	defer answer.Body.Close()
	_, err = io.ReadAll(answer.Body)
	require.Error(t, err)
	moved, err := get(fetch.New(true), "/elsewhere")
	require.NoError(t, err)
	defer moved.Body.Close()
	require.Equal(t, http.StatusFound, moved.StatusCode, "it is not followed")
}
