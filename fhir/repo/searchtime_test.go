package repo_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/admitdev/admit/fhir/repo/repotest"
	"github.com/admitdev/admit/fhir/search"
	"github.com/admitdev/admit/pkg/outcome"
)

// TestASearchThatTakesTooLongIsInterrupted: the caller is told so, and what follows is not harmed. A
// client that has gone away is another matter.
func TestASearchThatTakesTooLongIsInterrupted(t *testing.T) {
	each(t, func(t *testing.T, w *repotest.World) {
		create(t, w.As(t, w.A.Staff), `{"resourceType":"Basic","code":{"text":"a"}}`)
		s := w.As(t, w.A.Staff)
		request, err := search.Parse([]string{"Basic"}, "_sort=code", "https://admit.example/fhir/R4/")
		require.NoError(t, err)
		w.Repo.SearchTime = time.Nanosecond
		_, err = s.Search(ctx, request)
		wantCode(t, err, outcome.TooCostly)
		_, err = s.Count(ctx, request)
		wantCode(t, err, outcome.TooCostly)
		gone, leave := context.WithCancel(ctx)
		leave()
		_, err = s.Search(gone, request)
		require.ErrorIs(t, err, context.Canceled)
		w.Repo.SearchTime = 0
		found, err := s.Search(ctx, request)
		require.NoError(t, err)
		require.NotEmpty(t, found)
	})
}
