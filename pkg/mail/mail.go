// Package mail writes and sends the mails that Admit itself sends: invitations, password resets,
// e-mail verifications. It decides how they read and how a mail server's answer is taken; who
// gets one, and what a link may do, is decided by the services that queue it.
//
//   - A mail is a row and a job, both written in the transaction that wants it sent.
//   - Every link begins with the configured address, whatever the request said about hosts.
//   - The secret of a link is at rest only sealed, and gone once the mail is sent.
//   - Whatever comes from people (names, addresses) cannot add a header, a line or markup.
//   - Without a mail server a mail waits in the drawer and is shown to the operator once.
package mail

import (
	"context"
	"fmt"

	"github.com/admitdev/admit/pkg/jobs"
	"github.com/admitdev/admit/pkg/store"
)

// Template is which mail it is.
type Template string

// The mails that there are.
const (
	InviteNew         Template = "invite"          // to somebody who gets an account by it
	InviteNewPassword Template = "invite-password" // to somebody whose account has a password, which the link replaces
	InviteExisting    Template = "welcome"         // to somebody who has one already
	Reset             Template = "reset"           // a new password
	VerifyEmail       Template = "verify"          // proof of an address
	MFAReset          Template = "mfa"             // the second factor is gone
	RecoveryUsed      Template = "recovery"        // a recovery code was used
	ChangeEmail       Template = "newemail"        // proof of an address that is to take the place of another
	EmailChanging     Template = "oldemail"        // notice to the address that is to be replaced
	// PasswordChanged and FactorsChanged tell the person, for whom it may not have been.
	PasswordChanged Template = "password"
	FactorsChanged  Template = "factors" // an authenticator app or a passkey came or went
	// Guessed, RightAfterWrong and NewPlace tell of sign-ins that may be somebody else's.
	Guessed         Template = "guessed"  // as many wrong passwords or codes as are let through
	RightAfterWrong Template = "unlocked" // the right password after several wrong ones
	NewPlace        Template = "place"    // a browser or a network that is new
	Message         Template = "message"  // from who manages a project to one of its users
)

// Letter is a mail to be sent.
type Letter struct {
	Template    Template
	To          string
	Name        string // what the person is called; may be empty
	Project     string // id of the project on whose behalf it is sent, or store.SystemProject
	ProjectName string
	// Request and Secret make the link; both empty for a mail without one. Of a Message the secret is
	// what Note.Secret gives: it may hold a token.
	Request, Secret string
	// Invitation is moved along with the mail; empty for none.
	Invitation string
}

// Sealer keeps a secret unreadable in the database; place binds it to its row. *secret.Box
// implements it.
type Sealer interface {
	Seal(plain []byte, place string) []byte
	Open(sealed []byte, place string) ([]byte, error)
}

// place is where the secret of a mail is sealed for.
func place(id string) string { return "mail/" + id }

// Jobs is how a mail is sent after the commit.
type Jobs interface {
	Enqueue(ctx context.Context, tx *store.Tx, args jobs.Args) error
}

// Mailer queues mails.
type Mailer struct {
	jobs Jobs
	box  Sealer
}

// NewMailer makes a Mailer.
func NewMailer(jobs Jobs, box Sealer) *Mailer { return &Mailer{jobs, box} }

// Queue stores a mail and the job that sends it, both in tx.
func (m *Mailer) Queue(ctx context.Context, tx *store.Tx, letter Letter) (id string, err error) {
	row := store.Mail{
		ID:          tx.NewID(),
		Project:     letter.Project,
		Template:    string(letter.Template),
		Recipient:   letter.To,
		ProjectName: letter.ProjectName,
		Request:     letter.Request,

		RecipientName: letter.Name,
		Invitation:    letter.Invitation,
	}
	if letter.Secret != "" {
		row.Sealed = m.box.Seal([]byte(letter.Secret), place(row.ID))
	}
	if err := tx.AddMail(ctx, row); err != nil {
		return "", err
	}
	if err := m.jobs.Enqueue(ctx, tx, Send{Mail: row.ID}); err != nil {
		return "", fmt.Errorf("queue mail: %w", err)
	}
	return row.ID, nil
}
