package pages_test

import (
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/admitdev/admit/cmd/admit/apptest"
	"github.com/admitdev/admit/pkg/secret"
	"github.com/admitdev/admit/pkg/store/storetest"
)

// invite makes an invitation and gives the path of its link.
func invite(t *testing.T, srv *apptest.Server, email, more string) string {
	t.Helper()
	admin := srv.As(apptest.Admin)
	admin.POST("/admin/projects/"+admin.Project+"/invite",
		`{"resourceType":"Practitioner","firstName":"<b>Al</b>","lastName":"Ice","email":"`+email+`"`+more+`}`).WantStatus(http.StatusOK)
	return strings.TrimPrefix(srv.MailTo(email).Link, srv.URL)
}

func password(value string) string { return url.Values{"password": {value}}.Encode() }

func TestALinkIsLookedAtAsOftenAsOneLikesAndUsedOnce(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db storetest.DB) {
		srv := apptest.Start(t, apptest.On(db))
		link := invite(t, srv, "alice@example.com", "")
		nobody := srv.As(apptest.Anonymous)
		for range 3 {
			page := nobody.GET(link).WantStatus(http.StatusOK)
			assert.Contains(t, string(page.Body), "alice@example.com")
			assert.Contains(t, string(page.Body), "You were invited to Clinic")
			nobody.Do(http.MethodHead, link, "").WantStatus(http.StatusOK)
			nobody.GET("/api" + link).WantStatus(http.StatusOK)
		}
		refused := nobody.FORM(link, password("short")).WantStatus(http.StatusBadRequest)
		assert.Contains(t, string(refused.Body), "at least 8 characters")
		assert.Contains(t, string(refused.Body), `aria-describedby="password-problem password-hint"`)
		assert.NotContains(t, string(refused.Body), "short")
		assert.Contains(t, string(nobody.FORM(link, password("Donut-glaze-77")).WantStatus(http.StatusOK).Body), "You can sign in now")
		srv.SignIn("alice@example.com", "Donut-glaze-77", "")
		assert.Contains(t, string(nobody.FORM(link, password("Other-glaze-77")).WantStatus(http.StatusBadRequest).Body), "used already")
		assert.Contains(t, string(nobody.GET(link).WantStatus(http.StatusBadRequest).Body), "used already")
		srv.SignIn("alice@example.com", "Donut-glaze-77", "")
	})
}

func TestALinkWithoutItsSecretTellsNothing(t *testing.T) {
	srv := apptest.Start(t)
	link := invite(t, srv, "alice@example.com", "")
	nobody := srv.As(apptest.Anonymous)
	for _, wrong := range []string{
		link[:len(link)-1] + "x", link + "0", "/setpassword/nope/nope",
		"/setpassword/00000000-0000-4000-8000-000000000000/" + link[len(link)-32:],
	} {
		page := nobody.GET(wrong)
		assert.Contains(t, []int{http.StatusBadRequest, http.StatusNotFound}, page.Status, wrong)
		assert.NotContains(t, string(page.Body), "alice@example.com", wrong)
		assert.Contains(t, string(page.Body), "not valid", wrong)
		nobody.FORM(wrong, password("Donut-glaze-77"))
	}
	nobody.FORM(link, password("Donut-glaze-77")).WantStatus(http.StatusOK)
}

func TestFormsOfOtherSitesAreRefused(t *testing.T) {
	srv := apptest.Start(t)
	link := invite(t, srv, "alice@example.com", "")
	nobody := srv.As(apptest.Anonymous)
	for _, tc := range []struct {
		name, header, value string
		status              int
	}{
		{"another site", "Sec-Fetch-Site", "cross-site", http.StatusForbidden},
		{"a neighbour of the site", "Sec-Fetch-Site", "same-site", http.StatusForbidden},
		{"another origin", "Origin", "https://evil.example", http.StatusForbidden},
		{"an origin that hides", "Origin", "null", http.StatusForbidden},
		{"our own origin", "Origin", srv.URL, http.StatusBadRequest},
		{"our own page", "Sec-Fetch-Site", "same-origin", http.StatusBadRequest},
	} {
		nobody.With(tc.header, tc.value).FORM(link, password("short")).WantStatus(tc.status)
		nobody.With(tc.header, tc.value).FORM("/signin", "email=x&password=y").WantStatus(tc.status)
	}
	nobody.With("Sec-Fetch-Site", "cross-site").GET(link).WantStatus(http.StatusOK)
	nobody.With("Content-Type", "application/json").POST(link, `{"password":"Donut-glaze-77"}`).WantStatus(http.StatusUnsupportedMediaType)
}

