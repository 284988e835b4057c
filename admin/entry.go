package admin

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/admitdev/admit/fhir/medplum"
	"github.com/admitdev/admit/fhir/repo"
	"github.com/admitdev/admit/pkg/mail"
	"github.com/admitdev/admit/pkg/outcome"
	"github.com/admitdev/admit/pkg/store"
)

// An Entry is a sign-in that leads straight to a session, for clients of a dialect, which know neither
// codes nor, often, the project. A name is then looked for in every project that has the dialect switched
// on, oldest first, and whoever knows the password of one of those users is that one. Whoever has the
// same name elsewhere is not shut out by it.

// Entry is who wants in.
type Entry struct {
	Dialect string
	// Project is empty for any that has the dialect switched on.
	Project string
	// Username is a login, an address, a phone number or the id of a membership.
	Username string
	Password string // or a named token
	// Lasts is how long the session lasts.
	Lasts time.Duration
}

// ErrFactorDue is the answer to somebody with the right password who must show a second factor too, for
// which a dialect has no words.
var ErrFactorDue = errors.New("a second factor is due")

// maxCandidateUsers is how many users of one name are tried.
const maxCandidateUsers = 5

// proven is somebody who has shown that they are the User of a membership.
type proven struct {
	membership store.Ref
	who        account
	shown      proof
}

// Enter begins a session.
//
// Errors: outcome Invalid, *TooSoon, ErrFactorDue.
func (s *SignIn) Enter(ctx context.Context, in Entry, from Device) (store.Login, error) {
	p, tried, err := s.prove(ctx, in, from)
	if err != nil {
		return store.Login{}, err
	}
	login, err := s.enter(ctx, in, p, tried, from)
	if outcome.Has(err, outcome.Invalid) {
		err = errors.Join(err, s.recordRefusal(ctx, p.who.ref, "no membership that the password opens", from), s.failed(ctx, tried, p.who.ref))
	}
	return login, err
}

// Check says that somebody might enter as far as the password goes.
//
// Errors: outcome Invalid, *TooSoon.
func (s *SignIn) Check(ctx context.Context, in Entry, from Device) error {
	_, tried, err := s.prove(ctx, in, from)
	if err != nil {
		return err
	}
	return s.Store.InTx(ctx, func(tx *store.Tx) error { return tried.forgive(ctx, tx) })
}

// prove finds the user whose name and password they are.
func (s *SignIn) prove(ctx context.Context, in Entry, from Device) (p proven, tried tries, err error) {
	if in.Username == "" || !isToken(in.Username) || in.Password == "" {
		return p, tried, wrongPassword()
	}
	projects, err := s.projectsOf(ctx, in)
	if err == nil && len(projects) == 0 { // nobody gets in, so there is nobody to hide
		err = wrongPassword()
	}
	if err != nil {
		return p, tried, err
	}
	candidates, err := s.entrants(ctx, projects, in.Username)
	if err != nil {
		return p, tried, err
	}
	limit, err := s.leastLimit(ctx, in.Project, candidates)
	if err != nil {
		return p, tried, err
	}
	tried, err = s.attempts(ctx, in.Username, limit, from)
	if tooSoon := new(TooSoon); errors.As(err, &tooSoon) {
		return p, tried, errors.Join(err, s.recordRefusal(ctx, store.Ref{}, "too many attempts", from))
	}
	if err != nil {
		return p, tried, err
	}
	if len(candidates) == 0 {
		candidates = []proven{{}} // nobody, who is told no sooner than somebody
	}
	for _, p = range candidates {
		_, p.shown, err = s.shows(ctx, p.who, LoginRequest{Wish: Wish{ProjectID: p.membership.Project}, Password: in.Password})
		if token := p.shown.token; err == nil && token.Name != "" && token.Membership != p.membership.ID {
			err = wrongPassword()
		}
		if !outcome.Has(err, outcome.Invalid) {
			return p, tried, err
		}
	}
	return p, tried, errors.Join(err, s.recordRefusal(ctx, p.who.ref, "no such user, or wrong password", from), s.failed(ctx, tried, p.who.ref))
}

// leastLimit is the lowest of the limits of the projects that a sign-in may be to.
func (s *SignIn) leastLimit(ctx context.Context, project string, candidates []proven) (int, error) {
	least, err := s.loginLimit(ctx, project)
	for _, p := range candidates {
		if err != nil {
			return 0, err
		}
		var limit int
		if limit, err = s.loginLimit(ctx, p.membership.Project); limit >= 0 && (least < 0 || limit < least) {
			least = limit
		}
	}
	return least, err
}

