package apptest_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/lestrrat-go/jwx/v2/jwa"
	"github.com/lestrrat-go/jwx/v2/jwk"
	"github.com/lestrrat-go/jwx/v2/jws"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/admitdev/admit/cmd/admit/apptest"
	"github.com/admitdev/admit/pkg/clock"
)

// prover has a key and proves it (RFC 9449).
type prover struct {
	t         *testing.T
	algorithm jwa.SignatureAlgorithm
	private   jwk.Key
	header    map[string]any // in the place of what a proof says there
	claims    map[string]any
}

func newProver(t *testing.T, algorithm jwa.SignatureAlgorithm) prover {
	t.Helper()
	var raw any
	var err error
	switch algorithm {
	case jwa.ES384:
		raw, err = ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	case jwa.RS256, jwa.PS256:
		raw, err = rsa.GenerateKey(rand.Reader, 2048)
	case jwa.HS256:
		raw = []byte("a secret of at least thirty-two characters")
	default:
		raw, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	}
	require.NoError(t, err)
	key, err := jwk.FromRaw(raw)
	require.NoError(t, err)
	return prover{t: t, algorithm: algorithm, private: key}
}

// saying is a prover that says something else.
func (p prover) saying(claims map[string]any) prover { p.claims = claims; return p }

// heading is a prover with something else in the header.
func (p prover) heading(header map[string]any) prover { p.header = header; return p }

func (p prover) public() jwk.Key {
	p.t.Helper()
	key, err := p.private.PublicKey()
	require.NoError(p.t, err)
	return key
}

// proof is one for a request, with an access token unless that is empty.
func (p prover) proof(method, address, token string) string {
	p.t.Helper()
	claims := map[string]any{"jti": clock.System{}.NewID(), "htm": method, "htu": address, "iat": time.Now().Unix()}
	if token != "" {
		digest := sha256.Sum256([]byte(token))
		claims["ath"] = base64.RawURLEncoding.EncodeToString(digest[:])
	}
	maps.Copy(claims, p.claims)
	payload, err := json.Marshal(claims)
	require.NoError(p.t, err)
	header := jws.NewHeaders()
	require.NoError(p.t, header.Set("typ", "dpop+jwt"))
	require.NoError(p.t, header.Set("jwk", p.public()))
	for name, value := range p.header {
		require.NoError(p.t, header.Set(name, value))
	}
	signed, err := jws.Sign(payload, jws.WithKey(p.algorithm, p.private, jws.WithProtectedHeaders(header)))
	require.NoError(p.t, err)
	return string(signed)
}

// bound is a client that asks for tokens bound to a key.
type bound struct {
	*apptest.Server
	t           *testing.T
	id, secret  string
	tokenURL    string
	patientsURL string
}

func (b bound) token(proof string) *apptest.Answer {
	b.t.Helper()
	as := b.As(apptest.Anonymous)
	if proof != "" {
		as = as.With("DPoP", proof)
	}
	return as.FORM("/oauth2/token", url.Values{"grant_type": {"client_credentials"}, "client_id": {b.id}, "client_secret": {b.secret}}.Encode())
}

func (b bound) patients(scheme, token, proof string) *apptest.Answer {
	b.t.Helper()
	as := b.As(apptest.Anonymous).With("Authorization", scheme+" "+token)
	if proof != "" {
		as = as.With("DPoP", proof)
	}
	return as.GET("/fhir/R4/Patient?_count=1")
}

func newBound(t *testing.T, s *apptest.Server) bound {
	t.Helper()
	program := s.As(apptest.Program)
	return bound{s, t, program.ClientID, program.ClientSecret, s.URL + "/oauth2/token", s.URL + "/fhir/R4/Patient"}
}

