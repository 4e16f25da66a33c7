package measure

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"rampart/bench/filter"
	"rampart/bench/report"
	"rampart/model"
)

const (
	// connectTime is how long a run makes connections.
	connectTime = 300 * time.Millisecond
	// connectThreads is how many clients, and how many servers, work at once.
	connectThreads = 4
)

// connections measures TCP connections through each system.
func (b *bench) connections(ctx context.Context) error {
	p, ok := b.connectable()
	c := b.Case
	if !ok {
		b.done += b.Repeat * len(b.seats)
		for _, s := range b.seats {
			b.skip(s.System, fmt.Sprintf("connections with %s of %d rules", b.Set, b.Rules), "the rules allow no TCP connection from every port")
		}
		return nil
	}
	for k := range b.Repeat {
		for _, s := range b.seats {
			b.step(fmt.Sprintf("connections: %s, %s of %d rules, %d of %d", s.Name, c.Set, c.Rules, k+1, b.Repeat))
			if err := ctx.Err(); err != nil {
				return err
			}
			if s.Bare {
				continue // there is no connection below the network stack
			}
			r, err := s.rig.Connect(ctx, p, connectTime, connectThreads)
			if err != nil {
				return fmt.Errorf("connections through %s: %w", s.Name, err)
			}
			if len(r.Took) == 0 {
				b.doc.Failures = append(b.doc.Failures, fmt.Sprintf("%s, %s of %d rules: no TCP connection was made that the rules allow", s.Name, c.Set, c.Rules))
				continue
			}
			note := ""
			if r.Failed > 0 {
				note = fmt.Sprintf("%d of %d connections failed", r.Failed, r.Failed+len(r.Took))
			}
			took := make([]float64, len(r.Took))
			for i, d := range r.Took {
				took[i] = float64(d.Nanoseconds()) / 1000
			}
			b.result(s.System, report.Connections, c, note, r.PerSecond())
			b.result(s.System, report.ConnectP50, c, note, report.Quantile(took, 0.5))
			b.result(s.System, report.ConnectP99, c, note, report.Quantile(took, 0.99))
		}
	}
	return nil
}

// connectable finds the first packet of a connection that the rules allow whatever its source port.
func (b *bench) connectable() (model.Packet, bool) {
	r := rand.New(rand.NewPCG(b.Seed, 41))
	for _, place := range []filter.Place{filter.PlaceAny, filter.PlaceNone} {
		flows, err := b.scan.Flows(place, filter.TrafficSYN, 200, b.Seed+1)
		if errors.Is(err, filter.ErrNoSuchPacket) {
			continue
		}
		if err != nil {
			return model.Packet{}, false
		}
	next:
		for _, f := range flows {
			if f.Want != model.Allow {
				continue
			}
			for range 64 {
				p := f.Packet
				p.SrcPort = uint16(1024 + r.IntN(65000-1024))
				if action, _ := b.scan.Decide(&p); action != model.Allow {
					continue next
				}
			}
			return f.Packet, true
		}
	}
	return model.Packet{}, false
}
