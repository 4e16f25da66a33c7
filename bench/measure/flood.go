package measure

import (
	"context"
	"errors"
	"fmt"
	"time"

	"rampart/bench/filter"
	"rampart/bench/report"
	"rampart/bench/rig"
	"rampart/model"
)

// floodSize is the length of a flood's frames: the shortest.
const floodSize = 60

// beside measures something about TCP connections that the rules allow, through each system in turn: first with nothing else
// going on, then beside a flood of packets from random sources that the rules deny, where the plan has one.
func (b *bench) beside(ctx context.Context, what string, measure func(*seat, model.Packet, report.Case) error) error {
	p, ok := b.connectable()
	if !ok {
		for _, s := range b.seats {
			b.skip(s.System, fmt.Sprintf("%s with %s of %d rules", what, b.Set, b.Rules), "the rules allow no TCP connection from every port")
		}
		return nil
	}
	floods, err := b.floods()
	if err != nil {
		return err
	}
	defer func() {
		for _, f := range floods {
			_ = f.Close()
		}
	}()
	for k := range b.Repeat {
		for _, s := range b.seats {
			b.step(fmt.Sprintf("%s: %s, %s of %d rules, %d of %d", what, s.Name, b.Set, b.Rules, k+1, b.Repeat))
			if err := ctx.Err(); err != nil {
				return err
			}
			if s.Bare {
				continue // there is no connection below the network stack
			}
			if err := measure(s, p, b.Case); err != nil {
				return fmt.Errorf("%s through %s: %w", what, s.Name, err)
			}
			if floods[s] == nil {
				continue
			}
			b.step(fmt.Sprintf("%s beside a flood: %s, %s of %d rules, %d of %d", what, s.Name, b.Set, b.Rules, k+1, b.Repeat))
			c := b.Case
			c.Traffic = string(filter.TrafficFlood)
			sent, err := floods[s].During(ctx, func() error { return measure(s, p, c) })
			if err != nil {
				return fmt.Errorf("%s through %s beside a flood: %w", what, s.Name, err)
			}
			b.result(s.System, report.FloodSent, c, "", sent)
		}
	}
	return nil
}

// floods makes each system's flood, and sees to it that it is denied.
func (b *bench) floods() (map[*seat]*rig.Flood, error) {
	out := map[*seat]*rig.Flood{}
	if b.FloodRate == 0 {
		return out, nil
	}
	flows, err := b.scan.Flows(filter.PlaceNone, filter.TrafficFlood, b.Flows, b.Seed+3)
	if errors.Is(err, filter.ErrNoSuchPacket) || err == nil && flows[0].Want == model.Allow {
		for _, s := range b.seats {
			b.skip(s.System, fmt.Sprintf("a flood with %s of %d rules", b.Set, b.Rules), "the rules deny no packets from anywhere")
		}
		return out, nil
	}
	if err != nil {
		return out, err
	}
	for _, s := range b.seats {
		if s.Bare {
			continue
		}
		wrong, err := s.rig.Verdicts(s.wanted(flows[:min(len(flows), max(1, b.Checked))]), b.CPU)
		if err != nil {
			return out, err
		}
		if len(wrong) > 0 {
			b.fail(s, wrong)
			continue
		}
		if out[s], err = s.rig.Flood(flows, floodSize, b.FloodRate, b.Realtime); err != nil {
			return out, err
		}
	}
	return out, nil
}

const (
	// goodputStreams is how many connections send at once; they are measured for so many times as long as packets are sent
	// for a rate.
	goodputStreams = 4
	goodputTimes   = 16
	// goodputStart is how long they are given to find their pace.
	goodputStart = 200 * time.Millisecond
)

// goodputs measures how much established TCP connections bring through each system.
func (b *bench) goodputs(ctx context.Context) error {
	return b.beside(ctx, "goodput", func(s *seat, p model.Packet, c report.Case) error {
		bulk, err := s.rig.Bulk(p, goodputStreams)
		if err != nil {
			return err
		}
		time.Sleep(goodputStart)
		b.result(s.System, report.Goodput, c, "", 8*bulk.PerSecond(goodputTimes*b.Duration))
		b.result(s.System, report.Lost, c, "", float64(bulk.Lost()))
		return bulk.Close()
	})
}
