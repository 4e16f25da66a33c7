package bpf

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"

	"github.com/cilium/ebpf"

	"rampart/engine/ir"
	"rampart/model"
)

// Flow is a key of the verdict cache: one direction of one conversation, in network byte order as the program sees it.
type Flow = fastPathFlow

// Verdict is a cached decision: Slot is Allow, or the counter slot of the rule that denies, with Final when it denies packets
// of established connections too.
type Verdict struct {
	Generation uint32
	Slot       uint32
}

// Allow is the slot of verdicts that allow.
const Allow = ^uint32(0)

// Final is a flag of denials that do not depend on connections.
const Final = uint32(1) << 31

// NewFlow makes a key. For echo requests the ports are type and code.
func NewFlow(src, dst netip.Addr, sport, dport uint16, protocol uint8) Flow {
	f := Flow{Protocol: protocol, Version: 6, Sport: bigEndian(sport), Dport: bigEndian(dport)}
	if src.Is4() {
		f.Version = 4
	}
	if src.Is4() {
		a, b := src.As4(), dst.As4()
		copy(f.Src[:], a[:])
		copy(f.Dst[:], b[:])
		return f
	}
	f.Src, f.Dst = src.As16(), dst.As16()
	return f
}

// bigEndian is a value that has the octets of x in network order in memory.
func bigEndian(x uint16) uint16 {
	var b [2]byte
	binary.BigEndian.PutUint16(b[:], x)
	return binary.NativeEndian.Uint16(b[:])
}

// Remember puts verdicts into the cache, flows[i] with verdicts[i]. Others make room.
func (f *FastPath) Remember(flows []Flow, verdicts []Verdict) error {
	if len(flows) == 0 {
		return nil
	}
	if _, err := f.objects.Verdicts.BatchUpdate(flows, verdicts, nil); err != nil {
		return fmt.Errorf("cache %d verdicts: %w", len(flows), err)
	}
	return nil
}

// Cached looks a verdict up, of whatever generation.
func (f *FastPath) Cached(flow Flow) (v Verdict, ok bool, err error) {
	err = f.objects.Verdicts.Lookup(flow, &v)
	if errors.Is(err, ebpf.ErrKeyNotExist) {
		return v, false, nil
	}
	return v, err == nil, err
}

// SetFailsafes replaces the ports that always pass. Peers' prefixes are ignored: the stack looks at them.
func (f *FastPath) SetFailsafes(list []ir.Failsafe) error {
	var words [1024]fastPathPorts
	for _, p := range list {
		w, bit := &words[p.Port/64], uint64(1)<<(p.Port%64)
		switch p.Protocol {
		case model.ProtoTCP:
			w.Tcp |= bit
		case model.ProtoUDP:
			w.Udp |= bit
		case model.ProtoSCTP:
			w.Sctp |= bit
		}
	}
	keys := make([]uint32, len(words))
	for i := range keys {
		keys[i] = uint32(i)
	}
	if _, err := f.objects.Failsafes.BatchUpdate(keys, words[:], nil); err != nil {
		return fmt.Errorf("failsafe ports: %w", err)
	}
	return nil
}

// SetSocket gives a queue's packets to an AF_XDP socket, once it is given frames in the queue's Room. The entry goes away with
// the socket.
func (f *FastPath) SetSocket(queue, fd int) error {
	f.rooms[queue].Set(f.rooms[queue].Taken(), 0)
	if err := f.objects.Sockets.Put(uint32(queue), uint32(fd)); err != nil {
		return fmt.Errorf("socket of queue %d: %w", queue, err)
	}
	return nil
}

// RemoveSocket gives a queue's packets back to the stack.
func (f *FastPath) RemoveSocket(queue int) error {
	if err := f.objects.Sockets.Delete(uint32(queue)); err != nil && !errors.Is(err, ebpf.ErrKeyNotExist) {
		return fmt.Errorf("socket of queue %d: %w", queue, err)
	}
	return nil
}
