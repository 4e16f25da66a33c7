package main

import (
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"

	"rampart/conf"
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
			root.Use, root.DisableFlagsInUseLine = root.Name()+" COMMAND", true
			for _, c := range append(root.Commands(), root) {
				c.Long = markdown(c.Long)
			}
			root.Long += overview(root)
			return doc.GenManTree(root, &doc.GenManHeader{Title: "RAMPART", Section: "8", Source: "Rampart", Manual: "System Manager's Manual"}, args[0])
		},
	}
}

// markdown makes the library, which takes help for Markdown, keep the lines that are indented in it as they are.
func markdown(help string) string {
	const asIs = "    "
	var b strings.Builder
	was := ""
	for line := range strings.Lines(help) {
		indented := strings.HasPrefix(line, " ")
		if was != "" && was != "\n" && line != "\n" && indented != strings.HasPrefix(was, " ") {
			b.WriteString("\n")
		}
		if was = line; indented {
			line = asIs + line
		}
		b.WriteString(line)
	}
	return b.String()
}

// overview is what rampart(8) says beside the help: the commands and the files, in the Markdown that the library takes.
func overview(root *cobra.Command) string {
	var b strings.Builder
	b.WriteString("\n\n# COMMANDS\n")
	for _, c := range root.Commands() {
		if c.IsAvailableCommand() {
			fmt.Fprintf(&b, "\n**%s**\n: %s\n", c.Name(), c.Short)
		}
	}
	b.WriteString("\n# FILES\n")
	d := conf.DefaultDaemon()
	for _, f := range [][2]string{
		{defaultConfig, "the daemon's configuration"},
		{d.API.Socket, "the socket that commands reach the daemon through"},
		{d.StateDir, "the last good policy, for a start without its files"},
	} {
		fmt.Fprintf(&b, "\n_%s_\n: %s\n", f[0], f[1])
	}
	return b.String()
}
