package rig

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"rampart/model"
)

// Bulk is TCP connections through the firewall that send as much as they can, from client to server.
type Bulk struct {
	rig      *Rig
	before   func() error
	streams  []*stream
	working  sync.WaitGroup
	stopping atomic.Bool
}

// stream is one connection: both of its ends.
type stream struct {
	client, server int
	// got counts the octets that the server has read.
	got atomic.Uint64
	// broken tells that the connection ended on its own.
	broken atomic.Bool
}

// bulkChunk is how many octets a write sends and a read takes at most.
const bulkChunk = 128 << 10

// Bulk opens n connections from the packet's source to its destination and lets them send. Each has a thread that writes, on
// the cores that have the queues of the firewall's interface, and one that reads, on the others if there are any.
func (r *Rig) Bulk(p model.Packet, n int) (b *Bulk, err error) {
	if err := r.address(p); err != nil {
		return nil, err
	}
	attached := r.attached
	if err := r.attach(nil); err != nil {
		return nil, err
	}
	b = &Bulk{rig: r, before: func() error { return r.attach(attached) }}
	defer func() {
		if err != nil {
			err = errors.Join(err, b.Close())
		}
	}()
	listener, err := r.listen(p)
	if err != nil {
		return b, err
	}
	defer unix.Close(listener)
	for range n {
		s := &stream{client: -1, server: -1}
		b.streams = append(b.streams, s)
		err := r.Generator.Do(func() (err error) {
			s.client, err = connect(p)
			return err
		})
		if err != nil {
			return b, fmt.Errorf("connect to %v port %d: %w", p.Dst, p.DstPort, err)
		}
		if s.server, _, err = unix.Accept4(listener, unix.SOCK_CLOEXEC); err != nil {
			return b, fmt.Errorf("accept on %v port %d: %w", p.Dst, p.DstPort, err)
		}
	}
	for i, s := range b.streams {
		b.working.Go(func() {
			pinned(r.outside(i))
			b.write(s)
		})
		b.working.Go(func() {
			pinned(r.inside())
			b.read(s)
		})
	}
	return b, nil
}

func (b *Bulk) write(s *stream) {
	buf := make([]byte, bulkChunk)
	for !b.stopping.Load() {
		// The socket's timeout is meant for connecting: to be stuck is no end.
		if _, err := unix.Write(s.client, buf); err != nil && !errors.Is(err, unix.EINTR) && !errors.Is(err, unix.EAGAIN) {
			s.broken.Store(true)
			return
		}
	}
}

func (b *Bulk) read(s *stream) {
	buf := make([]byte, bulkChunk)
	for {
		n, err := unix.Read(s.server, buf)
		switch {
		case errors.Is(err, unix.EINTR), errors.Is(err, unix.EAGAIN):
		case err != nil || n == 0:
			s.broken.Store(true)
			return
		default:
			s.got.Add(uint64(n))
		}
	}
}

// PerSecond is how many octets a second arrive in all connections, in the time to come.
func (b *Bulk) PerSecond(d time.Duration) float64 {
	start, before := time.Now(), b.got()
	time.Sleep(d)
	return float64(b.got()-before) / time.Since(start).Seconds()
}

func (b *Bulk) got() (n uint64) {
	for _, s := range b.streams {
		n += s.got.Load()
	}
	return n
}

// revival is how long a connection may need after a flood to bring on what it has waiting: losses in a row make TCP wait
// for longer and longer.
const revival = 5 * time.Second

// Lost counts the connections that have ended, and those over which nothing comes any more.
func (b *Bulk) Lost() (lost int) {
	before := make([]uint64, len(b.streams))
	for i, s := range b.streams {
		before[i] = s.got.Load()
	}
	for i, s := range b.streams {
		for deadline := time.Now().Add(revival); !s.broken.Load() && s.got.Load() == before[i] && time.Now().Before(deadline); {
			time.Sleep(time.Millisecond)
		}
		if s.broken.Load() || s.got.Load() == before[i] {
			lost++
		}
	}
	return lost
}

// Close ends the connections.
func (b *Bulk) Close() error {
	b.stopping.Store(true)
	for _, s := range b.streams {
		// A shut socket wakes who waits on it. What is not connected any more cannot be shut.
		_, _ = unix.Shutdown(s.client, unix.SHUT_RDWR), unix.Shutdown(s.server, unix.SHUT_RDWR)
	}
	b.working.Wait()
	var errs []error
	for _, s := range b.streams {
		for _, fd := range []int{s.client, s.server} {
			if fd >= 0 {
				errs = append(errs, unix.Close(fd))
			}
		}
	}
	return errors.Join(append(errs, b.before())...)
}
