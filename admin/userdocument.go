package admin

import (
	"encoding/json"
	"fmt"

	"github.com/admitdev/admit/fhir/medplum"
	"github.com/admitdev/admit/pkg/store"
)

// memberDocument is a stored ProjectMembership on its way to its next version. What is not touched
// stays as its client wrote it.
type memberDocument map[string]json.RawMessage

func openMember(res store.Resource) (doc memberDocument, m medplum.ProjectMembership, err error) {
	if err = decode(res, &doc); err == nil {
		err = decode(res, &m)
	}
	return doc, m, err
}

// set sets an element; one that is empty goes.
func (d memberDocument) set(name string, value any) error {
	raw, err := marshal(value)
	if err != nil {
		return err
	}
	if d[name] = raw; isEmpty(raw) {
		delete(d, name)
	}
	return nil
}

// setMember keeps what the project says of its member.
func (d memberDocument) setMember(member medplum.Member) error {
	raw, err := marshal(member)
	if err != nil {
		return err
	}
	var extensions []any
	if !isEmpty(raw) {
		extensions = []any{medplum.Extension{URL: medplum.MemberExtension, ValueString: string(raw)}}
	}
	return d.replaceItems("extension", "url", medplum.MemberExtension, extensions)
}

// setGroups says which Groups the member has joined.
func (d memberDocument) setGroups(ids []string) error {
	extensions := make([]any, len(ids))
	for i, id := range ids {
		extensions[i] = medplum.Extension{URL: medplum.MemberGroupExtension, ValueReference: new(medplum.RefTo(medplum.TypeGroup, id, ""))}
	}
	return d.replaceItems("extension", "url", medplum.MemberGroupExtension, extensions)
}

// setPhone sets the number that the member signs in with.
func (d memberDocument) setPhone(phone string) error {
	var identifiers []any
	if phone != "" {
		identifiers = []any{medplum.Identifier{System: medplum.PhoneSystem, Value: phone}}
	}
	return d.replaceItems("identifier", "system", medplum.PhoneSystem, identifiers)
}

// replaceItems puts items in place of those of a list whose member key is value.
func (d memberDocument) replaceItems(list, key, value string, items []any) error {
	var stored []map[string]json.RawMessage
	if raw := d[list]; raw != nil {
		if err := json.Unmarshal(raw, &stored); err != nil {
			return fmt.Errorf("%s of a membership: %w", list, err)
		}
	}
	kept := []any{}
	for _, item := range stored {
		var is string
		if json.Unmarshal(item[key], &is) != nil || is != value {
			kept = append(kept, item)
		}
	}
	return d.set(list, append(kept, items...))
}