func TestWhatAPageMayLoadAndSay(t *testing.T) {
	srv := apptest.Start(t)
	link := invite(t, srv, "alice@example.com", "")
	nobody := srv.As(apptest.Anonymous)
	for _, path := range []string{link, "/signin"} {
		page := nobody.GET(path).WantStatus(http.StatusOK)
		policy := page.Header.Get("Content-Security-Policy")
		assert.Contains(t, policy, "default-src 'none'")
		assert.NotContains(t, policy, "unsafe")
		assert.Contains(t, policy, "frame-ancestors 'none'")
		assert.Equal(t, "text/html; charset=UTF-8", page.Header.Get("Content-Type"))
		assert.Contains(t, page.Header.Get("Cache-Control"), "no-store")
		assert.NotRegexp(t, `(?i)<script|\sstyle=|\son[a-z]+=|https?://[^"]*evil`, string(page.Body))
		sheet := regexp.MustCompile(`rel="stylesheet" href="([^"]+)"`).FindStringSubmatch(string(page.Body))
		require.Len(t, sheet, 2)
		assert.True(t, strings.HasPrefix(sheet[1], "/"), "by whatever name the server was reached: %s", sheet[1])
		style := nobody.GET(sheet[1]).WantStatus(http.StatusOK)
		assert.Equal(t, "text/css; charset=utf-8", style.Header.Get("Content-Type"))
	}
	assert.Equal(t, "no-referrer", nobody.GET(link).Header.Get("Referrer-Policy"))

	nobody.FORM(link, password("Donut-glaze-77")).WantStatus(http.StatusOK)
	signedIn := nobody.FORM("/signin", url.Values{"email": {"alice@example.com"}, "password": {"Donut-glaze-77"}}.Encode()).WantStatus(http.StatusOK)
	assert.Contains(t, string(signedIn.Body), "Clinic")
	assert.Contains(t, string(signedIn.Body), "&lt;b&gt;Al&lt;/b&gt;")
	assert.NotContains(t, string(signedIn.Body), "<b>Al</b>")
	echoed := nobody.FORM("/signin", url.Values{"email": {`"><img src=x>@x.com`}, "password": {"Donut-glaze-77"}}.Encode()).WantStatus(http.StatusBadRequest)
	assert.NotContains(t, string(echoed.Body), "<img")
}

func TestWhoBelongsToOneProjectIsLedToIt(t *testing.T) {
	srv := apptest.Start(t)
	link := invite(t, srv, "pat@example.com", `,"scope":"project"`)
	nobody := srv.As(apptest.Anonymous)
	done := nobody.FORM(link, password("Donut-glaze-77")).WantStatus(http.StatusOK)
	project := srv.As(apptest.Admin).Project
	require.Contains(t, string(done.Body), "/signin?project="+project)
	assert.Contains(t, string(nobody.GET("/signin?project="+project).Body), `name="project" value="`+project+`"`)
	credentials := url.Values{"email": {"pat@example.com"}, "password": {"Donut-glaze-77"}}
	nobody.FORM("/signin", credentials.Encode()).WantStatus(http.StatusBadRequest)
	credentials.Set("project", project)
	nobody.FORM("/signin", credentials.Encode()).WantStatus(http.StatusOK)
}

