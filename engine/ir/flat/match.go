package flat

import (
	"cmp"
	"iter"
	"net/netip"
	"slices"

	"rampart/engine/ir"
	"rampart/model"
)

// Matcher tells whether rules match packets, as engine/eval does; it exists here so that backends can check themselves
// without the evaluator. It is slow on sets with many members. Not for concurrent use.
type Matcher struct {
	sets map[ir.SetID]*ir.Set
}

// NewMatcher looks sets up in the list, which must hold all that rules name; a set that is missing fails every
// condition.
func NewMatcher(sets []*ir.Set) *Matcher {
	m := &Matcher{sets: make(map[ir.SetID]*ir.Set, len(sets))}
	for _, s := range sets {
		m.sets[s.ID] = s
	}
	return m
}

// Matches tells whether the rule matches the packet. A rule with an HTTP clause does not.
func (x *Matcher) Matches(r *ir.Rule, p *model.Packet) bool {
	m := &r.Match
	icmp := p.Protocol == model.ProtoICMP || p.Protocol == model.ProtoICMPv6
	same := func(i *ir.ICMP) bool { return i.Type == p.ICMPType && (!i.HasCode || i.Code == p.ICMPCode) }
	switch {
	case m.HTTP != nil,
		m.IPVersion != 0 && int(m.IPVersion) != p.IPVersion(),
		m.Protocol != 0 && m.Protocol != p.Protocol,
		m.NotProtocol != 0 && m.NotProtocol == p.Protocol,
		m.ICMP != nil && (!icmp || p.Fragment || !same(m.ICMP)),
		m.NotICMP != nil && icmp && (p.Fragment || same(m.NotICMP)):
		return false
	}
	return x.peer(&m.Src, p, p.Src, p.SrcPort) && x.peer(&m.Dst, p, p.Dst, p.DstPort)
}

func (x *Matcher) peer(m *ir.Peer, p *model.Packet, a netip.Addr, port uint16) bool {
	if m.IsZero() {
		return true
	}
	in := func(nets iter.Seq[netip.Prefix]) bool {
		for n := range nets {
			if n.Contains(a) {
				return true
			}
		}
		return false
	}
	if len(m.Nets) > 0 && !in(slices.Values(m.Nets)) || in(slices.Values(m.NotNets)) {
		return false
	}
	for _, id := range m.Sets {
		if s := x.sets[id]; s == nil || !in(s.Nets.All()) {
			return false
		}
	}
	for _, id := range m.NotSets {
		if s := x.sets[id]; s == nil || in(s.Nets.All()) {
			return false
		}
	}
	if !m.HasPorts() {
		return true
	}
	member := ir.PortMember{Addr: a, Protocol: p.Protocol, Port: port}
	at := func(ranges []ir.PortRange, sets []ir.SetID) bool {
		if !p.HasPorts() {
			return false
		}
		return slices.ContainsFunc(ranges, func(r ir.PortRange) bool { return r.Min <= port && port <= r.Max }) ||
			slices.ContainsFunc(sets, func(id ir.SetID) bool {
				s := x.sets[id]
				if s == nil {
					return false
				}
				_, ok := slices.BinarySearchFunc(s.Ports, member, comparePorts)
				return ok
			})
	}
	if len(m.Ports)+len(m.PortSets) > 0 && !at(m.Ports, m.PortSets) {
		return false
	}
	return len(m.NotPorts)+len(m.NotPortSets) == 0 || !p.Fragment && !at(m.NotPorts, m.NotPortSets)
}

func comparePorts(a, b ir.PortMember) int {
	return cmp.Or(a.Addr.Compare(b.Addr), cmp.Compare(a.Protocol, b.Protocol), cmp.Compare(a.Port, b.Port))
}
