package pktgen

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"
)

// floodTick is how often a flood sends: what an interface card with moderated interrupts hands over at once, more or less.
const floodTick = 250 * time.Microsecond

// loopback is the index of every namespace's first interface.
const loopback = 1

// Flood sends so many frames a second until the context ends, in bursts of a quarter of a millisecond. Between them the
// core is free. A burst that is late is made up for, unless it is late by more than four: then the receiver is too slow, and
// the flood is what it takes.
func (g *Generator) Flood(ctx context.Context, perSecond float64) (Result, error) {
	var r Result
	err := g.inPlace(func() (err error) {
		// The kernel waits for grace periods, milliseconds, each time it meets a program in a test run that runs nowhere
		// else (bpf_prog_change_xdp, kernel/bpf/dispatcher.c). So let it run where nothing comes by.
		l, err := link.AttachXDP(link.XDPOptions{Program: g.program, Interface: loopback, Flags: link.XDPGenericMode})
		if err != nil {
			return fmt.Errorf("keep the program at hand: %w", err)
		}
		defer func() { err = errors.Join(err, l.Close()) }()
		// The default slack is a fifth of a tick.
		if err := unix.Prctl(unix.PR_SET_TIMERSLACK, 1, 0, 0, 0); err != nil {
			return fmt.Errorf("ask for exact timers: %w", err)
		}
		before, err := g.sent()
		if err != nil {
			return err
		}
		start := time.Now()
		due, asked := start, 0.0
		for ctx.Err() == nil {
			asked += perSecond * floodTick.Seconds()
			if n := uint32(asked); n > 0 {
				perFrame, err := testRun(g.program, g.config.Frames[0], n, min(n, batch))
				if err != nil {
					return err
				}
				asked -= float64(n)
				r.PerFrame = append(r.PerFrame, float64(perFrame))
			}
			due = due.Add(floodTick)
			wait := time.Until(due)
			if wait < -4*floodTick {
				due = time.Now()
			}
			if wait > 0 {
				pause := unix.NsecToTimespec(wait.Nanoseconds())
				_ = unix.Nanosleep(&pause, nil) // interrupted, it is due a little early
			}
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
