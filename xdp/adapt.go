package xdp

import (
	"time"

	"rampart/xdp/bpf"
)

// use is which packets without a verdict go to the sockets.
type use uint8

const (
	none   use = iota
	sample     // one in bpf.SampleOf, to see whether it would be worth while
	full
)

// load counts packets that have come since the guard was made.
type load struct {
	undecided uint64 // had no verdict
	denied    uint64 // were denied by a worker, or no worker had room for them
}

// load reads the counts.
func (g *guard) load() (l load, err error) {
	e, err := g.fast.Events()
	if err != nil {
		return l, err
	}
	l.denied = e[bpf.OverloadPassed] + e[bpf.OverloadDropped]
	l.undecided = l.denied + e[bpf.Undecided] + e[bpf.Redirected]
	for _, w := range g.workers {
		l.denied += w.denied.Load()
	}
	return l, nil
}

// adapt lets the sockets be used as far as the load is worth it, in mode Auto. What counts is packets that are denied: a
// host that is busy with packets that policy allows gains nothing from the detour. As long as nothing goes to the sockets
// nobody knows which those are, so that packets without a verdict call for a sample first.
func (g *guard) adapt(now time.Time) error {
	if g.config.Mode != Auto {
		return nil
	}
	l, err := g.load()
	if err != nil {
		return err
	}
	since := max(now.Sub(g.lastLook).Seconds(), 1e-3)
	rate := func(now, before uint64) uint64 { return uint64(float64(now-before) / since) }
	undecided, denied := rate(l.undecided, g.last.undecided), rate(l.denied, g.last.denied)
	first := g.lastLook.IsZero()
	g.last, g.lastLook = l, now
	if first {
		return nil
	}
	switch {
	case g.use == none && undecided > g.config.AutoOn:
		g.become(sample)
	case g.use == sample && denied*bpf.SampleOf > g.config.AutoOn:
		g.become(full)
		g.log.Info("fast path in use", "denied", denied*bpf.SampleOf)
	case g.use == sample && g.quiet(now, undecided):
		g.become(none)
	case g.use == full && g.quiet(now, denied):
		g.become(sample)
		g.log.Info("fast path idle")
	}
	return nil
}

// quiet tells whether a rate has been below AutoOff for a second.
func (g *guard) quiet(now time.Time, rate uint64) bool {
	if rate >= g.config.AutoOff {
		g.quietSince = time.Time{}
	} else if g.quietSince.IsZero() {
		g.quietSince = now
	}
	return !g.quietSince.IsZero() && now.Sub(g.quietSince) > time.Second
}

func (g *guard) become(u use) {
	g.use, g.quietSince = u, time.Time{}
	g.setFlags(g.policy.Load())
}
