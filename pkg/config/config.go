// Package config reads the configuration: environment variables and the flags of the same name
// (ADMIT_BASE_URL is --base-url), a flag winning over its variable. It decides what is well
// formed, not what follows from it.
//
//   - A Config that Load returns is whole: every field is parsed, every default filled in.
//   - Every fault is told, all of them at once, each with the variable's name, what was wrong and
//     what is accepted.
//   - A secret never stands in an error, a log or %v; only Reveal gives it.
//   - An empty variable is an absent one, as compose files give it.
package config

import (
	"log/slog"
	"net/mail"
	"net/netip"
	"net/url"
	"time"
)

// Config is what the server is told from outside.
type Config struct {
	Listen      string   // host:port
	BaseURL     *url.URL // ends with a slash; the issuer and the only source of links
	AppURL      *url.URL // ends with a slash; where mailed links lead
	DatabaseURL Secret   // may hold a password

	StorageURL Secret // of the content of Binaries; may hold a key
	BinaryMax  int64  // bytes of one Binary

	SMTPURL  Secret // empty: mails stay in the drawer
	MailFrom *mail.Address

	BounceAddress *mail.Address // where reports about invitations go; nil: to the sender
	BounceSecret  Secret        // of whoever hands reports in; empty: nobody does

	SuperAdmin       Login  // zero: the first start prints a set-up link
	SuperAdminClient Client // zero: none

	Apply string // path of the project file that is applied on start; empty: none

	RegistrationOpen bool
	ExternalIssuers  []Issuer // whose access tokens are good here as they are
	AllowedOrigins   []string
	TrustedProxies   []netip.Prefix

	LoginRateLimit, AuthRateLimit, RateLimit int // per minute and address; -1: none
	ClientRateLimit                          int // per minute and client; -1: none

	BundleMax                     int64 // bytes of one Bundle
	BundleEntries, BundleSearches int   // of one Bundle
	SearchTime                    time.Duration

	FHIRQuota int // units of FHIR interactions per minute and member; -1: any number

	ProjectMailLimit   int // invitations mailed per project and day; -1: none
	ProjectImportLimit int // lists of people of a project that wait to be applied; -1: any number

	AuditFHIR string // "off", "writes" or "all"

	AppName           string
	PasswordMinLength int
	PasswordBlocklist bool
	AllowPKCEPlain    bool
	AllowPrivateURLs  bool

	LogLevel  slog.Level
	LogFormat string // "text", "json" or "" for whichever suits where the log goes

	// Warnings are remarks for the operator that do not keep the server from starting.
	Warnings []string
}

// Login is an e-mail address and its password.
type Login struct {
	Email    string
	Password Secret
}

// Issuer is another authorization server.
type Issuer struct {
	URL         string // as its tokens spell it
	UserInfoURL string // empty: the one that it names itself
	// Audiences are what its tokens may name besides this server's own addresses.
	Audiences []string
}

// Client is a ClientApplication's id and secret.
type Client struct {
	ID     string
	Secret Secret
}

// Secret is text that no log, error or format verb shows.
type Secret string

const hidden = "[hidden]"

// Reveal is the secret itself.
func (s Secret) Reveal() string { return string(s) }

// String implements fmt.Stringer.
func (Secret) String() string { return hidden }

// GoString implements fmt.GoStringer.
func (Secret) GoString() string { return hidden }

// LogValue implements slog.LogValuer.
func (Secret) LogValue() slog.Value { return slog.StringValue(hidden) }

// MarshalText implements encoding.TextMarshaler.
func (Secret) MarshalText() ([]byte, error) { return []byte(hidden), nil }
