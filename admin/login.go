package admin

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/admitdev/admit/pkg/audit"
	"github.com/admitdev/admit/pkg/mail"
	"github.com/admitdev/admit/pkg/oauth"
	"github.com/admitdev/admit/pkg/outcome"
	"github.com/admitdev/admit/pkg/store"
)

// LoginRequest is a sign-in by password.
type LoginRequest struct {
	Wish
	Email string `json:"email"`
	// Username is, instead of Email, the login, phone or address of a user of the project that the wish
	// names.
	Username string `json:"username"`
	Password string `json:"password"`
}

// called is what somebody says they are called.
func (in LoginRequest) called() string {
	if in.Email != "" {
		return in.Email
	}
	return in.Username
}

// wrongPassword is the one answer to an unknown user, a wrong password, a user without password and
// one without membership. Upstream tells them apart (contract §11, 12).
func wrongPassword() error { return outcome.New(outcome.Invalid, "Email or password is invalid") }

// Login signs somebody in by password and says what is next.
//
// Errors: outcome Invalid, NotFound for an unknown client, *TooSoon.
func (s *SignIn) Login(ctx context.Context, in LoginRequest, from Device) (Step, error) {
	var fields outcome.Fields
	byName := in.Email == "" && in.Username != ""
	fields.Check(byName || mail.ValidAddress(in.Email), "email", "Valid email address is required")
	fields.Check(!byName || isToken(in.Username) && store.ValidProject(in.ProjectID), "projectId", "A username is one of a project")
	fields.Check(in.Password != "", "password", "Password is required")
	if err := fields.Err(); err != nil {
		return Step{}, err
	}
	client, err := s.check(ctx, &in.Wish, from.Origin)
	if err != nil {
		return Step{}, err
	}
	limit, err := s.loginLimit(ctx, in.ProjectID)
	if err != nil {
		return Step{}, err
	}
	tried, err := s.attempts(ctx, in.called(), limit, from)
	if tooSoon := new(TooSoon); errors.As(err, &tooSoon) {
		return Step{}, errors.Join(err, s.recordRefusal(ctx, store.Ref{}, "too many attempts", from))
	}
	if err != nil {
		return Step{}, err
	}
	who, shown, err := s.verify(ctx, in)
	var step Step
	reason := "no such user, or one without a password"
	if who.ref.ID != "" {
		reason = "wrong password"
	}
	if err == nil {
		reason = "no membership that the password opens"
		step, err = s.begin(ctx, entrance{
			wish: in.Wish, client: client, who: who, method: methodPassword, password: &shown.password, only: shown.token.Membership,
			nothing: wrongPassword(), tried: tried, confirm: func(tx *store.Tx) error { return shown.confirm(ctx, tx, who) },
		}, from)
	}
	if outcome.Has(err, outcome.Invalid) {
		return Step{}, errors.Join(err, s.recordRefusal(ctx, who.ref, reason, from), s.failed(ctx, tried, who.ref))
	}
	return step, err
}

// recordRefusal writes down a sign-in that failed, and why. What was typed is not in it: it may be a
// password in the wrong field.
func (s *SignIn) recordRefusal(ctx context.Context, user store.Ref, reason string, from Device) error {
	e := audit.Event{
		Project: store.SystemProject, Action: audit.SignIn, Outcome: audit.Refused, Description: reason, RemoteAddr: from.Address,
	}
	if user.ID != "" {
		e.Project, e.Entities = user.Project, []string{user.Type + "/" + user.ID}
	}
	return audit.RecordAlone(ctx, s.Store, e)
}

// verify finds the User and compares the password.
func (s *SignIn) verify(ctx context.Context, in LoginRequest) (account, proof, error) {
	who, err := s.named(ctx, in)
	if errors.Is(err, store.ErrNotFound) {
		who, err = account{}, nil
	}
	if err != nil {
		return account{}, proof{}, err
	}
	return s.shows(ctx, who, in)
}

