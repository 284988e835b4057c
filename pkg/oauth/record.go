package oauth

import (
	"context"
	"errors"

	"github.com/admitdev/admit/pkg/audit"
	"github.com/admitdev/admit/pkg/store"
)

// recordRefusal writes down a grant that was refused, and why; it gives the refusal back. A client that
// is not known is not named: what it called itself may be anything.
func (s *Server) recordRefusal(ctx context.Context, r grantRequest, refusal error) error {
	var refused *Error
	if !errors.As(refusal, &refused) {
		return refusal
	}
	e := audit.Event{
		Project: store.SystemProject, Action: audit.SignIn, Outcome: audit.Refused, RemoteAddr: r.address,
		Description: Text(r.form.Get("grant_type"), 64) + ": " + refused.Error(),
	}
	client, err := s.Directory.Client(ctx, r.presented.id)
	if err == nil {
		e.Project, e.Entities = client.Project, []string{typeClient + "/" + client.ID}
	} else if errors.Is(err, store.ErrNotFound) {
		err = nil
	}
	if err = errors.Join(err, audit.RecordAlone(ctx, s.Store, e)); err != nil {
		s.Log.ErrorContext(ctx, "refusal was not recorded", "error", err)
	}
	return refusal
}

// recordClient writes down that a client has signed in, in the transaction that lets it.
func recordClient(ctx context.Context, tx *store.Tx, login store.Login) error {
	client := typeClient + "/" + login.Client
	return audit.Record(ctx, tx, audit.Event{
		Project: login.MembershipProject, Action: audit.SignIn, Agent: client, Entities: []string{client}, RemoteAddr: login.RemoteAddress,
	})
}
