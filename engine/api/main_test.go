package api

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"go.uber.org/goleak"

	"rampart/engine/ir"
	"rampart/model"
)

// askEnv makes the test binary a client: it asks the socket named there for the status, prints the outcome and exits.
const askEnv = "RAMPART_TEST_ASK"

func TestMain(m *testing.M) {
	if socket := os.Getenv(askEnv); socket != "" {
		s, err := NewClient(socket).Status(context.Background(), false)
		if err != nil {
			fmt.Print("refused: ", err)
		} else {
			fmt.Print("answered: ", s.Node)
		}
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}

// fakeDaemon answers from its fields.
type fakeDaemon struct {
	status    Status
	policies  []Policy
	program   *ir.Program
	resources []model.Resource
	counters  []Counter
	reloadErr error
	reloads   int
}

func (d *fakeDaemon) Status(policies bool) Status {
	s := d.status
	if policies {
		s.Policies = d.policies
	}
	return s
}

func (d *fakeDaemon) InForce() (*ir.Program, iter.Seq[model.Resource]) {
	return d.program, slices.Values(d.resources)
}

func (d *fakeDaemon) Counters(context.Context) ([]Counter, error) {
	if d.counters == nil {
		return nil, errors.New("backend counts nothing")
	}
	return d.counters, nil
}

func (d *fakeDaemon) Reload(context.Context) error {
	d.reloads++
	return d.reloadErr
}

// serve runs the API of d on a socket in a fresh directory until the test ends.
func serve(t *testing.T, d Daemon, access Access) (socket string) {
	t.Helper()
	dir, err := os.MkdirTemp("", "rampart-api") // t.TempDir() can be too long for a socket, and closed to other users
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	socket = filepath.Join(dir, "s")
	l, err := Listen(socket, access)
	if err != nil {
		t.Fatal(err)
	}
	serveOn(t, l, d, access)
	return socket
}

func serveOn(t *testing.T, l *net.UnixListener, d Daemon, access Access) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- Serve(ctx, l, d, access, slog.New(slog.DiscardHandler)) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
}
