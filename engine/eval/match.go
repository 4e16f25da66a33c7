package eval

import (
	"slices"

	"rampart/engine/ir"
	"rampart/model"
)

// clause names one condition of a rule.
type clause uint8

const (
	clauseNone clause = iota // every condition holds
	clauseIPVersion
	clauseProtocol
	clauseNotProtocol
	clauseICMP
	clauseNotICMP
	clauseNets
	clauseNotNets
	clauseSet
	clauseNotSet
	clausePorts
	clauseNotPorts
	clauseHTTP
)

// miss is the first condition of a rule that a packet fails; the zero miss means that the rule matches.
type miss struct {
	clause clause
	dst    bool      // the condition is on the destination, else on the source
	set    *lazySet  // for clauseSet and clauseNotSet
	peer   *ir.Peer  // for conditions on one end
	match  *ir.Match // the rule's conditions
}

// match checks a rule's conditions in a fixed order and returns the first that fails.
func (e *Evaluator) match(m *ir.Match, p *model.Packet) miss {
	fail := func(c clause) miss { return miss{clause: c, match: m} }
	switch {
	case m.IPVersion != 0 && int(m.IPVersion) != p.IPVersion():
		return fail(clauseIPVersion)
	case m.Protocol != 0 && m.Protocol != p.Protocol:
		return fail(clauseProtocol)
	case m.NotProtocol != 0 && m.NotProtocol == p.Protocol:
		return fail(clauseNotProtocol)
	case m.ICMP != nil && !(showsICMP(p) && matchICMP(m.ICMP, p)):
		return fail(clauseICMP)
	case m.NotICMP != nil && isICMP(p) && (!showsICMP(p) || matchICMP(m.NotICMP, p)):
		return fail(clauseNotICMP)
	}
	if f := e.matchPeer(&m.Src, p, false); f.clause != clauseNone {
		f.match = m
		return f
	}
	if f := e.matchPeer(&m.Dst, p, true); f.clause != clauseNone {
		f.match = m
		return f
	}
	if !MatchHTTP(m.HTTP, p.HTTP) {
		return fail(clauseHTTP)
	}
	return miss{}
}

func isICMP(p *model.Packet) bool {
	return p.Protocol == model.ProtoICMP || p.Protocol == model.ProtoICMPv6
}

// showsICMP tells that the packet has an ICMP type to compare; a fragment has none.
func showsICMP(p *model.Packet) bool { return isICMP(p) && !p.Fragment }

func matchICMP(m *ir.ICMP, p *model.Packet) bool {
	return m.Type == p.ICMPType && (!m.HasCode || m.Code == p.ICMPCode)
}

func (e *Evaluator) matchPeer(m *ir.Peer, p *model.Packet, dst bool) miss {
	if m.IsZero() {
		return miss{}
	}
	addr, port := p.Src, p.SrcPort
	if dst {
		addr, port = p.Dst, p.DstPort
	}
	fail := func(c clause) miss { return miss{clause: c, dst: dst, peer: m} }
	if len(m.Nets) > 0 && !anyNet(m.Nets, addr) {
		return fail(clauseNets)
	}
	if anyNet(m.NotNets, addr) {
		return fail(clauseNotNets)
	}
	for _, id := range m.Sets {
		if s := e.sets[id]; s == nil || !s.holds(addr) {
			f := fail(clauseSet)
			f.set = s
			return f
		}
	}
	for _, id := range m.NotSets {
		if s := e.sets[id]; s == nil || s.holds(addr) {
			f := fail(clauseNotSet)
			f.set = s
			return f
		}
	}
	if !m.HasPorts() {
		return miss{}
	}
	member := ir.PortMember{Addr: addr, Protocol: p.Protocol, Port: port}
	in := func(ranges []ir.PortRange, sets []ir.SetID) bool {
		return p.HasPorts() && (slices.ContainsFunc(ranges, func(r ir.PortRange) bool { return r.Min <= port && port <= r.Max }) ||
			slices.ContainsFunc(sets, func(id ir.SetID) bool { s := e.sets[id]; return s != nil && s.holdsPort(member) }))
	}
	if len(m.Ports)+len(m.PortSets) > 0 && !in(m.Ports, m.PortSets) {
		return fail(clausePorts)
	}
	// A fragment shows no port, so not even "not this port" can be said of it.
	if len(m.NotPorts)+len(m.NotPortSets) > 0 && (p.Fragment || in(m.NotPorts, m.NotPortSets)) {
		return fail(clauseNotPorts)
	}
	return miss{}
}
