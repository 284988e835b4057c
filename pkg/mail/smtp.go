package mail

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/mail"
	"net/url"
	"strconv"
	"time"

	gomail "github.com/wneessen/go-mail"
)

// Transport hands a mail to the world.
type Transport interface {
	// Send tells what the server said. It fails with ErrPermanent when the server will never take
	// this mail; after any other error it may be tried again.
	Send(ctx context.Context, mail Rendered) (Reply, error)
}

// ErrPermanent is the refusal of a mail for good (RFC 5321 §4.2.1, 5yz).
var ErrPermanent = errors.New("mail: refused for good")

// smtpTimeout bounds each step of a conversation with the server.
const smtpTimeout = 30 * time.Second

// SMTP sends through a mail server. Each mail has a connection of its own: invitations are few,
// and a worker holds nothing between them.
type SMTP struct {
	host    string
	from    *mail.Address
	options []gomail.Option
}

// NewSMTP reads smtp://user:password@host:port or smtps://…; the port is 587 or 465 when left
// out. smtp encrypts by STARTTLS when the server offers it; ?starttls=required insists on it,
// ?starttls=off never does. roots, when not nil, replaces the machine's certificate authorities.
func NewSMTP(address *url.URL, from *mail.Address, roots *tls.Config) (*SMTP, error) {
	s := &SMTP{host: address.Hostname(), from: from, options: []gomail.Option{gomail.WithTimeout(smtpTimeout), gomail.WithoutNoop()}}
	if s.host == "" {
		return nil, errors.New("no host")
	}
	secure, err := encryption(address)
	if err != nil {
		return nil, err
	}
	s.options = append(s.options, secure...)
	if port := address.Port(); port != "" {
		number, err := strconv.Atoi(port)
		if err != nil || number < 1 || number > 65535 {
			return nil, fmt.Errorf("port %q is none", port)
		}
		s.options = append(s.options, gomail.WithPort(number))
	}
	if roots != nil {
		s.options = append(s.options, gomail.WithTLSConfig(roots))
	}
	if user := address.User; user.Username() != "" {
		password, _ := user.Password()
		s.options = append(s.options, gomail.WithSMTPAuth(gomail.SMTPAuthAutoDiscover),
			gomail.WithUsername(user.Username()), gomail.WithPassword(password))
	}
	_, err = gomail.NewClient(s.host, s.options...)
	return s, err
}

func encryption(address *url.URL) ([]gomail.Option, error) {
	starttls := address.Query().Get("starttls")
	switch {
	case address.Scheme == "smtps" && starttls == "":
		return []gomail.Option{gomail.WithPort(gomail.DefaultPortSSL), gomail.WithSSL()}, nil
	case address.Scheme != "smtp":
		return nil, fmt.Errorf("scheme %q: want smtp or smtps", address.Scheme)
	}
	port := gomail.WithPort(gomail.DefaultPortTLS)
	switch starttls {
	case "":
		return []gomail.Option{port, gomail.WithTLSPolicy(gomail.TLSOpportunistic)}, nil
	case "required":
		return []gomail.Option{port, gomail.WithTLSPolicy(gomail.TLSMandatory)}, nil
	case "off":
		return []gomail.Option{port, gomail.WithTLSPolicy(gomail.NoTLS)}, nil
	}
	return nil, fmt.Errorf("starttls=%q: want required or off", starttls)
}

// Send implements Transport.
func (s *SMTP) Send(ctx context.Context, r Rendered) (Reply, error) {
	message, err := s.compose(r)
	if err != nil {
		return refused(err), fmt.Errorf("%w: %w", ErrPermanent, err)
	}
	client, err := gomail.NewClient(s.host, s.options...)
	if err != nil {
		return refused(err), fmt.Errorf("set up mail client: %w", err)
	}
	if err := client.DialAndSendWithContext(ctx, message); err != nil {
		return refused(err), classify(err)
	}
	return accepted(message.ServerResponse()), nil
}

// compose refuses what is no single plain address before the library sees it.
func (s *SMTP) compose(r Rendered) (*gomail.Msg, error) {
	if !ValidAddress(r.To) {
		return nil, errors.New("the recipient is no address")
	}
	message := gomail.NewMsg(gomail.WithNoDefaultUserAgent())
	message.FromMailAddress(s.from)
	message.AddToMailAddress(&mail.Address{Address: r.To})
	if r.ReturnPath != "" {
		message.EnvelopeFromMailAddress(&mail.Address{Address: r.ReturnPath})
	}
	message.Subject(r.Subject)
	message.SetMessageIDWithValue(r.MessageID)
	message.SetDateWithValue(r.Date)
	message.SetGenHeader("Auto-Submitted", r.AutoSubmitted)
	message.SetBodyString(gomail.TypeTextPlain, r.Text)
	message.AddAlternativeString(gomail.TypeTextHTML, r.HTML)
	return message, nil
}

// classify tells the server's final word about this mail from everything that may pass: a full
// queue, a broken line, a password that the operator will put right.
func classify(err error) error {
	var refused *gomail.SendError
	if errors.As(err, &refused) && !refused.IsTemp() && refused.ErrorCode() >= 500 {
		switch refused.Reason {
		case gomail.ErrSMTPMailFrom, gomail.ErrSMTPRcptTo, gomail.ErrSMTPData, gomail.ErrSMTPDataClose:
			return fmt.Errorf("%w: %w", ErrPermanent, err)
		}
	}
	return fmt.Errorf("send mail: %w", err)
}
