package main

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// version is set by the linker: -X main.version=….
var version = "dev"

// versionText is the version, that of a development build with the revision of its source as far as that is known.
func versionText() string {
	info, ok := debug.ReadBuildInfo()
	if !ok || version != "dev" {
		return version
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" && s.Value != "" {
			return version + "-" + s.Value[:min(len(s.Value), 12)]
		}
	}
	return version
}

func newVersionCommand(e *env) *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Long: `Print the version of the program, of the Go it was built with, and what it runs on.

Exit codes: 0 printed; 1 it could not be written; 2 wrong usage.`,
		Example:           `  rampart version`,
		ValidArgsFunction: argumentWords(),
		Args:              noArgs,
		RunE: func(*cobra.Command, []string) error {
			_, err := fmt.Fprintf(e.stdout, "rampart %s %s %s/%s\n", versionText(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
			return err
		},
	}
}
