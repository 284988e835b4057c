// Package medplum is the vocabulary of Medplum's own resource types, as far as Admit acts on
// their elements. Clients' resources are kept as bytes and never re-encoded through these; they
// build what Admit makes itself and read what it needs. It imports nothing of ours.
//
// Elements that hold secrets (passwordHash, mfaSecret, the secrets of a client, a request or a
// project) have no place here: they live in credential tables.
package medplum

import (
	"encoding/json"
	"strconv"
	"strings"
)

// The names of the resource types that carry identity.
const (
	TypeUser                = "User"
	TypeProject             = "Project"
	TypeProjectMembership   = "ProjectMembership"
	TypeClientApplication   = "ClientApplication"
	TypeBot                 = "Bot"
	TypeAccessPolicy        = "AccessPolicy"
	TypeUserSecurityRequest = "UserSecurityRequest"
	TypeUserConfiguration   = "UserConfiguration"
	TypeDomainConfiguration = "DomainConfiguration"
	TypeLogin               = "Login"
	TypeJSONWebKey          = "JsonWebKey"
)

// Reference is a FHIR Reference (R4 references.html).
type Reference struct {
	Reference string `json:"reference,omitempty"`
	Display   string `json:"display,omitempty"`
}

// RefTo is a literal reference to a resource of this server.
func RefTo(resourceType, id, display string) Reference {
	return Reference{Reference: resourceType + "/" + id, Display: display}
}

// Split is the type and id of a literal relative reference; both empty for any other.
func (r Reference) Split() (resourceType, id string) {
	t, id, ok := strings.Cut(r.Reference, "/")
	if !ok || strings.Contains(id, "/") || strings.Contains(t, ":") {
		return "", ""
	}
	return t, id
}

// Identifier is a FHIR Identifier, as far as Admit reads it.
type Identifier struct {
	System string `json:"system,omitempty"`
	Value  string `json:"value,omitempty"`
}

// User is a person who signs in. Without Project it is server-scoped.
type User struct {
	ResourceType  string       `json:"resourceType"`
	ID            string       `json:"id,omitempty"`
	Identifier    []Identifier `json:"identifier,omitempty"`
	FirstName     string       `json:"firstName"`
	LastName      string       `json:"lastName"`
	Email         string       `json:"email,omitempty"`
	EmailVerified bool         `json:"emailVerified,omitempty"`
	ExternalID    string       `json:"externalId,omitempty"`
	MFARequired   bool         `json:"mfaRequired,omitempty"`
	MFAEnrolled   bool         `json:"mfaEnrolled,omitempty"`
	Project       *Reference   `json:"project,omitempty"`
}

// Setting is a named value of a Project.
type Setting struct {
	Name         string      `json:"name"`
	ValueString  *string     `json:"valueString,omitempty"`
	ValueBoolean *bool       `json:"valueBoolean,omitempty"`
	ValueDecimal json.Number `json:"valueDecimal,omitempty"`
	ValueInteger *int        `json:"valueInteger,omitempty"`
}

// Site is a web site of a Project.
type Site struct {
	Name             string   `json:"name"`
	Domain           []string `json:"domain"`
	GoogleClientID   string   `json:"googleClientId,omitempty"`
	RecaptchaSiteKey string   `json:"recaptchaSiteKey,omitempty"`
}

// Link makes another project readable.
type Link struct {
	Project Reference `json:"project"`
}

// DefaultAccessPolicy is the policy that a membership gets when none is named, by profile type
// (Patient, Practitioner, RelatedPerson, ClientApplication, Bot, Admin).
type DefaultAccessPolicy struct {
	ProfileType  string    `json:"profileType"`
	AccessPolicy Reference `json:"accessPolicy"`
}

// Project is an isolated set of resources.
type Project struct {
	ResourceType               string                `json:"resourceType"`
	ID                         string                `json:"id,omitempty"`
	Name                       string                `json:"name,omitempty"`
	Description                string                `json:"description,omitempty"`
	SuperAdmin                 bool                  `json:"superAdmin,omitempty"`
	StrictMode                 bool                  `json:"strictMode,omitempty"`
	CheckReferencesOnWrite     bool                  `json:"checkReferencesOnWrite,omitempty"`
	Owner                      *Reference            `json:"owner,omitempty"`
	Features                   []string              `json:"features,omitempty"`
	DefaultPatientAccessPolicy *Reference            `json:"defaultPatientAccessPolicy,omitempty"`
	DefaultAccessPolicies      []DefaultAccessPolicy `json:"defaultAccessPolicies,omitempty"`
	Setting                    []Setting             `json:"setting,omitempty"`
	SystemSetting              []Setting             `json:"systemSetting,omitempty"`
	Site                       []Site                `json:"site,omitempty"`
	Link                       []Link                `json:"link,omitempty"`
	ExportedResourceType       []string              `json:"exportedResourceType,omitempty"`
}

