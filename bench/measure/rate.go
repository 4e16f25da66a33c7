package measure

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"rampart/bench/filter"
	"rampart/bench/report"
	"rampart/bench/rig"
	"rampart/bench/sut"
)

// zipfLength is how long the sequence is that a Zipf stream repeats.
const zipfLength = 16384

// lossAllowed is the share of packets that may be lost in a run called lossless.
const lossAllowed = 0.001

// rates measures every match, kind of traffic and frame size.
func (b *bench) rates(ctx context.Context) error {
	for _, match := range b.Matches {
		for _, traffic := range b.Plan.Traffic {
			flows, err := b.scan.Flows(match.place(), traffic, b.Flows, b.Seed)
			if errors.Is(err, filter.ErrNoSuchPacket) {
				b.done += b.Repeat * len(b.Sizes)
				for _, s := range b.seats {
					b.skip(s.System, fmt.Sprintf("%s of %d rules, %s traffic, match %s", b.Set, b.Rules, traffic, match), "the set has no such packet")
				}
				continue
			}
			if err != nil {
				return err
			}
			for _, size := range b.Sizes {
				c := b.Case
				c.Match, c.Traffic, c.Size = string(match), string(traffic), size
				if err := b.rate(ctx, c, flows, order(match, len(flows), b.Seed)); err != nil {
					return err
				}
				if err := b.dismiss(); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func order(m Match, flows int, seed uint64) []int {
	if m == Zipf {
		return filter.Zipf(flows, zipfLength, seed)
	}
	return nil
}

// contestant is a system with its stream.
type contestant struct {
	*seat
	sender *rig.Sender
	frames int
}

// rate measures one stream through all systems in turn.
func (b *bench) rate(ctx context.Context, c report.Case, flows []filter.Flow, order []int) (err error) {
	var all []*contestant
	defer func() {
		for _, x := range all {
			err = errors.Join(err, x.sender.Close())
		}
	}()
	for _, s := range b.seats {
		sender, err := s.rig.Sender(rig.Stream{Flows: s.wanted(flows), Order: order, Size: c.Size, CPU: b.CPU, Realtime: b.Realtime})
		if err != nil {
			return err
		}
		x := &contestant{seat: s, sender: sender}
		all = append(all, x)
		if err := b.meet(s, flows, c.Size); err != nil {
			return err
		}
		if err := b.warm(x); err != nil {
			return err
		}
	}
	wrong := map[*contestant]bool{}
	for k := range b.Repeat {
		b.step(fmt.Sprintf("rate: %s of %d rules, match %s, %s, %d of %d", c.Set, c.Rules, c.Match, c.Traffic, k+1, b.Repeat))
		for _, x := range all {
			if err := ctx.Err(); err != nil {
				return err
			}
			if wrong[x] {
				continue
			}
			n, err := x.rig.Send(x.sender, x.frames)
			if err != nil {
				return err
			}
			if n.Arrived > n.Want {
				wrong[x], x.failed = true, true
				b.withdraw(x.System, c)
				b.doc.Failures = append(b.doc.Failures, fmt.Sprintf("%s, %s of %d rules, match %s: %d packets passed that the rules deny",
					x.Name, c.Set, c.Rules, c.Match, n.Arrived-n.Want))
				continue
			}
			note := ""
			if lost := n.Want - n.Arrived; float64(lost) > lossAllowed*float64(n.Sent) {
				note = fmt.Sprintf("%d of %d packets lost", lost, n.Sent)
			}
			ns := n.Quantile(0.5)
			x.perPacket = time.Duration(ns)
			b.result(x.System, report.Rate, c, note, 1e9/ns)
			b.result(x.System, report.Cost, c, note, ns)
		}
	}
	return nil
}

// withdraw takes back what was found of a system in a case.
func (r *runner) withdraw(s *sut.System, c report.Case) {
	r.doc.Results = slices.DeleteFunc(r.doc.Results, func(x report.Result) bool { return x.System == s.Name && x.Case == c })
}

// dismiss ends the systems that have judged wrongly: they are not measured further.
func (b *bench) dismiss() error {
	var errs []error
	b.seats = slices.DeleteFunc(b.seats, func(s *seat) bool {
		if s.failed {
			errs = append(errs, s.instance.Close(), s.rig.Close())
		}
		return s.failed
	})
	return errors.Join(errs...)
}

// meet sends every flow once, so that connection tracking knows it. Several first packets of one flow in one batch would
// compete, and the kernel drops all but one.
func (b *bench) meet(s *seat, flows []filter.Flow, size int) error {
	sender, err := s.rig.Sender(rig.Stream{Flows: flows, Size: size, CPU: b.CPU, Realtime: b.Realtime})
	if err != nil {
		return err
	}
	_, err = s.rig.Send(sender, len(flows))
	return errors.Join(err, sender.Close())
}

// warm lets the path see its packets, and finds out how many of them a repetition sends.
func (b *bench) warm(x *contestant) error {
	var ns float64
	for _, n := range []int{64, 1024} {
		c, err := x.rig.Send(x.sender, n)
		if err != nil {
			return err
		}
		ns = c.Quantile(0.5)
		if ns > 20_000 {
			break // slow enough to know
		}
	}
	x.perPacket = time.Duration(ns)
	x.frames = framesFor(b.Duration, ns)
	return nil
}

func framesFor(d time.Duration, perFrame float64) int {
	return min(max(int(float64(d)/max(perFrame, 1)), 64), 1<<22)
}
