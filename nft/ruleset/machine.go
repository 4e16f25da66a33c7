package ruleset

import (
	"encoding/binary"
	"slices"
	"sort"
	"strings"

	"golang.org/x/sys/unix"

	"rampart/model"
)

// Packet is a packet on its way through the hooks, with what the kernel knows about it.
type Packet struct {
	model.Packet
	// In and Out are interface names, "" where the packet has none.
	In, Out string
	// CT is one of the ct state bits; CTStatus the ct status bits.
	CT, CTStatus uint32
	Mark         uint32
	// CTMark is the mark of the connection that the packet belongs to.
	CTMark   uint32
	HopLimit uint8
	// TCPFlags is the octet of flags in a TCP header.
	TCPFlags uint8
	// SrcLocal tells that the source is an address of this host.
	SrcLocal bool

	// Logged and Rejected are what the rules have done to it so far.
	Logged   []string
	Rejected bool
}

// Step is one rule that matched, or one element of a verdict map.
type Step struct {
	Chain   string
	Rule    *Rule
	Element *Element
	Verdict Verdict
}

// Machine runs packets through a ruleset in Go, the way nft_do_chain does.
type Machine struct {
	rs     *Ruleset
	chains map[string]*Chain
	sets   map[string]*Set
	exact  map[*Set]map[string]*Element
	packet *Packet
	trace  []Step
	elem   *Element
}

// NewMachine prepares a machine; the ruleset must be valid.
func NewMachine(rs *Ruleset) *Machine {
	m := &Machine{rs: rs, chains: map[string]*Chain{}, sets: map[string]*Set{}, exact: map[*Set]map[string]*Element{}}
	for _, c := range rs.Chains {
		m.chains[c.Name] = c
	}
	for _, s := range rs.Sets {
		m.sets[s.Name] = s
		if !s.Interval {
			index := make(map[string]*Element, s.Len())
			for e := range s.All() {
				index[e.Key] = &e
			}
			m.exact[s] = index
		}
	}
	return m
}

// Run passes the packet through every base chain of a hook between two priorities, inclusive, in order. It returns
// Accept, or Drop from the chain that dropped it, and the rules that matched on the way. The packet is changed: its mark,
// its connection state, what was logged.
func (m *Machine) Run(hook Hook, from, to int, p *Packet) (VerdictKind, []Step) {
	m.packet, m.trace = p, nil
	var base []*Chain
	for _, c := range m.rs.Chains {
		if c.Base != nil && c.Base.Hook == hook && from <= c.Base.Priority && c.Base.Priority <= to {
			base = append(base, c)
		}
	}
	sort.SliceStable(base, func(i, j int) bool { return base[i].Base.Priority < base[j].Base.Priority })
	for _, c := range base {
		if v := m.chain(c); v.Kind == Drop {
			return Drop, m.trace
		}
	}
	return Accept, m.trace
}

// Enter runs one chain as if jumped to: Accept, Drop, or Continue when it ends without a verdict.
func (m *Machine) Enter(chain string, p *Packet) (VerdictKind, []Step) {
	m.packet, m.trace = p, nil
	return m.chain(m.chains[chain]).Kind, m.trace
}

// chain runs a chain to a verdict; Continue means that it came to its end or returned.
func (m *Machine) chain(c *Chain) Verdict {
	for _, r := range c.Rules {
		switch v := m.rule(c, r); v.Kind {
		case Accept, Drop:
			return v
		case Return:
			return Verdict{}
		case Goto:
			return m.chain(m.chains[v.Chain])
		case Jump:
			if v := m.chain(m.chains[v.Chain]); v.Kind != Continue {
				return v
			}
		}
	}
	return Verdict{}
}

func (m *Machine) rule(c *Chain, r *Rule) Verdict {
	m.elem = nil
	for _, st := range r.Statements {
		v := st.Eval(m)
		if v.Kind == Break {
			return v
		}
		if v.Kind != Continue {
			m.trace = append(m.trace, Step{c.Name, r, m.elem, v})
			return v
		}
	}
	m.trace = append(m.trace, Step{c.Name, r, m.elem, Verdict{}})
	return Verdict{}
}

func (m *Machine) matched(e *Element) { m.elem = e }

