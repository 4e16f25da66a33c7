package daemon

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"rampart/bench/lab"
	"rampart/engine/api"
)

// Config says what to run.
type Config struct {
	// Binary is the path of rampart; Namespace is where it runs.
	Binary    string
	Namespace *lab.Namespace
	// Dir is a directory of the daemon's own, for its configuration, socket and state. It outlives the daemon.
	Dir string
	// Policy lists policy files and directories; Node is the name of the node to play.
	Policy []string
	Node   string
	// Settings are lines for the daemon's configuration file (HCL), besides where things are.
	Settings string
}

// Daemon is one run of the binary.
type Daemon struct {
	config  Config
	process *lab.Process
	log     *logBuffer
}

// Start runs the daemon. It returns at once; Ready waits for the policy to be in force.
func Start(c Config) (*Daemon, error) {
	file, err := c.write()
	if err != nil {
		return nil, err
	}
	args := []string{"run", "--config", file, "--node", c.Node, "--socket", c.socket()}
	for _, p := range c.Policy {
		args = append(args, "-f", p)
	}
	d := &Daemon{config: c, log: &logBuffer{}}
	cmd := exec.Command(c.Binary, args...)
	cmd.Stdout, cmd.Stderr = d.log, d.log
	if d.process, err = c.Namespace.Start(cmd); err != nil {
		return nil, err
	}
	return d, nil
}

// write makes the daemon's configuration file.
func (c Config) write() (string, error) {
	text := fmt.Sprintf("state_dir = %q\n%s", filepath.Join(c.Dir, "state"), c.Settings)
	path := filepath.Join(c.Dir, "rampart.hcl")
	return path, os.WriteFile(path, []byte(text), 0o600)
}

func (c Config) socket() string { return filepath.Join(c.Dir, "rampart.sock") }

// Ready waits until a program is in force, the daemon has ended or the context is done.
func (d *Daemon) Ready(ctx context.Context) error {
	wait := 30 * time.Second
	if deadline, ok := ctx.Deadline(); ok {
		wait = time.Until(deadline)
	}
	result := make(chan error, 1)
	go func() {
		_, err := d.Command(ctx, "status", "--wait", wait.String())
		result <- err
	}()
	select {
	case err := <-result:
		if err != nil {
			return fmt.Errorf("%w\n%s", err, d.Log())
		}
		return nil
	case <-d.process.Done():
		return fmt.Errorf("the daemon ended: %w\n%s", errors.Join(d.process.Wait()), d.Log())
	}
}

// Command runs another rampart command against the daemon and returns its standard output.
func (d *Daemon) Command(ctx context.Context, command string, args ...string) (string, error) {
	args = append([]string{command, "--socket", d.config.socket()}, args...)
	return d.config.Namespace.Run(ctx, "", d.config.Binary, args...)
}

// Status asks the daemon how it is, policies included.
func (d *Daemon) Status(ctx context.Context) (*api.Status, error) {
	return api.NewClient(d.config.socket()).Status(ctx, true)
}

// Log is what the daemon has written so far.
func (d *Daemon) Log() string { return d.log.String() }

// Reload sends SIGHUP.
func (d *Daemon) Reload() error { return d.process.Signal(syscall.SIGHUP) }

// Stop asks the daemon to end (SIGTERM) and waits for it.
func (d *Daemon) Stop(ctx context.Context) error {
	if err := d.process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	select {
	case <-d.process.Done():
		return d.process.Wait()
	case <-ctx.Done():
		return errors.Join(fmt.Errorf("the daemon does not end: %w\n%s", ctx.Err(), d.Log()), d.process.Kill())
	}
}

// Kill ends the daemon as a crash would (SIGKILL) and waits for its end.
func (d *Daemon) Kill() error { return d.process.Kill() }

// Pid is the daemon's process identifier.
func (d *Daemon) Pid() int { return d.process.Pid() }

// logBuffer may be read while the daemon writes.
type logBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logBuffer) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(b)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}
