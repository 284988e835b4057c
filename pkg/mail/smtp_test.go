package mail_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"math/big"
	"net"
	"net/mail"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	admitmail "github.com/admitdev/admit/pkg/mail"
)

// postOffice is a mail server that keeps what it takes and refuses what it is told to.
type postOffice struct {
	smtp.Backend
	address string
	roots   *tls.Config // trusts it

	mu       sync.Mutex
	letters  []letter
	refuse   map[string]error // by command: MAIL, RCPT, DATA
	password string           // wanted when not empty
}

type letter struct {
	from, to, text string
	encrypted      bool
	user           string
}

type speaks int

const (
	plain speaks = iota
	startTLS
	implicitTLS
)

func openPostOffice(t *testing.T, how speaks) *postOffice {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	require.NoError(t, err)
	certificate, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	pool := x509.NewCertPool()
	pool.AddCert(certificate)
	p := &postOffice{roots: &tls.Config{RootCAs: pool, ServerName: "127.0.0.1"}, refuse: map[string]error{}}
	server := smtp.NewServer(p)
	server.AllowInsecureAuth = true
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	config := &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
	switch how {
	case startTLS:
		server.TLSConfig = config
	case implicitTLS:
		listener = tls.NewListener(listener, config)
	}
	p.address = listener.Addr().String()
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(listener) }()
	t.Cleanup(func() {
		require.NoError(t, server.Close())
		if err := <-ended; !errors.Is(err, smtp.ErrServerClosed) {
			require.NoError(t, err)
		}
	})
	return p
}

func (p *postOffice) NewSession(c *smtp.Conn) (smtp.Session, error) {
	return &counter{office: p, conn: c}, nil
}

// counter is one conversation.
type counter struct {
	office *postOffice
	conn   *smtp.Conn
	letter letter
}

func (c *counter) AuthMechanisms() []string { return []string{sasl.Plain} }

func (c *counter) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, user, password string) error {
		if password != c.office.password {
			return smtp.ErrAuthFailed
		}
		c.letter.user = user
		return nil
	}), nil
}

func (c *counter) refused(command string) error {
	c.office.mu.Lock()
	defer c.office.mu.Unlock()
	return c.office.refuse[command]
}

func (c *counter) Mail(from string, _ *smtp.MailOptions) error {
	c.letter.from = from
	return c.refused("MAIL")
}

func (c *counter) Rcpt(to string, _ *smtp.RcptOptions) error {
	c.letter.to = to
	return c.refused("RCPT")
}

func (c *counter) Data(r io.Reader) error {
	if err := c.refused("DATA"); err != nil {
		return err
	}
	text, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	_, c.letter.encrypted = c.conn.TLSConnectionState()
	c.letter.text = string(text)
	c.office.mu.Lock()
	defer c.office.mu.Unlock()
	c.office.letters = append(c.office.letters, c.letter)
	return nil
}

func (*counter) Reset()        {}
func (*counter) Logout() error { return nil }

func (p *postOffice) taken() []letter {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]letter(nil), p.letters...)
}

// sender is a transport of which only the failure matters.
type sender struct{ *admitmail.SMTP }

func (s sender) send(ctx context.Context, r admitmail.Rendered) error {
	_, err := s.Send(ctx, r)
	return err
}

func transport(t *testing.T, address string, roots *tls.Config) sender {
	t.Helper()
	parsed, err := url.Parse(address)
	require.NoError(t, err)
	s, err := admitmail.NewSMTP(parsed, &mail.Address{Name: "Ädmit", Address: "no-reply@mail.example"}, roots)
	require.NoError(t, err)
	return sender{s}
}

func rendered(to string) admitmail.Rendered {
	return admitmail.Rendered{
		ID: "m1", To: to, Subject: "Wälcome", Text: "Hello\n", HTML: "<p>Hello</p>", MessageID: "m1@mail.example",
		Date: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), AutoSubmitted: "auto-generated",
	}
}

func TestAMailArrivesAsTextAndHTML(t *testing.T) {
	p := openPostOffice(t, startTLS)
	require.NoError(t, transport(t, "smtp://"+p.address, p.roots).send(t.Context(), rendered("homer@example.com")))
	taken := p.taken()
	require.Len(t, taken, 1)
	assert.Equal(t, "no-reply@mail.example", taken[0].from)
	assert.Equal(t, "homer@example.com", taken[0].to)
	assert.True(t, taken[0].encrypted, "STARTTLS was offered")
	message, err := mail.ReadMessage(strings.NewReader(taken[0].text))
	require.NoError(t, err)
	assert.Equal(t, "<m1@mail.example>", message.Header.Get("Message-Id"))
	assert.Equal(t, "auto-generated", message.Header.Get("Auto-Submitted"))
	assert.Equal(t, "Fri, 02 Jan 2026 03:04:05 +0000", message.Header.Get("Date"))
	assert.Contains(t, message.Header.Get("Content-Type"), "multipart/alternative")
	assert.NotContains(t, taken[0].text, "go-mail")
}