// shows compares the password with that of a User, or of nobody, who has none. It costs the same reads and one hash
// whoever it is.
func (s *SignIn) shows(ctx context.Context, who account, in LoginRequest) (account, proof, error) {
	if strings.HasPrefix(in.Password, namedTokenPrefix) {
		switch token, err := s.verifyToken(ctx, who, in); {
		case err == nil:
			return who, token, nil
		case !errors.Is(err, store.ErrNotFound):
			return account{}, proof{}, err
		}
	}
	if who.password.Hash == "" {
		if err := s.Passwords.VerifyNobody(ctx, in.Password); err != nil {
			return account{}, proof{}, err
		}
		return account{}, proof{}, wrongPassword()
	}
	match, err := s.Passwords.Verify(ctx, in.Password, who.password.Hash)
	if err == nil && !match {
		err = wrongPassword()
	}
	return who, proof{password: who.password}, err
}

// entrance is how somebody who has shown who they are comes in.
type entrance struct {
	wish   Wish
	client oauth.Client
	who    account
	method string
	// password is the one that was shown; nil for another method.
	password *store.Credential
	// only is the id of the one membership to which it leads; empty for any.
	only string
	// nothing is the answer to somebody who may go nowhere.
	nothing error
	// tried are the tries of the account, which a success forgives; none for another method than a password.
	tried tries
	// how an identity provider has recognised them, several that it asked for several factors.
	how     store.Recognition
	several bool
	// confirm holds what was shown to be still good, and keeps it so until the transaction ends; what is not
	// may come out at its end, as store.ErrChanged.
	confirm func(tx *store.Tx) error
}

// begin stores the login of somebody who has shown who they are. If what they have shown is changed
// meanwhile there is no login.
func (s *SignIn) begin(ctx context.Context, in entrance, from Device) (Step, error) {
	login := s.newLogin(in.who.ref, in.method, from)
	in.wish.apply(&login, in.client)
	login.MFAVerified, login.Recognition = in.several || in.method == methodPasskey, in.how
	if !in.how.RecognisedAt.IsZero() {
		login.ProvenAt = in.how.RecognisedAt
	}
	if in.only != "" {
		login.ProvenAt = store.Stamp{} // a named token opens its membership, and changes nothing of the account
	}
	choices, err := s.begun(ctx, login, in.password)
	if err != nil {
		return Step{}, err
	}
	if in.only != "" {
		login.ProvenAt = store.Stamp{} // whoever was given a token changes nothing that guards the account
		choices = slices.DeleteFunc(choices, func(c Choice) bool { return c.ID != in.only })
	}
	switch {
	case login.WantedProject == newProjectID: // newproject will choose
	case login.WantedProject == ownAccount:
	case len(choices) == 0:
		return Step{}, in.nothing
	case len(choices) == 1:
		login.MembershipProject, login.Membership = choices[0].project, choices[0].ID
		if err := s.mayComeFrom(ctx, login.MembershipProject, login.Membership, from); err != nil {
			return Step{}, err
		}
	}
	failures, places, err := s.Store.Before(ctx, in.tried.failures(), login.User(), maxPlaces)
	if err != nil {
		return Step{}, err
	}
	var step Step
	err = s.Store.InTx(ctx, func(tx *store.Tx) error {
		err := in.confirm(tx)
		if err == nil {
			err = in.tried.forgive(ctx, tx)
		}
		if err == nil {
			err = s.tellOfSignIn(ctx, tx, in, login, failures > 0, places)
		}
		if err == nil {
			err = tx.AddLogin(ctx, login)
		}
		if err == nil {
			err = audit.Record(ctx, tx, signedIn(login))
		}
		if err == nil {
			step, err = s.next(ctx, tx, login, in.who, choices)
		}
		return err
	})
	if errors.Is(err, store.ErrChanged) {
		return Step{}, in.nothing
	}
	return step, err
}

// begun are the choices of a login that begins. A password that was just read is not read again.
func (s *SignIn) begun(ctx context.Context, login store.Login, password *store.Credential) ([]Choice, error) {
	if password == nil {
		return s.choices(ctx, login)
	}
	return s.choicesOf(ctx, login, *password)
}

// signedIn is the audit event of a login.
func signedIn(login store.Login) audit.Event {
	project := login.MembershipProject
	if project == "" {
		project = login.UserProject
	}
	user := login.UserType + "/" + login.UserID
	return audit.Event{
		Project: project, Action: audit.SignIn, Agent: user, Entities: []string{user}, RemoteAddr: login.RemoteAddress,
	}
}
