package xdp

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"rampart/engine/ir"
	"rampart/model"
	"rampart/xdp/bpf"
)

// Backend keeps the fast path of a host in step with the last program given to Apply. Its methods may be called from
// several goroutines; they run one at a time.
//
// Apply does not fail for an interface that cannot have the fast path: packets there are nftables' alone, and Status says
// why.
type Backend struct {
	config Config

	mu      sync.Mutex
	program *ir.Program
	planner *planner
	stale   bool // planner is of an earlier program
	// prepared is the planner of the program that Hold was told of; held tells that nothing is judged until it is applied.
	prepared *planner
	held     bool
	// conntrack is why the kernel cannot ask conntrack, nil when it can.
	conntrack error
	// notes are there while guards are, unless the kernel cannot take them.
	notes    *bpf.Notes
	noteless bool
	observer observer
	seen     string // fingerprint of the surroundings that the guards were planned by
	names    []string
	guards   map[string]*guard
	reports  map[string]Interface
	retryAt  time.Time
	// retired are the counts of guards that are gone.
	retired map[model.RuleID]ir.Counter
	flows   *flows

	stop    context.CancelFunc
	stopped sync.WaitGroup
}

// Name implements engine.Backend.
func (b *Backend) Name() string { return "xdp" }

// New removes what an earlier process may have left behind. It attaches nothing before Apply.
func New(c Config) (*Backend, error) {
	c, err := c.withDefaults()
	if err != nil {
		return nil, err
	}
	b := &Backend{
		config: c, guards: map[string]*guard{}, reports: map[string]Interface{},
		retired: map[model.RuleID]ir.Counter{}, flows: newFlows(c.FlowRate),
	}
	b.observer.wanted = b.wanted
	if err := inNetNS(c.NetNS, sweep); err != nil {
		return nil, fmt.Errorf("fast path: %w", err)
	}
	ctx, stop := context.WithCancel(context.Background())
	b.stop = stop
	if c.Mode != Off {
		b.stopped.Go(func() { b.watch(ctx) })
	}
	return b, nil
}

// Check implements engine.Backend. No program is refused: what the match tables cannot hold nftables decides.
func (b *Backend) Check(context.Context, *ir.Program) error { return nil }

// Apply puts the program's early denials in force. When it returns, no packet is judged by an older program.
func (b *Backend) Apply(_ context.Context, p *ir.Program) (ir.Receipt, error) {
	start := time.Now()
	b.mu.Lock()
	defer b.mu.Unlock()
	b.program, b.stale, b.held = p, true, false
	if b.config.Mode != Off {
		if err := inNetNS(b.config.NetNS, b.reconcile); err != nil {
			// Better no fast path than an old one.
			b.planner, b.prepared = nil, nil
			err = errors.Join(err, b.detach())
			b.config.Logger.Error("the fast path is off", "error", err)
			b.retryAt = time.Now().Add(retryPause)
		}
	}
	return ir.Receipt{Generation: p.Generation, Hash: p.Hash, Duration: time.Since(start), Objects: len(b.guards)}, nil
}

// Hold implements engine.Holder: it builds the match tables of the program to come, and then leaves every packet to
// nftables until Apply.
func (b *Backend) Hold(_ context.Context, p *ir.Program) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.config.Mode == Off || b.program == nil {
		return nil
	}
	b.held = true
	err := inNetNS(b.config.NetNS, func() error {
		around, err := b.observer.survey()
		if err != nil {
			return err
		}
		next := newPlanner(p, around, b.conntrack, b.config.Limits, b.planner)
		for _, name := range around.names {
			if _, err := next.plan(name); err != nil {
				return err
			}
		}
		b.prepared = next
		return nil
	})
	for _, g := range b.guards {
		g.fast.SetFlags(0)
	}
	if len(b.guards) > 0 {
		err = errors.Join(err, bpf.Quiesce())
	}
	// What workers have already taken they still judge by the old tables; wait for that.
	for _, g := range b.guards {
		g.drain()
	}
	return err
}

