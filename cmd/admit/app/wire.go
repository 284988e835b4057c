package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"runtime"
	"slices"
	"strings"
	"sync"

	"github.com/labstack/echo/v4"

	"github.com/admitdev/admit/admin"
	"github.com/admitdev/admit/admin/api"
	"github.com/admitdev/admit/admin/authing"
	"github.com/admitdev/admit/admin/icure"
	"github.com/admitdev/admit/admin/pages"
	"github.com/admitdev/admit/admin/scim"
	"github.com/admitdev/admit/admin/signin"
	"github.com/admitdev/admit/fhir/attachment"
	"github.com/admitdev/admit/fhir/caller"
	"github.com/admitdev/admit/fhir/repo"
	"github.com/admitdev/admit/fhir/rest"
	"github.com/admitdev/admit/pkg/audit"
	"github.com/admitdev/admit/pkg/blob"
	"github.com/admitdev/admit/pkg/clock"
	"github.com/admitdev/admit/pkg/config"
	"github.com/admitdev/admit/pkg/jobs"
	"github.com/admitdev/admit/pkg/mail"
	"github.com/admitdev/admit/pkg/oauth"
	"github.com/admitdev/admit/pkg/openid"
	"github.com/admitdev/admit/pkg/secret"
	"github.com/admitdev/admit/pkg/store"
	"github.com/admitdev/admit/pkg/web"
)

// rooms is everything that lives as long as the server.
type rooms struct {
	store     *store.Store
	jobs      *jobs.Client
	repo      *repo.Repo
	callers   *caller.Resolver
	fhir      *rest.Handler
	blobs     *blob.Shelf
	oauth     *oauth.Server
	services  *admin.Service
	signIn    *admin.SignIn
	passwords *secret.Passwords
	letters   *mail.Letters
	pages     *pages.Handler
	authing   *authing.Handler
	counter   *web.Counter
	notes     *audit.Notes
	sealer    *audit.Sealer

	bounceSecret string
}

// wire makes the rooms, from the ground up.
func wire(ctx context.Context, o Options, rows *store.Store) (*rooms, error) {
	c, r := o.Config, &rooms{store: rows, counter: web.NewCounter(o.Clock)}
	box, err := secret.OpenBox(ctx, rows)
	if err != nil {
		return nil, fmt.Errorf("open the server key: %w", err)
	}
	r.passwords = &secret.Passwords{Rules: c.PasswordRules(), Hasher: o.Hasher}
	if o.Hasher == nil {
		r.passwords.Hasher = secret.NewHasher(runtime.GOMAXPROCS(0))
	}
	if err := r.wireMail(o, box); err != nil {
		return nil, err
	}
	r.blobs, err = shelf(o, rows)
	if err != nil {
		return nil, err
	}
	urls := &attachment.URLs{
		Storage: c.BaseURL.JoinPath("storage/").String(), FHIR: c.BaseURL.JoinPath("fhir/R4/").String(), Key: box, Clock: o.Clock,
	}
	r.notes = audit.NewNotes(audit.Server(c.BaseURL.String()), rows, o.Clock, o.Log)
	r.repo = repo.New(repo.Options{
		Trail: &repo.Trail{Level: audit.Level(c.AuditFHIR), Notes: r.notes, Seal: func(ctx context.Context, project string) error { return r.sealer.Seal(ctx, project) }},
		Store: rows, Clock: o.Clock, Secrets: oauth.ClientSecrets{Store: rows, Box: box}, Log: o.Log, Attachments: urls, Jobs: r.jobs, SearchTime: c.SearchTime,
		AllowPrivateURLs: c.AllowPrivateURLs,
	})
	r.sealer = &audit.Sealer{Store: rows, Files: r.repo, Key: box, Log: o.Log}
	r.oauth = oauth.New(oauth.Options{
		Store: rows, Clock: o.Clock, Log: o.Log, Box: box, Directory: admin.NewDirectory(r.repo), Registrar: admin.NewRegistrar(r.repo),
		BaseURL: c.BaseURL, AllowPKCEPlain: c.AllowPKCEPlain, AllowPrivateURLs: c.AllowPrivateURLs,
		OwnPages: c.AppURL.String() == c.BaseURL.String(), Counter: r.counter, ClientLimit: c.ClientRateLimit,
	})
	r.callers = caller.NewResolver(caller.Options{Logins: logins{r.oauth}, Records: r.repo, Changes: rows, Clock: o.Clock, Log: o.Log, Hear: r.repo.Hear})
	r.fhir, err = rest.New(rest.Options{Repo: r.repo, Shelf: r.blobs, URLs: urls, Base: c.BaseURL.JoinPath("fhir/R4/").String(), Version: o.Version, Released: o.Clock.Now(), CORS: len(c.AllowedOrigins) > 0, Queue: r.jobs, Callers: r.callers, Box: box, Quota: c.FHIRQuota, Counter: r.counter,
		Limits: rest.Limits{Bytes: c.BundleMax, Entries: c.BundleEntries, Searches: c.BundleSearches}})
	if err != nil {
		return nil, fmt.Errorf("describe the FHIR surface: %w", err)
	}
	r.wireAdmin(o, box)
	r.pages, err = pages.New(pages.Options{Service: r.services, SignIn: r.signIn, OAuth: r.oauth, AppName: c.AppName, MinPassword: c.PasswordMinLength, BaseURL: c.BaseURL, AppURL: c.AppURL})
	if err != nil {
		return nil, fmt.Errorf("make the pages: %w", err)
	}
	return r, nil
}

