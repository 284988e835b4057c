package oauth

import (
	"context"
	"time"

	"github.com/admitdev/admit/pkg/store"
)

// Directory knows the clients, memberships and people that tokens speak of. Every method answers
// store.ErrNotFound for what is not there.
type Directory interface {
	// Client is a ClientApplication.
	Client(ctx context.Context, id string) (Client, error)
	// ClientMembership is the membership that a client acts with; an active one if it has any.
	ClientMembership(ctx context.Context, client Client) (Membership, error)
	// Membership is a membership of a project.
	Membership(ctx context.Context, project, id string) (Membership, error)
	// Launch is what a client of the project was launched about.
	Launch(ctx context.Context, project, id string) (Launch, error)
	// Person is whom userinfo describes: the user, with the names of the membership's profile.
	Person(ctx context.Context, user store.Ref, membership Membership) (Person, error)
}

// Client is a ClientApplication, as far as tokens depend on it.
type Client struct {
	ID, Project, Name string
	Active            bool
	// Secrets are its current and its retiring one, as they are kept.
	Secrets []store.Credential
	// JWKSURI is where the public keys of a client that signs assertions are.
	JWKSURI string
	// KeysAlone says that the client shows who it is by its keys, and by nothing else.
	KeysAlone    bool
	PKCEOptional bool
	// KeyBound says that the client takes only tokens that are bound to a key (RFC 9449 §5.2).
	KeyBound bool
	// PushedOnly says that the client pushes its authorization requests (RFC 9126 §6).
	PushedOnly bool
	// External says that the client names an identity provider, whose tokens it may exchange.
	External bool
	// BuiltIn says that the client is the server's own and belongs to no project.
	BuiltIn bool
	// Registered says that the client has registered itself; MostScope is then all that it may ask for.
	Registered     bool
	MostScope      string
	RedirectURIs   []string
	DefaultScope   []string
	GrantTypes     []string
	AllowedOrigins []string
	// The lifetimes are as the resource spells them: a number and s, m, h, d, w or y.
	AccessTokenLifetime, RefreshTokenLifetime string
}

// Ref is the client's key in the store.
func (c Client) Ref() store.Ref { return store.Ref{Project: c.Project, Type: typeClient, ID: c.ID} }

const (
	typeClient  = "ClientApplication"
	typeUser    = "User"
	typePatient = "Patient"
)

// Membership is a ProjectMembership, as far as tokens depend on it.
type Membership struct {
	ID          string
	Project     string
	ProjectName string
	SuperAdmin  bool // of a super-admin project, which gives no refresh tokens
	Active      bool
	// MFARequired wants a second factor of whoever signs in by password.
	MFARequired bool
	// AuthLimit is how often an address may ask the project for tokens within a minute; nil: as often as the server lets it.
	AuthLimit *int
	User      Reference
	Profile   Reference
}

// Reference is a FHIR Reference as token answers show it.
type Reference struct {
	Reference string `json:"reference,omitempty"`
	Display   string `json:"display,omitempty"`
}

// Person is what the scopes profile, email and phone tell of a user.
type Person struct {
	Name, Given, Family string
	Email               string
	EmailVerified       bool
	Phone               string
	UpdatedAt           time.Time
}
