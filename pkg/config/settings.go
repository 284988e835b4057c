package config

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/mail"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/admitdev/admit/pkg/secret"
)

// setting is one row of the table of settings.
type setting struct {
	name     string // ADMIT_…
	fallback string // the value of an absent one
	absent   string // what its absence means, when there is no fallback
	meaning  string
	accepted string
	secret   bool // the value stands in no message
	parse    func(c *Config, value string) error
}

func (s setting) flag() string { return flagOf(s.name) }

func flagOf(name string) string {
	return strings.ReplaceAll(strings.ToLower(strings.TrimPrefix(name, prefix)), "_", "-")
}

// The forms that several settings share.
const (
	aBoolean = "true or false"
	aLimit   = "a number of 1 or more, or -1 for no limit"
	anOrigin = "* or origins such as https://app.example.com, separated by commas"
)

// settings is the table. It is a function because nothing in this package is a variable.
func settings() []setting {
	return []setting{
		{name: "ADMIT_LISTEN", fallback: "127.0.0.1:8103", meaning: "address to listen on", accepted: "host:port or :port",
			parse: func(c *Config, v string) error { return set(&c.Listen, v, address) }},
		{name: "ADMIT_BASE_URL", absent: "localhost and the port", meaning: "the server's own address, from which all links are made", accepted: "an http or https URL without query",
			parse: func(c *Config, v string) error { return set(&c.BaseURL, v, webAddress) }},
		{name: "ADMIT_APP_URL", absent: "the base URL's own pages", meaning: "where mailed links lead", accepted: "an http or https URL without query",
			parse: func(c *Config, v string) error { return set(&c.AppURL, v, webAddress) }},
		{name: "ADMIT_DATABASE_URL", fallback: "sqlite:admit-data/admit.db", meaning: "the database", accepted: "sqlite:path, sqlite::memory: or postgres://user:password@host:port/name", secret: true,
			parse: func(c *Config, v string) error { return set(&c.DatabaseURL, v, database) }},
		{name: "ADMIT_STORAGE_URL", fallback: "file:admit-data/binary", meaning: "where the content of Binaries is kept", accepted: "file:directory or s3://key:secret@host/bucket?region=… (s3+http:// without TLS)", secret: true,
			parse: func(c *Config, v string) error { return set(&c.StorageURL, v, storage) }},
		{name: "ADMIT_BINARY_MAX_MB", fallback: "1024", meaning: "greatest size of a Binary in megabytes", accepted: "a number from 1 to 1048576",
			parse: func(c *Config, v string) error { return set(&c.BinaryMax, v, megabytes) }},
		{name: "ADMIT_BUNDLE_MAX_MB", fallback: "50", meaning: "greatest size of a batch or transaction in megabytes", accepted: "a number from 1 to 1048576",
			parse: func(c *Config, v string) error { return set(&c.BundleMax, v, megabytes) }},
		{name: "ADMIT_BUNDLE_MAX_ENTRIES", fallback: "5000", meaning: "entries of a batch or transaction", accepted: "a number from 1 to 1000000",
			parse: func(c *Config, v string) error { return set(&c.BundleEntries, v, between(1, 1e6)) }},
		{name: "ADMIT_BUNDLE_MAX_SEARCHES", fallback: "1000", meaning: "searches, operations and conditions of a batch or transaction", accepted: "a number from 1 to 1000000",
			parse: func(c *Config, v string) error { return set(&c.BundleSearches, v, between(1, 1e6)) }},
		{name: "ADMIT_SEARCH_SECONDS", fallback: "30", meaning: "how long a search may take", accepted: "a number from 1 to 600",
			parse: func(c *Config, v string) error { return set(&c.SearchTime, v, seconds) }},
		{name: "ADMIT_SMTP_URL", absent: "mails stay in the mail drawer", meaning: "the server that takes mails", accepted: "smtp://user:password@host:port or smtps://…", secret: true,
			parse: func(c *Config, v string) error { return set(&c.SMTPURL, v, smtp) }},
		{name: "ADMIT_MAIL_FROM", fallback: "Admit <no-reply@localhost>", meaning: "sender of mails", accepted: "an address such as Admit <no-reply@example.com>",
			parse: func(c *Config, v string) error { return set(&c.MailFrom, v, mailbox) }},
		{name: "ADMIT_BOUNCE_ADDRESS", absent: "reports go to the sender", meaning: "where reports about invitations that cannot be delivered go", accepted: "an address such as bounces@example.com, with at most 21 characters before the @",
			parse: func(c *Config, v string) error { return set(&c.BounceAddress, v, bounces) }},
		{name: "ADMIT_BOUNCE_SECRET", absent: "nobody hands reports in", meaning: "bearer token of whoever hands in reports at /mail/bounces", accepted: "16 to 1024 characters", secret: true,
			parse: func(c *Config, v string) error { return set(&c.BounceSecret, v, bearer) }},
		{name: "ADMIT_SUPERADMIN_EMAIL", absent: "the first start prints a set-up link", meaning: "first super admin; first start only", accepted: "an e-mail address",
			parse: func(c *Config, v string) error { return set(&c.SuperAdmin.Email, v, email) }},
		{name: "ADMIT_SUPERADMIN_PASSWORD", meaning: "password of the first super admin; first start only", accepted: "at most 1024 bytes", secret: true,
			parse: func(c *Config, v string) error { return set(&c.SuperAdmin.Password, v, password) }},
		{name: "ADMIT_SUPERADMIN_CLIENT_ID", absent: "none", meaning: "first super-admin client; first start only", accepted: "a FHIR id: 1 to 64 letters, digits, - or .",
			parse: func(c *Config, v string) error { return set(&c.SuperAdminClient.ID, v, fhirID) }},
		{name: "ADMIT_SUPERADMIN_CLIENT_SECRET", meaning: "secret of the first super-admin client; first start only", accepted: fmt.Sprintf("at least %d characters", secret.MinClientSecret), secret: true,
			parse: func(c *Config, v string) error { return set(&c.SuperAdminClient.Secret, v, clientSecret) }},
		{name: "ADMIT_APPLY", absent: "none", meaning: "project file that serve applies when it starts", accepted: "the path of a file",
			parse: func(c *Config, v string) error { c.Apply = v; return nil }},
		{name: "ADMIT_REGISTRATION", fallback: "closed", meaning: "whether strangers may register users and projects", accepted: "open or closed",
			parse: func(c *Config, v string) error { return set(&c.RegistrationOpen, v, oneOf("closed", "open")) }},
		{name: "ADMIT_EXTERNAL_ISSUERS", absent: "none", meaning: "other servers whose access tokens are accepted", accepted: "https URLs without query, separated by spaces, each alone or as issuer=userinfo-URL, with ;audience=value behind where tokens name another than this server",
			parse: func(c *Config, v string) error { return set(&c.ExternalIssuers, v, issuers) }},
		{name: "ADMIT_ALLOWED_ORIGINS", absent: "none", meaning: "origins whose pages may call the server", accepted: anOrigin,
			parse: func(c *Config, v string) error { return set(&c.AllowedOrigins, v, each(origin)) }},
		{name: "ADMIT_TRUSTED_PROXIES", absent: "none", meaning: "proxies whose X-Forwarded-For is believed", accepted: "addresses or CIDR prefixes, separated by commas",
			parse: func(c *Config, v string) error { return set(&c.TrustedProxies, v, each(network)) }},
		{name: "ADMIT_LOGIN_RATE_LIMIT", fallback: "5", meaning: "sign-ins per minute and address", accepted: aLimit,
			parse: func(c *Config, v string) error { return set(&c.LoginRateLimit, v, limit) }},
		{name: "ADMIT_AUTH_RATE_LIMIT", fallback: "160", meaning: "requests to /auth and /oauth2 per minute and address", accepted: aLimit,
			parse: func(c *Config, v string) error { return set(&c.AuthRateLimit, v, limit) }},
		{name: "ADMIT_RATE_LIMIT", fallback: "60000", meaning: "other requests per minute and address", accepted: aLimit,
			parse: func(c *Config, v string) error { return set(&c.RateLimit, v, limit) }},
		{name: "ADMIT_CLIENT_RATE_LIMIT", fallback: "1200", meaning: "tokens, introspections and revocations per minute and client", accepted: aLimit,
			parse: func(c *Config, v string) error { return set(&c.ClientRateLimit, v, limit) }},
		{name: "ADMIT_FHIR_QUOTA", fallback: "50000", meaning: "units of FHIR interactions per minute and member; ten times that per project", accepted: aLimit,
			parse: func(c *Config, v string) error { return set(&c.FHIRQuota, v, limit) }},
		{name: "ADMIT_PROJECT_MAIL_LIMIT", fallback: "200", meaning: "invitations that a project may mail within a day", accepted: aLimit,
			parse: func(c *Config, v string) error { return set(&c.ProjectMailLimit, v, limit) }},
		{name: "ADMIT_PROJECT_IMPORT_LIMIT", fallback: "50", meaning: "lists of people of a project that may wait to be applied, each for a day", accepted: aLimit,
			parse: func(c *Config, v string) error { return set(&c.ProjectImportLimit, v, limit) }},
		{name: "ADMIT_AUDIT_FHIR", fallback: "writes", meaning: "which FHIR access is recorded besides sign-ins, refusals and administration", accepted: "off, writes or all",
			parse: func(c *Config, v string) error { return set(&c.AuditFHIR, v, word("off", "writes", "all")) }},
		{name: "ADMIT_APP_NAME", fallback: "Admit", meaning: "name in mails and pages", accepted: "1 to 64 printable characters",
			parse: func(c *Config, v string) error { return set(&c.AppName, v, printable) }},
		{name: "ADMIT_PASSWORD_MIN_LENGTH", fallback: "8", meaning: "shortest password", accepted: "a number from 8 to 128",
			parse: func(c *Config, v string) error { return set(&c.PasswordMinLength, v, between(8, 128)) }},
		{name: "ADMIT_PASSWORD_BLOCKLIST", fallback: "on", meaning: "refuse passwords known to be common", accepted: "on or off",
			parse: func(c *Config, v string) error { return set(&c.PasswordBlocklist, v, oneOf("off", "on")) }},
		{name: "ADMIT_ALLOW_PKCE_PLAIN", fallback: "false", meaning: "accept code challenges of method plain, and the Medplum CLI without any, for old clients", accepted: aBoolean,
			parse: func(c *Config, v string) error { return set(&c.AllowPKCEPlain, v, oneOf("false", "true")) }},
		{name: "ADMIT_ALLOW_PRIVATE_URLS", fallback: "false", meaning: "let JWKS, identity-provider and webhook addresses be private, for tests", accepted: aBoolean,
			parse: func(c *Config, v string) error { return set(&c.AllowPrivateURLs, v, oneOf("false", "true")) }},
		{name: "ADMIT_LOG_LEVEL", fallback: "info", meaning: "least level that is logged", accepted: "debug, info, warn or error",
			parse: func(c *Config, v string) error { return set(&c.LogLevel, v, level) }},
		{name: "ADMIT_LOG_FORMAT", absent: "text on a terminal, else json", meaning: "form of the log", accepted: "text or json",
			parse: func(c *Config, v string) error {
				_, err := oneOf("text", "json")(v)
				c.LogFormat = v
				return err
			}},
	}
}