// shelf keeps the content of Binaries where the configuration says.
func shelf(o Options, rows *store.Store) (*blob.Shelf, error) {
	blobs, err := blob.Open(o.Config.StorageURL.Reveal())
	if err != nil {
		return nil, fmt.Errorf("ADMIT_STORAGE_URL: %w", err)
	}
	return &blob.Shelf{Blobs: blobs, Rows: rows, Clock: o.Clock, Log: o.Log, Limit: o.Config.BinaryMax}, nil
}

// wireMail makes the letters, and the jobs with their workers. Nothing works before start, by when
// the services that the workers call have been made.
func (r *rooms) wireMail(o Options, box *secret.Box) (err error) {
	c := o.Config
	r.letters, err = mail.NewLetters(c.AppName, c.MailFrom, c.AppURL, box)
	if err != nil {
		return fmt.Errorf("read the templates of mails: %w", err)
	}
	r.letters.Own = r.store
	r.bounceSecret = c.BounceSecret.Reveal()
	r.letters.Bounces = mail.NewBounces(c.BounceAddress, box)
	worker := &mail.Worker{Store: r.store, Letters: r.letters, Clock: o.Clock, Log: o.Log, Waiting: o.MailWaits}
	if c.SMTPURL != "" {
		address, err := url.Parse(c.SMTPURL.Reveal())
		if err != nil {
			return errors.New("ADMIT_SMTP_URL is no URL")
		}
		if worker.Transport, err = mail.NewSMTP(address, c.MailFrom, nil); err != nil {
			return fmt.Errorf("ADMIT_SMTP_URL: %w", err)
		}
	}
	sendReset := jobs.Work(func(ctx context.Context, job admin.ResetPassword) error { return r.signIn.SendReset(ctx, job) })
	guessed := jobs.Work(func(ctx context.Context, job admin.TellGuessed) error { return r.signIn.SendGuessed(ctx, job) })
	accounts := jobs.WorkFor(repo.AccountsTime, func(ctx context.Context, job repo.AccountsJob) error { return r.fhir.RunAccounts(ctx, job) })
	reindex := jobs.Work(func(ctx context.Context, job repo.ReindexJob) error { return r.repo.Reindex(ctx, job) })
	expunge := jobs.Work(func(ctx context.Context, job repo.ExpungeJob) error { return r.repo.Expunge(ctx, job) })
	imports := jobs.WorkFor(admin.ImportTime, func(ctx context.Context, job admin.ImportJob) error { return r.services.RunImport(ctx, job) })
	requests := jobs.WorkFor(rest.RequestTime, func(ctx context.Context, job rest.RequestJob) error { return r.fhir.RunRequest(ctx, job) })
	r.jobs, err = jobs.New(r.store, []jobs.Worker{worker.Job(), sendReset, guessed, reindex, expunge, accounts, requests, imports}, jobs.Log(warnings(o.Log)))
	return err
}

func (r *rooms) wireAdmin(o Options, box *secret.Box) {
	c := o.Config
	mails := mail.NewMailer(r.jobs, box)
	r.services = admin.New(admin.Options{
		Repo: r.repo, Refusals: r.notes, Callers: r.callers, Store: r.store, Clock: o.Clock, Passwords: r.passwords, Mails: mails, Letters: r.letters, Fingerprints: box, AccessTokens: r.oauth, Contents: r.blobs,
		ProjectSecrets: oauth.ClientSecrets{Store: r.store, Box: box}, Box: box, Jobs: r.jobs,
		ClientSecrets: oauth.ClientSecrets{Store: r.store, Box: box},
		BaseURL:       c.BaseURL, AppURL: c.AppURL, AppName: c.AppName, MailLimit: c.ProjectMailLimit, ImportLimit: c.ProjectImportLimit, Log: o.Log,
	})
	if r.letters.Bounces != nil { // a nil *mail.Bounces would be no nil Reports
		r.services.Bounces = r.letters.Bounces
	}
	providers := openid.New(c.AllowPrivateURLs, o.Clock, r.oauth.Issuer())
	r.signIn = admin.NewSignIn(admin.SignInOptions{
		Service: r.services, Repo: r.repo, Store: r.store, Clock: o.Clock, Passwords: r.passwords, Codes: r.oauth, Tokens: r.oauth, Box: box, Jobs: r.jobs, Mails: mails,
		Entrance: r.callers, AppName: c.AppName, RegistrationOpen: c.RegistrationOpen, MailSent: c.SMTPURL != "", LoginLimit: c.LoginRateLimit,
		Providers: providers, ProviderSecrets: oauth.ClientSecrets{Store: r.store, Box: box},
	})
	r.oauth.Externals, r.oauth.Addresses = r.signIn, r.signIn
	if len(c.ExternalIssuers) > 0 {
		tokens := &admin.ForeignTokens{Issuers: map[string]admin.TokenIssuer{}, Repo: r.repo, Store: r.store, Log: o.Log}
		for _, issuer := range c.ExternalIssuers {
			tokens.Issuers[issuer.URL] = providers.Issuer(issuer.URL, issuer.UserInfoURL, append(ownAudiences(c), issuer.Audiences...))
		}
		r.oauth.AcceptForeign(tokens)
	}
	r.authing = &authing.Handler{Admin: r.services, Callers: r.callers, Verified: verified, Attempt: web.Limits{Auth: c.AuthRateLimit}.Attempt(r.counter)}
}

