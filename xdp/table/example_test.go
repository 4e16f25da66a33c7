package table_test

import (
	"fmt"
	"net/netip"

	"rampart/engine/ir"
	"rampart/engine/ir/flat"
	"rampart/xdp/classify"
	"rampart/xdp/table"
)

func Example() {
	list := &flat.List{
		Entries: []flat.Entry{{
			Verdict: flat.Allow,
			Rule:    &ir.Rule{ID: 1, Match: ir.Match{Protocol: 6, Src: ir.Peer{Nets: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}}}},
		}},
		End: flat.End{Verdict: flat.Deny, Why: "tier-default:default"},
	}
	b := &table.Builder{Sets: func(ir.SetID) *ir.Set { return nil }, Deniers: &table.Deniers{}}
	t, err := b.Build(list)
	if err != nil {
		fmt.Println(err)
		return
	}
	keys := []classify.Key4{
		{Src: 0xc0000207, Dst: 0xc6336401, SrcPort: 40000, DstPort: 22, Protocol: 6},
		{Src: 0xcb007107, Dst: 0xc6336401, SrcPort: 40000, DstPort: 22, Protocol: 6},
	}
	answers, scratch := make([]table.Answer, 2), make([]uint32, 2)
	t.Lookup4(keys, answers, scratch)
	fmt.Println(answers[0].Ruling, answers[1].Ruling)
	// Output: allow deny
}
