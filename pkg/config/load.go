package config

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"

	"github.com/admitdev/admit/pkg/secret"
	"github.com/knadh/koanf/providers/env/v2"
	"github.com/knadh/koanf/providers/posflag"
	"github.com/knadh/koanf/v2"
	"github.com/spf13/pflag"
)

const prefix = "ADMIT_"

// Flags declares a flag for each setting, or for each of those named by their flags.
func Flags(flags *pflag.FlagSet, names ...string) {
	for _, s := range settings() {
		if len(names) > 0 && !slices.Contains(names, s.flag()) {
			continue
		}
		usage := s.meaning
		if s.fallback == "" && s.absent != "" {
			usage += " (default " + s.absent + ")"
		}
		flags.String(s.flag(), s.fallback, usage)
		if s.accepted == aBoolean {
			flags.Lookup(s.flag()).NoOptDefVal = "true" // --allow-pkce-plain alone
		}
	}
}

// Load reads the settings from environ ("NAME=value" each) and from flags declared by Flags,
// which may be nil. The error joins every fault.
func Load(environ []string, flags *pflag.FlagSet) (*Config, error) {
	values, err := gather(environ, flags)
	if err != nil {
		return nil, err
	}
	config := &Config{}
	var faults []error
	for _, s := range settings() {
		value := strings.TrimSpace(values.String(s.flag()))
		if value == "" {
			value = s.fallback
		}
		if value == "" {
			continue
		}
		if err := s.parse(config, value); err != nil {
			faults = append(faults, s.fault(value, err))
		}
	}
	faults = append(faults, unknown(environ, config)...)
	given := func(name string) bool { return strings.TrimSpace(values.String(flagOf(name))) != "" }
	faults = append(faults, config.complete(given)...)
	if len(faults) > 0 {
		return nil, errors.Join(faults...)
	}
	return config, nil
}

// gather lays the flags that were given over the environment.
func gather(environ []string, flags *pflag.FlagSet) (*koanf.Koanf, error) {
	values := koanf.New("/") // no setting has a slash in its name
	fromEnv := env.Provider("/", env.Opt{
		Prefix:      prefix,
		EnvironFunc: func() []string { return environ },
		TransformFunc: func(name, value string) (string, any) {
			if value == "" {
				return "", nil
			}
			return flagOf(name), value
		},
	})
	if err := values.Load(fromEnv, nil); err != nil {
		return nil, fmt.Errorf("read the environment: %w", err)
	}
	if flags == nil {
		return values, nil
	}
	if err := values.Load(posflag.Provider(flags, "/", values), nil); err != nil {
		return nil, fmt.Errorf("read the flags: %w", err)
	}
	return values, nil
}

// fault names the setting both ways, what was wrong with it and what is accepted.
func (s setting) fault(value string, err error) error {
	if s.secret {
		return fmt.Errorf("%s (--%s): %w; accepted: %s", s.name, s.flag(), err, s.accepted)
	}
	return fmt.Errorf("%s (--%s) is %q: %w; accepted: %s", s.name, s.flag(), value, err, s.accepted)
}

