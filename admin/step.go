package admin

import (
	"context"
	"errors"
	"slices"

	"github.com/admitdev/admit/fhir/medplum"
	"github.com/admitdev/admit/pkg/oauth"
	"github.com/admitdev/admit/pkg/outcome"
	"github.com/admitdev/admit/pkg/store"
)

// methodPassword is the authMethod of logins by password and by registering.
const methodPassword = "password"

// Step is what a sign-in needs next (contract §2.1).
type Step struct {
	Login             string   `json:"login"`
	Code              string   `json:"code,omitempty"`
	Memberships       []Choice `json:"memberships,omitempty"`
	MFAEnrollRequired bool     `json:"mfaEnrollRequired,omitempty"`
	EnrollURI         string   `json:"enrollUri,omitempty"`
	EnrollQRCode      string   `json:"enrollQrCode,omitempty"`
	MFARequired       bool     `json:"mfaRequired,omitempty"`
	// MFAMethods are those of "totp", "passkey" and "recovery-code" that the User can show.
	MFAMethods []string `json:"mfaMethods,omitempty"`
	// RecoveryCodes come with a factor that was just enrolled, and are shown this once.
	RecoveryCodes []string `json:"recoveryCodes,omitempty"`
	// Consent says that the person must still allow the client what it asks for, on our own page.
	Consent bool `json:"-"`
}

// Choice is a membership that may be chosen.
type Choice struct {
	ID         string               `json:"id"`
	Project    medplum.Reference    `json:"project"`
	Profile    medplum.Reference    `json:"profile"`
	Identifier []medplum.Identifier `json:"identifier,omitempty"`

	project string
	read    medplum.Project // the project, where it was read
}

// choices are the active memberships that suit the login and to which it leads. A passkey leads no
// further than the password of its User: whoever chose that without showing that the address is theirs
// may have made the passkey too.
func (s *SignIn) choices(ctx context.Context, login store.Login) ([]Choice, error) {
	opens := store.Credential{Opens: store.OpensAll}
	if login.AuthMethod == methodPassword || login.AuthMethod == methodPasskey {
		kept, err := s.Store.Credential(ctx, login.User(), store.Password)
		switch {
		case err == nil:
			opens = kept
		case !errors.Is(err, store.ErrNotFound):
			return nil, err
		case login.AuthMethod == methodPassword:
			return nil, nil
		}
	}
	return s.choicesOf(ctx, login, opens)
}

func (s *SignIn) choicesOf(ctx context.Context, login store.Login, password store.Credential) ([]Choice, error) {
	want := login.WantedProject
	members, err := s.directory.members(ctx, login.User(), func(project string) bool {
		return (want == "" || want == newProjectID || want == project) && password.OpensProject(project)
	})
	if err != nil {
		return nil, err
	}
	var all []Choice
	for _, m := range members {
		if profileType, _ := m.Profile.Split(); !m.IsActive() || login.ProfileType != "" && login.ProfileType != profileType {
			continue
		}
		all = append(all, Choice{
			ID: m.ID, Project: medplum.RefTo(medplum.TypeProject, m.of.ID, m.of.Name), Profile: m.Profile, Identifier: m.Identifier, project: m.project, read: m.of,
		})
	}
	return all, nil
}

// next says what the login needs. When it needs nothing more it gets its code.
func (s *SignIn) next(ctx context.Context, tx *store.Tx, login store.Login, who account, choices []Choice) (Step, error) {
	step := Step{Login: login.ID}
	due, err := s.factorDue(ctx, tx, login, who, choices)
	if err != nil {
		return Step{}, err
	}
	if !due && login.Membership != "" {
		if err := tx.AcceptInvitations(ctx, login.MembershipProject, login.Membership); err != nil {
			return Step{}, err
		}
	}
	switch {
	case due && who.user.MFAEnrolled:
		have, err := factorsOf(ctx, tx, who.ref)
		if err != nil {
			return Step{}, err
		}
		step.MFARequired, step.MFAMethods = true, have.methods()
	case due && isForOneProject(login):
		return Step{}, mustEnrolElsewhere()
	case due:
		enrollment, err := s.enrollment(ctx, tx, who)
		if err != nil {
			return Step{}, err
		}
		step.MFAEnrollRequired, step.EnrollURI, step.EnrollQRCode = true, enrollment.URI, enrollment.QRCode
	case login.Membership != "" && login.RedirectURI != "":
		step.Consent = true
	case login.Membership != "":
		code, err := s.Codes.IssueCode(ctx, tx, login.ID, "")
		if err != nil {
			return Step{}, err
		}
		step.Code = code
	case login.WantedProject != newProjectID && login.WantedProject != ownAccount:
		step.Memberships = choices
	}
	return step, nil
}

// factorDue says whether the login still wants a second factor: its User has one, or must have one by
// their own or by the project that they go to. What another server vouches for is that server's to guard,
// where nobody says that there must be several factors; where somebody does, it must say that there were.
// A project that choices were read with is not read again.
func (s *SignIn) factorDue(ctx context.Context, rows projectRows, login store.Login, who account, choices []Choice) (bool, error) {
	elsewhere := login.AuthMethod == oauth.MethodExternal
	switch {
	case login.MFAVerified, login.AuthMethod != methodPassword && !elsewhere:
		return false, nil
	case who.user.MFARequired, who.user.MFAEnrolled && !elsewhere:
		return true, nil
	}
	for _, c := range choices {
		if c.ID == login.Membership && c.read.ID == login.MembershipProject {
			return c.read.MFARequired(), nil
		}
	}
	return wantsFactor(ctx, rows, login.MembershipProject)
}

