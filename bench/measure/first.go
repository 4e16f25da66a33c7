package measure

import (
	"context"
	"errors"
	"fmt"
	"time"

	"rampart/bench/filter"
	"rampart/bench/pktgen"
	"rampart/bench/report"
	"rampart/model"
)

const (
	// firstPackets is how many first packets a repetition sends, firstRate how many a second: few enough for a host to be
	// called idle.
	firstPackets = 2000
	firstRate    = 4000
	// firstConnections is for how long, and firstPause how far apart, connections are made one after the other.
	firstConnections = 500 * time.Millisecond
	firstPause       = time.Millisecond
)

// idleTraffic is what the report calls connections that are made one at a time.
const idleTraffic = "sparse"

// firsts measures how long the first packet of a flow takes through each system while nothing else goes on, by itself (UDP,
// one way), and as part of a TCP connection.
func (b *bench) firsts(ctx context.Context) error {
	c := b.Case
	c.Match, c.Traffic, c.Size = string(Uniform), string(filter.TrafficUDP), pktgen.StampedMin
	sparse := b.Case
	sparse.Traffic = idleTraffic
	tcp, connectable := b.connectable()
	known := map[model.Packet]bool{}
	for k := range b.Repeat {
		flows, err := b.unknown(known, b.Seed+100+uint64(k))
		if errors.Is(err, filter.ErrNoSuchPacket) {
			b.done += (b.Repeat - k) * len(b.seats)
			return nil
		}
		if err != nil {
			return err
		}
		p99 := map[*seat]float64{}
		for _, s := range b.seats {
			b.step(fmt.Sprintf("first packets: %s, %s of %d rules, %d of %d", s.Name, c.Set, c.Rules, k+1, b.Repeat))
			if err := ctx.Err(); err != nil {
				return err
			}
			if s.Want(model.Allow) == model.Deny {
				continue // nothing arrives
			}
			// A little less than once round: the second packet of a flow is no first one.
			d := time.Duration(0.9 * float64(len(flows)) / firstRate * float64(time.Second))
			_, delays, err := b.paced(s, flows, timetable(firstRate, b.Seed+uint64(k)), d)
			if err != nil {
				return err
			}
			p99[s] = report.Quantile(delays, 0.99) / 1000
			b.result(s.System, report.FirstP50, c, "", report.Quantile(delays, 0.5)/1000)
			b.result(s.System, report.FirstP99, c, "", p99[s])
			if s.Bare || !connectable {
				continue
			}
			r, err := s.rig.Connect(ctx, tcp, firstConnections, 1, firstPause)
			if err != nil {
				return fmt.Errorf("connections through %s: %w", s.Name, err)
			}
			b.connected(s, sparse, &r)
		}
		b.added(c, p99)
	}
	return nil
}

// added notes by how much each 99th percentile is above the baseline's.
func (b *bench) added(c report.Case, p99 map[*seat]float64) {
	for base := range p99 {
		if base.Name != b.doc.Baseline {
			continue
		}
		for _, s := range b.seats {
			if v, ok := p99[s]; ok && s != base {
				b.result(s.System, report.FirstAdded, c, "", v-p99[base])
			}
		}
	}
}

// unknown draws allowed UDP packets of flows that no system has seen.
func (b *bench) unknown(known map[model.Packet]bool, seed uint64) (out []filter.Flow, err error) {
	for _, place := range []filter.Place{filter.PlaceAny, filter.PlaceNone} {
		flows, err := b.scan.Flows(place, filter.TrafficUDP, 2*firstPackets, seed)
		if err != nil && !errors.Is(err, filter.ErrNoSuchPacket) {
			return nil, err
		}
		for _, f := range flows {
			if f.Want == model.Allow && !known[f.Packet] && len(out) < firstPackets {
				known[f.Packet] = true
				out = append(out, f)
			}
		}
	}
	if len(out) == 0 {
		return nil, filter.ErrNoSuchPacket
	}
	return out, nil
}