func TestTheSetUpPageIsClosedOnceThereIsASuperAdministrator(t *testing.T) {
	srv := apptest.Start(t)
	nobody := srv.As(apptest.Anonymous)
	nobody.GET("/setup/guess").WantStatus(http.StatusNotFound)
	nobody.FORM("/setup/guess", "firstName=A&lastName=B&email=a%40b.com&password=Donut-glaze-77").WantStatus(http.StatusNotFound)
	srv.WantUnchanged("User", "Project")
}

func TestWhoOpensTheSetUpLinkBecomesTheSuperAdministrator(t *testing.T) {
	srv := apptest.Start(t, apptest.With("ADMIT_SUPERADMIN_EMAIL=", "ADMIT_SUPERADMIN_PASSWORD="))
	box, err := secret.OpenBox(t.Context(), srv.Store)
	require.NoError(t, err)
	link := "/setup/" + box.Fingerprint([]byte("set-up link"))[:32]
	nobody := srv.As(apptest.Anonymous)
	nobody.GET(link).WantStatus(http.StatusOK)
	sue := url.Values{"firstName": {"Sue"}, "lastName": {"Per"}, "email": {"sue@example.com"}, "password": {"short"}}
	refused := nobody.FORM(link, sue.Encode()).WantStatus(http.StatusBadRequest)
	assert.Contains(t, string(refused.Body), `value="sue@example.com"`, "what was right need not be typed again")
	sue.Set("password", "Donut-glaze-77")
	nobody.FORM(link, sue.Encode()).WantStatus(http.StatusOK)
	nobody.GET(link).WantStatus(http.StatusNotFound)
	nobody.FORM(link, sue.Encode()).WantStatus(http.StatusNotFound)
	srv.SignIn("sue@example.com", "Donut-glaze-77", "").GET("/admin/super/mail").WantStatus(http.StatusOK)
}

func TestPagesOfAnotherApplicationAreNotOurs(t *testing.T) {
	srv := apptest.Start(t, apptest.With("ADMIT_APP_URL=https://app.example/"))
	link := invite(t, srv, "alice@example.com", "")
	assert.True(t, strings.HasPrefix(link, "https://app.example/setpassword/"), link)
	nobody := srv.As(apptest.Anonymous)
	nobody.GET(strings.TrimPrefix(link, "https://app.example")).WantStatus(http.StatusNotFound)
	nobody.GET("/signin").WantStatus(http.StatusNotFound)
}

func TestANewPasswordIsAskedForByMail(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db storetest.DB) {
		srv := apptest.Start(t, apptest.On(db), apptest.Standing(), apptest.With("ADMIT_LOGIN_RATE_LIMIT=3"))
		link := invite(t, srv, "alice@example.com", "")
		nobody := srv.As(apptest.Anonymous)
		assert.Contains(t, string(nobody.GET("/signin").Body), `href="`+srv.URL+`/resetpassword"`)
		page := nobody.GET("/resetpassword").WantStatus(http.StatusOK)
		assert.Contains(t, string(page.Body), `type="email"`)
		ask := func(email string) *apptest.Answer {
			return nobody.FORM("/resetpassword", url.Values{"email": {email}}.Encode())
		}
		known, unknown := ask("alice@example.com").WantStatus(http.StatusOK), ask("nobody@example.com").WantStatus(http.StatusOK)
		assert.Equal(t, string(known.Body), string(unknown.Body), "who has an account does not show")
		require.Eventually(t, func() bool {
			return strings.TrimPrefix(srv.MailTo("alice@example.com").Link, srv.URL) != link
		}, 10*time.Second, 10*time.Millisecond)
		fresh := strings.TrimPrefix(srv.MailTo("alice@example.com").Link, srv.URL)
		nobody.FORM(fresh, password("Donut-glaze-77")).WantStatus(http.StatusOK)
		dead := nobody.GET(fresh).WantStatus(http.StatusBadRequest)
		assert.Contains(t, string(dead.Body), "used already")
		assert.Contains(t, string(dead.Body), `href="`+srv.URL+`/resetpassword"`)
		ask("no address").WantStatus(http.StatusBadRequest)
		for i := range 10 {
			ask(fmt.Sprintf("somebody%d@example.com", i)).WantStatus(http.StatusOK)
		}
		refused := ask("alice@example.com").WantStatus(http.StatusTooManyRequests)
		assert.Contains(t, string(refused.Body), "Too many requests")
		nobody.With("Sec-Fetch-Site", "cross-site").FORM("/resetpassword", "email=alice%40example.com").WantStatus(http.StatusForbidden)
	})
}

