package authing

import (
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // the clients know no other; HMAC does not rest on collisions
	"encoding/base64"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/admitdev/admit/pkg/outcome"
	"github.com/admitdev/admit/pkg/secret"
	"github.com/admitdev/admit/pkg/store"
)

// skew is how far a client's clock may be off; as long is a signature remembered.
const skew = 15 * time.Minute

const signatureScheme = "authing "

// signed lets in who has signed the request with a secret of the pool. A request counts once: its nonce
// is remembered for as long as its date is believed.
func (h *Handler) signed(c echo.Context, signature string, params map[string]json.RawMessage) error {
	if err := h.Attempt(c, 0); err != nil {
		return err
	}
	header := c.Request().Header
	date, err := http.ParseTime(header.Get("Date"))
	now, nonce := h.Admin.Clock.Now(), header.Get("X-Authing-Signature-Nonce")
	if err != nil || nonce == "" || date.Before(now.Add(-skew)) || date.After(now.Add(skew)) {
		return errSignature
	}
	text := []byte(stringToSign(c.Request(), params))
	err = h.enterBySecret(c, func(known string) bool {
		mac := hmac.New(sha1.New, []byte(known))
		mac.Write(text)
		return secret.Equal(base64.StdEncoding.EncodeToString(mac.Sum(nil)), signature)
	})
	if outcome.Has(err, outcome.Unauthorized) {
		if err := h.Attempt(c, 1); err != nil {
			return err
		}
		return errSignature
	}
	if err != nil {
		return err
	}
	first, err := h.Admin.Store.UseOnce(c.Request().Context(), secret.SHA256("authing "+pool(c)+" "+nonce), store.At(date.Add(2*skew)))
	if err == nil && !first {
		err = errSignature
	}
	return err
}

var errSignature = &failure{Code: codeNotLogged, Message: "The signature is not valid"}

// stringToSign is what a client signs: the method, its own headers and the date, and the path with the
// parameters, in the order of their names and not encoded.
func stringToSign(r *http.Request, params map[string]json.RawMessage) string {
	var signed []string
	for name := range r.Header {
		if name = strings.ToLower(name); name == "date" || strings.HasPrefix(name, "x-authing-") {
			signed = append(signed, name)
		}
	}
	slices.Sort(signed)
	var text strings.Builder
	text.WriteString(r.Method + "\n")
	for _, name := range signed {
		value := strings.NewReplacer("\t", " ", "\f", " ").Replace(r.Header.Get(name))
		text.WriteString(name + ":" + strings.TrimSpace(value) + "\n")
	}
	text.WriteString(r.URL.Path)
	names := make([]string, 0, len(params))
	for name := range params {
		names = append(names, name)
	}
	slices.Sort(names)
	for i, name := range names {
		text.WriteString([]string{"?", "&"}[min(i, 1)] + name + "=" + signedValue(params[name]))
	}
	return text.String()
}

// signedValue is a value as it is signed: a string as it is, anything else in JSON.
func signedValue(raw json.RawMessage) string {
	var text string
	if json.Unmarshal(raw, &text) == nil && string(raw) != "null" {
		return text
	}
	return string(raw)
}
