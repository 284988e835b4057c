package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"

	"github.com/admitdev/admit/pkg/client"
)

var (
	errRowsFailed = errors.New("some rows were refused")
	errStopped    = errors.New("the import has stopped")
)

// maxShown is how many rows of a list are shown before it is applied.
const maxShown = 20

// inviteFlags are what the command is told.
type inviteFlags struct {
	from, server, project, clientID, charset string
	yes, dryRun                              bool
}

func inviteCommand(environ []string) *cobra.Command {
	var f inviteFlags
	invite := &cobra.Command{
		Use:   "invite --from people.csv --project ID",
		Short: "Invite the people of a list to a project of a server that runs",
		Long: "Invite the people of a list (.csv or .ndjson) to a project of a server that\n" +
			"runs, after showing what that does. Who invites is said by ADMIT_ACCESS_TOKEN,\n" +
			"or by --client-id and ADMIT_CLIENT_SECRET.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			tokens, err := tokensOf(environ, f.clientID)
			if err != nil {
				return err
			}
			i := inviting{client.New(f.server, f.project, tokens).Imports(), f, cmd.OutOrStdout(), cmd.ErrOrStderr()}
			return i.run(cmd.Context(), cmd.InOrStdin())
		},
	}
	flags := invite.Flags()
	flags.StringVar(&f.from, "from", "", "the list")
	flags.StringVar(&f.server, "server", "http://localhost:8103", "address of the server")
	flags.StringVar(&f.project, "project", "", "id of the project")
	flags.StringVar(&f.clientID, "client-id", "", "id of a ClientApplication that administers the project")
	flags.StringVar(&f.charset, "charset", "utf-8", "encoding of the list")
	flags.BoolVarP(&f.yes, "yes", "y", false, "invite without asking")
	flags.BoolVar(&f.dryRun, "dry-run", false, "show what each row would do, and invite nobody")
	invite.MarkFlagsMutuallyExclusive("yes", "dry-run")
	_ = invite.MarkFlagRequired("from") // they are declared above
	_ = invite.MarkFlagRequired("project")
	return invite
}

func tokensOf(environ []string, clientID string) (client.TokenSource, error) {
	variables := map[string]string{}
	for _, entry := range environ {
		name, value, _ := strings.Cut(entry, "=")
		variables[name] = value
	}
	if token := variables["ADMIT_ACCESS_TOKEN"]; token != "" {
		return client.StaticToken(token), nil
	}
	if clientID == "" || variables["ADMIT_CLIENT_SECRET"] == "" {
		return nil, errors.New("say who invites: by ADMIT_ACCESS_TOKEN, or by --client-id and ADMIT_CLIENT_SECRET")
	}
	return client.Credentials(clientID, variables["ADMIT_CLIENT_SECRET"]), nil
}

// inviting is a list on its way to a server.
type inviting struct {
	imports client.Imports
	inviteFlags
	out, progress io.Writer
}

func (i inviting) run(ctx context.Context, in io.Reader) error {
	contentType := "text/csv; charset=" + i.charset
	if strings.HasSuffix(i.from, ".ndjson") || strings.HasSuffix(i.from, ".jsonl") {
		contentType = "application/x-ndjson; charset=" + i.charset
	}
	content, err := os.ReadFile(i.from)
	if err != nil {
		return fmt.Errorf("read the list: %w", err)
	}
	list, err := i.imports.Upload(ctx, contentType, content)
	var refused *client.Error
	if errors.As(err, &refused) && refused.Status == http.StatusNotFound {
		return fmt.Errorf("there is no project %s at %s that this caller administers", i.project, i.server)
	}
	if err != nil {
		return err
	}
	refusals := map[int]string{}
	if list.State == "checked" {
		if refusals, err = i.show(ctx, list); err != nil {
			return err
		}
	} else {
		fmt.Fprintf(i.out, "This list is being imported already: %d of %d rows are done.\n", list.Total-list.Waiting, list.Total)
	}
	switch {
	case i.dryRun:
		return nil
	case !i.yes:
		if err := confirm(in, i.out, "Invite them?", "nobody was invited"); err != nil {
			return err
		}
	}
	if list, err = i.imports.Apply(ctx, list.ID); err != nil {
		return err
	}
	if list, err = i.wait(ctx, list); err != nil {
		return err
	}
	return i.tell(ctx, list, refusals)
}

