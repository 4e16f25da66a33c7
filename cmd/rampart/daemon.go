package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"sync"
	"syscall"

	"github.com/coreos/go-systemd/v22/daemon"

	"rampart/conf"
	"rampart/engine"
	"rampart/engine/api"
	"rampart/engine/conntrack"
	"rampart/engine/ir"
	"rampart/nft"
	"rampart/xdp"
)

// runDaemon puts the parts together and runs them until ctx is done. Nothing is changed in the kernel before every part
// that can fail has been set up.
func runDaemon(ctx context.Context, e *env, c *conf.Daemon) error {
	logger := newLogger(e, c.Log)
	hangup := make(chan os.Signal, 1) // from now on SIGHUP does not end the process
	signal.Notify(hangup, syscall.SIGHUP)
	defer signal.Stop(hangup)
	if err := preflight(c); err != nil {
		return err
	}
	access, err := apiAccess(c.API)
	if err != nil {
		return err
	}
	claim, err := engine.Claim("inet/" + c.Table)
	if err != nil {
		return err
	}
	defer claim.Close()
	socket, err := api.Listen(c.API.Socket, access)
	if err != nil {
		return err
	}
	defer socket.Close()
	var services sync.WaitGroup
	defer services.Wait()
	ctx, stop := context.WithCancel(ctx)
	defer stop()

	var metrics net.Listener
	if c.Metrics.Listen != "" {
		if metrics, err = listenMetrics(ctx, c.Metrics.Listen); err != nil {
			return err
		}
		defer metrics.Close()
	}
	table := nftConfig(c)
	table.Logger = logger.With("backend", "nft")
	backend, err := nft.New(table)
	if err != nil {
		return err
	}
	backends, err := withFastPath(c, backend, logger)
	if err != nil {
		return errors.Join(err, backend.Close())
	}
	config := engineConfig(e, c, backends, logger)
	for _, b := range backends {
		if f, ok := b.(*xdp.Backend); ok {
			config.Collectors = append(config.Collectors, fastPathMetrics{f})
		}
	}
	config.Notify, config.Rest = frugal(config.Notify)
	if c.ConntrackRevalidate {
		if config.Connections, err = conntrack.New(conntrack.Config{Keep: keepSSHSession(os.Getenv), Logger: logger}); err != nil {
			return errors.Join(fmt.Errorf("conntrack_revalidate: %w", err), closeAll(backends))
		}
	}
	fw, err := engine.New(config)
	if err != nil {
		return errors.Join(err, closeAll(backends))
	}
	serving, stopServing := context.WithCancel(context.WithoutCancel(ctx)) // the API answers until the engine has stopped
	defer stopServing()
	if metrics != nil {
		services.Go(func() { serveMetrics(serving, metrics, fw.Metrics(), logger) })
	}
	services.Go(func() {
		if err := api.Serve(serving, socket, fw, access, logger); err != nil {
			logger.Error("the API is served no longer", "error", err)
		}
	})
	services.Go(func() { reloadOn(ctx, hangup, fw) })

	logger.Info("starting", "node", c.Node, "socket", c.API.Socket, "table", c.Table, "source", c.Sources.Files, "version", versionText())
	err = fw.Run(ctx)
	logger.Info("stopped", "on_exit", c.OnExit)
	return err
}

func engineConfig(e *env, c *conf.Daemon, backends []engine.Backend, logger *slog.Logger) engine.Config {
	config := engine.Config{
		Version: versionText(), Node: c.Node, Options: programOptions(c), Logger: logger,
		Sources:  []engine.Source{policyFiles(e, c, logger)},
		Backends: backends, Links: engine.KernelLinks{},
		StateDir: c.StateDir, ClearOnExit: c.OnExit == conf.OnExitClear, RuleSeries: c.Metrics.Rules,
		Notify: notifyManager,
	}
	if interval, err := daemon.SdWatchdogEnabled(false); err == nil {
		config.Watchdog = interval
	}
	if s, ok := findSSHSession(os.Getenv); ok {
		config.Review = func(p *ir.Program) []string {
			if w := s.warn(p); w != "" {
				return []string{w}
			}
			return nil
		}
	}
	return config
}

func policyFiles(e *env, c *conf.Daemon, logger *slog.Logger) *conf.FileSource {
	return conf.FilesWith(conf.FileOptions{
		Debounce: c.Debounce, Stdin: e.stdin, Watched: true,
		Waiting: func(name string) { logger.Warn("waiting for a pipe that nothing comes through", "file", name) },
	}, c.Sources.Files...)
}

// notifyManager tells systemd, when it started us. A message that does not arrive is not worth stopping for.
func notifyManager(state string) {
	if _, err := daemon.SdNotify(false, state); err != nil {
		fmt.Fprintf(os.Stderr, "rampart: sd_notify: %v\n", err)
	}
}

// reloadOn reads the policy again on each signal. What comes of it is in the log and the status.
func reloadOn(ctx context.Context, hangup <-chan os.Signal, fw *engine.Engine) {
	for {
		select {
		case <-hangup:
			_ = fw.Reload(ctx)
		case <-ctx.Done():
			return
		}
	}
}
