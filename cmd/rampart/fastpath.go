package main

import (
	"errors"
	"fmt"
	"io"
	"log/slog"

	"rampart/conf"
	"rampart/engine"
	"rampart/engine/compile"
	"rampart/engine/ir"
	"rampart/model"
	"rampart/xdp"
	"rampart/xdp/xsk"
)

// withFastPath adds the fast path to the backend that holds the policy, when the configuration wants it.
func withFastPath(c *conf.Daemon, authority engine.Backend, logger *slog.Logger) ([]engine.Backend, error) {
	f := c.FastPath
	if f.Mode == conf.FastPathOff {
		return []engine.Backend{authority}, nil
	}
	logger = logger.With("backend", "xdp")
	logger.Info("fast path configured", "mode", f.Mode, "sockets", f.Sockets)
	open := xsk.Open
	if f.Sockets == conf.SocketsAsavie {
		open = xsk.OpenAsavie
	}
	fast, err := xdp.New(xdp.Config{
		Interfaces: f.Interfaces, Mode: xdp.Mode(f.Mode), DropOnOverload: f.OnOverload == conf.OverloadDrop,
		Queues: f.Queues, BusyPoll: f.BusyPoll, FlowRate: f.FlowRate, Open: open, Logger: logger,
	})
	if err != nil {
		return nil, err
	}
	return []engine.Backend{authority, fast}, nil
}

func closeAll(backends []engine.Backend) error {
	var errs []error
	for _, b := range backends {
		errs = append(errs, b.Close())
	}
	return errors.Join(errs...)
}

// writePath prints which path decides about the packet at a host endpoint that has the fast path.
func (w *explainWorld) writePath(out io.Writer, pr model.Probe) error {
	p := compile.Compile(w.view, compile.Host{Node: w.names.nodes[pr.Endpoint]}, ir.Options{})
	early, why, ok := xdp.Explain(p, pr)
	var err error
	switch {
	case !ok:
	case early:
		_, err = fmt.Fprintln(out, "fast path: where it is attached, drops the packet before nftables")
	default:
		_, err = fmt.Fprintf(out, "fast path: leaves the packet to nftables: %s\n", why)
	}
	return err
}
