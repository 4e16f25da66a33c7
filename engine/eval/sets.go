package eval

import (
	"cmp"
	"net/netip"
	"slices"
	"sync"

	"rampart/engine/ir"
)

// lazySet is a set with its index, built at the first look-up: a single probe touches few of a program's sets.
type lazySet struct {
	set   *ir.Set
	once  sync.Once
	spans []span
}

// span is an inclusive range of addresses of one family.
type span struct{ first, last netip.Addr }

// holds tells whether the address is in a set of nets.
func (s *lazySet) holds(a netip.Addr) bool {
	s.once.Do(func() { s.spans = spansOf(s.set.Nets.Slice()) })
	i, ok := slices.BinarySearchFunc(s.spans, a, func(sp span, a netip.Addr) int { return sp.first.Compare(a) })
	return ok || i > 0 && a.Compare(s.spans[i-1].last) <= 0
}

// holdsPort tells whether the address has the port in a set of ports.
func (s *lazySet) holdsPort(m ir.PortMember) bool {
	_, ok := slices.BinarySearchFunc(s.set.Ports, m, func(a, b ir.PortMember) int {
		return cmp.Or(a.Addr.Compare(b.Addr), cmp.Compare(a.Protocol, b.Protocol), cmp.Compare(a.Port, b.Port))
	})
	return ok
}

// spansOf merges prefixes, which may nest, into ascending disjoint spans. IPv4 sorts before IPv6, so no span holds both.
func spansOf(nets []netip.Prefix) []span {
	spans := make([]span, 0, len(nets))
	for _, n := range nets {
		spans = append(spans, span{n.Masked().Addr(), lastAddr(n)})
	}
	slices.SortFunc(spans, func(a, b span) int { return cmp.Or(a.first.Compare(b.first), b.last.Compare(a.last)) })
	merged := spans[:0]
	for _, s := range spans {
		if n := len(merged); n > 0 && s.first.Compare(merged[n-1].last) <= 0 {
			if s.last.Compare(merged[n-1].last) > 0 {
				merged[n-1].last = s.last
			}
			continue
		}
		merged = append(merged, s)
	}
	return merged
}

// lastAddr is the highest address of a prefix.
func lastAddr(p netip.Prefix) netip.Addr {
	b := p.Addr().AsSlice()
	for i := p.Bits(); i < len(b)*8; i++ {
		b[i/8] |= 0x80 >> (i % 8)
	}
	a, _ := netip.AddrFromSlice(b)
	return a
}

func anyNet(nets []netip.Prefix, a netip.Addr) bool {
	return slices.ContainsFunc(nets, func(n netip.Prefix) bool { return n.Contains(a) })
}
