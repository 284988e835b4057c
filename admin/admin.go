// Package admin is what administrators and people do to identities: invite, members, clients and
// bots, projects, passwords and sign-in. Its HTTP surfaces (api, signin, pages, …) only read,
// call and write; the rules are here, once for all of them.
//
//   - Each service is one transaction: resources, keys, credentials, audit and jobs together.
//   - Time and ids come from the transaction; passwords are hashed before it begins.
//   - A mail is sent by a worker after the commit; its failure is a state of the invitation.
//   - A project's administrator acts on that project alone, a super administrator on any.
//   - No password or secret is ever part of a resource, an audit event or a log.
package admin

import (
	"context"
	"io"
	"log/slog"
	"net/url"

	"github.com/admitdev/admit/fhir/repo"
	"github.com/admitdev/admit/pkg/audit"
	"github.com/admitdev/admit/pkg/clock"
	"github.com/admitdev/admit/pkg/mail"
	"github.com/admitdev/admit/pkg/store"
)

// Passwords decides which passwords are good enough and hashes them.
type Passwords interface {
	// CheckFor refuses a password that is too short, too long, known from breaches or easy to guess
	// for somebody with these addresses; the error is an *outcome.Outcome that names the field.
	CheckFor(field, password string, emails ...string) error
	// Hash is slow by design and must not run inside a transaction.
	Hash(ctx context.Context, password string) (string, error)
}

// Mails queues a mail in the caller's transaction; *mail.Mailer implements it.
type Mails interface {
	Queue(ctx context.Context, tx *store.Tx, letter mail.Letter) (id string, err error)
}

// Fingerprints makes a keyed digest: equal for equal input, and of no use without the server key.
type Fingerprints interface {
	Fingerprint(data []byte) string
}

// Reports tells which mail the address of a report belongs to; *mail.Bounces implements it.
type Reports interface {
	MailOf(address string) (id string, ours bool)
}

// Contents keeps the bytes of Binaries; *blob.Shelf implements it.
type Contents interface {
	Put(ctx context.Context, project string, content io.Reader, size int64) (store.Blob, error)
	Open(ctx context.Context, b store.Blob) (io.ReadSeekCloser, error)
}

// Refusals records what callers may not do; *audit.Notes implements it.
type Refusals interface {
	Refuse(ctx context.Context, e audit.Event) error
}

// Options are what the services stand on.
type Options struct {
	Repo         *repo.Repo
	Callers      Callers
	Store        *store.Store
	Clock        clock.Clock
	Passwords    Passwords
	Mails        Mails
	Letters      Letters
	Fingerprints Fingerprints
	AccessTokens AccessTokens
	Contents     Contents
	Jobs         Jobs
	// ClientSecrets are what clients sign in with.
	ClientSecrets ClientSecrets
	// ProjectSecrets are for the dialects, whose clients show no more than a secret.
	ProjectSecrets ProjectSecrets
	Box            Sealer
	// Bounces tells which mail a report is about; nil when there are none.
	Bounces Reports
	// BaseURL is the server's own address, AppURL where mailed links lead.
	BaseURL, AppURL *url.URL
	AppName         string
	// Refusals records what is refused.
	Refusals Refusals
	// MailLimit is how many invitations a project may mail within a day; -1: any number.
	MailLimit int
	// ImportLimit is how many lists of people of a project may wait to be applied; -1: any number.
	ImportLimit int
	Log         *slog.Logger
}

// Service is the services.
type Service struct{ Options }

// New makes a Service.
func New(o Options) *Service { return &Service{o} }
