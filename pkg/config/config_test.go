package config_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/spf13/pflag"
	"github.com/stretchr/testify/require"

	"github.com/admitdev/admit/pkg/config"
)

func TestDefaults(t *testing.T) {
	c, err := config.Load(nil, nil)
	require.NoError(t, err)
	require.Equal(t, "127.0.0.1:8103", c.Listen)
	require.Equal(t, "http://localhost:8103/", c.BaseURL.String())
	other, err := config.Load([]string{"ADMIT_LISTEN=:9000"}, nil)
	require.NoError(t, err)
	require.Equal(t, "http://localhost:9000/", other.BaseURL.String())
	require.Equal(t, c.BaseURL, c.AppURL)
	require.Equal(t, "sqlite:admit-data/admit.db", c.DatabaseURL.Reveal())
	require.Equal(t, "file:admit-data/binary", c.StorageURL.Reveal())
	require.EqualValues(t, 1<<30, c.BinaryMax)
	require.EqualValues(t, 50<<20, c.BundleMax)
	require.Equal(t, []int{5000, 1000}, []int{c.BundleEntries, c.BundleSearches})
	require.Equal(t, 30*time.Second, c.SearchTime)
	require.Empty(t, c.SMTPURL)
	require.Equal(t, "no-reply@localhost", c.MailFrom.Address)
	require.False(t, c.RegistrationOpen)
	require.Equal(t, []int{5, 160, 60000}, []int{c.LoginRateLimit, c.AuthRateLimit, c.RateLimit})
	require.Equal(t, 8, c.PasswordMinLength)
	require.True(t, c.PasswordBlocklist)
	require.False(t, c.AllowPKCEPlain)
	require.False(t, c.AllowPrivateURLs)
	require.Equal(t, slog.LevelInfo, c.LogLevel)
	require.Empty(t, c.Warnings)
}

func TestVariablesAndFlags(t *testing.T) {
	flags := pflag.NewFlagSet("", pflag.ContinueOnError)
	config.Flags(flags)
	require.NoError(t, flags.Parse([]string{"--listen=:9000", "--app-name", "Clinic"}))
	c, err := config.Load([]string{
		"ADMIT_LISTEN=127.0.0.1:1", "ADMIT_BASE_URL=https://id.example.org", "ADMIT_APP_NAME=Other", "ADMIT_SMTP_URL=", "ADMIT_RATE_LIMIT=-1",
		"ADMIT_ALLOWED_ORIGINS=https://a.example, https://b.example:8443", "ADMIT_TRUSTED_PROXIES=10.0.0.0/8,192.0.2.1,::1",
		"ADMIT_REGISTRATION=open", "ADMIT_PASSWORD_BLOCKLIST=off", "PATH=/bin",
	}, flags)
	require.NoError(t, err)
	require.Equal(t, ":9000", c.Listen, "a flag wins")
	require.Equal(t, "Clinic", c.AppName)
	require.Equal(t, "https://id.example.org/", c.BaseURL.String(), "the base URL ends with a slash")
	require.Equal(t, -1, c.RateLimit)
	require.Equal(t, []string{"https://a.example", "https://b.example:8443"}, c.AllowedOrigins)
	require.Len(t, c.TrustedProxies, 3)
	require.Equal(t, "192.0.2.1/32", c.TrustedProxies[1].String())
	require.True(t, c.RegistrationOpen)
	require.False(t, c.PasswordBlocklist)
}

