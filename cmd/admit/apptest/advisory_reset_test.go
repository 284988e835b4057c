package apptest_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/admitdev/admit/cmd/admit/apptest"
)

const newPassword = "Donut-glaze-77"

// poisoned asks for a reset in a way that must not lead its link elsewhere.
func poisoned(email, host string, headers ...string) func(t *testing.T, a *attacked) {
	return func(t *testing.T, a *attacked) {
		a.invite(email, "")
		before := a.mailsTo(email)
		if status := a.post(t, "/auth/resetpassword", `{"email":"`+email+`"}`, host, headers...); status != http.StatusOK {
			assert.Less(t, status, http.StatusInternalServerError)
			return // refused
		}
		m := a.MailTo(email)
		assert.Greater(t, a.mailsTo(email), before)
		assert.Contains(t, m.Link, a.URL+"/setpassword/")
		assert.NotContains(t, m.Text+m.HTML, "evil.example")
	}
}

// lookAlike asks for a reset by an address that is almost somebody's; an answer to a real one shows that
// the jobs have run.
func lookAlike(emails ...string) func(t *testing.T, a *attacked) {
	return func(t *testing.T, a *attacked) {
		before := a.mailsTo(a.admin.Email)
		for _, email := range emails {
			a.nobody.POST("/auth/resetpassword", `{"email":"`+email+`"}`)
		}
		a.resetLink(t, a.other.Email, "")
		assert.Equal(t, before, a.mailsTo(a.admin.Email))
		for _, email := range emails {
			assert.Zero(t, a.mailsTo(email), email)
		}
	}
}

