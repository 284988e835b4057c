package admin

import (
	"context"

	"github.com/admitdev/admit/pkg/oauth"
	"github.com/admitdev/admit/pkg/outcome"
	"github.com/admitdev/admit/pkg/store"
)

// ChooseScope narrows the scope of a login (contract §3.6).
//
// Errors: outcome NotFound, Invalid.
func (s *SignIn) ChooseScope(ctx context.Context, id, scope string) (step Step, err error) {
	var fields outcome.Fields
	fields.Check(id != "", "login", "Missing login")
	fields.Check(scope != "", "scope", "Missing scope")
	if err := fields.Err(); err != nil {
		return Step{}, err
	}
	login, who, err := s.pending(ctx, id)
	switch {
	case err != nil:
		return Step{}, err
	case login.Membership == "":
		return Step{}, outcome.New(outcome.Invalid, "Login profile not set")
	case !oauth.ValidScope(scope) || !oauth.Covers(login.Scope, scope):
		return Step{}, outcome.New(outcome.Invalid, "Invalid scope")
	}
	err = s.Store.InTx(ctx, func(tx *store.Tx) error {
		set, err := tx.SetLoginScope(ctx, login.ID, scope)
		if err == nil && !set {
			err = outcome.New(outcome.Invalid, "Login granted")
		}
		if err == nil {
			step, err = s.advance(ctx, tx, login.ID, who, nil)
		}
		return err
	})
	return step, err
}
