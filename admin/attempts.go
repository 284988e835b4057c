package admin

import (
	"context"
	"time"

	"github.com/admitdev/admit/pkg/mail"
	"github.com/admitdev/admit/pkg/outcome"
	"github.com/admitdev/admit/pkg/secret"
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
// tries at once cannot slip through. forgive takes the account's count back after a success, so
// that it counts failures, wherever they come from.
//
// Errors: *TooSoon.
func (s *SignIn) attempts(ctx context.Context, email string, from Device) (forgive func(context.Context) error, err error) {
	if s.LoginLimit < 0 {
		return func(context.Context) error { return nil }, nil
	}
	// The digest keeps addresses of people out of a table that is only about numbers.
	account := "login account " + secret.SHA256(mail.Canonical(email))
	for _, name := range []string{"login address " + web.Network(from.Address), account} {
		if err := s.countUp(ctx, name, s.LoginLimit); err != nil {
			return nil, err
		}
	}
	return func(ctx context.Context) error {
		_, _, err := s.Store.CountUp(ctx, account, attemptWindow, -1)
		return err
	}, nil
}

func (s *SignIn) countUp(ctx context.Context, name string, limit int) error {
	return s.countWithin(ctx, name, attemptWindow, limit)
}

func (s *SignIn) countWithin(ctx context.Context, name string, window time.Duration, limit int) error {
	count, ends, err := s.Store.CountUp(ctx, name, window, 1)
	if err != nil {
		return err
	}
	if count > limit {
		return &TooSoon{ends}
	}
	return nil
}
