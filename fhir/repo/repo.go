// Package repo is the only way to data. A caller's Session lets it read and write what its policy
// grants within its project; a System session acts for Admit itself and says why.
//
//   - Every write is parsed, validated, stamped, checked against the policy, indexed and keyed here,
//     whoever asks for it.
//   - The partition of a write follows from the caller, never from the body.
//   - Reads and searches are narrowed in SQL by the same predicates; what one shows the other shows.
//   - Secrets (passwordHash, ClientApplication.secret, Project.secret …) never reach a stored resource. What
//     administrators may see again is kept sealed for the current version alone.
//   - A write names the version it replaces.
//
// What may be done is fhir/policy's to say, how rows are kept pkg/store's.
package repo

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"time"

	"github.com/admitdev/admit/fhir/caller"
	"github.com/admitdev/admit/fhir/medplum"
	"github.com/admitdev/admit/pkg/clock"
	"github.com/admitdev/admit/pkg/store"
)

// Secrets keeps what elements like ClientApplication.secret hold on the wire; the credential store implements it.
type Secrets interface {
	// SetClientSecret replaces the client's current secret.
	SetClientSecret(ctx context.Context, tx *store.Tx, project, client, secret string) error
	// ClientSecrets gives the secrets back for showing to an administrator; empty when there are
	// none. It reads in tx when that is not nil.
	ClientSecrets(ctx context.Context, tx *store.Tx, project, client string) (secret, retiring string, err error)
	// SetProviderSecret replaces what a client or a domain shows to its identity provider; empty
	// forgets it.
	SetProviderSecret(ctx context.Context, tx *store.Tx, of store.Ref, secret string) error
	// ProviderSecret gives it back; empty when there is none. It reads in tx when that is not nil.
	ProviderSecret(ctx context.Context, tx *store.Tx, of store.Ref) (string, error)
	// SetSealed keeps the content of a resource's current version as it was before its secrets were
	// taken out; nil forgets it.
	SetSealed(ctx context.Context, tx *store.Tx, of store.Ref, content []byte) error
	// Sealed gives it back; nil when there is none. It reads in tx when that is not nil.
	Sealed(ctx context.Context, tx *store.Tx, of store.Ref) ([]byte, error)
	// Forget forgets all that is kept of a client, a domain or a project.
	Forget(ctx context.Context, tx *store.Tx, of store.Ref) error
}

// Options are what a Repo stands on.
type Options struct {
	Store   *store.Store
	Clock   clock.Clock
	Secrets Secrets
	Log     *slog.Logger
	// Jobs takes what is done in the background; without it a task waits for a call of Reindex.
	Jobs Queue
	// Attachments, when set, makes the URLs that answers were given for Binaries what they stand for.
	Attachments Attachments
	// Trail, when set, records what callers do.
	Trail *Trail
	// SearchTime is how long a statement of a caller's search may take; 0 stands for the default.
	SearchTime time.Duration
	// AllowPrivateURLs lets the addresses of clients' keys be http, for tests.
	AllowPrivateURLs bool
}

// Attachments knows the signed URLs of Binaries; fhir/attachment implements it.
type Attachments interface {
	// Plain is content with each signed URL as Binary/<id>; content itself when it has none.
	Plain(content []byte) []byte
}

// Repo gives out sessions.
type Repo struct {
	Options
	parameters parameterCache
	profiles   profileCache
	caps       caps
	accounts   accounted
}

// New makes a Repo.
func New(o Options) *Repo {
	r := &Repo{Options: o}
	o.Store.OnChange(r.Hear)
	return r
}

// As acts with the caller's rights.
func (r *Repo) As(c caller.Caller) *Session {
	return &Session{access{repo: r, who: c, rows: r.Store}}
}

// System acts with Admit's own rights on one project (or store.SystemProject), for a reason that
// reads well in the audit record: "find User by email for invite".
func (r *Repo) System(reason, project string) *Session {
	return &Session{access{repo: r, who: caller.Caller{Project: project, Extended: true}, system: reason, rows: r.Store}}
}

// Unextended acts the same, and is not shown the extended members of meta.
func (s *Session) Unextended() *Session {
	a := s.access
	a.who.Extended = false
	return &Session{a}
}

