package ruleset

import (
	"net"
	"slices"
	"strings"

	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"
)

// Lookup matches when the fields, concatenated, are in a named set; with Not when they are not. If a field does not load
// the rule ends either way.
type Lookup struct {
	Fields []Field
	Set    string
	// Bits is how many bits of the first field, an address, are looked up, the others being 0; 0 stands for all.
	Bits int
	Not  bool
}

// Text implements Statement.
func (l Lookup) Text(c Context) string {
	op := " @"
	switch {
	case l.Not:
		op = " != @"
	case l.Bits > 0:
		op = " == @"
	}
	return maskedText(l.Fields, l.Bits, c) + op + l.Set
}

// Exprs implements Statement.
func (l Lookup) Exprs(Binder) []expr.Any {
	return append(loadMasked(l.Fields, l.Bits), &expr.Lookup{SourceRegister: unix.NFT_REG_1, SetName: l.Set, Invert: l.Not})
}

// Eval implements Statement.
func (l Lookup) Eval(m *Machine) Verdict {
	key, ok := m.maskedKey(l.Fields, l.Bits)
	if !ok || (m.find(l.Set, key) != nil) == l.Not {
		return Verdict{Kind: Break}
	}
	return Verdict{}
}

// VerdictMap looks the fields up in a named verdict map and does what the element says. Without an element the rule
// ends and the next is tried.
type VerdictMap struct {
	Fields []Field
	Map    string
	// Bits is how many bits of the first field, an address, are looked up, the others being 0; 0 stands for all.
	Bits int
}

// Text implements Statement.
func (v VerdictMap) Text(c Context) string {
	return maskedText(v.Fields, v.Bits, c) + " vmap @" + v.Map
}

// Exprs implements Statement.
func (v VerdictMap) Exprs(Binder) []expr.Any {
	return append(loadMasked(v.Fields, v.Bits),
		&expr.Lookup{SourceRegister: unix.NFT_REG_1, DestRegister: unix.NFT_REG_VERDICT, IsDestRegSet: true, SetName: v.Map})
}

// Eval implements Statement.
func (v VerdictMap) Eval(m *Machine) Verdict {
	key, ok := m.maskedKey(v.Fields, v.Bits)
	if !ok {
		return Verdict{Kind: Break}
	}
	e := m.find(v.Map, key)
	if e == nil {
		return Verdict{Kind: Break}
	}
	m.matched(e)
	return e.Verdict
}

// The fields of a look-up, with bits of the first one masked out unless bits is 0.

func netmask(f Field, bits int) []byte { return net.CIDRMask(bits, 8*f.Len()) }

func maskedText(list []Field, bits int, c Context) string {
	words := make([]string, len(list))
	for i, f := range list {
		words[i] = f.in(c)
	}
	if bits > 0 {
		words[0] += " & " + list[0].valueText(string(netmask(list[0], bits)))
	}
	return strings.Join(words, " . ")
}

func loadMasked(list []Field, bits int) []expr.Any {
	exprs := load(list)
	if bits > 0 {
		mask := netmask(list[0], bits)
		exprs = slices.Insert(exprs, 1, expr.Any(&expr.Bitwise{
			SourceRegister: unix.NFT_REG_1, DestRegister: unix.NFT_REG_1, Len: uint32(len(mask)), Mask: mask, Xor: make([]byte, len(mask)),
		}))
	}
	return exprs
}

func (m *Machine) maskedKey(list []Field, bits int) (string, bool) {
	key, ok := m.key(list)
	if !ok || bits == 0 {
		return key, ok
	}
	b := []byte(key)
	for i, octet := range netmask(list[0], bits) {
		b[i] &= octet
	}
	return string(b), true
}
