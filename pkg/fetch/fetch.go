// Package fetch gets documents from addresses that somebody else has named: a client its keys, an
// administrator an identity provider. It decides where such a request may go and how much of the
// answer is read; what the answer means is for who asked.
//
//   - The address that is dialled is judged, after the name was resolved: a name that leads inside
//     is refused as the address would be, and resolving it anew cannot change the answer.
//   - Redirects are not followed and no proxy of the environment is used, for both would dial what
//     was not judged.
//   - A request ends after Timeout, an answer after Limit bytes.
package fetch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"syscall"
	"time"
)

const (
	// Timeout bounds a request with its answer.
	Timeout = 5 * time.Second
	// Limit bounds an answer.
	Limit = 64 << 10
)

// ErrRefused says that the address may not be asked, or its answer is not what may be read.
var ErrRefused = errors.New("fetch: refused")

// Client gets documents.
type Client struct {
	http    *http.Client
	private bool
}

// New makes a Client. With private it also asks private and loopback addresses, and by http.
func New(private bool) *Client {
	c := &Client{private: private}
	dialer := &net.Dialer{Timeout: Timeout, Control: c.judge}
	c.http = &http.Client{
		Timeout: Timeout,
		Transport: &http.Transport{
			DialContext: dialer.DialContext, ForceAttemptHTTP2: true, TLSHandshakeTimeout: Timeout, ResponseHeaderTimeout: Timeout,
			MaxResponseHeaderBytes: Limit, MaxIdleConns: 20, IdleConnTimeout: time.Minute,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return c
}

// HTTP is the same for a library that makes its own requests: an address that may not be asked is an
// error of the request, and a body that is too long one of its reading.
func (c *Client) HTTP() *http.Client {
	guarded := *c.http
	guarded.Transport = guard{c}
	return &guarded
}

// guard holds the requests of HTTP to the rules of Get.
type guard struct{ *Client }

// RoundTrip implements http.RoundTripper.
func (g guard) RoundTrip(request *http.Request) (*http.Response, error) {
	if err := Check(request.URL.String(), g.private); err != nil {
		return nil, err
	}
	answer, err := g.http.Transport.RoundTrip(request)
	if err == nil {
		answer.Body = http.MaxBytesReader(nil, answer.Body, Limit)
	}
	return answer, err
}

// Get is the body of an answer of status 200, with its header.
//
// Errors: ErrRefused; whatever keeps the answer from coming.
func (c *Client) Get(ctx context.Context, address, accept string) ([]byte, http.Header, error) {
	if err := Check(address, c.private); err != nil {
		return nil, nil, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, nil, fmt.Errorf("%w: not a URL", ErrRefused)
	}
	request.Header.Set("Accept", accept)
	answer, err := c.http.Do(request)
	if err != nil {
		return nil, nil, fmt.Errorf("fetch: %w", err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return nil, nil, fmt.Errorf("%w: the answer has status %d", ErrRefused, answer.StatusCode)
	}
	body, err := io.ReadAll(io.LimitReader(answer.Body, Limit+1))
	switch {
	case err != nil:
		return nil, nil, fmt.Errorf("fetch: %w", err)
	case len(body) > Limit:
		return nil, nil, fmt.Errorf("%w: the answer is longer than %d bytes", ErrRefused, Limit)
	}
	return body, answer.Header, nil
}

// Check judges what can be seen of an address before it is resolved, as a Client made by New(private) does.
//
// Errors: ErrRefused.
func Check(address string, private bool) error {
	u, err := url.Parse(address)
	switch {
	case err != nil || u.Hostname() == "" || u.User != nil:
		return fmt.Errorf("%w: not a URL with a host", ErrRefused)
	case u.Scheme != "https" && !(u.Scheme == "http" && private):
		return fmt.Errorf("%w: not an https URL", ErrRefused)
	}
	return nil
}

// judge is asked of each address just before it is dialled.
func (c *Client) judge(_, address string, _ syscall.RawConn) error {
	to, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("%w: not an address", ErrRefused)
	}
	if !c.private && !Public(to.Addr()) {
		return fmt.Errorf("%w: not a public address", ErrRefused)
	}
	return nil
}

// Public says whether an address is one of the internet's: of no network of somebody's own, and none
// that wraps another address (IANA's special-purpose registries, RFC 6890).
func Public(a netip.Addr) bool {
	a = a.Unmap()
	if a.Is6() && !within(a, "2000::/3") || !a.IsGlobalUnicast() || a.IsPrivate() || a.Zone() != "" {
		return false
	}
	return !within(a,
		"0.0.0.0/8", "100.64.0.0/10", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "198.18.0.0/15",
		"198.51.100.0/24", "203.0.113.0/24", "240.0.0.0/4",
		"2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20")
}

func within(a netip.Addr, prefixes ...string) bool {
	for _, p := range prefixes {
		if netip.MustParsePrefix(p).Contains(a) {
			return true
		}
	}
	return false
}
