package apptest_test

import (
	"fmt"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/admitdev/admit/cmd/admit/apptest"
	"github.com/admitdev/admit/pkg/store"
	"github.com/admitdev/admit/pkg/store/storetest"
)

// asvsLine is a requirement of OWASP ASVS 5.0, in our own words. It has a check, or says why it has none;
// what asks for documentation has sentences of the README.
type asvsLine struct {
	number, words string
	check         func(t *testing.T, w *asvs)
	documented    []string
	applies       string // why it does not
	unmet         string // what is missing
}

// asvs is the world that the requirements are checked in.
type asvs struct {
	*apptest.Server
	admin, staff, patient, other, super, nobody *apptest.Client
	app                                         string // a client of the clinic
	ask                                         func(more ...string) string
	elsewhere                                   *apptest.Server // another service, which limits sign-ins
	time                                        *apptest.Clock
	hospital                                    hospital // the same server, with the identity provider of a domain
}

// elsewhereLimit is how many sign-ins the other service takes in a minute.
const elsewhereLimit = 6

// sections says how many requirements each section of chapters 6 to 10 has.
var sections = []struct {
	name  string
	count int
}{
	{"6.1", 3}, {"6.2", 12}, {"6.3", 8}, {"6.4", 6}, {"6.5", 8}, {"6.6", 4}, {"6.7", 2}, {"6.8", 4},
	{"7.1", 3}, {"7.2", 4}, {"7.3", 2}, {"7.4", 5}, {"7.5", 3}, {"7.6", 2},
	{"8.1", 4}, {"8.2", 4}, {"8.3", 3}, {"8.4", 2},
	{"9.1", 3}, {"9.2", 4},
	{"10.1", 2}, {"10.2", 3}, {"10.3", 5}, {"10.4", 16}, {"10.5", 5}, {"10.6", 2}, {"10.7", 3},
}

func asvsRequirements() []asvsLine {
	return slices.Concat(asvsAuthentication(), asvsSessions(), asvsAuthorization(), asvsTokens(), asvsOAuth())
}

// TestASVS has a test for each requirement that applies, and a line for every one: run it with -v.
func TestASVS(t *testing.T) {
	var want, have []string
	for _, section := range sections {
		for n := range section.count {
			want = append(want, fmt.Sprintf("%s.%d", section.name, n+1))
		}
	}
	for _, r := range asvsRequirements() {
		have = append(have, r.number)
		says := 0
		for _, said := range []bool{r.check != nil, r.documented != nil, r.applies != "", r.unmet != ""} {
			if said {
				says++
			}
		}
		require.Equal(t, 1, says, "%s has a check or a reason", r.number)
	}
	require.Equal(t, want, have, "each requirement stands in the table once")
	storetest.Each(t, func(t *testing.T, db storetest.DB) {
		w := newASVS(t, db)
		var table strings.Builder
		for _, r := range asvsRequirements() {
			result := "pass"
			switch {
			case r.applies != "":
				result = "does not apply: " + r.applies
			case r.unmet != "":
				result = "NOT MET: " + r.unmet
			case r.documented != nil:
				result = "documented, which is what it asks for"
				if !t.Run("V"+r.number, func(t *testing.T) { documented(t, r.documented...) }) {
					result = "FAIL"
				}
			default:
				if !t.Run("V"+r.number, func(t *testing.T) { r.check(t, w) }) {
					result = "FAIL"
				}
			}
			fmt.Fprintf(&table, "%-8s %-72s %s\n", r.number, r.words, result)
		}
		t.Log("\n" + table.String())
	})
}

func newASVS(t *testing.T, db storetest.DB) *asvs {
	now := &apptest.Clock{}
	s := apptest.Start(t, apptest.On(db), apptest.At(now), apptest.With("ADMIT_ALLOW_PRIVATE_URLS=true"))
	w := &asvs{Server: s, super: s.As(apptest.SuperAdmin), admin: s.As(apptest.Admin), staff: s.As(apptest.Practitioner), patient: s.As(apptest.Patient), other: s.As(apptest.OtherAdmin), nobody: s.As(apptest.Anonymous)}
	w.app, w.ask = newApp(s)
	w.time, w.hospital = now, newHospital(t, s)
	w.hospital.invite(ann, "")
	w.elsewhere = apptest.Start(t, apptest.Standing(), apptest.With("ADMIT_BASE_URL=http://localhost", fmt.Sprint("ADMIT_LOGIN_RATE_LIMIT=", elsewhereLimit)))
	w.elsewhere.As(apptest.Admin)
	return w
}

