package openid

import (
	"encoding/json"
	"slices"
	"time"
)

// Strength is what a provider says of how it has recognised somebody (OpenID Connect Core §2). It is read
// from signed tokens alone: userinfo says it of nobody. What a provider does not say it has not done, so that
// one that says nothing counts as a password.
type Strength struct {
	ACR      string
	AMR      []string  // of RFC 8176; no others
	AuthTime time.Time // zero where it is not said
}

// The kinds of factors.
const (
	knows = 1 << iota // something that one knows
	has
	is
)

// factorOf says what kind of factor a method is, 0 for none: where somebody is, what they usually do and that
// they were there is none, and what others may know of them (kba) is none either. pop is registered by OpenID EAP.
var factorOf = map[string]int{
	"pwd": knows, "pin": knows,
	"otp": has, "hwk": has, "swk": has, "pop": has, "sc": has, "sms": has, "tel": has,
	"face": is, "fpt": is, "iris": is, "retina": is, "vbm": is,
	"mfa": 0, "geo": 0, "kba": 0, "mca": 0, "rba": 0, "user": 0, "wia": 0,
}

// StrongACR are the acr values that count as several factors, those that say most first: of OpenID EAP, and the
// REFEDS MFA profile. Any other is an agreement that we have no part in.
var StrongACR = []string{"phrh", "phr", "https://refeds.org/profile/mfa"}

// Several says whether the provider has asked for several factors: it says so, or names methods of two kinds.
func (s Strength) Several() bool {
	if slices.Contains(StrongACR, s.ACR) || slices.Contains(s.AMR, "mfa") {
		return true
	}
	kinds := 0
	for _, method := range s.AMR {
		kinds |= factorOf[method]
	}
	return kinds&(kinds-1) != 0
}

// strengthClaims are the claims that say it.
type strengthClaims struct {
	ACR      text    `json:"acr"`
	AMR      methods `json:"amr"`
	AuthTime instant `json:"auth_time"`
}

func (c strengthClaims) strength() Strength {
	return Strength{string(c.ACR), slices.DeleteFunc(c.AMR, func(method string) bool {
		_, registered := factorOf[method]
		return !registered
	}), time.Time(c.AuthTime)}
}

// text is a claim of which anything but a string says nothing: providers write some as numbers.
type text string

// UnmarshalJSON implements json.Unmarshaler.
func (t *text) UnmarshalJSON(raw []byte) error {
	var s string
	if json.Unmarshal(raw, &s) == nil {
		*t = text(s)
	}
	return nil
}

// methods is a list of strings; anything else says nothing.
type methods []string

// UnmarshalJSON implements json.Unmarshaler.
func (m *methods) UnmarshalJSON(raw []byte) error {
	var all []string
	if json.Unmarshal(raw, &all) == nil && len(all) <= maxMethods {
		*m = all
	}
	return nil
}

// maxMethods bounds the methods that are looked at.
const maxMethods = 20

// instant is a NumericDate; anything else says nothing.
type instant time.Time

// UnmarshalJSON implements json.Unmarshaler.
func (i *instant) UnmarshalJSON(raw []byte) error {
	var seconds float64
	if json.Unmarshal(raw, &seconds) == nil && seconds > 0 && seconds < maxSeconds {
		*i = instant(time.Unix(int64(seconds), 0))
	}
	return nil
}

// maxSeconds is the end of the year 9999.
const maxSeconds = 253402300800
