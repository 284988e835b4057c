package apptest_test

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/admitdev/admit/cmd/admit/apptest"
	"github.com/admitdev/admit/pkg/store/storetest"
)

const (
	firefox = "Mozilla/5.0 (X11; Linux x86_64; rv:%d.0) Gecko/20100101 Firefox/%[1]d.0"
	faraway = "203.0.113.7"
	// triesLetThrough is how many sign-ins an account has in a minute in these tests.
	triesLetThrough = 30
)

// told is a server where people sign in from many places.
type told struct {
	*apptest.Server
	t     *testing.T
	time  *apptest.Clock
	admin *apptest.Client
}

func withPlaces(t *testing.T, test func(t *testing.T, w told)) {
	t.Helper()
	storetest.Each(t, func(t *testing.T, db storetest.DB) {
		now := &apptest.Clock{}
		s := apptest.Start(t, apptest.On(db), apptest.At(now), apptest.With("ADMIT_TRUSTED_PROXIES=127.0.0.1", fmt.Sprint("ADMIT_LOGIN_RATE_LIMIT=", triesLetThrough)))
		test(t, told{s, t, now, s.As(apptest.Admin)})
	})
}

// login signs in from a place.
func (w told) login(address, agent, email, password string) *apptest.Answer {
	w.t.Helper()
	return w.As(apptest.Anonymous).With("X-Forwarded-For", address).With("User-Agent", agent).
		POST("/auth/login", fmt.Sprintf(`{"email":%q,"password":%q,"projectId":%q}`, email, password, w.admin.Project))
}

// wrong gives wrong passwords, each from a network of its own.
func (w told) wrong(email string, times int) {
	w.t.Helper()
	for i := range times {
		w.login(fmt.Sprintf("198.51.%d.%d", i, i), "curl/8", email, "wrong-password-1").WantStatus(http.StatusBadRequest)
	}
}

// count is how many mails of a template an address was sent, when no job is left to tell of.
func (w told) count(email, template string) (n int) {
	w.t.Helper()
	require.Eventually(w.t, func() bool {
		waiting := 0
		require.NoError(w.t, w.Store.InTx(w.t.Context(), countIn(w.t, &waiting, `SELECT count(*) FROM river_job WHERE kind = 'tell_guessed' AND finalized_at IS NULL`)))
		return waiting == 0
	}, 10*time.Second, 10*time.Millisecond)
	require.NoError(w.t, w.Store.InTx(w.t.Context(), countIn(w.t, &n, `SELECT count(*) FROM mail WHERE recipient = '`+email+`' AND template = '`+template+`'`)))
	return n
}

// TestPeopleAreToldOfASignInFromANewPlace, once, and of no more in a day than anybody reads.
func TestPeopleAreToldOfASignInFromANewPlace(t *testing.T) {
	withPlaces(t, func(t *testing.T, w told) {
		c := w.Invite(w.admin, "Practitioner", "ann@places.example", "")
		in := func(address, agent string) { t.Helper(); w.login(address, agent, c.Email, apptest.Password).OK() }
		in("127.0.0.1", "Go-http-client/1.1")
		in("127.0.9.9", "Go-http-client/2.0")
		assert.Zero(t, w.count(c.Email, "place"), "the same network and browser, of another version")
		w.login(faraway, fmt.Sprintf(firefox, 120), c.Email, "wrong-password-1").WantStatus(http.StatusBadRequest)
		in(faraway, fmt.Sprintf(firefox, 120))
		m := w.MailAbout(c.Email, "from a new place")
		assert.Contains(t, m.Text, "with Firefox on Linux, from "+faraway+".")
		in(faraway, fmt.Sprintf(firefox, 121))
		in("127.0.0.1", fmt.Sprintf(firefox, 121))
		assert.Equal(t, 1, w.count(c.Email, "place"), "both are known now")
		in("127.0.0.1", "Mozilla/5.0 (iPhone) Safari/1 <script>")
		assert.Equal(t, 2, w.count(c.Email, "place"), "another browser")
		for i := range 8 {
			in(fmt.Sprintf("10.%d.0.1", i), "Go-http-client/1.1")
		}
		assert.Equal(t, 5, w.count(c.Email, "place"))

		w.admin.POST("/admin/projects/"+w.admin.Project+"/invite", `{"resourceType":"Practitioner","firstName":"A","lastName":"B","email":"new@places.example","password":"`+apptest.Password+`"}`).OK()
		w.login(faraway, "curl/8", "new@places.example", apptest.Password).OK()
		assert.Zero(t, w.count("new@places.example", "place"), "the first of all")
		w.login("192.0.2.1", "curl/8", "new@places.example", apptest.Password).OK()
		assert.Equal(t, 1, w.count("new@places.example", "place"))
	})
}

