package xsk

import (
	"errors"
	"fmt"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"
)

// ring is one of the rings shared with the kernel: one side advances the producer index when it has written entries, the
// other the consumer index when it has read them. The indices run freely and wrap; entry i is at i modulo the size.
// Stores to an index are releases and loads acquires (Go's atomics are stronger), which is what the kernel pairs with.
type ring[T any] struct {
	memory  []byte
	entries []T
	mask    uint32
	// producer, consumer and flags are in the shared memory.
	producer, consumer, flags *uint32
	// mine is our own index, other the last seen of the kernel's.
	mine, other uint32
}

// mapRing maps a ring of n entries.
func mapRing[T any](fd int, page int64, off unix.XDPRingOffset, n int) (*ring[T], error) {
	var entry T
	size := int(off.Desc) + n*int(unsafe.Sizeof(entry))
	mem, err := unix.Mmap(fd, page, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED|unix.MAP_POPULATE)
	if err != nil {
		return nil, fmt.Errorf("map ring: %w", err)
	}
	return &ring[T]{
		memory:   mem,
		entries:  unsafe.Slice((*T)(unsafe.Pointer(&mem[off.Desc])), n),
		mask:     uint32(n - 1),
		producer: (*uint32)(unsafe.Pointer(&mem[off.Producer])),
		consumer: (*uint32)(unsafe.Pointer(&mem[off.Consumer])),
		flags:    (*uint32)(unsafe.Pointer(&mem[off.Flags])),
	}, nil
}

func (r *ring[T]) unmap() error {
	if r == nil || r.memory == nil {
		return nil
	}
	mem := r.memory
	*r = ring[T]{}
	if err := unix.Munmap(mem); err != nil {
		return fmt.Errorf("unmap ring: %w", err)
	}
	return nil
}

// free is how many entries we may write, for a ring we produce, but looks at the kernel's index only if it needs to. It is
// 0 for a ring that is not there or not any more.
func (r *ring[T]) free(want int) int {
	if r == nil || r.memory == nil {
		return 0
	}
	n := len(r.entries) - int(r.mine-r.other)
	if n < want {
		r.other = atomic.LoadUint32(r.consumer)
		n = len(r.entries) - int(r.mine-r.other)
	}
	return min(n, want)
}

// ready is how many entries we may read, for a ring we consume.
func (r *ring[T]) ready(want int) int {
	if r == nil || r.memory == nil {
		return 0
	}
	n := int(r.other - r.mine)
	if n < want {
		r.other = atomic.LoadUint32(r.producer)
		n = int(r.other - r.mine)
	}
	return min(n, want)
}

// publish makes n entries written from mine on visible to the kernel.
func (r *ring[T]) publish(n int) {
	r.mine += uint32(n)
	atomic.StoreUint32(r.producer, r.mine)
}

// release gives n entries read from mine on back to the kernel.
func (r *ring[T]) release(n int) {
	r.mine += uint32(n)
	atomic.StoreUint32(r.consumer, r.mine)
}

// pending is how many entries the kernel has not taken yet, for a ring we produce.
func (r *ring[T]) pending() int { return int(r.mine - atomic.LoadUint32(r.consumer)) }

func (r *ring[T]) needsWakeup() bool {
	return atomic.LoadUint32(r.flags)&unix.XDP_RING_NEED_WAKEUP != 0
}

// offsets asks the kernel where things are in the rings.
func offsets(fd int) (o unix.XDPMmapOffsets, err error) {
	size := uint32(unsafe.Sizeof(o))
	if err := getsockopt(fd, unix.XDP_MMAP_OFFSETS, unsafe.Pointer(&o), &size); err != nil {
		return o, fmt.Errorf("ring offsets: %w", err)
	}
	if size != uint32(unsafe.Sizeof(o)) {
		return o, errors.New("ring offsets: the kernel is older than 5.4")
	}
	return o, nil
}

func getsockopt(fd, option int, value unsafe.Pointer, size *uint32) error {
	_, _, errno := unix.Syscall6(unix.SYS_GETSOCKOPT, uintptr(fd), unix.SOL_XDP, uintptr(option), uintptr(value),
		uintptr(unsafe.Pointer(size)), 0)
	if errno != 0 {
		return errno
	}
	return nil
}
