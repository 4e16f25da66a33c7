package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"rampart/bench/report"
)

func newCompareCommand(e *env) *cobra.Command {
	var absolute, anyway bool
	cmd := &cobra.Command{
		Use:   "compare OLD NEW",
		Short: "Compare two reports",
		Long: `Compare two runs by their reports (report.json, or the directory that holds it). Each system is measured by the baseline of its
own run, because a machine differs from itself from day to day. A change counts when the ranges of the repetitions do not
overlap.

Runs from different machines, kernels, seeds or of different flows are refused, unless --anyway is given.`,
		Example: "  rampart-bench compare bench/results/monday bench/results/friday",
		Args: func(cmd *cobra.Command, args []string) error {
			if err := cobra.ExactArgs(2)(cmd, args); err != nil {
				return &usageError{err}
			}
			return nil
		},
		RunE: func(_ *cobra.Command, args []string) error {
			old, err := readReport(args[0])
			if err != nil {
				return err
			}
			new, err := readReport(args[1])
			if err != nil {
				return err
			}
			c, err := report.Compare(old, new, absolute, anyway)
			if err != nil {
				return err
			}
			return c.Write(e.stdout)
		},
	}
	cmd.Flags().BoolVar(&absolute, "absolute", false, "compare figures as they are, not as ratios to the baseline")
	cmd.Flags().BoolVar(&anyway, "anyway", false, "compare runs of different machines or methods all the same")
	return cmd
}

func readReport(path string) (*report.Document, error) {
	if st, err := os.Stat(path); err == nil && st.IsDir() {
		path = filepath.Join(path, "report.json")
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	d, err := report.ReadJSON(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return d, nil
}
