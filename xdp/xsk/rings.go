package xsk

import (
	"errors"
	"fmt"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// rings is the Socket of Open.
type rings struct {
	fd   int
	umem *umem
	fill *ring[uint64]
	done *ring[uint64]
	rx   *ring[Desc]
	tx   *ring[Desc]
	busy bool
}

var _ Socket = (*rings)(nil)

// Open binds a socket with rings of our own, in the network namespace of the calling thread.
func Open(c Config) (Socket, error) {
	c = c.withDefaults()
	if err := c.check(); err != nil {
		return nil, err
	}
	s := &rings{fd: -1}
	if err := s.open(&c); err != nil {
		_ = s.Close()
		return nil, fmt.Errorf("AF_XDP socket on interface %d queue %d: %w", c.Ifindex, c.Queue, err)
	}
	return s, nil
}

func (s *rings) open(c *Config) (err error) {
	if s.fd, err = unix.Socket(unix.AF_XDP, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0); err != nil {
		return fmt.Errorf("socket: %w", err)
	}
	if err := s.memory(c); err != nil {
		return err
	}
	sizes := []struct {
		option, n int
		name      string
	}{{unix.XDP_UMEM_FILL_RING, c.Fill, "fill"}, {unix.XDP_UMEM_COMPLETION_RING, c.Completion, "completion"},
		{unix.XDP_RX_RING, c.Rx, "receive"}, {unix.XDP_TX_RING, c.Tx, "transmit"}}
	for _, r := range sizes {
		if r.n < 0 {
			continue
		}
		if err := unix.SetsockoptInt(s.fd, unix.SOL_XDP, r.option, r.n); err != nil {
			return fmt.Errorf("%s ring of %d entries: %w", r.name, r.n, err)
		}
	}
	if err := s.mapRings(c); err != nil {
		return err
	}
	// In copy mode a call sends 32 frames unless told otherwise (Linux 6.18); older kernels refuse the option.
	_ = unix.SetsockoptInt(s.fd, unix.SOL_XDP, unix.XDP_MAX_TX_SKB_BUDGET, 256)
	if c.BusyPoll > 0 {
		if err := s.preferBusyPoll(c.BusyPoll); err != nil {
			return err
		}
	}
	return s.bind(c)
}

// memory makes a UMEM or takes a share in one.
func (s *rings) memory(c *Config) (err error) {
	if c.Share != nil {
		with, ok := c.Share.(*rings)
		if !ok {
			return fmt.Errorf("%w: share frames with a socket of another kind", ErrNotSupported)
		}
		if with.fd < 0 {
			return ErrClosed
		}
		s.umem = with.umem
		s.umem.users.Add(1)
		return nil
	}
	if s.umem, err = newUMEM(c); err != nil {
		return err
	}
	s.umem.users.Add(1)
	return s.umem.register(s.fd)
}

func (s *rings) mapRings(c *Config) error {
	o, err := offsets(s.fd)
	if err != nil {
		return err
	}
	if s.fill, err = mapRing[uint64](s.fd, unix.XDP_UMEM_PGOFF_FILL_RING, o.Fr, c.Fill); err != nil {
		return err
	}
	if s.done, err = mapRing[uint64](s.fd, unix.XDP_UMEM_PGOFF_COMPLETION_RING, o.Cr, c.Completion); err != nil {
		return err
	}
	if c.Rx > 0 {
		if s.rx, err = mapRing[Desc](s.fd, unix.XDP_PGOFF_RX_RING, o.Rx, c.Rx); err != nil {
			return err
		}
	}
	if c.Tx > 0 {
		if s.tx, err = mapRing[Desc](s.fd, unix.XDP_PGOFF_TX_RING, o.Tx, c.Tx); err != nil {
			return err
		}
	}
	return nil
}

// bind waits for a queue that a socket just closed still has.
func (s *rings) bind(c *Config) error {
	sa := &unix.SockaddrXDP{Ifindex: uint32(c.Ifindex), QueueID: uint32(c.Queue), Flags: unix.XDP_USE_NEED_WAKEUP}
	if c.CopyMode {
		sa.Flags |= unix.XDP_COPY
	}
	if c.Share != nil {
		// The rest is taken from the socket that registered the frames.
		sa.Flags, sa.SharedUmemFD = unix.XDP_SHARED_UMEM, uint32(s.umem.fd)
	}
	deadline := time.Now().Add(c.BindTimeout)
	for pause := time.Millisecond; ; pause = min(2*pause, 100*time.Millisecond) {
		err := unix.Bind(s.fd, sa)
		switch {
		case err == nil:
			return nil
		case errors.Is(err, unix.EBUSY) && time.Now().Before(deadline):
			time.Sleep(pause)
		case errors.Is(err, unix.EBUSY):
			return fmt.Errorf("%w: bind: %w", ErrQueueBusy, err)
		case !errors.Is(err, unix.EINTR):
			return fmt.Errorf("bind: %w", err)
		}
	}
}

func (s *rings) preferBusyPoll(d time.Duration) error {
	for _, o := range []struct{ option, value int }{
		{unix.SO_PREFER_BUSY_POLL, 1}, {unix.SO_BUSY_POLL, int(max(1, d.Microseconds()))}, {unix.SO_BUSY_POLL_BUDGET, 64},
	} {
		if err := unix.SetsockoptInt(s.fd, unix.SOL_SOCKET, o.option, o.value); err != nil {
			return fmt.Errorf("busy poll: %w", err)
		}
	}
	s.busy = true
	return nil
}

func (s *rings) FD() int        { return s.fd }
func (s *rings) FrameSize() int { return s.umem.frameSize }

func (s *rings) Frame(d Desc) []byte {
	return s.umem.area[d.Addr : d.Addr+uint64(d.Len) : d.Addr+uint64(d.Len)]
}

func (s *rings) Fill(frames []Desc) int {
	r := s.fill
	n := r.free(len(frames))
	for i, d := range frames[:n] {
		// A received frame begins behind the headroom; the kernel wants the frame itself, and masks the rest away.
		r.entries[(r.mine+uint32(i))&r.mask] = d.Addr &^ uint64(s.umem.frameSize-1)
	}
	if n > 0 {
		r.publish(n)
	}
	return n
}

func (s *rings) Receive(out []Desc) int {
	r := s.rx
	n := r.ready(len(out))
	if n == 0 {
		return 0
	}
	at := r.mine & r.mask
	if first := copy(out[:n], r.entries[at:]); first < n {
		copy(out[first:n], r.entries)
	}
	r.release(n)
	return n
}

func (s *rings) Transmit(frames []Desc) int {
	r := s.tx
	n := r.free(len(frames))
	for i, d := range frames[:n] {
		d.Options = 0
		r.entries[(r.mine+uint32(i))&r.mask] = d
	}
	if n > 0 {
		r.publish(n)
	}
	return n
}

func (s *rings) Complete(out []Desc) int {
	r := s.done
	n := r.ready(len(out))
	for i := range n {
		out[i] = Desc{Addr: r.entries[(r.mine+uint32(i))&r.mask] &^ uint64(s.umem.frameSize-1), Len: uint32(s.umem.frameSize)}
	}
	if n > 0 {
		r.release(n)
	}
	return n
}

// Wake makes the system calls that the kernel's flags ask for.
func (s *rings) Wake() error {
	if s.fd < 0 {
		return ErrClosed
	}
	for calls := 0; s.tx != nil && calls < maxSends && s.tx.pending() > 0 && s.tx.needsWakeup(); calls++ {
		if err := unix.Sendto(s.fd, nil, unix.MSG_DONTWAIT, nil); err != nil && !transient(err) {
			return fmt.Errorf("send: %w", err)
		}
	}
	if s.rx != nil && s.fill.needsWakeup() {
		if _, _, err := unix.Recvfrom(s.fd, nil, unix.MSG_DONTWAIT); err != nil && !transient(err) {
			return fmt.Errorf("wake the receiver: %w", err)
		}
	}
	return nil
}

// maxSends bounds a Wake: a device that takes nothing must not hold the caller up.
const maxSends = 64

// transient errors of a wake-up mean "not now", or that the interface is down; the frames stay where they are.
func transient(err error) bool {
	return errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EBUSY) || errors.Is(err, unix.EINTR) || errors.Is(err, unix.ENOBUFS)
}

