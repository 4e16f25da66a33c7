package table

import (
	"net/netip"

	"rampart/engine/ir"
	"rampart/engine/ir/span"
	"rampart/model"
	"rampart/xdp/classify"
)

// Limits bound the memory of a table. Zero values mean the defaults.
type Limits struct {
	// EntryBoxes is the most boxes that one rule may become, Boxes the most of a whole table in one family.
	EntryBoxes, Boxes int
}

const (
	defaultEntryBoxes = 1 << 16
	defaultBoxes      = 1 << 20
)

// family is 4 or 6.
type family uint8

// bits is the width of an address.
func (f family) bits() int {
	if f == 4 {
		return 32
	}
	return 128
}

func (f family) has(a netip.Addr) bool { return a.BitLen() == f.bits() }

func (f family) nets(list []netip.Prefix) span.Set { return span.Nets(list, f.bits()) }

// prefixes cover a set of addresses exactly; the zero Prefix is everything.
func (f family) prefixes(s span.Set) (list []netip.Prefix) {
	if s == nil {
		return []netip.Prefix{{}}
	}
	for _, r := range s {
		for first, free := range r.Prefixes(f.bits()) {
			list = append(list, netip.PrefixFrom(first.Addr(f.bits()), f.bits()-free))
		}
	}
	return list
}

// expander turns rules into boxes of one family.
type expander struct {
	family family
	sets   func(ir.SetID) *ir.Set
	known  map[ir.SetID]span.Set
	limits Limits
	boxes  int // made so far
}

// part is one end of a packet: a prefix and a range of ports.
type part struct {
	net   netip.Prefix
	ports classify.Range
}

// expand lists the boxes that make up a rule's packets. Without exact they hold more packets than the rule matches.
func (x *expander) expand(m *ir.Match) (list []classify.Rule, exact bool) {
	if m.IPVersion != 0 && family(m.IPVersion) != x.family {
		return nil, true
	}
	src, srcExact := x.addrs(&m.Src)
	dst, dstExact := x.addrs(&m.Dst)
	exact = srcExact && dstExact && m.HTTP == nil
	if src.None() || dst.None() {
		return nil, true
	}
	srcNets, dstNets := x.family.prefixes(src), x.family.prefixes(dst)
	any := []netip.Prefix{{}}
	limit := x.limits.EntryBoxes
	if x.boxes >= x.limits.Boxes {
		limit = 16 // only what is needed to hold the place
	}
	for {
		list, more := x.product(m, src, dst, srcNets, dstNets, limit)
		switch {
		case list != nil || !more:
			x.boxes += len(list)
			return list, exact
		case len(srcNets) >= len(dstNets) && len(srcNets) > 1:
			srcNets, src = any, nil
		case len(dstNets) > 1:
			dstNets, dst = any, nil
		default:
			// Too many ports.
			x.boxes++
			return []classify.Rule{{SrcPort: classify.AnyPort, DstPort: classify.AnyPort, AnyProtocol: true}}, false
		}
		exact = false
	}
}

// product combines the ends and protocols; nil with more means that it would be too many boxes.
func (x *expander) product(m *ir.Match, src, dst span.Set, srcNets, dstNets []netip.Prefix, limit int) (list []classify.Rule, more bool) {
	protocols, any := x.protocols(m)
	for _, p := range protocols {
		for _, pair := range x.icmp(m, p) {
			from, srcOK := x.parts(&m.Src, p, src, srcNets, pair[0])
			to, dstOK := x.parts(&m.Dst, p, dst, dstNets, pair[1])
			if !srcOK || !dstOK {
				continue
			}
			if len(list)+len(from)*len(to) > limit {
				return nil, true
			}
			for _, s := range from {
				for _, d := range to {
					list = append(list, classify.Rule{Src: s.net, Dst: d.net, SrcPort: s.ports, DstPort: d.ports, Protocol: p, AnyProtocol: any})
				}
			}
		}
	}
	return list, false
}

// addrs are the addresses an end may have. The conditions on ports are apart.
func (x *expander) addrs(p *ir.Peer) (s span.Set, exact bool) {
	if len(p.Nets) > 0 {
		s = x.family.nets(p.Nets)
	}
	for _, id := range p.Sets {
		s = s.And(x.set(id))
	}
	if len(p.NotNets) > 0 {
		s = s.And(x.family.nets(p.NotNets).Not(x.family.bits()))
	}
	for _, id := range p.NotSets {
		if x.sets(id) == nil {
			return span.Set{}, true // a set that is not there fails every condition
		}
		s = s.And(x.set(id).Not(x.family.bits()))
	}
	// Whether a port is in none of the sets depends on the address; leaving the condition out matches more.
	exact = true
	for _, id := range p.NotPortSets {
		if set := x.sets(id); set == nil || len(set.Ports) > 0 {
			exact = false
		}
	}
	return s, exact
}

