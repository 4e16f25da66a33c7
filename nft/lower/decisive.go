package lower

import (
	"slices"

	"rampart/engine/ir"
	"rampart/engine/ir/flat"
	"rampart/model"
	"rampart/nft/ruleset"
)

// service is what a list says of packets of a class of peers to a port.
type service struct {
	class    int32
	protocol uint8
	port     uint16
	entry    *flat.Entry
}

func (t *services) element(key string, s service) ruleset.Element {
	verdict := t.v.Deny
	if s.entry.Verdict == flat.Allow {
		verdict = t.v.Allow
	}
	// The list names the rule.
	return ruleset.Element{Key: ruleset.Key(key).Protocol(s.protocol).Port(s.port).String(), Verdict: verdict, ID: s.entry.Rule.ID}
}

// decide finds the first of some decisive entries for each class and port that any is about; nothing when these are more
// than most.
func (t *services) decide(p *peers, entries []flat.Entry, most int) []service {
	var list []service
	for i := range entries {
		m := &entries[i].Rule.Match
		peer, _ := t.peerOf(m)
		for _, c := range p.meet(peer) {
			for _, r := range m.Dst.Ports {
				known := slices.ContainsFunc(list, func(s service) bool { return s.class == c && s.protocol == m.Protocol && s.port == r.Min })
				switch {
				case known:
				case len(list) == most:
					return nil
				default:
					list = append(list, service{c, m.Protocol, r.Min, &entries[i]})
				}
			}
		}
	}
	return list
}

// decisive tells that an entry allows or denies, and that the class of the peer, the protocol and the destination's port
// tell whether it does.
func (t *services) decisive(e *flat.Entry) bool {
	m := &e.Rule.Match
	peer, own := t.peerOf(m)
	switch {
	case e.Verdict != flat.Allow && e.Verdict != flat.Deny,
		m.IPVersion != 0, m.NotProtocol != 0, m.ICMP != nil, m.NotICMP != nil, m.HTTP != nil,
		!model.HasPorts(m.Protocol), len(m.Dst.Ports) == 0, slices.ContainsFunc(m.Dst.Ports, isRange),
		len(m.Dst.PortSets)+len(m.Dst.NotPorts)+len(m.Dst.NotPortSets) > 0, m.Src.HasPorts(),
		len(peer.Nets)+len(peer.NotNets) > 0, len(peer.Sets) == 0,
		len(own.Nets)+len(own.NotNets)+len(own.Sets)+len(own.NotSets) > 0:
		return false
	}
	wide := func(id ir.SetID) bool { return !t.ofAddresses(id) }
	return !slices.ContainsFunc(peer.Sets, wide) && !slices.ContainsFunc(peer.NotSets, wide)
}

func isRange(r ir.PortRange) bool { return r.Min != r.Max }

// ofAddresses tells that a set consists of single addresses, and takes it in.
func (t *services) ofAddresses(id ir.SetID) bool {
	s, known := t.sets[id]
	if !known {
		if s = t.b.Members(id); s != nil && (s.Len() > maxServices || !ofAddresses(s)) {
			s = nil
		}
		t.sets[id] = s
	}
	return s != nil
}

func ofAddresses(s *ir.Set) bool {
	for n := range s.Nets.All() {
		if !n.IsSingleIP() {
			return false
		}
	}
	return s.Kind == ir.SetNets
}
