package filter

import (
	"math/rand/v2"
	"net/netip"
)

// lengths is a distribution of prefix lengths: each with its share in percent.
type lengths []struct{ bits, share int }

func (l lengths) draw(r *rand.Rand) int {
	n := r.IntN(100)
	for _, x := range l {
		if n -= x.share; n < 0 {
			return x.bits
		}
	}
	return l[len(l)-1].bits
}

// nets draws prefixes from a space so that they nest, as real ones do: half of them lie inside one drawn before.
type nets struct {
	space netip.Prefix
	bits  lengths
	drawn []netip.Prefix
}

func (n *nets) draw(r *rand.Rand) netip.Prefix {
	bits := n.bits.draw(r)
	base := n.space
	if len(n.drawn) > 0 && r.IntN(2) == 0 {
		if p := n.drawn[r.IntN(len(n.drawn))]; p.Bits() < bits {
			base = p
		}
	}
	p := netip.PrefixFrom(randomIn(r, base), bits).Masked()
	n.drawn = append(n.drawn, p)
	return p
}

// again is a prefix drawn before, or a new one when there is none.
func (n *nets) again(r *rand.Rand) netip.Prefix {
	if len(n.drawn) == 0 {
		return n.draw(r)
	}
	return n.drawn[r.IntN(len(n.drawn))]
}

// randomIn is a random address of a prefix.
func randomIn(r *rand.Rand, p netip.Prefix) netip.Addr {
	b := p.Addr().AsSlice()
	for i := range b {
		fixed := min(8, max(0, p.Bits()-8*i))
		b[i] |= byte(r.Uint32()) >> fixed
	}
	a, _ := netip.AddrFromSlice(b)
	return a
}

// The address plan. Senders and receivers live in spaces of their own; strangers send from a third, which no rule
// names.
var (
	senders4, senders6     = netip.MustParsePrefix("64.0.0.0/3"), netip.MustParsePrefix("2600::/8")
	receivers4, receivers6 = netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("2001:db8::/32")
	strangers4, strangers6 = netip.MustParsePrefix("198.18.0.0/15"), netip.MustParsePrefix("2a00::/16")
)

func space(family int, v4, v6 netip.Prefix) netip.Prefix {
	if family == 6 {
		return v6
	}
	return v4
}

// stranger is one of the strangers by number.
func stranger(family, number int) netip.Addr {
	b := space(family, strangers4, strangers6).Addr().AsSlice()
	n := len(b)
	b[n-2], b[n-1] = byte(number>>7), byte(1+number&0x7f)
	a, _ := netip.AddrFromSlice(b)
	return a
}
