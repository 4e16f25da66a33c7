package ruleset

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"
)

// Match compares one field with a value, a range, a prefix or a list of these. With Not it matches everything else; a
// field that does not load matches neither way.
type Match struct {
	Field  Field
	Not    bool
	Values []Span
}

// Span is an inclusive range of values of a field, in the kernel's octets; First equals Last for one value.
type Span struct{ First, Last string }

func (s Span) single() bool { return s.First == s.Last }

// Octets matches a field of one octet.
func Octets(f Field, not bool, values ...uint8) Match {
	m := Match{Field: f, Not: not}
	for _, v := range values {
		m.Values = append(m.Values, Span{string([]byte{v}), string([]byte{v})})
	}
	return m
}

// Family matches IPv4 or IPv6 packets.
func Family(version uint8) Match {
	v := familyValue(version)
	return Match{Field: NFProto, Values: []Span{{v, v}}}
}

// Protocol matches any of the layer 4 protocols, or none of them.
func Protocol(not bool, protocols ...uint8) Match { return Octets(L4Proto, not, protocols...) }

// SourceIsLocal matches packets whose source is an address of this host.
func SourceIsLocal() Match {
	v := hostBytes(unix.RTN_LOCAL)
	return Match{Field: SrcType, Values: []Span{{v, v}}}
}

// Interface matches an interface name, or all that begin with it.
func Interface(f Field, name string, wildcard bool) Match {
	first := Key{}.Interface(name).String()
	last := first
	if wildcard {
		last = name + strings.Repeat("\xff", IFNameLen-len(name))
	}
	return Match{Field: f, Values: []Span{{first, last}}}
}

// Nets matches an address field against prefixes of its family; those of the other family are left out.
func Nets(f Field, not bool, nets []netip.Prefix) Match {
	m := Match{Field: f, Not: not}
	for _, e := range Spans(f, nets) {
		m.Values = append(m.Values, Span{e.Key, e.End})
	}
	return m
}

// PortSpan is an inclusive range of ports, host byte order.
type PortSpan struct{ Min, Max uint16 }

// Ports matches a port field against ranges, which may overlap.
func Ports(f Field, not bool, ranges []PortSpan) Match {
	sorted := slices.Clone(ranges)
	slices.SortFunc(sorted, func(a, b PortSpan) int {
		if a.Min != b.Min {
			return int(a.Min) - int(b.Min)
		}
		return int(b.Max) - int(a.Max)
	})
	var merged []PortSpan
	for _, r := range sorted {
		if n := len(merged); n > 0 && int(r.Min) <= int(merged[n-1].Max)+1 {
			merged[n-1].Max = max(merged[n-1].Max, r.Max)
			continue
		}
		merged = append(merged, r)
	}
	m := Match{Field: f, Not: not}
	for _, r := range merged {
		m.Values = append(m.Values, Span{Key{}.Port(r.Min).String()[:2], Key{}.Port(r.Max).String()[:2]})
	}
	return m
}

// Text implements Statement.
func (m Match) Text(c Context) string {
	var b strings.Builder
	b.WriteString(m.Field.in(c))
	b.WriteByte(' ')
	if m.Not {
		b.WriteString("!= ")
	}
	words := make([]string, len(m.Values))
	for i, v := range m.Values {
		words[i] = m.Field.rangeText(v.First, v.Last)
	}
	if len(words) == 1 {
		b.WriteString(words[0])
	} else {
		b.WriteString("{ " + strings.Join(words, ", ") + " }")
	}
	return b.String()
}

// anonymous is the set that holds several values, nil for one.
func (m Match) anonymous() *Set {
	if len(m.Values) == 1 {
		return nil
	}
	s := &Set{Fields: []Field{m.Field}}
	s.Interval = slices.ContainsFunc(m.Values, func(v Span) bool { return !v.single() })
	pad := strings.Repeat("\x00", m.Field.Padded()-m.Field.Len())
	for _, v := range m.Values {
		e := Element{Key: v.First + pad}
		if s.Interval {
			e.End = v.Last + pad
		}
		s.Elements = append(s.Elements, e)
	}
	return s
}

// Intervals is the set that the match would make for itself if that has intervals, else nil. Such a set should have a name
// and be made before the rule: see docs/design/transactions.md.
func (m Match) Intervals() *Set {
	if s := m.anonymous(); s != nil && s.Interval {
		return s
	}
	return nil
}

// Exprs implements Statement.
func (m Match) Exprs(b Binder) []expr.Any {
	const reg = unix.NFT_REG_1
	if s := m.anonymous(); s != nil {
		name, id := b.Bind(s)
		return []expr.Any{fields[m.Field].load(reg), &expr.Lookup{SourceRegister: reg, SetName: name, SetID: id, Invert: m.Not}}
	}
	v, op, rangeOp := m.Values[0], expr.CmpOpEq, expr.CmpOpEq
	if m.Not {
		op, rangeOp = expr.CmpOpNeq, expr.CmpOpNeq
	}
	load := fields[m.Field].load(reg)
	if v.single() {
		return []expr.Any{load, &expr.Cmp{Op: op, Register: reg, Data: []byte(v.First)}}
	}
	if n, ok := commonOctets(v); ok {
		// A prefix on an octet border is a shorter load or compare, as nft itself writes it.
		if p, isPayload := load.(*expr.Payload); isPayload {
			p.Len = uint32(n)
		}
		return []expr.Any{load, &expr.Cmp{Op: op, Register: reg, Data: []byte(v.First[:n])}}
	}
	if mask, ok := maskOf(v); ok {
		return []expr.Any{load,
			&expr.Bitwise{SourceRegister: reg, DestRegister: reg, Len: uint32(len(mask)), Mask: mask, Xor: make([]byte, len(mask))},
			&expr.Cmp{Op: op, Register: reg, Data: []byte(v.First)}}
	}
	return []expr.Any{load, &expr.Range{Op: rangeOp, Register: reg, FromData: []byte(v.First), ToData: []byte(v.Last)}}
}

// commonOctets tells whether the span is all values that begin with n octets, with n > 0.
func commonOctets(v Span) (n int, ok bool) {
	for n < len(v.First) && v.First[n] == v.Last[n] {
		n++
	}
	for i := n; i < len(v.First); i++ {
		if v.First[i] != 0 || v.Last[i] != 0xff {
			return 0, false
		}
	}
	return n, n > 0
}

// maskOf is the netmask of a span that is a prefix of an address.
func maskOf(v Span) ([]byte, bool) {
	a, ok := netip.AddrFromSlice([]byte(v.First))
	if !ok {
		return nil, false
	}
	z, _ := netip.AddrFromSlice([]byte(v.Last))
	p, ok := prefixOf(a, z)
	if !ok {
		return nil, false
	}
	mask := make([]byte, len(v.First))
	for i := range p.Bits() {
		mask[i/8] |= 0x80 >> (i % 8)
	}
	return mask, true
}

// Eval implements Statement.
func (m Match) Eval(mc *Machine) Verdict {
	v, ok := mc.load(m.Field)
	if !ok {
		return Verdict{Kind: Break}
	}
	in := slices.ContainsFunc(m.Values, func(s Span) bool { return s.First <= v && v <= s.Last })
	if in == m.Not {
		return Verdict{Kind: Break}
	}
	return Verdict{}
}