// SystemInteger is a system setting that is a whole number; nil when there is none.
func (p Project) SystemInteger(name string) *int {
	for _, setting := range p.SystemSetting {
		switch {
		case setting.Name != name:
		case setting.ValueInteger != nil:
			return setting.ValueInteger
		default:
			if n, err := strconv.Atoi(setting.ValueDecimal.String()); err == nil {
				return &n
			}
			return nil
		}
	}
	return nil
}

// MFARequired says whether its setting mfaRequired wants a second factor of all who sign in.
func (p Project) MFARequired() bool {
	for _, setting := range p.Setting {
		if setting.Name == "mfaRequired" && setting.ValueBoolean != nil {
			return *setting.ValueBoolean
		}
	}
	return false
}

// Parameter is a named value of an access entry; exactly one value is set.
type Parameter struct {
	Name           string     `json:"name"`
	ValueString    *string    `json:"valueString,omitempty"`
	ValueReference *Reference `json:"valueReference,omitempty"`
}

// Access binds a policy with parameters.
type Access struct {
	ModifierExtension []Extension `json:"modifierExtension,omitempty"`
	Policy            Reference   `json:"policy"`
	Parameter         []Parameter `json:"parameter,omitempty"`
}

// Extension is an extension, as far as Admit knows any.
type Extension struct {
	URL            string     `json:"url"`
	ValuePeriod    *Period    `json:"valuePeriod,omitempty"`
	ValueString    string     `json:"valueString,omitempty"`
	ValueReference *Reference `json:"valueReference,omitempty"`
	ValueURI       string     `json:"valueUri,omitempty"`
}

// Period is R4's datatypes.html#Period.
type Period struct {
	Start string `json:"start,omitempty"`
	End   string `json:"end,omitempty"`
}

// ProjectMembership joins a user to a profile and to policies within a project.
type ProjectMembership struct {
	ResourceType      string       `json:"resourceType"`
	ID                string       `json:"id,omitempty"`
	Extension         []Extension  `json:"extension,omitempty"`
	Identifier        []Identifier `json:"identifier,omitempty"`
	Active            *bool        `json:"active,omitempty"`
	Project           Reference    `json:"project"`
	InvitedBy         *Reference   `json:"invitedBy,omitempty"`
	User              Reference    `json:"user"`
	Profile           Reference    `json:"profile"`
	UserName          string       `json:"userName,omitempty"`
	ExternalID        string       `json:"externalId,omitempty"`
	AccessPolicy      *Reference   `json:"accessPolicy,omitempty"`
	Access            []Access     `json:"access,omitempty"`
	UserConfiguration *Reference   `json:"userConfiguration,omitempty"`
	Admin             bool         `json:"admin,omitempty"`
}

// IsActive says whether the membership may be used; absent means active.
func (m ProjectMembership) IsActive() bool { return m.Active == nil || *m.Active }

// DomainConfiguration says how those with addresses of a domain sign in.
type DomainConfiguration struct {
	ResourceType     string            `json:"resourceType"`
	ID               string            `json:"id,omitempty"`
	Domain           string            `json:"domain"`
	IdentityProvider *IdentityProvider `json:"identityProvider,omitempty"`
}

// IdentityProvider is an OpenID provider of somebody else's. Its client secret is read where it is
// used, and nowhere else.
type IdentityProvider struct {
	Extension       []Extension `json:"extension,omitempty"`
	AuthorizeURL    string      `json:"authorizeUrl"`
	TokenURL        string      `json:"tokenUrl"`
	UserInfoURL     string      `json:"userInfoUrl"`
	ClientID        string      `json:"clientId"`
	TokenAuthMethod string      `json:"tokenAuthMethod,omitempty"`
	UserInfoMode    string      `json:"userInfoMode,omitempty"`
	// UseSubject finds people by the subject, as ProjectMembership.externalId, instead of by their address.
	UseSubject bool `json:"useSubject,omitempty"`
}

