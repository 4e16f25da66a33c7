package main

import (
	"bufio"
	"errors"
	"fmt"
	"slices"
	"strings"

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
		Example: `  rampart convert -f policy.yaml -o hcl > policy.hcl`,
		Args: func(_ *cobra.Command, args []string) error {
			switch {
			case len(args) > 0:
				return &usageError{fmt.Errorf("convert takes no arguments; name files with -f: -f %s", args[0])}
			case len(files) == 0:
				return &usageError{errors.New("nothing to convert; name files with -f")}
			case !slices.Contains(conf.Formats(), output):
				return &usageError{fmt.Errorf("unrecognized output format %q: one of %s", output, strings.Join(conf.Formats(), ", "))}
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
	cmd.Flags().StringArrayVarP(&files, "filename", "f", nil, "policy `PATH`: a file, a directory, or - for standard input; may be repeated")
	cmd.Flags().StringVarP(&output, "output", "o", "", "output `format`: hcl, yaml or json")
	return cmd
}
