package admin

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/admitdev/admit/fhir/caller"
	"github.com/admitdev/admit/fhir/repo"
	"github.com/admitdev/admit/pkg/outcome"
	"github.com/admitdev/admit/pkg/store"
)

// maxKey is the greatest length of an Idempotency-Key.
const maxKey = 255

// answer is what a request came to: the version of the resource that it made.
type answer struct{ Type, ID, Version string }

// idempotent notes the key of a request, nil when it has none. Its fingerprint is keyed, because the
// body may hold a password that could be guessed from a plain digest.
//
// Errors: outcome Invalid.
func (s *Service) idempotent(who caller.Caller, project, key string, body any) (*store.Idempotent, error) {
	if key == "" {
		return nil, nil
	}
	if len(key) > maxKey || !isASCII(key) {
		return nil, outcome.New(outcome.Invalid, "Idempotency-Key must be at most %d printable ASCII characters", maxKey)
	}
	content, err := marshal(body)
	if err != nil {
		return nil, err
	}
	return &store.Idempotent{
		Project: project, Caller: who.Membership.Reference, Key: key, Fingerprint: s.Fingerprints.Fingerprint(content),
	}, nil
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

// once does what a request asks for unless a request with its key has done so within a day: then
// that one's answer is given again.
//
// Errors: outcome BusinessRule for the key of another body.
func once(ctx context.Context, tx *repo.Tx, request *store.Idempotent, do func() (store.Resource, error)) (made store.Resource, err error) {
	first, repeated, err := onceAs(ctx, tx, request, func() (answer, error) {
		made, err = do()
		return answer{made.Type, made.ID, made.Version}, err
	})
	if err != nil || !repeated {
		return made, err
	}
	return tx.System("repeat an answer", request.Project).VRead(ctx, first.Type, first.ID, first.Version)
}

// onceAs is once of what is no resource: it tells what the first request came to.
func onceAs(ctx context.Context, tx *repo.Tx, request *store.Idempotent, do func() (answer, error)) (made answer, repeated bool, err error) {
	if request == nil {
		made, err = do()
		return made, false, err
	}
	before, first, err := tx.Store().Begin(ctx, *request)
	if err != nil {
		return answer{}, false, err
	}
	if !first {
		made, err = firstAnswer(*request, before)
		return made, true, err
	}
	if made, err = do(); err != nil {
		return answer{}, false, err
	}
	text, err := marshal(made)
	if err != nil {
		return answer{}, false, err
	}
	return made, false, tx.Store().Answered(ctx, *request, string(text))
}

func firstAnswer(request store.Idempotent, before store.FirstAnswer) (first answer, err error) {
	if before.Fingerprint != request.Fingerprint {
		return first, outcome.New(outcome.BusinessRule, "Idempotency-Key was used for another request")
	}
	if err := json.Unmarshal([]byte(before.Answer), &first); err != nil {
		return first, fmt.Errorf("first answer to an idempotent request: %w", err)
	}
	return first, nil
}
