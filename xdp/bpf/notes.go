package bpf

import (
	"errors"
	"fmt"
	"math"
	"sync/atomic"
	"time"
	"unsafe"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"
)

// Notes tell the XDP programs of a network namespace which flows conntrack may have learned something about, so that they
// need not ask it about every packet. A small netfilter program takes them, at every new connection.
//
// A note is taken before conntrack learns of the connection. Connections that tools and other programs enter into conntrack
// by themselves are not noted; about those the XDP programs ask again within a quarter of a second.
type Notes struct {
	notes, chapters, epochs *ebpf.Map
	program                 *ebpf.Program
	links                   []link.Link
	epoch                   *sharedEpoch
	memory                  []byte
	stop, stopped           chan struct{}
}

// sharedEpoch is struct epoch of fastpath.c in memory shared with the kernel.
type sharedEpoch struct{ number, wanted atomic.Uint32 }

// NewNotes begins to take notes in the calling thread's network namespace. It needs Linux 6.4 with CONFIG_NETFILTER_BPF_LINK;
// fast paths without notes do with asking conntrack.
func NewNotes() (*Notes, error) {
	n := &Notes{stop: make(chan struct{}), stopped: make(chan struct{})}
	if err := n.open(); err != nil {
		return nil, errors.Join(fmt.Errorf("note connections: %w", err), n.close())
	}
	go n.count()
	return n, nil
}

func (n *Notes) open() error {
	spec, err := loadFastPath()
	if err != nil {
		return err
	}
	var objects struct {
		Notes    *ebpf.Map     `ebpf:"notes"`
		Chapters *ebpf.Map     `ebpf:"chapters"`
		Epochs   *ebpf.Map     `ebpf:"epochs"`
		Program  *ebpf.Program `ebpf:"rampart_note"`
	}
	if err := spec.LoadAndAssign(&objects, nil); err != nil {
		return err
	}
	n.notes, n.chapters, n.epochs, n.program = objects.Notes, objects.Chapters, objects.Epochs, objects.Program
	size := max(int(unsafe.Sizeof(sharedEpoch{})), unix.Getpagesize())
	if n.memory, err = unix.Mmap(n.epochs.FD(), 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED); err != nil {
		return fmt.Errorf("share map %v: %w", n.epochs, err)
	}
	n.epoch = (*sharedEpoch)(unsafe.Pointer(&n.memory[0]))
	for _, family := range []link.NetfilterProtocolFamily{link.NetfilterProtoIPv4, link.NetfilterProtoIPv6} {
		for _, hook := range []link.NetfilterInetHook{link.NetfilterInetLocalIn, link.NetfilterInetPostRouting} {
			l, err := n.attach(family, hook)
			if err != nil {
				return err
			}
			n.links = append(n.links, l)
		}
	}
	return nil
}

// attach puts the program where conntrack is next (its priority is INT_MAX), or other programs like ours: no two have the same
// priority.
func (n *Notes) attach(family link.NetfilterProtocolFamily, hook link.NetfilterInetHook) (l link.Link, err error) {
	for before := int32(1); before <= 16; before++ {
		l, err = link.AttachNetfilter(link.NetfilterOptions{Program: n.program, ProtocolFamily: family, Hook: hook, Priority: math.MaxInt32 - before})
		if !errors.Is(err, unix.EBUSY) {
			break
		}
	}
	return l, err
}

// epochPause is how often to look whether epochs are wanted.
const epochPause = 20 * time.Millisecond

// count counts epochs while they are wanted. Netfilter's hooks run in an RCU read-side section, so that a grace period
// ends when the packets in it have passed them all. A program that reads an epoch's number may have begun before
// the grace period that ended the epoch before, and may read late what it reads first; so it takes three.
func (n *Notes) count() {
	defer close(n.stopped)
	clock := time.NewTicker(epochPause)
	defer clock.Stop()
	for {
		select {
		case <-n.stop:
			return
		case <-clock.C:
		}
		if n.epoch.wanted.Swap(0) == 0 {
			continue
		}
		for range 3 {
			if Quiesce() != nil {
				break // no epoch ends, so no proof does
			}
			n.epoch.number.Add(1)
		}
	}
}

// Close ends the notes. Programs that use them must be detached before.
func (n *Notes) Close() error {
	close(n.stop)
	<-n.stopped
	return n.close()
}

func (n *Notes) close() error {
	var errs []error
	for _, l := range n.links {
		errs = append(errs, l.Close())
	}
	if n.memory != nil {
		errs = append(errs, unix.Munmap(n.memory))
	}
	if n.program != nil {
		errs = append(errs, n.program.Close(), n.notes.Close(), n.chapters.Close(), n.epochs.Close())
	}
	return errors.Join(errs...)
}
