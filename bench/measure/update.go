package measure

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"rampart/bench/filter"
	"rampart/bench/pktgen"
	"rampart/bench/report"
	"rampart/bench/rig"
	"rampart/model"
)

const (
	// updateTimeout bounds the wait for a change to be in force.
	updateTimeout = 60 * time.Second
	// updateGap is the time between packets; systems that need more for a packet get four times what they need.
	updateGap = 20 * time.Microsecond
	// The generator sends in slices, and pauses between them, so one should be longer than the change takes.
	minSlice, maxSlice = 400 * time.Millisecond, 3 * time.Second
	// updateBefore is how long packets are sent before the order is given.
	updateBefore = 100 * time.Millisecond
	// updateAfter is how long packets are watched after the change, for those that still meet the old rules.
	updateAfter = 100 * time.Millisecond
)

// updates measures how long a small change takes to be in force, while packets are sent: half of them of the flow whose
// verdict changes, half of flows whose verdict must not change at any moment.
func (b *bench) updates(ctx context.Context) error {
	flows, err := b.sample()
	if err != nil {
		return err
	}
	sets := map[*seat]*filter.Set{}
	for k := range b.Repeat {
		for _, s := range b.seats {
			b.step(fmt.Sprintf("update: %s, %s of %d rules, %d of %d", s.Name, b.Set, b.Rules, k+1, b.Repeat))
			if err := ctx.Err(); err != nil {
				return err
			}
			if !s.Judges() {
				continue
			}
			if sets[s] == nil {
				sets[s] = b.set
				// Frames are stamped as they are sent, which their checksums do not know.
				if err := s.rig.Firewall.Sysctl("net.netfilter.nf_conntrack_checksum", "0"); err != nil {
					return err
				}
				if s.perPacket, err = b.slowest(s, flows); err != nil {
					return err
				}
			}
			change := sets[s].Change(k)
			sets[s] = change.After
			if err := b.update(ctx, s, change, flows); err != nil {
				return fmt.Errorf("change of %s: %w", s.Name, err)
			}
		}
	}
	return nil
}

// slowest is about the time the system needs for a packet of the sample.
func (b *bench) slowest(s *seat, flows []filter.Flow) (time.Duration, error) {
	sender, err := s.rig.Sender(rig.Stream{Flows: s.wanted(flows), Size: pktgen.StampedMin, CPU: b.CPU})
	if err != nil {
		return 0, err
	}
	c, err := s.rig.Send(sender, min(len(flows), 256))
	return time.Duration(c.Quantile(0.5)), errors.Join(err, sender.Close())
}

// update makes one change under traffic.
func (b *bench) update(ctx context.Context, s *seat, change *filter.Change, flows []filter.Flow) error {
	w := newWatch(b.scan, change, flows)
	gap := max(updateGap, 4*s.perPacket)
	sender, err := s.rig.Sender(rig.Stream{Flows: w.circle, Size: pktgen.StampedMin, CPU: b.CPU, Gaps: []uint32{uint32(gap)}})
	if err != nil {
		return err
	}
	defer sender.Close()
	slice := min(max(2*s.loaded, minSlice), maxSlice)
	return s.rig.Record(len(w.circle), false, func(rec *pktgen.Recorder) error {
		if _, err := sender.Run(time.Millisecond); err != nil { // it finds out how fast it is
			return err
		}
		stop, stopped := make(chan struct{}), make(chan error, 1)
		go func() {
			for {
				select {
				case <-stop:
					stopped <- nil
					return
				default:
				}
				if _, err := sender.Run(slice); err != nil {
					stopped <- err
					return
				}
			}
		}()
		time.Sleep(updateBefore)
		ordered := monotonic()
		err := s.instance.Change(ctx, change)
		if err == nil {
			err = w.wait(ctx, rec, ordered)
			time.Sleep(updateAfter)
		}
		close(stop)
		if err := errors.Join(err, <-stopped); err != nil {
			return err
		}
		sent, err1 := sender.Sent()
		arrivals, err2 := rec.Arrivals()
		if err := errors.Join(err1, err2); err != nil {
			return err
		}
		at, wrong := w.judge(arrivals, sent, ordered, gap)
		b.result(s.System, report.Update, b.Case, "", float64(at)/1e6)
		b.result(s.System, report.Misjudged, b.Case, "", float64(wrong))
		return nil
	})
}