// load reads a field of the packet in the kernel's octets; ok is false where the kernel's load would fail.
func (m *Machine) load(f Field) (v string, ok bool) {
	p := m.packet
	octet := func(v uint8) string { return string([]byte{v}) }
	v4 := p.Src.Is4()
	switch f {
	case NFProto:
		if v4 {
			return octet(unix.NFPROTO_IPV4), true
		}
		return octet(unix.NFPROTO_IPV6), true
	case L4Proto:
		return octet(p.Protocol), true
	case IIFName:
		return Key{}.Interface(p.In).String(), p.In != ""
	case OIFName:
		return Key{}.Interface(p.Out).String(), p.Out != ""
	case Mark:
		return hostBytes(p.Mark), true
	case SrcV4, SrcV6:
		return string(p.Src.AsSlice()), v4 == (f == SrcV4)
	case DstV4, DstV6:
		return string(p.Dst.AsSlice()), v4 == (f == DstV4)
	case SrcPort:
		return string(binary.BigEndian.AppendUint16(nil, p.SrcPort)), p.HasPorts() || p.Protocol == model.ProtoUDPLite && !p.Fragment
	case DstPort:
		return string(binary.BigEndian.AppendUint16(nil, p.DstPort)), p.HasPorts() || p.Protocol == model.ProtoUDPLite && !p.Fragment
	case ICMPType, ICMPv6Type, TransportOctet0:
		return octet(p.ICMPType), !p.Fragment
	case ICMPCode, ICMPv6Code, TransportOctet1:
		return octet(p.ICMPCode), !p.Fragment
	case TCPFlags:
		return octet(p.TCPFlags), p.Protocol == model.ProtoTCP && !p.Fragment
	case HopLimit:
		return octet(p.HopLimit), !v4
	case CTState:
		return hostBytes(p.CT), true
	case CTMark:
		return hostBytes(p.CTMark), p.CT != CTUntracked && p.CT != CTInvalid
	case CTStatus:
		return hostBytes(p.CTStatus), p.CT != CTUntracked && p.CT != CTInvalid
	case SrcType:
		if p.SrcLocal {
			return hostBytes(unix.RTN_LOCAL), true
		}
		return hostBytes(unix.RTN_UNICAST), true
	}
	return "", false
}

func (m *Machine) key(list []Field) (string, bool) {
	var b strings.Builder
	for _, f := range list {
		v, ok := m.load(f)
		if !ok {
			return "", false
		}
		b.WriteString(v)
		for n := f.Padded() - f.Len(); n > 0; n-- {
			b.WriteByte(0)
		}
	}
	return b.String(), true
}

// find looks a key up in a named set.
func (m *Machine) find(name, key string) *Element {
	s := m.sets[name]
	if !s.Interval {
		return m.exact[s][key]
	}
	if !s.Concatenated() {
		i, ok := slices.BinarySearchFunc(s.Elements, key, func(e Element, k string) int { return strings.Compare(e.Key, k) })
		switch {
		case ok:
			return &s.Elements[i]
		case i > 0 && key <= s.Elements[i-1].End:
			return &s.Elements[i-1]
		}
		return nil
	}
	for i := range s.Elements {
		if s.holds(&s.Elements[i], key) {
			return &s.Elements[i]
		}
	}
	return nil
}

// holds tells whether every field of the key is within the element's range.
func (s *Set) holds(e *Element, key string) bool {
	at := 0
	for _, f := range s.Fields {
		n := f.Padded()
		if k := key[at : at+n]; k < e.Key[at:at+n] || k > e.End[at:at+n] {
			return false
		}
		at += n
	}
	return true
}

// Refused finds an element that the kernel would not add to a set of ranges over several fields: one whose first or last
// corner lies in an element that is there (nft_pipapo_insert). It is -1 when there is none. It compares all elements with each
// other, which is for tests.
func (s *Set) Refused() int {
	if !s.Interval || !s.Concatenated() {
		return -1
	}
	for i := range s.Elements {
		e := &s.Elements[i]
		if slices.ContainsFunc(s.Elements[:i], func(had Element) bool { return s.holds(&had, e.Key) || s.holds(&had, e.End) }) {
			return i
		}
	}
	return -1
}
