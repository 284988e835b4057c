package web

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"

	"github.com/labstack/echo/v4"
)

// noAddress stands for a client of which trusted proxies say something else than its address. No rule about
// addresses lets it in, which the proxy's own address might.
const noAddress = "unknown"

// clientAddress is the peer, or what trusted proxies say in X-Forwarded-For: the nearest address
// that is not itself a trusted proxy, since anything left of it is the client's own claim. Some proxies
// add a port.
func clientAddress(trusted []netip.Prefix) echo.IPExtractor {
	direct := echo.ExtractIPDirect()
	trusts := func(address netip.Addr) bool {
		return slices.ContainsFunc(trusted, func(p netip.Prefix) bool { return p.Contains(address) })
	}
	return func(r *http.Request) string {
		peer := direct(r)
		address, err := netip.ParseAddr(peer)
		if err != nil || !trusts(address.Unmap().WithZone("")) {
			return peer
		}
		hops := strings.Split(strings.Join(r.Header[echo.HeaderXForwardedFor], ","), ",")
		for _, hop := range slices.Backward(hops) {
			if hop = strings.TrimSpace(hop); hop == "" {
				continue
			}
			if address, err = parseHop(hop); err != nil {
				return noAddress
			}
			if !trusts(address) {
				break
			}
		}
		return address.String()
	}
}

func parseHop(text string) (netip.Addr, error) {
	address, err := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(text, "["), "]"))
	if err != nil {
		var withPort netip.AddrPort
		withPort, err = netip.ParseAddrPort(text)
		address = withPort.Addr()
	}
	return address.Unmap().WithZone(""), err
}
