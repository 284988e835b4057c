package apptest_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
)

// Whoever asks may say what host he likes; links and Location come from the configured base alone.
func linksComeFromTheConfiguredBase(t *testing.T, w *world) {
	lies := http.Header{
		"Host": {"evil.example"}, "X-Forwarded-Host": {"evil.example"}, "X-Forwarded-Proto": {"https"},
		"X-Forwarded-Prefix": {"/evil.example"}, "X-Forwarded-Port": {"666"}, "Forwarded": {"host=evil.example;proto=https"},
		"X-Original-Url": {"/evil.example"}, "X-Rewrite-Url": {"/evil.example"}, "Origin": {"https://evil.example"}, "Referer": {"https://evil.example/"},
	}
	for _, c := range []call{
		{Method: http.MethodGet, Path: "/fhir/R4/Patient?_count=1"},
		{Method: http.MethodGet, Path: "/fhir/R4/metadata"},
		{Method: http.MethodGet, Path: "/.well-known/openid-configuration"},
		{Method: http.MethodGet, Path: "/fhir/R4/Patient/" + w.patient + "/_history"},
		{Method: http.MethodPost, Path: "/fhir/R4/Patient", ContentType: "application/fhir+json", Body: `{"resourceType":"Patient"}`},
		{Method: http.MethodGet, Path: "/auth/me"},
	} {
		c.Header, c.Token = lies, w.owner.AccessToken
		got := w.api(t).do(c)
		if got.Status >= 300 {
			t.Errorf("%s %s: %d %.200s", c.Method, c.Path, got.Status, got.Body)
		}
		for name, values := range got.Header {
			if strings.Contains(strings.Join(values, " "), "evil") {
				t.Errorf("%s %s: header %s: %v", c.Method, c.Path, name, values)
			}
		}
		if strings.Contains(string(got.Body), "evil") {
			t.Errorf("%s %s: %.500s", c.Method, c.Path, got.Body)
		}
	}
	t.Run("an invite's link", func(t *testing.T) {
		got := w.api(t).do(call{
			Method: http.MethodPost, Path: "/admin/projects/" + w.owner.projectID() + "/invite", Token: w.owner.AccessToken, Header: lies,
			ContentType: "application/json", Body: `{"resourceType":"Practitioner","firstName":"H","lastName":"Ost","email":"host@example.com"}`,
		})
		got.wantStatus(t, http.StatusOK)
		w.wantHonestLink(t, w.mail.WaitFor(t, "host@example.com"))
	})
	t.Run("a reset's link", func(t *testing.T) {
		w.api(t).member(w.owner, "Practitioner", "reset@example.com", `,"scope":"server"`)
		got := w.api(t).do(call{
			Method: http.MethodPost, Path: "/auth/resetpassword", Header: lies,
			ContentType: "application/json", Body: `{"email":"reset@example.com"}`,
		})
		got.wantStatus(t, http.StatusOK)
		w.wantHonestLink(t, w.mail.WaitFor(t, "reset@example.com"))
	})
}

func (w *world) wantHonestLink(t *testing.T, m received) {
	t.Helper()
	for name, body := range map[string]string{"text": m.Text, "html": m.HTML} {
		link := setPasswordLink.FindStringSubmatch(body)
		if link == nil || link[1] != w.base {
			t.Errorf("%s: the link is %v", name, link)
		}
		if strings.Contains(body, "evil") {
			t.Errorf("%s: %s", name, body)
		}
	}
}

