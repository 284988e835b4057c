package mail_test

import (
	"net/mail"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	admitmail "github.com/admitdev/admit/pkg/mail"
	"github.com/admitdev/admit/pkg/secret"
	"github.com/admitdev/admit/pkg/store"
)

const mailID = "0193f3a0-1111-7abc-8def-000000000042"

func bounces(t *testing.T) *admitmail.Bounces {
	t.Helper()
	box, err := secret.NewBox([]byte(strings.Repeat("k", 32)))
	require.NoError(t, err)
	return admitmail.NewBounces(&mail.Address{Address: "Bounces@mail.example"}, box)
}

func TestAnAddressOfAReportBelongsToItsMailAlone(t *testing.T) {
	b := bounces(t)
	address, err := b.Address(mailID)
	require.NoError(t, err)
	assert.True(t, admitmail.ValidAddress(address), address)
	for _, spelt := range []string{address, strings.ToUpper(address), strings.ToLower(address)} {
		id, ours := b.MailOf(spelt)
		assert.True(t, ours, spelt)
		assert.Equal(t, mailID, id)
	}
	local, token, _ := strings.Cut(address, "+")
	token, domain, _ := strings.Cut(token, "@")
	swap := func(at int) string {
		letter := "b"
		if token[at] == 'b' {
			letter = "c"
		}
		return token[:at] + letter + token[at+1:]
	}
	for _, forged := range []string{
		"", "@", "+", token, local + "@" + domain, local + "+@" + domain, local + "+" + token[:40] + "@" + domain, local + "+" + token + "aa@" + domain,
		local + "+" + swap(0) + "@" + domain, local + "+" + swap(len(token)-3) + "@" + domain, local + "+" + token + "@evil.example", "other+" + token + "@" + domain,
		local + "+" + strings.Repeat("a", len(token)) + "@" + domain, local + "+" + token + "+x@" + domain,
	} {
		_, ours := b.MailOf(forged)
		assert.False(t, ours, forged)
	}
	box, err := secret.NewBox([]byte(strings.Repeat("x", 32)))
	require.NoError(t, err)
	_, ours := admitmail.NewBounces(&mail.Address{Address: "bounces@mail.example"}, box).MailOf(address)
	assert.False(t, ours, "another server's key")
}

// report is a message with a part of fields.
func report(header, fields string) string {
	return strings.ReplaceAll("From: MAILER-DAEMON@mx.example\nTo: <b+t@mail.example>\nSubject: Undelivered\nMIME-Version: 1.0\n"+header+`

--b
Content-Type: text/plain; charset=x-unknown

It did not work.
--b
`+fields+`
--b
Content-Type: text/rfc822-headers

Subject: Welcome
--b--
`, "\n", "\r\n")
}

const (
	deliveryReport = `Content-Type: multipart/report; report-type=delivery-status; boundary="b"`
	statusPart     = "Content-Type: message/delivery-status\n\nReporting-MTA: dns; mx.example\nArrival-Date: Sun, 29 Nov 2026 10:00:00 +0000\n\n"
)

func TestReportsAreRead(t *testing.T) {
	for _, tc := range []struct {
		name, header, fields string
		status               store.DeliveryStatus
		code, text           string
	}{
		{"a mailbox that is unknown", deliveryReport, statusPart + "Final-Recipient: rfc822; h@example.com\nAction: failed\nStatus: 5.1.1\nDiagnostic-Code: smtp; 550 5.1.1 no such\n user here\n", store.DeliveryBounced, "5.1.1", "550 5.1.1 no such user here"},
		{"a mail that is late", deliveryReport, statusPart + "Final-Recipient: rfc822; h@example.com\naction: Delayed\nstatus: 4.4.1 (connection timed out)\n", store.DeliveryDelayed, "4.4.1", ""},
		{"a mail that has arrived", deliveryReport, statusPart + "Final-Recipient: rfc822; h@example.com\nAction: delivered\nStatus: 2.0.0\n", store.DeliveryDelivered, "2.0.0", ""},
		{"an international one", deliveryReport, strings.Replace(statusPart, "message/delivery", "message/global-delivery", 1) + "Final-Recipient: utf-8; hömer@example.com\nAction: failed\nStatus: 5.6.7\nDiagnostic-Code: smtp;550 ünknown\n", store.DeliveryBounced, "5.6.7", "550 ünknown"},
		{"the second of two recipients", deliveryReport, statusPart + "Final-Recipient: rfc822; a@example.com\nAction: relayed\nStatus: 2.0.0\n\nFinal-Recipient: rfc822; h@example.com\nAction: failed\nStatus: nonsense\n", store.DeliveryBounced, "", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := admitmail.ReadReport([]byte(report(tc.header, tc.fields)))
			require.NoError(t, err)
			assert.Equal(t, admitmail.Report{To: []string{"b+t@mail.example"}, Status: tc.status, StatusCode: tc.code, Text: tc.text}, got)
		})
	}
	for name, message := range map[string]string{
		"nothing": "", "a line": "hello", "an answer by a person": "From: h@example.com\r\nTo: b+t@mail.example\r\n\r\nAction: failed\r\n",
		"a vacation":             "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n" + strings.ReplaceAll(statusPart, "\n", "\r\n") + "Action: failed\r\n--b--\r\n",
		"another kind of report": report(strings.Replace(deliveryReport, "delivery-status", "disposition-notification", 1), statusPart+"Action: failed\n"),
		"no boundary":            report("Content-Type: multipart/report; report-type=delivery-status", statusPart+"Action: failed\n"),
		"no recipients":          report(deliveryReport, statusPart), "no action": report(deliveryReport, statusPart+"Status: 5.0.0\n"),
		"an action that says nothing": report(deliveryReport, statusPart+"Action: expanded\n"),
		"it is cut off":               report(deliveryReport, "")[:250],
	} {
		_, err := admitmail.ReadReport([]byte(message))
		assert.ErrorIs(t, err, admitmail.ErrNoReport, name)
	}
}

func FuzzReadReport(f *testing.F) {
	f.Add([]byte(report(deliveryReport, statusPart+"Action: failed\nStatus: 5.1.1\n")))
	f.Fuzz(func(t *testing.T, message []byte) {
		got, err := admitmail.ReadReport(message)
		if err != nil {
			assert.ErrorIs(t, err, admitmail.ErrNoReport)
		} else if got.Status == "" || strings.ContainsAny(got.Text+got.StatusCode, "\r\n") {
			t.Errorf("%+v", got)
		}
	})
}