func (s *rings) Wait(timeout time.Duration) error {
	if s.fd < 0 {
		return ErrClosed
	}
	if s.busy {
		if _, _, err := unix.Recvfrom(s.fd, nil, unix.MSG_DONTWAIT); err != nil && !transient(err) {
			return fmt.Errorf("busy poll: %w", err)
		}
		if s.rx.ready(1) > 0 {
			return nil
		}
	}
	return poll(s.fd, timeout)
}

// poll waits for something to read. An interrupted wait is over.
func poll(fd int, timeout time.Duration) error {
	ts := unix.NsecToTimespec(timeout.Nanoseconds())
	_, err := unix.Ppoll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, &ts, nil)
	if err != nil && !errors.Is(err, unix.EINTR) {
		return fmt.Errorf("poll: %w", err)
	}
	return nil
}

func (s *rings) Statistics() (Statistics, error) { return statistics(s.fd) }

func statistics(fd int) (Statistics, error) {
	var x unix.XDPStatistics
	size := uint32(unsafe.Sizeof(x))
	if err := getsockopt(fd, unix.XDP_STATISTICS, unsafe.Pointer(&x), &size); err != nil {
		return Statistics{}, fmt.Errorf("AF_XDP statistics: %w", err)
	}
	return Statistics{
		RxDropped: x.Rx_dropped, RxRingFull: x.Rx_ring_full, FillRingEmpty: x.Rx_fill_ring_empty_descs,
		RxInvalid: x.Rx_invalid_descs, TxInvalid: x.Tx_invalid_descs, TxRingEmpty: x.Tx_ring_empty_descs,
	}, nil
}

// Close may be called twice. Frames shared with another socket stay until that one is closed too.
func (s *rings) Close() error {
	if s.fd < 0 {
		return nil
	}
	errs := []error{s.fill.unmap(), s.done.unmap(), s.rx.unmap(), s.tx.unmap(), unix.Close(s.fd), s.umem.leave()}
	s.fd = -1
	return errors.Join(errs...)
}