func TestHowTheServerIsSpokenTo(t *testing.T) {
	for _, tc := range []struct {
		name      string
		server    speaks
		scheme    string // %s is the address
		encrypted bool
		fails     bool
	}{
		{name: "no STARTTLS is offered", server: plain, scheme: "smtp://%s"},
		{name: "STARTTLS is required and offered", server: startTLS, scheme: "smtp://%s?starttls=required", encrypted: true},
		{name: "STARTTLS is required and not offered", server: plain, scheme: "smtp://%s?starttls=required", fails: true},
		{name: "STARTTLS is switched off", server: startTLS, scheme: "smtp://%s?starttls=off"},
		{name: "TLS from the beginning", server: implicitTLS, scheme: "smtps://%s", encrypted: true},
		{name: "TLS to a server without", server: plain, scheme: "smtps://%s", fails: true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := openPostOffice(t, tc.server)
			err := transport(t, strings.Replace(tc.scheme, "%s", p.address, 1), p.roots).send(t.Context(), rendered("h@example.com"))
			if tc.fails {
				require.Error(t, err)
				require.NotErrorIs(t, err, admitmail.ErrPermanent, "the operator can mend it")
				assert.Empty(t, p.taken())
				return
			}
			require.NoError(t, err)
			require.Len(t, p.taken(), 1)
			assert.Equal(t, tc.encrypted, p.taken()[0].encrypted)
		})
	}
	t.Run("a certificate that nobody vouches for", func(t *testing.T) {
		p := openPostOffice(t, startTLS)
		require.Error(t, transport(t, "smtp://"+p.address, nil).send(t.Context(), rendered("h@example.com")))
		assert.Empty(t, p.taken())
	})
}

func TestTheUserAndPasswordOfTheURL(t *testing.T) {
	p := openPostOffice(t, startTLS)
	p.password = "p@ss word"
	require.NoError(t, transport(t, "smtp://admit:p%40ss%20word@"+p.address, p.roots).send(t.Context(), rendered("h@example.com")))
	assert.Equal(t, "admit", p.taken()[0].user)
	err := transport(t, "smtp://admit:wrong@"+p.address, p.roots).send(t.Context(), rendered("h@example.com"))
	require.Error(t, err)
	assert.NotErrorIs(t, err, admitmail.ErrPermanent)
	assert.NotContains(t, err.Error(), "wrong")
}

func TestWhatTheServerSaysForGood(t *testing.T) {
	for _, tc := range []struct {
		command   string
		code      int
		permanent bool
	}{
		{"MAIL", 451, false}, {"RCPT", 450, false}, {"DATA", 452, false},
		{"MAIL", 550, true}, {"RCPT", 550, true}, {"RCPT", 553, true}, {"DATA", 554, true},
	} {
		p := openPostOffice(t, startTLS)
		p.refuse[tc.command] = &smtp.SMTPError{Code: tc.code, Message: "no"}
		reply, err := transport(t, "smtp://"+p.address, p.roots).Send(t.Context(), rendered("h@example.com"))
		require.Error(t, err)
		assert.Equal(t, tc.code, reply.Code, tc.command)
		assert.Equal(t, tc.permanent, errors.Is(err, admitmail.ErrPermanent), "%s %d", tc.command, tc.code)
		assert.Empty(t, p.taken())
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, listener.Close())
	_, err = transport(t, "smtp://"+listener.Addr().String(), nil).Send(t.Context(), rendered("h@example.com"))
	require.Error(t, err)
	assert.NotErrorIs(t, err, admitmail.ErrPermanent, "the server may come back")
}

func TestARecipientAddsNoHeader(t *testing.T) {
	p := openPostOffice(t, startTLS)
	for _, to := range []string{"h@example.com\r\nBcc: b@example.com", "h@example.com, b@example.com", "B <b@example.com>", "h@example.com>\r\nDATA"} {
		require.ErrorIs(t, transport(t, "smtp://"+p.address, p.roots).send(t.Context(), rendered(to)), admitmail.ErrPermanent)
	}
	assert.Empty(t, p.taken())
	evil := rendered("h@example.com")
	evil.Subject = "Hi\r\nBcc: b@example.com"
	if err := transport(t, "smtp://"+p.address, p.roots).send(t.Context(), evil); err == nil {
		message, err := mail.ReadMessage(strings.NewReader(p.taken()[0].text))
		require.NoError(t, err)
		assert.Empty(t, message.Header.Get("Bcc"))
	}
}

func TestWhichURLsAreRefused(t *testing.T) {
	for _, address := range []string{"http://mail.example", "smtp://", "smtp://mail.example?starttls=maybe", "smtps://mail.example?starttls=required", "smtp://mail.example:0", "mail.example:25"} {
		parsed, err := url.Parse(address)
		if err != nil {
			continue // told before
		}
		_, err = admitmail.NewSMTP(parsed, &mail.Address{Address: "a@b.example"}, nil)
		assert.Error(t, err, address)
	}
}
