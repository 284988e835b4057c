package web

import (
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/labstack/echo/v4"
	"github.com/labstack/echo/v4/middleware"
)

// securityHeaders sends with every answer what contract §0.1 lists. A page that needs a style
// sheet of its own widens the policy in its handler.
func securityHeaders(base *url.URL) echo.MiddlewareFunc {
	fixed := http.Header{
		"Cache-Control":           {"no-store, no-cache, must-revalidate"},
		"Pragma":                  {"no-cache"},
		"Expires":                 {"0"},
		"Content-Security-Policy": {"default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none';"},
		"Referrer-Policy":         {"no-referrer"},
		"X-Content-Type-Options":  {"nosniff"},
		"X-Frame-Options":         {"DENY"},
	}
	if base != nil && base.Scheme == "https" {
		fixed["Strict-Transport-Security"] = []string{"max-age=31536000; includeSubDomains"}
	}
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			maps.Copy(c.Response().Header(), fixed) // the values are shared; Set and Add replace them
			return next(c)
		}
	}
}

// corsRoots are the only paths that a page of another origin may call (contract §0.1).
var corsRoots = [...]string{
	".well-known", "admin", "auth", "cds-services", "email", "fhir", "fhircast", "keyvalue", "msggw", "oauth2", "rest", "storage",
}

// cors lets the configured origins call with credentials, as Medplum's SDK does.
func cors(o Options) echo.MiddlewareFunc {
	allowed := slices.Clone(o.AllowedOrigins)
	for _, own := range []*url.URL{o.AppURL, o.BaseURL} {
		if own != nil {
			allowed = append(allowed, own.Scheme+"://"+own.Host)
		}
	}
	every := slices.Contains(allowed, "*")
	return middleware.CORSWithConfig(middleware.CORSConfig{
		Skipper: func(c echo.Context) bool {
			root, _, _ := strings.Cut(strings.TrimPrefix(c.Request().URL.Path, "/"), "/")
			return !slices.Contains(corsRoots[:], root)
		},
		AllowOriginFunc:  func(origin string) (bool, error) { return every || slices.Contains(allowed, origin), nil },
		AllowMethods:     []string{"GET", "HEAD", "PUT", "PATCH", "POST", "DELETE"},
		AllowCredentials: true,
		ExposeHeaders:    []string{"Content-Location", "ETag", "Last-Modified", "Location", "RateLimit", "Retry-After", "X-Request-Id"},
		MaxAge:           600,
	})
}

// Handler is e with every route answering under /api too, except where Authing's own /api/v2 and
// /api/v3 are, FHIR's with a final slash as well (see cutSlash), and HEAD answered as GET without its
// body. It stands before e because the router looks at the request it was given, and net/http drops
// the body by the method it received (RFC 9110 §9.3.2).
func Handler(e *echo.Echo) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		path, under := cutAPI(request.URL.Path)
		path, slash := cutSlash(path)
		if !under && !slash && request.Method != http.MethodHead {
			e.ServeHTTP(w, request)
			return
		}
		changed := *request
		if under || slash {
			address := *request.URL
			address.Path = path
			address.RawPath, _ = cutAPI(address.RawPath)
			address.RawPath, _ = cutSlash(address.RawPath)
			changed.URL = &address
		}
		if changed.Method == http.MethodHead {
			changed.Method = http.MethodGet
		}
		e.ServeHTTP(w, &changed)
	})
}

// fhirRoot is where the addresses of FHIR begin.
const fhirRoot = "/fhir/R4/"

// cutSlash removes the final slash of an address of FHIR and says whether it had one: R4 spells
// conditional interactions and searches with it (PUT [base]/[type]/?…, R4 http.html#cond-update).
func cutSlash(path string) (string, bool) {
	if len(path) > len(fhirRoot) && strings.HasPrefix(path, fhirRoot) && strings.HasSuffix(path, "/") {
		return path[:len(path)-1], true
	}
	return path, false
}

// cutAPI removes a leading /api and says whether it did.
func cutAPI(path string) (string, bool) {
	rest, found := strings.CutPrefix(path, "/api")
	if !found || rest != "" && rest[0] != '/' {
		return path, false
	}
	if root, _, _ := strings.Cut(strings.TrimPrefix(rest, "/"), "/"); root == "v2" || root == "v3" {
		return path, false
	}
	if rest == "" {
		rest = "/"
	}
	return rest, true
}