func set[T any](field *T, value string, parse func(string) (T, error)) error {
	parsed, err := parse(value)
	if err == nil {
		*field = parsed
	}
	return err
}

func each[T any](parse func(string) (T, error)) func(string) ([]T, error) {
	return func(list string) ([]T, error) {
		var all []T
		for item := range strings.SplitSeq(list, ",") {
			if item = strings.TrimSpace(item); item == "" {
				continue
			}
			parsed, err := parse(item)
			if err != nil {
				return nil, fmt.Errorf("%q: %w", item, err)
			}
			all = append(all, parsed)
		}
		return all, nil
	}
}

// oneOf reads a switch with two positions.
func oneOf(off, on string) func(string) (bool, error) {
	return func(value string) (bool, error) {
		if value != off && value != on {
			return false, errors.New("neither of the two")
		}
		return value == on, nil
	}
}

// level reads a level of the log; slog's own error would name slog.
func level(value string) (slog.Level, error) {
	var l slog.Level
	if l.UnmarshalText([]byte(value)) != nil {
		return 0, errors.New("none of these words")
	}
	return l, nil
}

// word reads one of several words.
func word(words ...string) func(string) (string, error) {
	return func(value string) (string, error) {
		if !slices.Contains(words, value) {
			return "", errors.New("none of these words")
		}
		return value, nil
	}
}

