package admin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/admitdev/admit/fhir/medplum"
	"github.com/admitdev/admit/pkg/outcome"
	"github.com/admitdev/admit/pkg/store"
)

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