// show says what the list would do; each row of it when that is all that is wanted. It gives why the rows
// that it has shown as refused are.
func (i inviting) show(ctx context.Context, list client.Import) (refusals map[int]string, err error) {
	rows, err := i.imports.Report(ctx, list.ID)
	if err != nil {
		return nil, err
	}
	shown := 0
	refusals = map[int]string{}
	for _, row := range rows {
		if !i.dryRun && row.Action == "unchanged" {
			continue
		}
		if shown++; shown > maxShown && !i.dryRun {
			continue
		}
		i.line(row)
		if row.Error != "" {
			refusals[row.Line] = row.Error
		}
	}
	if shown > maxShown && !i.dryRun {
		fmt.Fprintf(i.out, "  … and %d more (--dry-run shows all)\n", shown-maxShown)
	}
	fmt.Fprintf(i.out, "%d rows: %d to create, %d to update, %d unchanged, %d in error.\n", list.Total,
		list.Actions["create"], list.Actions["update"], list.Actions["unchanged"], list.Actions["error"])
	return refusals, nil
}

// line is a row as people read it: + is made, ~ updated, = left, ! refused.
func (i inviting) line(row client.ImportRow) {
	mark := map[string]string{"create": "+", "update": "~", "unchanged": "="}[row.Action]
	if row.Error != "" {
		mark = "!"
	}
	whom := row.Email
	if whom == "" {
		whom = row.ExternalID
	}
	if whom != "" {
		whom = "<" + whom + ">"
	}
	said := slices.DeleteFunc([]string{row.ResourceType, row.FirstName, row.LastName, whom}, func(s string) bool { return s == "" })
	text := fmt.Sprintf("  %s line %d: %s", mark, row.Line, strings.Join(said, " "))
	if row.Error != "" {
		if len(said) > 0 {
			text += ": "
		}
		text += row.Error
		if row.Expression != "" {
			text += " (" + row.Expression + ")"
		}
	}
	fmt.Fprintln(i.out, printable(text))
}

// printable keeps what somebody has written into a list from commanding the terminal.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return unicode.ReplacementChar
	}, text)
}

// lookEvery is how often the server is asked how far it is.
const lookEvery = 300 * time.Millisecond

// wait shows the progress until the server has done the list.
func (i inviting) wait(ctx context.Context, list client.Import) (client.Import, error) {
	bar := progressbar.NewOptions(list.Total,
		progressbar.OptionSetWriter(i.progress), progressbar.OptionSetDescription("inviting"), progressbar.OptionShowCount(),
		progressbar.OptionShowIts(), progressbar.OptionSetItsString("rows"), progressbar.OptionSetWidth(30), progressbar.OptionClearOnFinish(),
	)
	look := time.NewTicker(lookEvery)
	defer look.Stop()
	for list.Running() {
		select {
		case <-ctx.Done():
			return list, fmt.Errorf("the server goes on by itself; the same command shows how far it is: %w", ctx.Err())
		case <-look.C:
		}
		var err error
		if list, err = i.imports.Read(ctx, list.ID); err != nil {
			return list, err
		}
		if err := bar.Set(list.Total - list.Waiting); err != nil {
			return list, err
		}
	}
	return list, bar.Finish()
}

// tell says what became of the list, and of each row that was refused unless that has been shown.
func (i inviting) tell(ctx context.Context, list client.Import, refusals map[int]string) error {
	rows, err := i.imports.Report(ctx, list.ID)
	if err != nil {
		return err
	}
	for _, row := range rows {
		if row.State == "failed" && refusals[row.Line] != row.Error {
			i.line(row)
		}
	}
	fmt.Fprintf(i.out, "Import %s is %s: %d created, %d updated, %d unchanged, %d refused.\n", list.ID, list.State,
		list.Actions["create"], list.Actions["update"], list.Actions["unchanged"], list.Failed)
	switch {
	case list.State != "done":
		return fmt.Errorf("%w: %s", errStopped, list.Reason)
	case list.Failed > 0:
		return errRowsFailed
	}
	return nil
}
