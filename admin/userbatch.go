package admin

import (
	"context"
	"errors"

	"github.com/admitdev/admit/fhir/caller"
	"github.com/admitdev/admit/pkg/audit"
	"github.com/admitdev/admit/pkg/outcome"
)

// UserResult is what became of one item of a batch: a user, or why not.
type UserResult struct {
	ID      string
	User    *User // of a create
	Refused *outcome.Outcome
}

// CreateUsers makes several users, each for itself.
//
// Errors: outcome Forbidden, NotFound, Invalid for the batch as a whole.
func (s *Service) CreateUsers(ctx context.Context, who caller.Caller, project string, drafts []UserDraft) ([]UserResult, error) {
	if _, err := s.manage(ctx, who, project, audit.MembershipCreate); err != nil {
		return nil, err
	}
	if err := checkBatch(len(drafts), "users"); err != nil {
		return nil, err
	}
	results := make([]UserResult, len(drafts))
	for i, draft := range drafts {
		made, err := s.CreateUser(ctx, who, project, draft)
		if results[i] = (UserResult{ID: draft.ID, Refused: s.refusal(ctx, err)}); err == nil {
			results[i] = UserResult{ID: made.ID, User: &made}
		}
	}
	return results, nil
}

// DeleteUsers deletes several users, each for itself.
//
// Errors: as CreateUsers'.
func (s *Service) DeleteUsers(ctx context.Context, who caller.Caller, project string, ids []string) ([]UserResult, error) {
	if _, err := s.manage(ctx, who, project, audit.MembershipDelete); err != nil {
		return nil, err
	}
	if err := checkBatch(len(ids), "ids"); err != nil {
		return nil, err
	}
	results := make([]UserResult, len(ids))
	for i, id := range ids {
		results[i] = UserResult{ID: id, Refused: s.refusal(ctx, s.DeleteUser(ctx, who, project, id))}
	}
	return results, nil
}

// refusal is what the caller is told of an error: what is not theirs is logged.
func (s *Service) refusal(ctx context.Context, err error) *outcome.Outcome {
	var refused *outcome.Outcome
	if err == nil || errors.As(err, &refused) {
		return refused
	}
	s.Log.ErrorContext(ctx, "an item of a batch failed", "error", err)
	return outcome.New(outcome.Exception, "")
}
