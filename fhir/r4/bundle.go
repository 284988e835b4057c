// Package r4 is the vocabulary of FHIR R4 as far as the server speaks it itself: the envelope of a
// Bundle and a CapabilityStatement. It decides nothing and imports nothing of ours.
//
//   - A resource within a Bundle keeps its bytes: encoding/json would re-escape them.
package r4

import (
	"bytes"
	"encoding/json"
	"strconv"
)

// Bundle is an envelope around resources (R4 bundle.html).
type Bundle struct {
	Type    string // searchset, history, …
	Total   *int
	Links   []Link
	Entries []Entry
}

// Link is a Bundle.link.
type Link struct{ Relation, URL string }

// Entry is a Bundle.entry. Empty parts are left out.
type Entry struct {
	FullURL  string
	Mode     string // search.mode
	Request  *Request
	Response *Response
	Resource []byte
}

// Request is a Bundle.entry.request.
type Request struct{ Method, URL string }

// Response is a Bundle.entry.response; Outcome is a resource.
type Response struct {
	Status       string
	Location     string
	ETag         string
	LastModified string
	Outcome      []byte
}

// JSON is the Bundle as it goes over the wire. An empty one has no entry, for FHIR has no empty
// arrays.
func (b Bundle) JSON() []byte {
	size := 256
	for _, e := range b.Entries {
		size += len(e.Resource) + 512
	}
	w := writer{out: make([]byte, 0, size)}
	w.raw(`{"resourceType":"Bundle","type":`).text(b.Type)
	if len(b.Entries) > 0 {
		w.raw(`,"entry":[`)
		for i, e := range b.Entries {
			if i > 0 {
				w.raw(",")
			}
			w.entry(e)
		}
		w.raw("]")
	}
	if b.Total != nil {
		w.raw(`,"total":` + strconv.Itoa(*b.Total))
	}
	if len(b.Links) > 0 {
		w.raw(`,"link":[`)
		for i, l := range b.Links {
			if i > 0 {
				w.raw(",")
			}
			w.raw(`{"relation":`).text(l.Relation).raw(`,"url":`).text(l.URL).raw("}")
		}
		w.raw("]")
	}
	w.raw("}")
	return w.out
}

// writer appends JSON.
type writer struct{ out []byte }

func (w *writer) raw(s string) *writer {
	w.out = append(w.out, s...)
	return w
}

func (w *writer) text(s string) *writer {
	if plain(s) {
		w.out = append(append(append(w.out, '"'), s...), '"')
		return w
	}
	var quoted bytes.Buffer
	encoder := json.NewEncoder(&quoted)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(s); err != nil {
		return w.raw(`""`) // a string always encodes
	}
	w.out = append(w.out, bytes.TrimSuffix(quoted.Bytes(), []byte("\n"))...)
	return w
}

// plain says that a string stands in JSON as it is.
func plain(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || c == '"' || c == '\\' {
			return false
		}
	}
	return true
}

func (w *writer) entry(e Entry) {
	w.raw("{")
	between := ""
	member := func(name string) *writer {
		w.raw(between + `"` + name + `":`)
		between = ","
		return w
	}
	if e.FullURL != "" {
		member("fullUrl").text(e.FullURL)
	}
	if e.Mode != "" {
		member("search").raw(`{"mode":`).text(e.Mode).raw("}")
	}
	if e.Request != nil {
		member("request").raw(`{"method":`).text(e.Request.Method).raw(`,"url":`).text(e.Request.URL).raw("}")
	}
	if e.Response != nil {
		member("response").raw(`{"status":`).text(e.Response.Status)
		for _, m := range [...]struct{ name, value string }{
			{"location", e.Response.Location}, {"etag", e.Response.ETag}, {"lastModified", e.Response.LastModified},
		} {
			if m.value != "" {
				w.raw(`,"` + m.name + `":`).text(m.value)
			}
		}
		if e.Response.Outcome != nil {
			w.raw(`,"outcome":`)
			w.out = append(w.out, e.Response.Outcome...)
		}
		w.raw("}")
	}
	if e.Resource != nil {
		member("resource")
		w.out = append(w.out, e.Resource...)
	}
	w.raw("}")
}

// Outcome is an OperationOutcome with one issue, as it stands in an entry.
func Outcome(id, severity, code, text string) []byte {
	w := writer{}
	w.raw(`{"resourceType":"OperationOutcome","id":`).text(id)
	w.raw(`,"issue":[{"severity":`).text(severity).raw(`,"code":`).text(code)
	w.raw(`,"details":{"text":`).text(text).raw("}}]}")
	return w.out
}