// ExtensionIssuer says who issues the tokens of an IdentityProvider; without it that is found by the address
// of its authorization endpoint.
const ExtensionIssuer = "https://admit.dev/fhir/StructureDefinition/identity-provider-issuer"

// Issuer is the issuer that is named, if one is.
func (p IdentityProvider) Issuer() string {
	for _, e := range p.Extension {
		if e.URL == ExtensionIssuer {
			return e.ValueURI
		}
	}
	return ""
}

// ClientApplication is a program that signs in.
type ClientApplication struct {
	ResourceType         string   `json:"resourceType"`
	ID                   string   `json:"id,omitempty"`
	Status               string   `json:"status,omitempty"`
	Name                 string   `json:"name,omitempty"`
	Description          string   `json:"description,omitempty"`
	JWKSURI              string   `json:"jwksUri,omitempty"`
	RedirectURI          string   `json:"redirectUri,omitempty"`
	RedirectURIs         []string `json:"redirectUris,omitempty"`
	LaunchURI            string   `json:"launchUri,omitempty"`
	PKCEOptional         bool     `json:"pkceOptional,omitempty"`
	AccessTokenLifetime  string   `json:"accessTokenLifetime,omitempty"`
	RefreshTokenLifetime string   `json:"refreshTokenLifetime,omitempty"`
	AllowedOrigin        []string `json:"allowedOrigin,omitempty"`
	DefaultScope         []string `json:"defaultScope,omitempty"`
	GrantType            []string `json:"grantType,omitempty"`
	ResponseType         []string `json:"responseType,omitempty"`

	IdentityProvider *IdentityProvider `json:"identityProvider,omitempty"`
}

// Expression is a FHIR Expression, as far as Admit reads it.
type Expression struct {
	Language   string `json:"language,omitempty"`
	Expression string `json:"expression,omitempty"`
}

// PolicyResource is one rule of an AccessPolicy.
type PolicyResource struct {
	ResourceType    string       `json:"resourceType"`
	Compartment     *Reference   `json:"compartment,omitempty"`
	Criteria        string       `json:"criteria,omitempty"`
	Readonly        bool         `json:"readonly,omitempty"`
	Interaction     []string     `json:"interaction,omitempty"`
	HiddenFields    []string     `json:"hiddenFields,omitempty"`
	ReadonlyFields  []string     `json:"readonlyFields,omitempty"`
	WriteConstraint []Expression `json:"writeConstraint,omitempty"`
}

// IPAccessRule allows or blocks addresses; the first match decides.
type IPAccessRule struct {
	Name   string `json:"name,omitempty"`
	Value  string `json:"value"`
	Action string `json:"action"`
}

// AccessPolicy is what a membership may see and do.
type AccessPolicy struct {
	ResourceType string           `json:"resourceType"`
	ID           string           `json:"id,omitempty"`
	Extension    []Extension      `json:"extension,omitempty"`
	Name         string           `json:"name,omitempty"`
	BasedOn      []Reference      `json:"basedOn,omitempty"`
	Compartment  *Reference       `json:"compartment,omitempty"`
	Resource     []PolicyResource `json:"resource,omitempty"`
	IPAccessRule []IPAccessRule   `json:"ipAccessRule,omitempty"`
}

// Bot is a program that Admit records; it does not run it.
type Bot struct {
	ResourceType   string `json:"resourceType"`
	ID             string `json:"id,omitempty"`
	Name           string `json:"name,omitempty"`
	Description    string `json:"description,omitempty"`
	RuntimeVersion string `json:"runtimeVersion,omitempty"`
}

// UserSecurityRequest is how FHIR clients see an invitation, a reset or an e-mail verification.
// Its secret is never part of it.
type UserSecurityRequest struct {
	ResourceType string    `json:"resourceType"`
	ID           string    `json:"id,omitempty"`
	Type         string    `json:"type"`
	User         Reference `json:"user"`
	Used         bool      `json:"used,omitempty"`
	ExpiresAt    string    `json:"expiresAt,omitempty"`
	RedirectURI  string    `json:"redirectUri,omitempty"`
}