func address(value string) (string, error) {
	_, port, err := net.SplitHostPort(value)
	if err != nil {
		return "", errors.New("not a host:port")
	}
	if n, err := strconv.Atoi(port); err != nil || n < 0 || n > 65535 {
		return "", errors.New("not a port number")
	}
	return value, nil
}

func webAddress(value string) (*url.URL, error) {
	u, err := url.Parse(value)
	switch {
	case err != nil:
		return nil, errors.New("not a URL")
	case u.Scheme != "http" && u.Scheme != "https" || u.Host == "":
		return nil, errors.New("not an http or https URL")
	case u.RawQuery != "" || u.Fragment != "" || u.User != nil:
		return nil, errors.New("has a query, fragment or user")
	}
	if !strings.HasSuffix(u.Path, "/") {
		u.Path += "/"
	}
	return u, nil
}

// database and smtp keep their URL to themselves: url.Parse would repeat it in its error.

func database(value string) (Secret, error) {
	if path, ok := strings.CutPrefix(value, "sqlite:"); ok {
		if path == "" {
			return "", errors.New("no path")
		}
		return Secret(value), nil
	}
	u, err := url.Parse(value)
	if err != nil || u.Scheme != "postgres" && u.Scheme != "postgresql" || u.Host == "" && u.RawQuery == "" {
		return "", errors.New("neither a sqlite nor a postgres URL")
	}
	return Secret(value), nil
}

