package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"rampart/conf"
)

// defaultConfig is read when neither --config nor -f is given.
const defaultConfig = "/etc/rampart/rampart.hcl"

// runFlags are the flags of the run command.
type runFlags struct {
	config, node, socket string
	files                []string
}

func newRunCommand(e *env) *cobra.Command {
	var flags runFlags
	cmd := &cobra.Command{
		Use:   "run",
		Short: "Run the firewall: put the policy in force and keep it so",
		Long: `Run the daemon in the foreground. It loads the policy, puts it in force in one step, and applies every later
change of the files by itself. A policy with errors changes nothing: the one before stays in force, and "rampart status" and
the log say what is wrong and where. What others change in the firewall's table is put right.

With -f, the policy comes from these files and directories in place of those that the configuration names. Without -f and
--config, the configuration is ` + defaultConfig + `.

SIGHUP reads the policy again; SIGINT and SIGTERM end the daemon. The policy stays in force then, unless the configuration
says on_exit = "clear". Logs go to standard error.

Exit codes: 0 ended by a signal; 1 the daemon could not start, or failed; 2 wrong usage.`,
		Example: `  rampart run -f policy.yaml
  rampart run --config /etc/rampart/rampart.hcl
  rampart run -f policy.d --node web-1 --socket /tmp/rampart.sock`,
		ValidArgsFunction: argumentWords(),
		Args:              noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := flags.load(e)
			if err != nil {
				return err
			}
			// Only the daemon has something to put in order; other commands a signal ends at once, as it does by itself.
			ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM)
			defer stop()
			context.AfterFunc(ctx, stop) // a second signal ends the daemon at once
			return runDaemon(ctx, e, c)
		},
	}
	f := cmd.Flags()
	configFlag(cmd, &flags.config)
	fileFlag(cmd, &flags.files)
	f.StringVar(&flags.node, "node", "", "`NAME` of the node whose endpoints are guarded (default: the configuration's, else the host name)")
	f.StringVar(&flags.socket, "socket", "", "`PATH` of the daemon's socket (default: the configuration's)")
	return cmd
}

// load reads the configuration and lets the flags have the last word.
func (f *runFlags) load(e *env) (*conf.Daemon, error) {
	c := conf.DefaultDaemon()
	path := f.config
	if path == "" && len(f.files) == 0 {
		path = defaultConfig
		if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
			return nil, &usageError{fmt.Errorf("what is the policy? give -f FILE or --config FILE (there is no %s)", path)}
		}
	}
	if path != "" {
		var err error
		if c, err = loadDaemonConfig(e, path); err != nil {
			return nil, err
		}
	}
	if len(f.files) > 0 {
		c.Sources.Files = f.files
	}
	if len(c.Sources.Files) == 0 {
		return nil, fmt.Errorf("%s names no policy: add sources { files = [\"policy.d\"] }, or give -f FILE", path)
	}
	if f.socket != "" {
		c.API.Socket = f.socket
	}
	if f.node != "" {
		c.Node = f.node
	}
	if c.Node == "" {
		name, err := os.Hostname()
		if err != nil {
			return nil, fmt.Errorf("host name: %w; give --node", err)
		}
		c.Node = name
	}
	return c, nil
}

// loadDaemonConfig reads a configuration and prints what is wrong with it.
func loadDaemonConfig(e *env, path string) (*conf.Daemon, error) {
	c, diags := conf.LoadDaemon(path)
	if err := conf.WriteDiagnostics(e.stderr, diags, nil, isTerminal(e.stderr)); err != nil {
		return nil, err
	}
	if c == nil || diags.HasErrors() {
		return nil, &exitError{1}
	}
	return c, nil
}
