package ruleset

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"strings"

	"golang.org/x/sys/unix"
)

// Key builds the key of a set element: its fields one after the other, each padded to four octets.
type Key []byte

// Addr appends an address of either family.
func (k Key) Addr(a netip.Addr) Key { return append(k, a.AsSlice()...) }

// Protocol appends a layer 4 protocol.
func (k Key) Protocol(p uint8) Key { return append(k, p, 0, 0, 0) }

// Octet appends a field of one octet: an ICMP type or code, a hop limit.
func (k Key) Octet(v uint8) Key { return append(k, v, 0, 0, 0) }

// Port appends a port.
func (k Key) Port(p uint16) Key { return append(binary.BigEndian.AppendUint16(k, p), 0, 0) }

// Interface appends an interface name, of which at most 15 octets count.
func (k Key) Interface(name string) Key {
	var b [IFNameLen]byte
	copy(b[:IFNameLen-1], name)
	return append(k, b[:]...)
}

// String is the key as Element stores it.
func (k Key) String() string { return string(k) }

// fieldOf cuts the i-th field out of a key, without its padding.
func fieldOf(list []Field, key string, i int) string {
	at := 0
	for _, f := range list[:i] {
		at += f.Padded()
	}
	return key[at : at+list[i].Len()]
}

func keyLen(list []Field) int {
	n := 0
	for _, f := range list {
		n += f.Padded()
	}
	return n
}

// Prefix is the first and the last address of a prefix.
func Prefix(p netip.Prefix) (first, last netip.Addr) {
	first = p.Masked().Addr()
	b := first.AsSlice()
	for i := p.Bits(); i < len(b)*8; i++ {
		b[i/8] |= 0x80 >> (i % 8)
	}
	last, _ = netip.AddrFromSlice(b)
	return first, last
}

// prefixOf is the prefix whose first and last addresses are given, if there is one.
func prefixOf(first, last netip.Addr) (netip.Prefix, bool) {
	for bits := 0; bits <= first.BitLen(); bits++ {
		p, err := first.Prefix(bits)
		if err != nil || p.Addr() != first {
			continue
		}
		if _, l := Prefix(p); l == last {
			return p, true
		}
	}
	return netip.Prefix{}, false
}

// rangeText writes an interval of a field: a value, a prefix, or a range.
func (f Field) rangeText(first, last string) string {
	if first == last {
		return f.valueText(first)
	}
	switch f {
	case SrcV4, DstV4, SrcV6, DstV6:
		a, _ := netip.AddrFromSlice([]byte(first))
		b, _ := netip.AddrFromSlice([]byte(last))
		if p, ok := prefixOf(a, b); ok {
			return p.String()
		}
	case IIFName, OIFName:
		// A wildcard: the first name is the prefix, the last one is filled up with 0xff.
		return quote(strings.TrimRight(first, "\x00") + "*")
	}
	return fmt.Sprintf("%s-%s", f.valueText(first), f.valueText(last))
}

func familyValue(version uint8) string {
	if version == 6 {
		return string([]byte{unix.NFPROTO_IPV6})
	}
	return string([]byte{unix.NFPROTO_IPV4})
}
