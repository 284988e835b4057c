package admin

import (
	"context"
	"errors"
	"fmt"
	"unicode/utf8"

	"github.com/admitdev/admit/fhir/medplum"
	"github.com/admitdev/admit/fhir/repo"
	"github.com/admitdev/admit/pkg/audit"
	"github.com/admitdev/admit/pkg/mail"
	"github.com/admitdev/admit/pkg/oauth"
	"github.com/admitdev/admit/pkg/outcome"
	"github.com/admitdev/admit/pkg/store"
)

// NewUser is a stranger who registers.
type NewUser struct {
	Wish
	FirstName string `json:"firstName"`
	LastName  string `json:"lastName"`
	Email     string `json:"email"`
	Password  string `json:"password"`
}

// Registered is the login that newproject or newpatient goes on with.
type Registered struct {
	Login                     string `json:"login"`
	EmailVerificationRequired bool   `json:"emailVerificationRequired"`
}

func (in NewUser) check() error {
	var fields outcome.Fields
	fields.Check(isName(in.FirstName), "firstName", fmt.Sprintf("First name must be between 1 and %d characters", maxName))
	fields.Check(isName(in.LastName), "lastName", fmt.Sprintf("Last name must be between 1 and %d characters", maxName))
	// The words are Medplum's; the 72 bytes of its bcrypt are no limit here.
	fields.Check(utf8.RuneCountInString(in.Password) >= oldestMinimum, "password", "Password must be between 8 and 72 characters")
	fields.Check(mail.ValidAddress(in.Email), "email", "Valid email address between 3 and 72 characters is required")
	return fields.Err()
}

func (s *SignIn) mustBeOpen() error {
	if s.RegistrationOpen {
		return nil
	}
	return outcome.New(outcome.Invalid, "Registration is disabled")
}

// Register makes a User: of a project that lets patients register themselves, else of the server.
//
// "Email already registered" tells that an address has an account. Registering is closed by
// default, tries are limited per address, and a client has no other way to say what is wrong.
//
// Errors: outcome Invalid, NotFound for an unknown client, *TooSoon.
func (s *SignIn) Register(ctx context.Context, in NewUser, from Device) (Registered, error) {
	if err := s.mustBeOpen(); err != nil {
		return Registered{}, err
	}
	if err := in.check(); err != nil {
		return Registered{}, err
	}
	in.Email = mail.Canonical(in.Email)
	client, err := s.check(ctx, &in.Wish, from.Origin)
	if errors.As(err, new(*otherProject)) {
		err = outcome.New(outcome.Invalid, "Client and project do not match")
	}
	if err != nil {
		return Registered{}, err
	}
	if err := s.mustWelcome(ctx, in.ProjectID); err != nil {
		return Registered{}, err
	}
	limit, err := s.loginLimit(ctx, in.ProjectID)
	if err != nil {
		return Registered{}, err
	}
	if _, err := s.attempts(ctx, "register "+in.Email, limit, from); err != nil {
		return Registered{}, err
	}
	if err := s.Passwords.CheckFor("password", in.Password, in.Email); err != nil {
		return Registered{}, err
	}
	hash, err := s.Passwords.Hash(ctx, in.Password)
	if err != nil {
		return Registered{}, err
	}
	login, err := s.register(ctx, in, client, hash, from)
	return Registered{Login: login}, err
}

// mustWelcome refuses a project that does not let patients register themselves.
func (s *SignIn) mustWelcome(ctx context.Context, project string) error {
	if project == "" || project == newProjectID {
		return nil
	}
	_, err := s.welcoming(ctx, project)
	return err
}

// welcoming is a project that lets patients register themselves.
func (s *SignIn) welcoming(ctx context.Context, id string) (medplum.Project, error) {
	ref := store.Ref{Project: store.SystemProject, Type: medplum.TypeProject, ID: id}
	project, err := fetch[medplum.Project](ctx, s.Repo, "read the project that somebody registers in", ref)
	if errors.Is(err, store.ErrNotFound) || err == nil && project.DefaultPatientAccessPolicy == nil {
		err = outcome.New(outcome.Invalid, "Project does not allow open registration")
	}
	return project, err
}

// register makes the User, its password and its login in one transaction.
func (s *SignIn) register(ctx context.Context, in NewUser, client oauth.Client, hash string, from Device) (string, error) {
	user := medplum.User{ResourceType: medplum.TypeUser, FirstName: in.FirstName, LastName: in.LastName, Email: in.Email}
	ref := store.Ref{Project: store.SystemProject, Type: medplum.TypeUser}
	if in.ProjectID != "" && in.ProjectID != newProjectID {
		ref.Project = in.ProjectID
		user.Project = new(medplum.RefTo(medplum.TypeProject, in.ProjectID, ""))
	}
	var id string
	err := s.Repo.System("register a User", ref.Project).InTx(ctx, func(tx *repo.Tx) error {
		rows := tx.Store()
		user.ID = newUserID(rows)
		ref.ID = user.ID
		password := newPassword{hash, store.OpensAll} // the User of one project has no other
		if ref.Project == store.SystemProject {
			password.opens = "" // until they make a project or show that the address is theirs
		}
		if err := s.Service.makeUser(ctx, tx, "register a User", ref, user, password); err != nil {
			return err
		}
		if err := s.mailVerification(ctx, tx, ref, in.Email); err != nil {
			return err
		}
		login := s.newLogin(ref, methodPassword, from)
		in.apply(&login, client)
		id = login.ID
		if err := rows.AddLogin(ctx, login); err != nil {
			return err
		}
		return audit.Record(ctx, rows, signedIn(login))
	})
	if outcome.Has(err, outcome.Conflict) {
		err = outcome.New(outcome.Invalid, "Email already registered").At("email")
	}
	return id, err
}

// mailVerification asks the owner of an address to show that it is theirs.
func (s *SignIn) mailVerification(ctx context.Context, tx *repo.Tx, user store.Ref, email string) error {
	if !s.MailSent {
		return nil
	}
	request, plain, err := requestPassword(ctx, tx, user, store.RequestVerifyEmail, inviteAge)
	if err != nil {
		return err
	}
	_, err = s.Mails.Queue(ctx, tx.Store(), mail.Letter{
		Template: mail.VerifyEmail, To: email, Project: user.Project, Request: request, Secret: plain,
	})
	return err
}