// projectsOf are the projects that may be meant, oldest first.
func (s *SignIn) projectsOf(ctx context.Context, in Entry) ([]string, error) {
	if in.Project == "" {
		return s.Service.speakers(ctx, in.Dialect)
	}
	speaks, err := s.Service.Listed(ctx, in.Project, in.Dialect)
	if err != nil || !speaks {
		return nil, err
	}
	return []string{in.Project}, nil
}

// entrants are the active members whom the name may mean.
func (s *SignIn) entrants(ctx context.Context, projects []string, name string) ([]proven, error) {
	refs, err := s.membersNamed(ctx, projects, name)
	if err != nil {
		return nil, err
	}
	var found []proven
	for _, ref := range refs {
		p, err := s.candidate(ctx, ref)
		if errors.Is(err, store.ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if found = append(found, p); len(found) == maxCandidateUsers {
			break
		}
	}
	return found, nil
}

// membersNamed are the memberships in one of the projects that have a name.
func (s *SignIn) membersNamed(ctx context.Context, projects []string, name string) (found []store.Ref, err error) {
	add := func(refs []store.Ref, failed error) {
		err = errors.Join(err, failed)
		for _, ref := range refs {
			if slices.Contains(projects, ref.Project) && !slices.Contains(found, ref) {
				found = append(found, ref)
			}
		}
	}
	if uuidForm.MatchString(name) {
		add(s.Store.OwnersAmong(ctx, []string{store.SystemProject}, medplum.TypeProjectMembership, name))
	}
	add(s.Store.OwnersAmong(ctx, projects, repo.KeyMembershipUserName, name))
	if phone := CanonicalPhone(name); phoneForm.MatchString(phone) {
		add(s.Store.OwnersAmong(ctx, projects, repo.KeyMembershipPhone, phone))
	}
	if mail.ValidAddress(name) {
		users, failed := s.Store.OwnersAmong(ctx, append([]string{store.SystemProject}, projects...), repo.KeyUserEmail, mail.Canonical(name))
		add(nil, failed)
		for _, user := range users {
			add(s.directory.memberships(ctx, user, maxMemberships))
		}
	}
	return found, err
}

// candidate is the User of a membership that may be used.
//
// Errors: store.ErrNotFound.
func (s *SignIn) candidate(ctx context.Context, ref store.Ref) (proven, error) {
	m, err := fetch[medplum.ProjectMembership](ctx, s.Repo, "find the User who signs in by name", ref)
	if err != nil {
		return proven{}, err
	}
	resourceType, id := m.User.Split()
	if resourceType != medplum.TypeUser || !m.IsActive() {
		return proven{}, store.ErrNotFound
	}
	who, err := s.whoHolds(ctx, userKey(id))
	return proven{membership: ref, who: who}, err
}

// enter stores the session of somebody who has shown who they are.
func (s *SignIn) enter(ctx context.Context, in Entry, p proven, tried tries, from Device) (store.Login, error) {
	wish := Wish{ProjectID: p.membership.Project, Scope: "openid"}
	step, err := s.begin(ctx, entrance{
		wish: wish, who: p.who, method: methodPassword, password: &p.shown.password, only: p.shown.token.Membership,
		nothing: wrongPassword(), tried: tried, confirm: func(tx *store.Tx) error { return p.shown.confirm(ctx, tx, p.who) },
	}, from)
	if err == nil && len(step.Memberships) > 0 {
		step, err = s.ChooseProfile(ctx, step.Login, p.membership.ID, from)
	}
	switch {
	case err != nil:
		return store.Login{}, err
	case step.Code == "":
		return store.Login{}, ErrFactorDue
	}
	return s.grant(ctx, step.Login, p.membership.ID, in.Lasts)
}

// grant makes a login that needs nothing more a session.
func (s *SignIn) grant(ctx context.Context, id, membership string, lasts time.Duration) (login store.Login, err error) {
	err = s.Store.InTx(ctx, func(tx *store.Tx) error {
		err := tx.GrantLogin(ctx, id, "", store.At(tx.Now().Add(lasts)))
		if err == nil {
			login, err = tx.Login(ctx, id)
		}
		if errors.Is(err, store.ErrChanged) || err == nil && login.Membership != membership {
			err = wrongPassword()
		}
		return err
	})
	return login, err
}
