package apptest_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
)

// replay plays recorded requests against a server of ours and notes where its answers differ.
type replay struct {
	t     *testing.T
	mails func(to string) (subject, text string)

	comparison
	tokens   map[string]string // caller → access token
	switched string            // who signed in last
	byJTI    map[string]string // recorded jti → our token
	code     string
	clientID string
	secrets  map[string]string // "client", or our id of a security request → secret

	file, name string
	mismatches []mismatch
}

const (
	recordedVerifier = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_"
	plainChallenge   = "abc"
)

// passwords by their length: the recordings keep nothing else of them, and each length was one password.
var passwords = map[string]string{
	"24": "Correct-horse-battery-24",
	"25": "Correct-horse-battery-025",
	"14": "Wrong-password",
	"13": superAdminPassword,
	"11": "Wrong-old-1",
	"5":  "short",
	"1":  "x",
}

func newReplay(t *testing.T, base string, mails func(to string) (subject, text string)) *replay {
	return &replay{
		t: t, mails: mails,
		comparison: comparison{base: base, ids: map[string]string{}},
		tokens:     map[string]string{}, byJTI: map[string]string{}, secrets: map[string]string{},
	}
}

func (r *replay) play(file string, e exchange) {
	r.file, r.name = file, e.Name
	if e.Mail != nil {
		r.compareMail(e.Mail.To, e.Mail.Raw)
		return
	}
	request := r.request(e)
	response, err := http.DefaultTransport.RoundTrip(request) // a redirect is an answer
	if err != nil {
		r.t.Fatalf("%s · %s: %v", file, e.Name, err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		r.t.Fatalf("%s · %s: %v", file, e.Name, err)
	}
	recorded, ours := decode(e.Response.Body), withClaims(decode(body))
	if response.StatusCode != e.Response.Status { // the rest of another answer is different, too
		r.report("status", fmt.Sprint(e.Response.Status), fmt.Sprintf("%d %s", response.StatusCode, summary(ours)))
		return
	}
	r.headers(e.Response.Headers, response.Header)
	r.value("body", recorded, ours, r.report)
	r.learn(recorded, ours)
}

func (r *replay) report(path, recorded, ours string) {
	r.mismatches = append(r.mismatches, mismatch{r.file, r.name, path, recorded, ours})
}

// headers compares what clients act on. The charset of application/json means nothing (RFC 8259 §11).
func (r *replay) headers(recorded map[string]string, ours http.Header) {
	for _, name := range []string{"etag", "last-modified", "location", "www-authenticate", "cache-control", "x-content-type-options"} {
		want, got := recorded[name], ours.Get(name)
		if (want == "") != (got == "") || !r.text(want, got) {
			r.report("header."+name, want, got)
		}
	}
	want, _, _ := mime.ParseMediaType(recorded["content-type"])
	got, _, _ := mime.ParseMediaType(ours.Get("Content-Type"))
	if want != got {
		r.report("header.content-type", want, got)
	}
}

// learn keeps what later requests need: tokens, the code, the client's secret.
func (r *replay) learn(recorded, ours any) {
	was, ok := recorded.(map[string]any)
	is, same := ours.(map[string]any)
	if !ok || !same {
		return
	}
	if code := text(is["code"]); code != "" {
		r.code = code
	}
	if text(is["resourceType"]) == "ClientApplication" && text(is["secret"]) != "" {
		r.clientID, r.secrets["client"] = text(is["id"]), text(is["secret"])
	}
	for _, kind := range []string{"access_token", "refresh_token"} {
		if token := text(is[kind]); token != "" {
			r.byJTI[jti(was["_decoded_"+kind])] = token
		}
	}
	if token := text(is["access_token"]); token != "" && signsIn[r.name] != "" {
		r.tokens[signsIn[r.name]] = token
		r.switched = signsIn[r.name]
	}
}

func (r *replay) request(e exchange) *http.Request {
	body, path := decode(e.Request.Body), r.substitute(e.Request.Path, nil)
	var payload []byte
	switch contentType := e.Request.Headers["Content-Type"]; {
	case body == nil:
	case contentType == "application/x-www-form-urlencoded":
		form := url.Values{}
		fields := body.(map[string]any)
		for key, v := range fields {
			if !strings.HasPrefix(key, "_decoded_") {
				form.Set(key, r.field(key, text(v), fields))
			}
		}
		payload = []byte(form.Encode())
	case text(body) != "":
		payload = []byte(r.substitute(text(body), nil))
	default:
		payload = r.jsonBody(body)
	}
	request, err := http.NewRequestWithContext(r.t.Context(), e.Request.Method, strings.TrimSuffix(r.base, "/")+path, bytes.NewReader(payload))
	if err != nil {
		r.t.Fatal(err)
	}
	for key, value := range e.Request.Headers {
		switch value {
		case "Bearer <credentials>":
			value = "Bearer " + r.tokens[caller(r.file, r.name, r.switched)]
		case "Basic <credentials>":
			value = "Basic " + base64.StdEncoding.EncodeToString([]byte(r.clientID+":"+r.secrets["client"]))
		}
		request.Header.Set(key, r.substitute(value, nil))
	}
	return request
}

// field gives back a form's value; a token is found by the jti that the recording kept of it.
func (r *replay) field(key, value string, siblings map[string]any) string {
	if decoded, ok := siblings["_decoded_"+key]; ok {
		return r.byJTI[jti(decoded)]
	}
	return r.substitute(value, siblings)
}

func (r *replay) jsonBody(v any) []byte {
	var fill func(v any, siblings map[string]any) any
	fill = func(v any, siblings map[string]any) any {
		switch v := v.(type) {
		case map[string]any:
			filled := map[string]any{}
			for key, inner := range v {
				filled[key] = fill(inner, v)
			}
			return filled
		case []any:
			filled := []any{}
			for _, inner := range v {
				filled = append(filled, fill(inner, nil))
			}
			return filled
		case string:
			return r.substitute(v, siblings)
		}
		return v
	}
	data, err := json.Marshal(fill(v, nil))
	if err != nil {
		r.t.Fatal(err)
	}
	return data
}

var hidden = regexp.MustCompile(uuidPattern + `|<(?:(\w+), )?([\d,]+) characters>`)

// substitute puts our ids and secrets where the recording has its own.
func (r *replay) substitute(s string, siblings map[string]any) string {
	return hidden.ReplaceAllStringFunc(s, func(found string) string {
		parts := hidden.FindStringSubmatch(found)
		kind, length := parts[1], parts[2]
		switch {
		case length == "":
			if ours := r.ids[found]; ours != "" {
				return ours
			}
			return found // an id that the recorded server did not know either
		case kind == "":
			return strings.Repeat("x", 2_000_000)
		case strings.Contains(strings.ToLower(kind), "password"):
			return passwords[length]
		case kind == "code":
			return r.code
		case kind == "codeChallenge" && length == "43":
			sum := sha256.Sum256([]byte(recordedVerifier))
			return base64.RawURLEncoding.EncodeToString(sum[:])
		case kind == "code_verifier" && length == "64":
			return recordedVerifier
		case kind == "codeChallenge" || kind == "code_verifier" && length == "3":
			return plainChallenge
		case length == "64":
			return r.secrets["client"]
		case kind == "secret" && length == "32":
			return r.secrets[r.ids[text(siblings["id"])]]
		}
		return "junk"
	})
}

var setPasswordLink = regexp.MustCompile(`(https?://[^\s"<>]+/)setpassword/([A-Za-z0-9\-.]+)/([^\s/"<]+)`)

// compareMail compares a mail's subject and the link it carries. The texts are Admit's own, and so
// is the application's name in them.
func (r *replay) compareMail(to, raw string) {
	subject, body := r.mails(strings.Trim(to, "<>"))
	header, recordedText, _ := strings.Cut(raw, "\r\n\r\n")
	_, recordedSubject, _ := strings.Cut(header, "\r\nSubject: ")
	recordedSubject, _, _ = strings.Cut(recordedSubject, "\r\n")
	if want := strings.ReplaceAll(recordedSubject, "Medplum", "Admit"); subject != want {
		r.report("mail.subject", want, subject)
	}
	recordedID := regexp.MustCompile(`setpassword/(` + uuidPattern + `)/`).FindStringSubmatch(recordedText)
	link := setPasswordLink.FindStringSubmatch(body)
	switch {
	case (recordedID == nil) != (link == nil):
		r.report("mail.link", describe(recordedID), describe(link))
	case link != nil:
		if link[1] != r.base {
			r.report("mail.link", r.base, link[1])
		}
		r.ids[recordedID[1]] = link[2]
		r.secrets[link[2]] = link[3]
	}
}

// withClaims adds what a JWT says next to the token, as the recordings do.
func withClaims(v any) any {
	answer, ok := v.(map[string]any)
	if !ok {
		return v
	}
	for _, kind := range []string{"access_token", "id_token", "refresh_token"} {
		parts := strings.Split(text(answer[kind]), ".")
		if len(parts) != 3 {
			continue
		}
		header, err1 := base64.RawURLEncoding.DecodeString(parts[0])
		claims, err2 := base64.RawURLEncoding.DecodeString(parts[1])
		if err1 == nil && err2 == nil {
			answer["_decoded_"+kind] = map[string]any{"header": decode(header), "claims": decode(claims)}
		}
	}
	return answer
}

// summary is what an answer says in a word: the texts of an OperationOutcome, or all of it.
func summary(answer any) string {
	outcome, _ := answer.(map[string]any)
	issues, ok := outcome["issue"].([]any)
	if !ok {
		return describe(answer)
	}
	return describe(issues)
}

func jti(decoded any) string {
	token, _ := decoded.(map[string]any)
	claims, _ := token["claims"].(map[string]any)
	return text(claims["jti"])
}

func text(v any) string {
	s, _ := v.(string)
	return s
}
