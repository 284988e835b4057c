package mail_test

import (
	"net/mail"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	admitmail "github.com/admitdev/admit/pkg/mail"
	"github.com/admitdev/admit/pkg/secret"
	"github.com/admitdev/admit/pkg/store"
)

func TestWhatIsAnAddress(t *testing.T) {
	for address, valid := range map[string]bool{
		"homer@example.com":                     true,
		"Homer.J+clinic@mail.example.com":       true,
		"o'brien@example.ie":                    true,
		"user@localhost":                        true,
		"jürgen@bücher.example":                 true,
		strings.Repeat("a", 64) + "@x.com":      true,
		"":                                      false,
		"homer":                                 false,
		"@example.com":                          false,
		"homer@":                                false,
		"homer@example":                         false,
		"homer@.example.com":                    false,
		"homer@example..com":                    false,
		"homer@-example.com":                    false,
		"homer@exa_mple.com":                    false,
		".homer@example.com":                    false,
		"ho..mer@example.com":                   false,
		"ho mer@example.com":                    false,
		`"ho mer"@example.com`:                  false,
		"Homer <homer@example.com>":             false,
		"<homer@example.com>":                   false,
		"homer@example.com (Homer)":             false,
		"homer@example.com,bart@example.com":    false,
		"homer@example.com\r\nBcc: b@x.com":     false,
		"homer@example.com\n":                   false,
		"homer\x00@example.com":                 false,
		"homer@[127.0.0.1]":                     false,
		"homer@example.com>":                    false,
		strings.Repeat("a", 65) + "@x.com":      false,
		"a@" + strings.Repeat("b.", 130) + "cc": false,
	} {
		assert.Equal(t, valid, admitmail.ValidAddress(address), "%q", address)
	}
}

func letters(t *testing.T, app string) (*admitmail.Letters, *secret.Box) {
	t.Helper()
	box, err := secret.NewBox(secret.Key())
	require.NoError(t, err)
	base, err := url.Parse("https://app.example/portal/")
	require.NoError(t, err)
	l, err := admitmail.NewLetters(app, &mail.Address{Name: app, Address: "no-reply@mail.example"}, base, box)
	require.NoError(t, err)
	return l, box
}

func TestHowMailsRead(t *testing.T) {
	l, box := letters(t, "Admit")
	for _, tc := range []struct {
		template      admitmail.Template
		subject, link string
		says          []string
	}{
		{admitmail.InviteNew, "Welcome to Admit", "https://app.example/portal/setpassword/r1/s3cret", []string{
			"You were invited to Springfield Clinic", "Please click on the following link to create your account:",
		}},
		{admitmail.InviteNewPassword, "Welcome to Admit", "https://app.example/portal/setpassword/r1/s3cret", []string{
			"You were invited to Springfield Clinic", "Your account has a password already. Please click on the following link to choose a new one:",
		}},
		{admitmail.InviteExisting, "Admit: Welcome to Springfield Clinic", "https://app.example/portal/signin", []string{
			"You were invited to Springfield Clinic", "The next time you sign in, you will see Springfield Clinic as an option.",
			"You can sign in here: https://app.example/portal/signin",
		}},
		{admitmail.Reset, "Admit Password Reset", "https://app.example/portal/setpassword/r1/s3cret", []string{
			"Someone requested to reset your Admit password.", "you can safely ignore it.",
		}},
		{admitmail.PasswordChanged, "The password of your Admit account was changed", "https://app.example/portal/signin", []string{
			"If it was you, there is nothing to do.",
		}},
		{admitmail.FactorsChanged, "The second factors of your Admit account were changed", "https://app.example/portal/signin", []string{
			"An authenticator app or a passkey of your Admit account was added or removed.",
		}},
		{admitmail.Guessed, "Somebody tries to sign in to your Admit account", "https://app.example/portal/signin", []string{
			"They were not let in. You are told of this once a day.",
		}},
		{admitmail.VerifyEmail, "Admit Email Verification", "https://app.example/portal/verifyemail/r1/s3cret", nil},
	} {
		t.Run(string(tc.template), func(t *testing.T) {
			got, err := l.Render(t.Context(), store.Mail{
				ID: "m1", Template: string(tc.template), Recipient: "h@x.com", ProjectName: "Springfield Clinic", Request: "r1",
				Sealed: box.Seal([]byte("s3cret"), "mail/m1"),
			})
			require.NoError(t, err)
			assert.Equal(t, tc.subject, got.Subject)
			assert.Equal(t, tc.link, got.Link)
			assert.Equal(t, "m1@mail.example", got.MessageID)
			for _, says := range append(tc.says, tc.link, "Thank you,\nAdmit\n") {
				assert.Contains(t, got.Text, says)
			}
			assert.Contains(t, got.HTML, `<a href="`+tc.link+`">`)
			assert.NotContains(t, got.HTML, "<script")
		})
	}
}

func TestNamesAddNeitherLinesNorMarkup(t *testing.T) {
	l, _ := letters(t, "Ad\r\nBcc: x@y.com")
	got, err := l.Render(t.Context(), store.Mail{
		ID: "m1", Template: string(admitmail.InviteExisting), Recipient: "h@x.com",
		ProjectName: "Clinic\r\n\r\nVisit <a href='https://evil.example'>us</a>\u202e" + strings.Repeat("x", 500),
	})
	require.NoError(t, err)
	assert.NotContains(t, got.Subject, "\n")
	assert.NotContains(t, got.Subject, "\r")
	for _, line := range strings.Split(got.Text, "\n") {
		assert.False(t, strings.HasPrefix(line, "Visit"), "%q", line)
	}
	assert.NotContains(t, got.HTML, "<a href='https://evil")
	assert.NotContains(t, got.Text, "\u202e")
	assert.NotContains(t, got.Text, strings.Repeat("x", 200))
}

func TestALinkIsGoneWithItsSecret(t *testing.T) {
	l, box := letters(t, "Admit")
	got, err := l.Render(t.Context(), store.Mail{ID: "m1", Template: string(admitmail.InviteNew), Request: "r1"})
	require.NoError(t, err)
	assert.Empty(t, got.Link)
	_, err = l.Render(t.Context(), store.Mail{ID: "m2", Template: string(admitmail.InviteNew), Request: "r1", Sealed: box.Seal([]byte("s"), "mail/m1")})
	assert.ErrorIs(t, err, secret.ErrSealed, "a secret opens in its own mail alone")
}

// TestAMailOfASignInSaysWhereItWasFrom until it is sent.
func TestAMailOfASignInSaysWhereItWasFrom(t *testing.T) {
	l, box := letters(t, "Admit")
	for template, subject := range map[admitmail.Template]string{
		admitmail.RightAfterWrong: "A sign-in to your Admit account after wrong passwords", admitmail.NewPlace: "A sign-in to your Admit account from a new place",
	} {
		m := store.Mail{ID: "m1", Template: string(template), Recipient: "h@x.com", Sealed: box.Seal([]byte(admitmail.Note{Text: "1 May, from <b>here"}.Secret()), "mail/m1")}
		got, err := l.Render(t.Context(), m)
		require.NoError(t, err)
		assert.Equal(t, subject, got.Subject)
		assert.Contains(t, got.Text, "\nIt was 1 May, from <b>here.\n\nIf it was you")
		assert.Contains(t, got.HTML, "It was 1 May, from &lt;b&gt;here.")
		assert.Equal(t, "https://app.example/portal/signin", got.Link)
		m.Sealed = nil
		got, err = l.Render(t.Context(), m)
		require.NoError(t, err)
		assert.NotContains(t, got.Text, "It was")
	}
}
