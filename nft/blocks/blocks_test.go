package blocks_test

import (
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"rampart/bench/classbench"
	"rampart/engine/ir"
	"rampart/engine/ir/flat"
	"rampart/model"
	"rampart/nft/blocks"
	"rampart/nft/ruleset"
)

// eager cuts and maps where that would not pay, so that short lists show every form.
func eager() blocks.Costs {
	c := blocks.DefaultCosts()
	c.MinMembers, c.Cut, c.Rule, c.Alive, c.Byte, c.MinMap, c.Map, c.MinParted = 1, 0, 1000, 300, 0, 1, 0, 8
	return c
}

// uncut makes a map of every two rules and cuts nothing, so that maps and rules take turns in one chain.
func uncut() blocks.Costs {
	c := blocks.DefaultCosts()
	c.Short, c.MinMap, c.Cut, c.Rule, c.Map = 0, 2, math.Inf(1), 1000, 0
	return c
}

// input is a list of rules with plain forms of its own, so that the package is tested without its user.
func input(family uint8, rules []*ir.Rule, costs blocks.Costs) *blocks.Input {
	in := &blocks.Input{Name: "list", Family: family, Costs: costs, Counters: true}
	in.Sets = func(id ir.SetID) *ir.Set {
		for _, s := range sets {
			if s.ID == id {
				return s
			}
		}
		return nil
	}
	for i, r := range rules {
		r.ID = model.RuleID(i + 1)
		e := flat.Entry{Rule: r, Verdict: flat.Allow, Why: fmt.Sprint("rule ", i)}
		switch r.Action {
		case model.Deny:
			e.Verdict = flat.Deny
		case model.Log:
			e.Verdict, e.Log = flat.Nothing, true
		}
		in.Entries = append(in.Entries, e)
	}
	in.Verdict = func(i int) ruleset.Verdict {
		if in.Entries[i].Verdict == flat.Deny {
			return ruleset.Verdict{Kind: ruleset.Drop}
		}
		return ruleset.Verdict{Kind: ruleset.Accept}
	}
	in.Plain = func(i int) []*ruleset.Rule { return []*ruleset.Rule{plain(family, &in.Entries[i], in.Verdict(i))} }
	in.Tail = []*ruleset.Rule{{Statements: []ruleset.Statement{ruleset.Verdict{Kind: ruleset.Drop}}, ID: 1 << 40}}
	return in
}

func plain(family uint8, e *flat.Entry, v ruleset.Verdict) *ruleset.Rule {
	m := &e.Rule.Match
	st := []ruleset.Statement{ruleset.Family(family)}
	if m.Protocol != 0 {
		st = append(st, ruleset.Protocol(false, m.Protocol))
	}
	if m.NotProtocol != 0 {
		st = append(st, ruleset.Protocol(true, m.NotProtocol))
	}
	from, to := ruleset.SrcV4, ruleset.DstV4
	if family == 6 {
		from, to = ruleset.SrcV6, ruleset.DstV6
	}
	for _, end := range []struct {
		p          *ir.Peer
		addr, port ruleset.Field
	}{{&m.Src, from, ruleset.SrcPort}, {&m.Dst, to, ruleset.DstPort}} {
		if len(end.p.Nets) > 0 {
			st = append(st, ruleset.Nets(end.addr, false, end.p.Nets))
		}
		for _, id := range end.p.Sets {
			st = append(st, ruleset.Lookup{Fields: []ruleset.Field{end.addr}, Set: fmt.Sprintf("%s-%d", id, family)})
		}
		for _, id := range end.p.NotSets {
			st = append(st, ruleset.Lookup{Fields: []ruleset.Field{end.addr}, Set: fmt.Sprintf("%s-%d", id, family), Not: true})
		}
		if len(end.p.NotNets) > 0 {
			st = append(st, ruleset.Nets(end.addr, true, end.p.NotNets))
		}
		spans := func(list []ir.PortRange) (out []ruleset.PortSpan) {
			for _, r := range list {
				out = append(out, ruleset.PortSpan(r))
			}
			return out
		}
		if len(end.p.Ports) > 0 {
			if m.Protocol == 0 {
				st = append(st, ruleset.Protocol(false, model.ProtoTCP, model.ProtoUDP, model.ProtoSCTP))
			}
			st = append(st, ruleset.Ports(end.port, false, spans(end.p.Ports)))
		}
		if len(end.p.NotPorts) > 0 {
			st = append(st, ruleset.Ports(end.port, true, spans(end.p.NotPorts)))
		}
	}
	if e.Verdict == flat.Nothing {
		return &ruleset.Rule{Statements: append(st, ruleset.Counter{}), ID: e.Rule.ID}
	}
	return &ruleset.Rule{Statements: append(st, ruleset.Counter{}, v), ID: e.Rule.ID}
}

