package ruleset_test

import (
	"fmt"
	"net/netip"

	"rampart/nft/ruleset"
)

func Example() {
	accept, drop := ruleset.Verdict{Kind: ruleset.Accept}, ruleset.Verdict{Kind: ruleset.Drop}
	rs := &ruleset.Ruleset{
		Table: "example",
		Sets: []*ruleset.Set{{
			Name: "lan", Fields: []ruleset.Field{ruleset.SrcV4}, Interval: true,
			Elements: ruleset.Spans(ruleset.SrcV4, []netip.Prefix{netip.MustParsePrefix("10.0.0.0/9"), netip.MustParsePrefix("10.128.0.0/9")}),
		}},
		Chains: []*ruleset.Chain{{
			Name: "input", Base: &ruleset.Base{Hook: ruleset.HookInput},
			Rules: []*ruleset.Rule{
				{Statements: []ruleset.Statement{ruleset.Family(4), ruleset.Lookup{Fields: []ruleset.Field{ruleset.SrcV4}, Set: "lan"}, accept}},
				{Statements: []ruleset.Statement{ruleset.Counter{}, drop}, Comment: "the rest"},
			},
		}},
	}
	fmt.Print(rs.Text())

	p := &ruleset.Packet{In: "eth0"}
	p.Src, p.Dst = netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("10.0.0.1")
	verdict, steps := ruleset.NewMachine(rs).Run(ruleset.HookInput, 0, 0, p)
	fmt.Println(verdict == ruleset.Drop, steps[0].Rule.Comment)
	// Output:
	// table inet example {
	// 	set lan {
	// 		type ipv4_addr
	// 		flags interval
	// 		elements = { 10.0.0.0/8 }
	// 	}
	//
	// 	chain input {
	// 		type filter hook input priority filter; policy accept;
	// 		ip saddr @lan accept
	// 		counter packets 0 bytes 0 drop comment "the rest"
	// 	}
	// }
	// true the rest
}