func TestFaultsNameTheVariableTheFaultAndWhatIsAccepted(t *testing.T) {
	for variable, want := range map[string]string{
		"ADMIT_LISTEN=8103":                       `ADMIT_LISTEN (--listen) is "8103": not a host:port; accepted: host:port or :port`,
		"ADMIT_BASE_URL=localhost:8103":           `not an http or https URL; accepted: an http or https URL`,
		"ADMIT_BASE_URL=http://h/?a=b":            `has a query`,
		"ADMIT_STORAGE_URL=s3://bucket":           `ADMIT_STORAGE_URL (--storage-url): neither a file nor an s3 URL with key, secret, host and bucket; accepted: file:directory`,
		"ADMIT_BINARY_MAX_MB=0":                   `ADMIT_BINARY_MAX_MB (--binary-max-mb) is "0": out of range; accepted: a number from 1`,
		"ADMIT_BUNDLE_MAX_ENTRIES=many":           `ADMIT_BUNDLE_MAX_ENTRIES (--bundle-max-entries) is "many": out of range; accepted: a number from 1`,
		"ADMIT_SEARCH_SECONDS=0":                  `ADMIT_SEARCH_SECONDS (--search-seconds) is "0": out of range; accepted: a number from 1`,
		"ADMIT_DATABASE_URL=mysql://root:pw@h/x":  `ADMIT_DATABASE_URL (--database-url): neither a sqlite nor a postgres URL; accepted: sqlite:path`,
		"ADMIT_SMTP_URL=http://user:hunter2@h":    `ADMIT_SMTP_URL (--smtp-url): not an smtp or smtps URL`,
		"ADMIT_MAIL_FROM=nobody":                  `not a mail address`,
		"ADMIT_SUPERADMIN_EMAIL=A <a@b.c>":        `not a plain e-mail address`,
		"ADMIT_SUPERADMIN_EMAIL=a@b.example":      `one is set without the other; accepted: both or neither`,
		"ADMIT_SUPERADMIN_CLIENT_ID=a/b":          `not a FHIR id`,
		"ADMIT_REGISTRATION=yes":                  `accepted: open or closed`,
		"ADMIT_ALLOWED_ORIGINS=https://a.b/path":  `not an origin`,
		"ADMIT_TRUSTED_PROXIES=10.0.0.0/8,nginx":  `"nginx": not an address or a prefix`,
		"ADMIT_LOGIN_RATE_LIMIT=0":                `accepted: a number of 1 or more, or -1 for no limit`,
		"ADMIT_PASSWORD_MIN_LENGTH=4":             `accepted: a number from 8 to 128`,
		"ADMIT_ALLOW_PKCE_PLAIN=1":                `accepted: true or false`,
		"ADMIT_PASSWORD_MIN_LENGTH=129":           `accepted: a number from 8 to 128`,
		"ADMIT_LOG_LEVEL=loud":                    `is "loud": none of these words; accepted: debug, info, warn or error`,
		"ADMIT_LOG_FORMAT=xml":                    `accepted: text or json`,
		"ADMIT_APP_NAME=a\nb":                     `not printable`,
		"ADMIT_DATABASE=sqlite:x":                 `did you mean ADMIT_DATABASE_URL?`,
		"ADMIT_BASEURL=http://h":                  `did you mean ADMIT_BASE_URL?`,
		"ADMIT_SUPERADMIN_PASSWORD=" + long("x"):  `ADMIT_SUPERADMIN_PASSWORD (--superadmin-password): too long`,
		"ADMIT_SUPERADMIN_CLIENT_SECRET=whatever": `one is set without the other`,
	} {
		_, err := config.Load([]string{variable}, nil)
		require.ErrorContains(t, err, want, variable)
		for _, secret := range []string{"pw@h", "hunter2", "whatever"} {
			require.NotContains(t, err.Error(), secret)
		}
	}
}

func long(s string) string { return strings.Repeat(s, 1025) }

func TestAllFaultsAtOnce(t *testing.T) {
	_, err := config.Load([]string{"ADMIT_LISTEN=x", "ADMIT_RATE_LIMIT=x", "ADMIT_LOG_FORMT=x", "ADMIT_SUPERADMIN_EMAIL=a b", "ADMIT_SUPERADMIN_PASSWORD=long enough", "ADMIT_SUPERADMIN_CLIENT_ID=x"}, nil)
	for _, name := range []string{"ADMIT_LISTEN", "ADMIT_RATE_LIMIT", "ADMIT_LOG_FORMT", "ADMIT_SUPERADMIN_EMAIL", "ADMIT_SUPERADMIN_CLIENT_SECRET"} {
		require.ErrorContains(t, err, name)
	}
	require.NotContains(t, err.Error(), "ADMIT_SUPERADMIN_PASSWORD: one", "an address that is wrong is an address nevertheless")
}

