package measure

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"rampart/bench/filter"
	"rampart/bench/pktgen"
	"rampart/bench/report"
	"rampart/bench/rig"
	"rampart/model"
)

const (
	// firstPackets is how many first packets a repetition sends through each system, firstRate how many a second: few enough
	// for a host to be called idle.
	firstPackets = 2000
	firstRate    = 4000
	// firstTurn is how long a system's turn is: what disturbs the machine for longer hits them all. The first packets of a
	// turn are not counted.
	firstTurn    = 45 * time.Millisecond
	firstSkipped = 4
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
	var seats []*seat
	for _, s := range b.seats {
		if s.Want(model.Allow) == model.Allow { // else nothing arrives
			seats = append(seats, s)
		}
	}
	tcp, connectable := b.connectable()
	known := map[model.Packet]bool{}
	pool := map[*seat][][]float64{}
	for k := range b.Repeat {
		b.step(fmt.Sprintf("first packets: %s of %d rules, %d of %d", c.Set, c.Rules, k+1, b.Repeat))
		b.done += len(b.seats) - 1
		flows, err := b.unknown(known, b.Seed+100+uint64(k))
		if errors.Is(err, filter.ErrNoSuchPacket) {
			continue
		}
		if err != nil {
			return err
		}
		turns, err := b.alternate(ctx, seats, flows, timetable(firstRate, b.Seed+uint64(k)))
		if err != nil {
			return err
		}
		for i, s := range seats {
			pool[s] = append(pool[s], turns[i]...)
			all := slices.Concat(turns[i]...)
			b.result(s.System, report.FirstP50, c, "", report.Quantile(all, 0.5))
			b.result(s.System, report.FirstP99, c, "", report.Quantile(all, 0.99))
			if s.Bare || !connectable {
				continue
			}
			r, err := s.rig.Connect(ctx, tcp, firstConnections, 1, firstPause)
			if err != nil {
				return fmt.Errorf("connections through %s: %w", s.Name, err)
			}
			b.connected(s, sparse, &r)
		}
	}
	for base := range pool {
		if base.Name != b.doc.Baseline {
			continue
		}
		for _, s := range seats {
			if s != base {
				d := quantileAdded(0.99, pool[s], pool[base], b.Seed)
				b.result(s.System, report.FirstAdded, c, fmt.Sprintf("95 %% confidence: %.2g to %.2g µs", d.low, d.high), d.estimate)
			}
		}
	}
	return nil
}

// alternate sends the flows through every seat, a short turn each, over and over. It returns the delays of every seat's turns, in
// microseconds.
func (b *bench) alternate(ctx context.Context, seats []*seat, flows []filter.Flow, gaps []uint32) (turns [][][]float64, err error) {
	var senders []*rig.Sender
	defer func() {
		for _, s := range senders {
			err = errors.Join(err, s.Close())
		}
	}()
	for _, s := range seats {
		sender, err := s.rig.Sender(rig.Stream{Flows: flows, Size: pktgen.StampedMin, CPU: b.CPU, Realtime: b.Realtime, Gaps: gaps})
		if err != nil {
			return nil, err
		}
		senders = append(senders, sender)
	}
	// A little less than once round: the second packet of a flow is no first one.
	number := max(1, int(0.9*float64(len(flows))/firstRate/firstTurn.Seconds()))
	ends := make([][]uint64, len(seats))
	turns = make([][][]float64, len(seats))
	err = record(seats, len(flows), func(recorders []*pktgen.Recorder) error {
		for range number {
			for i, s := range senders {
				if err := ctx.Err(); err != nil {
					return err
				}
				if _, err := s.Run(firstTurn); err != nil {
					return err
				}
				sent, err := s.Sent()
				if err != nil {
					return err
				}
				ends[i] = append(ends[i], min(sent, uint64(len(flows))))
			}
		}
		for i, rec := range recorders {
			delays, err := rec.Delays(ends[i][number-1])
			if err != nil {
				return err
			}
			from := uint64(0)
			for _, to := range ends[i] {
				turns[i] = append(turns[i], settled(delays[from:to]))
				from = to
			}
		}
		return nil
	})
	return turns, err
}

// record runs fn while all seats have recorders as their sinks.
func record(seats []*seat, frames int, fn func([]*pktgen.Recorder) error) error {
	var recorders []*pktgen.Recorder
	next := func() error { return fn(recorders) }
	for _, s := range slices.Backward(seats) {
		inner := next
		next = func() error {
			return s.rig.Record(frames, true, func(r *pktgen.Recorder) error {
				recorders = append(recorders, r)
				return inner()
			})
		}
	}
	return next()
}

// settled are the delays of a turn in microseconds, without packets that did not arrive and without the first ones, which
// find the processor's caches full of other systems' data.
func settled(delays []uint32) (out []float64) {
	for _, d := range delays[min(firstSkipped, len(delays)):] {
		if d > 0 {
			out = append(out, float64(d)/1000)
		}
	}
	return out
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