// mustEnrolElsewhere is the outcome where somebody would give an account a factor by a word that counts in one
// project: the account may be known to others.
func mustEnrolElsewhere() error {
	return outcome.New(outcome.Invalid, "A second factor is required. Set one up by signing in with your password, or sign in elsewhere with several factors")
}

// wantsFactor says whether a project wants a second factor of all who sign in.
func wantsFactor(ctx context.Context, rows projectRows, id string) (bool, error) {
	if id == "" {
		return false, nil
	}
	ref := store.Ref{Project: store.SystemProject, Type: medplum.TypeProject, ID: id}
	res, err := rows.Get(ctx, ref, nil)
	if err != nil {
		return false, err
	}
	var project medplum.Project
	err = decode(res, &project)
	return project.MFARequired(), err
}

// projectRows reads resources; a Store or a transaction.
type projectRows interface {
	Get(ctx context.Context, ref store.Ref, visible store.Predicate) (store.Resource, error)
}

// pending reads a login that is on its way, with its User. Whoever has tokens already or was shut
// out goes no further.
//
// Errors: outcome NotFound, Invalid "Login revoked" and "Login granted".
func (s *SignIn) pending(ctx context.Context, id string) (store.Login, account, error) {
	login, err := s.login(ctx, id)
	switch {
	case err != nil:
		return login, account{}, err
	case login.Revoked:
		return login, account{}, outcome.New(outcome.Invalid, "Login revoked")
	case login.Granted:
		return login, account{}, outcome.New(outcome.Invalid, "Login granted")
	case login.UserType != medplum.TypeUser:
		return login, account{}, outcome.New(outcome.NotFound, "")
	}
	who, err := s.account(ctx, login.User())
	if errors.Is(err, store.ErrNotFound) {
		err = outcome.New(outcome.NotFound, "")
	}
	return login, who, err
}

// advance gives the next step of a login as the transaction finds it.
func (s *SignIn) advance(ctx context.Context, tx *store.Tx, id string, who account, choices []Choice) (Step, error) {
	login, err := tx.Login(ctx, id)
	if err != nil {
		return Step{}, err
	}
	return s.next(ctx, tx, login, who, choices)
}

// Status says again what a login needs next. A code is a new one: codes are kept by their hash.
//
// Errors: outcome NotFound, Invalid "Login already granted" and "Login revoked".
func (s *SignIn) Status(ctx context.Context, id string) (step Step, err error) {
	login, err := s.login(ctx, id)
	switch {
	case err != nil:
		return Step{}, err
	case login.Granted && !login.Revoked:
		return Step{}, outcome.New(outcome.Invalid, "Login already granted")
	}
	login, who, err := s.pending(ctx, id)
	if err != nil {
		return Step{}, err
	}
	choices, err := s.choices(ctx, login)
	if err != nil {
		return Step{}, err
	}
	err = s.Store.InTx(ctx, func(tx *store.Tx) error {
		step, err = s.advance(ctx, tx, login.ID, who, choices)
		return err
	})
	return step, err
}

// ChooseProfile picks the membership of a login.
//
// Errors: outcome NotFound, Invalid.
func (s *SignIn) ChooseProfile(ctx context.Context, id, membership string, from Device) (step Step, err error) {
	var fields outcome.Fields
	fields.Check(id != "", "login", "Missing login")
	fields.Check(membership != "", "profile", "Missing profile")
	if err := fields.Err(); err != nil {
		return Step{}, err
	}
	login, who, err := s.pending(ctx, id)
	if err != nil {
		return Step{}, err
	}
	if login.Membership != "" {
		return Step{}, outcome.New(outcome.Invalid, "Login profile already set")
	}
	project, err := s.chosen(ctx, login, membership)
	if err == nil {
		err = s.mayComeFrom(ctx, project, membership, from)
	}
	if err != nil {
		return Step{}, err
	}
	err = s.Store.InTx(ctx, func(tx *store.Tx) error {
		set, err := tx.ChooseMembership(ctx, login.ID, project, membership)
		if err == nil && !set {
			err = outcome.New(outcome.Invalid, "Login profile already set")
		}
		if err == nil {
			step, err = s.advance(ctx, tx, login.ID, who, nil)
		}
		return err
	})
	return step, err
}

// chosen is the project of a membership that the login may have.
func (s *SignIn) chosen(ctx context.Context, login store.Login, membership string) (project string, err error) {
	key := store.Key{Scope: store.SystemProject, Kind: medplum.TypeProjectMembership, Value: membership}
	ref, err := s.Store.Owner(ctx, key)
	if errors.Is(err, store.ErrNotFound) {
		return "", outcome.New(outcome.Invalid, "Profile not found")
	}
	if err != nil {
		return "", err
	}
	m, _, err := s.directory.member(ctx, ref)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return "", outcome.New(outcome.Invalid, "Profile not found")
	case err != nil:
		return "", err
	case m.User.Reference != login.UserType+"/"+login.UserID:
		return "", outcome.New(outcome.Invalid, "Invalid profile")
	case !m.IsActive():
		return "", outcome.New(outcome.Invalid, "Profile not active")
	}
	choices, err := s.choices(ctx, login)
	if err != nil {
		return "", err
	}
	if !slices.ContainsFunc(choices, func(c Choice) bool { return c.ID == membership }) {
		return "", outcome.New(outcome.Invalid, "Invalid profile") // not of the project that was asked for
	}
	return ref.Project, nil
}