func resetAdvisories() []advisory {
	return []advisory{
		{"CVE-2023-7028", "GitLab: a reset for a list of addresses", func(t *testing.T, a *attacked) {
			for _, emails := range []string{`["` + a.member.Email + `","thief@evil.example"]`, `{"0":"` + a.member.Email + `"}`, `"` + a.member.Email + `,thief@evil.example"`, `"` + a.member.Email + ` thief@evil.example"`} {
				assert.Equal(t, http.StatusBadRequest, a.nobody.POST("/auth/resetpassword", `{"email":`+emails+`}`).Status, emails)
			}
			twice := a.nobody.POST("/auth/resetpassword", `{"email":"`+a.member.Email+`","email":"thief@evil.example"}`)
			assert.Less(t, twice.Status, http.StatusInternalServerError)
			assert.Zero(t, a.mailsTo("thief@evil.example"))
		}},
		{"CVE-2017-8295", "WordPress: the Host of a request makes the link", poisoned("host@clinic.example", "evil.example")},
		{"CVE-2023-49097", "ZITADEL: X-Forwarded-Host makes the link", poisoned("fwd@clinic.example", "", "X-Forwarded-Host", "evil.example", "Forwarded", "host=evil.example", "X-Original-Host", "evil.example")},
		{"CVE-2026-27812", "Sub2API: Origin and Referer make the link", poisoned("origin@clinic.example", "", "Referer", "https://evil.example/", "X-Forwarded-Proto", "evil.example://x", "X-Forwarded-Server", "evil.example")},
		{"CVE-2019-19844", "Django: a letter that folds to another", lookAlike("admın@clinic.example", "admİn@clinic.example")},
		{"CVE-2024-27295", "Directus: an address with accents", lookAlike("ádmin@clinic.example", "admin@clínic.example", "admin@clinic.examp1e")},
		{"CVE-2022-39307", "Grafana: a reset tells who has an account", func(t *testing.T, a *attacked) {
			known := a.nobody.POST("/auth/resetpassword", `{"email":"`+a.member.Email+`","sendEmail":false}`)
			unknown := a.nobody.POST("/auth/resetpassword", `{"email":"nobody@clinic.example","sendEmail":false}`)
			assert.Equal(t, known.Status, unknown.Status)
			assert.Equal(t, known.Field("issue.0.details.text"), unknown.Field("issue.0.details.text"))
			assert.Equal(t, len(known.Body), len(unknown.Body))
		}},
		{"CVE-2013-0233", "Devise: a secret of another type", func(t *testing.T, a *attacked) {
			a.invite("type@clinic.example", "")
			id, _ := a.resetLink(t, "type@clinic.example", "")
			for _, secret := range []string{"0", "true", "null", "[]", `""`, "1e1"} {
				assert.Equal(t, http.StatusBadRequest, a.setPassword(id, secret, newPassword).Status, secret)
			}
		}},
		{"CVE-2021-22911", "Rocket.Chat: a secret that is a query", func(t *testing.T, a *attacked) {
			a.invite("query@clinic.example", "")
			id, _ := a.resetLink(t, "query@clinic.example", "")
			for _, secret := range []string{`{"$gt":""}`, `{"$regex":"^a"}`, `"%"`, `"' OR '1'='1"`, `"*"`} {
				assert.Equal(t, http.StatusBadRequest, a.setPassword(id, secret, newPassword).Status, secret)
			}
		}},
		{"CVE-2019-18818", "Strapi: a reset without its code", func(t *testing.T, a *attacked) {
			a.invite("code@clinic.example", "")
			id, _ := a.resetLink(t, "code@clinic.example", "")
			assert.Equal(t, http.StatusBadRequest, a.nobody.POST("/auth/setpassword", `{"id":"`+id+`","password":"`+newPassword+`"}`).Status)
			assert.Equal(t, http.StatusBadRequest, a.nobody.POST("/auth/setpassword", `{"email":"code@clinic.example","password":"`+newPassword+`"}`).Status)
		}},
		{"CVE-2023-26481", "authentik: one's own secret for somebody else", func(t *testing.T, a *attacked) {
			a.invite("mine@clinic.example", "")
			a.invite("theirs@clinic.example", "")
			_, mine := a.resetLink(t, "mine@clinic.example", "")
			theirs, _ := a.resetLink(t, "theirs@clinic.example", "")
			assert.Equal(t, http.StatusBadRequest, a.setPassword(theirs, `"`+mine+`"`, newPassword).Status)
		}},
		{"CVE-2022-23555", "authentik: a secret of another kind", func(t *testing.T, a *attacked) {
			a.invite("kind@clinic.example", "")
			id, secret := a.resetLink(t, "kind@clinic.example", "")
			got := a.nobody.POST("/auth/verifyemail", `{"id":"`+id+`","secret":"`+secret+`"}`)
			got.WantStatus(http.StatusBadRequest).WantText("Invalid user security request type")
			a.setPassword(id, `"`+secret+`"`, newPassword).WantStatus(http.StatusOK)
		}},
		{"CWE-640", "a link works twice, also at once", func(t *testing.T, a *attacked) {
			a.invite("again@clinic.example", "")
			id, secret := a.resetLink(t, "again@clinic.example", "")
			assert.Equal(t, 1, atOnce(3, func() int { return a.setPassword(id, `"`+secret+`"`, newPassword).Status }))
			assert.Equal(t, http.StatusBadRequest, a.setPassword(id, `"`+secret+`"`, "Another-glaze-78").Status)
			a.SignIn("again@clinic.example", newPassword, "")
		}},
		{"CWE-613", "a reset leaves older links and sessions open", func(t *testing.T, a *attacked) {
			c := a.fresh("older@clinic.example")
			first, firstSecret := a.resetLink(t, "older@clinic.example", "")
			second, secondSecret := a.resetLink(t, "older@clinic.example", "")
			require.NotEqual(t, first, second)
			assert.Equal(t, http.StatusBadRequest, a.setPassword(first, `"`+firstSecret+`"`, newPassword).Status)
			a.setPassword(second, `"`+secondSecret+`"`, newPassword).WantStatus(http.StatusOK)
			a.opensNothing(t, c.Token)
			a.nobody.FORM("/oauth2/token", "grant_type=refresh_token&refresh_token="+c.RefreshToken).WantStatus(http.StatusBadRequest)
			a.nobody.POST("/auth/login", `{"email":"older@clinic.example","password":"`+apptest.Password+`"}`).WantStatus(http.StatusBadRequest)
		}},
		{"CWE-204", "a link that is wrong tells what it would have opened", func(t *testing.T, a *attacked) {
			got := a.setPassword("00000000-0000-4000-8000-000000000000", `"x"`, newPassword)
			assert.Equal(t, http.StatusNotFound, got.Status)
			assert.NotContains(t, string(got.Body), "example")
		}},
	}
}
