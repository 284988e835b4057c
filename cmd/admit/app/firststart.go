package app

import (
	"context"
	"fmt"
	"io"

	"github.com/admitdev/admit/admin"
	"github.com/admitdev/admit/pkg/outcome"
)

// FirstStart sees to it that there is a super administrator: the configured one, or whoever opens
// the link first. Later starts change nothing.
func (s *Server) FirstStart(ctx context.Context, out io.Writer) error {
	needed, err := s.services.NeedsSetUp(ctx)
	if err != nil || !needed {
		return err
	}
	c := s.Config
	if c.SuperAdmin.Email == "" {
		fmt.Fprintf(out, "\nNobody administers this server yet. Whoever opens this link first becomes its super administrator:\n  %s\n\n",
			c.BaseURL.JoinPath("setup", s.services.SetUpSecret()))
		return nil
	}
	err = s.services.SetUp(ctx, admin.SuperAdmin{
		FirstName: c.AppName, LastName: "Admin",
		Email: c.SuperAdmin.Email, Password: c.SuperAdmin.Password.Reveal(),
		ClientID: c.SuperAdminClient.ID, ClientSecret: c.SuperAdminClient.Secret.Reveal(),
	})
	if outcome.Has(err, outcome.Conflict) { // another process was faster
		return nil
	}
	if err != nil {
		return fmt.Errorf("make the first super administrator (ADMIT_SUPERADMIN_…): %w", err)
	}
	s.Log.Info("the first super administrator is made", "email", c.SuperAdmin.Email)
	return nil
}
