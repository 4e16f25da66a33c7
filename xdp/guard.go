package xdp

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"rampart/engine/ir"
	"rampart/model"
	"rampart/xdp/bpf"
)

// guard is the fast path of one interface while it is attached. Its methods belong to the Backend's lock, except where
// they say otherwise.
type guard struct {
	config  Config
	flows   *flows
	log     *slog.Logger
	name    string
	ifindex int
	fast    *bpf.FastPath
	link    *bpf.Link
	back    *handback
	workers []*worker
	queues  int

	policy      atomic.Pointer[policy]
	cacheErrors atomic.Uint64
	askErrors   atomic.Uint64
	generation  uint32
	use         use
	quietSince  time.Time
	last        load
	lastLook    time.Time

	// slots gives counters in the kernel to rules that deny cached flows. They keep them for as long as the guard lives.
	slotMu  sync.Mutex
	slots   map[model.RuleID]uint32
	slotIDs []model.RuleID
	// retired are the counts of policies that are no longer in force.
	retired map[model.RuleID]ir.Counter
}

// frameMax is the longest packet a frame holds: the kernel keeps XDP_PACKET_HEADROOM octets in front.
const frameMax = 2048 - 256

// newGuard attaches the fast path to an interface, with a policy in force. The thread must be in the interface's network
// namespace. Packets are judged when it returns.
func newGuard(c Config, f *flows, l netlink.Link, p *policy, failsafes []ir.Failsafe, notes *bpf.Notes) (g *guard, err error) {
	attrs := l.Attrs()
	g = &guard{
		config: c, flows: f, log: c.Logger.With("interface", attrs.Name), name: attrs.Name, ifindex: attrs.Index,
		slots: map[model.RuleID]uint32{}, retired: map[model.RuleID]ir.Counter{},
		queues: min(max(1, attrs.NumRxQueues), bpf.MaxQueues),
	}
	if c.Queues > 0 {
		g.queues = min(g.queues, c.Queues)
	}
	g.config.Frames = cmp.Or(c.Frames, framesOf(g.queues))
	defer func() {
		if err != nil {
			err = errors.Join(err, g.close())
			g = nil
		}
	}()
	if g.fast, err = bpf.Load(bpf.Options{Verdicts: c.Verdicts, Slots: slots, NoConntrack: c.NoConntrack, Notes: notes}); err != nil {
		return g, err
	}
	g.fast.SetInterface(attrs.HardwareAddr, frameMax)
	if err = g.fast.SetFailsafes(failsafes); err != nil {
		return g, err
	}
	if g.back, err = newHandback(g.ifindex, g.queues, max(attrs.MTU, 1500), c.Mark); err != nil {
		return g, err
	}
	if g.link, err = g.fast.Attach(g.ifindex); err != nil {
		return g, err
	}
	g.install(p)
	if err = g.open(); err != nil {
		return g, err
	}
	if c.Mode == Always {
		g.use = full
	}
	g.setFlags(p)
	return g, nil
}

// open starts a worker for each queue that can have a socket.
func (g *guard) open() error {
	var errs []error
	for q := range g.queues {
		w := &worker{guard: g, queue: q, done: make(chan struct{}), judge: newJudge(batch)}
		err := w.open(g.ifindex, g.back)
		if errors.Is(err, unix.EINVAL) && q > 0 {
			break // a queue that the driver could have and has not
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("queue %d: %w", q, err))
			continue
		}
		g.workers = append(g.workers, w)
		err = g.fast.SetSocket(q, w.rx.FD())
		w.refill(g.fast.Room(q))
		go w.run()
		if err != nil {
			return err
		}
	}
	if len(g.workers) == 0 {
		return errors.Join(errs...)
	}
	if len(errs) > 0 {
		g.log.Warn("some receive queues stay with the kernel", "error", errors.Join(errs...))
	}
	return nil
}

// generic tells whether packets that are given back pass the XDP program again. Any goroutine may ask.
func (g *guard) generic() bool { return g.link.Mode == bpf.Generic }

// install makes a policy the one in force for packets that come from now on.
func (g *guard) install(p *policy) {
	g.generation++
	p.generation = g.generation
	p.slots = make([]atomic.Int32, len(p.deniers))
	p.tallies = newTallies(g.queues, len(p.deniers))
	g.policy.Store(p)
}

