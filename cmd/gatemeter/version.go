package main

import (
	"cmp"
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// version is set by the linker: -ldflags "-X main.version=1.2.3".
var version = "dev"

func newVersionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print what this binary was built from",
		Args:  noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, err := fmt.Fprintln(cmd.OutOrStdout(), versionText())
			return err
		},
	}
}

// versionText is one line: gatemeter 1.2.3, commit 0123456789ab (changed since), go1.26.0 linux/amd64.
func versionText() string {
	commit, changed := "", ""
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			switch s.Key {
			case "vcs.revision":
				commit = s.Value[:min(len(s.Value), 12)]
			case "vcs.modified":
				if s.Value == "true" {
					changed = " (changed since)"
				}
			}
		}
	}
	return fmt.Sprintf("gatemeter %s, commit %s%s, %s %s/%s",
		version, cmp.Or(commit, "unknown"), changed, runtime.Version(), runtime.GOOS, runtime.GOARCH)
}
