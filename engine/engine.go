package engine

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"slices"
	"sync/atomic"
	"time"

	"rampart/engine/api"
	"rampart/engine/ir"
	"rampart/model"
)

// ErrStopped is what Reload returns when the engine does not run.
var ErrStopped = errors.New("the daemon is stopping")

// Engine keeps the policy of its sources in force in its backends. New makes one; Run runs it, once.
type Engine struct {
	config Config
	state  *stateDir
	// stateErr is why there is no state directory although one is configured.
	stateErr error
	metrics  *metrics
	started  time.Time

	snapshot atomic.Pointer[snapshot]
	seats    []*seat
	reloads  chan *ticket
	stopped  chan struct{}
	running  atomic.Bool
}

var _ api.Daemon = (*Engine)(nil)

// snapshot is what the API sees: the state after a step of the loop.
type snapshot struct {
	status api.Status
	// inForce is nil when nothing is; newest is the last program compiled, in force or not.
	inForce *inForce
	newest  *build
}

// New makes an engine. It touches neither sources nor backends, and creates and locks the state directory; an engine that
// cannot have it runs without.
func New(c Config) (*Engine, error) {
	if err := c.check(); err != nil {
		return nil, fmt.Errorf("engine: %w", err)
	}
	state, err := openState(c.StateDir)
	if err != nil {
		// Policy comes first: a host that cannot remember is still a host to guard.
		c.Logger.Error("nothing will be saved for the next start", "error", err)
	}
	e := &Engine{
		config: c, state: state, stateErr: err, started: time.Now(), reloads: make(chan *ticket), stopped: make(chan struct{}),
	}
	for _, b := range c.Backends {
		e.seats = append(e.seats, newSeat(b, c.Logger))
	}
	e.metrics = newMetrics(e)
	e.snapshot.Store(&snapshot{status: api.Status{
		Version: c.Version, Node: c.Node, State: api.Starting, Started: e.started, Sources: []api.Source{}, Backends: []api.Backend{},
	}})
	return e, nil
}

// Run keeps the policy in force until ctx is done, then stops cleanly. What is in force stays in force unless the
// configuration says otherwise.
func (e *Engine) Run(ctx context.Context) error {
	if e.running.Swap(true) {
		return errors.New("engine: Run may be called once")
	}
	return newLoop(e).run(ctx)
}

// Status implements api.Daemon.
func (e *Engine) Status(policies bool) api.Status {
	s := e.snapshot.Load()
	status := s.status
	status.Backends = slices.Clone(status.Backends)
	for i := range status.Backends {
		if r, ok := e.seats[i].backend.(Reporter); ok {
			status.Backends[i].Details = r.Report()
		}
	}
	if policies {
		switch {
		case s.inForce != nil:
			status.Policies = s.inForce.policies()
		case s.newest != nil:
			status.Policies = s.newest.policies()
		}
	}
	return status
}

// InForce implements api.Daemon.
func (e *Engine) InForce() (*ir.Program, iter.Seq[model.Resource]) {
	f := e.snapshot.Load().inForce
	if f == nil {
		return nil, func(func(model.Resource) bool) {}
	}
	return f.program, f.view.All()
}

// Counters implements api.Daemon.
func (e *Engine) Counters(ctx context.Context) ([]api.Counter, error) {
	f := e.snapshot.Load().inForce
	if f == nil {
		return nil, errors.New("no program is in force")
	}
	counters, err := e.readCounters(ctx)
	if err != nil {
		return nil, err
	}
	rules := f.rules()
	out := make([]api.Counter, 0, len(rules))
	for _, r := range rules {
		n := counters[r.rule.ID]
		delete(counters, r.rule.ID)
		out = append(out, api.Counter{
			ID: r.rule.ID.String(), Rule: r.ref, Direction: r.direction, Action: r.rule.Action, Origin: r.rule.Origin.String(),
			Packets: n.Packets, Bytes: n.Bytes,
		})
	}
	return append(out, e.nameCounters(counters)...), nil
}

// Reload implements api.Daemon.
func (e *Engine) Reload(ctx context.Context) error {
	t := &ticket{done: make(chan error, 1)}
	select {
	case e.reloads <- t:
	case <-e.stopped:
		return ErrStopped
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case err := <-t.done:
		return err
	case <-e.stopped:
		return ErrStopped
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Metrics serves the engine's metrics to Prometheus.
func (e *Engine) Metrics() http.Handler { return e.metrics.handler() }