// rows is what a Store and a Tx have in common.
type rows interface {
	Get(ctx context.Context, ref store.Ref, visible store.Predicate) (store.Resource, error)
	GetVersion(ctx context.Context, ref store.Ref, version string) (store.Resource, error)
	History(ctx context.Context, ref store.Ref, limit, offset int) ([]store.Resource, error)
	EachVersion(ctx context.Context, q store.HistoryQuery, fn func(store.HistoryRow) (bool, error)) error
	EachLastLive(ctx context.Context, project string, refs []store.Ref, fn func(store.Resource) error) error
	Search(ctx context.Context, q store.Query) ([]store.Row, error)
	Count(ctx context.Context, q store.Query) (int, error)
	Beginning(ctx context.Context, project, resourceType, param, prefix, after string, limit int) ([]string, error)
	Pointing(ctx context.Context, project, resourceType, param string, at store.ReferenceValue, after string, limit int) ([]string, error)
	HistoryCount(ctx context.Context, ref store.Ref) (int, error)
	CountAll(ctx context.Context, project string) (int, error)
	Refers(ctx context.Context, project, resourceType, param string) (bool, error)
	Partitions(ctx context.Context) ([]string, error)
	IndexGenerations(ctx context.Context, project string) ([]store.IndexGeneration, error)
	Locate(ctx context.Context, resourceType, id string) (store.Ref, error)
	Owners(ctx context.Context, scope, kind, valuePrefix string, limit int) ([]store.Ref, error)
	Put(ctx context.Context, w ...store.Write) error
	BlobOf(ctx context.Context, of store.Ref, version string) (store.BlobUse, error)
}

// access is what Session and Tx share: who acts, and on which rows.
type access struct {
	repo   *Repo
	who    caller.Caller
	system string         // the reason; empty when a caller acts
	maker  *caller.Caller // for whom a system session makes something
	rows   rows
	tx     *store.Tx // nil outside a transaction
	// matched are the conditions that have been asked ahead, by their names; for those of linedUp others
	// wait.
	matched map[string][]store.Row
	linedUp map[string]bool
	// patients are the accounts of those that a Transaction has asked for; nil elsewhere.
	patients map[string][]medplum.Reference
	// expected are resources that the transaction will have made, "Type/id": a reference may lead to them.
	expected []string
	// defined says whether the transaction has written what profiles are compiled from.
	defined *bool
}

// Session reads and writes one resource at a time, each write its own transaction.
type Session struct{ access }

// Tx reads and writes within one transaction. Resources and errors are as Session's.
type Tx struct{ access }

// Caller is who acts; for a system session it has the project alone.
func (a *access) Caller() caller.Caller { return a.who }

// InTx runs fn in one transaction; it may run twice, so fn assigns and never appends.
func (s *Session) InTx(ctx context.Context, fn func(*Tx) error) error {
	if _, err := s.parametersOf(ctx, s.who.Project); err != nil { // from now on the cache has them
		return err
	}
	return s.repo.Store.InTx(ctx, func(tx *store.Tx) error {
		a := s.access
		a.rows, a.tx, a.defined = tx, tx, new(bool)
		if a.system != "" {
			tx.Because(a.system)
		}
		return fn(&Tx{a})
	})
}

// Expect says which resources the transaction will have made when it ends, "Type/id".
func (t *Tx) Expect(made []string) { t.expected = made }

// Store is the transaction for keys, credentials and jobs.
func (t *Tx) Store() *store.Tx { return t.tx }

// System acts in the same transaction with Admit's own rights.
func (t *Tx) System(reason, project string) *Tx {
	t.tx.Because(reason)
	a := t.repo.System(reason, project).access
	a.rows, a.tx, a.defined = t.rows, t.tx, t.defined
	return &Tx{a}
}

// SystemFor is System for what Admit makes for a caller: it gets the accounts that it would have if the caller
// had created it. A caller without a policy is Admit itself, which sees all patients.
func (t *Tx) SystemFor(c caller.Caller, reason, project string) *Tx {
	made := t.System(reason, project)
	made.maker = &c
	return made
}

// Administer is System for an administrator whose role has been checked: the author of what is
// written is the administrator's profile.
func (t *Tx) Administer(c caller.Caller, reason, project string) *Tx {
	a := t.System(reason, project)
	a.who.Profile = c.Profile
	return a
}

// As acts in the same transaction with the rights of c.
func (t *Tx) As(c caller.Caller) *Tx {
	a := t.repo.As(c).access
	a.rows, a.tx, a.defined = t.rows, t.tx, t.defined
	return &Tx{a}
}

func (a *access) now() time.Time { return a.repo.Clock.Now() }
func (a *access) newID() string  { return a.repo.Clock.NewID() }

// NewID is an id for CreateAs.
func (a *access) NewID() string { return a.newID() }

// marshal is JSON without escapes for HTML, as a client would have written it.
func marshal(v any) ([]byte, error) {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSpace(out.Bytes()), nil
}
