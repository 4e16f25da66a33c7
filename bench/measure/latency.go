package measure

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"time"

	"rampart/bench/filter"
	"rampart/bench/pktgen"
	"rampart/bench/report"
	"rampart/bench/rig"
	"rampart/model"
)

// latencyTime is how long a latency run sends.
const latencyTime = 200 * time.Millisecond

// gapCount is the length of the timetable, a power of two.
const gapCount = 4096

// latencies measures how long packets take at half the rate that each system can do. Packets come at random moments, as
// independent senders' do (a Poisson process), one at a time; one that has to wait for another waits in the figure too.
func (b *bench) latencies(ctx context.Context) error {
	flows, err := b.allowedUDP()
	if errors.Is(err, filter.ErrNoSuchPacket) {
		b.done += b.Repeat * len(b.seats)
		return nil
	}
	if err != nil {
		return err
	}
	c := b.Case
	c.Match, c.Traffic, c.Size = string(Uniform), string(filter.TrafficUDP), pktgen.StampedMin
	pace := make([]float64, len(b.seats))
	for k := range b.Repeat {
		for i, s := range b.seats {
			b.step(fmt.Sprintf("latency: %s, %s of %d rules, %d of %d", s.Name, c.Set, c.Rules, k+1, b.Repeat))
			if err := ctx.Err(); err != nil {
				return err
			}
			if s.Want(model.Allow) == model.Deny {
				continue // nothing arrives
			}
			if pace[i] == 0 {
				// As fast as it can, one at a time.
				r, _, err := b.paced(s, flows, []uint32{0}, latencyTime/8)
				if err != nil {
					return err
				}
				pace[i] = 1e9 / r.Quantile(0.5) / 2
			}
			_, delays, err := b.paced(s, flows, timetable(pace[i], b.Seed+uint64(k)), latencyTime)
			if err != nil {
				return err
			}
			b.result(s.System, report.LatencyLoad, c, "", pace[i])
			for name, q := range map[string]float64{report.LatencyP50: 0.5, report.LatencyP99: 0.99, report.LatencyP999: 0.999} {
				b.result(s.System, name, c, "", report.Quantile(delays, q)/1000)
			}
		}
	}
	return nil
}

// allowedUDP draws UDP packets that the rules allow.
func (b *bench) allowedUDP() ([]filter.Flow, error) {
	for _, place := range []filter.Place{filter.PlaceAny, filter.PlaceNone} {
		flows, err := b.scan.Flows(place, filter.TrafficUDP, b.Flows, b.Seed)
		if err != nil && !errors.Is(err, filter.ErrNoSuchPacket) {
			return nil, err
		}
		var allowed []filter.Flow
		for _, f := range flows {
			if f.Want == model.Allow {
				allowed = append(allowed, f)
			}
		}
		if len(allowed) > 0 {
			return allowed, nil
		}
	}
	return nil, filter.ErrNoSuchPacket
}

// paced sends flows by a timetable and returns how long each took, in nanoseconds.
func (b *bench) paced(s *seat, flows []filter.Flow, gaps []uint32, d time.Duration) (r pktgen.Result, delays []float64, err error) {
	sender, err := s.rig.Sender(rig.Stream{Flows: flows, Size: pktgen.StampedMin, CPU: b.CPU, Realtime: b.Realtime, Gaps: gaps})
	if err != nil {
		return r, nil, err
	}
	defer func() { err = errors.Join(err, sender.Close()) }()
	err = s.rig.Record(len(flows), true, func(rec *pktgen.Recorder) error {
		if r, err = sender.Run(d); err != nil {
			return err
		}
		raw, err := rec.Delays(r.Sent)
		for _, x := range raw {
			if x > 0 {
				delays = append(delays, float64(x))
			}
		}
		return err
	})
	return r, delays, err
}

// timetable is gaps of a Poisson process of so many packets a second.
func timetable(perSecond float64, seed uint64) []uint32 {
	r := rand.New(rand.NewPCG(seed, 31))
	out := make([]uint32, gapCount)
	for i := range out {
		out[i] = uint32(min(r.ExpFloat64()*1e9/perSecond, math.MaxUint32))
	}
	return out
}