// after does something when so much time has gone by, which then comes back.
func (w *asvs) after(passed time.Duration, something func()) {
	w.time.Ahead = passed
	defer func() { w.time.Ahead = 0 }()
	something()
}

// documented wants the README to say all of it.
func documented(t *testing.T, says ...string) {
	t.Helper()
	text, err := os.ReadFile("../../../README.md")
	require.NoError(t, err)
	flat := strings.Join(strings.Fields(string(text)), " ")
	for _, said := range says {
		require.Contains(t, flat, said)
	}
}

// newMember is somebody with a session of their own, for what ends or changes it.
func (w *asvs) newMember(local string) *apptest.Client {
	return w.Invite(w.admin, "Practitioner", local+"@asvs.example", "")
}

// newDomain lets a provider speak for the people of a domain.
func (w *asvs) newDomain(domain string, idp *provider) {
	w.super.POST("/fhir/R4/DomainConfiguration", `{"resourceType":"DomainConfiguration","domain":"`+domain+`","identityProvider":`+idp.config("")+`}`).WantStatus(http.StatusCreated)
}

// register tries a password for a new account.
func (w *asvs) register(password string) *apptest.Answer {
	return w.admin.POST("/admin/projects/"+w.admin.Project+"/invite", fmt.Sprintf(
		`{"resourceType":"Practitioner","firstName":"A","lastName":"B","email":"%s@asvs.example","password":%q,"sendEmail":false}`, idOf(clockID()), password))
}

func (w *asvs) login(email, password string) *apptest.Answer {
	return w.nobody.POST("/auth/login", fmt.Sprintf(`{"email":%q,"password":%q,"scope":"openid","projectId":%q}`, email, password, w.admin.Project))
}

func (w *asvs) refresh(token string) *apptest.Answer {
	return w.nobody.FORM("/oauth2/token", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {token}}.Encode())
}

// link is the latest one to a new password that was mailed to an address, when it is another than before.
func (w *asvs) link(t *testing.T, email, before string) (id, secret string) {
	t.Helper()
	require.Eventually(t, func() bool {
		for _, m := range w.Mails() {
			if _, path, found := strings.Cut(m.Link, "/setpassword/"); found && m.To == email {
				id, secret, _ = strings.Cut(path, "/")
			}
		}
		return id != before
	}, 10*time.Second, 5*time.Millisecond)
	return id, secret
}

// byLink sets a password by a link.
func (w *asvs) byLink(id, secret, password string) *apptest.Answer {
	return w.nobody.POST("/auth/setpassword", fmt.Sprintf(`{"id":%q,"secret":%q,"password":%q}`, id, secret, password))
}

// verified is a member who has shown that the address is theirs.
func (w *asvs) verified(t *testing.T, email string) *apptest.Client {
	t.Helper()
	w.admin.POST("/admin/projects/"+w.admin.Project+"/invite", `{"resourceType":"Practitioner","firstName":"A","lastName":"B","email":"`+email+`"}`).OK()
	id, secret := w.link(t, email, "")
	w.byLink(id, secret, apptest.Password).OK()
	return w.SignIn(email, apptest.Password, w.admin.Project)
}

// sql changes what otherwise time does.
func (w *asvs) sql(t *testing.T, statement string) {
	t.Helper()
	require.NoError(t, w.Store.InTx(t.Context(), func(tx *store.Tx) error {
		_, err := storetest.SQL(t, tx).ExecContext(t.Context(), statement)
		return err
	}))
}

// countIn reads a number.
func countIn(t *testing.T, into *int, query string) func(*store.Tx) error {
	return func(tx *store.Tx) error { return storetest.SQL(t, tx).QueryRowContext(t.Context(), query).Scan(into) }
}

// allowed goes through the pages until the client has its code.
func (w *asvs) allowed(t *testing.T, member *apptest.Client, more ...string) (v *visitor, answer url.Values) {
	t.Helper()
	v = newVisitor(t, w.Server).send(http.MethodGet, w.ask(more...), nil)
	v.fill("email", member.Email, "password", apptest.Password)
	action, fields := v.form()
	fields.Set("answer", "allow")
	return v, v.send(http.MethodPost, action, fields).at("https://app.example/callback?")
}
