package xsk

import (
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"

	"golang.org/x/sys/unix"
)

// fakeRing is a ring in ordinary memory whose indices begin where the caller says; the test is the kernel.
func fakeRing[T any](n int, begin uint32) *ring[T] {
	shared := [3]uint32{begin, begin}
	return &ring[T]{
		memory: make([]byte, 1), entries: make([]T, n), mask: uint32(n - 1),
		producer: &shared[0], consumer: &shared[1], flags: &shared[2], mine: begin, other: begin,
	}
}

// The indices run freely: rings go on where they pass the highest number.
func TestIndicesWrap(t *testing.T) {
	const n = 8
	for _, begin := range []uint32{0, 5, 1<<31 - 3, 1<<32 - 8, 1<<32 - 5, 1<<32 - 1} {
		dice := rand.New(rand.NewPCG(uint64(begin), 1))
		produce, consume := fakeRing[uint64](n, begin), fakeRing[uint64](n, begin)
		given, taken, waiting, next := uint64(0), uint64(0), 0, uint64(0)
		for range 200 {
			// We write what there is room for, and the kernel reads some of it.
			want := dice.IntN(n + 3)
			k := produce.free(want)
			if k != min(want, n-int(given-taken)) {
				t.Fatalf("from %d: %d entries are free, want %d of %d less %d", begin, k, want, n, given-taken)
			}
			for i := range k {
				produce.entries[(produce.mine+uint32(i))&produce.mask] = given + uint64(i)
			}
			given += uint64(k)
			produce.publish(k)
			if got := *produce.producer; got != begin+uint32(given) {
				t.Fatalf("from %d: published %d, want %d", begin, got, begin+uint32(given))
			}
			for range dice.IntN(int(given-taken) + 1) {
				if got := produce.entries[(begin+uint32(taken))&produce.mask]; got != taken {
					t.Fatalf("from %d: the kernel reads %d, want %d", begin, got, taken)
				}
				taken++
			}
			*produce.consumer = begin + uint32(taken)
			if got := produce.pending(); got != int(given-taken) {
				t.Fatalf("from %d: %d entries pending, want %d", begin, got, given-taken)
			}

			// The kernel writes, and we read some.
			for more := dice.IntN(n - waiting + 1); more > 0; more-- {
				consume.entries[*consume.producer&consume.mask] = next + uint64(waiting)
				*consume.producer++
				waiting++
			}
			want = dice.IntN(n + 3)
			k = consume.ready(want)
			if k > want || k > waiting || k < min(want, waiting) {
				t.Fatalf("from %d: %d entries are ready, want %d of %d", begin, k, want, waiting)
			}
			for i := range k {
				if got := consume.entries[(consume.mine+uint32(i))&consume.mask]; got != next {
					t.Fatalf("from %d: read %d, want %d", begin, got, next)
				}
				next++
			}
			consume.release(k)
			waiting -= k
			if got := *consume.consumer; got != *consume.producer-uint32(waiting) {
				t.Fatalf("from %d: released up to %d, want %d", begin, got, *consume.producer-uint32(waiting))
			}
		}
	}
}

// What one side has published the other side sees whole: with a kernel on another thread, and the race detector to look on.
func TestRingIsShared(t *testing.T) {
	const n, entries = 64, 100_000
	r := fakeRing[uint64](n, 1<<32-1000)
	var kernel sync.WaitGroup
	var failed atomic.Bool
	kernel.Go(func() {
		at := uint32(1<<32 - 1000)
		for want := uint64(0); want < entries; {
			for end := atomic.LoadUint32(r.producer); at != end; at++ {
				if got := r.entries[at&r.mask]; got != want {
					t.Errorf("the kernel reads %d, want %d", got, want)
					failed.Store(true)
					return
				}
				want++
			}
			atomic.StoreUint32(r.consumer, at)
		}
	})
	for given := uint64(0); given < entries && !failed.Load(); {
		k := r.free(int(min(17, entries-given)))
		for i := range k {
			r.entries[(r.mine+uint32(i))&r.mask] = given + uint64(i)
		}
		r.publish(k)
		given += uint64(k)
	}
	kernel.Wait()
}

// The kernel is only told of frames when it wants to be.
func TestWakeWhenNeeded(t *testing.T) {
	const nowhere = 1 << 30 // no descriptor: a system call fails
	rx := fakeRing[Desc](8, 0)
	s := &rings{fd: nowhere, tx: fakeRing[Desc](8, 0), fill: fakeRing[uint64](8, 0)}
	for _, tc := range []struct {
		name     string
		tx, fill uint32 // flags
		pending  uint32 // frames that the kernel has not taken
		rx       *ring[Desc]
		calls    bool
	}{
		{name: "nothing to tell", rx: rx},
		{name: "frames to send, and the kernel is at it", pending: 3, rx: rx},
		{name: "frames to send", tx: unix.XDP_RING_NEED_WAKEUP, pending: 3, rx: rx, calls: true},
		{name: "all frames sent", tx: unix.XDP_RING_NEED_WAKEUP, rx: rx},
		{name: "filled", fill: unix.XDP_RING_NEED_WAKEUP, rx: rx, calls: true},
		{name: "filled, of a socket that only sends", fill: unix.XDP_RING_NEED_WAKEUP},
	} {
		*s.tx.flags, *s.fill.flags = tc.tx, tc.fill
		s.tx.mine = *s.tx.consumer + tc.pending
		s.rx = tc.rx
		if err := s.Wake(); (err != nil) != tc.calls {
			t.Errorf("%s: a system call %v (%v), want %v", tc.name, err != nil, err, tc.calls)
		}
	}
}