// sets are what rules may ask for: single addresses, prefixes, nobody and everybody.
var sets = []*ir.Set{
	{ID: "a", Nets: ir.PrefixesOf(nets("10.0.0.1/32", "10.0.1.2/32", "2001:0:0:1::1/128")...)},
	{ID: "b", Nets: ir.PrefixesOf(nets("10.0.0.1/32", "10.0.0.3/32", "11.1.1.1/32", "2001:0:0:1::1/128", "2001::2/128")...)},
	{ID: "c", Nets: ir.PrefixesOf(nets("10.0.1.0/24", "10.0.1.2/32", "11.0.0.0/30", "2001:1::/32")...)},
	{ID: "d", Nets: ir.PrefixesOf(nets("10.0.1.2/32", "10.0.1.3/32", "11.0.2.3/32", "2001::3/128", "ffff::/16")...)},
	{ID: "none"},
	{ID: "all", Nets: ir.PrefixesOf(nets("0.0.0.0/0", "::/0")...)},
}

func nets(list ...string) (out []netip.Prefix) {
	for _, s := range list {
		out = append(out, netip.MustParsePrefix(s))
	}
	slices.SortFunc(out, func(a, b netip.Prefix) int {
		return cmp.Or(a.Addr().Compare(b.Addr()), cmp.Compare(a.Bits(), b.Bits()))
	})
	return out
}

// setsOf are the sets as rules look them up.
func setsOf(family uint8) *ruleset.Ruleset {
	rs := &ruleset.Ruleset{}
	f := ruleset.SrcV4
	if family == 6 {
		f = ruleset.SrcV6
	}
	for _, s := range sets {
		rs.Sets = append(rs.Sets, &ruleset.Set{Name: fmt.Sprintf("%s-%d", s.ID, family), Fields: []ruleset.Field{f}, Interval: true, Elements: ruleset.Spans(f, s.Nets.Slice())})
	}
	return rs
}

func (d dice) sets(n int) (out []ir.SetID) {
	for range d.IntN(n) {
		out = append(out, sets[d.IntN(len(sets))].ID)
	}
	return out
}

// dice makes rules whose boxes nest, cross and touch: few addresses, few ports, everything in any combination.
type dice struct {
	*rand.Rand
	family uint8
	// quiet dice make no rules that log: packets without ports take another way where some rule does.
	quiet bool
}

func (d dice) net() netip.Prefix {
	bits := []int{0, 8, 9, 16, 23, 24, 30, 31, 32}[d.IntN(9)]
	a := netip.AddrFrom4([4]byte{byte(10 + d.IntN(2)), byte(d.IntN(2)), byte(d.IntN(3)), byte(d.IntN(4))})
	if d.family == 6 {
		bits = []int{0, 32, 48, 63, 64, 65, 127, 128}[d.IntN(8)]
		a = netip.AddrFrom16([16]byte{0: 0x20, 1: 1, 3: byte(d.IntN(2)), 7: byte(d.IntN(3)), 8: byte(d.IntN(2)) << 7, 15: byte(d.IntN(4))})
	}
	return netip.PrefixFrom(a, bits).Masked()
}

func (d dice) nets() (list []netip.Prefix) {
	for range d.IntN(4) {
		list = append(list, d.net())
	}
	return list
}

func (d dice) ports() (list []ir.PortRange) {
	for range d.IntN(3) {
		a := []uint16{1, 22, 53, 80, 443, 1024, 65535}[d.IntN(7)]
		b := []uint16{a, a, a + uint16(d.IntN(3)), 1023, 65535}[d.IntN(5)]
		list = append(list, ir.PortRange{Min: min(a, b), Max: max(a, b)})
	}
	return list
}

