package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/admitdev/admit/pkg/clock"
	"github.com/admitdev/admit/pkg/config"
	"github.com/admitdev/admit/pkg/store"
)

func migrateCommand(load loader) *cobra.Command {
	migrate := &cobra.Command{Use: "migrate", Short: "Migrate the database, or list its migrations", Args: cobra.NoArgs, RunE: help}
	on := func(missing string, act func(context.Context, *store.Store, io.Writer) error) func(*cobra.Command, []string) error {
		return func(cmd *cobra.Command, _ []string) error {
			c, err := load(cmd)
			if err != nil {
				return err
			}
			if missing != "" && errors.Is(found(c.DatabaseURL), os.ErrNotExist) {
				c.DatabaseURL = config.Secret(missing)
			}
			return withStore(cmd.Context(), c, cmd.ErrOrStderr(), func(rows *store.Store) error {
				return act(cmd.Context(), rows, cmd.OutOrStdout())
			})
		}
	}
	migrate.AddCommand(
		configured(&cobra.Command{Use: "up", Short: "Apply the migrations that wait", Args: cobra.NoArgs, RunE: on("", migrateUp)}, flagDatabase, flagLogLevel, flagLogFormat),
		configured(&cobra.Command{Use: "status", Short: "List the migrations", Args: cobra.NoArgs, RunE: on("sqlite::memory:", migrateStatus)}, flagDatabase, flagLogLevel, flagLogFormat),
	)
	return migrate
}

// found says what keeps the file of a SQLite database from being found, with its path; whoever only looks makes none.
func found(database config.Secret) error {
	path, ok := strings.CutPrefix(database.Reveal(), "sqlite:")
	if !ok || path == ":memory:" {
		return nil
	}
	_, err := os.Stat(path)
	return err
}

// withStore opens the database, lends it to act and closes it.
func withStore(ctx context.Context, c *config.Config, log io.Writer, act func(*store.Store) error) error {
	rows, err := store.Open(ctx, store.Options{URL: c.DatabaseURL.Reveal(), Clock: clock.System{}, Log: warnings(logger(c, log))})
	if err != nil {
		return fmt.Errorf("open the database: %w", err)
	}
	return errors.Join(act(rows), rows.Close())
}

func migrateUp(ctx context.Context, rows *store.Store, out io.Writer) error {
	if err := rows.Migrate(ctx); err != nil {
		return fmt.Errorf("migrate the database: %w", err)
	}
	return migrateStatus(ctx, rows, out)
}

func migrateStatus(ctx context.Context, rows *store.Store, out io.Writer) error {
	states, err := rows.MigrationStatus(ctx)
	if err != nil {
		return fmt.Errorf("read the migrations: %w", err)
	}
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, state := range states {
		applied := "waits"
		if !state.Applied.IsZero() {
			applied = state.Applied.UTC().Format(time.RFC3339)
		}
		fmt.Fprintf(table, "%d\t%s\t%s\n", state.Version, state.Name, applied)
	}
	return table.Flush()
}
