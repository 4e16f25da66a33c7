package blocks_test

import (
	"math/rand/v2"
	"net/netip"
	"testing"

	"rampart/engine/ir"
	"rampart/model"
	"rampart/nft/blocks"
)

// Rules for many networks of different sizes, some of them nested, become a hash map of blocks of addresses; what is wider
// than a block is looked up for packets of no block as well.
func TestBlocksOfAddresses(t *testing.T) {
	r := rand.New(rand.NewPCG(11, 12))
	for _, family := range []uint8{4, 6} {
		var rules []*ir.Rule
		for i := range 600 {
			bits := []int{12, 16, 20, 24, 24, 24, 28, 32}[r.IntN(8)]
			a := netip.AddrFrom4([4]byte{byte(10 + r.IntN(60)), byte(r.IntN(256)), byte(r.IntN(256)), byte(r.IntN(256))})
			if family == 6 {
				b := [16]byte{0x20, 1, 0xd, 0xb8, byte(r.IntN(256)), byte(r.IntN(256)), byte(r.IntN(256)), byte(r.IntN(256))}
				a, bits = netip.AddrFrom16(b), bits+32
			}
			if i%10 == 9 && len(rules[i-1].Match.Src.Nets) > 0 {
				a = rules[i-1].Match.Src.Nets[0].Addr()
			}
			m := ir.Match{Protocol: model.ProtoTCP}
			if r.IntN(60) > 0 {
				m.Src.Nets = []netip.Prefix{netip.PrefixFrom(a, bits).Masked()}
			}
			port := uint16(1 + r.IntN(50))
			m.Dst.Ports = []ir.PortRange{{Min: port, Max: port}}
			action := model.Allow
			if i%2 == 1 {
				action = model.Deny
			}
			rules = append(rules, &ir.Rule{Action: action, Match: m})
		}
		in := input(family, rules, blocks.DefaultCosts())
		plan := blocks.Build(in)
		if plan.Report.Cuts["source by mask"] == 0 {
			t.Errorf("family %d: no cut by mask but %v", family, plan.Report.Cuts)
		}
		if err := blocks.Check(in, plan, nil, nil, 40); err != nil {
			t.Errorf("family %d: %v", family, err)
		}
	}
}