// What people call themselves or their project cannot become a header of a mail.
func namesCannotAddMailHeaders(t *testing.T, w *world) {
	for _, tc := range []struct{ name, first, last, email string }{
		{"in the first name", "A\r\nBcc: victim@example.com", "B", "inject0@example.com"},
		{"in the last name", "A", "B\nBcc: victim@example.com\n\nhello", "inject1@example.com"},
		{"in the address", "A", "B", "inject2@example.com\r\nBcc: victim@example.com"},
		{"in the address, encoded word", "A", "B", "=?utf-8?q?x=0aBcc:victim?=@example.com"},
		{"in the address, quoted", "A", "B", "\"x\r\nBcc: victim@example.com\"@example.com"},
		{"line separators of Unicode", "A\u2028Bcc: victim@example.com", "B\u0085Bcc: victim@example.com", "inject5@example.com"},
		{"NUL", "A\x00Bcc", "B", "inject6@example.com"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := w.api(t).do(call{
				Method: http.MethodPost, Path: "/admin/projects/" + w.owner.projectID() + "/invite", Token: w.owner.AccessToken,
				ContentType: "application/json",
				Body:        quote(`{"resourceType":"Practitioner","firstName":%q,"lastName":%q,"email":%q}`, tc.first, tc.last, tc.email),
			})
			if got.Status == http.StatusOK {
				w.wantOrdinaryHeaders(t, w.mail.WaitFor(t, tc.email))
				return
			}
			got.wantOutcome(t, http.StatusBadRequest, "")
		})
	}
	t.Run("in a project's name", func(t *testing.T) {
		a := w.api(t)
		login := a.post("/auth/newuser", "", quote(`{"firstName":"E","lastName":"Vil","email":"evil@example.com","password":%q,"projectId":"new",
			"codeChallengeMethod":"S256","codeChallenge":%q}`, aPassword, challenge())).field(t, "login")
		got := a.do(call{
			Method: http.MethodPost, Path: "/auth/newproject", ContentType: "application/json",
			Body: quote(`{"login":%q,"projectName":%q}`, login, "Clinic\r\nBcc: victim@example.com"),
		})
		if got.Status != http.StatusOK {
			got.wantOutcome(t, http.StatusBadRequest, "")
			return
		}
		evil := a.exchange(login, got.field(t, "code"))
		a.post("/admin/projects/"+evil.projectID()+"/invite", evil.AccessToken,
			`{"resourceType":"Practitioner","firstName":"A","lastName":"B","email":"owner@clinic.example"}`)
		w.wantOrdinaryHeaders(t, w.mail.WaitFor(t, "owner@clinic.example"))
	})
	if w.mail.Count("victim@example.com") != 0 {
		t.Error("a mail went to somebody whom nobody invited")
	}
}

// wantOrdinaryHeaders holds a mail to the headers that a mail of ours has.
func (w *world) wantOrdinaryHeaders(t *testing.T, m received) {
	t.Helper()
	for name := range m.Header {
		switch name {
		case "From", "To", "Subject", "Date", "Message-Id", "Mime-Version", "Content-Type", "Content-Transfer-Encoding",
			"User-Agent", "X-Mailer", "Auto-Submitted", "X-Auto-Response-Suppress", "Sender", "Reply-To":
		default:
			t.Errorf("an unexpected header %s: %v", name, m.Header[name])
		}
	}
	if strings.ContainsAny(m.Subject, "\r\n") {
		t.Errorf("subject of several lines: %q", m.Subject)
	}
}

