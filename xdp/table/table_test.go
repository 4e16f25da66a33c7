package table

import (
	"net/netip"
	"testing"

	"rampart/engine/ir"
	"rampart/engine/ir/flat"
	"rampart/model"
)

func prefixes(list ...string) []netip.Prefix {
	var out []netip.Prefix
	for _, s := range list {
		out = append(out, netip.MustParsePrefix(s))
	}
	return out
}

// list is a first-match list for tests.
func list(end flat.Verdict, entries ...flat.Entry) *flat.List {
	return &flat.List{Name: "test", ID: "test", Entries: entries, End: flat.End{Verdict: end, Why: "end"}}
}

func entry(id model.RuleID, v flat.Verdict, m ir.Match) flat.Entry {
	return flat.Entry{Rule: &ir.Rule{ID: id, Match: m}, Verdict: v, Why: id.String()}
}

func buildList(t *testing.T, l *flat.List, sets ...*ir.Set) (*Table, *Deniers) {
	t.Helper()
	d := &Deniers{}
	b := &Builder{Deniers: d, Sets: func(id ir.SetID) *ir.Set {
		for _, s := range sets {
			if s.ID == id {
				return s
			}
		}
		return nil
	}}
	tab, err := b.Build(l)
	if err != nil {
		t.Fatal(err)
	}
	return tab, d
}

func packet(src string, protocol uint8, dport uint16) *model.Packet {
	return &model.Packet{Src: netip.MustParseAddr(src), Dst: netip.MustParseAddr("192.0.2.1"), Protocol: protocol, SrcPort: 9, DstPort: dport}
}

// What the fast path must not decide by itself it passes on, and only that.
func TestDoubtIsPass(t *testing.T) {
	src := func(nets ...string) ir.Peer { return ir.Peer{Nets: prefixes(nets...)} }
	log := entry(1, flat.Nothing, ir.Match{Src: src("10.1.0.0/16")})
	log.Log = true
	http := entry(2, flat.Allow, ir.Match{Src: src("10.2.0.0/16"), HTTP: &model.HTTPMatch{}})
	http.HTTP = true
	count := entry(3, flat.Nothing, ir.Match{Src: src("10.3.0.0/16")})
	named := entry(4, flat.Allow, ir.Match{Src: src("10.4.0.0/16"), Dst: ir.Peer{NotPortSets: []ir.SetID{"p"}}, Protocol: model.ProtoTCP})
	allow := entry(5, flat.Allow, ir.Match{Src: src("10.5.0.0/16")})
	deny := entry(6, flat.Deny, ir.Match{Src: src("10.0.0.0/8")})
	ports := &ir.Set{ID: "p", Kind: ir.SetPorts, Ports: []ir.PortMember{{Addr: netip.MustParseAddr("192.0.2.1"), Protocol: 6, Port: 80}}}
	tab, deniers := buildList(t, list(flat.Deny, log, http, count, named, allow, deny), ports)
	for _, tc := range []struct {
		name   string
		packet *model.Packet
		want   Ruling
		rule   model.RuleID
	}{
		{"logged before it is denied", packet("10.1.0.1", 6, 80), Pass, 0},
		{"http clause", packet("10.2.0.1", 6, 80), Pass, 0},
		{"only counted before it is denied", packet("10.3.0.1", 6, 80), Deny, 6},
		{"not in a set of ports", packet("10.4.0.1", 6, 443), Pass, 0},
		{"another protocol than that rule's", packet("10.4.0.1", 17, 443), Deny, 6},
		{"allowed", packet("10.5.0.1", 6, 80), Allow, 0},
		{"denied", packet("10.6.0.1", 6, 80), Deny, 6},
		{"denied by default", packet("11.0.0.1", 6, 80), Deny, 0},
	} {
		a := ask(tab, tc.packet)
		if a.Ruling != tc.want || a.Ruling == Deny && deniers.List()[a.Denier].Rule != tc.rule {
			t.Errorf("%s: %+v, want %v by %v", tc.name, a, tc.want, tc.rule)
		}
	}
}

