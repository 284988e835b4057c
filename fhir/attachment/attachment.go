// Package attachment knows the addresses of Binaries: Binary/<id> as resources are stored with it,
// and the signed URLs that answers have in its place, by which whoever holds one gets the bytes
// without credentials until it runs out (contract §8.5). It does no I/O: who may be given a signed
// URL fhir/rest finds out, what lies behind one fhir/repo.
//
//   - A signed URL names one version in one project; nothing of it can be changed.
//   - It is good for an hour or a little more, and the same all the while, so that browsers keep
//     what they have fetched by it.
//   - What is stored never has one.
//   - Text without the name of a Binary passes through untouched, at the price of one search of
//     its bytes.
package attachment

import (
	"crypto/subtle"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/admitdev/admit/pkg/clock"
	"github.com/admitdev/admit/pkg/outcome"
	"github.com/admitdev/admit/pkg/store"
)

// How long a URL is good for at least, and from when to when it is the same.
const (
	lifetime = time.Hour
	renewal  = 10 * time.Minute
)

// keyPair is the name of the key for clients that expect one; there is one key.
const keyPair = "admit"

// Key makes the signatures; secret.Box is one.
type Key interface{ Fingerprint(data []byte) string }

// URLs makes and reads signed URLs.
type URLs struct {
	Storage string // the absolute URL of what they lead to, with its final slash
	FHIR    string // that of the FHIR surface
	Key     Key
	Clock   clock.Clock
}

// Binary is a version of a Binary, the current one when Version is empty.
type Binary struct{ ID, Version string }

// Sign makes the URL of a version.
func (u *URLs) Sign(of store.Ref, version string) string {
	expires := strconv.FormatInt(u.Clock.Now().Add(lifetime).Truncate(renewal).Add(renewal).Unix(), 10)
	query := url.Values{
		"Project": {of.Project}, "Expires": {expires}, "Key-Pair-Id": {keyPair}, "Signature": {u.signature(of, version, expires)},
	}
	return u.Storage + of.ID + "/" + version + "?" + query.Encode()
}

func (u *URLs) signature(of store.Ref, version, expires string) string {
	return u.Key.Fingerprint([]byte(strings.Join([]string{"storage", of.Project, of.ID, version, expires}, "\n")))
}

// Check reads the query of a signed URL of a version: in which project it is, and how long the URL
// will be good for.
//
// Errors: outcome Unauthorized when it was not signed here, Gone when it has run out.
func (u *URLs) Check(id, version string, query url.Values) (of store.Ref, left time.Duration, err error) {
	of = store.Ref{Project: query.Get("Project"), Type: "Binary", ID: id}
	expires := query.Get("Expires")
	right := u.signature(of, version, expires)
	if subtle.ConstantTimeCompare([]byte(right), []byte(query.Get("Signature"))) != 1 {
		return store.Ref{}, 0, outcome.New(outcome.Unauthorized, "")
	}
	at, err := strconv.ParseInt(expires, 10, 64)
	if err != nil {
		return store.Ref{}, 0, outcome.New(outcome.Unauthorized, "")
	}
	if left = time.Unix(at, 0).Sub(u.Clock.Now()); left <= 0 {
		return store.Ref{}, 0, outcome.New(outcome.Gone, "The URL has run out")
	}
	return of, left, nil
}

var (
	idForm      = regexp.MustCompile(`^[A-Za-z0-9\-.]{1,64}$`)
	versionForm = regexp.MustCompile(`^[A-Za-z0-9\-.]{1,64}$`)
)

// read is the Binary that an address of a resource leads to: Binary/<id>, with _history/<version>
// or not, relative or on this server.
func (u *URLs) read(address string) (Binary, bool) {
	rest, ok := strings.CutPrefix(strings.TrimPrefix(address, u.FHIR), "Binary/")
	if !ok {
		return Binary{}, false
	}
	id, version, versioned := strings.Cut(rest, "/_history/")
	if !idForm.MatchString(id) || versioned && !versionForm.MatchString(version) {
		return Binary{}, false
	}
	return Binary{id, version}, true
}
