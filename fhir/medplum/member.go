package medplum

import (
	"encoding/json"
	"maps"
	"slices"
)

// What a ProjectMembership says of its member besides Medplum's elements. The extensions and the
// system are Admit's own.
const (
	// MemberExtension holds Member as JSON in its valueString.
	MemberExtension = "https://github.com/admitdev/admit/StructureDefinition/member"
	// MemberGroupExtension holds a reference to a Group that the member has joined; it repeats.
	MemberGroupExtension = "https://github.com/admitdev/admit/StructureDefinition/member-group"
	// PhoneSystem is the system of the identifier that is the phone number a member signs in with.
	PhoneSystem = "https://github.com/admitdev/admit/sid/phone"
	// RoleExternalID holds in its valueString what a SCIM client calls the role that an AccessPolicy is.
	RoleExternalID = "https://github.com/admitdev/admit/StructureDefinition/role-external-id"
	// DescriptionExtension holds in its valueString what a role or a group of members is for.
	DescriptionExtension = "https://github.com/admitdev/admit/StructureDefinition/description"
	// StatementsExtension holds in its valueString what a role of another system says, which allows nothing here.
	StatementsExtension = "https://github.com/admitdev/admit/StructureDefinition/foreign-statements"
	// GroupSystem is the system of the identifier that is the code of a group of members.
	GroupSystem = "https://github.com/admitdev/admit/sid/group"
)

// TextOf is the text of the extension with a URL, empty when there is none.
func TextOf(extensions []Extension, url string) string {
	for _, e := range extensions {
		if e.URL == url {
			return e.ValueString
		}
	}
	return ""
}

// Texts are extensions that hold texts, by their URLs, without those that are empty.
func Texts(texts map[string]string) (extensions []Extension) {
	for _, url := range slices.Sorted(maps.Keys(texts)) {
		if texts[url] != "" {
			extensions = append(extensions, Extension{URL: url, ValueString: texts[url]})
		}
	}
	return extensions
}

// TypeGroup is R4's Group.
const TypeGroup = "Group"

// Member is what a project keeps of a member that no element has room for. It belongs to the
// membership, so another project of the same User neither sees nor changes it.
type Member struct {
	Name       string `json:"name,omitempty"`
	GivenName  string `json:"givenName,omitempty"`
	FamilyName string `json:"familyName,omitempty"`
	Nickname   string `json:"nickname,omitempty"`
	Company    string `json:"company,omitempty"`
	// Properties and CustomData are kept and given back as they were written, and never acted upon.
	Properties map[string]json.RawMessage `json:"properties,omitempty"`
	CustomData map[string]json.RawMessage `json:"customData,omitempty"`
	// SCIM are the attributes of a SCIM User that are nowhere else, as an object.
	SCIM json.RawMessage `json:"scim,omitempty"`
}

// Addresses are the e-mail addresses that SCIM says of a member.
func (m Member) Addresses() (addresses []string) {
	var said struct{ Emails []struct{ Value string } }
	if len(m.SCIM) == 0 || json.Unmarshal(m.SCIM, &said) != nil {
		return nil
	}
	for _, email := range said.Emails {
		addresses = append(addresses, email.Value)
	}
	return addresses
}

// Member reads the extension; what is not Admit's own spelling says nothing.
func (m ProjectMembership) Member() (member Member) {
	for _, e := range m.Extension {
		if e.URL == MemberExtension && json.Unmarshal([]byte(e.ValueString), &member) == nil {
			return member
		}
	}
	return Member{}
}

// Groups are the ids of the Groups that the member has joined.
func (m ProjectMembership) Groups() (ids []string) {
	for _, e := range m.Extension {
		if e.URL != MemberGroupExtension || e.ValueReference == nil {
			continue
		}
		if resourceType, id := e.ValueReference.Split(); resourceType == TypeGroup {
			ids = append(ids, id)
		}
	}
	return ids
}

// Phone is the phone number that the member signs in with.
func (m ProjectMembership) Phone() string {
	for _, i := range m.Identifier {
		if i.System == PhoneSystem {
			return i.Value
		}
	}
	return ""
}
