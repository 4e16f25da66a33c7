package rig

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"rampart/bench/filter"
	"rampart/bench/pktgen"
)

// Flood is packets that come at a steady rate beside whatever else the rig is used for, by all queues of the firewall's
// interface alike.
type Flood struct {
	generators []*pktgen.Generator
	perSecond  float64
}

// Flood makes a flood of so many packets a second: the flows in a circle, in frames of the given size. A queue's packets are
// sent by the core of its number, which takes what the firewall does with them, as the core that has the interrupt of a queue
// does. Realtime lets the flood go ahead of processes on its core, as interrupts go.
func (r *Rig) Flood(flows []filter.Flow, size int, perSecond float64, realtime bool) (*Flood, error) {
	f := &Flood{perSecond: perSecond / float64(r.queues)}
	frames := make([][]byte, len(flows))
	for i := range flows {
		flow := pktgen.Flow{SrcMAC: r.generatorMAC, DstMAC: r.inMAC, Packet: flows[i].Packet}
		var err error
		if frames[i], err = flow.Frame(size); err != nil {
			return nil, fmt.Errorf("%v: %w", flow.Packet, err)
		}
	}
	if longest := longest(frames); longest > size {
		return r.Flood(flows, longest, perSecond, realtime)
	}
	for q := range r.queues {
		// Each queue has its share of the flows, as hashing spreads them.
		var share [][]byte
		for i := q; i < len(frames); i += r.queues {
			share = append(share, frames[i])
		}
		if len(share) == 0 {
			share = frames
		}
		g, err := pktgen.New(pktgen.Config{
			NetNS: r.Generator.FD(), Ifindex: r.ifindex, Frames: share, CPU: q, CPUPinned: true, Realtime: realtime,
		})
		if err != nil {
			return nil, errors.Join(err, f.Close())
		}
		f.generators = append(f.generators, g)
	}
	return f, nil
}

// During runs fn while the flood lasts, and returns how many packets a second were sent.
func (f *Flood) During(ctx context.Context, fn func() error) (perSecond float64, err error) {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	var mu sync.Mutex
	var all sync.WaitGroup
	for _, g := range f.generators {
		all.Go(func() {
			r, e := g.Flood(ctx, f.perSecond)
			mu.Lock()
			defer mu.Unlock()
			err = errors.Join(err, e)
			if r.Elapsed > 0 {
				perSecond += r.PerSecond()
			}
		})
	}
	time.Sleep(floodStart)
	e := fn()
	stop()
	all.Wait()
	return perSecond, errors.Join(err, e)
}

// floodStart is how long a flood has been going before anything is done beside it: long enough for what adapts to the load.
const floodStart = 250 * time.Millisecond

// Close frees the generators.
func (f *Flood) Close() error {
	var errs []error
	for _, g := range f.generators {
		errs = append(errs, g.Close())
	}
	return errors.Join(errs...)
}