// storage only looks at the form: package blob opens it.
func storage(value string) (Secret, error) {
	if path, ok := strings.CutPrefix(value, "file:"); ok {
		if path == "" {
			return "", errors.New("no path")
		}
		return Secret(value), nil
	}
	u, err := url.Parse(value)
	if err != nil || u.Scheme != "s3" && u.Scheme != "s3+http" || u.Host == "" || u.User == nil || strings.Trim(u.Path, "/") == "" {
		return "", errors.New("neither a file nor an s3 URL with key, secret, host and bucket")
	}
	return Secret(value), nil
}

func megabytes(value string) (int64, error) {
	n, err := between(1, 1<<20)(value)
	return int64(n) << 20, err
}

func seconds(value string) (time.Duration, error) {
	n, err := between(1, 600)(value)
	return time.Duration(n) * time.Second, err
}

func smtp(value string) (Secret, error) {
	u, err := url.Parse(value)
	if err != nil || u.Scheme != "smtp" && u.Scheme != "smtps" || u.Hostname() == "" {
		return "", errors.New("not an smtp or smtps URL")
	}
	return Secret(value), nil
}

func mailbox(value string) (*mail.Address, error) {
	parsed, err := mail.ParseAddress(value)
	if err != nil {
		return nil, errors.New("not a mail address")
	}
	return parsed, nil
}

// maxBounceLocal leaves room for what tells the mails apart (package mail).
const maxBounceLocal = 21

