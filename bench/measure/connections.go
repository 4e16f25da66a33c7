package measure

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"rampart/bench/filter"
	"rampart/bench/report"
	"rampart/bench/rig"
	"rampart/model"
)

const (
	// connectTime is how long a run makes connections.
	connectTime = 300 * time.Millisecond
	// connectThreads is how many clients, and how many servers, work at once.
	connectThreads = 4
)

// connections measures TCP connections through each system, alone and, when there is to be one, beside a flood.
func (b *bench) connections(ctx context.Context) error {
	return b.beside(ctx, "connections", func(s *seat, p model.Packet, c report.Case) error {
		r, err := s.rig.Connect(ctx, p, connectTime, connectThreads, 0)
		if err != nil {
			return err
		}
		if len(r.Took) == 0 {
			b.doc.Failures = append(b.doc.Failures, fmt.Sprintf("%s, %s of %d rules: no TCP connection was made that the rules allow", s.Name, c.Set, c.Rules))
			return nil
		}
		b.connected(s, c, &r)
		b.result(s.System, report.Connections, c, failed(&r), r.PerSecond())
		return nil
	})
}

// connected notes how long connections took.
func (b *bench) connected(s *seat, c report.Case, r *rig.Connections) {
	took := make([]float64, len(r.Took))
	for i, d := range r.Took {
		took[i] = float64(d.Nanoseconds()) / 1000
	}
	b.result(s.System, report.ConnectP50, c, failed(r), report.Quantile(took, 0.5))
	b.result(s.System, report.ConnectP99, c, failed(r), report.Quantile(took, 0.99))
}

func failed(r *rig.Connections) string {
	if r.Failed == 0 {
		return ""
	}
	return fmt.Sprintf("%d of %d connections failed", r.Failed, r.Failed+len(r.Took))
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