func (x *expander) set(id ir.SetID) span.Set {
	if s, ok := x.known[id]; ok {
		return s
	}
	s := span.Set{}
	if set := x.sets(id); set != nil {
		s = x.family.nets(set.Nets.Slice())
	}
	x.known[id] = s
	return s
}

// protocols are those of the judged packets that the rule may match; any tells that it does not look at the protocol.
func (x *expander) protocols(m *ir.Match) (list []uint8, any bool) {
	icmp := model.ProtoICMP
	if x.family == 6 {
		icmp = model.ProtoICMPv6
	}
	for _, p := range []uint8{model.ProtoTCP, model.ProtoUDP, model.ProtoSCTP, icmp} {
		if (m.Protocol == 0 || m.Protocol == p) && m.NotProtocol != p && (m.ICMP == nil || p == icmp) {
			list = append(list, p)
		}
	}
	if m.Protocol == 0 && m.NotProtocol == 0 && m.ICMP == nil && m.NotICMP == nil && !m.Src.HasPorts() && !m.Dst.HasPorts() {
		return list[:1], true
	}
	return list, false
}

// icmp lists the ranges of type and code for echo requests and their like, and the one range of everything for the rest.
func (x *expander) icmp(m *ir.Match, protocol uint8) [][2]classify.Range {
	all := [][2]classify.Range{{classify.AnyPort, classify.AnyPort}}
	if model.HasPorts(protocol) {
		return all
	}
	one := func(v uint8) classify.Range { return classify.Range{Min: uint16(v), Max: uint16(v)} }
	if i := m.ICMP; i != nil {
		all = [][2]classify.Range{{one(i.Type), classify.AnyPort}}
		if i.HasCode {
			all[0][1] = one(i.Code)
		}
	}
	i := m.NotICMP
	if i == nil {
		return all
	}
	var out [][2]classify.Range
	for _, a := range all {
		for _, r := range without(a[0], uint16(i.Type)) {
			out = append(out, [2]classify.Range{r, a[1]})
		}
		if i.HasCode && a[0].Min <= uint16(i.Type) && uint16(i.Type) <= a[0].Max {
			for _, r := range without(a[1], uint16(i.Code)) {
				out = append(out, [2]classify.Range{one(i.Type), r})
			}
		}
	}
	return out
}

// without is the range without one value.
func without(r classify.Range, v uint16) (out []classify.Range) {
	if v < r.Min || v > r.Max {
		return []classify.Range{r}
	}
	if v > r.Min {
		out = append(out, classify.Range{Min: r.Min, Max: v - 1})
	}
	if v < r.Max {
		out = append(out, classify.Range{Min: v + 1, Max: r.Max})
	}
	return out
}

// parts lists what one end may be in packets of the protocol. ok is false when it can be nothing.
func (x *expander) parts(p *ir.Peer, protocol uint8, in span.Set, nets []netip.Prefix, icmp classify.Range) (list []part, ok bool) {
	positive := len(p.Ports)+len(p.PortSets) > 0
	if !model.HasPorts(protocol) {
		if positive {
			return nil, false
		}
		for _, n := range nets {
			list = append(list, part{net: n, ports: icmp})
		}
		return list, true
	}
	allowed := span.Ports(p.NotPorts).Not(16)
	ports := allowed
	if positive {
		ports = span.Ports(p.Ports).And(allowed)
	}
	for _, n := range nets {
		for _, r := range portRanges(ports) {
			list = append(list, part{net: n, ports: r})
		}
	}
	for _, id := range p.PortSets {
		set := x.sets(id)
		if set == nil {
			continue
		}
		for _, m := range set.Ports {
			if m.Protocol != protocol || !x.family.has(m.Addr) || !in.Contains(span.Addr(m.Addr)) || !allowed.Contains(span.Of(uint64(m.Port))) {
				continue
			}
			list = append(list, part{netip.PrefixFrom(m.Addr, x.family.bits()), classify.Range{Min: m.Port, Max: m.Port}})
		}
	}
	return list, len(list) > 0
}

// portRanges are the ranges that a set of ports consists of.
func portRanges(s span.Set) (list []classify.Range) {
	if s == nil {
		return []classify.Range{classify.AnyPort}
	}
	for _, r := range s {
		list = append(list, classify.Range{Min: uint16(r.Lo.Lo), Max: uint16(r.Hi.Lo)})
	}
	return list
}
