package apptest_test

import (
	"encoding/base64"
	"net/http"
	"net/mail"
	"net/url"
	"strings"
	"testing"
)

// TestInviteMailLeadsToASignIn follows an invite through a real mail server and a real browser:
// mail, link, password, sign-in.
func TestInviteMailLeadsToASignIn(t *testing.T) {
	eachServer(t, func(t *testing.T, w *world) {
		a := w.api(t)
		owner := a.register("owner@clinic.example", "Springfield Clinic")
		got := a.do(call{
			Method: http.MethodPost, Path: "/admin/projects/" + owner.projectID() + "/invite", Token: owner.AccessToken, ContentType: "application/json",
			Header: http.Header{"X-Forwarded-Host": {"evil.example"}, "X-Forwarded-Proto": {"https"}, "Host": {"evil.example"}},
			Body:   `{"resourceType":"Practitioner","firstName":"Homér","lastName":"Simpson","email":"homer@clinic.example"}`,
		})
		got.wantStatus(t, http.StatusOK)
		invite := w.mail.WaitFor(t, "homer@clinic.example")
		w.wantWellMadeMail(t, invite)
		link := setPasswordLink.FindString(invite.Text)

		get(t, link) // mail scanners open what they find
		get(t, link)

		b := startBrowser(t)
		if b == nil {
			return
		}
		b.open("data:text/html;charset=utf-8;base64," + base64.StdEncoding.EncodeToString([]byte(invite.HTML)))
		b.wants("Springfield Clinic")
		b.shoot("0-mail")

		b.open(link)
		b.wants("Choose a password")
		b.wantAccessible()
		b.shoot("1-set-password")

		b.fill("New password", "short")
		b.press("Set password")
		b.wants("Invalid password, must be at least 8 characters")
		b.wantAccessible()
		b.shoot("2-too-short")

		b.fill("New password", "Donut-glaze-77")
		b.press("Set password")
		b.wants("Your password is set")
		b.wantAccessible()
		b.shoot("3-password-set")

		b.open(w.base + "signin")
		b.wantAccessible()
		b.shoot("4-sign-in")
		b.fill("Email", "homer@clinic.example")
		b.fill("Password", "wrong-password")
		b.press("Sign in")
		b.wants("Email or password is invalid")
		b.wantAccessible()
		b.shoot("5-wrong-password")
		b.fill("Email", "homer@clinic.example")
		b.fill("Password", "Donut-glaze-77")
		b.press("Sign in")
		b.wants("Springfield Clinic")
		b.wantAccessible()
		b.shoot("6-signed-in")

		b.open(link)
		b.wants("used")
		b.wantAccessible()
		b.shoot("7-used-link")
		b.open(w.invitedLink(t, owner, "marge@clinic.example") + "0")
		b.wants("not valid")
		b.wantAccessible()
		b.shoot("8-wrong-link")
		late := w.invitedLink(t, owner, "bart@clinic.example")
		w.expire(t, late)
		b.open(late)
		b.wants("expired")
		b.wantAccessible()
		b.shoot("9-expired-link")

		// Who set the password in the browser signs in by the API too.
		if homer := a.signIn("homer@clinic.example", "Donut-glaze-77", ""); homer.projectID() != owner.projectID() {
			t.Errorf("signed in to %s", homer.Project.Reference)
		}
	})
}

// invitedLink is the link in the mail to somebody whom the owner invites.
func (w *world) invitedLink(t *testing.T, owner session, email string) string {
	t.Helper()
	w.api(t).post("/admin/projects/"+owner.projectID()+"/invite", owner.AccessToken,
		quote(`{"resourceType":"Practitioner","firstName":"M","lastName":"S","email":%q}`, email))
	return setPasswordLink.FindString(w.mail.WaitFor(t, email).Text)
}

// expire makes a link as old as if its seven days were over.
func (w *world) expire(t *testing.T, link string) {
	t.Helper()
	w.settle(t) // nobody else writes now
	result, err := openForWriting(t, w.databaseURL).ExecContext(t.Context(),
		`UPDATE security_request SET expires_at = created_at WHERE id = $1`, setPasswordLink.FindStringSubmatch(link)[2])
	if err != nil {
		t.Fatal(err)
	}
	if rows, err := result.RowsAffected(); err != nil || rows != 1 {
		t.Fatalf("%d links expired: %v", rows, err)
	}
}

func (w *world) wantWellMadeMail(t *testing.T, m received) {
	t.Helper()
	if !m.Encrypted {
		t.Error("the mail came unencrypted")
	}
	if !strings.HasPrefix(m.Header.Get("Content-Type"), "multipart/alternative") || m.Text == "" || m.HTML == "" {
		t.Errorf("not text and HTML: %s", m.Header.Get("Content-Type"))
	}
	for _, name := range []string{"Date", "Message-Id", "From", "To"} {
		if m.Header.Get(name) == "" {
			t.Errorf("no header %s", name)
		}
	}
	if _, err := mail.ParseAddress(m.Header.Get("From")); err != nil {
		t.Errorf("From %q: %v", m.Header.Get("From"), err)
	}
	if m.Subject != "Welcome to Admit" {
		t.Errorf("subject %q", m.Subject)
	}
	base, err := url.Parse(w.base)
	if err != nil {
		t.Fatal(err)
	}
	for name, body := range map[string]string{"text": m.Text, "html": m.HTML} {
		if !strings.Contains(body, "Springfield Clinic") {
			t.Errorf("%s does not name the project:\n%s", name, body)
		}
		link, err := url.Parse(setPasswordLink.FindString(body))
		if err != nil || link.Host != base.Host || link.Scheme != base.Scheme {
			t.Errorf("%s: link %v: %v", name, link, err)
		}
		if strings.Contains(body, "evil.example") {
			t.Errorf("%s names the host that the request claimed:\n%s", name, body)
		}
	}
	if strings.Contains(strings.ToLower(m.HTML), "<script") || strings.Contains(m.HTML, "<img") {
		t.Errorf("the mail loads or runs something:\n%s", m.HTML)
	}
}
