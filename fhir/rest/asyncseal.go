package rest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"

	"github.com/labstack/echo/v4"

	"github.com/admitdev/admit/fhir/caller"
	"github.com/admitdev/admit/fhir/medplum"
	"github.com/admitdev/admit/pkg/outcome"
	"github.com/admitdev/admit/pkg/store"
	"github.com/admitdev/admit/pkg/web"
)

// Box seals what must be had in the plain again; *secret.Box implements it.
type Box interface {
	Seal(plain []byte, place string) []byte
	Open(sealed []byte, place string) ([]byte, error)
}

func placeOfJob(project, id string) string { return "async_job/" + project + "/" + id }

// sealJob seals the request or the answer of a job; nothing stays nothing.
func (h *Handler) sealJob(project, id string, plain []byte) []byte {
	if len(plain) == 0 {
		return plain
	}
	return h.box.Seal(plain, placeOfJob(project, id))
}

// keptJob reads a job with its request and answer in the plain.
//
// Errors: store.ErrNotFound.
func (h *Handler) keptJob(ctx context.Context, project, id string) (store.AsyncJob, error) {
	return h.opened(h.repo.Store.AsyncJob(ctx, project, id))
}

// opened is a job that was read, in the plain.
func (h *Handler) opened(job store.AsyncJob, err error) (store.AsyncJob, error) {
	if err != nil || !job.Sealed {
		return job, err
	}
	for _, part := range []*[]byte{&job.Request, &job.Answer} {
		if len(*part) == 0 {
			continue
		}
		if *part, err = h.box.Open(*part, placeOfJob(job.Project, job.ID)); err != nil {
			return job, err
		}
	}
	return job, nil
}

// rights is a mark of what a caller may see.
func rights(who caller.Caller) ([]byte, error) {
	var policy medplum.AccessPolicy
	if who.Policy != nil {
		policy = who.Policy.Describe()
	}
	raw, err := json.Marshal(struct {
		Policy     medplum.AccessPolicy
		Linked     []caller.Link
		SuperAdmin bool
	}{policy, who.Linked, who.SuperAdmin})
	sum := sha256.Sum256(raw)
	return sum[:], err
}

// marked is an answer behind the mark of whom it was made for: it is kept for days, in which what its
// caller may see can become less.
func marked(who caller.Caller, answer []byte) ([]byte, error) {
	mark, err := rights(who)
	return append(mark, answer...), err
}

// unmarked is the answer for its caller as he is now; for one who may see other things now it is that
// there is none. An answer to somebody who was let in no more tells nothing.
func unmarked(c echo.Context, answer []byte) (content []byte, whole bool, err error) {
	for _, who := range []caller.Caller{caller.From(c), {}} {
		mark, err := rights(who)
		if err != nil {
			return nil, false, err
		}
		if content, whole = bytes.CutPrefix(answer, mark); whole {
			return content, true, nil
		}
	}
	content, err = web.MarshalOutcome(c, outcome.New(outcome.Forbidden, "What you may see has changed since the answer was made: ask again"))
	return content, false, err
}