func bounces(value string) (*mail.Address, error) {
	plain, err := email(value)
	switch at := strings.LastIndexByte(plain, '@'); {
	case err != nil:
		return nil, err
	case at > maxBounceLocal, strings.ContainsAny(plain[:at], "+ \""):
		return nil, errors.New("too long before the @, or with a + or quotes there")
	}
	return &mail.Address{Address: plain}, nil
}

func bearer(value string) (Secret, error) {
	if len(value) < 16 || len(value) > 1024 {
		return "", errors.New("too short or too long")
	}
	return Secret(value), nil
}

func email(value string) (string, error) {
	parsed, err := mail.ParseAddress(value)
	if err != nil || parsed.Name != "" || parsed.Address != value {
		return "", errors.New("not a plain e-mail address")
	}
	return value, nil
}

func password(value string) (Secret, error) {
	if len(value) > 1024 {
		return "", errors.New("too long")
	}
	return Secret(value), nil
}

func clientSecret(value string) (Secret, error) {
	if len(value) < secret.MinClientSecret {
		return "", errors.New("too short")
	}
	return Secret(value), nil
}

func fhirID(value string) (string, error) {
	if !regexp.MustCompile(`^[A-Za-z0-9.-]{1,64}$`).MatchString(value) {
		return "", errors.New("not a FHIR id")
	}
	return value, nil
}

func origin(value string) (string, error) {
	if value == "*" {
		return value, nil
	}
	u, err := url.Parse(value)
	if err != nil || u.Scheme == "" || u.Host == "" || value != u.Scheme+"://"+u.Host {
		return "", errors.New("not an origin (scheme://host:port, without a path)")
	}
	return value, nil
}

// issuers keeps each URL as it is written: a token must spell it the same way.
func issuers(value string) (all []Issuer, err error) {
	for item := range strings.FieldsSeq(value) {
		parts := strings.Split(item, ";audience=")
		issuer, userInfo, named := strings.Cut(parts[0], "=")
		if _, err := webAddress(issuer); err != nil {
			return nil, fmt.Errorf("%q: %w", item, err)
		}
		if strings.ContainsAny(issuer, ",;|") {
			return nil, fmt.Errorf("%q has a comma, a semicolon or a bar", item)
		}
		if slices.Contains(parts[1:], "") {
			return nil, fmt.Errorf("%q names an empty audience", item)
		}
		if u, err := url.Parse(userInfo); named && (err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil) {
			return nil, fmt.Errorf("%q: the userinfo address is not an http or https URL", item)
		}
		if slices.ContainsFunc(all, func(other Issuer) bool { return other.URL == issuer }) {
			return nil, fmt.Errorf("%q stands there twice", issuer)
		}
		all = append(all, Issuer{issuer, userInfo, parts[1:]})
	}
	return all, nil
}

func network(value string) (netip.Prefix, error) {
	if prefix, err := netip.ParsePrefix(value); err == nil {
		return prefix.Masked(), nil
	}
	address, err := netip.ParseAddr(value)
	if err != nil {
		return netip.Prefix{}, errors.New("not an address or a prefix")
	}
	return netip.PrefixFrom(address, address.BitLen()), nil
}

func limit(value string) (int, error) {
	n, err := strconv.Atoi(value)
	if err != nil || n < 1 && n != -1 {
		return 0, errors.New("not a limit")
	}
	return n, nil
}

func between(low, high int) func(string) (int, error) {
	return func(value string) (int, error) {
		n, err := strconv.Atoi(value)
		if err != nil || n < low || n > high {
			return 0, errors.New("out of range")
		}
		return n, nil
	}
}

func printable(value string) (string, error) {
	control := slices.ContainsFunc([]rune(value), func(r rune) bool { return !strconv.IsPrint(r) })
	if control || len([]rune(value)) > 64 {
		return "", errors.New("too long or not printable")
	}
	return value, nil
}
