package admin

import (
	"context"
	"errors"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/go-webauthn/webauthn/webauthn"

	"github.com/admitdev/admit/fhir/medplum"
	"github.com/admitdev/admit/fhir/repo"
	"github.com/admitdev/admit/pkg/clock"
	"github.com/admitdev/admit/pkg/jobs"
	"github.com/admitdev/admit/pkg/mail"
	"github.com/admitdev/admit/pkg/oauth"
	"github.com/admitdev/admit/pkg/outcome"
	"github.com/admitdev/admit/pkg/secret"
	"github.com/admitdev/admit/pkg/store"
)

// UserPasswords judges, hashes and verifies passwords; *secret.Passwords implements it.
type UserPasswords interface {
	CheckFor(field, password string, emails ...string) error
	Hash(ctx context.Context, password string) (string, error)
	Verify(ctx context.Context, password, hash string) (bool, error)
	// VerifyNobody costs what Verify does, for a User who does not exist.
	VerifyNobody(ctx context.Context, password string) error
}

// Codes issues the codes that end a sign-in; *oauth.Server implements it.
type Codes interface {
	IssueCode(ctx context.Context, tx *store.Tx, login, redirectURI string) (string, error)
	ValidChallenge(challenge, method string) (challengeOK, methodOK bool)
}

// Sealer keeps secrets unreadable in the database; *secret.Box implements it.
type Sealer interface {
	Seal(plain []byte, place string) []byte
	Open(sealed []byte, place string) ([]byte, error)
}

// Jobs queues work in a transaction; *jobs.Client implements it.
type Jobs interface {
	Enqueue(ctx context.Context, tx *store.Tx, args jobs.Args) error
}

// SignInOptions are what the services of signing in stand on.
type SignInOptions struct {
	// Service makes projects, profiles and memberships.
	Service   *Service
	Repo      *repo.Repo
	Store     *store.Store
	Clock     clock.Clock
	Passwords UserPasswords
	Codes     Codes
	Tokens    SessionTokens
	Box       Sealer
	Jobs      Jobs
	Entrance  Entrance
	Mails     Mails
	// Providers and ProviderSecrets are for those who sign in elsewhere.
	Providers       Providers
	ProviderSecrets ProviderSecrets
	AppName         string
	// RegistrationOpen lets strangers register.
	RegistrationOpen bool
	// MailSent says that there is a mail server; only then is whoever registers asked to show that
	// the address is theirs.
	MailSent bool
	// LoginLimit is how many sign-ins an account and an address may try in a minute; -1: any number.
	LoginLimit int
}

// SignIn is what people do to get in: sign in, register, choose a membership, set a password, look
// at themselves.
//
//   - Whether somebody has an account shows neither in a text nor in the time of an answer.
//   - Whoever holds the id of a login may go on with it; it is random and lasts an hour, and a code
//     needs the verifier of whoever began (RFC 7636).
//   - A User who must show a second factor gets no code without it.
type SignIn struct {
	SignInOptions
	directory    *Directory
	relyingParty func() (*webauthn.WebAuthn, error) // fails for a base URL that can have no passkeys
}

// NewSignIn makes a SignIn.
func NewSignIn(o SignInOptions) *SignIn {
	return &SignIn{o, NewDirectory(o.Repo), sync.OnceValues(func() (*webauthn.WebAuthn, error) {
		return newRelyingParty(o.AppName, o.Service.BaseURL, o.Service.AppURL)
	})}
}

const (
	// newProjectID is the projectId of whoever is about to make a project.
	newProjectID = "new"
	// ownAccount stands for a projectId where somebody signs in to the page of their own account.
	ownAccount = "account"
	// loginLasts is how long somebody may take from the password to the token.
	loginLasts = time.Hour
	// maxMemberships is how many memberships of one user are looked at.
	maxMemberships = 100

	maxNonce = 255
)

// Device is where a request comes from.
type Device struct{ Address, Agent, Origin string }

var uuidForm = regexp.MustCompile(`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`)

// account is a User with what its password is verified with.
type account struct {
	user medplum.User
	ref  store.Ref
	// password has no hash where there is none, and where the User was not read by a key of theirs.
	password store.Credential
}

// byEmail finds the User of an address: with a project its own User, else the server-scoped one.
//
// Errors: store.ErrNotFound.
func (s *SignIn) byEmail(ctx context.Context, email, project string) (account, error) {
	scopes := []string{store.SystemProject}
	if project != "" && project != newProjectID {
		scopes = []string{project, store.SystemProject}
	}
	for _, scope := range scopes {
		found, err := s.whoHolds(ctx, store.Key{Scope: scope, Kind: repo.KeyUserEmail, Value: mail.Canonical(email)})
		if errors.Is(err, store.ErrNotFound) {
			continue
		}
		if err != nil || scope == project {
			return found, err
		}
		return found, s.belongs(ctx, found.ref, project)
	}
	return account{}, store.ErrNotFound
}

// belongs refuses a server-scoped User without membership in the project that was asked for.
func (s *SignIn) belongs(ctx context.Context, user store.Ref, project string) error {
	if project == "" || project == newProjectID {
		return nil
	}
	refs, err := s.directory.memberships(ctx, user, maxMemberships)
	if err != nil {
		return err
	}
	for _, ref := range refs {
		if ref.Project == project {
			return nil
		}
	}
	return store.ErrNotFound
}

// account reads a User.
func (s *SignIn) account(ctx context.Context, ref store.Ref) (account, error) {
	user, err := fetch[medplum.User](ctx, s.Repo, "read the User who signs in", ref)
	return account{user: user, ref: ref}, err
}

// whoHolds reads the User who holds a key, with their password.
//
// Errors: store.ErrNotFound.
func (s *SignIn) whoHolds(ctx context.Context, key store.Key) (account, error) {
	found, passwords, err := s.Store.Held(ctx, key, store.Password, "")
	if err != nil {
		return account{}, err
	}
	who := account{ref: found.Ref}
	for _, password := range passwords {
		who.password = password
	}
	return who, decode(found, &who.user)
}

// userKey is the key of a User, whichever project they belong to.
func userKey(id string) store.Key {
	return store.Key{Scope: store.SystemProject, Kind: medplum.TypeUser, Value: id}
}

// login reads a login that somebody goes on with.
//
// Errors: outcome NotFound.
func (s *SignIn) login(ctx context.Context, id string) (store.Login, error) {
	if !uuidForm.MatchString(id) {
		return store.Login{}, outcome.New(outcome.NotFound, "")
	}
	login, err := s.Store.Login(ctx, strings.ToLower(id))
	if errors.Is(err, store.ErrNotFound) {
		err = outcome.New(outcome.NotFound, "")
	}
	return login, err
}

// newLogin is a login that begins now.
func (s *SignIn) newLogin(user store.Ref, method string, from Device) store.Login {
	now := s.Clock.Now()
	return store.Login{
		ID: secret.ID(), UserProject: user.Project, UserType: user.Type, UserID: user.ID,
		AuthMethod: method, AuthTime: store.At(now), ProvenAt: store.At(now), Nonce: secret.ID(),
		RemoteAddress: oauth.Text(from.Address, 64), UserAgent: oauth.Text(from.Agent, 512), ExpiresAt: store.At(now.Add(loginLasts)),
	}
}