func TestTheFirstAdministratorIsJudgedWithAllTheRest(t *testing.T) {
	for password, want := range map[string]string{
		"short": "must be at least 8 characters", "password1": "found in breach database", "someone@clinic.example": "too easy to guess",
	} {
		_, err := config.Load([]string{
			"ADMIT_LISTEN=x", "ADMIT_SUPERADMIN_EMAIL=someone@clinic.example", "ADMIT_SUPERADMIN_PASSWORD=" + password,
			"ADMIT_SUPERADMIN_CLIENT_ID=ci", "ADMIT_SUPERADMIN_CLIENT_SECRET=hunter2",
		}, nil)
		require.ErrorContains(t, err, "ADMIT_LISTEN")
		require.ErrorContains(t, err, "ADMIT_SUPERADMIN_CLIENT_SECRET (--superadmin-client-secret): too short; accepted: at least 16 characters")
		require.ErrorContains(t, err, want)
		require.NotContains(t, err.Error(), "hunter2")
	}
}

func TestUnknownVariablesOfOthersAreNoFaults(t *testing.T) {
	c, err := config.Load([]string{"ADMIT_PORT_8103_TCP_ADDR=10.0.0.1", "ADMIT_SERVICE_HOST=10.0.0.1", "ADMIT_TEST_POSTGRES_URL=x", "ADMIT_CLIENT_SECRET=x", "ADMIT_ACCESS_TOKEN=x", "ADMIT_WEATHER=fine"}, nil)
	require.NoError(t, err)
	require.Equal(t, []string{"ADMIT_WEATHER is not a setting and is ignored; the nearest is ADMIT_LISTEN"}, c.Warnings)
}

func TestSecretsAreShownNowhere(t *testing.T) {
	c, err := config.Load([]string{
		"ADMIT_DATABASE_URL=postgres://u:hunter2@h/d", "ADMIT_SMTP_URL=smtp://u:hunter2@h:25", "ADMIT_STORAGE_URL=s3://k:hunter2@h/b",
		"ADMIT_SUPERADMIN_EMAIL=a@b.example", "ADMIT_SUPERADMIN_PASSWORD=hunter2hunter2",
		"ADMIT_SUPERADMIN_CLIENT_ID=x", "ADMIT_SUPERADMIN_CLIENT_SECRET=hunter2hunter2hunter2",
	}, nil)
	require.NoError(t, err)
	require.Equal(t, "hunter2hunter2", c.SuperAdmin.Password.Reveal())
	require.Len(t, c.Warnings, 1, "a short secret is remarked upon")
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "config", c, "smtp", c.SMTPURL)
	asJSON, err := json.Marshal(c)
	require.NoError(t, err)
	for _, shown := range []string{log.String(), string(asJSON), fmt.Sprintf("%v %+v %#v %s %q", *c, *c, *c, c.SMTPURL, c.SMTPURL)} {
		require.NotContains(t, shown, "hunter2")
	}
}

func TestExternalIssuers(t *testing.T) {
	load := func(issuers, private string) (*config.Config, error) {
		return config.Load([]string{"ADMIT_BASE_URL=https://id.example.org/fhir", "ADMIT_EXTERNAL_ISSUERS=" + issuers, "ADMIT_ALLOW_PRIVATE_URLS=" + private}, nil)
	}
	c, err := load(" https://a.example  https://b.example/=https://c.example/me?x=y;audience=api://admit;audience=b=c https://d.example;audience=x", "")
	require.NoError(t, err)
	require.Equal(t, []config.Issuer{
		{URL: "https://a.example", Audiences: []string{}},
		{URL: "https://b.example/", UserInfoURL: "https://c.example/me?x=y", Audiences: []string{"api://admit", "b=c"}},
		{URL: "https://d.example", Audiences: []string{"x"}},
	}, c.ExternalIssuers)
	for _, issuers := range []string{
		"a.example", "https://", "ftp://a.example", "https://a.example?x", "https://u:p@a.example", "https://a.example https://a.example",
		"https://a.example=", "https://a.example=me", "https://a.example=ftp://a.example", "https://a.example,https://b.example/",
		"https://id.example.org/fhir", "https://id.example.org/fhir/", "http://a.example", "https://a.example=http://a.example",
		"https://a.example;audience=", "https://a.example;aud=x", "https://a.example/|x", "https://a.example;audience=x;audience=",
	} {
		_, err := load(issuers, "")
		require.ErrorContains(t, err, "ADMIT_EXTERNAL_ISSUERS", issuers)
	}
	_, err = load("http://a.example", "true")
	require.NoError(t, err)
}