// retryPause is how long to wait before something that failed is tried again.
const retryPause = 5 * time.Second

// reconcile makes the guards what the program and the surroundings ask for. The thread is in the namespace.
func (b *Backend) reconcile() error {
	around, err := b.observer.survey()
	if err != nil {
		return err
	}
	if b.planner == nil || b.stale {
		if b.conntrack == nil {
			b.conntrack = b.probe()
		}
		next := b.prepared
		if next == nil || next.program != b.program {
			next = newPlanner(b.program, around, b.conntrack, b.config.Limits, b.planner)
		}
		b.planner, b.prepared, b.stale = next, nil, false
	}
	b.planner.around, b.names = around, around.names
	plans := map[string]*plan{}
	for _, name := range around.names {
		if plans[name], err = b.planner.plan(name); err != nil {
			return err
		}
	}
	// Only now are all deniers known.
	b.planner.finish()
	for _, p := range plans {
		if p.policy != nil {
			p.policy.deniers = b.planner.deniers.List()
		}
	}
	b.seen = around.fingerprint()
	for name, g := range b.guards {
		if !slices.Contains(around.names, name) {
			b.drop(g)
		}
	}
	for _, name := range around.names {
		b.settle(name, plans[name], around)
	}
	if len(b.guards) > 0 {
		if err := bpf.Quiesce(); err != nil {
			return err
		}
	}
	// Attaching is part of the fingerprint.
	if around, err = b.observer.survey(); err != nil {
		return err
	}
	b.seen = around.fingerprint()
	return nil
}

// wanted are the interfaces of the configuration, or else those of the program's host endpoints.
func (b *Backend) wanted(s *surroundings) (names []string) {
	if len(b.config.Interfaces) > 0 {
		return b.config.Interfaces
	}
	seen := map[string]bool{}
	for _, e := range b.program.Endpoints {
		switch {
		case e.Workload:
		case e.Interface == "*":
			for name := range s.links {
				seen[name] = endpointOf(b.program, name) == e && s.obstacle(name) == "" && s.links[name].Attrs().Alias != alias || seen[name]
			}
		case e.Interface != "":
			seen[e.Interface] = true
		}
	}
	for _, name := range slices.Sorted(maps.Keys(seen)) {
		if seen[name] {
			names = append(names, name)
		}
	}
	return names
}

// probe loads the XDP program once, to find out what the kernel can do.
func (b *Backend) probe() error {
	f, err := bpf.Load(bpf.Options{Verdicts: 16, Slots: 1, NoConntrack: b.config.NoConntrack})
	if err != nil {
		return err
	}
	defer f.Close()
	return f.Conntrack()
}

// settle brings one interface to its plan. What goes wrong is said in its report.
func (b *Backend) settle(name string, p *plan, around *surroundings) {
	g := b.guards[name]
	l := around.links[name]
	if g != nil && (p.policy == nil || l == nil || l.Attrs().Index != g.ifindex || g.dead() != nil) {
		b.drop(g)
		g = nil
	}
	r := Interface{Name: name, Layers: p.layers, Reasons: p.limits}
	switch {
	case p.policy == nil:
	case g != nil:
		g.fast.SetInterface(l.Attrs().HardwareAddr, frameMax)
		if err := g.apply(p.policy, b.program.Options.FailsafeIn); err != nil {
			r.Reasons = append(r.Reasons, err.Error())
			b.drop(g)
			g = nil
		}
	default:
		var err error
		if g, err = newGuard(b.config, b.flows, l, p.policy, b.program.Options.FailsafeIn, b.note()); err != nil {
			r.Reasons = append(r.Reasons, err.Error())
			b.config.Logger.Warn("no fast path on an interface", "interface", name, "error", err)
			b.retryAt = time.Now().Add(retryPause)
			g = nil
			break
		}
		b.guards[name] = g
		g.log.Info("fast path attached", "mode", g.link.Mode, "queues", len(g.workers), "layers", p.layers)
	}
	if g == nil {
		r.Layers = nil
	}
	b.reports[name] = r
}

