package rig

import (
	"errors"
	"fmt"
	"time"

	"rampart/bench/filter"
	"rampart/bench/pktgen"
	"rampart/model"
)

// Stream is what a generator sends: flows, the order in which they come, and how.
type Stream struct {
	// Flows with the actions that the firewall under test must show.
	Flows []filter.Flow
	// Order lists positions in Flows in the order of sending, over and over; nil is one after the other.
	Order []int
	// Size is the length of the frames in bytes, without the frame check sequence.
	Size int
	// CPU is the core that sends, and on which the path runs.
	CPU int
	// Realtime keeps other processes off the core while frames are sent.
	Realtime bool
	// Gaps paces the stream (see pktgen.Config); its frames then must be UDP.
	Gaps []uint32

	tagged bool
}

// Sender sends a stream through a rig.
type Sender struct {
	*pktgen.Generator
	stream Stream
	// allowed[i] is how many of the first i frames of the circle must arrive.
	allowed []uint64
}

// Sender makes a sender.
func (r *Rig) Sender(s Stream) (*Sender, error) {
	if len(s.Order) == 0 {
		s.Order = make([]int, len(s.Flows))
		for i := range s.Order {
			s.Order[i] = i
		}
	}
	out := &Sender{stream: s, allowed: make([]uint64, len(s.Order)+1)}
	frames := make([][]byte, len(s.Order))
	for i, at := range s.Order {
		flow := pktgen.Flow{
			SrcMAC: r.generatorMAC, DstMAC: r.inMAC, Packet: s.Flows[at].Packet,
			Tagged: s.tagged, Tag: uint64(i), NoChecksum: len(s.Gaps) > 0,
		}
		var err error
		if frames[i], err = flow.Frame(s.Size); err != nil {
			return nil, fmt.Errorf("%v: %w", flow.Packet, err)
		}
		out.allowed[i+1] = out.allowed[i]
		if s.Flows[at].Want == model.Allow {
			out.allowed[i+1]++
		}
	}
	// IPv6 and SCTP have longer headers than the shortest frame; all frames must be of one length.
	if longest := longest(frames); longest > s.Size {
		s.Size = longest
		return r.Sender(s)
	}
	g, err := pktgen.New(pktgen.Config{
		NetNS: r.Generator.FD(), Ifindex: r.ifindex, Frames: frames, Gaps: s.Gaps, CPU: s.CPU, CPUPinned: true, Realtime: s.Realtime,
		Chunk: 1 << 24, // whatever Send is asked for, in one go
	})
	if err != nil {
		return nil, err
	}
	out.Generator = g
	return out, nil
}

func longest(frames [][]byte) (n int) {
	for _, f := range frames {
		n = max(n, len(f))
	}
	return n
}

// Allowed is how many of the frames from number from up to, not including, number to must arrive.
func (s *Sender) Allowed(from, to uint64) uint64 { return s.upTo(to) - s.upTo(from) }

func (s *Sender) upTo(n uint64) uint64 {
	circle := uint64(len(s.stream.Order))
	return n/circle*s.allowed[circle] + s.allowed[n%circle]
}

// Count says how many frames a run sent, how many of them must arrive, and how many did.
type Count struct {
	pktgen.Result
	Want, Arrived uint64
}

// Send sends n frames and counts what arrives.
func (r *Rig) Send(s *Sender, n int) (c Count, err error) {
	if r.attached != r.sink.Program {
		if err := r.attach(r.sink.Program); err != nil {
			return c, err
		}
	}
	from, err1 := s.Sent()
	before, err2 := r.sink.Arrived()
	if err := errors.Join(err1, err2); err != nil {
		return c, err
	}
	if c.Result, err = s.Generator.Send(n); err != nil {
		return c, err
	}
	c.Want = s.Allowed(from, from+c.Sent)
	after, err := r.settle(before + c.Want)
	c.Arrived = after - before
	return c, err
}

// The kernel may leave the last packets of a run to a thread, which comes to them when the sender has gone: settle reads
// the sink until as many as are wanted have come and no more come, or nothing has come for patience.
const (
	settlePause = 300 * time.Microsecond
	patience    = 20 * time.Millisecond
)

func (r *Rig) settle(want uint64) (uint64, error) {
	last, err := r.sink.Arrived()
	for quiet := time.Duration(0); err == nil; quiet += settlePause {
		time.Sleep(settlePause)
		var now uint64
		now, err = r.sink.Arrived()
		if now != last {
			quiet = 0
		} else if now >= want || quiet >= patience {
			break
		}
		last = now
	}
	return last, err
}

// Record runs fn while a recorder for a stream's frames is the sink.
func (r *Rig) Record(frames int, delays bool, fn func(*pktgen.Recorder) error) error {
	rec, err := pktgen.NewRecorder(frames, delays)
	if err != nil {
		return err
	}
	err = r.attach(rec.Program)
	if err == nil {
		err = errors.Join(fn(rec), r.attach(r.sink.Program))
	}
	return errors.Join(err, rec.Close())
}
