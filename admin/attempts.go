package admin

import (
	"context"
	"time"

	"github.com/admitdev/admit/fhir/medplum"
	"github.com/admitdev/admit/pkg/mail"
	"github.com/admitdev/admit/pkg/outcome"
	"github.com/admitdev/admit/pkg/secret"
	"github.com/admitdev/admit/pkg/store"
	"github.com/admitdev/admit/pkg/web"
)

// TooSoon is outcome TooManyRequests with the time from which it may be tried again.
type TooSoon struct{ Until time.Time }

// Error implements error.
func (e *TooSoon) Error() string { return outcome.TooManyRequests.Text }

// Unwrap is what is shown.
func (e *TooSoon) Unwrap() error { return outcome.New(outcome.TooManyRequests, "") }

const attemptWindow = time.Minute

// attempts counts a try to sign in, for the address it comes from and for the account, known or
// not, and refuses one too many. The account is its e-mail address, in whichever project it is asked
// for: the User of the server is found in every project that it belongs to. The counts are in the database: processes share them, and several
// tries at once cannot slip through. Whoever succeeds forgives the account's try, so that it counts failures,
// wherever they come from.
//
// Errors: *TooSoon.
func (s *SignIn) attempts(ctx context.Context, email string, limit int, from Device) (t tries, err error) {
	// The digest keeps addresses of people out of a table that is only about numbers.
	t.account = "login account " + secret.SHA256(mail.Canonical(email))
	if limit < 0 {
		return t, nil
	}
	count, ends, err := s.countAll(ctx, limited("login address "+web.Network(from.Address), limit), limited(t.account, limit))
	t.ends, t.last = ends, count == limit
	return t, err
}

// tries are those of an account, known or not.
type tries struct {
	account string    // the name that they are counted under
	ends    time.Time // zero where there is no limit
	last    bool      // no other is let through before ends
}

// forgive takes a try back that was counted, in the transaction that it led to.
func (t tries) forgive(ctx context.Context, tx *store.Tx) error {
	if t.ends.IsZero() {
		return nil
	}
	return tx.TakeBack(ctx, t.account, t.ends)
}

func (t tries) failures() string { return t.account + " failed" }

// loginLimit is how many tries to sign in a minute there may be for an account and an address. The
// project that it is asked for may have fewer, never more: the account is the same in every project.
func (s *SignIn) loginLimit(ctx context.Context, project string) (int, error) {
	if project == "" || !store.ValidProject(project) {
		return s.LoginLimit, nil
	}
	ref := store.Ref{Project: store.SystemProject, Type: medplum.TypeProject, ID: project}
	found, err := fetch[medplum.Project](ctx, s.Repo, "read how often one may try to sign in", ref)
	if err != nil {
		return s.LoginLimit, ignoreNotFound(err)
	}
	if own := found.SystemInteger("loginRateLimit"); own != nil && *own >= 0 && (s.LoginLimit < 0 || *own < s.LoginLimit) {
		return *own, nil
	}
	return s.LoginLimit, nil
}

func (s *SignIn) countUp(ctx context.Context, name string, limit int) error {
	_, _, err := s.countAll(ctx, limited(name, limit))
	return err
}

// limited is what may be tried so many times in a minute.
func limited(name string, limit int) store.Count {
	return store.Count{Name: name, Window: attemptWindow, Limit: limit}
}

// countAll counts one more of each, up to the first of which it is one too many; that is counted as well.
// It says what the last comes to, and when its window ends.
//
// Errors: *TooSoon.
func (s *SignIn) countAll(ctx context.Context, all ...store.Count) (count int, ends time.Time, err error) {
	count, over, ends, err := s.Store.CountUpTo(ctx, all...)
	if err == nil && over {
		err = &TooSoon{ends}
	}
	return count, ends, err
}
