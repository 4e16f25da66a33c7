package bpf

import (
	"fmt"
	"math"
	"net"
	"os"
	"sync/atomic"
	"unsafe"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"
)

// Flags say what the program may do.
type Flags uint32

// The flags, as in fastpath.c.
const (
	// Judge applies cached verdicts. Without it every packet is the stack's.
	Judge Flags = 1 << iota
	// Redirect gives packets without a verdict to the queues' sockets.
	Redirect
	// OverloadDrop drops packets that no socket has room for; otherwise they are the stack's.
	OverloadDrop
	// Untracked gives echo requests and SCTP to the sockets too, which conntrack cannot be asked about from here: only
	// untracked policy may deny them.
	Untracked
	// Sample gives the sockets only one in SampleOf of the packets that they would get.
	Sample
)

// SampleOf is how many packets a sample stands for.
const SampleOf = 64

// sharedSettings is struct settings of fastpath.c in memory shared with the kernel.
type sharedSettings struct {
	generation atomic.Uint32
	flags      atomic.Uint32
	frameMax   atomic.Uint32
	mac        [6]byte
	_          uint16
}

// Room is a queue's account with the program (struct room of fastpath.c): it gives the socket a frame only while fewer
// were taken than given. Both counts run freely.
type Room struct{ given, taken *atomic.Uint64 }

// Give adds n frames to what the program may still redirect to the queue.
func (r Room) Give(n uint64) { r.given.Add(n) }

// Taken is how many frames the program has redirected to the queue.
func (r Room) Taken() uint64 { return r.taken.Load() }

// Set allows n frames beyond those that Taken has told.
func (r Room) Set(taken, n uint64) { r.given.Store(taken + n) }

// noSocket is the room of a queue without a socket: its packets are the stack's, and no overload.
const noSocket = math.MaxInt64

// share maps the memory that the program and we exchange numbers in.
func (f *FastPath) share() error {
	mem, err := f.mmap(f.objects.Config, int(unsafe.Sizeof(sharedSettings{})))
	if err != nil {
		return err
	}
	f.settings = (*sharedSettings)(unsafe.Pointer(&mem[0]))
	const size = int(unsafe.Sizeof(fastPathRoom{}))
	if mem, err = f.mmap(f.objects.Rooms, MaxQueues*size); err != nil {
		return err
	}
	for q := range MaxQueues {
		at := q * size
		f.rooms = append(f.rooms, Room{
			given: (*atomic.Uint64)(unsafe.Pointer(&mem[at+int(unsafe.Offsetof(fastPathRoom{}.Given))])),
			taken: (*atomic.Uint64)(unsafe.Pointer(&mem[at+int(unsafe.Offsetof(fastPathRoom{}.Taken))])),
		})
		f.rooms[q].Set(0, noSocket)
	}
	f.asked, err = f.mmap(f.objects.Inquiries, MaxQueues*inquirySize)
	return err
}

func (f *FastPath) mmap(m *ebpf.Map, size int) ([]byte, error) {
	page := os.Getpagesize()
	size = (size + page - 1) / page * page
	mem, err := unix.Mmap(m.FD(), 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return nil, fmt.Errorf("share map %v: %w", m, err)
	}
	f.unmap = append(f.unmap, func() error { return unix.Munmap(mem) })
	return mem, nil
}

// SetInterface tells the hardware address whose packets are judged and the longest frame a socket takes. Do it before
// Judge.
func (f *FastPath) SetInterface(mac net.HardwareAddr, frameMax int) {
	copy(f.settings.mac[:], mac)
	f.settings.frameMax.Store(uint32(frameMax))
}

// SetFlags changes what the program does from now on.
func (f *FastPath) SetFlags(flags Flags) { f.settings.flags.Store(uint32(flags)) }

// Flags are those last set.
func (f *FastPath) Flags() Flags { return Flags(f.settings.flags.Load()) }

// SetGeneration voids every cached verdict of another generation. See Quiesce.
func (f *FastPath) SetGeneration(g uint32) { f.settings.generation.Store(g) }

// Room is the account of a queue below MaxQueues.
func (f *FastPath) Room(queue int) Room { return f.rooms[queue] }

// Quiesce returns when every packet that was being judged when it was called has been dealt with: no decision made after
// that knows of older settings. It takes some milliseconds (membarrier(2), which waits for an RCU grace period; the
// program runs inside one).
func Quiesce() error {
	const membarrierCmdGlobal = 1
	if _, _, errno := unix.Syscall(unix.SYS_MEMBARRIER, membarrierCmdGlobal, 0, 0); errno != 0 {
		return fmt.Errorf("wait for packets in flight: %w", errno)
	}
	return nil
}
