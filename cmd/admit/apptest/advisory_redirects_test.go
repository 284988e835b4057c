package apptest_test

import (
	"net/http"
	"net/url"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/admitdev/admit/cmd/admit/apptest"
)

// goesNowhere wants a redirect URI to be refused where it is, not at its address.
func goesNowhere(addresses ...string) func(t *testing.T, a *attacked) {
	return func(t *testing.T, a *attacked) {
		for _, address := range addresses {
			v := newVisitor(t, a.Server).send(http.MethodGet, a.ask("redirect_uri", address), nil)
			assert.Equal(t, http.StatusBadRequest, v.status, address)
			assert.Empty(t, v.header.Get("Location"), address)
		}
	}
}

// isRefused wants a request to the authorization endpoint to come back as an error.
func isRefused(more ...string) func(t *testing.T, a *attacked) {
	return func(t *testing.T, a *attacked) {
		asked := a.idp.asked["/jwks"]
		answer := newVisitor(t, a.Server).send(http.MethodGet, a.ask(more...), nil).at(appRedirect)
		assert.NotEmpty(t, answer.Get("error"))
		assert.Empty(t, answer.Get("code")+answer.Get("access_token")+answer.Get("id_token"))
		assert.Equal(t, asked, a.idp.asked["/jwks"])
	}
}

