package model

import (
	"net/netip"
	"slices"

	"rampart/model/selector"
)

// contradictions warns of conditions that no packet can fulfil together. Calico accepts them.
func (f *findings) contradictions(at string, r *Rule) {
	if !r.Protocol.IsZero() && r.Protocol.Number != 0 && r.Protocol.Number == r.NotProtocol.Number {
		f.warnf(at+".notProtocol", "the rule can never match: it excludes its own protocol")
	}
	if r.HTTP != nil && r.NotProtocol.Number == ProtoTCP {
		f.warnf(at+".notProtocol", "the rule can never match: HTTP is carried by TCP")
	}
	if r.ICMP != nil && r.NotICMP != nil && !r.NotICMP.isEmpty() && r.ICMP.implies(r.NotICMP) {
		f.warnf(at+".notICMP", "the rule can never match: it excludes its own ICMP type")
	}
	f.entityContradictions(at+".source", &r.Source)
	f.entityContradictions(at+".destination", &r.Destination)
	f.familyContradiction(at, r)
}

// familyContradiction: the protocol names ICMP and ICMPv6 choose a family as ipVersion does, but Calico only compares
// them with ipVersion, not with the nets.
func (f *findings) familyContradiction(at string, r *Rule) {
	var v4 bool
	switch r.Protocol.Name {
	case "ICMP":
		v4 = true
	case "ICMPv6":
	default:
		return
	}
	for _, nets := range [][]netip.Prefix{r.Source.Nets, r.Source.NotNets, r.Destination.Nets, r.Destination.NotNets} {
		for _, n := range nets {
			if n.IsValid() && n.Addr().Is4() != v4 {
				f.warnf(at+".protocol", "the rule can never match: protocol %s and the CIDR %s are of different IP versions", r.Protocol, n)
				return
			}
		}
	}
}

// implies tells whether everything m matches is matched by other too.
func (m *ICMP) implies(other *ICMP) bool {
	same := func(a, b *int) bool { return b == nil || a != nil && *a == *b }
	return same(m.Type, other.Type) && same(m.Code, other.Code)
}

func (f *findings) entityContradictions(at string, e *EntityRule) {
	if len(e.Nets) > 0 && !slices.ContainsFunc(e.Nets, func(n netip.Prefix) bool { return !coveredBy(n, e.NotNets) }) {
		f.warnf(at+".notNets", "the rule can never match: notNets excludes all of nets")
	}
	if len(e.Ports) > 0 && !slices.ContainsFunc(e.Ports, func(p Port) bool { return !excluded(p, e.NotPorts) }) {
		f.warnf(at+".notPorts", "the rule can never match: notPorts excludes all of ports")
	}
	if e.Selector == "" || e.NotSelector == "" {
		return
	}
	pos, err1 := selector.Parse(e.Selector)
	neg, err2 := selector.Parse(e.NotSelector)
	if err1 == nil && err2 == nil && (pos.String() == neg.String() || neg.IsAll()) {
		f.warnf(at+".notSelector", "the rule can never match: notSelector excludes all that selector selects")
	}
}

func coveredBy(n netip.Prefix, by []netip.Prefix) bool {
	return slices.ContainsFunc(by, func(b netip.Prefix) bool {
		return b.IsValid() && n.IsValid() && b.Bits() <= n.Bits() && b.Contains(n.Addr())
	})
}

func excluded(p Port, by []Port) bool {
	return slices.ContainsFunc(by, func(b Port) bool {
		return p.Name == b.Name && (p.Name != "" || b.Min <= p.Min && p.Max <= b.Max)
	})
}
