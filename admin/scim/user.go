package scim

import (
	"encoding/json"
	"maps"
	"strings"
	"time"

	"github.com/admitdev/admit/admin"
	"github.com/admitdev/admit/pkg/clock"
)

// maxKept is the greatest size of what is kept of a User besides what Admit knows itself.
const maxKept = 64 << 10

// userDoc is a user as a resource.
func (h *Handler) userDoc(u admin.User) object {
	doc := object{}
	if len(u.SCIM) > 0 && json.Unmarshal(u.SCIM, &doc) != nil {
		doc = object{} // nobody but this package writes it
	}
	k := h.users.kind
	schemas := []any{k.core.ID}
	if u.Company != "" {
		extension, _ := doc[k.extension.ID].(object)
		if extension == nil {
			extension = object{}
		}
		extension[attrOrganization] = u.Company
		doc[k.extension.ID] = extension
	}
	if doc[k.extension.ID] != nil {
		schemas = append(schemas, k.extension.ID)
	}
	profileType, _ := u.Profile.Split()
	doc[attrSchemas], doc[attrID] = schemas, u.ID
	doc[attrUserType], doc[attrActive] = profileType, u.Status == admin.StatusActive
	doc[attrMeta] = h.meta(k, u.ID, u.Version, u.UpdatedAt)
	doc[attrUserName] = firstOf(u.Login, u.Email, u.ID)
	setText(doc, attrExternalID, u.ExternalID)
	setText(doc, attrDisplayName, u.Name)
	setText(doc, attrNickName, u.Nickname)
	name, _ := doc[attrName].(object)
	if name == nil {
		name = object{}
	}
	setText(name, attrGivenName, u.GivenName)
	setText(name, attrFamilyName, u.FamilyName)
	if len(name) > 0 {
		doc[attrName] = name
	}
	showAddress(doc, u.Email)
	showMobile(doc, u.Phone)
	var groups []any
	for _, role := range u.Roles {
		groups = append(groups, object{subValue: role.ID, subDisplay: role.Name, subType: "direct", subRef: h.location(h.groups.kind, role.ID)})
	}
	if groups != nil {
		doc[attrGroups] = groups
	}
	return doc
}

func firstOf(texts ...string) string {
	for _, text := range texts {
		if text != "" {
			return text
		}
	}
	return ""
}

func setText(doc object, name, text string) {
	if text == "" {
		delete(doc, name)
		return
	}
	doc[name] = text
}

// meta is what is said about a resource (RFC 7643 §3.1). Of one whose version is not known, there is none.
func (h *Handler) meta(k *kind, id, version string, changed time.Time) object {
	meta := object{"resourceType": k.name, "location": h.location(k, id), "lastModified": changed.UTC().Format(time.RFC3339Nano)}
	if created, ok := clock.Of(id); ok {
		meta["created"] = created.UTC().Format(time.RFC3339Nano)
	}
	if version != "" {
		meta["version"] = etag(version)
	}
	return meta
}

func etag(version string) string { return `W/"` + version + `"` }

func (h *Handler) location(k *kind, id string) string {
	return h.base.JoinPath(k.endpoint, id).String()
}

// address is the e-mail address that a user signs in with: the userName, if it is one, else the primary of
// emails, else the first.
func address(doc object) string {
	if name, _ := doc[attrUserName].(string); strings.Contains(name, "@") {
		return name
	}
	list, _ := doc[attrEmails].([]any)
	if i := primary(list); i >= 0 {
		text, _ := list[i].(object)[subValue].(string)
		return text
	}
	return ""
}

// primary is the place of the primary value, else of the first, else -1.
func primary(list []any) int {
	first := -1
	for i, one := range list {
		entry, ok := one.(object)
		switch {
		case !ok:
		case entry[subPrimary] == true:
			return i
		case first < 0:
			first = i
		}
	}
	return first
}

// showAddress has emails say the address of the user, who may have changed it elsewhere.
func showAddress(doc object, email string) {
	if strings.EqualFold(address(doc), email) && (doc[attrEmails] != nil || email == "") {
		return
	}
	list, _ := doc[attrEmails].([]any)
	i := primary(list)
	switch {
	case email == "" && i >= 0:
		list = append(list[:i:i], list[i+1:]...)
	case i >= 0:
		list[i].(object)[subValue] = email
	case email != "":
		list = []any{object{subValue: email, subType: "work", subPrimary: true}}
	}
	setList(doc, attrEmails, list)
}

const typeMobile = "mobile"

// mobile is the place of the first mobile number, else -1.
func mobile(list []any) int {
	for i, one := range list {
		if entry, ok := one.(object); ok {
			if kind, _ := entry[subType].(string); strings.EqualFold(kind, typeMobile) {
				return i
			}
		}
	}
	return -1
}