// complete checks what several settings say together and fills in what follows from others.
func (c *Config) complete(given func(name string) bool) []error {
	var faults []error
	if given("ADMIT_SUPERADMIN_EMAIL") != given("ADMIT_SUPERADMIN_PASSWORD") {
		faults = append(faults, errors.New("ADMIT_SUPERADMIN_EMAIL, ADMIT_SUPERADMIN_PASSWORD: one is set without the other; accepted: both or neither"))
	}
	if given("ADMIT_SUPERADMIN_CLIENT_ID") != given("ADMIT_SUPERADMIN_CLIENT_SECRET") {
		faults = append(faults, errors.New("ADMIT_SUPERADMIN_CLIENT_ID, ADMIT_SUPERADMIN_CLIENT_SECRET: one is set without the other; accepted: both or neither"))
	}
	if given("ADMIT_SUPERADMIN_CLIENT_ID") && !given("ADMIT_SUPERADMIN_EMAIL") {
		faults = append(faults, errors.New("ADMIT_SUPERADMIN_CLIENT_ID is set without ADMIT_SUPERADMIN_EMAIL; accepted: the client together with the person who owns it"))
	}
	if p := c.SuperAdmin.Password.Reveal(); p != "" {
		if err := c.PasswordRules().CheckFor("password", p, c.SuperAdmin.Email); err != nil {
			faults = append(faults, fmt.Errorf("ADMIT_SUPERADMIN_PASSWORD (--superadmin-password): %w; accepted: at least ADMIT_PASSWORD_MIN_LENGTH (%d) characters that nobody guesses", err, c.PasswordMinLength))
		}
	}
	if n := len(c.SuperAdminClient.Secret); n > 0 && n < 32 {
		c.Warnings = append(c.Warnings, "ADMIT_SUPERADMIN_CLIENT_SECRET is short: whoever guesses it owns the server; use 32 random characters or more")
	}
	if c.BaseURL == nil {
		_, port, _ := net.SplitHostPort(c.Listen) // one that is none is a fault already
		c.BaseURL = Localhost(port)
	}
	if c.AppURL == nil {
		c.AppURL = c.BaseURL
	}
	return append(faults, c.checkIssuers()...)
}

// PasswordRules say which passwords are good enough here.
func (c *Config) PasswordRules() secret.Rules {
	return secret.Rules{MinLength: c.PasswordMinLength, BlockList: c.PasswordBlocklist, AppName: c.AppName}
}

// checkIssuers refuses this server as an external issuer of itself, and addresses without TLS.
func (c *Config) checkIssuers() (faults []error) {
	for _, issuer := range c.ExternalIssuers {
		if strings.TrimSuffix(issuer.URL, "/") == strings.TrimSuffix(c.BaseURL.String(), "/") {
			faults = append(faults, errors.New("ADMIT_EXTERNAL_ISSUERS names this server itself, ADMIT_BASE_URL; accepted: other servers"))
		}
		for _, address := range []string{issuer.URL, issuer.UserInfoURL} {
			if strings.HasPrefix(strings.ToLower(address), "http:") && !c.AllowPrivateURLs {
				faults = append(faults, fmt.Errorf("ADMIT_EXTERNAL_ISSUERS: %q is not an https URL; accepted: https URLs, and others with ADMIT_ALLOW_PRIVATE_URLS alone", address))
			}
		}
	}
	return faults
}

// Localhost is the base URL of a server that is told none.
func Localhost(port string) *url.URL {
	return &url.URL{Scheme: "http", Host: net.JoinHostPort("localhost", port), Path: "/"}
}

// unknown finds variables that no setting reads. One that looks like a slip of the pen is a
// fault, since the setting that was meant would silently keep its default; others, such as those
// that Kubernetes makes for a service named admit, are only remarked upon.
func unknown(environ []string, config *Config) []error {
	var faults []error
	for _, entry := range environ {
		name, value, _ := strings.Cut(entry, "=")
		if !strings.HasPrefix(name, prefix) || value == "" || strings.HasPrefix(name, prefix+"TEST_") || known(name) {
			continue
		}
		if near, distance := nearest(name); distance <= 4 {
			faults = append(faults, fmt.Errorf("%s is not a setting; did you mean %s?", name, near))
		} else if !strings.HasPrefix(name, prefix+"PORT") && !strings.HasPrefix(name, prefix+"SERVICE_") {
			config.Warnings = append(config.Warnings, name+" is not a setting and is ignored; the nearest is "+near)
		}
	}
	return faults
}

func known(name string) bool {
	if name == "ADMIT_CLIENT_SECRET" || name == "ADMIT_ACCESS_TOKEN" {
		return true // admit invite reads them
	}
	_, distance := nearest(name)
	return distance == 0
}

// nearest is the setting that name is fewest edits away from.
func nearest(name string) (closest string, distance int) {
	distance = len(name) + 1
	for _, s := range settings() {
		if d := edits(name, s.name); d < distance {
			closest, distance = s.name, d
		}
	}
	return closest, distance
}

// edits is the Levenshtein distance.
func edits(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			substituted := diagonal
			if a[i] != b[j] {
				substituted++
			}
			diagonal = row[j+1]
			row[j+1] = min(substituted, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
