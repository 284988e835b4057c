package admin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/admitdev/admit/fhir/caller"
	"github.com/admitdev/admit/fhir/medplum"
	"github.com/admitdev/admit/pkg/audit"
	"github.com/admitdev/admit/pkg/outcome"
	"github.com/admitdev/admit/pkg/store"
)

// RevokeLogin ends a session of the caller.
//
// Errors: outcome Invalid, NotFound for a login that is not the caller's own.
func (s *SignIn) RevokeLogin(ctx context.Context, who caller.Caller, id string) error {
	var fields outcome.Fields
	fields.Check(uuidForm.MatchString(id), "loginId", "Login ID is required.")
	if err := fields.Err(); err != nil {
		return err
	}
	login, err := s.login(ctx, id)
	if err != nil {
		return err
	}
	if login.UserType+"/"+login.UserID != who.User.Reference {
		return outcome.New(outcome.NotFound, "")
	}
	return s.Store.InTx(ctx, func(tx *store.Tx) error {
		if _, err := tx.RevokeLogin(ctx, login.ID); err != nil {
			return err
		}
		return audit.Record(ctx, tx, audit.Event{
			Project: who.Project, Action: audit.SignOut, Agent: who.User.Reference, Entities: []string{who.User.Reference},
			RemoteAddr: who.RemoteAddr, RequestID: who.RequestID,
		})
	})
}

// ClientInfo is what a sign-in page shows of a client.
type ClientInfo struct {
	WelcomeString string          `json:"welcomeString,omitempty"`
	Logo          json.RawMessage `json:"logo,omitempty"`
}

// ClientInfo reads it.
//
// Errors: outcome NotFound.
func (s *SignIn) ClientInfo(ctx context.Context, id string) (ClientInfo, error) {
	_, ref, err := s.directory.application(ctx, strings.TrimSpace(id))
	if errors.Is(err, store.ErrNotFound) {
		return ClientInfo{}, outcome.New(outcome.NotFound, "")
	}
	if err != nil {
		return ClientInfo{}, err
	}
	found, err := s.Repo.Record(ctx, "show a client on the sign-in page", ref)
	if err != nil {
		return ClientInfo{}, err
	}
	var client struct {
		SignInForm ClientInfo `json:"signInForm"`
	}
	if err := json.Unmarshal(found.Content, &client); err != nil {
		return ClientInfo{}, fmt.Errorf("%s/%s: %w", medplum.TypeClientApplication, id, err)
	}
	return client.SignInForm, nil
}
