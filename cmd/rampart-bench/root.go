package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"
)

// version is set by the linker.
var version = "development"

// env is everything a command takes from its surroundings, so that tests run the real command in-process.
type env struct {
	args           []string
	stdin          io.Reader
	stdout, stderr io.Writer
}

// usageError marks a wrong command line.
type usageError struct{ error }

// exitError carries an exit code whose explanation has already been printed.
type exitError struct{ code int }

func (e *exitError) Error() string { return fmt.Sprintf("exit status %d", e.code) }

// run executes one command line and returns the exit code: 0 success, 1 failure, 2 wrong usage.
func run(ctx context.Context, e *env) int {
	root := newRootCommand(e)
	root.SetArgs(e.args)
	err := root.ExecuteContext(ctx)
	var exit *exitError
	var usage *usageError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &exit):
		return exit.code
	case errors.Is(err, context.Canceled):
		fmt.Fprintln(e.stderr, "rampart-bench: interrupted; the lab has been removed")
		return 1
	}
	fmt.Fprintf(e.stderr, "rampart-bench: %v\n", err)
	if errors.As(err, &usage) {
		return 2
	}
	return 1
}

func newRootCommand(e *env) *cobra.Command {
	root := &cobra.Command{
		Use:   "rampart-bench",
		Short: "Measure firewalls side by side",
		Long: `Measure rampart and other firewalls side by side on this machine, with the same rules and the same packets, in network
namespaces that are removed afterwards. No network card and no network are needed; root is. Nothing outside the namespaces
is touched.

What a run finds is printed as a table, and written to a directory as an HTML page, plots (SVG, PNG), JSON and CSV.

Exit codes: 0 success; 1 the run failed, or some firewall judged packets wrongly; 2 wrong usage.`,
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.SetOut(e.stdout)
	root.SetErr(e.stderr)
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return &usageError{err} })
	root.Args = func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			return nil
		}
		msg := fmt.Sprintf("unknown command %q", args[0])
		if s := cmd.SuggestionsFor(args[0]); len(s) > 0 {
			msg += fmt.Sprintf("; did you mean %q?", s[0])
		}
		return &usageError{errors.New(msg)}
	}
	root.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
	root.SuggestionsMinimumDistance = 2
	root.CompletionOptions.DisableDefaultCmd = true
	root.AddCommand(newQuickCommand(e), newScaleCommand(e), newFloodCommand(e), newUpdateCommand(e), newMemoryCommand(e), newClassifyCommand(e), newCompareCommand(e), newHoldCommand(e))
	return root
}

// noArgs is cobra.NoArgs with the exit code for wrong usage.
func noArgs(cmd *cobra.Command, args []string) error {
	if err := cobra.NoArgs(cmd, args); err != nil {
		return &usageError{err}
	}
	return nil
}