// TestPeopleAreToldOfWrongPasswords: of the right one after several, and of as many as are let through. A
// stranger fills nobody's drawer with it.
func TestPeopleAreToldOfWrongPasswords(t *testing.T) {
	withPlaces(t, func(t *testing.T, w told) {
		defer w.time.Stop()()
		c := w.Invite(w.admin, "Practitioner", "ann@places.example", "")
		right := func() { t.Helper(); w.login("127.0.0.1", "Go-http-client/1.1", c.Email, apptest.Password).OK() }
		w.wrong(c.Email, 2)
		right()
		w.wrong(c.Email, 1)
		right()
		assert.Zero(t, w.count(c.Email, "unlocked"), "the first two were forgiven")
		w.wrong(c.Email, 3)
		right()
		assert.Contains(t, w.MailAbout(c.Email, "after wrong passwords").Text, "from 127.0.0.1.")
		right()
		assert.Equal(t, 1, w.count(c.Email, "unlocked"))

		w.time.Ahead += time.Minute
		w.wrong(c.Email, triesLetThrough-1)
		assert.Zero(t, w.count(c.Email, "guessed"))
		w.wrong(c.Email, 1)
		w.MailAbout(c.Email, "Somebody tries to sign in")
		w.login("192.0.2.1", "curl/8", c.Email, apptest.Password).WantStatus(http.StatusTooManyRequests)
		w.wrong("nobody@places.example", triesLetThrough)
		for range 2 {
			w.time.Ahead += time.Minute
			w.wrong(c.Email, triesLetThrough)
		}
		assert.Equal(t, 1, w.count(c.Email, "guessed"))
		assert.Zero(t, w.count("nobody@places.example", "guessed"))
	})
}

// TestPeopleAreToldOfWrongCodes, which follow the right password.
func TestPeopleAreToldOfWrongCodes(t *testing.T) {
	withPlaces(t, func(t *testing.T, w told) {
		defer w.time.Stop()()
		c := w.Invite(w.admin, "Practitioner", "ann@places.example", "")
		enrol(t, c)
		login := w.login("127.0.0.1", "Go-http-client/1.1", c.Email, apptest.Password).OK().Field("login")
		for range 3 {
			assert.Zero(t, w.count(c.Email, "guessed"))
			w.As(apptest.Anonymous).POST("/auth/mfa/verify", `{"login":"`+login+`","token":"000000"}`).WantStatus(http.StatusBadRequest)
		}
		assert.Equal(t, 1, w.count(c.Email, "guessed"))
	})
}

// unusualSignIns: people are told of what they may not have been.
func unusualSignIns(t *testing.T, w *asvs) {
	c := w.newMember("unusual")
	for range 3 {
		w.login(c.Email, "wrong-password-1").WantStatus(http.StatusBadRequest)
	}
	w.login(c.Email, apptest.Password).OK()
	w.MailAbout(c.Email, "after wrong passwords")
	w.SignIn(c.Email, apptest.Password, c.Project)
	again := w.nobody.With("User-Agent", fmt.Sprintf(firefox, 120))
	again.POST("/auth/login", fmt.Sprintf(`{"email":%q,"password":%q,"projectId":%q}`, c.Email, apptest.Password, c.Project)).OK()
	w.MailAbout(c.Email, "from a new place")
	enrol(t, c)
	step := w.login(c.Email, apptest.Password).OK().Field("login")
	for range 3 {
		w.nobody.POST("/auth/mfa/verify", `{"login":"`+step+`","token":"000000"}`).WantStatus(http.StatusBadRequest)
	}
	w.MailAbout(c.Email, "Somebody tries to sign in")
}
