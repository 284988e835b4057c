package apptest_test

import (
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-smtp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/admitdev/admit/cmd/admit/apptest"
	"github.com/admitdev/admit/pkg/store/storetest"
)

// mailServer takes mails, but for addresses that begin with the reply it is to give.
type mailServer struct {
	address string

	mu    sync.Mutex
	froms map[string]string // by recipient
}

func startMailServer(t *testing.T) *mailServer {
	t.Helper()
	m := &mailServer{froms: map[string]string{}}
	server := smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) { return &mailSession{server: m}, nil }))
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	m.address = listener.Addr().String()
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(listener) }()
	t.Cleanup(func() {
		require.NoError(t, server.Close())
		if err := <-ended; !errors.Is(err, smtp.ErrServerClosed) {
			require.NoError(t, err)
		}
	})
	return m
}

type mailSession struct {
	server *mailServer
	from   string
}

func (s *mailSession) Mail(from string, _ *smtp.MailOptions) error { s.from = from; return nil }

func (s *mailSession) Rcpt(to string, _ *smtp.RcptOptions) error {
	switch {
	case strings.HasPrefix(to, "refused"):
		return &smtp.SMTPError{Code: 550, EnhancedCode: smtp.EnhancedCode{5, 1, 1}, Message: "no such user"}
	case strings.HasPrefix(to, "deferred"):
		return &smtp.SMTPError{Code: 451, EnhancedCode: smtp.EnhancedCode{4, 7, 1}, Message: "greylisted"}
	}
	s.server.mu.Lock()
	defer s.server.mu.Unlock()
	s.server.froms[to] = s.from
	return nil
}

func (*mailSession) Data(r io.Reader) error { _, err := io.Copy(io.Discard, r); return err }
func (*mailSession) Reset()                 {}
func (*mailSession) Logout() error          { return nil }

// returnPath is where reports about the last mail to an address go.
func (m *mailServer) returnPath(to string) string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.froms[to]
}

const bounceSecret = "a-secret-of-the-mail-server"

// dsn is a report that was sent to an address.
func dsn(to, action, status string) string {
	return strings.ReplaceAll("To: <"+to+">\nContent-Type: multipart/report; report-type=delivery-status; boundary=b\n\n--b\nContent-Type: message/delivery-status\n\n"+
		"Reporting-MTA: dns; mx.example\n\nFinal-Recipient: rfc822; x@example.com\nAction: "+action+"\nStatus: "+status+"\nDiagnostic-Code: smtp; 550 no mailbox\n\n--b--\n", "\n", "\r\n")
}

