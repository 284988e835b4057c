package admin

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/tidwall/sjson"

	"github.com/admitdev/admit/fhir/caller"
	"github.com/admitdev/admit/fhir/medplum"
	"github.com/admitdev/admit/fhir/repo"
	"github.com/admitdev/admit/pkg/audit"
	"github.com/admitdev/admit/pkg/mail"
	"github.com/admitdev/admit/pkg/outcome"
	"github.com/admitdev/admit/pkg/secret"
	"github.com/admitdev/admit/pkg/store"
	"github.com/admitdev/admit/pkg/web"
)

// resetsPerNetwork is how many times the sign-ins of an account the resets of a network may be: many
// people behind one address may have forgotten theirs, but nobody tries out thousands of addresses.
const resetsPerNetwork = 4

// resetAge is how long the link to a new password works.
const resetAge = time.Hour

// ResetRequest asks for a link to a new password.
type ResetRequest struct {
	Email     string `json:"email"`
	ProjectID string `json:"projectId"`
	SendEmail *bool  `json:"sendEmail"`
	// Dialect is for a request that names no project: every one that has it switched on. No body sets it.
	Dialect string `json:"-"`
}

// ResetPassword is the job that looks whether there is somebody to mail a link to. The request
// only queues it, so that its answer comes as fast for a stranger as for a User.
type ResetPassword struct {
	Email   string `json:"email"`
	Project string `json:"project"`
	Mail    bool   `json:"mail"`
	// Dialect has it done for every User of the address in the projects that have it switched on.
	Dialect string `json:"dialect,omitempty"`
}

// Kind implements jobs.Args.
func (ResetPassword) Kind() string { return "reset_password" }

// ResetPassword queues a reset. Whether there is such a User does not show.
//
// Errors: outcome Invalid, *TooSoon for an address of the network that asks for too many.
func (s *SignIn) ResetPassword(ctx context.Context, in ResetRequest, from Device) error {
	var fields outcome.Fields
	fields.Check(mail.ValidAddress(in.Email), "email", "Valid email address between 3 and 72 characters is required")
	if err := fields.Err(); err != nil {
		return err
	}
	if in.ProjectID != "" && !store.ValidProject(in.ProjectID) {
		return outcome.New(outcome.Invalid, "Invalid projectId").At("projectId")
	}
	if s.LoginLimit >= 0 {
		if err := s.countUp(ctx, "reset address "+web.Network(from.Address), resetsPerNetwork*s.LoginLimit); err != nil {
			return err
		}
	}
	if over, err := s.tooManyResets(ctx, in); err != nil || over {
		return err // one's drawer is not filled by a stranger; the answer does not say so
	}
	job := ResetPassword{Email: mail.Canonical(in.Email), Project: in.ProjectID, Mail: in.SendEmail == nil || *in.SendEmail, Dialect: in.Dialect}
	return s.Store.InTx(ctx, func(tx *store.Tx) error { return s.Jobs.Enqueue(ctx, tx, job) })
}

// tooManyResets counts the requests for an address, known or not.
func (s *SignIn) tooManyResets(ctx context.Context, in ResetRequest) (bool, error) {
	if s.LoginLimit < 0 {
		return false, nil
	}
	name := "reset " + secret.SHA256(in.ProjectID+" "+mail.Canonical(in.Email))
	err := s.countUp(ctx, name, s.LoginLimit)
	var tooSoon *TooSoon
	if errors.As(err, &tooSoon) {
		return true, nil
	}
	return false, err
}

// SendReset is the work of ResetPassword: a request, its resource and its mail in one transaction.
func (s *SignIn) SendReset(ctx context.Context, job ResetPassword) error {
	projects, err := []string{job.Project}, error(nil)
	if job.Dialect != "" {
		projects, err = s.Service.speakers(ctx, job.Dialect)
	}
	if err != nil {
		return err
	}
	asked := map[store.Ref]bool{}
	for _, project := range projects {
		who, err := s.byEmail(ctx, job.Email, project)
		if err == nil && !asked[who.ref] {
			asked[who.ref] = true
			err = s.sendReset(ctx, who, job.Mail)
		}
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return err
		}
	}
	return nil
}

