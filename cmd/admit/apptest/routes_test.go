package apptest_test

import (
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/admitdev/admit/cmd/admit/apptest"
)

// public are the routes that answer without credentials, each for a reason. A route that is not
// here must answer 401.
func public() map[string][]string {
	return map[string][]string{
		"tells nothing about anybody": {
			"GET /", "GET /robots.txt", "GET /openapi.json", "GET /healthcheck", "GET /readyz", "GET /metrics", "GET /assets/style.css", "GET /assets/passkey.js",
			"GET /fhir/R4/metadata", "GET /fhir/R4/$versions", "GET /fhir/R4/.well-known/*", "GET /.well-known/*", "GET /auth/clientinfo/:id",
		},
		"is how one gets in": {
			"POST /auth/method", "POST /auth/login", "POST /auth/newuser", "POST /auth/passkey/login-options", "POST /auth/passkey/login",
			"GET /signin", "POST /signin",
			"GET /oauth2/authorize", "POST /oauth2/authorize", "POST /oauth2/authorize/*",
			"POST /rest/v2/auth/login", "POST /rest/v2/auth/check",
			"POST /auth/google", "GET /auth/external", "GET /auth/external/start", "POST /auth/external/start", // back with the state of a journey of the same browser
			"GET /oauth2/end-session", "POST /oauth2/end-session", "POST /oauth2/end-session/*", // and out: by a hint that is signed, or as the browser whose session it is
		},
		"asks for a sign-in of its own, and shows nothing before": {"GET /account", "POST /account", "GET /account/*", "POST /account/*"},
		"takes the id of a login, which only who began it knows": {
			"GET /auth/login/:login", "POST /auth/newproject", "POST /auth/newpatient", "POST /auth/profile", "POST /auth/scope",
			"POST /auth/mfa/login-enroll", "POST /auth/mfa/verify", "POST /auth/passkey/verify-options", "POST /auth/passkey/verify",
		},
		"takes a secret that was mailed or printed": {
			"POST /auth/setpassword", "POST /auth/verifyemail",
			"GET /setpassword/:id/:secret", "POST /setpassword/:id/:secret", "GET /verifyemail/:id/:secret", "POST /verifyemail/:id/:secret",
			"GET /setup/:secret", "POST /setup/:secret",
		},
		"wants a token of a session":                {"POST /rest/v2/auth/refresh", "POST /rest/v2/auth/switch/:project"},
		"answers the same for everybody":            {"POST /rest/v2/user/forgottenPassword/:email", "POST /auth/resetpassword", "GET /resetpassword", "POST /resetpassword"},
		"wants a signature that a caller was given": {"GET /storage/:id/:version"},
		"authenticates the client itself, in OAuth's words": {
			"POST /auth/exchange", "POST /oauth2/token", "POST /oauth2/par", "POST /oauth2/introspect", "POST /oauth2/revoke",
		},
		"is not there until a project speaks the dialect, and then authenticates in Authing's words": {
			"POST /graphql/v2", "GET /api/v2/*", "POST /api/v2/*", "GET /api/v3/*", "POST /api/v3/*",
		},
		"takes the secret of the mail server":                          {"POST /mail/bounces"},
		"is closed until a project opens it, and then gives no rights": {"POST /oauth2/register"},
	}
}

func isPublic(route string) bool {
	for _, routes := range public() {
		for _, known := range routes {
			prefix, open := strings.CutSuffix(known, "*")
			if route == known || open && strings.HasPrefix(route, prefix) {
				return true
			}
		}
	}
	return false
}

// isDialect says which routes have other systems' form of an error.
func isDialect(path string) bool {
	return strings.HasPrefix(path, "/rest/v2/") || strings.HasPrefix(path, "/msggw/")
}

// asPath fills a route's parameters with something that looks right.
func asPath(route string) string {
	path := strings.NewReplacer(":type", "Patient", "*", "x").Replace(route)
	return regexp.MustCompile(`:\w+`).ReplaceAllString(path, "00000000-0000-4000-8000-000000000000")
}

// TestEveryRouteWantsACaller is made from the router: a new route is asked without credentials, and
// with bad ones, until somebody has written down why it needs none.
func TestEveryRouteWantsACaller(t *testing.T) {
	s := apptest.Start(t)
	nobody := s.As(apptest.Anonymous)
	asked := 0
	for _, route := range s.Routes {
		name := route.Method + " " + route.Path
		if !slices.Contains([]string{"GET", "POST", "PUT", "PATCH", "DELETE"}, route.Method) || isPublic(name) {
			continue
		}
		asked++
		t.Run(name, func(t *testing.T) {
			for _, authorization := range []string{"", "Bearer x", "Basic eDp5", "Bearer a a"} {
				c := nobody
				if authorization != "" {
					c = c.With("Authorization", authorization)
				}
				body := ""
				if route.Method != http.MethodGet && route.Method != http.MethodDelete {
					body = "{}"
				}
				got := c.Do(route.Method, asPath(route.Path), body)
				got.WantStatus(http.StatusUnauthorized)
				switch {
				case strings.HasPrefix(route.Path, "/scim/"):
					require.Equal(t, "401", got.Field("status"))
				case !isDialect(route.Path):
					got.WantIssue("unauthorized")
				}
				require.NotEmpty(t, got.Header.Get("WWW-Authenticate"))
			}
		})
	}
	require.Greater(t, asked, 20, "the router was looked through")
	s.WantUnchanged("User", "Project", "ProjectMembership", "Patient")
	s.WantNoMail()
}
