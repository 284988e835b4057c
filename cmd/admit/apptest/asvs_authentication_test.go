package apptest_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tidwall/gjson"

	"github.com/admitdev/admit/cmd/admit/apptest"
	"github.com/admitdev/admit/pkg/secret"
	"github.com/admitdev/admit/pkg/store"
)

const (
	noPhone = "nothing is sent to telephones"
	noOOB   = "no code is sent out of band; mails only carry links that set a password"
)

// totpOf is the secret that a member is offered, with a code of it.
func totpOf(t *testing.T, c *apptest.Client) (secret, code string) {
	t.Helper()
	offered := mustURL(t, c.GET("/auth/mfa/status").OK().Field("enrollUri"))
	code, err := totp.GenerateCode(offered.Query().Get("secret"), time.Now())
	require.NoError(t, err)
	return offered.Query().Get("secret"), code
}

// changedPassword changes the password of a member.
func changedPassword(c *apptest.Client, old, fresh string) *apptest.Answer {
	return c.POST("/auth/changepassword", fmt.Sprintf(`{"oldPassword":%q,"newPassword":%q}`, old, fresh))
}

// asvsAuthentication is chapter 6.
func asvsAuthentication() []asvsLine {
	return []asvsLine{
		{number: "6.1.1", words: "limits against guessing are documented", documented: []string{"Sign-ins are counted per account and per address", "no number of failed ones locks an account for longer than the minute"}},
		{number: "6.1.2", words: "words that no password may be are documented", documented: []string{"are not the person's address, its local part or `ADMIT_APP_NAME`"}},
		{number: "6.1.3", words: "all ways to sign in are documented", documented: []string{"There are four ways in"}},
		{number: "6.2.1", words: "passwords have at least 8 characters", check: func(_ *testing.T, w *asvs) {
			w.register("sh0rt-7").WantStatus(http.StatusBadRequest)
			w.register("8-Jolly-").OK()
		}},
		{number: "6.2.2", words: "people change their password", check: func(_ *testing.T, w *asvs) {
			c := w.newMember("changes")
			changedPassword(c, apptest.Password, "A-new-long-password-8").OK()
			w.login(c.Email, "A-new-long-password-8").OK()
		}},
		{number: "6.2.3", words: "a change wants the old password", check: func(_ *testing.T, w *asvs) {
			c := w.newMember("oldone")
			changedPassword(c, "not-the-old-one-9", "A-new-long-password-8").WantStatus(http.StatusBadRequest)
			w.login(c.Email, apptest.Password).OK()
		}},
		{number: "6.2.4", words: "common passwords are refused", check: func(_ *testing.T, w *asvs) {
			for _, common := range []string{"password", "12345678", "iloveyou", "football"} {
				w.register(common).WantStatus(http.StatusBadRequest)
			}
		}},
		{number: "6.2.5", words: "passwords need no certain characters", check: func(_ *testing.T, w *asvs) {
			for _, one := range []string{"qpzmxowntyve", "73920184756102", "пароль длинный и ясный", "  spaces inside it  "} {
				w.register(one).OK()
			}
		}},
		{number: "6.2.6", words: "password fields hide what is typed", check: func(t *testing.T, w *asvs) {
			page := newVisitor(t, w.Server).send(http.MethodGet, "/signin", nil).page
			assert.Regexp(t, `<input[^>]*type="password"`, page)
		}},
		{number: "6.2.7", words: "passwords may be pasted and filled in", check: func(t *testing.T, w *asvs) {
			page := newVisitor(t, w.Server).send(http.MethodGet, "/signin", nil).page
			assert.Contains(t, page, `autocomplete="current-password"`)
			assert.NotRegexp(t, `(?i)onpaste|autocomplete="off"`, page)
		}},
		{number: "6.2.8", words: "passwords are compared as they are typed", check: func(_ *testing.T, w *asvs) {
			c := w.newMember("exact")
			long := strings.Repeat("Long-and-exact-", 6)
			changedPassword(c, apptest.Password, long).OK()
			for _, other := range []string{strings.ToLower(long), long[:72], long + " "} {
				w.login(c.Email, other).WantStatus(http.StatusBadRequest)
			}
			w.login(c.Email, long).OK()
		}},
		{number: "6.2.9", words: "passwords of 64 characters and more are taken", check: func(_ *testing.T, w *asvs) {
			w.register(strings.Repeat("Zebra-", 40)).OK()
		}},
		{number: "6.2.10", words: "passwords do not run out", check: func(t *testing.T, w *asvs) {
			c := w.newMember("years")
			w.sql(t, `UPDATE credential SET updated_at = 1 WHERE id = '`+idOf(c.User)+`' AND kind = 'password'`)
			w.login(c.Email, apptest.Password).OK()
		}},
		{number: "6.2.11", words: "passwords that say whose they are are refused", check: func(t *testing.T, w *asvs) {
			c := w.newMember("somebody.at.home")
			for _, guess := range []string{"somebody.at.home", "SOMEBODY.AT.HOME@asvs.example"} {
				changedPassword(c, apptest.Password, guess).WantStatus(http.StatusBadRequest).WantText("Password is too easy to guess")
			}
		}},
		{number: "6.2.12", words: "passwords known from breaches are refused", check: func(_ *testing.T, w *asvs) {
			w.register("password123").WantStatus(http.StatusBadRequest).WantText("Password found in breach database")
		}},
		{number: "6.3.1", words: "guessing is limited as documented", check: func(t *testing.T, w *asvs) {
			for tries := 0; ; tries++ {
				got := w.elsewhere.As(apptest.Anonymous).POST("/auth/login", `{"email":"`+apptest.SuperAdminEmail+`","password":"wrong-password-1","scope":"openid"}`)
				if got.Status == http.StatusTooManyRequests {
					assert.NotEmpty(t, got.Header.Get("Retry-After"))
					return
				}
				require.Less(t, tries, elsewhereLimit)
				got.WantStatus(http.StatusBadRequest)
			}
		}},
		{number: "6.3.2", words: "there are no default accounts", check: func(t *testing.T, w *asvs) {
			for _, name := range []string{"root", "admin", "sa", "admin@example.com"} {
				w.nobody.POST("/auth/login", `{"email":"`+name+`@example.com","password":"medplum_admin","scope":"openid"}`).WantStatus(http.StatusBadRequest)
			}
		}},
		{number: "6.3.3", words: "signing in takes several factors", unmet: "by default a password is enough; where a project, be it the super administrators', or a User has mfaRequired it is not, by whichever way one comes, and passkeys are both factors"},
		{number: "6.3.4", words: "every way to sign in asks for the same", check: func(t *testing.T, w *asvs) {
			c := w.newMember("everyway")
			enrol(t, c)
			assert.Empty(t, w.login(c.Email, apptest.Password).OK().Field("code"))
			v := newVisitor(t, w.Server).send(http.MethodGet, w.ask(), nil).fill("email", c.Email, "password", apptest.Password)
			assert.NotContains(t, v.page, "Allow Growth")
			w.nobody.FORM("/oauth2/token", "grant_type=password&username="+url.QueryEscape(c.Email)+"&password="+apptest.Password).WantStatus(http.StatusBadRequest)
		}},
		{number: "6.3.5", words: "people are told of suspicious sign-ins", check: unusualSignIns},
		{number: "6.3.6", words: "mail is no factor", check: func(t *testing.T, w *asvs) {
			c := w.newMember("nomail")
			enrol(t, c)
			w.admin.POST("/admin/projects/"+w.admin.Project+"/members/"+idOf(c.Membership)+"/mfa/reset", `{"method":"email"}`).WantStatus(http.StatusBadRequest)
			step := w.login(c.Email, apptest.Password).OK()
			assert.Equal(t, "true", step.Field("mfaRequired"))
		}},
		{number: "6.3.7", words: "people are told of changed credentials", check: func(t *testing.T, w *asvs) {
			c := w.newMember("told")
			enrol(t, c)
			w.MailAbout(c.Email, "second factors of your Admit account were changed")
			changedPassword(c, apptest.Password, "A-new-long-password-8").OK()
			w.MailAbout(c.Email, "password of your Admit account was changed")
			w.admin.POST("/admin/projects/"+w.admin.Project+"/members/"+idOf(c.Membership)+"/mfa/reset", "{}").OK()
			w.MailAbout(c.Email, "multi-factor authentication has been reset")
			forced := w.newMember("toldforced")
			w.super.POST("/admin/super/setpassword", `{"email":"`+forced.Email+`","password":"A-forced-password-8"}`).OK()
			w.MailAbout(forced.Email, "password of your Admit account was changed")
		}},
		{number: "6.3.8", words: "nobody learns who has an account", check: func(t *testing.T, w *asvs) {
			known, unknown := w.login(w.staff.Email, "wrong-password-1"), w.login("nobody@asvs.example", "wrong-password-1")
			assert.Equal(t, known.Status, unknown.Status)
			assert.Equal(t, known.Field("issue.0.details.text"), unknown.Field("issue.0.details.text"))
			reset := func(email string) *apptest.Answer {
				return w.nobody.POST("/auth/resetpassword", `{"email":"`+email+`","projectId":"`+w.admin.Project+`"}`)
			}
			assert.Equal(t, reset(w.staff.Email).OK().Status, reset("nobody@asvs.example").OK().Status)
		}},
		{number: "6.4.1", words: "first secrets are random, short-lived and work once", check: func(t *testing.T, w *asvs) {
			w.admin.POST("/admin/projects/"+w.admin.Project+"/invite", `{"resourceType":"Practitioner","firstName":"A","lastName":"B","email":"once@asvs.example"}`).OK()
			id, secret := w.link(t, "once@asvs.example", "")
			assert.GreaterOrEqual(t, len(secret), 22)
			w.byLink(id, secret, "short").WantStatus(http.StatusBadRequest)
			w.byLink(id, secret, "A-long-first-password-5").OK()
			w.byLink(id, secret, "A-long-second-password-5").WantStatus(http.StatusBadRequest)
		}},
		{number: "6.4.2", words: "no hints and no questions", check: func(t *testing.T, w *asvs) {
			for _, path := range []string{"/signin", "/resetpassword"} {
				assert.NotRegexp(t, `(?i)hint|question|mother`, newVisitor(t, w.Server).send(http.MethodGet, path, nil).page)
			}
		}},
		{number: "6.4.3", words: "a reset password opens nothing without the second factor", check: func(t *testing.T, w *asvs) {
			const email = "resets@asvs.example"
			c := w.verified(t, email)
			enrol(t, c)
			before, _ := w.link(t, email, "")
			w.admin.POST("/admin/projects/"+w.admin.Project+"/members/"+idOf(c.Membership)+"/resetpassword", "{}").OK()
			id, secret := w.link(t, email, before)
			w.byLink(id, secret, "A-reset-password-55").OK()
			step := w.login(email, "A-reset-password-55").OK()
			assert.Empty(t, step.Field("code"))
			assert.Equal(t, "true", step.Field("mfaRequired"))
		}},
		{number: "6.4.4", words: "a lost factor is replaced by who has proven who they are", check: func(t *testing.T, w *asvs) {
			c := w.newMember("lostfactor")
			enrol(t, c)
			at := "/admin/projects/" + w.admin.Project + "/members/" + idOf(c.Membership) + "/mfa/reset"
			w.nobody.POST(at, "{}").WantStatus(http.StatusUnauthorized)
			w.staff.POST(at, "{}").WantStatus(http.StatusForbidden)
			w.admin.POST(at, "{}").OK()
		}},
		{number: "6.4.5", words: "people are reminded of what runs out", applies: "no factor runs out"},
		{number: "6.4.6", words: "administrators begin a reset and choose no password", unmet: "Medplum's setpassword and invites with a password are kept; resetpassword mails a link"},
		{number: "6.5.1", words: "a one-time password works once", check: func(t *testing.T, w *asvs) {
			c := w.newMember("totponce")
			_, code := totpOf(t, c)
			c.POST("/auth/mfa/enroll", `{"token":"`+code+`"}`).OK()
			login := w.login(c.Email, apptest.Password).OK().Field("login")
			w.nobody.POST("/auth/mfa/verify", `{"login":"`+login+`","token":"`+code+`"}`).WantStatus(http.StatusBadRequest)
		}},
		{number: "6.5.2", words: "recovery codes are stored hashed and work once", check: func(t *testing.T, w *asvs) {
			c := w.newMember("recovery")
			_, code := totpOf(t, c)
			made := gjson.GetBytes(c.POST("/auth/mfa/enroll", `{"token":"`+code+`"}`).OK().Body, "recoveryCodes").Array()
			require.Len(t, made, 10)
			for _, one := range made {
				found := 0
				hash := secret.SHA256(strings.ReplaceAll(one.String(), "-", ""))
				require.NoError(t, w.Store.InTx(t.Context(), countIn(t, &found, `SELECT count(*) FROM recovery_code WHERE hash = '`+hash+`'`)))
				assert.Equal(t, 1, found)
			}
			use := func() *apptest.Answer {
				login := w.login(c.Email, apptest.Password).OK().Field("login")
				return w.nobody.POST("/auth/mfa/verify", `{"login":"`+login+`","token":"`+made[0].String()+`"}`)
			}
			use().OK()
			use().WantStatus(http.StatusBadRequest)
		}},
		{number: "6.5.3", words: "seeds and codes are random", check: func(t *testing.T, w *asvs) {
			first, _ := totpOf(t, w.newMember("seed1"))
			second, _ := totpOf(t, w.newMember("seed2"))
			assert.NotEqual(t, first, second)
			assert.GreaterOrEqual(t, len(first), 26, "128 bits in base32")
		}},
		{number: "6.5.4", words: "codes have at least 20 random bits", check: func(t *testing.T, w *asvs) {
			c := w.newMember("bits")
			_, code := totpOf(t, c)
			assert.Regexp(t, `^\d{6}$`, code)
			made := gjson.GetBytes(c.POST("/auth/mfa/enroll", `{"token":"`+code+`"}`).OK().Body, "recoveryCodes").Array()
			require.Len(t, made, 10)
			groups, pairs, letters := map[string]bool{}, map[string]bool{}, map[rune]bool{}
			for _, one := range made {
				assert.Regexp(t, `^([A-Z2-7]{5}-){4}[A-Z2-7]{5}$`, one.String())
				for at := 0; at < 24; at += 6 {
					pairs[one.String()[at:at+11]] = true
				}
				for group := range strings.SplitSeq(one.String(), "-") {
					groups[group] = true
					for _, letter := range group {
						letters[letter] = true
					}
				}
			}
			assert.Len(t, pairs, 40, "no two neighbouring groups, which are fifty bits, come twice")
			assert.GreaterOrEqual(t, len(groups), 48, "of fifty groups of five random letters two are the same once in 27,000 times")
			assert.GreaterOrEqual(t, len(letters), 26, "all of the alphabet is used")
		}},
		{number: "6.5.5", words: "one-time passwords live 30 seconds", check: func(t *testing.T, w *asvs) {
			c := w.newMember("stalecode")
			secret, _ := totpOf(t, c)
			old, err := totp.GenerateCode(secret, time.Now().Add(-5*time.Minute))
			require.NoError(t, err)
			c.POST("/auth/mfa/enroll", `{"token":"`+old+`"}`).WantStatus(http.StatusBadRequest)
		}},
		{number: "6.5.6", words: "factors can be revoked", check: func(t *testing.T, w *asvs) {
			c := w.newMember("revoked")
			enrol(t, c)
			w.admin.POST("/admin/projects/"+w.admin.Project+"/members/"+idOf(c.Membership)+"/mfa/reset", "{}").OK()
			assert.Equal(t, "false", c.GET("/auth/mfa/status").OK().Field("enrolled"))
		}},
		{number: "6.5.7", words: "biometrics are a second factor only", applies: "Admit sees no biometrics; a passkey is something that one has"},
		{number: "6.5.8", words: "one-time passwords are judged by the server's time", check: func(t *testing.T, w *asvs) {
			c := w.newMember("servertime")
			secret, _ := totpOf(t, c)
			ahead, err := totp.GenerateCode(secret, time.Now().Add(5*time.Minute))
			require.NoError(t, err)
			c.With("Date", time.Now().Add(5*time.Minute).Format(http.TimeFormat)).POST("/auth/mfa/enroll", `{"token":"`+ahead+`"}`).WantStatus(http.StatusBadRequest)
		}},
		{number: "6.6.1", words: "codes by telephone are handled with care", applies: noPhone},
		{number: "6.6.2", words: "codes out of band belong to one request", applies: noOOB},
		{number: "6.6.3", words: "codes out of band cannot be guessed", applies: noOOB},
		{number: "6.6.4", words: "push notifications are limited", applies: "nothing is pushed"},
		{number: "6.7.1", words: "keys of cryptographic factors cannot be changed by others", check: func(t *testing.T, w *asvs) {
			c := w.newMember("keys")
			key := store.Passkey{ID: "a-" + idOf(clockID()), UserProject: store.SystemProject, User: idOf(c.User), Name: "Mine", Record: `{"publicKey":"AA=="}`}
			require.NoError(t, w.Store.InTx(t.Context(), func(tx *store.Tx) error {
				_, err := tx.AddPasskey(t.Context(), key)
				return err
			}))
			named, nameless := `{"id":"`+key.ID+`","name":"Theirs"}`, `{"id":"`+key.ID+`"}`
			for _, other := range []*apptest.Client{w.staff, w.other, w.admin} {
				other.POST("/auth/passkey/rename", named).WantStatus(http.StatusNotFound)
				other.POST("/auth/passkey/delete", nameless).WantStatus(http.StatusNotFound)
			}
			w.nobody.POST("/auth/passkey/delete", nameless).WantStatus(http.StatusUnauthorized)
			w.staff.PUT("/fhir/R4/"+c.User, `{"resourceType":"User","id":"`+idOf(c.User)+`"}`).WantStatus(http.StatusForbidden)
			assert.NotContains(t, string(w.super.GET("/fhir/R4/"+c.User).OK().Body), "publicKey")
			assert.Equal(t, "Mine", c.GET("/auth/passkey").OK().Field("passkeys.0.name"))
			c.POST("/auth/passkey/delete", nameless).OK()
		}},
		{number: "6.7.2", words: "challenges have at least 64 random bits", check: func(t *testing.T, w *asvs) {
			challenge := func() string {
				return w.elsewhere.As(apptest.Admin).POST("/auth/passkey/register-options", `{}`).OK().Field("publicKey.challenge")
			}
			first := challenge()
			assert.GreaterOrEqual(t, len(first), 11)
			assert.NotEqual(t, first, challenge())
		}},
		{number: "6.8.1", words: "providers cannot speak for each other's people", check: providersAreKeptApart},
		{number: "6.8.2", words: "assertions without a valid signature are refused", check: unsignedAssertions},
		{number: "6.8.3", words: "SAML assertions are used once", applies: "SAML is not spoken"},
		{number: "6.8.4", words: "how strongly a provider has authenticated is checked", check: strengthOfProviders},
	}
}
