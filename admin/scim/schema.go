package scim

import (
	"slices"
	"strings"

	"github.com/elimity-com/scim/optional"
	"github.com/elimity-com/scim/schema"
)

// object is a JSON object whose names are spelled as the schemas spell them.
type object = map[string]any

// kind is a type of resource.
type kind struct {
	name, endpoint, description string
	core                        schema.Schema
	extension                   *schema.Schema
}

// The attributes that every resource has (RFC 7643 §3.1).
const (
	attrSchemas    = "schemas"
	attrID         = "id"
	attrExternalID = "externalId"
	attrMeta       = "meta"
)

// The attributes of a User and a Group that mean something to Admit.
const (
	attrUserName     = "userName"
	attrName         = "name"
	attrGivenName    = "givenName"
	attrFamilyName   = "familyName"
	attrDisplayName  = "displayName"
	attrNickName     = "nickName"
	attrUserType     = "userType"
	attrActive       = "active"
	attrPassword     = "password"
	attrEmails       = "emails"
	attrPhones       = "phoneNumbers"
	attrGroups       = "groups"
	attrMembers      = "members"
	attrOrganization = "organization"

	subValue   = "value"
	subType    = "type"
	subPrimary = "primary"
	subDisplay = "display"
	subRef     = "$ref"
)

// userKind leaves out what could be taken for rights that it does not give.
func userKind() *kind {
	core := schema.CoreUserSchema()
	core.Attributes = slices.DeleteFunc(core.Attributes, func(a schema.CoreAttribute) bool {
		return slices.Contains([]string{"roles", "entitlements", "x509Certificates"}, a.Name())
	})
	for i, a := range core.Attributes {
		if a.Name() == attrUserType {
			core.Attributes[i] = a.WithMutability(schema.AttributeMutabilityImmutable()).
				WithDescription(optional.NewString("The type of the profile: Practitioner, Patient or RelatedPerson."))
		}
	}
	enterprise := schema.ExtensionEnterpriseUser()
	return &kind{name: "User", endpoint: "Users", description: "A user of the project", core: core, extension: &enterprise}
}

func groupKind() *kind {
	return &kind{name: "Group", endpoint: "Groups", description: "A role of the project with the users who have it", core: schema.CoreGroupSchema()}
}

// common are the attributes that a filter, an order and a choice of attributes may name for any kind.
func common() schema.Attributes {
	var named schema.Attributes
	for _, a := range schema.CommonAttributes() {
		named = append(named, a)
	}
	return named
}

// attribute finds the definition of a path without regard to case and gives the path as it is spelled.
func (k *kind) attribute(p path) (schema.CoreAttribute, path, bool) {
	among := slices.Concat(k.core.Attributes, common())
	switch {
	case k.extension != nil && strings.EqualFold(p.urn, k.extension.ID):
		among, p.urn = k.extension.Attributes, k.extension.ID
	case p.urn == "" || strings.EqualFold(p.urn, k.core.ID):
		p.urn = ""
	default:
		return schema.CoreAttribute{}, p, false
	}
	a, known := among.ContainsAttribute(p.name)
	if !known {
		return a, p, false
	}
	p.name = a.Name()
	if p.sub == "" {
		return a, p, true
	}
	sub, known := a.SubAttributes().ContainsAttribute(p.sub)
	p.sub = sub.Name()
	return a, p, known
}

// target is the object that holds the attribute: the resource, or an extension of it. When it is to be
// made, there is one afterwards.
func (p path) target(doc object, make bool) object {
	if p.urn == "" {
		return doc
	}
	extension, ok := doc[p.urn].(object)
	if !ok && make {
		extension = object{}
		doc[p.urn] = extension
	}
	return extension
}
