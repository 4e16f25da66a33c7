package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"
)

// newManCommand writes the manual pages, one a command, from the same text that --help shows. It is for packagers.
func newManCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "man DIRECTORY",
		Short:   "Write the manual pages to a directory",
		Long:    "Write the manual pages, rampart(8) and one for each command, to a directory.\n\nExit codes: 0 success; 1 failure; 2 wrong usage.",
		Example: "  rampart man /usr/share/man/man8",
		Hidden:  true,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usagef("man needs a directory")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := os.MkdirAll(args[0], 0o755); err != nil {
				return fmt.Errorf("man: %w", err)
			}
			root := cmd.Root()
			root.DisableAutoGenTag = true // the pages must not differ from build to build
			return doc.GenManTree(root, &doc.GenManHeader{Title: "RAMPART", Section: "8", Source: "Rampart", Manual: "System Manager's Manual"}, args[0])
		},
	}
}
