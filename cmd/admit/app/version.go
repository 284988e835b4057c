package app

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

func versionCommand(version string) *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Args:  cobra.NoArgs,
		Run: func(cmd *cobra.Command, _ []string) {
			fmt.Fprintln(cmd.OutOrStdout(), versionLine(version))
		},
	}
}

func versionLine(version string) string {
	return fmt.Sprintf("admit %s %s %s/%s", named(version), runtime.Version(), runtime.GOOS, runtime.GOARCH)
}

// shortRevision is how many digits tell a commit from others.
const shortRevision = 12

// named is the version, or what the toolchain knows of a build that was given none.
func named(version string) string {
	if version != "" {
		return version
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "devel"
	}
	if info.Main.Version != "" && info.Main.Version != "(devel)" {
		return info.Main.Version
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" && len(s.Value) >= shortRevision {
			return "devel-" + s.Value[:shortRevision]
		}
	}
	return "devel"
}
