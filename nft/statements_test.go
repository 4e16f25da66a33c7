package nft

import (
	"net/netip"
	"os/exec"
	"strings"
	"testing"

	"rampart/bench/lab"
	"rampart/engine/ir"
	"rampart/model"
	"rampart/nft/ruleset"
)

// TestEveryStatementIsListedAsWritten sends a rule of every kind through netlink and checks that nft lists exactly the
// text we would have written. What nft can list, it can also load again.
func TestEveryStatementIsListedAsWritten(t *testing.T) {
	l := lab.ForTest(t)
	ns, err := l.Namespace("a")
	if err != nil {
		t.Fatal(err)
	}
	rs := everything()
	if err := rs.Validate(); err != nil {
		t.Fatal(err)
	}
	conn, err := open(ns.FD())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.CloseLasting()
	b := newBatch(conn, (&Backend{config: Config{Shared: true}.withDefaults()}).fresh(), nil)
	b.prepareWhole(rs)
	b.finishWhole(rs)
	if err := b.flush(0); err != nil {
		t.Fatal(err)
	}
	listed := map[string]string{}
	for _, c := range rs.Chains {
		listed[c.Name] = nftList(t, ns, "chain", c.Name)
	}
	for _, c := range rs.Chains {
		lines := strings.Split(listed[c.Name], "\n")[2:]
		if c.Base != nil {
			if got := strings.TrimSpace(lines[0]); got != c.Base.Text() {
				t.Errorf("chain %s: nft lists %q, we write %q", c.Name, got, c.Base.Text())
			}
			lines = lines[1:]
		}
		for i, r := range c.Rules {
			if got := strings.TrimSpace(lines[i]); got != r.Text() {
				t.Errorf("chain %s rule %d:\n nft lists %s\n we write  %s", c.Name, i, got, r.Text())
			}
		}
	}
	for _, s := range rs.Sets {
		kind := "set"
		if s.Verdicts {
			kind = "map"
		}
		got := strings.Join(strings.Fields(nftList(t, ns, kind, s.Name)), " ")
		if !strings.Contains(got, " type "+s.TypeText()+" ") {
			t.Errorf("set %s: nft lists %s, we write %q", s.Name, got, s.TypeText())
		}
		for e := range s.All() {
			if want := s.ElementText(&e); !strings.Contains(got, want) {
				t.Errorf("set %s: nft lists %s, we write %q", s.Name, got, want)
			}
		}
	}
}

func nftList(t *testing.T, ns *lab.Namespace, kind, name string) string {
	t.Helper()
	var out []byte
	err := ns.Do(func() (err error) {
		out, err = exec.Command("nft", "list", kind, "inet", "rampart", name).CombinedOutput()
		return err
	})
	if err != nil {
		t.Fatalf("nft list %s %s: %v\n%s", kind, name, err, out)
	}
	return string(out)
}

