package span

import (
	"encoding/binary"
	"math/bits"
	"net/netip"
)

// Value is a value of any field as a number: its upper and its lower 64 bits. An IPv4 address is in the lower 32.
type Value struct{ Hi, Lo uint64 }

// Of is a value of at most 64 bits.
func Of(v uint64) Value { return Value{Lo: v} }

// Addr is an address as a number.
func Addr(a netip.Addr) Value {
	if a.Is4() {
		b := a.As4()
		return Of(uint64(binary.BigEndian.Uint32(b[:])))
	}
	b := a.As16()
	return Value{binary.BigEndian.Uint64(b[:8]), binary.BigEndian.Uint64(b[8:])}
}

// Addr is the address that the number stands for in a field of 32 or 128 bits.
func (a Value) Addr(width int) netip.Addr {
	if width == 32 {
		var b [4]byte
		binary.BigEndian.PutUint32(b[:], uint32(a.Lo))
		return netip.AddrFrom4(b)
	}
	var b [16]byte
	binary.BigEndian.PutUint64(b[:8], a.Hi)
	binary.BigEndian.PutUint64(b[8:], a.Lo)
	return netip.AddrFrom16(b)
}

// Max is the highest value of a field of so many bits.
func Max(width int) Value {
	if width > 64 {
		return Value{1<<(width-64) - 1, ^uint64(0)}
	}
	return Value{0, ^uint64(0) >> (64 - width)}
}

// Less tells whether a is below b.
func (a Value) Less(b Value) bool { return a.Hi < b.Hi || a.Hi == b.Hi && a.Lo < b.Lo }

// Compare is -1, 0 or 1 where a is below, equal to or above b.
func (a Value) Compare(b Value) int {
	switch {
	case a.Less(b):
		return -1
	case b.Less(a):
		return 1
	}
	return 0
}

// Next is a+1; 0 after the highest of 128 bits.
func (a Value) Next() Value {
	lo, carry := bits.Add64(a.Lo, 1, 0)
	return Value{a.Hi + carry, lo}
}

// Prev is a-1; the highest of 128 bits before 0.
func (a Value) Prev() Value {
	lo, borrow := bits.Sub64(a.Lo, 1, 0)
	return Value{a.Hi - borrow, lo}
}

// Plus is the sum, or the highest value of 128 bits where that is less.
func (a Value) Plus(b Value) Value {
	lo, carry := bits.Add64(a.Lo, b.Lo, 0)
	hi, over := bits.Add64(a.Hi, b.Hi, carry)
	if over != 0 {
		return Max(128)
	}
	return Value{hi, lo}
}

// Block is the span of the 1<<n values that differ from a in their n lowest bits only.
func (a Value) Block(n int) Span {
	m := Max(n)
	return Span{Value{a.Hi &^ m.Hi, a.Lo &^ m.Lo}, a.Last(n)}
}

// Last is a with its n lowest bits set: the last value of that block.
func (a Value) Last(n int) Value {
	m := Max(n)
	return Value{a.Hi | m.Hi, a.Lo | m.Lo}
}

// zeros is how many of the lowest bits are 0.
func (a Value) zeros() int {
	if a.Lo != 0 {
		return bits.TrailingZeros64(a.Lo)
	}
	return 64 + bits.TrailingZeros64(a.Hi)
}