// TestATokenThatIsBoundToAKeyIsGoodForItsHolderAlone: RFC 9449.
func TestATokenThatIsBoundToAKeyIsGoodForItsHolderAlone(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		b := newBound(t, s)
		p, thief := newProver(t, jwa.ES256), newProver(t, jwa.ES256)
		got := b.token(p.proof("POST", b.tokenURL, "")).WantStatus(http.StatusOK)
		assert.Equal(t, "DPoP", got.Field("token_type"))
		token := got.Field("access_token")
		b.patients("DPoP", token, p.proof("GET", b.patientsURL, token)).WantStatus(http.StatusOK)
		b.As(apptest.Anonymous).With("Authorization", "dpop "+token).With("DPoP", p.proof("HEAD", b.patientsURL+"/x", token)).Do("HEAD", "/fhir/R4/Patient/x", "").WantStatus(http.StatusNotFound)
		plain := b.token("").WantStatus(http.StatusOK).Field("access_token")
		replayed := p.proof("GET", b.patientsURL, token)
		b.patients("DPoP", token, replayed).WantStatus(http.StatusOK)
		hour := time.Now().Add(-time.Hour).Unix()
		for name, answer := range map[string]*apptest.Answer{
			"as a Bearer token":           b.patients("Bearer", token, ""),
			"as a Bearer token, proven":   b.patients("Bearer", token, p.proof("GET", b.patientsURL, token)),
			"without a proof":             b.patients("DPoP", token, ""),
			"with another's key":          b.patients("DPoP", token, thief.proof("GET", b.patientsURL, token)),
			"with a proof that was used":  b.patients("DPoP", token, replayed),
			"of another method":           b.patients("DPoP", token, p.proof("POST", b.patientsURL, token)),
			"of another address":          b.patients("DPoP", token, p.proof("GET", b.patientsURL+"/1", token)),
			"of another server":           b.patients("DPoP", token, p.proof("GET", "https://elsewhere.example/fhir/R4/Patient", token)),
			"without the token":           b.patients("DPoP", token, p.proof("GET", b.patientsURL, "")),
			"of another token":            b.patients("DPoP", token, p.proof("GET", b.patientsURL, plain)),
			"an hour old":                 b.patients("DPoP", token, p.saying(map[string]any{"iat": hour}).proof("GET", b.patientsURL, token)),
			"of tomorrow":                 b.patients("DPoP", token, p.saying(map[string]any{"iat": hour + 90000}).proof("GET", b.patientsURL, token)),
			"that has run out":            b.patients("DPoP", token, p.saying(map[string]any{"exp": hour}).proof("GET", b.patientsURL, token)),
			"without a name":              b.patients("DPoP", token, p.saying(map[string]any{"jti": ""}).proof("GET", b.patientsURL, token)),
			"of another type":             b.patients("DPoP", token, p.heading(map[string]any{"typ": "JWT"}).proof("GET", b.patientsURL, token)),
			"with the private key":        b.patients("DPoP", token, p.heading(map[string]any{"jwk": p.private}).proof("GET", b.patientsURL, token)),
			"signed by another":           b.patients("DPoP", token, thief.heading(map[string]any{"jwk": p.public()}).proof("GET", b.patientsURL, token)),
			"two proofs":                  b.patients("DPoP", token, p.proof("GET", b.patientsURL, token)+", "+p.proof("GET", b.patientsURL, token)),
			"no proof at all":             b.patients("DPoP", token, "nonsense"),
			"a token without a key":       b.patients("DPoP", plain, p.proof("GET", b.patientsURL, plain)),
			"at the administrators' door": b.As(apptest.Anonymous).With("Authorization", "Bearer "+token).GET("/auth/me"),
			"at userinfo":                 b.As(apptest.Anonymous).With("Authorization", "Bearer "+token).GET("/oauth2/userinfo"),
			"at SCIM":                     b.As(apptest.Anonymous).With("Authorization", "Bearer "+token).GET("/scim/v2/Users"),
		} {
			assert.Equal(t, http.StatusUnauthorized, answer.Status, name)
		}
		assert.Contains(t, b.patients("DPoP", token, "").Header.Get("WWW-Authenticate"), `DPoP realm="`+s.URL+`/", algs="ES256`)
		asked := b.As(apptest.Anonymous).With("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(b.id+":"+b.secret))).FORM("/oauth2/introspect", "token="+token).WantStatus(http.StatusOK)
		thumbprint, err := p.public().Thumbprint(crypto.SHA256)
		require.NoError(t, err)
		assert.Equal(t, []string{"DPoP", base64.RawURLEncoding.EncodeToString(thumbprint)}, []string{asked.Field("token_type"), asked.Field("cnf.jkt")})
	})
}