// everything is a ruleset with each field, operator and statement, with every shape of value.
func everything() *ruleset.Ruleset {
	nets := func(list ...string) []netip.Prefix {
		var out []netip.Prefix
		for _, s := range list {
			out = append(out, netip.MustParsePrefix(s))
		}
		return out
	}
	accept, drop := ruleset.Verdict{Kind: ruleset.Accept}, ruleset.Verdict{Kind: ruleset.Drop}
	a4, a6 := netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("fd00::1")
	key := func() ruleset.Key { return ruleset.Key{} }
	fields := func(f ...ruleset.Field) []ruleset.Field { return f }
	one := func(k ruleset.Key) []ruleset.Element { return []ruleset.Element{{Key: k.String()}} }

	sets := []*ruleset.Set{
		{Name: "hash4", Fields: fields(ruleset.SrcV4), Size: 64, Comment: "role == 'db'", Elements: one(key().Addr(a4))},
		{Name: "first4", Fields: fields(ruleset.SrcV4), Size: 64, Prefixes: ir.PrefixesOf(nets("10.0.0.0/24", "10.0.1.0/24")...)},
		{Name: "first6", Fields: fields(ruleset.SrcV6), Size: 64, Prefixes: ir.PrefixesOf(nets("2001:db8::/48")...)},
		{Name: "hash6", Fields: fields(ruleset.SrcV6), Size: 64, Elements: one(key().Addr(a6))},
		{Name: "nets4", Fields: fields(ruleset.SrcV4), Interval: true, Elements: ruleset.Spans(ruleset.SrcV4, nets("10.0.0.0/8", "10.1.0.0/16", "224.0.0.0/3"))},
		{Name: "nets6", Fields: fields(ruleset.SrcV6), Interval: true, Elements: ruleset.Spans(ruleset.SrcV6, nets("fd00::/8", "2001:db8::1/128", "2001:db8::2/128"))},
		{Name: "all4", Fields: fields(ruleset.SrcV4), Interval: true, Elements: ruleset.Spans(ruleset.SrcV4, nets("0.0.0.0/1", "128.0.0.0/1"))},
		{Name: "all6", Fields: fields(ruleset.SrcV6), Interval: true, Elements: ruleset.Spans(ruleset.SrcV6, nets("::/0"))},
		{Name: "ports4", Fields: fields(ruleset.DstV4, ruleset.L4Proto, ruleset.DstPort), Size: 64, Elements: one(key().Addr(a4).Protocol(6).Port(80))},
		{Name: "ports6", Fields: fields(ruleset.DstV6, ruleset.L4Proto, ruleset.DstPort), Size: 64, Elements: one(key().Addr(a6).Protocol(17).Port(53))},
		{Name: "services", Fields: fields(ruleset.L4Proto, ruleset.DstPort), Size: 64, Elements: one(key().Protocol(132).Port(80))},
		{Name: "sources4", Fields: fields(ruleset.IIFName, ruleset.SrcV4), Elements: one(key().Interface("cali1").Addr(a4))},
		{Name: "sources6", Fields: fields(ruleset.IIFName, ruleset.SrcV6), Interval: true, Elements: []ruleset.Element{
			{Key: key().Interface("cali1").Addr(netip.MustParseAddr("fd00::")).String(), End: key().Interface("cali1").Addr(netip.MustParseAddr("fd00::ffff")).String()}}},
		{Name: "interfaces", Fields: fields(ruleset.IIFName), Verdicts: true, Size: 64, Elements: []ruleset.Element{{Key: key().Interface("eth0").String(), Verdict: ruleset.GotoChain("leaf")}}},
		{Name: "out-interfaces", Fields: fields(ruleset.OIFName), Verdicts: true, Size: 64, Elements: []ruleset.Element{{Key: key().Interface("eth0").String(), Verdict: ruleset.Verdict{Kind: ruleset.Return}}}},
		{Name: "block4", Fields: fields(ruleset.SrcV4, ruleset.DstV4, ruleset.L4Proto, ruleset.SrcPort, ruleset.DstPort), Interval: true, Verdicts: true, Counters: true,
			Elements: []ruleset.Element{{
				Key:     key().Addr(netip.MustParseAddr("10.0.0.0")).Addr(netip.MustParseAddr("0.0.0.0")).Protocol(6).Port(0).Port(1000).String(),
				End:     key().Addr(netip.MustParseAddr("10.0.0.255")).Addr(netip.MustParseAddr("255.255.255.255")).Protocol(6).Port(65535).Port(2000).String(),
				Verdict: drop, Comment: "a rule"}}},
		{Name: "regions4", Fields: fields(ruleset.SrcV4), Verdicts: true, Size: 64, Elements: []ruleset.Element{{Key: key().Addr(netip.MustParseAddr("10.4.0.0")).String(), Verdict: ruleset.GotoChain("leaf")}}},
		{Name: "regions6", Fields: fields(ruleset.DstV6), Verdicts: true, Size: 64, Elements: []ruleset.Element{{Key: key().Addr(netip.MustParseAddr("2001:db8::")).String(), Verdict: drop}}},
		{Name: "services4", Fields: fields(ruleset.DstV4, ruleset.L4Proto, ruleset.DstPort), Verdicts: true, Size: 64, Elements: []ruleset.Element{{Key: key().Addr(netip.MustParseAddr("10.0.0.0")).Protocol(6).Port(80).String(), Verdict: accept}}},
		{Name: "pairs4", Fields: fields(ruleset.SrcV4, ruleset.DstV4), Verdicts: true, Size: 64, Elements: []ruleset.Element{{Key: key().Addr(netip.MustParseAddr("10.4.0.0")).Addr(netip.MustParseAddr("10.0.2.0")).String(), Verdict: ruleset.JumpChain("leaf")}}},
		{Name: "pairs6", Fields: fields(ruleset.SrcV6, ruleset.DstV6), Verdicts: true, Size: 64, Elements: []ruleset.Element{{Key: key().Addr(netip.MustParseAddr("2001:db8::")).Addr(netip.MustParseAddr("fd00::")).String(), Verdict: drop}}},
		{Name: "echoes", Fields: fields(ruleset.ICMPType, ruleset.ICMPCode), Elements: one(key().Octet(8).Octet(99))},
	}

	var rules []*ruleset.Rule
	add := func(st ...ruleset.Statement) { rules = append(rules, &ruleset.Rule{Statements: st}) }
	v4, v6 := ruleset.Family(4), ruleset.Family(6)
	proto := func(p ...uint8) ruleset.Match { return ruleset.Protocol(false, p...) }
	port := func(f ruleset.Field, not bool, r ...ruleset.PortSpan) ruleset.Match { return ruleset.Ports(f, not, r) }
	span := func(a, b uint16) ruleset.PortSpan { return ruleset.PortSpan{Min: a, Max: b} }

	for _, not := range []bool{false, true} {
		for _, list := range [][]string{{"10.0.0.0/8"}, {"10.16.0.0/12"}, {"10.16.0.0/16"}, {"10.16.0.1/32"}, {"10.0.0.0/31"}, {"10.0.0.0/8", "192.168.0.0/24"}, {"10.0.0.1/32", "10.0.0.3/32"}} {
			add(v4, ruleset.Nets(ruleset.SrcV4, not, nets(list...)), accept)
			add(v4, ruleset.Nets(ruleset.DstV4, not, nets(list...)), accept)
		}
		for _, list := range [][]string{{"fd00::/8"}, {"fc00::/7"}, {"2001:db8::/33"}, {"fd00::1/128"}, {"fd00::/8", "2001:db8::1/128"}} {
			add(v6, ruleset.Nets(ruleset.SrcV6, not, nets(list...)), accept)
			add(v6, ruleset.Nets(ruleset.DstV6, not, nets(list...)), accept)
		}
		add(proto(6), port(ruleset.DstPort, not, span(80, 80)), accept)
		add(proto(17), port(ruleset.SrcPort, not, span(80, 90)), accept)
		add(proto(132), port(ruleset.DstPort, not, span(80, 80), span(443, 443)), accept)
		add(proto(6), port(ruleset.SrcPort, not, span(80, 80), span(1000, 2000), span(65000, 65535)), accept)
		add(ruleset.Protocol(not, 6), accept)
		add(ruleset.Protocol(not, 6, 17, 132), accept)
		add(ruleset.Protocol(not, 253), accept)
		add(ruleset.Protocol(not, model.ProtoUDPLite), accept)
		add(ruleset.Protocol(not, model.ProtoICMPv6), accept)
		add(v4, proto(1), ruleset.Octets(ruleset.ICMPType, not, 8), accept)
		add(v6, proto(58), ruleset.Octets(ruleset.ICMPv6Type, not, 128), accept)
		add(v4, proto(1), ruleset.Octets(ruleset.ICMPType, false, 3), ruleset.Octets(ruleset.ICMPCode, not, 99), accept)
		add(v6, proto(58), ruleset.Octets(ruleset.ICMPv6Type, not, 200), ruleset.Octets(ruleset.ICMPv6Code, not, 99), accept)
		add(ruleset.Flags{Field: ruleset.Mark, Mask: 0x10000000, Not: not}, accept)
		add(ruleset.Flags{Field: ruleset.CTMark, Mask: 0x10000000, Not: not}, accept)
		add(ruleset.SetMark{Mask: 0x10000000, Clear: not}, accept)
		add(v4, ruleset.Lookup{Fields: fields(ruleset.SrcV4), Set: "hash4", Not: not}, accept)
		for _, bits := range []int{1, 8, 23, 24, 31} {
			add(v4, ruleset.Lookup{Fields: fields(ruleset.SrcV4), Set: "hash4", Bits: bits, Not: not}, accept)
			add(v4, ruleset.Lookup{Fields: fields(ruleset.DstV4), Set: "first4", Bits: bits, Not: not}, accept)
		}
		for _, bits := range []int{1, 32, 47, 64, 127} {
			add(v6, ruleset.Lookup{Fields: fields(ruleset.SrcV6), Set: "first6", Bits: bits, Not: not}, accept)
			add(v6, ruleset.Lookup{Fields: fields(ruleset.DstV6), Set: "first6", Bits: bits, Not: not}, accept)
		}
		add(v4, ruleset.Lookup{Fields: fields(ruleset.DstV4), Set: "nets4", Not: not}, accept)
		add(v4, ruleset.Lookup{Fields: fields(ruleset.DstV4), Set: "all4", Not: not}, accept)
		add(v6, ruleset.Lookup{Fields: fields(ruleset.DstV6), Set: "hash6", Not: not}, accept)
		add(v6, ruleset.Lookup{Fields: fields(ruleset.SrcV6), Set: "nets6", Not: not}, accept)
		add(v6, ruleset.Lookup{Fields: fields(ruleset.SrcV6), Set: "all6", Not: not}, accept)
		add(v4, ruleset.Lookup{Fields: fields(ruleset.DstV4, ruleset.L4Proto, ruleset.DstPort), Set: "ports4", Not: not}, accept)
		add(v6, ruleset.Lookup{Fields: fields(ruleset.SrcV6, ruleset.L4Proto, ruleset.SrcPort), Set: "ports6", Not: not}, accept)
		add(ruleset.Lookup{Fields: fields(ruleset.L4Proto, ruleset.DstPort), Set: "services", Not: not}, accept)
	}
	add(v4, accept)
	add(v6, proto(1), accept)
	add(v4, proto(6), ruleset.Nets(ruleset.SrcV4, false, nets("10.0.0.0/8")), port(ruleset.DstPort, false, span(80, 80)), accept)
	add(proto(6, 17, 132), port(ruleset.DstPort, false, span(80, 80)), accept)
	add(v6, proto(58), ruleset.Octets(ruleset.ICMPv6Type, false, 133, 134, 135, 136), ruleset.Octets(ruleset.HopLimit, false, 255), accept)
	add(ruleset.Flags{Field: ruleset.CTState, Mask: ruleset.CTEstablished | ruleset.CTRelated}, accept)
	add(ruleset.Flags{Field: ruleset.CTState, Mask: ruleset.CTInvalid}, ruleset.Protocol(true, model.ProtoUDPLite), ruleset.Counter{}, drop)
	add(ruleset.Flags{Field: ruleset.CTStatus, Mask: ruleset.CTStatusDNAT}, accept)
	add(proto(6), ruleset.Flags{Field: ruleset.TCPFlags, Mask: ruleset.TCPAck}, accept)
	add(proto(6), ruleset.Flags{Field: ruleset.TCPFlags, Mask: ruleset.TCPAck}, ruleset.Lookup{Fields: fields(ruleset.L4Proto, ruleset.SrcPort), Set: "services"}, accept)
	add(ruleset.SourceIsLocal(), accept)
	add(ruleset.Interface(ruleset.IIFName, "eth0", false), accept)
	add(ruleset.Interface(ruleset.IIFName, "cali", true), accept)
	add(v4, ruleset.Lookup{Fields: fields(ruleset.IIFName, ruleset.SrcV4), Set: "sources4"}, accept)
	add(v6, ruleset.Lookup{Fields: fields(ruleset.IIFName, ruleset.SrcV6), Set: "sources6"}, accept)
	add(v4, proto(1), ruleset.Lookup{Fields: fields(ruleset.ICMPType, ruleset.ICMPCode), Set: "echoes"}, accept)
	add(v4, ruleset.VerdictMap{Fields: fields(ruleset.SrcV4, ruleset.DstV4, ruleset.L4Proto, ruleset.SrcPort, ruleset.DstPort), Map: "block4"})
	add(v4, ruleset.VerdictMap{Fields: fields(ruleset.SrcV4), Map: "regions4", Bits: [2]int{14}})
	add(v6, ruleset.VerdictMap{Fields: fields(ruleset.DstV6), Map: "regions6", Bits: [2]int{33}})
	add(v6, ruleset.VerdictMap{Fields: fields(ruleset.DstV6), Map: "regions6", Bits: [2]int{112}})
	add(v4, ruleset.VerdictMap{Fields: fields(ruleset.DstV4, ruleset.L4Proto, ruleset.DstPort), Map: "services4", Bits: [2]int{8}})
	add(v4, ruleset.VerdictMap{Fields: fields(ruleset.SrcV4, ruleset.DstV4), Map: "pairs4", Bits: [2]int{16, 23}})
	add(v6, ruleset.VerdictMap{Fields: fields(ruleset.SrcV6, ruleset.DstV6), Map: "pairs6", Bits: [2]int{47, 64}})
	add(ruleset.VerdictMap{Fields: fields(ruleset.IIFName), Map: "interfaces"})
	add(ruleset.Counter{Packets: 7, Bytes: 420}, ruleset.Log{Prefix: "rampart default/np:x[0] #0123456789abcdef ", Group: 5, Snaplen: 128})
	add(ruleset.Limit{PerSecond: 10}, ruleset.Log{Prefix: "p", Group: 1, Snaplen: 64})
	add(proto(6), ruleset.Reject{TCPReset: true})
	add(ruleset.Reject{})
	add(ruleset.JumpChain("leaf"))
	add(ruleset.GotoChain("leaf"))
	add(ruleset.Verdict{Kind: ruleset.Return})
	rules[0].Comment = "default/NetworkPolicy:prod/x[0] policy.yaml:12 #0123456789abcdef"

	base := func(h ruleset.Hook, p int) *ruleset.Base { return &ruleset.Base{Hook: h, Priority: p} }
	return &ruleset.Ruleset{Table: "rampart", Sets: sets, Chains: []*ruleset.Chain{
		{Name: "leaf", Rules: []*ruleset.Rule{{Statements: []ruleset.Statement{ruleset.Counter{}, drop}}}},
		{Name: "input", Base: base(ruleset.HookInput, 1), Rules: rules},
		{Name: "raw-prerouting", Base: base(ruleset.HookPrerouting, ruleset.PriorityRaw), Rules: []*ruleset.Rule{{Statements: []ruleset.Statement{ruleset.Notrack{}}}}},
		{Name: "output", Base: base(ruleset.HookOutput, ruleset.PriorityFilter), Rules: []*ruleset.Rule{
			{Statements: []ruleset.Statement{ruleset.Interface(ruleset.OIFName, "lo", false), accept}},
			{Statements: []ruleset.Statement{ruleset.VerdictMap{Fields: fields(ruleset.OIFName), Map: "out-interfaces"}}},
		}},
		{Name: "forward", Base: base(ruleset.HookForward, 2)},
		{Name: "postrouting", Base: base(ruleset.HookPostrouting, ruleset.PriorityMangle)},
	}}
}