// monotonic is the clock that the recorder reads too.
func monotonic() uint64 {
	var t unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_MONOTONIC, &t) // cannot fail for this clock
	return uint64(t.Nano())
}

// watch is the circle of packets sent during a change: every second one is of the flow that changes.
type watch struct {
	circle []filter.Flow
	// opens tells that the change allows the flow; else it denies it.
	opens bool
}

func newWatch(before *filter.Scanner, change *filter.Change, flows []filter.Flow) *watch {
	after := filter.NewScanner(change.After)
	changing := filter.Flow{Packet: change.Packet}
	changing.Want, changing.Rule = after.Decide(&changing.Packet)
	w := &watch{opens: changing.Want == model.Allow}
	for _, f := range flows {
		// A change may well be about some of the sample too; and frames are stamped, which only these protocols survive.
		if now, _ := after.Decide(&f.Packet); now != f.Want || f.Packet.Protocol != model.ProtoUDP && f.Packet.Protocol != model.ProtoTCP {
			continue
		}
		w.circle = append(w.circle, f, changing)
	}
	return w
}

// changes tells whether a place of the circle is of the changing flow.
func (w *watch) changes(i int) bool { return i%2 == 1 }

// wait polls until the changed flow meets the new rules.
func (w *watch) wait(ctx context.Context, rec *pktgen.Recorder, ordered uint64) error {
	quiet, last := time.Now(), uint64(0)
	for start := time.Now(); time.Since(start) < updateTimeout; time.Sleep(time.Millisecond) {
		if err := ctx.Err(); err != nil {
			return err
		}
		var sum uint64
		for i := 1; i < min(len(w.circle), 64); i += 2 {
			a, err := rec.Arrival(i)
			if err != nil {
				return err
			}
			sum += a.Count
		}
		switch {
		case w.opens && sum > 0:
			return nil
		case !w.opens && sum == last && time.Since(quiet) > updateAfter:
			return nil // nothing has come through for a while
		case sum != last:
			quiet, last = time.Now(), sum
		}
	}
	return fmt.Errorf("not in force after %v", updateTimeout)
}

// judge says when, in nanoseconds after the order, the change was in force, and how many packets were misjudged.
func (w *watch) judge(arrivals []pktgen.Arrival, sent, ordered uint64, gap time.Duration) (at, wrong uint64) {
	circle := uint64(len(w.circle))
	// When the changed flow first came through, or last did.
	var turn pktgen.Arrival
	for i, a := range arrivals {
		if !w.changes(i) || a.Count == 0 {
			continue
		}
		if w.opens && (turn.Count == 0 || a.First < turn.First) || !w.opens && a.Last > turn.Last {
			turn = a
		}
	}
	moment, number := turn.First, turn.FirstTag
	if !w.opens {
		// The next packet of the flow, two gaps later, was the first to be denied.
		moment, number = turn.Last+2*uint64(gap), turn.LastTag
	}
	if moment > ordered {
		at = moment - ordered
	}
	for i, a := range arrivals {
		place := uint64(i)
		want := uint64(0)
		switch {
		case w.changes(i) && w.opens:
			want = visits(sent, place, circle) - visits(number, place, circle)
		case w.changes(i):
			want = visits(number+1, place, circle)
		case w.circle[i].Want == model.Allow:
			want = visits(sent, place, circle)
		}
		wrong += max(a.Count, want) - min(a.Count, want)
	}
	return at, wrong
}

// visits is how many of the frames with numbers below n are at a place of the circle.
func visits(n, place, circle uint64) uint64 {
	if n <= place {
		return 0
	}
	return (n-place-1)/circle + 1
}
