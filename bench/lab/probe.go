package lab

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"github.com/mdlayher/netlink"
	"github.com/ti-mo/conntrack"

	"rampart/model"
)

// Probe is a packet to be sent for real.
type Probe struct {
	// From names the peer that sends it, or FirewallName for a packet of the firewall's own.
	From   string
	Packet model.Packet
	// TTL or hop limit; 0 is 64.
	TTL uint8
	// Flags of a TCP segment; 0 is SYN.
	Flags uint8
	// Fragments is how many fragments the packet is sent in; 0 and 1 are whole.
	Fragments int
}

// Prober sends probes through a topology and tells where each of them arrived. It needs no time-outs: after the
// probes it sends barrier frames, which are no IP and so no firewall's business, along the same wires and on the same
// CPU. The kernel delivers in order, so once the barriers are there, whatever has not arrived never will.
type Prober struct {
	top  *Topology
	next uint64 // number of the next probe or barrier

	far, near []*rawSocket // by peer: on the peer's interface; barriers on the firewall's end
	local     []*rawSocket // what the firewall accepts for itself, by protocol and family
	send      [2]*rawSocket
	ct        *conntrack.Conn
	buf       []byte

	// KeepConnections leaves the firewall's connection tracking table alone, to probe what an established connection
	// may do. Otherwise each probe is the first packet of its connection.
	KeepConnections bool

	// Settle, when it is set, is called after the probes of a round have been sent and before the barriers. It returns when
	// whatever holds packets outside the kernel's queues has given them back.
	Settle func() error
}

// marker starts every probe's payload, followed by the probe's number.
var marker = []byte("rampart:")

// round is how many probes go between two barriers.
const round = 256

// NewProber opens the sockets a prober needs in the namespaces of the topology.
func NewProber(t *Topology) (*Prober, error) {
	p := &Prober{top: t, next: 1, buf: make([]byte, 65536)}
	if err := p.open(); err != nil {
		return nil, errors.Join(err, p.Close())
	}
	return p, nil
}

func (p *Prober) open() (err error) {
	for _, peer := range p.top.Peers {
		far, err := packetSocket(peer.Namespace, PeerInterface, ethAll)
		if err != nil {
			return err
		}
		p.far = append(p.far, far)
		near, err := packetSocket(p.top.Firewall, peer.Link.Interface, ethBarrier)
		if err != nil {
			return err
		}
		p.near = append(p.near, near)
	}
	for i, v6 := range []bool{false, true} {
		if p.send[i], err = sendIP(p.top.Firewall, v6); err != nil {
			return err
		}
	}
	p.ct, err = conntrack.Dial(&netlink.Config{NetNS: p.top.Firewall.FD()})
	if err != nil {
		return fmt.Errorf("connection tracking: %w", err)
	}
	return nil
}

// Close closes the prober's sockets.
func (p *Prober) Close() error {
	var errs []error
	for _, s := range slices.Concat(p.far, p.near, p.local, p.send[:]) {
		errs = append(errs, s.close())
	}
	if p.ct != nil {
		errs = append(errs, p.ct.Close())
	}
	return errors.Join(errs...)
}

// Send sends the probes and returns where each arrived, in their order: a peer's name, FirewallName, or "" for
// nowhere. Probes that conntrack would take for one connection are kept apart.
func (p *Prober) Send(probes ...Probe) ([]string, error) {
	for _, probe := range probes {
		if err := p.listen(probe.Packet.Protocol, probe.Packet.IPVersion() == 6); err != nil {
			return nil, err
		}
	}
	arrived := make([]string, len(probes))
	err := onOneCPU(func() error {
		for left := indexes(len(probes)); len(left) > 0; {
			var now []int
			now, left = p.split(probes, left)
			if err := p.round(probes, now, arrived); err != nil {
				return err
			}
		}
		return nil
	})
	return arrived, err
}

