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
	Not    bool
}

// Text implements Statement.
func (l Lookup) Text(c Context) string {
	op := " @"
	if l.Not {
		op = " != @"
	}
	return fieldsText(l.Fields, c) + op + l.Set
}

// Exprs implements Statement.
func (l Lookup) Exprs(Binder) []expr.Any {
	return append(load(l.Fields), &expr.Lookup{SourceRegister: unix.NFT_REG_1, SetName: l.Set, Invert: l.Not})
}

// Eval implements Statement.
func (l Lookup) Eval(m *Machine) Verdict {
	key, ok := m.key(l.Fields)
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
	words := fieldWords(v.Fields, c)
	if v.Bits > 0 {
		words[0] += " & " + v.Fields[0].valueText(string(v.mask()))
	}
	return strings.Join(words, " . ") + " vmap @" + v.Map
}

// mask is the netmask of Bits.
func (v VerdictMap) mask() []byte { return net.CIDRMask(v.Bits, 8*v.Fields[0].Len()) }

// Exprs implements Statement.
func (v VerdictMap) Exprs(Binder) []expr.Any {
	exprs := load(v.Fields)
	if v.Bits > 0 {
		mask := v.mask()
		exprs = slices.Insert(exprs, 1, expr.Any(&expr.Bitwise{
			SourceRegister: unix.NFT_REG_1, DestRegister: unix.NFT_REG_1, Len: uint32(len(mask)), Mask: mask, Xor: make([]byte, len(mask)),
		}))
	}
	return append(exprs,
		&expr.Lookup{SourceRegister: unix.NFT_REG_1, DestRegister: unix.NFT_REG_VERDICT, IsDestRegSet: true, SetName: v.Map})
}

// Eval implements Statement.
func (v VerdictMap) Eval(m *Machine) Verdict {
	key, ok := m.key(v.Fields)
	if !ok {
		return Verdict{Kind: Break}
	}
	if v.Bits > 0 {
		key = masked(key, v.mask())
	}
	e := m.find(v.Map, key)
	if e == nil {
		return Verdict{Kind: Break}
	}
	m.matched(e)
	return e.Verdict
}

func fieldsText(list []Field, c Context) string { return strings.Join(fieldWords(list, c), " . ") }

func fieldWords(list []Field, c Context) []string {
	words := make([]string, len(list))
	for i, f := range list {
		words[i] = f.in(c)
	}
	return words
}

// masked is a key with the bits of its first field cleared that the mask lacks.
func masked(key string, mask []byte) string {
	b := []byte(key)
	for i := range mask {
		b[i] &= mask[i]
	}
	return string(b)
}
