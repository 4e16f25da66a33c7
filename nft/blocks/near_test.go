package blocks_test

import (
	"math/rand/v2"
	"net/netip"
	"testing"

	"rampart/engine/ir"
	"rampart/model"
	"rampart/nft/blocks"
	"rampart/nft/ruleset"
)

// lopsided is a rule that is narrow in one address, mostly, and wide in the other.
func (d dice) lopsided() *ir.Rule {
	r := d.rule()
	prefix := func(narrow bool) []netip.Prefix {
		bytes, bits := make([]byte, 4), 30+d.IntN(3)
		if d.family == 6 {
			bytes, bits = make([]byte, 16), 126+d.IntN(3)
		}
		for i := range bytes {
			bytes[i] = byte(d.IntN(256))
		}
		a, _ := netip.AddrFromSlice(bytes)
		if !narrow {
			bits = d.IntN(3)
		}
		return []netip.Prefix{netip.PrefixFrom(a, bits).Masked()}
	}
	src := d.IntN(8) > 4
	dst := d.IntN(8) > 0 != src
	m := &r.Match
	m.Src.Nets, m.Src.NotNets, m.Dst.Nets, m.Dst.NotNets = prefix(src), nil, prefix(dst), nil
	if d.IntN(20) > 0 {
		m.Src.Sets, m.Src.NotSets, m.Dst.Sets, m.Dst.NotSets, m.ICMP, m.NotICMP = nil, nil, nil, nil, nil, nil
		if r.Action == model.Log {
			r.Action = model.Deny
		}
	}
	return r
}

// Lists that are parted, and then looked up by their narrow rules, decide as they do when searched from the top.
func TestLopsidedLists(t *testing.T) {
	parted, narrow := 0, 0
	for seed := range uint64(36) {
		d := dice{Rand: rand.New(rand.NewPCG(seed, 9)), family: []uint8{4, 6}[seed%2], quiet: seed%3 > 0}
		var rules []*ir.Rule
		for range 60 + d.IntN(100) {
			rules = append(rules, d.lopsided())
		}
		costs := blocks.DefaultCosts()
		costs.MinParted, costs.Cut, costs.Byte = 20, 100, 1e-6
		in := input(d.family, rules, costs)
		plan := blocks.Build(in)
		rs := &ruleset.Ruleset{Table: "t", Chains: plan.Chains, Sets: append(setsOf(d.family).Sets, plan.Sets...)}
		if err := rs.Validate(); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		if err := blocks.Check(in, plan, sets, setsOf(d.family), 15); err != nil {
			t.Fatalf("seed %d: %v\n%s", seed, err, rs.Text())
		}
		parted += plan.Report.Cuts["source near or far"] + plan.Report.Cuts["destination near or far"]
		narrow += plan.Report.Cuts["narrow source"] + plan.Report.Cuts["narrow destination"]
	}
	if parted < 40 || narrow < 20 {
		t.Errorf("only %d lists were parted, narrow rules looked up in %d", parted, narrow)
	}
}