func (s *SignIn) sendReset(ctx context.Context, who account, mails bool) error {
	return s.Repo.System("reset the password of a User", who.ref.Project).InTx(ctx, func(tx *repo.Tx) error {
		id, plain, err := requestPassword(ctx, tx, who.ref, store.RequestReset, resetAge)
		if err != nil {
			return err
		}
		if mails {
			letter := mail.Letter{Template: mail.Reset, To: who.user.Email, Project: who.ref.Project, Request: id, Secret: plain}
			if _, err := s.Mails.Queue(ctx, tx.Store(), letter); err != nil {
				return err
			}
		}
		return audit.Record(ctx, tx.Store(), audit.Event{
			Project: who.ref.Project, Action: audit.PasswordReset, Entities: []string{medplum.TypeUser + "/" + who.ref.ID},
		})
	})
}

// oldestMinimum is the least length that a password may have had when it was set.
const oldestMinimum = 8

// PasswordSetting is a new password, with the id and the secret of a mailed link.
type PasswordSetting struct {
	ID       string `json:"id"`
	Secret   string `json:"secret"`
	Password string `json:"password"`
}

// SetPassword sets the password of whoever holds the secret of an invite or a reset, proves the
// address by it, and ends every session of theirs. The secret is used up.
//
// Errors: outcome Invalid, NotFound.
func (s *SignIn) SetPassword(ctx context.Context, in PasswordSetting) error {
	var fields outcome.Fields
	fields.Check(uuidForm.MatchString(in.ID), "id", "Invalid request ID")
	fields.Check(in.Secret != "", "secret", "Missing secret")
	fields.Check(utf8.RuneCountInString(in.Password) >= oldestMinimum, "password",
		fmt.Sprintf("Invalid password, must be at least %d characters", oldestMinimum))
	if err := fields.Err(); err != nil {
		return err
	}
	request, who, err := s.request(ctx, in.ID, in.Secret, store.RequestInvite, store.RequestReset)
	if err != nil {
		return err
	}
	if err := s.Passwords.CheckFor("password", in.Password, who.user.Email); err != nil {
		return err
	}
	hash, err := s.Passwords.Hash(ctx, in.Password)
	if err != nil {
		return err
	}
	return s.Repo.System("set the password of a User", who.ref.Project).InTx(ctx, func(tx *repo.Tx) error {
		if err := useRequest(ctx, tx, request); err != nil {
			return err
		}
		if err := s.trust(ctx, tx, who.ref, request); err != nil {
			return err
		}
		if err := changePassword(ctx, tx, who.ref, newPassword{hash, request.Opens}); err != nil || request.Type == store.RequestInvite {
			return err // a first password is no change
		}
		return tell(ctx, s.Mails, tx.Store(), who, mail.PasswordChanged)
	})
}

// trust takes the address for proven by a link that was mailed to it. A link that somebody else saw proves
// nothing, and takes the place of no password that leads elsewhere.
func (s *SignIn) trust(ctx context.Context, tx *repo.Tx, user store.Ref, request store.SecurityRequest) error {
	if request.Opens == store.OpensAll {
		if err := s.forgetStranger(ctx, tx, user); err != nil {
			return err
		}
		return setUser(ctx, tx, user, "emailVerified", true)
	}
	kept, err := tx.Store().Credential(ctx, user, store.Password)
	if err == nil && kept.Opens != request.Opens {
		return expiredLink(request)
	}
	return ignoreNotFound(err)
}

