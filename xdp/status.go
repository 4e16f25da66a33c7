package xdp

import (
	"fmt"
	"slices"
	"strings"

	"rampart/xdp/bpf"
	"rampart/xdp/xsk"
)

// Interface is the state of the fast path on one interface.
type Interface struct {
	Name string
	// Layers are the policy layers whose denials are applied early, none when the fast path is not attached.
	Layers []string
	// Reasons say why not more.
	Reasons []string
	// Mode is how the XDP program is attached, "" when it is not. InUse tells that packets without a verdict go to the
	// sockets, all of them; Queues how many receive queues have one.
	Mode   bpf.Mode
	InUse  bool
	Queues int
	// Events are what the XDP program did. Judged and Denied are the packets that workers looked at; Lost were allowed but
	// could not be given back.
	Events               bpf.Events
	Judged, Denied, Lost uint64
	// Sockets are the kernel's counts, a queue each.
	Sockets []xsk.Statistics
}

// Report implements engine.Reporter: a line for each interface.
func (b *Backend) Report() (lines []string) {
	status, err := b.Status()
	if err != nil {
		return []string{err.Error()}
	}
	for _, i := range status {
		lines = append(lines, i.String())
	}
	return lines
}

// Status reports on every interface that the fast path is wanted on: the configured ones in their order, else those of the
// program's host endpoints.
func (b *Backend) Status() ([]Interface, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	var out []Interface
	for _, name := range b.interfaces() {
		r := b.reports[name]
		r.Name = name
		if g := b.guards[name]; g != nil {
			if err := g.report(&r); err != nil {
				return nil, err
			}
		}
		out = append(out, r)
	}
	return out, nil
}

func (b *Backend) interfaces() []string {
	if len(b.config.Interfaces) > 0 {
		return b.config.Interfaces
	}
	return b.names
}

func (g *guard) report(r *Interface) (err error) {
	r.Mode, r.InUse, r.Queues = g.link.Mode, g.use == full, len(g.workers)
	if r.Events, err = g.fast.Events(); err != nil {
		return err
	}
	for _, w := range g.workers {
		r.Judged += w.judged.Load()
		r.Denied += w.denied.Load()
		r.Lost += w.lost.Load()
		s, err := w.rx.Statistics()
		if err != nil {
			return err
		}
		r.Sockets = append(r.Sockets, s)
	}
	return nil
}

// String is one line for people.
func (i Interface) String() string {
	if i.Mode == "" {
		why := slices.Clone(i.Reasons)
		if len(why) == 0 {
			why = []string{"no program yet"}
		}
		return fmt.Sprintf("%s: nftables decides alone: %s", i.Name, strings.Join(why, "; "))
	}
	use := "waiting for load"
	if i.InUse {
		use = "in use"
	}
	queues := "1 queue"
	if i.Queues != 1 {
		queues = fmt.Sprintf("%d queues", i.Queues)
	}
	s := fmt.Sprintf("%s: %s XDP, %s, %s; denies early: %s; dropped %d early, passed %d", i.Name, i.Mode, queues, use,
		strings.Join(i.Layers, ", "), i.Denied+i.Events[bpf.CachedDeny]+i.Events[bpf.OverloadDropped], i.passed())
	if len(i.Reasons) > 0 {
		s += "; " + strings.Join(i.Reasons, "; ")
	}
	return s
}

// passed are the packets that the stack has got.
func (i *Interface) passed() (n uint64) {
	for e, k := range i.Events {
		switch bpf.Event(e) {
		case bpf.CachedDeny, bpf.OverloadDropped, bpf.Redirected:
		default:
			n += k
		}
	}
	return n + i.Judged - i.Denied - i.Lost
}
