// Package app is the admit command: it reads the configuration, wires the rooms together and
// starts and stops them. It decides nothing else: where a room needs something of another that it
// may not import, it declares an interface, and the answer is plugged in here.
//
//   - The database is migrated before the first request is taken.
//   - On SIGTERM or an interrupt no request is taken any more, those in flight finish, then the
//     jobs, then the database closes.
//   - A fault of the configuration is told whole, and nothing has been touched.
package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/admitdev/admit/pkg/config"
)

// Main runs the command until its end, or until SIGTERM or an interrupt, and returns its exit code.
func Main(version string, args, environ []string, stdout, stderr io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	return Run(ctx, version, args, environ, stdout, stderr)
}

// Run is Main with a context in the place of signals.
func Run(ctx context.Context, version string, args, environ []string, stdout, stderr io.Writer) int {
	root := command(version, environ)
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	if err := root.ExecuteContext(ctx); err != nil {
		fmt.Fprintln(stderr, "admit:", strings.TrimPrefix(err.Error(), "admit: ")) // pkg/client begins so itself
		return 1
	}
	return 0
}

func command(version string, environ []string) *cobra.Command {
	root := &cobra.Command{
		Use:           "admit",
		Short:         "A FHIR R4 server with the identities that may use it",
		Version:       versionLine(version),
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          cobra.NoArgs,
		RunE:          help, // without one, cobra takes an unknown subcommand for a question
	}
	root.SetVersionTemplate("{{.Version}}\n")
	root.SetUsageTemplate(strings.ReplaceAll(root.UsageTemplate(), "FlagUsages ", "FlagUsagesWrapped 80 "))
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return fmt.Errorf("%w; see %s --help", err, cmd.CommandPath())
	})
	load := func(cmd *cobra.Command) (*config.Config, error) {
		c, err := config.Load(environ, cmd.Flags())
		if err != nil {
			return nil, fmt.Errorf("the configuration is wrong\n%w", err)
		}
		return c, nil
	}
	root.AddCommand(
		serveCommand(version, environ, load),
		applyCommand(version, environ, load),
		inviteCommand(environ),
		migrateCommand(load),
		auditCommand(load),
		versionCommand(version),
		healthcheckCommand(load),
	)
	return root
}

func help(cmd *cobra.Command, _ []string) error { return cmd.Help() }

// configured gives a command flags for the settings that it heeds, all of them unless they are named; the
// environment may say any.
func configured(cmd *cobra.Command, names ...string) *cobra.Command {
	cmd.Flags().SortFlags = false
	config.Flags(cmd.Flags(), names...)
	return cmd
}

// What each command that opens the database heeds.
const (
	flagDatabase  = "database-url"
	flagLogLevel  = "log-level"
	flagLogFormat = "log-format"
)

// loader reads the configuration of a command that is about to run.
type loader func(*cobra.Command) (*config.Config, error)

var errUnhealthy = errors.New("the server does not answer")