// forgetStranger takes away the second factor of whoever chose a password without showing that the
// address is theirs: it would lock out the person whose address it is.
func (s *SignIn) forgetStranger(ctx context.Context, tx *repo.Tx, user store.Ref) error {
	kept, err := tx.Store().Credential(ctx, user, store.Password)
	if errors.Is(err, store.ErrNotFound) || err == nil && kept.Opens == store.OpensAll {
		return nil
	}
	if err != nil {
		return err
	}
	return unenroll(ctx, tx, user)
}

// request finds the security request of a link and compares its secret.
func (s *SignIn) request(ctx context.Context, id, plain string, kinds ...store.SecurityRequestType) (store.SecurityRequest, account, error) {
	request, err := s.Store.SecurityRequest(ctx, strings.ToLower(id))
	if errors.Is(err, store.ErrNotFound) {
		return request, account{}, outcome.New(outcome.NotFound, "")
	}
	if err != nil {
		return request, account{}, err
	}
	right := false
	for _, kind := range kinds {
		right = right || request.Type == kind
	}
	switch {
	case request.Used:
		return request, account{}, usedLink(request)
	case !right && kinds[0] == store.RequestVerifyEmail:
		return request, account{}, outcome.New(outcome.Invalid, "Invalid user security request type")
	case !right:
		return request, account{}, outcome.New(outcome.Invalid, "Invalid request type")
	case !secret.Equal(request.Hash, secret.SHA256(plain)):
		return request, account{}, outcome.New(outcome.Invalid, "Incorrect secret")
	case request.Superseded || !request.ExpiresAt.After(s.Clock.Now()):
		return request, account{}, expiredLink(request)
	}
	who, err := s.account(ctx, store.Ref{Project: request.UserProject, Type: medplum.TypeUser, ID: request.User})
	if errors.Is(err, store.ErrNotFound) {
		err = outcome.New(outcome.NotFound, "")
	}
	return request, who, err
}

// useRequest uses a request up, in its table and in the resource that shows it.
func useRequest(ctx context.Context, tx *repo.Tx, request store.SecurityRequest) error {
	won, err := tx.Store().UseSecurityRequest(ctx, request.ID)
	if err == nil && !won {
		err = usedLink(request)
	}
	if err != nil {
		return err
	}
	if request.Type == store.RequestInvite {
		if err := acceptInvitation(ctx, tx, request); err != nil {
			return err
		}
	}
	rows := tx.System("show that a link was used", request.Project)
	res, err := rows.Read(ctx, medplum.TypeUserSecurityRequest, request.ID)
	if outcome.Has(err, outcome.NotFound) || outcome.Has(err, outcome.Gone) {
		return nil
	}
	if err != nil {
		return err
	}
	body, err := sjson.SetBytes(res.Content, "used", true)
	if err != nil {
		return fmt.Errorf("show that a link was used: %w", err)
	}
	_, err = rows.Update(ctx, medplum.TypeUserSecurityRequest, request.ID, body, res.Version)
	return err
}

// changePassword is replacePassword by whoever's it is.
func changePassword(ctx context.Context, tx *repo.Tx, user store.Ref, password newPassword) error {
	if err := replacePassword(ctx, tx, user, password); err != nil {
		return err
	}
	self := user.Type + "/" + user.ID
	return audit.Record(ctx, tx.Store(), audit.Event{Project: user.Project, Action: audit.PasswordSet, Agent: self, Entities: []string{self}})
}

// replacePassword sets a password, voids the links that would do the same, named tokens too, and ends every session. A
// password of somebody who has not shown that the address is theirs voids nothing that was mailed
// to it; what they asked to have mailed elsewhere is void too.
// The password comes first: a sign-in under way waits for it or is seen by what follows.
func replacePassword(ctx context.Context, tx *repo.Tx, user store.Ref, password newPassword) error {
	rows := tx.Store()
	err := rows.SetCredential(ctx, store.Credential{
		Project: user.Project, Type: user.Type, ID: user.ID, Kind: store.Password, Hash: password.hash, Opens: password.opens,
	})
	var voided []store.SecurityRequestType
	if password.opens != store.OpensAll {
		voided = []store.SecurityRequestType{store.RequestChangeEmail}
	}
	if err == nil {
		err = rows.SupersedeSecurityRequests(ctx, user, voided...)
	}
	if err == nil {
		err = rows.DeleteUserTokens(ctx, user)
	}
	if err == nil {
		err = rows.RevokeLogins(ctx, user)
	}
	return err
}

