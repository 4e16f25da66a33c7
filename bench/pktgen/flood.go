package pktgen

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"
)

// floodTick is how often a flood sends: what an interface card with moderated interrupts hands over at once, more or less.
const floodTick = 250 * time.Microsecond

// floodRing is how many frames wait while the core is held up with others. Of more, a card throws the rest away.
const floodRing = 4096

// Flood sends so many frames a second until the context ends, in bursts a quarter of a millisecond apart. Between them the
// core is free. What is late is made up for like what waits in the ring of an interface card: where the receiver is too slow
// for the flood, it is what the receiver takes.
func (g *Generator) Flood(ctx context.Context, perSecond float64) (Result, error) {
	var r Result
	err := g.inPlace(func() (err error) {
		release, err := keep(g.program)
		if err != nil {
			return fmt.Errorf("keep the program at hand: %w", err)
		}
		defer func() { err = errors.Join(err, release()) }()
		// The default slack is a fifth of a tick.
		if err := unix.Prctl(unix.PR_SET_TIMERSLACK, 1, 0, 0, 0); err != nil {
			return fmt.Errorf("ask for exact timers: %w", err)
		}
		before, err := g.sent()
		if err != nil {
			return err
		}
		start := time.Now()
		given := 0.0 // frames sent or thrown away
		for ctx.Err() == nil {
			due := perSecond*time.Since(start).Seconds() - given
			if due > floodRing {
				given += due - floodRing
				due = floodRing
			}
			if n := uint32(due); n > 0 {
				perFrame, err := testRun(g.program, g.config.Frames[0], n, min(n, batch))
				if err != nil {
					return err
				}
				given += float64(n)
				r.PerFrame = append(r.PerFrame, float64(perFrame))
			}
			pause := unix.NsecToTimespec(int64(floodTick - time.Since(start)%floodTick))
			_ = unix.Nanosleep(&pause, nil) // interrupted, the next burst is early and small
		}
		r.Elapsed = time.Since(start)
		now, err := g.sent()
		r.Sent = now - before
		return err
	})
	slices.Sort(r.PerFrame)
	if err != nil {
		return r, fmt.Errorf("send frames: %w", err)
	}
	return r, nil
}

// loopback is the index of every namespace's first interface.
const loopback = 1

// keep attaches a program where nothing ever comes by, to the loopback of a namespace without a name. The kernel waits for
// grace periods, milliseconds, each time it meets a program in a test run that is attached nowhere (bpf_prog_change_xdp,
// kernel/bpf/dispatcher.c). The thread must be locked; it is in the same namespace afterwards.
func keep(p *ebpf.Program) (release func() error, err error) {
	home, err := unix.Open("/proc/thread-self/ns/net", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	defer unix.Close(home)
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		return nil, err
	}
	there, err := unix.Open("/proc/thread-self/ns/net", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	l, err := link.AttachXDP(link.XDPOptions{Program: p, Interface: loopback, Flags: link.XDPGenericMode})
	if err != nil {
		return nil, errors.Join(err, unix.Close(there))
	}
	release = func() error { return errors.Join(l.Close(), unix.Close(there)) }
	if err := unix.Setns(home, unix.CLONE_NEWNET); err != nil {
		return nil, errors.Join(err, release())
	}
	return release, nil
}