// TestNamesDoNotDisguiseThemselves: what turns text around or hides it reaches no page and no mail.
func TestNamesDoNotDisguiseThemselves(t *testing.T) {
	srv := apptest.Start(t)
	admin := srv.As(apptest.Admin)
	for _, name := range []string{"Al\u202eice", "Al\u2066ice", "Al\u0007ice", "Al\u200bice", "Al\u2028ice"} {
		body := `{"resourceType":"Practitioner","firstName":"` + name + `","lastName":"B","email":"alice@example.com"}`
		admin.POST("/admin/projects/"+admin.Project+"/invite", body).WantStatus(http.StatusBadRequest)
		login := srv.As(apptest.Anonymous).POST("/auth/newuser", `{"firstName":"A","lastName":"B","email":"`+srv.URL[len(srv.URL)-5:]+name[2:4]+`@example.com","password":"Donut-glaze-77","projectId":"new"}`)
		if login.Status == http.StatusOK {
			srv.As(apptest.Anonymous).POST("/auth/newproject", `{"login":"`+login.Field("login")+`","projectName":"`+name+`"}`).WantStatus(http.StatusBadRequest)
		}
	}
	project := string(admin.GET("/fhir/R4/Project/" + admin.Project).WantStatus(http.StatusOK).Body)
	admin.PUT("/fhir/R4/Project/"+admin.Project, strings.Replace(project, `"Clinic"`, `"Cli\u202enic"`, 1)).WantStatus(http.StatusOK)
	link := invite(t, srv, "bea@example.com", "")
	assert.NotContains(t, srv.MailTo("bea@example.com").Text, "\u202e")
	page := srv.As(apptest.Anonymous).GET(link).WantStatus(http.StatusOK)
	assert.NotContains(t, string(page.Body), "\u202e")
	assert.Contains(t, string(page.Body), "Cli nic")
}

func TestAUsedLinkAndAFailedSignInLeadToTheProject(t *testing.T) {
	srv := apptest.Start(t)
	admin, nobody := srv.As(apptest.Admin), srv.As(apptest.Anonymous)
	link := invite(t, srv, "homer@example.com", `,"scope":"project"`)
	nobody.FORM(link, password("Donut-glaze-77")).WantStatus(http.StatusOK)
	used := string(nobody.GET(link).WantStatus(http.StatusBadRequest).Body)
	assert.Contains(t, used, "/resetpassword?project="+admin.Project)
	reset := string(nobody.GET("/resetpassword?project=" + admin.Project).WantStatus(http.StatusOK).Body)
	assert.Contains(t, reset, "/signin?project="+admin.Project)

	entered := url.Values{"email": {"homer@example.com"}, "password": {"Donut-glaze-77"}}
	assert.Contains(t, string(nobody.FORM("/signin", entered.Encode()).WantStatus(http.StatusBadRequest).Body), "belong to one organisation alone")
	entered.Set("email", "nobody@example.com")
	assert.Contains(t, string(nobody.FORM("/signin", entered.Encode()).WantStatus(http.StatusBadRequest).Body), "belong to one organisation alone", "whether there is an account or not")
	entered.Set("project", admin.Project)
	assert.NotContains(t, string(nobody.FORM("/signin", entered.Encode()).WantStatus(http.StatusBadRequest).Body), "organisation")
	entered.Set("email", "homer@example.com")
	assert.Contains(t, string(nobody.FORM("/signin", entered.Encode()).WantStatus(http.StatusOK).Body), "Your sign-in works")
}
