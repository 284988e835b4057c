// Package bundle reads the Bundles that a client posts to be carried out (R4 http.html#transaction):
// what each entry asks for, in which order R4 has them done, and which links between entries the
// server rewrites. It does no I/O; fhir/rest carries the entries out.
//
//   - An entry is parsed by itself, so a large Bundle is never one large tree.
//   - Links are rewritten where R4 says: in Reference.reference, in elements of type uri, url, oid and
//     uuid, and in href and src of narratives. Nothing else of a resource changes its spelling.
//   - What a transaction could not do as a whole is refused before anything is done.
package bundle

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/admitdev/admit/fhir/document"
	"github.com/admitdev/admit/pkg/outcome"
)

// Bundle is a batch or transaction.
type Bundle struct {
	Transaction bool
	Entries     []Entry
}

// Read reads a Bundle of at most most entries. An entry that cannot be understood has its Err; the
// others are not touched by it.
//
// Errors: outcome Invalid, TooLong.
func Read(body []byte, most int) (Bundle, error) {
	bundleType, entries, err := split(body, most)
	if err != nil {
		return Bundle{}, err
	}
	b := Bundle{Transaction: bundleType == "transaction", Entries: make([]Entry, len(entries))}
	for i, raw := range entries {
		b.Entries[i] = readEntry(raw)
	}
	return b, nil
}

// members are those of a Bundle besides the ones that count here; they mean nothing to the server.
const members = " id meta implicitRules language identifier timestamp total link signature "

// split cuts the Bundle into its entries without reading what is in them.
func split(body []byte, most int) (bundleType string, entries []json.RawMessage, err error) {
	decoder := json.NewDecoder(bytes.NewReader(body))
	if open, err := decoder.Token(); err != nil || open != json.Delim('{') {
		return "", nil, unparsable(err)
	}
	var resourceType string
	hasEntries := false
	seen := map[string]bool{}
	for decoder.More() {
		token, err := decoder.Token()
		name, ok := token.(string)
		if err != nil || !ok {
			return "", nil, unparsable(err)
		}
		if seen[name] {
			return "", nil, unparsable(fmt.Errorf("the member %q is given twice", name))
		}
		seen[name] = true
		switch {
		case name == "resourceType":
			err = decoder.Decode(&resourceType)
		case name == "type":
			err = decoder.Decode(&bundleType)
		case name == "entry":
			hasEntries = true
			entries, err = array(decoder, most)
		case strings.Contains(members, " "+strings.TrimPrefix(name, "_")+" "):
			var ignored json.RawMessage
			err = decoder.Decode(&ignored)
		default:
			return "", nil, outcome.New(outcome.Structure, "Invalid additional property %q", name).At("Bundle")
		}
		if err != nil {
			return "", nil, unparsable(err)
		}
	}
	if _, err := decoder.Token(); err != nil || decoder.More() {
		return "", nil, unparsable(err)
	}
	return bundleType, entries, recognized(resourceType, bundleType, hasEntries && len(entries) > 0)
}

// recognized is worded as Medplum's clients know it.
func recognized(resourceType, bundleType string, hasEntries bool) error {
	switch {
	case resourceType != "Bundle":
		return outcome.New(outcome.Invalid, "Not a bundle")
	case bundleType == "":
		return outcome.New(outcome.Invalid, "Unrecognized bundle type: undefined")
	case bundleType != "batch" && bundleType != "transaction":
		return outcome.New(outcome.Invalid, "Unrecognized bundle type: %.40s", bundleType)
	case !hasEntries:
		return outcome.New(outcome.Invalid, "Missing bundle entries")
	}
	return nil
}

func array(decoder *json.Decoder, most int) ([]json.RawMessage, error) {
	if open, err := decoder.Token(); err != nil || open != json.Delim('[') {
		return nil, unparsable(err)
	}
	var entries []json.RawMessage
	for decoder.More() {
		if len(entries) == most {
			return nil, outcome.New(outcome.TooLong, "A Bundle has at most %d entries", most)
		}
		var entry json.RawMessage
		if err := decoder.Decode(&entry); err != nil {
			return nil, err
		}
		entries = append(entries, entry)
	}
	_, err := decoder.Token()
	return entries, err
}

// unparsable is the outcome for a body that is no JSON, or err when that is an outcome already.
func unparsable(err error) error {
	if known := new(outcome.Outcome); err != nil && asOutcome(err, &known) {
		return known
	}
	o := outcome.New(outcome.Invalid, "Content could not be parsed")
	if err != nil {
		return o.Because("%v", err)
	}
	return o
}

// text is a copy of a member, so that it does not keep the whole entry.
func text(n *document.Node, name string) string { return strings.Clone(n.Text(name)) }
