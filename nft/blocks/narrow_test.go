package blocks_test

import (
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"

	cmpdiff "github.com/google/go-cmp/cmp"

	"rampart/engine/ir"
	"rampart/model"
	"rampart/nft/blocks"
	"rampart/nft/ruleset"
)

// mesh is a rule between two of some hosts and networks, or one that is wide in one address or both.
func (d dice) mesh() *ir.Rule {
	r := d.rule()
	prefix := func() []netip.Prefix {
		bytes, bits := []byte{10, byte(d.IntN(6)), byte(d.IntN(3)), byte(d.IntN(256))}, []int{16, 20, 24, 28, 32}[d.IntN(5)]
		if d.family == 6 {
			bytes, bits = append([]byte{0x20, 1, 0xd, 0xb8, 12: bytes[1]}, bytes[1:]...), bits+64
		}
		if d.IntN(6) == 0 {
			bits = d.IntN(12)
		}
		a, _ := netip.AddrFromSlice(bytes)
		return []netip.Prefix{netip.PrefixFrom(a, bits).Masked()}
	}
	m := &r.Match
	m.Src.NotNets, m.Dst.NotNets = nil, nil
	if m.Src.Nets, m.Dst.Nets = prefix(), prefix(); d.IntN(8) == 0 {
		m.Dst.Nets = append(m.Dst.Nets, prefix()...)
	}
	if d.IntN(20) > 0 {
		m.Src.Sets, m.Src.NotSets, m.Dst.Sets, m.Dst.NotSets, m.ICMP, m.NotICMP = nil, nil, nil, nil, nil, nil
	}
	return r
}

// Lists of rules between pairs of networks, with wide ones anywhere between them, decide as they do when searched from the
// top, also after the members of sets have changed.
func TestPairs(t *testing.T) {
	cuts := 0
	for seed := range uint64(40) {
		w := &world{dice{Rand: rand.New(rand.NewPCG(seed, 17)), family: []uint8{4, 6}[seed%2], quiet: true}, sets}
		var rules []*ir.Rule
		for range 40 + w.IntN(120) {
			rules = append(rules, w.mesh())
		}
		costs := blocks.DefaultCosts()
		costs.MinParted, costs.Cut = 20, 100
		switch seed % 3 {
		case 0:
			costs = eager()
		case 1: // maps for the pairs
			costs.Rule, costs.Byte, costs.Cut = 1000, 0, 450
		}
		in := input(w.family, rules, costs)
		in.Sets = w.find
		plan := blocks.Build(in)
		rs := &ruleset.Ruleset{Table: "t", Chains: plan.Chains, Sets: append(setsOf(w.family).Sets, plan.Sets...)}
		if err := rs.Validate(); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		if err := blocks.Check(in, plan, sets, setsOf(w.family), 15); err != nil {
			t.Fatalf("seed %d: %v\n%s", seed, err, rs.Text())
		}
		cuts += plan.Report.Cuts["narrow source and destination"]
		w.sets = append([]*ir.Set(nil), sets...)
		for range 2 {
			w.change()
			plan = blocks.Rebuild(in, plan)
			if got, want := text(plan), text(blocks.Build(in)); got != want {
				t.Fatalf("seed %d:\n%s", seed, cmpdiff.Diff(strings.Split(want, "\n"), strings.Split(got, "\n")))
			}
		}
	}
	if cuts < 30 {
		t.Errorf("pairs were looked up in %d lists", cuts)
	}
}

// A rule between two networks is found with one look-up, however many there are, and is in one chain only.
func TestPairsAreNotCopied(t *testing.T) {
	var rules []*ir.Rule
	net := func(i int) []netip.Prefix {
		return []netip.Prefix{netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(i), byte(i * 7), 0}), 24)}
	}
	for i := range 2000 {
		m := ir.Match{Protocol: model.ProtoTCP, Src: ir.Peer{Nets: net(i % 200)}, Dst: ir.Peer{Nets: net(i/200*20 + i%17), Ports: []ir.PortRange{{Min: 80, Max: 90}}}}
		rules = append(rules, &ir.Rule{Action: model.Allow, Match: m})
	}
	rules = append(rules, &ir.Rule{Action: model.Allow, Match: ir.Match{Protocol: model.ProtoICMP}})
	plan := blocks.Build(input(4, rules, blocks.DefaultCosts()))
	if r := plan.Report; r.Cuts["narrow source and destination"] != 1 || r.Plain > len(rules) || r.Boxes > 0 {
		t.Errorf("%d rules became %+v", len(rules), r)
	}
}