// ChangePassword replaces the caller's password and ends every session of theirs, this one too.
//
// Errors: outcome Invalid, *TooSoon.
func (s *SignIn) ChangePassword(ctx context.Context, who caller.Caller, old, fresh string) error {
	var fields outcome.Fields
	fields.Check(old != "", "oldPassword", "Missing oldPassword")
	fields.Check(utf8.RuneCountInString(fresh) >= oldestMinimum, "newPassword",
		fmt.Sprintf("Invalid password, must be at least %d characters", oldestMinimum))
	if err := fields.Err(); err != nil {
		return err
	}
	me, err := s.callersAccount(ctx, who)
	if err != nil {
		return err
	}
	kept, err := passwordOf(me)
	if err != nil {
		return err
	}
	if err := s.verifyAgain(ctx, me, "oldPassword", old, kept.Hash, who.RemoteAddr); err != nil {
		return err
	}
	if err := s.Passwords.CheckFor("newPassword", fresh, me.user.Email); err != nil {
		return err
	}
	hash, err := s.Passwords.Hash(ctx, fresh)
	if err != nil {
		return err
	}
	return s.Repo.System("change the password of a User", me.ref.Project).InTx(ctx, func(tx *repo.Tx) error {
		if err := confirmPassword(ctx, tx.Store(), me.ref, kept, "oldPassword"); err != nil {
			return err
		}
		err := changePassword(ctx, tx, me.ref, newPassword{hash, kept.Opens}) // who knew the old one has shown no more by that
		if err != nil {
			return err
		}
		return tell(ctx, s.Mails, tx.Store(), me, mail.PasswordChanged)
	})
}

// passwordOf is the password that the caller is to show again.
func passwordOf(me account) (store.Credential, error) {
	if me.password.Hash == "" {
		return store.Credential{}, outcome.New(outcome.Invalid, "Existing password not set")
	}
	return me.password, nil
}

// confirmPassword refuses a password that was changed since it was compared.
func confirmPassword(ctx context.Context, tx *store.Tx, user store.Ref, kept store.Credential, field string) error {
	still, err := tx.ConfirmCredential(ctx, user, store.Password, kept.Hash)
	if err == nil && !still {
		err = incorrectPassword(field)
	}
	return err
}

func incorrectPassword(field string) error {
	return outcome.New(outcome.Invalid, "Incorrect password").At(field)
}

// verifyAgain compares the password of somebody who has signed in; guesses count like those of signing in.
func (s *SignIn) verifyAgain(ctx context.Context, me account, field, password, hash, address string) error {
	tried, err := s.attempts(ctx, "change "+me.ref.ID, s.LoginLimit, Device{Address: address})
	if err != nil {
		return err
	}
	match, err := s.Passwords.Verify(ctx, password, hash)
	if err == nil && !match {
		err = incorrectPassword(field)
	}
	if err != nil {
		return err
	}
	return s.Store.InTx(ctx, func(tx *store.Tx) error { return tried.forgive(ctx, tx) })
}

// accountOf is the User who calls.
//
// Errors: outcome Forbidden.
func (s *SignIn) accountOf(ctx context.Context, who caller.Caller) (account, error) {
	resourceType, id := who.User.Split()
	if resourceType != medplum.TypeUser {
		return account{}, outcome.New(outcome.Forbidden, "")
	}
	me, err := s.whoHolds(ctx, userKey(id))
	if err != nil {
		return account{}, fmt.Errorf("find the User who calls: %w", err)
	}
	return me, nil
}