// Header values that carry what a client said are harmless, and odd ones are no server error.
func oddHeadersDoNoHarm(t *testing.T, w *world) {
	for name, values := range map[string][]string{
		"X-Trace-Id":                {"<script>alert(1)</script>", strings.Repeat("a", 5000), "' OR 1=1--"},
		"X-Request-Id":              {"<script>alert(1)</script>", strings.Repeat("b", 5000)},
		"Traceparent":               {"00-zz-zz-zz", "\xff"},
		"X-Amzn-Trace-Id":           {"Root=<script>"},
		"X-Medplum":                 {"extended; x", "\xff"},
		"X-Medplum-On-Behalf-Of":    {"Patient/../../x", "ProjectMembership/", "x"},
		"Prefer":                    {"return=nonsense", "return=", ";;;="},
		"Accept":                    {"application/xml", "*/*;q=9", "\xff"},
		"Accept-Encoding":           {"gzip;q=zz", strings.Repeat("x,", 1000)},
		"If-None-Match":             {"W/\"", "*", "\"\xff\""},
		"Cookie":                    {"medplum-x=\xff", strings.Repeat("a=b;", 1000)},
		"Content-Length-Of-Nothing": {"-1"},
		"Range":                     {"bytes=0-1"},
		"Origin":                    {"null", "https://evil.example", "\xff"},
	} {
		for _, value := range values {
			got := w.api(t).do(call{
				Method: http.MethodGet, Path: "/fhir/R4/Patient/" + w.patient, Token: w.owner.AccessToken, Header: http.Header{name: {value}},
			})
			if got.Status >= http.StatusInternalServerError {
				t.Errorf("%s: %.40q: %d %.200s", name, value, got.Status, got.Body)
			}
			for header, values := range got.Header {
				if strings.Contains(strings.Join(values, " "), "<script>") {
					t.Errorf("%s: %.40q comes back in %s", name, value, header)
				}
			}
			if origin := got.Header.Get("Access-Control-Allow-Origin"); origin != "" {
				t.Errorf("%s: %.40q: origin %q is allowed", name, value, origin)
			}
		}
	}
	t.Run("If-Match of nonsense changes nothing", func(t *testing.T) {
		for _, value := range []string{"nonsense", `W/""`, `W/"\xff"`, `W/"00000000-0000-4000-8000-000000000000"`} {
			w.unchanged(t, func() {
				w.api(t).do(call{
					Method: http.MethodPut, Path: "/fhir/R4/Patient/" + w.patient, Token: w.owner.AccessToken, Header: http.Header{"If-Match": {value}},
					ContentType: "application/fhir+json", Body: `{"resourceType":"Patient","id":"` + w.patient + `","active":false}`,
				}).wantStatus(t, http.StatusPreconditionFailed, http.StatusBadRequest)
			})
		}
	})
}

// A line of the log is one record, whatever a client puts into addresses, paths and headers.
func nothingCanForgeALineOfTheLog(t *testing.T, w *world) {
	a := w.api(t)
	const forgery = "x\n{\"level\":\"ERROR\",\"msg\":\"forged\"}\n"
	for _, c := range []call{
		{Method: http.MethodGet, Path: "/fhir/R4/Patient/x%0a%7B%22level%22:%22ERROR%22,%22msg%22:%22forged%22%7D%0a"},
		{Method: http.MethodGet, Path: "/fhir/R4/Patient?name=x%0a%7B%22msg%22:%22forged%22%7D%0a"},
		{Method: http.MethodPost, Path: "/auth/login", ContentType: "application/json", Body: quote(`{"email":%q,"password":%q}`, forgery+"@example.com", aPassword)},
		{Method: http.MethodPost, Path: "/auth/resetpassword", ContentType: "application/json", Body: quote(`{"email":%q}`, forgery+"@example.com")},
		{Method: http.MethodPost, Path: "/oauth2/token", ContentType: "application/x-www-form-urlencoded", Body: "grant_type=x%0a%7B%22msg%22:%22forged%22%7D"},
		{Method: http.MethodGet, Path: "/nothing%0a%7B%22msg%22:%22forged%22%7D%0a", Header: http.Header{"User-Agent": {`x"} {"msg":"forged"`}}},
	} {
		a.do(c)
	}
	for _, line := range w.logs() {
		var record map[string]any
		if err := json.Unmarshal([]byte(line), &record); err != nil {
			t.Errorf("not a record: %s", line)
		}
		if record["msg"] == "forged" {
			t.Errorf("forged: %s", line)
		}
	}
	for _, secret := range []string{aPassword, superAdminPassword, w.clientSecret, w.owner.AccessToken, w.owner.RefreshToken} {
		for _, line := range w.logs() {
			if strings.Contains(line, secret) {
				t.Errorf("a secret in the log: %s", line)
			}
		}
	}
}
