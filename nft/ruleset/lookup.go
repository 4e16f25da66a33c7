package ruleset

import (
	"net"
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
	return maskedText(l.Fields, [2]int{l.Bits}, c) + op + l.Set
}

// Exprs implements Statement.
func (l Lookup) Exprs(Binder) []expr.Any {
	return append(loadMasked(l.Fields, [2]int{l.Bits}), &expr.Lookup{SourceRegister: unix.NFT_REG_1, SetName: l.Set, Invert: l.Not})
}

// Eval implements Statement.
func (l Lookup) Eval(m *Machine) Verdict {
	key, ok := m.maskedKey(l.Fields, [2]int{l.Bits})
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
	// Bits is how many bits of the first two fields, which are addresses then, are looked up, the others being 0; 0 stands for
	// all.
	Bits [2]int
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

// The fields of a look-up, with bits of the first two masked out unless they are 0.

func netmask(f Field, bits int) []byte { return net.CIDRMask(bits, 8*f.Len()) }

func maskedText(list []Field, bits [2]int, c Context) string {
	words := make([]string, len(list))
	for i, f := range list {
		words[i] = f.in(c)
		if i < len(bits) && bits[i] > 0 {
			words[i] += " & " + f.valueText(string(netmask(f, bits[i])))
		}
	}
	return strings.Join(words, " . ")
}

// loadMasked puts fields into consecutive registers, as a concatenation.
func loadMasked(list []Field, bits [2]int) []expr.Any {
	var exprs []expr.Any
	slot := 0
	for i, f := range list {
		exprs = append(exprs, fields[f].load(register(slot)))
		if i < len(bits) && bits[i] > 0 {
			mask := netmask(f, bits[i])
			exprs = append(exprs, &expr.Bitwise{
				SourceRegister: register(slot), DestRegister: register(slot), Len: uint32(len(mask)), Mask: mask, Xor: make([]byte, len(mask)),
			})
		}
		slot += f.Padded() / 4
	}
	return exprs
}

func (m *Machine) maskedKey(list []Field, bits [2]int) (string, bool) {
	key, ok := m.key(list)
	if !ok || bits == [2]int{} {
		return key, ok
	}
	b := []byte(key)
	at := 0
	for i, f := range list[:min(len(list), len(bits))] {
		if bits[i] > 0 {
			for k, octet := range netmask(f, bits[i]) {
				b[at+k] &= octet
			}
		}
		at += f.Padded()
	}
	return string(b), true
}
