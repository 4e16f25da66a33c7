package xsk

import (
	"cmp"
	"errors"
	"fmt"
	"time"
	"unsafe"

	"github.com/asavie/xdp"
	"golang.org/x/sys/unix"
)

// asavie is the Socket of OpenAsavie: the library's rings behind our interface. It works around what the library lacks
// (who owns which frame, sends that panic), not around the rings themselves: their indices are plain loads and stores,
// which is only right on amd64.
type asavie struct {
	socket *xdp.Socket
	size   int
	// sending are the frames given to Transmit, by number: the library does not say which frames it has completed, only
	// which are free.
	sending map[uint64]bool
}

var _ Socket = (*asavie)(nil)

// OpenAsavie binds a socket of github.com/asavie/xdp, in the network namespace of the calling thread. It knows neither
// Share nor BusyPoll nor HugePages.
func OpenAsavie(c Config) (Socket, error) {
	c = c.withDefaults()
	if err := c.check(); err != nil {
		return nil, err
	}
	if c.Share != nil || c.BusyPoll > 0 || c.CopyMode {
		return nil, fmt.Errorf("%w: share, busy poll and copy mode", ErrNotSupported)
	}
	options := &xdp.SocketOptions{
		NumFrames: c.Frames, FrameSize: c.FrameSize, FillRingNumDescs: c.Fill, CompletionRingNumDescs: c.Completion,
		RxRingNumDescs: max(0, c.Rx), TxRingNumDescs: max(0, c.Tx),
	}
	deadline := time.Now().Add(c.BindTimeout)
	for pause := time.Millisecond; ; pause = min(2*pause, 100*time.Millisecond) {
		s, err := xdp.NewSocket(c.Ifindex, c.Queue, options)
		if err == nil {
			return &asavie{socket: s, size: c.FrameSize, sending: map[uint64]bool{}}, nil
		}
		// The library formats the errno away, so only a probe of the queue tells one from the other.
		cause := probe(&c)
		if cause != nil && !errors.Is(cause, ErrQueueBusy) {
			return nil, cause
		}
		if time.Now().After(deadline) {
			return nil, fmt.Errorf("AF_XDP socket on interface %d queue %d: %w", c.Ifindex, c.Queue, cmp.Or(cause, err))
		}
		time.Sleep(pause)
	}
}

// probe is why the queue cannot be had, nil if it can: perhaps it was taken a moment ago.
func probe(c *Config) error {
	s, err := Open(Config{Ifindex: c.Ifindex, Queue: c.Queue, Frames: 1, Rx: 1, Tx: -1, Fill: 1, Completion: 1, BindTimeout: 1})
	if err != nil {
		return err
	}
	return s.Close()
}

// descs are our descriptors as the library's, which have the same layout.
func descs(d []Desc) []xdp.Desc {
	return unsafe.Slice((*xdp.Desc)(unsafe.Pointer(unsafe.SliceData(d))), len(d))
}

func (s *asavie) FD() int             { return s.socket.FD() }
func (s *asavie) FrameSize() int      { return s.size }
func (s *asavie) Frame(d Desc) []byte { return s.socket.GetFrame(xdp.Desc(d)) }

// closed tells whether the rings are gone, in which the library would look all the same.
func (s *asavie) closed() bool { return s.FD() < 0 }

func (s *asavie) Fill(frames []Desc) int {
	if s.closed() {
		return 0
	}
	return s.socket.Fill(descs(frames))
}

func (s *asavie) Receive(out []Desc) int {
	if s.closed() {
		return 0
	}
	return copy(descs(out), s.socket.Receive(len(out)))
}

func (s *asavie) Transmit(frames []Desc) (n int) {
	if s.closed() {
		return 0
	}
	n = min(len(frames), s.socket.NumFreeTxSlots())
	for _, d := range frames[:n] {
		s.sending[d.Addr/uint64(s.size)] = true
	}
	if n > 0 {
		s.send(frames[:n])
	}
	return n
}

// send hands frames over; what the library panics on has left them in the ring, to be sent with the next ones.
func (s *asavie) send(frames []Desc) {
	defer func() { _ = recover() }()
	s.socket.Transmit(descs(frames))
}

func (s *asavie) Complete(out []Desc) (n int) {
	if s.closed() {
		return 0
	}
	done := min(len(out), s.socket.NumCompleted())
	if done == 0 {
		return 0
	}
	s.socket.Complete(done)
	for _, d := range s.socket.GetDescs(1 << 30) {
		if frame := d.Addr / uint64(s.size); s.sending[frame] && n < len(out) {
			delete(s.sending, frame)
			out[n] = Desc(d)
			n++
		}
	}
	return n
}

func (s *asavie) Wake() error {
	if s.closed() {
		return ErrClosed
	}
	if len(s.sending) > 0 {
		s.send(nil)
	}
	return nil
}

func (s *asavie) Wait(timeout time.Duration) error {
	if s.closed() {
		return ErrClosed
	}
	return poll(s.FD(), timeout)
}

func (s *asavie) Statistics() (Statistics, error) {
	if s.closed() {
		return Statistics{}, fmt.Errorf("AF_XDP statistics: %w", unix.EBADF)
	}
	return statistics(s.FD())
}

// Close also removes the mappings of the rings, which the library leaves behind.
func (s *asavie) Close() error {
	if s.closed() {
		return nil
	}
	inode, err := inodeOf(s.FD())
	if err != nil {
		return errors.Join(err, s.socket.Close())
	}
	return errors.Join(s.socket.Close(), unmapLeftovers(inode))
}
