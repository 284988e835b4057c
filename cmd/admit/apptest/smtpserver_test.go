package apptest_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"io"
	"math/big"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net"
	"net/mail"
	"net/textproto"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
)

// smtpServer is a mail server that takes mail only over STARTTLS from the one user it knows.
type smtpServer struct {
	Addr     string
	CertFile string // what a client has to trust

	mu      sync.Mutex
	arrived chan struct{} // closed and renewed at each mail
	mails   []received
}

// received is a mail as a reader's program shows it.
type received struct {
	From, To   string // envelope
	Header     mail.Header
	Subject    string
	Text, HTML string
	Encrypted  bool

	taken bool
}

const (
	smtpUser     = "admit"
	smtpPassword = "mail-password-1"
)

func startSMTP(t *testing.T) *smtpServer {
	t.Helper()
	certificate, certFile := selfSigned(t)
	s := &smtpServer{CertFile: certFile, arrived: make(chan struct{})}
	server := smtp.NewServer(smtp.BackendFunc(func(c *smtp.Conn) (smtp.Session, error) {
		return &smtpSession{server: s, conn: c}, nil
	}))
	server.Domain = "localhost"
	server.TLSConfig = &tls.Config{Certificates: []tls.Certificate{certificate}}
	server.EnableSMTPUTF8 = true
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.Addr = listener.Addr().String()
	done := make(chan error, 1)
	go func() { done <- server.Serve(listener) }()
	t.Cleanup(func() {
		closed := errors.Join(server.Close(), listener.Close(), <-done)
		if closed != nil && !errors.Is(closed, smtp.ErrServerClosed) && !errors.Is(closed, net.ErrClosed) {
			t.Error(closed)
		}
	})
	return s
}

// URL is the value of ADMIT_SMTP_URL for this server.
func (s *smtpServer) URL() string {
	return "smtp://" + smtpUser + ":" + smtpPassword + "@" + s.Addr
}

// WaitFor takes the next mail to an address, and waits until there is one.
func (s *smtpServer) WaitFor(t *testing.T, to string) received {
	t.Helper()
	deadline := time.After(20 * time.Second)
	for {
		s.mu.Lock()
		arrived := s.arrived
		for i, m := range s.mails {
			if strings.EqualFold(m.To, to) && !m.taken {
				s.mails[i].taken = true
				s.mu.Unlock()
				return m
			}
		}
		s.mu.Unlock()
		select {
		case <-arrived:
		case <-deadline:
			t.Fatalf("no mail to %s arrived", to)
		}
	}
}

// Count tells how many mails an address got.
func (s *smtpServer) Count(to string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for _, m := range s.mails {
		if strings.EqualFold(m.To, to) {
			n++
		}
	}
	return n
}

type smtpSession struct {
	server   *smtpServer
	conn     *smtp.Conn
	signedIn bool
	from, to string
}

func (s *smtpSession) AuthMechanisms() []string {
	if _, encrypted := s.conn.TLSConnectionState(); !encrypted {
		return nil
	}
	return []string{sasl.Plain}
}

func (s *smtpSession) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, username, password string) error {
		if username != smtpUser || password != smtpPassword {
			return smtp.ErrAuthFailed
		}
		s.signedIn = true
		return nil
	}), nil
}

func (s *smtpSession) Mail(from string, _ *smtp.MailOptions) error {
	if !s.signedIn {
		return smtp.ErrAuthRequired
	}
	s.from = from
	return nil
}

func (s *smtpSession) Rcpt(to string, _ *smtp.RcptOptions) error {
	s.to = to
	return nil
}

func (s *smtpSession) Data(r io.Reader) error {
	message, err := readMail(r)
	if err != nil {
		return err
	}
	message.From, message.To = s.from, s.to
	_, message.Encrypted = s.conn.TLSConnectionState()
	s.server.mu.Lock()
	defer s.server.mu.Unlock()
	s.server.mails = append(s.server.mails, message)
	close(s.server.arrived)
	s.server.arrived = make(chan struct{})
	return nil
}

func (s *smtpSession) Reset()        { s.from, s.to = "", "" }
func (s *smtpSession) Logout() error { return nil }

// readMail takes a message apart into what a person sees.
func readMail(r io.Reader) (received, error) {
	message, err := mail.ReadMessage(r)
	if err != nil {
		return received{}, err
	}
	m := received{Header: message.Header}
	if m.Subject, err = new(mime.WordDecoder).DecodeHeader(message.Header.Get("Subject")); err != nil {
		return m, err
	}
	return m, m.read(textproto.MIMEHeader(message.Header), message.Body)
}

func (m *received) read(header textproto.MIMEHeader, body io.Reader) error {
	mediaType, parameters, err := mime.ParseMediaType(header.Get("Content-Type"))
	if err != nil {
		return err
	}
	if strings.HasPrefix(mediaType, "multipart/") {
		parts := multipart.NewReader(body, parameters["boundary"])
		for {
			part, err := parts.NextRawPart()
			if errors.Is(err, io.EOF) {
				return nil
			}
			if err != nil {
				return err
			}
			if err := m.read(part.Header, part); err != nil {
				return err
			}
		}
	}
	if strings.EqualFold(header.Get("Content-Transfer-Encoding"), "quoted-printable") {
		body = quotedprintable.NewReader(body)
	}
	content, err := io.ReadAll(body)
	if mediaType == "text/html" {
		m.HTML = string(content)
	} else {
		m.Text = string(content)
	}
	return err
}

// selfSigned makes a certificate for the loopback address and writes it where a client can be told to trust it.
func selfSigned(t *testing.T) (tls.Certificate, string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "localhost"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, &template, &template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	var encoded bytes.Buffer
	if err := pem.Encode(&encoded, &pem.Block{Type: "CERTIFICATE", Bytes: der}); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "smtp.pem")
	if err := os.WriteFile(file, encoded.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, file
}
