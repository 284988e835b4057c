package app

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/admitdev/admit/admin"
)

// marks are how a difference shows what becomes of something.
var marks = map[admin.ChangeAction]string{admin.Make: "+", admin.Alter: "~", admin.Remove: "-"}

// printDifference shows what would be done to a project.
func printDifference(out io.Writer, project string, d admin.Difference) {
	if len(d.Changes) == 0 {
		return
	}
	fmt.Fprintf(out, "Project %s\n\n", project)
	count := map[admin.ChangeAction]int{}
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, c := range d.Changes {
		count[c.Action]++
		fmt.Fprintf(table, "  %s %s\t%s\n", marks[c.Action], c.Kind, plain(c.Name))
		if c.Action != admin.Alter {
			continue
		}
		_ = table.Flush() // out keeps its errors to itself
		for _, field := range c.Fields {
			printField(out, field)
		}
	}
	_ = table.Flush()
	fmt.Fprintf(out, "\n%d to make, %d to change, %d to remove.\n\n", count[admin.Make], count[admin.Alter], count[admin.Remove])
}

func printField(out io.Writer, f admin.FieldChange) {
	if f.Before != "" {
		fmt.Fprintf(out, "      - %s: %s\n", f.Name, plain(f.Before))
	}
	if f.After != "" {
		fmt.Fprintf(out, "      + %s: %s\n", f.Name, plain(f.After))
	}
}

// plain keeps what others wrote from moving the terminal's cursor.
func plain(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f && r < 0xa0 || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069 {
			return '\uFFFD'
		}
		return r
	}, s)
}

// printMade tells what is told this once.
func printMade(out io.Writer, project string, d admin.Difference) {
	fmt.Fprintf(out, "Project %s (%s) is as the file says.\n", project, d.Project)
	for _, c := range d.Changes {
		switch {
		case c.Made.Secret != "":
			fmt.Fprintf(out, "  client %s: id %s, secret %s (shown this once)\n", plain(c.Name), c.Made.ID, c.Made.Secret)
		case c.Kind == "client" && c.Action == admin.Make:
			fmt.Fprintf(out, "  client %s: id %s\n", plain(c.Name), c.Made.ID)
		case c.Made.Link != "":
			fmt.Fprintf(out, "  member %s sets a password within 7 days at\n    %s\n", plain(c.Name), c.Made.Link)
		case c.Made.Mailed:
			fmt.Fprintf(out, "  member %s is mailed an invitation\n", plain(c.Name))
		case c.Made.Known:
			fmt.Fprintf(out, "  member %s has the account that other projects know; an invitation goes by mail alone\n", plain(c.Name))
		}
	}
	fmt.Fprintln(out)
}
