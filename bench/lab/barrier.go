package lab

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"runtime"
	"time"

	"golang.org/x/sys/unix"
)

// barrierTimeout bounds the wait for a barrier, which comes within microseconds unless the lab itself is broken.
const barrierTimeout = 5 * time.Second

// ErrBarrierLost says that a barrier frame did not come through, so nothing is known about the probes before it.
var ErrBarrierLost = errors.New("barrier frame lost")

// settle returns when every probe sent before has come to its end, having handed to note whatever arrived.
//
// A probe sent by a peer waits in its CPU's backlog; the firewall handles it and puts what it forwards into the same
// backlog, behind. So two barriers follow it, one to the firewall, and when that is there one to every peer.
func (p *Prober) settle(note func(s *rawSocket, message []byte, from netip.Addr)) error {
	toFirewall, toPeers := p.next, p.next+1
	p.next += 2
	for i, peer := range p.top.Peers {
		if err := p.far[i].write(barrier(peer.FirewallMAC, peer.MAC, toFirewall)); err != nil {
			return fmt.Errorf("barrier from %s: %w", peer.Name, err)
		}
	}
	if err := p.await(p.near, toFirewall, note); err != nil {
		return err
	}
	for i, peer := range p.top.Peers {
		if err := p.near[i].write(barrier(peer.MAC, peer.FirewallMAC, toPeers)); err != nil {
			return fmt.Errorf("barrier to %s: %w", peer.Name, err)
		}
	}
	if err := p.await(p.far, toPeers, note); err != nil {
		return err
	}
	for _, s := range p.local {
		if err := s.receive(p.buf, func(m []byte, from netip.Addr) { note(s, m, from) }); err != nil {
			return err
		}
	}
	return nil
}

// await reads the sockets until every one has seen the barrier.
func (p *Prober) await(sockets []*rawSocket, barrier uint64, note func(*rawSocket, []byte, netip.Addr)) error {
	deadline := time.Now().Add(barrierTimeout)
	for {
		var waiting []unix.PollFd
		for _, s := range sockets {
			if err := s.receive(p.buf, func(m []byte, from netip.Addr) { note(s, m, from) }); err != nil {
				return err
			}
			if s.seen < barrier {
				waiting = append(waiting, unix.PollFd{Fd: int32(s.fd), Events: unix.POLLIN})
			}
		}
		if len(waiting) == 0 {
			return nil
		}
		left := time.Until(deadline)
		if left <= 0 {
			return ErrBarrierLost
		}
		if _, err := unix.Poll(waiting, int(left.Milliseconds())+1); err != nil && !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}

// barrier is a frame of our own EtherType that carries the marker and a number.
func barrier(dst, src []byte, n uint64) []byte {
	b := make([]byte, 0, 60)
	b = append(append(b, dst...), src...)
	b = binary.BigEndian.AppendUint16(b, ethBarrier)
	return binary.BigEndian.AppendUint64(append(b, bytes.Clone(marker)...), n)
}

// onOneCPU runs fn on a thread bound to one CPU, so that the packets it sends queue up behind each other. The thread is
// given back as it was, or ended.
func onOneCPU(fn func() error) error {
	errc := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		var before, one unix.CPUSet
		if err := unix.SchedGetaffinity(0, &before); err != nil {
			errc <- fmt.Errorf("read the thread's CPUs: %w", err)
			return
		}
		for cpu := range len(before) * 64 {
			if before.IsSet(cpu) {
				one.Set(cpu)
				break
			}
		}
		if err := unix.SchedSetaffinity(0, &one); err != nil {
			errc <- fmt.Errorf("bind the thread to a CPU: %w", err)
			return
		}
		err := fn()
		if unix.SchedSetaffinity(0, &before) == nil {
			runtime.UnlockOSThread()
		}
		errc <- err
	}()
	return <-errc
}