func TestConditions(t *testing.T) {
	set := &ir.Set{ID: "s", Nets: ir.PrefixesOf(prefixes("10.0.0.0/24", "10.0.1.0/24", "2001:db8::/32")...)}
	named := &ir.Set{ID: "p", Kind: ir.SetPorts, Ports: []ir.PortMember{{Addr: netip.MustParseAddr("192.0.2.1"), Protocol: 6, Port: 80}}}
	echo := func(code uint8) *model.Packet {
		p := packet("10.0.0.1", model.ProtoICMP, 0)
		p.SrcPort, p.DstPort, p.ICMPType, p.ICMPCode = 0, 0, 8, code
		return p
	}
	for _, tc := range []struct {
		name    string
		match   ir.Match
		yes, no []*model.Packet
	}{
		{"set without a net", ir.Match{Src: ir.Peer{Sets: []ir.SetID{"s"}, NotNets: prefixes("10.0.1.0/25")}},
			[]*model.Packet{packet("10.0.0.1", 6, 1), packet("10.0.1.200", 6, 1)}, []*model.Packet{packet("10.0.1.1", 6, 1), packet("9.0.0.1", 6, 1)}},
		{"not in a set", ir.Match{Src: ir.Peer{NotSets: []ir.SetID{"s"}}}, []*model.Packet{packet("9.0.0.1", 6, 1)}, []*model.Packet{packet("10.0.1.1", 6, 1)}},
		{"a set that is not there", ir.Match{Src: ir.Peer{NotSets: []ir.SetID{"x"}}}, nil, []*model.Packet{packet("9.0.0.1", 6, 1)}},
		{"not a protocol", ir.Match{NotProtocol: 6}, []*model.Packet{packet("9.0.0.1", 17, 1), echo(0)}, []*model.Packet{packet("9.0.0.1", 6, 1)}},
		{"ports or a named port", ir.Match{Protocol: 6, Dst: ir.Peer{Ports: []ir.PortRange{{Min: 1, Max: 5}}, PortSets: []ir.SetID{"p"}}},
			[]*model.Packet{packet("9.0.0.1", 6, 5), packet("9.0.0.1", 6, 80)}, []*model.Packet{packet("9.0.0.1", 6, 6), packet("9.0.0.1", 17, 80)}},
		{"not these ports", ir.Match{Protocol: 17, Dst: ir.Peer{NotPorts: []ir.PortRange{{Min: 0, Max: 9}, {Min: 100, Max: 65535}}}},
			[]*model.Packet{packet("9.0.0.1", 17, 10), packet("9.0.0.1", 17, 99)}, []*model.Packet{packet("9.0.0.1", 17, 9), packet("9.0.0.1", 17, 100)}},
		{"type", ir.Match{Protocol: 1, ICMP: &ir.ICMP{Type: 8}}, []*model.Packet{echo(0), echo(3)}, []*model.Packet{packet("9.0.0.1", 6, 8)}},
		{"type and code", ir.Match{Protocol: 1, ICMP: &ir.ICMP{Type: 8, HasCode: true}}, []*model.Packet{echo(0)}, []*model.Packet{echo(3)}},
		{"not type and code", ir.Match{Protocol: 1, NotICMP: &ir.ICMP{Type: 8, HasCode: true}}, []*model.Packet{echo(3)}, []*model.Packet{echo(0)}},
		{"ip version", ir.Match{IPVersion: 6}, nil, []*model.Packet{packet("9.0.0.1", 6, 1)}},
	} {
		tab, _ := buildList(t, list(flat.Continue, entry(1, flat.Deny, tc.match)), set, named)
		for _, p := range tc.yes {
			if a := ask(tab, p); a.Ruling != Deny {
				t.Errorf("%s: %v is not matched", tc.name, p)
			}
		}
		for _, p := range tc.no {
			if a := ask(tab, p); a.Ruling != Continue {
				t.Errorf("%s: %v is matched", tc.name, p)
			}
		}
	}
}

// A table is asked without allocating.
func TestLookupDoesNotAllocate(t *testing.T) {
	inner := list(flat.Deny)
	inner.ID = "inner"
	first := entry(1, flat.Goto, ir.Match{Protocol: 6})
	first.Next = inner
	tab, _ := buildList(t, list(flat.Continue, first))
	p := packet("10.0.0.1", 6, 1)
	if n := testing.AllocsPerRun(100, func() {
		if ask(tab, p).Ruling != Deny {
			t.Error("wrong answer")
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
