package bpf

import (
	"errors"
	"fmt"

	"github.com/cilium/ebpf"

	"rampart/engine/ir"
)

// Event is something the program did with packets (enum event of fastpath.c).
type Event int

// The events.
const (
	Other Event = iota
	FailsafePort
	Established
	CachedAllow
	CachedDeny
	Undecided
	Redirected
	OverloadPassed
	OverloadDropped
	numEvents
)

var eventNames = [numEvents]string{"other", "failsafe", "established", "cached-allow", "cached-deny", "undecided", "redirected",
	"overload-passed", "overload-dropped"}

// String is the event's name in status and metrics.
func (e Event) String() string { return eventNames[e] }

// Events are the packets of each event since Load, indexed by Event.
type Events [numEvents]uint64

// Events reads the program's counts.
func (f *FastPath) Events() (e Events, err error) {
	for i := range e {
		if e[i], err = f.event(i); err != nil {
			return e, err
		}
	}
	return e, nil
}

// Asked is how often the program has asked conntrack about a packet whose denial was cached: never more often than it had such
// packets, and much more seldom with Notes.
func (f *FastPath) Asked() (uint64, error) { return f.event(int(numEvents)) }

func (f *FastPath) event(i int) (sum uint64, err error) {
	var perCPU []uint64
	if err := f.objects.Events.Lookup(uint32(i), &perCPU); err != nil {
		return 0, fmt.Errorf("event counts: %w", err)
	}
	for _, n := range perCPU {
		sum += n
	}
	return sum, nil
}

// Denied is what the program itself has dropped on cached verdicts, for the first n slots.
func (f *FastPath) Denied(n int) ([]ir.Counter, error) {
	out := make([]ir.Counter, n)
	if n == 0 {
		return out, nil
	}
	cpus, err := ebpf.PossibleCPU()
	if err != nil {
		return nil, err
	}
	keys, values := make([]uint32, n), make([]fastPathCounter, n*cpus)
	var cursor ebpf.MapBatchCursor
	for done := 0; done < n; {
		k, err := f.objects.Denied.BatchLookup(&cursor, keys, values, nil)
		if err != nil && !errors.Is(err, ebpf.ErrKeyNotExist) {
			return nil, fmt.Errorf("denied counts: %w", err)
		}
		for i := range k {
			if int(keys[i]) >= n {
				continue
			}
			for _, c := range values[i*cpus : (i+1)*cpus] {
				out[keys[i]].Packets += c.Packets
				out[keys[i]].Bytes += c.Octets
			}
		}
		if done += k; err != nil {
			break
		}
	}
	return out, nil
}
