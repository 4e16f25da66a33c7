package main

import (
	"bufio"

	"github.com/spf13/cobra"

	"rampart/conf"
)

func newConvertCommand(e *env) *cobra.Command {
	var (
		files  []string
		output string
	)
	cmd := &cobra.Command{
		Use:   "convert -f PATH... -o hcl|yaml|json",
		Short: "Write policy files in another format",
		Long: `Write the resources of policy files in another format, in the order they have, to standard output. What is written says
the same. Comments, and the layout of the input, are not kept; HCL's local values are replaced by what they stand for.

Exit codes: 0 written; 1 the files have errors, which are printed; 2 wrong usage.`,
		Example:           `  rampart convert -f policy.yaml -o hcl > policy.hcl`,
		ValidArgsFunction: argumentWords(),
		Args: func(cmd *cobra.Command, args []string) error {
			switch {
			case len(args) > 0:
				return noArgs(cmd, args)
			case len(files) == 0:
				return usagef("nothing to convert; name files with -f")
			case output == "":
				return usagef("which format? give -o %s", alternatives(conf.Formats()))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error {
			resources, err := loadFiles(cmd.Context(), e, files)
			if err != nil {
				return err
			}
			w := bufio.NewWriter(e.stdout)
			if err := conf.Encode(w, output, resources); err != nil {
				return err
			}
			return w.Flush()
		},
	}
	fileFlag(cmd, &files)
	outputFlag(cmd, &output, "", conf.Formats()...)
	return cmd
}
