package document

import (
	"bytes"
	"encoding/json"
	"time"
)

// InstantFormat is how the server writes meta.lastUpdated: UTC, to the millisecond.
const InstantFormat = "2006-01-02T15:04:05.000Z"

// Identity is what the server, not the client, says of a version.
type Identity struct {
	Type, ID, Version string
	LastUpdated       time.Time
}

// Stamp is the document that is stored for a client's resource. Its Raw begins
//
//	{"resourceType":"…","id":"…","meta":{"versionId":"…","lastUpdated":"…"
//
// then come the client's other meta members and its other members, in the client's order and
// spelling, without white space between tokens. Members of meta that only the server may say
// are left out. It is indexed and checked as it stands: its Get("id") is the new id.
func Stamp(doc *Node, as Identity) *Node {
	stamped, err := Parse(stamp(doc, as))
	if err != nil {
		panic("document: a stamped document does not parse: " + err.Error())
	}
	return stamped
}

func stamp(doc *Node, as Identity) []byte {
	out := make([]byte, 0, len(doc.Raw)+192)
	out = appendMember(append(out, '{'), "resourceType", as.Type)
	out = appendMember(append(out, ','), "id", as.ID)
	out = append(out, `,"meta":{`...)
	out = appendMember(out, "versionId", as.Version)
	out = appendMember(append(out, ','), "lastUpdated", as.LastUpdated.UTC().Format(InstantFormat))
	if meta := doc.Get("meta"); meta != nil {
		for i := range meta.Fields {
			if f := &meta.Fields[i]; !ServerMeta(f.Name) {
				out = f.compact(append(out, ','))
			}
		}
	}
	out = append(out, '}')
	for i := range doc.Fields {
		f := &doc.Fields[i]
		if f.Name != "resourceType" && f.Name != "id" && f.Name != "meta" {
			out = f.compact(append(out, ','))
		}
	}
	return append(out, '}')
}

// ServerMeta says whether the member of meta is the server's alone to write.
func ServerMeta(name string) bool {
	switch name {
	case "versionId", "lastUpdated", "author", "project", "account", "compartment":
		return true
	}
	return false
}

func appendMember(dst []byte, name, value string) []byte {
	dst = append(append(append(dst, '"'), name...), '"', ':')
	quoted, err := json.Marshal(value)
	if err != nil { // no string fails to marshal
		panic(err)
	}
	return append(dst, quoted...)
}

// Equal says whether two documents say the same but for the members that Stamp writes: then an
// update changes nothing. Numbers are compared by spelling, because 1.0 and 1.00 differ in FHIR.
func Equal(a, b *Node) bool {
	return bytes.Equal(stamp(a, Identity{}), stamp(b, Identity{}))
}