// mobileNumber is what a user signs in with: the first mobile number, without the scheme of RFC 3966.
func mobileNumber(doc object) string {
	list, _ := doc[attrPhones].([]any)
	i := mobile(list)
	if i < 0 {
		return ""
	}
	text, _ := list[i].(object)[subValue].(string)
	return strings.TrimPrefix(strings.ToLower(text), "tel:")
}

// showMobile has phoneNumbers say the number of the user, who may have changed it elsewhere.
func showMobile(doc object, phone string) {
	if admin.CanonicalPhone(mobileNumber(doc)) == phone {
		return
	}
	list, _ := doc[attrPhones].([]any)
	i := mobile(list)
	switch {
	case phone == "":
		list = append(list[:i:i], list[i+1:]...)
	case i >= 0:
		list[i].(object)[subValue] = phone
	default:
		list = append(list, object{subValue: phone, subType: typeMobile})
	}
	setList(doc, attrPhones, list)
}

func setList(doc object, name string, list []any) {
	if len(list) == 0 {
		delete(doc, name)
		return
	}
	doc[name] = list
}

// changes are the fields by which one resource differs from another. before is empty for a new user.
func (h *Handler) changes(before, after object) (admin.UserFields, error) {
	k := h.users.kind
	f := admin.UserFields{
		Login:      changed(textAt(before, path{name: attrUserName}), textAt(after, path{name: attrUserName})),
		ExternalID: changed(textAt(before, path{name: attrExternalID}), textAt(after, path{name: attrExternalID})),
		Name:       changed(textAt(before, path{name: attrDisplayName}), textAt(after, path{name: attrDisplayName})),
		Nickname:   changed(textAt(before, path{name: attrNickName}), textAt(after, path{name: attrNickName})),
		Company:    changed(textAt(before, path{k.extension.ID, attrOrganization, ""}), textAt(after, path{k.extension.ID, attrOrganization, ""})),
		Email:      changed(address(before), address(after)),
		Phone:      changed(mobileNumber(before), mobileNumber(after)),
		Password:   changed("", textAt(after, path{name: attrPassword})),

		LoginInAnyCase: true, // RFC 7643 §4.1.1
	}
	given, family := path{name: attrName, sub: attrGivenName}, path{name: attrName, sub: attrFamilyName}
	if textAt(before, given) != textAt(after, given) || textAt(before, family) != textAt(after, family) { // one name needs the other
		f.GivenName, f.FamilyName = new(textAt(after, given)), new(textAt(after, family))
	}
	switch active, said := after[attrActive].(bool); {
	case said && active:
		f.Status = admin.StatusActive
	case said:
		f.Status = admin.StatusBlocked
	}
	if err := checkEmails(after); err != nil {
		return f, err
	}
	var err error
	f.SCIM, err = h.kept(after)
	return f, err
}

func changed(before, after string) *string {
	if before == after {
		return nil
	}
	return &after
}

func textAt(doc object, at path) string {
	for _, value := range valuesAt(doc, at) {
		if text, ok := value.(string); ok {
			return text
		}
	}
	return ""
}

// checkEmails refuses what can be no address; of the one that the user signs in with the service knows more.
func checkEmails(doc object) error {
	for _, value := range valuesAt(doc, path{name: attrEmails, sub: subValue}) {
		if text, _ := value.(string); !strings.Contains(text, "@") {
			return refuse(invalidValue, "emails: %q is no address", text)
		}
	}
	return nil
}

// kept is what of a resource is nowhere else.
func (h *Handler) kept(doc object) (json.RawMessage, error) {
	k := h.users.kind
	keep := maps.Clone(doc)
	for _, known := range []string{attrUserName, attrExternalID, attrDisplayName, attrNickName, attrUserType, attrActive, attrPassword} {
		delete(keep, known)
	}
	if name, ok := keep[attrName].(object); ok {
		name = maps.Clone(name)
		delete(name, attrGivenName)
		delete(name, attrFamilyName)
		if keep[attrName] = name; len(name) == 0 {
			delete(keep, attrName)
		}
	}
	if extension, ok := keep[k.extension.ID].(object); ok {
		extension = maps.Clone(extension)
		delete(extension, attrOrganization)
		if keep[k.extension.ID] = extension; len(extension) == 0 {
			delete(keep, k.extension.ID)
		}
	}
	raw, err := json.Marshal(keep)
	if err == nil && len(raw) > maxKept {
		err = refuse(invalidValue, "The attributes that are kept have at most %d bytes together", maxKept)
	}
	return raw, err
}