// ownAudiences are by what names of this server a token of another says that it is for it.
func ownAudiences(c *config.Config) []string {
	base, fhir := c.BaseURL.String(), c.BaseURL.JoinPath("fhir", "R4").String()
	return []string{base, strings.TrimSuffix(base, "/"), fhir, fhir + "/"}
}

// logins lets the resolver of callers ask package oauth: the same claims, each in its own room's
// type, since pkg imports nothing of fhir.
type logins struct{ *oauth.Server }

// LiveLogin implements caller.Logins.
func (l logins) LiveLogin(ctx context.Context, id string) (caller.Claims, error) {
	claims, err := l.Server.LiveLogin(ctx, id)
	return caller.Claims(claims), err
}

// verified is what the bearer middleware found, for the resolver.
func verified(c echo.Context) (caller.Claims, bool) {
	claims, ok := oauth.Verified(c)
	return caller.Claims(claims), ok
}

// mount gives every surface its group.
func (r *rooms) mount(e *echo.Echo, clock clock.Clock) {
	outcomes := web.Errors(web.Outcome)
	called := []echo.MiddlewareFunc{r.oauth.Authenticate(), r.callers.Middleware(verified)}
	r.oauth.Mount(e)
	signin.New(r.signIn, clock).Mount(e.Group("/auth", outcomes), called...)
	r.fhir.MountPublic(e.Group("/fhir/R4", outcomes))
	r.fhir.Mount(e.Group("/fhir/R4", append([]echo.MiddlewareFunc{outcomes, r.fhir.Refusals()}, slices.Concat(called, []echo.MiddlewareFunc{r.fhir.Quota()})...)...))
	r.fhir.MountStorage(e.Group("/storage", outcomes))
	administration := &api.Handler{Admin: r.services}
	administration.Mount(e.Group("/admin", append([]echo.MiddlewareFunc{outcomes}, called...)...))
	administration.MountOwn(e.Group("/auth", append([]echo.MiddlewareFunc{outcomes}, called...)...))
	administration.MountFHIR(e.Group("/fhir/R4", append([]echo.MiddlewareFunc{outcomes}, called...)...))
	r.fhir.MountUnrouted(e.Group("/fhir/R4", append([]echo.MiddlewareFunc{outcomes}, called...)...))
	provisioning := e.Group("/scim/v2", append([]echo.MiddlewareFunc{web.Errors(scim.Render)}, called...)...)
	scim.New(r.services).Mount(provisioning)
	(&api.Bounces{Admin: r.services, Secret: r.bounceSecret}).Mount(e.Group("/mail", outcomes))
	icure.New(icure.Options{
		Admin: r.services, People: r.signIn, Callers: r.callers, Authenticate: r.oauth.Authenticate(), Verified: verified, Clock: clock,
	}).Mount(e)
	api.MountDescription(e)
	r.authing.Mount(e, r.oauth.Authenticate())
	r.pages.Mount(e)
}

// start runs what works in the background until ctx ends.
func (r *rooms) start(ctx context.Context, running *sync.WaitGroup, log *slog.Logger) error {
	running.Go(func() { _ = r.blobs.Run(ctx) })
	running.Go(func() { _ = r.callers.Run(ctx) }) // these end with ctx alone and log what fails before
	running.Go(func() { _ = r.oauth.Run(ctx) })
	running.Go(func() { _ = r.sealer.Run(ctx) })
	running.Go(func() { r.notes.Run(ctx) })
	running.Go(func() { r.counter.Run(ctx, r.store, log) })
	if err := r.repo.SealStored(ctx); err != nil {
		return fmt.Errorf("seal secrets that were stored: %w", err)
	}
	if err := r.repo.Resume(ctx); err != nil {
		return fmt.Errorf("go on with what is indexed again: %w", err)
	}
	return r.jobs.Start(ctx)
}

// halt lets the jobs that run finish, as long as ctx lasts.
func (r *rooms) halt(ctx context.Context) error { return r.jobs.Stop(ctx) }