// note begins to take notes of new connections, for all guards.
func (b *Backend) note() *bpf.Notes {
	if b.notes == nil && !b.noteless && b.conntrack == nil {
		var err error
		if b.notes, err = bpf.NewNotes(); err != nil {
			b.noteless = true
			b.config.Logger.Info("cached denials cost a question to conntrack each", "error", err)
		}
	}
	return b.notes
}

// drop detaches a guard and keeps its counts.
func (b *Backend) drop(g *guard) {
	delete(b.guards, g.name)
	if err := errors.Join(g.counters(b.retired), g.close()); err != nil {
		g.log.Warn("detaching the fast path", "error", err)
	}
	g.log.Info("fast path detached")
}

// detach drops all guards.
func (b *Backend) detach() error {
	return inNetNS(b.config.NetNS, func() error {
		for _, g := range slices.Collect(maps.Values(b.guards)) {
			b.drop(g)
		}
		if b.notes == nil {
			return nil
		}
		err := b.notes.Close()
		b.notes = nil
		return err
	})
}

// tick is how often the backend looks at the load; at the surroundings it looks every fifth time.
const tick = 50 * time.Millisecond

// watch follows the load and the surroundings.
func (b *Backend) watch(ctx context.Context) {
	clock := time.NewTicker(tick)
	defer clock.Stop()
	for n := 0; ; n++ {
		select {
		case <-ctx.Done():
			return
		case now := <-clock.C:
			b.flows.refill()
			b.look(now, n%5 == 0)
		}
	}
}

// look adapts to the load and, when asked to look around too, to the surroundings.
func (b *Backend) look(now time.Time, around bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.program == nil || b.held {
		return
	}
	for name, g := range maps.Clone(b.guards) {
		if err := errors.Join(g.dead(), g.adapt(now)); err != nil {
			b.giveUp(name, g, err, now)
		}
	}
	if !around {
		return
	}
	err := inNetNS(b.config.NetNS, func() error {
		s, err := b.observer.survey()
		if err != nil {
			return err
		}
		due := !b.retryAt.IsZero() && now.After(b.retryAt)
		if s.fingerprint() == b.seen && !due {
			return nil
		}
		b.retryAt = time.Time{}
		return b.reconcile()
	})
	if err != nil {
		b.config.Logger.Error("the fast path is off", "error", errors.Join(err, b.detach()))
		b.retryAt, b.seen = now.Add(retryPause), ""
	}
}

// giveUp detaches a guard that does not work, and tries again in a while.
func (b *Backend) giveUp(name string, g *guard, why error, now time.Time) {
	g.log.Warn("the fast path does not work", "error", why)
	err := inNetNS(b.config.NetNS, func() error { b.drop(g); return nil })
	r := b.reports[name]
	r.Layers, r.Reasons = nil, append(slices.Clone(r.Reasons), errors.Join(why, err).Error())
	b.reports[name] = r
	b.retryAt = now.Add(retryPause)
	// The detached program is no reason to plan again before that.
	if s, err := b.surveyed(); err == nil {
		b.seen = s.fingerprint()
	}
}

func (b *Backend) surveyed() (s *surroundings, err error) {
	err = inNetNS(b.config.NetNS, func() error { s, err = b.observer.survey(); return err })
	return s, err
}

// Counters implements engine.CounterReader.
func (b *Backend) Counters(context.Context) (map[model.RuleID]ir.Counter, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	out := maps.Clone(b.retired)
	for _, g := range b.guards {
		if err := g.counters(out); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// Clear implements engine.Clearer: it detaches everything until the next Apply.
func (b *Backend) Clear(context.Context) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.program, b.planner, b.prepared = nil, nil, nil
	return b.detach()
}

// Close detaches everything: without the daemon there is nobody to judge. What nftables has stays in force.
func (b *Backend) Close() error {
	b.stop()
	b.stopped.Wait()
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.detach()
}
