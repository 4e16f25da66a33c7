package ruleset

import (
	"cmp"
	"encoding/binary"
	"math/bits"
	"net/netip"
	"slices"
)

// Sets of a hundred thousand prefixes are lowered again at each change, so what follows works on plain numbers and makes
// one string for all keys.

// address is an address of either family as a number; IPv4 uses lo only.
type address struct{ hi, lo uint64 }

func (a address) compare(b address) int {
	if c := cmp.Compare(a.hi, b.hi); c != 0 {
		return c
	}
	return cmp.Compare(a.lo, b.lo)
}

// next is the address after a; ok is false after the last one. IPv4 ends elsewhere, but no span begins beyond its end.
func (a address) next() (n address, ok bool) {
	lo, carry := bits.Add64(a.lo, 1, 0)
	hi, over := bits.Add64(a.hi, 0, carry)
	return address{hi, lo}, over == 0
}

type interval struct{ first, last address }

func intervalOf(p netip.Prefix) interval {
	host := p.Addr().BitLen() - p.Bits()
	var a address
	if p.Addr().Is4() {
		b := p.Addr().As4()
		a.lo = uint64(binary.BigEndian.Uint32(b[:]))
	} else {
		b := p.Addr().As16()
		a = address{binary.BigEndian.Uint64(b[:8]), binary.BigEndian.Uint64(b[8:])}
	}
	// Shifts by 64 and more give zero.
	mask := address{lo: uint64(1)<<host - 1}
	if host > 64 {
		mask.hi = uint64(1)<<(host-64) - 1
	}
	if host >= 64 {
		mask.lo = ^uint64(0)
	}
	return interval{address{a.hi &^ mask.hi, a.lo &^ mask.lo}, address{a.hi | mask.hi, a.lo | mask.lo}}
}

// keyBytes appends an address as the kernel has it, in length octets.
func keyBytes(b []byte, a address, length int) []byte {
	if length == 4 {
		return binary.BigEndian.AppendUint32(b, uint32(a.lo))
	}
	return binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(b, a.hi), a.lo)
}

// Spans merges prefixes, which may nest, overlap and repeat, into the elements of an interval set of one address field.
// Prefixes of the other family than f's are left out.
func Spans(f Field, nets []netip.Prefix) []Element {
	length := f.Len()
	list := make([]interval, 0, len(nets))
	for _, n := range nets {
		if n.Addr().BitLen() == length*8 {
			list = append(list, intervalOf(n))
		}
	}
	byStart := func(x, y interval) int {
		if c := x.first.compare(y.first); c != 0 {
			return c
		}
		return y.last.compare(x.last)
	}
	if !slices.IsSortedFunc(list, byStart) {
		slices.SortFunc(list, byStart)
	}
	merged := list[:0]
	for _, s := range list {
		if n := len(merged); n > 0 {
			last := &merged[n-1].last
			// Adjacent spans are joined as well: the kernel's half-open intervals cannot tell them apart from one.
			if next, ok := last.next(); !ok || s.first.compare(next) <= 0 {
				if s.last.compare(*last) > 0 {
					*last = s.last
				}
				continue
			}
		}
		merged = append(merged, s)
	}
	keys := make([]byte, 0, 2*length*len(merged))
	for _, s := range merged {
		keys = keyBytes(keyBytes(keys, s.first, length), s.last, length)
	}
	all := string(keys)
	elements := make([]Element, len(merged))
	for i := range elements {
		at := 2 * length * i
		elements[i] = Element{Key: all[at : at+length], End: all[at+length : at+2*length]}
	}
	return elements
}

// Addrs turns single addresses of f's family into the sorted, distinct elements of a hash set. ok is false when one of
// the prefixes of that family is not a single address.
func Addrs(f Field, nets []netip.Prefix) (elements []Element, ok bool) {
	length := f.Len()
	keys := make([]byte, 0, length*len(nets))
	for _, n := range nets {
		if n.Addr().BitLen() != length*8 {
			continue
		}
		if !n.IsSingleIP() {
			return nil, false
		}
		keys = keyBytes(keys, intervalOf(n).first, length)
	}
	all := string(keys)
	elements = make([]Element, len(all)/length)
	for i := range elements {
		elements[i].Key = all[i*length : (i+1)*length]
	}
	return SortKeys(elements), true
}