func TestAProofIsJudgedWhereTokensAreGiven(t *testing.T) {
	s := apptest.Start(t)
	b := newBound(t, s)
	for _, algorithm := range []jwa.SignatureAlgorithm{jwa.ES256, jwa.ES384, jwa.RS256, jwa.PS256} {
		b.token(newProver(t, algorithm).proof("POST", b.tokenURL, "")).WantStatus(http.StatusOK)
		b.token(newProver(t, algorithm).proof("POST", s.URL+"/api/oauth2/token", "")).WantStatus(http.StatusBadRequest)
	}
	p := newProver(t, jwa.ES256)
	used := p.proof("POST", b.tokenURL, "")
	b.token(used).WantStatus(http.StatusOK)
	symmetric := newProver(t, jwa.HS256)
	for name, proof := range map[string]string{
		"used": used, "of another address": p.proof("POST", s.URL+"/oauth2/introspect", ""), "of another method": p.proof("GET", b.tokenURL, ""),
		"a secret for a key": symmetric.proof("POST", b.tokenURL, ""), "no token": "x.y.z", "empty": " ",
	} {
		got := b.token(proof).WantStatus(http.StatusBadRequest)
		assert.Equal(t, "invalid_dpop_proof", got.Field("error"), name)
	}
	assert.Contains(t, string(b.As(apptest.Anonymous).GET("/.well-known/openid-configuration").Body), `"dpop_signing_alg_values_supported":["ES256",`)
}

// TestAStolenRefreshTokenIsOfNoUseWithoutItsKey: RFC 9449 §5; and a client may take none that is unbound.
func TestAStolenRefreshTokenIsOfNoUseWithoutItsKey(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		admin, tokenURL := s.As(apptest.Admin), s.URL+"/oauth2/token"
		p, thief := newProver(t, jwa.ES256), newProver(t, jwa.ES256)
		refresh := func(token, proof string) *apptest.Answer {
			as := s.As(apptest.Anonymous)
			if proof != "" {
				as = as.With("DPoP", proof)
			}
			return as.FORM("/oauth2/token", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {token}}.Encode())
		}
		mine := s.As(apptest.Practitioner).RefreshToken
		first := refresh(mine, p.proof("POST", tokenURL, "")).WantStatus(http.StatusOK)
		assert.Equal(t, "DPoP", first.Field("token_type"), "bound from now on")
		stolen := first.Field("refresh_token")
		assert.Equal(t, "invalid_grant", refresh(stolen, "").WantStatus(http.StatusBadRequest).Field("error"))
		assert.Equal(t, "invalid_grant", refresh(stolen, thief.proof("POST", tokenURL, "")).WantStatus(http.StatusBadRequest).Field("error"))
		second := refresh(stolen, p.proof("POST", tokenURL, "")).WantStatus(http.StatusOK)
		token := second.Field("access_token")
		newBound(t, s).patients("DPoP", token, p.proof("GET", s.URL+"/fhir/R4/Patient", token)).WantStatus(http.StatusOK)

		made := admin.POST("/fhir/R4/ClientApplication", `{"resourceType":"ClientApplication","name":"Bound","redirectUris":["https://app.example/callback"],`+
			`"meta":{"tag":[{"system":"https://admit.dev/client","code":"dpop-bound-access-tokens"}]}}`).WantStatus(http.StatusCreated)
		person := s.As(apptest.Practitioner)
		code := s.As(apptest.Anonymous).POST("/auth/login", `{"email":"`+person.Email+`","password":"`+apptest.Password+`","clientId":"`+made.Field("id")+
			`","scope":"openid","codeChallenge":"E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM","codeChallengeMethod":"S256"}`).WantStatus(http.StatusOK).Field("code")
		exchange := func(proof string) *apptest.Answer {
			as := s.As(apptest.Anonymous)
			if proof != "" {
				as = as.With("DPoP", proof)
			}
			return as.FORM("/oauth2/token", url.Values{"grant_type": {"authorization_code"}, "code": {code}, "client_id": {made.Field("id")},
				"code_verifier": {"dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"}}.Encode())
		}
		assert.Equal(t, "invalid_dpop_proof", exchange("").WantStatus(http.StatusBadRequest).Field("error"), "and the code is still good")
		assert.Equal(t, "DPoP", exchange(p.proof("POST", tokenURL, "")).WantStatus(http.StatusOK).Field("token_type"))
	})
}
