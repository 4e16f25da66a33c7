package main

import (
	"errors"
	"log/slog"

	"rampart/conf"
	"rampart/engine"
	"rampart/xdp"
)

// withFastPath adds the fast path to the backend that holds the policy, when the configuration wants it.
func withFastPath(c *conf.Daemon, authority engine.Backend, logger *slog.Logger) ([]engine.Backend, error) {
	f := c.FastPath
	if f.Mode == conf.FastPathOff {
		return []engine.Backend{authority}, nil
	}
	fast, err := xdp.New(xdp.Config{
		Interfaces: f.Interfaces, Mode: xdp.Mode(f.Mode), DropOnOverload: f.OnOverload == conf.OverloadDrop,
		Queues: f.Queues, BusyPoll: f.BusyPoll, Logger: logger.With("backend", "xdp"),
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