func redirectAdvisories() []advisory {
	return []advisory{
		{"CVE-2023-6291", "Keycloak: a redirect URI with user information", goesNowhere("https://app.example@evil.example/callback?from=admit", "https://app.example%2f@evil.example/callback?from=admit")},
		{"CVE-2026-7504", "Keycloak: several @ in a redirect URI", goesNowhere("https://app.example@@evil.example/callback?from=admit", "https://x@app.example@evil.example/callback?from=admit")},
		{"CVE-2024-29041", "Express: a backslash in a redirect URI", goesNowhere(`https://app.example\@evil.example/callback?from=admit`, `https:\\evil.example\callback?from=admit`)},
		{"CVE-2024-1132", "Keycloak: a redirect URI that climbs", goesNowhere("https://app.example/callback/../evil?from=admit", "https://app.example/callback%2f..%2fevil?from=admit", "https://app.example/callback/%252e%252e/evil?from=admit")},
		{"CVE-2026-3872", "Keycloak: a redirect URI that climbs by ..;/", goesNowhere("https://app.example/callback/..;/evil?from=admit")},
		{"CVE-2024-52289", "authentik: a redirect URI is a pattern", goesNowhere("https://appXexample/callback?from=admit", "https://app.example/callbackXfrom=admit", "https://app.example/callback?from=admit.*")},
		{"CVE-2020-15234", "fosite: a redirect URI in another case", goesNowhere("https://app.example/CALLBACK?from=admit", "HTTPS://app.example/callback?from=admit")},
		{"CVE-2020-15233", "fosite: another loopback redirect URI", goesNowhere("http://localhost:9/back", "http://127.0.0.1:9/back?x=1", "http://127.0.0.1:9/")},
		{"CVE-2024-8883", "Keycloak: a redirect URI that begins as the loopback one", goesNowhere("http://127.0.0.1:9.evil.example/back", "http://127.0.0.1.evil.example:9/back")},
		{"CVE-2022-36087", "oauthlib: a redirect URI that cannot be read", goesNowhere("http://[:/", "http://[::1", "https://%zz/", "//evil.example", "\x00")},
		{"CVE-2019-3778", "Spring Security OAuth: a second redirect URI", func(t *testing.T, a *attacked) {
			v := newVisitor(t, a.Server).send(http.MethodGet, a.ask()+"&redirect_uri="+url.QueryEscape("https://evil.example/"), nil)
			assert.Equal(t, http.StatusBadRequest, v.status)
			assert.Empty(t, v.header.Get("Location"))
		}},
		{"CVE-2024-21637", "authentik: a redirect URI that is a program", func(t *testing.T, a *attacked) {
			for _, address := range []string{"javascript:alert(1)", "JavaScript:alert(1)", "data:text/html,x", "vbscript:x", "java\\tscript:x", "/relative"} {
				got := a.admin.POST("/admin/projects/"+a.admin.Project+"/client", `{"name":"x","redirectUris":["`+address+`"]}`)
				assert.Equal(t, http.StatusBadRequest, got.Status, address)
			}
		}},
		{"CVE-2026-7571", "Keycloak: the implicit flow that is off", func(t *testing.T, a *attacked) {
			for _, kind := range []string{"token", "id_token", "id_token token", "code token", "code id_token", "none"} {
				isRefused("response_type", kind)(t, a)
			}
		}},
		{"CVE-2023-6927", "Keycloak: a response mode that redirects otherwise", func(t *testing.T, a *attacked) {
			for _, mode := range []string{"form_post.jwt", "form_post", "fragment", "query.jwt"} {
				isRefused("response_mode", mode)(t, a)
			}
		}},
		{"CVE-2020-10770", "Keycloak: request_uri asks an address inside", func(t *testing.T, a *attacked) { isRefused("request_uri", a.idp.URL+"/jwks")(t, a) }},
		{"CVE-2020-7692", "Google's OAuth client: no PKCE", isRefused("code_challenge", "", "code_challenge_method", "")},
		{"CVE-2024-23647", "authentik: PKCE is left out on the way", func(t *testing.T, a *attacked) {
			isRefused("code_challenge_method", "plain")(t, a)
			isRefused("code_challenge_method", "")(t, a)
			code := a.nobody.POST("/auth/login", `{"email":"`+a.member.Email+`","password":"`+apptest.Password+`","clientId":"`+a.app+`"}`).WantStatus(http.StatusOK).Field("code")
			exchangeApp(a.Server, a.app, code, "code_verifier", "").WantStatus(http.StatusBadRequest)
			exchangeApp(a.Server, a.app, code).WantStatus(http.StatusBadRequest)
		}},
		{"CVE-2023-48228", "authentik: a challenge without its verifier", func(t *testing.T, a *attacked) {
			for _, verifier := range []string{"", appChallenge(), "another-verifier-of-at-least-forty-three-characters"} {
				exchangeApp(a.Server, a.app, a.codeOf(a.member), "code_verifier", verifier).WantStatus(http.StatusBadRequest)
			}
		}},
		{"CVE-2018-15758", "Spring Security OAuth: the consent gives more than was asked", func(t *testing.T, a *attacked) {
			v := newVisitor(t, a.Server).send(http.MethodGet, a.ask(), nil).fill("email", a.member.Email, "password", apptest.Password)
			require.Contains(t, v.page, "Allow Growth")
			action, fields := v.form()
			fields["scope"], fields["answer"] = []string{"openid", "user/*.*"}, []string{"allow"}
			v.send(http.MethodPost, action, fields)
			assert.Equal(t, http.StatusBadRequest, v.status)
			assert.Empty(t, v.header.Get("Location"))
		}},
		{"CVE-2022-25896", "passport: the session from before the sign-in", func(t *testing.T, a *attacked) {
			v := newVisitor(t, a.Server).send(http.MethodGet, a.ask(), nil)
			before := v.header.Get("Set-Cookie")
			fixed, err := http.ParseSetCookie(before)
			require.NoError(t, err)
			v.fill("email", a.member.Email, "password", apptest.Password)
			require.Contains(t, v.page, "Allow Growth")
			assert.NotEmpty(t, v.header.Get("Set-Cookie"))
			_, fields := v.form()
			attacker := newVisitor(t, a.Server).send(http.MethodPost, "/oauth2/authorize/consent", fields, "Cookie", fixed.Name+"="+fixed.Value)
			assert.Equal(t, http.StatusForbidden, attacker.status)
		}},
		{"CVE-2022-39222", "Dex: the approval of somebody else is gone on with", func(t *testing.T, a *attacked) {
			mine := newVisitor(t, a.Server).send(http.MethodGet, a.ask(), nil).fill("email", a.member.Email, "password", apptest.Password)
			_, pending := mine.form()
			thief := newVisitor(t, a.Server).send(http.MethodGet, a.ask(), nil)
			_, own := thief.form()
			own.Set("login", pending.Get("login"))
			own.Set("answer", "allow")
			assert.Equal(t, http.StatusNotFound, thief.send(http.MethodPost, "/oauth2/authorize/consent", own).status)
		}},
		{"CWE-352", "a form of another site signs in", func(t *testing.T, a *attacked) {
			v := newVisitor(t, a.Server).send(http.MethodGet, a.ask(), nil)
			action, fields := v.form()
			fields.Set("email", a.member.Email)
			fields.Set("password", apptest.Password)
			assert.Equal(t, http.StatusForbidden, v.send(http.MethodPost, action, fields, "Sec-Fetch-Site", "cross-site").status)
			assert.Equal(t, http.StatusForbidden, v.send(http.MethodPost, action, fields, "Origin", "https://evil.example").status)
		}},
		{"CVE-2016-4977", "Spring Security OAuth: an error evaluates what was sent", func(t *testing.T, a *attacked) {
			v := newVisitor(t, a.Server)
			for _, bad := range []string{"${7*191}", "{{7*191}}", "<script>alert(1)</script>"} {
				v.send(http.MethodGet, a.ask("client_id", bad), nil)
				assert.Equal(t, http.StatusBadRequest, v.status)
				assert.NotContains(t, v.page, "1337")
				assert.NotContains(t, v.page, "<script")
				v.send(http.MethodGet, a.ask("response_type", bad), nil)
				assert.NotContains(t, v.header.Get("Location"), "1337")
			}
		}},
		{"CVE-2020-15129", "Traefik: X-Forwarded-Prefix leads elsewhere", func(t *testing.T, a *attacked) {
			v := newVisitor(t, a.Server).send(http.MethodGet, a.ask(), nil, "X-Forwarded-Prefix", "//evil.example", "X-Forwarded-Host", "evil.example", "X-Forwarded-Proto", "gopher")
			assert.NotContains(t, v.page+v.header.Get("Set-Cookie")+v.header.Get("Location"), "evil.example")
		}},
		{"CVE-2017-5868", "OpenVPN Access Server: a line break makes a header", func(t *testing.T, a *attacked) {
			v := newVisitor(t, a.Server).send(http.MethodGet, a.ask("state", "x\r\nSet-Cookie: a=b", "prompt", "none"), nil)
			assert.Equal(t, "x\r\nSet-Cookie: a=b", v.at(appRedirect).Get("state"))
			assert.Empty(t, v.header.Get("Set-Cookie"))
		}},
	}
}
