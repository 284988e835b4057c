package rest

import (
	"context"

	"github.com/admitdev/admit/pkg/store"
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
	job, err := h.repo.Store.AsyncJob(ctx, project, id)
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
