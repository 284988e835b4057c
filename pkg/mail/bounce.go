package mail

import (
	"bufio"
	"bytes"
	"encoding/base32"
	"encoding/hex"
	"errors"
	"fmt"
	"net/mail"
	"strings"

	"github.com/emersion/go-message"
	"github.com/emersion/go-message/textproto"
	"github.com/google/uuid"

	"github.com/admitdev/admit/pkg/secret"
	"github.com/admitdev/admit/pkg/store"
)

// Signer makes a keyed digest in hexadecimal; *secret.Box implements it.
type Signer interface {
	Fingerprint(data []byte) string
}

// Bounces are the addresses to which reports about mails come back, one for each mail: its name is signed
// with the server's key, so that nobody can report about a mail of which they have not had the envelope.
type Bounces struct {
	local, domain string
	signer        Signer
}

// NewBounces makes them of bounces@example.com as bounces+<token>@example.com; nil address, nil Bounces.
func NewBounces(address *mail.Address, signer Signer) *Bounces {
	if address == nil {
		return nil
	}
	at := strings.LastIndexByte(address.Address, '@')
	return &Bounces{address.Address[:at], address.Address[at+1:], signer}
}

// signature is how many bytes of the digest are in a token: with those of the id it is 42 letters long,
// which leaves 21 of the 64 that an address may have before its @ (MaxBounceLocal).
const signature = 10

// MaxBounceLocal is how long the part before the @ of the address may be.
const MaxBounceLocal = 64 - len("+") - (16+signature)*8/5 - 1

var letters32 = base32.StdEncoding.WithPadding(base32.NoPadding)

// Address is where reports about a mail are to go.
func (b *Bounces) Address(id string) (string, error) {
	parsed, err := uuid.Parse(id)
	if err != nil {
		return "", fmt.Errorf("id of a mail: %w", err)
	}
	signed, err := b.sign(parsed)
	return b.local + "+" + strings.ToLower(letters32.EncodeToString(append(parsed[:], signed...))) + "@" + b.domain, err
}

func (b *Bounces) sign(id uuid.UUID) ([]byte, error) {
	digest, err := hex.DecodeString(b.signer.Fingerprint([]byte("bounce of mail " + id.String())))
	if err != nil || len(digest) < signature {
		return nil, errors.New("a fingerprint is no digest")
	}
	return digest[:signature], nil
}

// MailOf is the id of the mail that an address belongs to; false for any that was not made here.
func (b *Bounces) MailOf(address string) (id string, ours bool) {
	at := strings.LastIndexByte(address, '@')
	if at < 0 || !strings.EqualFold(address[at+1:], b.domain) {
		return "", false
	}
	local, token, _ := strings.Cut(address[:at], "+")
	raw, err := letters32.DecodeString(strings.ToUpper(token))
	if err != nil || len(raw) != 16+signature || !strings.EqualFold(local, b.local) {
		return "", false
	}
	mailID := uuid.UUID(raw[:16])
	again, err := b.Address(mailID.String())
	if err != nil || !secret.Equal(strings.ToLower(again), strings.ToLower(address)) {
		return "", false
	}
	return mailID.String(), true
}

// Report is a delivery status notification (RFC 3464).
type Report struct {
	To         []string // addresses that the report was sent to
	Status     store.DeliveryStatus
	StatusCode string // RFC 3463
	Text       string
}

// ErrNoReport says that a message is not a delivery status notification: an answer by a person or a
// machine, or nothing at all.
var ErrNoReport = errors.New("mail: no delivery status notification")

// maxReport is how many recipients a report may speak of.
const maxReport = 100

// ReadReport reads a message as it came (RFC 5322).
func ReadReport(content []byte) (Report, error) {
	entity, err := message.Read(bytes.NewReader(content))
	if err != nil && !message.IsUnknownCharset(err) && !message.IsUnknownEncoding(err) {
		return Report{}, fmt.Errorf("%w: %w", ErrNoReport, err)
	}
	media, parameters, err := entity.Header.ContentType()
	parts := entity.MultipartReader()
	if err != nil || media != "multipart/report" || !strings.EqualFold(parameters["report-type"], "delivery-status") || parts == nil {
		return Report{}, ErrNoReport
	}
	for {
		part, err := parts.NextPart()
		if err != nil && !message.IsUnknownCharset(err) {
			return Report{}, ErrNoReport // its end too
		}
		if media, _, err := part.Header.ContentType(); err == nil && (media == "message/delivery-status" || media == "message/global-delivery-status") {
			report, err := readStatus(bufio.NewReader(part.Body))
			report.To = sentTo(entity.Header)
			return report, err
		}
	}
}

// sentTo are the addresses that a report was sent to, as the servers that brought it say and its writer.
func sentTo(header message.Header) []string {
	var to []string
	for _, name := range []string{"X-Original-To", "Delivered-To", "Envelope-To", "To"} {
		for fields := header.FieldsByKey(name); fields.Next(); {
			found, err := mail.ParseAddressList(fields.Value())
			if err != nil {
				continue
			}
			for _, address := range found {
				to = append(to, address.Address)
			}
		}
	}
	return to
}

// statuses are the actions of RFC 3464 §2.3.3 that say something new: one that was relayed to where nobody
// reports further stays accepted.
var statuses = map[string]store.DeliveryStatus{
	"failed": store.DeliveryBounced, "delayed": store.DeliveryDelayed, "delivered": store.DeliveryDelivered,
}

// readStatus reads the fields of the message, and of its recipients the first that says something.
func readStatus(lines *bufio.Reader) (Report, error) {
	if _, err := textproto.ReadHeader(lines); err != nil {
		return Report{}, fmt.Errorf("%w: %w", ErrNoReport, err)
	}
	for range maxReport {
		recipient, err := textproto.ReadHeader(lines)
		if err != nil {
			break
		}
		action := strings.ToLower(strings.TrimSpace(recipient.Get("Action")))
		if status, known := statuses[action]; known {
			_, diagnostic, typed := strings.Cut(recipient.Get("Diagnostic-Code"), ";")
			if !typed {
				diagnostic = recipient.Get("Diagnostic-Code")
			}
			code, _, _ := strings.Cut(strings.TrimSpace(recipient.Get("Status")), " ")
			return Report{Status: status, StatusCode: enhanced(code), Text: OneLine(diagnostic)}, nil
		}
	}
	return Report{}, ErrNoReport
}
