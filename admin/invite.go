package admin

import (
	"context"
	"time"

	"github.com/admitdev/admit/fhir/caller"
	"github.com/admitdev/admit/fhir/medplum"
	"github.com/admitdev/admit/fhir/repo"
	"github.com/admitdev/admit/pkg/audit"
	"github.com/admitdev/admit/pkg/mail"
	"github.com/admitdev/admit/pkg/outcome"
	"github.com/admitdev/admit/pkg/secret"
	"github.com/admitdev/admit/pkg/store"
)

// inviteAge is how long the link of an invitation works.
const inviteAge = 7 * 24 * time.Hour

// secretBytes is the strength of the secret in a mailed link: 128 bits.
const secretBytes = 16

// Invite makes somebody a member of a project: User, profile, membership, invitation and mail, all
// of it or nothing. With an idempotency key a repeated request gets the first one's answer.
//
// Administrators learn neither by the answer nor by what they can read afterwards, the trail and the id of the User
// included, whether the person is known elsewhere on the server. One thing they can find out by trying: a password
// that comes with an invite is the User's if it is new, as clients rely on (contract §7.1), and somebody else's
// account does not get a password from an administrator. So whether it signs in tells as much as InvitationLink.
//
// Parallel invites of one address take turns at its key, so one makes the User and the membership
// and the others find them.
//
// Errors: outcome Forbidden, NotFound, Invalid, Conflict, MultipleMatches, BusinessRule.
func (s *Service) Invite(ctx context.Context, who caller.Caller, project string, in Invitation, key string) (store.Resource, error) {
	if err := s.mayAdminister(ctx, who, project, audit.Invite); err != nil {
		return store.Resource{}, err
	}
	request, err := s.idempotent(who, project, key, in)
	if err != nil {
		return store.Resource{}, err
	}
	if err := in.check(); err != nil {
		return store.Resource{}, err
	}
	hash, err := s.hash(ctx, in.Password, in.Email)
	if err != nil {
		return store.Resource{}, err
	}
	var made store.Resource
	err = s.Repo.System("invite", project).InTx(ctx, func(tx *repo.Tx) (err error) {
		v := inviting{s: s, tx: tx, who: who, in: in, hash: hash}
		made, err = once(ctx, tx, request, func() (store.Resource, error) { return v.run(ctx, project) })
		return err
	})
	return made, err
}

// hash checks and hashes a password; none is no error.
func (s *Service) hash(ctx context.Context, password, email string) (string, error) {
	if password == "" {
		return "", nil
	}
	if err := s.Passwords.CheckFor("password", password, email); err != nil {
		return "", err
	}
	return s.Passwords.Hash(ctx, password)
}

// inviting is one invite under way, within one attempt of its transaction.
type inviting struct {
	s       *Service
	tx      *repo.Tx
	who     caller.Caller
	in      Invitation
	hash    string
	project medplum.Project
	user    invitedUser
	profile medplum.Reference
	// handsOver says that the link is given to whoever invites, in link, where no mail takes it. There is
	// none for somebody whom another project knows.
	handsOver bool
	link      string
	ahead     invitedAhead
}

// invitedAhead is what is known of an invite among many before it is made; nothing of one by itself.
type invitedAhead struct {
	user, membership string // ids, for which their keys have been claimed
	newProfile       bool   // no profile has the address
	mailsLeft        *int   // of those that the project may still send
}

// invitedUser is the User that was found or made.
type invitedUser struct {
	store.Ref
	made bool
	// stranger says that the person has never been able to sign in, so the mail must bring them in.
	stranger bool
	// hasPassword says that the account has a password, given with the invite or before.
	hasPassword bool
}

func (v *inviting) run(ctx context.Context, project string) (made store.Resource, err error) {
	if v.project.ID == "" {
		if v.project, err = v.s.project(ctx, v.tx, project); err != nil {
			return store.Resource{}, err
		}
	}
	if err = v.findOrMakeUser(ctx); err != nil {
		return store.Resource{}, err
	}
	existing, err := v.memberships(ctx)
	if err != nil {
		return store.Resource{}, err
	}
	if len(existing) > 0 && !v.in.Upsert {
		return store.Resource{}, outcome.New(outcome.Conflict, alreadyMember)
	}
	if v.profile, err = v.findOrMakeProfile(ctx); err != nil {
		return store.Resource{}, err
	}
	if len(existing) > 0 {
		made, err = v.updateMembership(ctx, existing)
	} else {
		made, err = v.makeMembership(ctx)
	}
	if err != nil {
		return store.Resource{}, err
	}
	return made, v.announce(ctx, made, len(existing) == 0)
}