func (d dice) rule() *ir.Rule {
	r := &ir.Rule{Action: []model.Action{model.Allow, model.Deny, model.Allow, model.Deny, model.Log}[d.IntN(5)]}
	if d.quiet && r.Action == model.Log {
		r.Action = model.Deny
	}
	m := &r.Match
	m.Protocol = []uint8{0, 6, 6, 17, 17, 132, 1, 47}[d.IntN(8)]
	m.Src.Nets, m.Dst.Nets = d.nets(), d.nets()
	if d.IntN(6) == 0 {
		m.Src.NotNets = d.nets()
	}
	if m.Protocol == 0 || model.HasPorts(m.Protocol) {
		m.Src.Ports, m.Dst.Ports = d.ports(), d.ports()
		if d.IntN(2) == 0 {
			m.Src.Ports = nil
		}
		if m.Protocol != 0 && d.IntN(6) == 0 {
			m.Dst.NotPorts = d.ports()
		}
	}
	if m.Protocol == 0 && d.IntN(5) == 0 {
		m.NotProtocol = 6
	}
	switch d.IntN(4) {
	case 0:
		m.Src.Sets, m.Src.Nets = d.sets(3), nil
	case 1:
		m.Src.Sets, m.Dst.Sets = d.sets(2), d.sets(2)
	}
	if d.IntN(15) == 0 || d.quiet && d.IntN(5) == 0 {
		m.Dst.NotSets = d.sets(2)
	}
	return r
}

// Random lists decide as they do when searched from the top, whatever the plan looks like.
func TestRandomLists(t *testing.T) {
	var sum blocks.Report
	bySets := 0
	for seed := range uint64(150) {
		d := dice{Rand: rand.New(rand.NewPCG(seed, 3)), family: []uint8{4, 6}[seed%2], quiet: seed%3 == 0}
		var rules []*ir.Rule
		for range 1 + d.IntN(40) {
			rules = append(rules, d.rule())
		}
		for name, costs := range map[string]blocks.Costs{"default": {}, "eager": eager(), "uncut": uncut()} {
			in := input(d.family, rules, costs)
			plan := blocks.Build(in)
			rs := &ruleset.Ruleset{Table: "t", Chains: plan.Chains, Sets: append(setsOf(d.family).Sets, plan.Sets...)}
			if err := rs.Validate(); err != nil {
				t.Fatalf("seed %d, %s: %v", seed, name, err)
			}
			if err := blocks.Check(in, plan, sets, setsOf(d.family), 15); err != nil {
				t.Fatalf("seed %d, %s: %v\n%s", seed, name, err, rs.Text())
			}
			bySets += plan.Report.Cuts["source by sets"] + plan.Report.Cuts["destination by sets"]
			sum.Boxes += plan.Report.Boxes
			sum.Hash += plan.Report.Hash
			sum.Plain += plan.Report.Plain
			sum.Chains += plan.Report.Chains
		}
	}
	if sum.Boxes < 500 || sum.Hash < 50 || sum.Plain < 300 || sum.Chains < 1000 || bySets < 100 {
		t.Errorf("too little of everything was tested: %+v, %d cuts by sets", sum, bySets)
	}
}

// data is the directory of ClassBench sets, which is not part of the repository.
func data(t *testing.T) string {
	dir := os.Getenv("RAMPART_DATA")
	if dir == "" {
		wd, err := os.Getwd()
		if err != nil {
			t.Fatal(err)
		}
		dir = filepath.Join(wd, "..", "..", "..", "shared", "data")
	}
	dir = filepath.Join(dir, "classbench")
	if _, err := os.Stat(dir); err != nil {
		t.Skipf("the filter sets are not here: %v", err)
	}
	return dir
}

// The real sets of ClassBench decide as they do when searched from the top.
func TestClassBench(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(data(t), "*_1k.gz"))
	if err != nil || len(files) != 12 {
		t.Fatal(files, err)
	}
	for _, f := range files {
		filters, err := classbench.Open(f)
		if err != nil {
			t.Fatal(err)
		}
		var rules []*ir.Rule
		for i := range filters {
			rules = append(rules, &ir.Rule{Action: []model.Action{model.Allow, model.Deny}[i%2], Match: filters[i].Match()})
		}
		in := input(4, rules, blocks.Costs{})
		plan := blocks.Build(in)
		if err := blocks.Check(in, plan, nil, nil, 4); err != nil {
			t.Errorf("%s: %v", filepath.Base(f), err)
		}
	}
}