// listen makes sure that packets of the protocol are seen when the firewall accepts them for itself.
func (p *Prober) listen(proto uint8, v6 bool) error {
	for _, s := range p.local {
		if s.proto == proto && s.v6 == v6 {
			return nil
		}
	}
	s, err := listenIP(p.top.Firewall, proto, v6)
	if err == nil {
		p.local = append(p.local, s)
	}
	return err
}

// split takes the probes of one round: at most so many, no two of one connection.
func (p *Prober) split(probes []Probe, left []int) (now, later []int) {
	used := map[flow]bool{}
	for _, i := range left {
		f, tracked := flowOf(probes[i].Packet)
		if len(now) == round || tracked && used[f] && !p.KeepConnections {
			later = append(later, i)
			continue
		}
		used[f] = true
		now = append(now, i)
	}
	return now, later
}

// flow is what conntrack tells connections apart by, without regard to direction.
type flow struct {
	a, b  netip.AddrPort
	proto uint8
}

// flowOf is the flow of a packet; ICMP has none, as each probe has an identifier of its own.
func flowOf(p model.Packet) (f flow, ok bool) {
	if p.Protocol == model.ProtoICMP || p.Protocol == model.ProtoICMPv6 {
		return f, false
	}
	a, b := netip.AddrPortFrom(p.Src, p.SrcPort), netip.AddrPortFrom(p.Dst, p.DstPort)
	if b.Compare(a) < 0 {
		a, b = b, a
	}
	return flow{a: a, b: b, proto: p.Protocol}, true
}

func (p *Prober) round(probes []Probe, now []int, arrived []string) error {
	if !p.KeepConnections {
		if err := p.ct.Flush(); err != nil {
			return fmt.Errorf("flush connection tracking: %w", err)
		}
	}
	index := map[uint64]int{}
	for _, i := range now {
		index[p.next] = i
		if err := p.sendOne(probes[i], p.next); err != nil {
			return fmt.Errorf("send probe %+v: %w", probes[i], err)
		}
		p.next++
	}
	if p.Settle != nil {
		if err := p.Settle(); err != nil {
			return fmt.Errorf("settle: %w", err)
		}
	}
	note := func(s *rawSocket, message []byte, from netip.Addr) {
		n, ok := number(message)
		if !ok {
			return
		}
		if s.barrier(message) {
			s.seen = max(s.seen, n)
			return
		}
		got, ok := s.packet(message, from)
		i, mine := index[n]
		if !ok || !mine || arrived[i] != "" {
			return
		}
		// Answers may quote a probe: an error or an echo reply is not the probe.
		want := probes[i]
		if s.place != want.From && got.Src == want.Packet.Src && got.Protocol == want.Packet.Protocol && got.ICMPType == want.Packet.ICMPType {
			arrived[i] = s.place
		}
	}
	return p.settle(note)
}

func (p *Prober) sendOne(probe Probe, n uint64) error {
	c := Craft{
		Packet: probe.Packet, TTL: probe.TTL, Flags: probe.Flags, ID: uint32(n),
		Payload: binary.BigEndian.AppendUint64(bytes.Clone(marker), n),
	}
	for _, packet := range c.Fragments(probe.Fragments) {
		if probe.From == FirewallName {
			s := p.send[0]
			if probe.Packet.IPVersion() == 6 {
				s = p.send[1]
			}
			if err := s.sendTo(probe.Packet.Dst, packet); err != nil {
				return err
			}
			continue
		}
		i := slices.IndexFunc(p.top.Peers, func(peer *Peer) bool { return peer.Name == probe.From })
		if i < 0 {
			return fmt.Errorf("no peer %q", probe.From)
		}
		peer := p.top.Peers[i]
		if err := p.far[i].write(Ethernet(peer.FirewallMAC, peer.MAC, packet)); err != nil {
			return err
		}
	}
	return nil
}

// number finds the marker in a message and the number after it.
func number(message []byte) (uint64, bool) {
	_, rest, ok := bytes.Cut(message, marker)
	if !ok || len(rest) < 8 {
		return 0, false
	}
	return binary.BigEndian.Uint64(rest), true
}

func indexes(n int) []int {
	out := make([]int, n)
	for i := range out {
		out[i] = i
	}
	return out
}