// announce writes the invitation, its mail and the audit event.
func (v *inviting) announce(ctx context.Context, made store.Resource, adds bool) error {
	tx := v.tx.Store()
	invitation := store.Invitation{
		Project: v.project.ID, ID: tx.NewID(), Membership: made.ID, User: v.user.ID, Email: v.in.Email,
		InvitedBy: v.who.Membership.Reference, Profile: v.profile.Reference, AddsMember: adds, State: store.InvitationDraft,
		ExpiresAt: store.At(tx.Now().Add(inviteAge)),
	}
	if v.in.sends() {
		if err := v.post(ctx, &invitation); err != nil {
			return err
		}
	} else if v.handsOver && v.user.stranger {
		if err := v.handOver(ctx, &invitation); err != nil {
			return err
		}
	}
	if err := tx.AddInvitation(ctx, invitation); err != nil {
		return err
	}
	return audit.Record(ctx, tx, event(v.who, v.project.ID, audit.Invite,
		made.Type+"/"+made.ID, v.user.Type+"/"+v.user.ID, v.profile.Reference))
}

// post queues the mail of an invitation, with a new link for somebody who has never come in.
func (v *inviting) post(ctx context.Context, invitation *store.Invitation) error {
	if err := v.mayMail(ctx); err != nil {
		return err
	}
	letter := mail.Letter{
		Template: mail.InviteExisting, To: v.in.Email, Name: v.in.FirstName + " " + v.in.LastName,
		Project: v.project.ID, ProjectName: v.project.Name, Invitation: invitation.ID,
	}
	invitation.Request = ""
	v.tx.Store().Because(showRequest) // whether or not there is one: the trail must not tell who has an account
	if v.user.stranger {
		request, secret, err := requestPassword(ctx, v.tx, v.user.Ref, store.RequestInvite, inviteAge)
		if err != nil {
			return err
		}
		invitation.Request = request
		letter.Template, letter.Request, letter.Secret = mail.InviteNew, request, secret
		if v.user.hasPassword {
			letter.Template = mail.InviteNewPassword
		}
	}
	queued, err := v.s.Mails.Queue(ctx, v.tx.Store(), letter)
	invitation.Mail, invitation.State = queued, store.InvitationQueued
	invitation.Delivery = store.Delivery{Status: store.DeliveryQueued, ReportedAt: store.At(v.tx.Store().Now())}
	return err
}

// mayMail refuses a mail too many. A project that somebody has made for the purpose would otherwise
// write to the world in its own words, its name, from the server's address. Invites at the same time
// do not see each other's mails, so a few more may get through, never many.
func (v *inviting) mayMail(ctx context.Context) error {
	limit := v.s.MailLimit
	if limit < 0 || v.who.SuperAdmin {
		return nil
	}
	left, err := v.ahead.mailsLeft, error(nil)
	if left == nil {
		left = new(int)
		if *left, err = v.s.mailsLeft(ctx, v.tx.Store(), v.project.ID); err != nil {
			return err
		}
	}
	if *left > 0 {
		*left--
		return nil
	}
	return tooManyMails(limit)
}

func tooManyMails(limit int) error {
	return outcome.New(outcome.TooManyRequests, "This project has mailed %d invitations within a day, and may mail no more", limit)
}

// mailsLeft is how many invitations a project may still mail.
func (s *Service) mailsLeft(ctx context.Context, rows *store.Tx, project string) (int, error) {
	templates := []string{
		string(mail.InviteNew), string(mail.InviteNewPassword), string(mail.InviteExisting), string(mail.Message),
		string(mail.VerifyEmail), string(mail.EmailChanging),
	}
	sent, err := rows.CountMails(ctx, project, templates, rows.Now().Add(-mailWindow), s.MailLimit)
	return s.MailLimit - sent, err
}

// mailWindow is the time over which a project's mails are counted.
const mailWindow = 24 * time.Hour

const showRequest = "show the request for a password"

// requestPassword makes the single-use secret with which a User sets a password, and the
// UserSecurityRequest by which FHIR clients see it.
func requestPassword(ctx context.Context, tx *repo.Tx, user store.Ref, kind store.SecurityRequestType, age time.Duration) (id, plain string, err error) {
	return makeRequest(ctx, tx, user, store.SecurityRequest{Type: kind}, age)
}

// makeRequest makes a request of a User: the rest of it, and what shows it.
func makeRequest(ctx context.Context, tx *repo.Tx, user store.Ref, request store.SecurityRequest, age time.Duration) (id, plain string, err error) {
	rows := tx.Store()
	plain = secret.Token(secretBytes)
	request.ID, request.UserProject, request.User, request.Project = rows.NewID(), user.Project, user.ID, user.Project
	request.Hash, request.ExpiresAt = secret.SHA256(plain), store.At(rows.Now().Add(age))
	shown := request.Type
	if shown == store.RequestChangeEmail { // clients know no other word for it
		shown = store.RequestVerifyEmail
	}
	body, err := marshal(medplum.UserSecurityRequest{
		ResourceType: medplum.TypeUserSecurityRequest, ID: request.ID, Type: string(shown),
		User: medplum.RefTo(medplum.TypeUser, user.ID, ""), ExpiresAt: request.ExpiresAt.Format(instant),
	})
	if err != nil {
		return "", "", err
	}
	if _, err := tx.System(showRequest, user.Project).Create(ctx, medplum.TypeUserSecurityRequest, body); err != nil {
		return "", "", err
	}
	return request.ID, plain, rows.AddSecurityRequest(ctx, request)
}

// instant is R4's spelling of a time to the millisecond.
const instant = "2006-01-02T15:04:05.000Z"
