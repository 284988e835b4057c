package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"strings"

	"github.com/spf13/cobra"

	"github.com/admitdev/admit/admin"
	"github.com/admitdev/admit/admin/projectfile"
	"github.com/admitdev/admit/pkg/clock"
	"github.com/admitdev/admit/pkg/config"
	"github.com/admitdev/admit/pkg/store"
)

var errMoved = errors.New("the project has changed since the difference was shown; nothing was changed")

func applyCommand(version string, environ []string, load loader) *cobra.Command {
	var file string
	var yes, dryRun bool
	apply := &cobra.Command{
		Use:   "apply -f project.yaml",
		Short: "Make projects what a file says, after showing the difference",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := load(cmd)
			if err != nil {
				return err
			}
			read, err := readProjects(file, environ)
			if err != nil {
				return err
			}
			if dryRun {
				if err := onlyLook(cmd.Context(), c, cmd.ErrOrStderr()); err != nil {
					return err
				}
			}
			s, err := New(cmd.Context(), Options{Config: c, Clock: clock.System{}, Log: warnings(logger(c, cmd.ErrOrStderr())), Version: named(version)})
			if err != nil {
				return err
			}
			a := applying{s, read, cmd.OutOrStdout()}
			_, err = a.ask(cmd.Context(), cmd.InOrStdin(), yes, dryRun)
			return errors.Join(err, s.Close())
		},
	}
	apply.Flags().StringVarP(&file, "file", "f", "", "the project file")
	apply.Flags().BoolVarP(&yes, "yes", "y", false, "change it without asking")
	apply.Flags().BoolVar(&dryRun, "dry-run", false, "show the difference and change nothing")
	apply.MarkFlagsMutuallyExclusive("yes", "dry-run")
	_ = apply.MarkFlagRequired("file") // it is declared above
	return configured(apply, flagDatabase, "base-url", "app-url", "app-name", "smtp-url", "allow-private-urls", flagLogLevel, flagLogFormat)
}

// onlyLook keeps a dry run from making or migrating a database: where there is none, one in memory stands for it.
func onlyLook(ctx context.Context, c *config.Config, log io.Writer) error {
	if errors.Is(found(c.DatabaseURL), os.ErrNotExist) {
		c.DatabaseURL = "sqlite::memory:"
		return nil
	}
	return withStore(ctx, c, log, func(rows *store.Store) error {
		states, err := rows.MigrationStatus(ctx)
		if err != nil {
			return fmt.Errorf("read the migrations: %w", err)
		}
		for _, state := range states {
			if state.Applied.IsZero() {
				return errors.New("migrations of the database wait, which a dry run does not apply; admit migrate up does")
			}
		}
		return nil
	})
}

func readProjects(name string, environ []string) (*projectfile.File, error) {
	content, err := os.ReadFile(name) //nolint:gosec // the operator names the file
	if err != nil {
		return nil, fmt.Errorf("read the project file: %w", err)
	}
	variables := map[string]string{}
	for _, entry := range environ {
		name, value, _ := strings.Cut(entry, "=")
		variables[name] = value
	}
	return projectfile.Read(name, content, func(name string) (string, bool) {
		value, ok := variables[name]
		return value, ok
	})
}

// applying is a project file on its way into a database.
type applying struct {
	*Server
	file *projectfile.File
	out  io.Writer
}

// ask shows the difference and makes it go, if it may; it gives what the projects are then.
func (a applying) ask(ctx context.Context, in io.Reader, yes, dryRun bool) ([]admin.Difference, error) {
	planned, err := a.plan(ctx)
	if err != nil {
		return nil, err
	}
	switch {
	case !differs(planned):
		fmt.Fprintln(a.out, "Nothing to do.")
		return planned, nil
	case dryRun:
		return planned, nil
	case !yes:
		if err := confirm(in, a.out, "Change this?", "nothing was changed"); err != nil {
			return nil, err
		}
	}
	return a.apply(ctx, planned)
}

// plan goes through all projects before anything is changed in one.
func (a applying) plan(ctx context.Context) ([]admin.Difference, error) {
	var all []admin.Difference
	var faults []error
	for _, draft := range a.file.Projects {
		planned, err := a.services.PlanProject(ctx, draft)
		if err != nil {
			faults = append(faults, a.file.Locate(err))
			continue
		}
		all = append(all, planned)
	}
	if err := errors.Join(faults...); err != nil {
		return nil, err
	}
	for i, planned := range all {
		printDifference(a.out, a.file.Projects[i].Name, planned)
	}
	return all, nil
}

func differs(all []admin.Difference) bool {
	for _, d := range all {
		if len(d.Changes) > 0 {
			return true
		}
	}
	return false
}

// apply does what was planned, one transaction for each project, and tells what is told once.
func (a applying) apply(ctx context.Context, planned []admin.Difference) ([]admin.Difference, error) {
	for i, draft := range a.file.Projects {
		if len(planned[i].Changes) == 0 {
			continue
		}
		made, err := a.services.ApplyProject(ctx, draft, a.Config.SMTPURL == "", func(now admin.Difference) error {
			if !sameDifference(planned[i], now) {
				return errMoved
			}
			return nil
		})
		if err != nil {
			return nil, a.file.Locate(err)
		}
		planned[i] = made
		printMade(a.out, draft.Name, made)
	}
	return planned, nil
}

// sameDifference says whether the same is done to the same, whatever the ids of what is made.
func sameDifference(a, b admin.Difference) bool {
	if len(a.Changes) != len(b.Changes) {
		return false
	}
	for i := range a.Changes {
		x, y := a.Changes[i], b.Changes[i]
		if x.Action != y.Action || x.Kind != y.Kind || x.Name != y.Name || x.Action == admin.Alter && !reflect.DeepEqual(names(x), names(y)) {
			return false
		}
	}
	return true
}

// names are the elements that change.
func names(c admin.Change) (all []string) {
	for _, field := range c.Fields {
		all = append(all, field.Name)
	}
	return all
}

// Apply makes the projects what the file at ADMIT_APPLY says, before anybody is served.
func (s *Server) Apply(ctx context.Context, environ []string, out io.Writer) ([]admin.Difference, error) {
	if s.Config.Apply == "" {
		return nil, nil
	}
	file, err := readProjects(s.Config.Apply, environ)
	if err != nil {
		return nil, err
	}
	return applying{s, file, out}.ask(ctx, nil, true, false)
}
