package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"rampart/conf"
)

// env is everything a command takes from its surroundings, so that tests run the real command in-process.
type env struct {
	args           []string
	stdin          io.Reader
	stdout, stderr io.Writer
}

// open opens a file to read, "-" for the standard input.
func (e *env) open(file string) (io.ReadCloser, error) {
	if file == "-" {
		return io.NopCloser(e.stdin), nil
	}
	return os.Open(file)
}

// read reads a file of policies, and of one that is too long as much as shows that it is.
func (e *env) read(file string) ([]byte, error) {
	in, err := e.open(file)
	if err != nil {
		return nil, err
	}
	defer in.Close()
	return io.ReadAll(io.LimitReader(in, conf.MaxFileSize+1))
}

// exitError carries an exit code whose explanation has already been printed.
type exitError struct{ code int }

func (e *exitError) Error() string { return fmt.Sprintf("exit status %d", e.code) }

// run executes one command line and returns the exit code: 0 success, 1 failure, 2 wrong usage.
func run(ctx context.Context, e *env) int {
	out := &output{Writer: e.stdout}
	inner := *e
	inner.stdout = out
	root := newRootCommand(&inner)
	root.SetArgs(e.args)
	cmd, err := root.ExecuteContextC(ctx)
	if err == nil {
		err = out.err
	}
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
		fmt.Fprintf(e.stderr, "see \"%s --help\"\n", cmd.CommandPath())
		return 2
	}
	return 1
}

// usageError marks a wrong command line.
type usageError struct{ error }

func usagef(format string, args ...any) error { return &usageError{fmt.Errorf(format, args...)} }

func newRootCommand(e *env) *cobra.Command {
	root := &cobra.Command{
		Use:   "rampart",
		Short: "A host firewall on nftables and AF_XDP, with policies in Calico's model",
		Long: `Rampart guards a host and its workloads with ordered, label-selected policies written in HCL or YAML.

Exit codes: 0 success; 1 the command failed or found something wrong; 2 wrong usage.`,
		Example: `  rampart check -f policy.yaml
  rampart run -f policy.yaml
  rampart status`,
		SilenceUsage:  true,
		SilenceErrors: true,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return unknownCommand(cmd, args[0])
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error { // without a command there is nothing to do but to tell which there are
			cmd.SetOut(e.stderr)
			return errors.Join(cmd.Help(), &exitError{2})
		},
		CompletionOptions: cobra.CompletionOptions{DisableDefaultCmd: true},
	}
	root.SetIn(e.stdin)
	root.SetOut(e.stdout)
	root.SetErr(e.stderr)
	root.SetFlagErrorFunc(flagError)
	root.SetHelpCommand(newHelpCommand())
	// The root is runnable only to say that a command is missing.
	root.SetUsageTemplate(strings.Replace(root.UsageTemplate(), "{{if .Runnable}}", "{{if and .Runnable .HasParent}}", 1))
	root.AddCommand(newRunCommand(e))
	root.AddCommand(newStatusCommand(e))
	root.AddCommand(newManCommand())
	root.AddCommand(newVersionCommand(e))
	root.AddCommand(newCheckCommand(e), newConvertCommand(e), newFormatCommand(e), newGetCommand(e))
	root.AddCommand(newSelectorCommand(e))
	root.AddCommand(newRenderCommand(e))
	root.AddCommand(newExplainCommand(e))
	root.AddCommand(newCompletionCommand(e))
	return root
}
