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
func once(ctx context.Context, tx *repo.Tx, request *store.Idempotent, do func() (store.Resource, error)) (store.Resource, error) {
	if request == nil {
		return do()
	}
	before, first, err := tx.Store().Begin(ctx, *request)
	if err != nil {
		return store.Resource{}, err
	}
	if !first {
		return repeat(ctx, tx, *request, before)
	}
	made, err := do()
	if err != nil {
		return store.Resource{}, err
	}
	text, err := marshal(answer{made.Type, made.ID, made.Version})
	if err != nil {
		return store.Resource{}, err
	}
	return made, tx.Store().Answered(ctx, *request, string(text))
}

func repeat(ctx context.Context, tx *repo.Tx, request store.Idempotent, before store.FirstAnswer) (store.Resource, error) {
	if before.Fingerprint != request.Fingerprint {
		return store.Resource{}, outcome.New(outcome.BusinessRule, "Idempotency-Key was used for another request")
	}
	var first answer
	if err := json.Unmarshal([]byte(before.Answer), &first); err != nil {
		return store.Resource{}, fmt.Errorf("first answer to an idempotent request: %w", err)
	}
	return tx.System("repeat an answer", request.Project).VRead(ctx, first.Type, first.ID, first.Version)
}