func TestWhatBecameOfAMailShowsAtItsInvitation(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db storetest.DB) {
		m := startMailServer(t)
		s := apptest.Start(t, apptest.On(db), apptest.With("ADMIT_SMTP_URL=smtp://"+m.address+"?starttls=off", "ADMIT_BOUNCE_ADDRESS=bounces@mail.example", "ADMIT_BOUNCE_SECRET="+bounceSecret))
		i := newInviter(t, s, apptest.Admin)
		until := func(id, status string) *apptest.Answer {
			t.Helper()
			var got *apptest.Answer
			require.Eventually(t, func() bool {
				got = i.do("GET", i.path(id), "").WantStatus(http.StatusOK)
				return got.Field("delivery.status") == status
			}, 20*time.Second, 10*time.Millisecond, "%s", status)
			return got
		}
		refused, _ := i.invite("refused@example.com", "")
		got := until(refused, "refused")
		assert.Equal(t, []string{"bounced", "550", "5.1.1"}, []string{got.Field("state"), got.Field("delivery.replyCode"), got.Field("delivery.statusCode")})
		deferred, _ := i.invite("deferred@example.com", "")
		got = until(deferred, "deferred")
		assert.Equal(t, []string{"queued", "451", "4.7.1"}, []string{got.Field("state"), got.Field("delivery.replyCode"), got.Field("delivery.statusCode")})
		const to = "taken@example.com"
		id, _ := i.invite(to, "")
		assert.Equal(t, "sent", until(id, "accepted").Field("state"))
		other, _ := i.invite("other@example.com", "")
		until(other, "accepted")

		server := s.As(apptest.Anonymous).With("Content-Type", "message/rfc822").With("Authorization", "Bearer "+bounceSecret)
		hand := func(as *apptest.Client, query, message string) *apptest.Answer {
			answer := as.POST("/mail/bounces"+query, message)
			i.told.check("POST", "/mail/bounces", "", answer)
			return answer
		}
		path := m.returnPath(to)
		require.Regexp(t, `^bounces\+[a-z2-7]{42}@mail\.example$`, path)
		unchanged := i.GET(i.path(id)).Field("version")
		hand(s.As(apptest.Anonymous), "", dsn(path, "failed", "5.1.1")).WantStatus(http.StatusUnauthorized)
		hand(server.With("Authorization", "Bearer wrong"), "", dsn(path, "failed", "5.1.1")).WantStatus(http.StatusUnauthorized)
		hand(i.Client, "", dsn(path, "failed", "5.1.1")).WantStatus(http.StatusUnauthorized)
		forged := strings.Replace(path, path[9:12], "aaa", 1)
		for _, nobody := range []string{forged, "bounces@mail.example", "bounces+x@mail.example", to} {
			hand(server, "", dsn(nobody, "failed", "5.1.1")).WantStatus(http.StatusNotFound)
		}
		hand(server, "", "To: "+path+"\r\n\r\nI am on holiday. Action: failed").WantStatus(http.StatusBadRequest)
		hand(server, "", "").WantStatus(http.StatusBadRequest)
		assert.Equal(t, unchanged, i.GET(i.path(id)).Field("version"), "what is forged does nothing")

		hand(server, "", dsn(path, "delayed", "4.4.1")).WantStatus(http.StatusOK)
		assert.Equal(t, "sent", until(id, "delayed").Field("state"))
		hand(server, "?recipient="+strings.ReplaceAll(path, "+", "%2B"), dsn("postmaster@mail.example", "failed", "5.2.1")).WantStatus(http.StatusOK)
		got = until(id, "bounced")
		assert.Equal(t, []string{"bounced", "5.2.1", "550 no mailbox"}, []string{got.Field("state"), got.Field("delivery.statusCode"), got.Field("delivery.text")})
		assert.Equal(t, []string{id, refused}, idsIn(i.GET(i.path()+"?state=failed"), "invitations"))
		hand(server, "", dsn(path, "delivered", "2.0.0")).WantStatus(http.StatusOK)
		assert.Equal(t, "bounced", until(id, "bounced").Field("state"), "a mail that came back has not arrived")

		i.POST(i.path(id, "resend"), "").WantStatus(http.StatusOK)
		until(id, "accepted")
		hand(server, "", dsn(path, "failed", "5.1.1")).WantStatus(http.StatusOK)
		assert.Equal(t, "sent", until(id, "accepted").Field("state"), "what is said of the mail before is not said of this one")
		require.NotEqual(t, path, m.returnPath(to))
		hand(server, "", dsn(m.returnPath(to), "delivered", "2.0.0")).WantStatus(http.StatusOK)
		assert.Equal(t, "delivered", until(id, "delivered").Field("state"))

		list := "resourceType,firstName,lastName,email\nPractitioner,In,List,listed@example.com\nPractitioner,In,List,refused.too@example.com\n"
		assert.Contains(t, finished(t, i.Client, uploaded(i.Client, list), "apply"), `"done":2`)
		listed := i.GET(i.path() + "?email=listed@example.com").WantStatus(http.StatusOK).Field("invitations.0.id")
		until(listed, "accepted")
		hand(server, "", dsn(m.returnPath("listed@example.com"), "failed", "5.1.1")).WantStatus(http.StatusOK)
		assert.Equal(t, "bounced", until(listed, "bounced").Field("state"))
		until(i.GET(i.path()+"?email=refused.too@example.com").Field("invitations.0.id"), "refused")
	})
}
