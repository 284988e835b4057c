package admin

import (
	"context"
	"errors"

	"github.com/admitdev/admit/fhir/repo"
	"github.com/admitdev/admit/pkg/store"
)

// DialectICure is the setting of a Project, a boolean, that lets iCure's clients in.
const DialectICure = "icure"

// maxSpeakers is how many projects are looked through for a name without a project. Clients of a server
// with more of them must name theirs.
const maxSpeakers = 200

// Listed says whether a project is among those in which the clients of a dialect are looked for: it has it
// switched on, and is no project of super administrators.
func (s *Service) Listed(ctx context.Context, project, dialect string) (bool, error) {
	_, err := s.Store.Owner(ctx, store.Key{Scope: store.SystemProject, Kind: repo.KeyProjectDialect, Value: dialect + "/" + project})
	if errors.Is(err, store.ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

// speakers are the projects that Listed names, oldest first.
func (s *Service) speakers(ctx context.Context, dialect string) ([]string, error) {
	refs, err := s.Store.Owners(ctx, store.SystemProject, repo.KeyProjectDialect, dialect+"/", maxSpeakers)
	ids := make([]string, len(refs))
	for i, ref := range refs {
		ids[i] = ref.ID
	}
	return ids, err
}
