package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"
)

// env is everything a command takes from its surroundings, so that tests run the real command in-process.
type env struct {
	args           []string
	stdin          io.Reader
	stdout, stderr io.Writer
}

// exitError carries an exit code whose explanation has already been printed.
type exitError struct{ code int }

func (e *exitError) Error() string { return fmt.Sprintf("exit status %d", e.code) }

// run executes one command line and returns the exit code: 0 success, 1 failure, 2 wrong usage.
func run(ctx context.Context, e *env) int {
	root := newRootCommand(e)
	root.SetArgs(e.args)
	err := root.ExecuteContext(ctx)
	var exit *exitError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &exit):
		return exit.code
	}
	fmt.Fprintf(e.stderr, "rampart: %v\n", err)
	var usage *usageError
	if errors.As(err, &usage) {
		return 2
	}
	return 1
}

// usageError marks a wrong command line.
type usageError struct{ error }

func newRootCommand(e *env) *cobra.Command {
	root := &cobra.Command{
		Use:   "rampart",
		Short: "A host firewall on nftables and AF_XDP, with policies in Calico's model",
		Long: `Rampart guards a host and its workloads with ordered, label-selected policies written in HCL or YAML.

Exit codes: 0 success; 1 the command failed or found something wrong; 2 wrong usage.`,
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.SetIn(e.stdin)
	root.SetOut(e.stdout)
	root.SetErr(e.stderr)
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return &usageError{err} })
	root.AddCommand(newRunCommand(e))
	root.AddCommand(newStatusCommand(e))
	root.AddCommand(newManCommand())
	root.AddCommand(newVersionCommand(e))
	root.AddCommand(newCheckCommand(e), newConvertCommand(e), newFormatCommand(e), newGetCommand(e))
	root.AddCommand(newSelectorCommand(e))
	root.AddCommand(newRenderCommand(e))
	root.AddCommand(newExplainCommand(e))
	return root
}
