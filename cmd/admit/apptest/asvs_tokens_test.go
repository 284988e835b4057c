package apptest_test

import (
	"encoding/base64"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/admitdev/admit/cmd/admit/apptest"
)

// opens says whether an access token lets in.
func (w *asvs) opens(token string) int {
	return w.nobody.With("Authorization", "Bearer "+token).GET("/auth/me").Status
}

// reheaded is a token with another header and the signature that it had.
func reheaded(token, header string) string {
	_, rest, _ := strings.Cut(token, ".")
	return base64.RawURLEncoding.EncodeToString([]byte(header)) + "." + rest
}

// asvsTokens is chapter 9.
func asvsTokens() []asvsLine {
	return []asvsLine{
		{number: "9.1.1", words: "a token's signature is verified first", check: func(t *testing.T, w *asvs) {
			parts := strings.Split(w.staff.Token, ".")
			claims, err := base64.RawURLEncoding.DecodeString(parts[1])
			assert.NoError(t, err)
			forged := strings.ReplaceAll(string(claims), idOf(w.staff.User), idOf(w.admin.User))
			assert.NotEqual(t, string(claims), forged)
			assert.Equal(t, http.StatusUnauthorized, w.opens(parts[0]+"."+base64.RawURLEncoding.EncodeToString([]byte(forged))+"."+parts[2]))
			assert.Equal(t, http.StatusUnauthorized, w.opens(parts[0]+"."+parts[1]+"."))
		}},
		{number: "9.1.2", words: "only listed algorithms count, none and HMAC do not", check: func(t *testing.T, w *asvs) {
			for _, header := range []string{`{"alg":"none"}`, `{"alg":"HS256","typ":"JWT"}`} {
				assert.Equal(t, http.StatusUnauthorized, w.opens(reheaded(w.staff.Token, header)), header)
			}
			header, _, _ := parts(t, w.staff.Token)
			assert.Equal(t, "ES256", header["alg"])
		}},
		{number: "9.1.3", words: "keys come from where the issuer's are known to be", check: func(t *testing.T, w *asvs) {
			for _, header := range []string{`{"alg":"ES256","jku":"https://evil.example/jwks"}`, `{"alg":"ES256","x5u":"https://evil.example/x"}`, `{"alg":"ES256","jwk":{"kty":"EC","crv":"P-256","x":"AA","y":"AA"}}`} {
				assert.Equal(t, http.StatusUnauthorized, w.opens(reheaded(w.staff.Token, header)), header)
			}
		}},
		{number: "9.2.1", words: "a token counts within its time alone", check: func(t *testing.T, w *asvs) {
			token := w.newMember("expires").Token
			w.after(59*time.Minute, func() { assert.Equal(t, http.StatusOK, w.opens(token)) })
			w.after(61*time.Minute, func() { assert.Equal(t, http.StatusUnauthorized, w.opens(token)) })
		}},
		{number: "9.2.2", words: "a token of another kind is refused", check: func(t *testing.T, w *asvs) {
			_, answer := w.allowed(t, w.staff, "scope", "openid offline_access")
			tokens := exchangeApp(w.Server, w.app, answer.Get("code")).OK()
			assert.Equal(t, http.StatusOK, w.opens(tokens.Field("access_token")))
			assert.Equal(t, http.StatusUnauthorized, w.opens(tokens.Field("id_token")))
			if refresh := tokens.Field("refresh_token"); assert.NotEmpty(t, refresh) {
				assert.Equal(t, http.StatusUnauthorized, w.opens(refresh))
			}
			w.refresh(tokens.Field("access_token")).WantStatus(http.StatusBadRequest)
		}},
		{number: "9.2.3", words: "a token for another service is refused", check: func(t *testing.T, w *asvs) {
			assert.Equal(t, http.StatusUnauthorized, w.opens(w.elsewhere.As(apptest.Admin).Token))
		}},
		{number: "9.2.4", words: "tokens name their audience", check: func(t *testing.T, w *asvs) {
			_, answer := w.allowed(t, w.staff, "scope", "openid")
			tokens := exchangeApp(w.Server, w.app, answer.Get("code")).OK()
			_, id, _ := parts(t, tokens.Field("id_token"))
			assert.Contains(t, id["aud"], w.app)
			_, access, _ := parts(t, tokens.Field("access_token"))
			assert.NotEmpty(t, access["aud"])
			assert.NotEqual(t, id["aud"], access["aud"])
		}},
	}
}