// apply replaces the policy. When it returns no worker judges by the old one any more; for the XDP program the caller has
// to wait with bpf.Quiesce.
func (g *guard) apply(p *policy, failsafes []ir.Failsafe) error {
	if err := g.fast.SetFailsafes(failsafes); err != nil {
		return err
	}
	old := g.policy.Load()
	g.install(p)
	// Verdicts of the old generation are void from here on; those that a worker still writes are as well.
	g.fast.SetGeneration(p.generation)
	g.setFlags(p)
	for _, w := range g.workers {
		for w.using.Load() == old {
			time.Sleep(20 * time.Microsecond)
		}
	}
	old.count(g.retired)
	return nil
}

// drain waits, not for ever, until the workers have judged all frames they were given. The XDP program gives them no more.
func (g *guard) drain() {
	for deadline := time.Now().Add(100 * time.Millisecond); time.Now().Before(deadline); time.Sleep(50 * time.Microsecond) {
		var taken, judged uint64
		for _, w := range g.workers {
			taken += g.fast.Room(w.queue).Taken()
			judged += w.judged.Load()
		}
		if judged >= taken {
			return
		}
	}
}

// setFlags tells the XDP program what to do.
func (g *guard) setFlags(p *policy) {
	g.fast.SetGeneration(p.generation)
	flags := bpf.Judge | p.flags()
	switch g.use {
	case sample:
		flags |= bpf.Redirect | bpf.Sample
	case full:
		flags |= bpf.Redirect
	}
	if g.config.DropOnOverload {
		flags |= bpf.OverloadDrop
	}
	g.fast.SetFlags(flags)
}

// slot is the counter of a denier in the kernel, -1 when there is none to be had. Any worker may ask.
func (g *guard) slot(p *policy, denier uint32) int32 {
	at := &p.slots[denier]
	switch s := at.Load(); {
	case s > 0:
		return s - 1
	case s < 0:
		return -1
	}
	g.slotMu.Lock()
	defer g.slotMu.Unlock()
	id := p.deniers[denier].Counter
	s, ok := g.slots[id]
	if !ok {
		if s = uint32(len(g.slotIDs)); s >= g.fast.Slots() {
			at.Store(-1)
			return -1
		}
		g.slots[id] = s
		g.slotIDs = append(g.slotIDs, id)
	}
	at.Store(int32(s) + 1)
	return int32(s)
}

// counters are what the guard has denied since it was made.
func (g *guard) counters(into map[model.RuleID]ir.Counter) error {
	add := func(id model.RuleID, c ir.Counter) {
		have := into[id]
		into[id] = ir.Counter{Packets: have.Packets + c.Packets, Bytes: have.Bytes + c.Bytes}
	}
	for id, c := range g.retired {
		add(id, c)
	}
	g.policy.Load().count(into)
	g.slotMu.Lock()
	ids := slices.Clone(g.slotIDs)
	g.slotMu.Unlock()
	denied, err := g.fast.Denied(len(ids))
	if err != nil {
		return err
	}
	for i, id := range ids {
		add(id, denied[i])
	}
	return nil
}

// close gives the interface back to the kernel. Packets that workers hold are dealt with first.
func (g *guard) close() error {
	var errs []error
	if g.fast != nil {
		g.fast.SetFlags(0)
		if err := bpf.Quiesce(); err != nil {
			errs = append(errs, err)
		}
	}
	// Each socket that closes waits for grace periods, which are long on a busy host: better all wait at once.
	halted := make([]error, len(g.workers))
	var halting sync.WaitGroup
	for i, w := range g.workers {
		halting.Go(func() { halted[i] = errors.Join(g.fast.RemoveSocket(w.queue), w.halt()) })
	}
	halting.Wait()
	errs = append(errs, halted...)
	if g.link != nil {
		errs = append(errs, g.link.Close())
	}
	if g.back != nil {
		errs = append(errs, g.back.close())
	}
	if g.fast != nil {
		errs = append(errs, g.fast.Close())
	}
	return errors.Join(errs...)
}

// dead is why a worker has ended on its own, nil when all work.
func (g *guard) dead() error {
	for _, w := range g.workers {
		if err := w.failed.Load(); err != nil {
			return fmt.Errorf("queue %d: %w", w.queue, *err)
		}
	}
	return nil
}
