package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/spf13/cobra"

	"github.com/admitdev/admit/fhir/medplum"
	"github.com/admitdev/admit/pkg/audit"
	"github.com/admitdev/admit/pkg/secret"
	"github.com/admitdev/admit/pkg/store"
)

var errAudit = errors.New("the audit records are not as they were written")

func auditCommand(load loader) *cobra.Command {
	var project string
	verify := &cobra.Command{
		Use:   "verify",
		Short: "Look for audit records that were changed, removed, added or reordered",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := load(cmd)
			if err != nil {
				return err
			}
			if project != "" && !store.ValidProject(project) {
				return fmt.Errorf("--project: %q is no id of a project", project)
			}
			if err := found(c.DatabaseURL); err != nil {
				return fmt.Errorf("ADMIT_DATABASE_URL: %w", err)
			}
			return withStore(cmd.Context(), c, cmd.ErrOrStderr(), func(rows *store.Store) error {
				return verifyAudit(cmd.Context(), rows, project, cmd.OutOrStdout())
			})
		},
	}
	verify.Flags().StringVar(&project, "project", "", "id of the project to look at; all of them without")
	records := &cobra.Command{Use: "audit", Short: "Look at the audit records", Args: cobra.NoArgs, RunE: help}
	records.AddCommand(configured(verify, flagDatabase, flagLogLevel, flagLogFormat))
	return records
}

// verifyAudit prints a line for each project and one for each finding.
func verifyAudit(ctx context.Context, rows *store.Store, project string, out io.Writer) error {
	key, err := secret.OpenBox(ctx, rows)
	if err != nil {
		return fmt.Errorf("open the server key: %w", err)
	}
	projects, err := audited(ctx, rows, project)
	if err != nil {
		return err
	}
	if len(projects) == 0 {
		fmt.Fprintln(out, "no record has been sealed yet; a running server seals them")
	}
	wrong := 0
	for _, project := range projects {
		head, findings, err := audit.Verify(ctx, rows, key, project)
		if err != nil {
			return fmt.Errorf("project %s: %w", project, err)
		}
		if len(findings) == 0 {
			fmt.Fprintf(out, "project %s: %d records, head %s: as they were written\n", project, head.Seq, head.Hash)
		}
		for _, f := range findings {
			fmt.Fprintf(out, "project %s: %s\n", project, f)
		}
		wrong += len(findings)
	}
	if wrong > 0 {
		return errAudit
	}
	return nil
}

// audited are the projects that have a chain, or the one that is asked for: a slip in its id must not pass for a
// chain without faults.
func audited(ctx context.Context, rows *store.Store, project string) ([]string, error) {
	projects, err := rows.AuditedProjects(ctx)
	if err != nil || project == "" {
		return projects, err
	}
	if !slices.Contains(projects, project) {
		_, err = rows.Get(ctx, store.Ref{Project: store.SystemProject, Type: medplum.TypeProject, ID: project}, nil)
	}
	if errors.Is(err, store.ErrNotFound) {
		err = fmt.Errorf("--project: there is no project %s", project)
	}
	return []string{project}, err
}
