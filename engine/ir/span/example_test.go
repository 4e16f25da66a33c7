package span_test

import (
	"fmt"
	"net/netip"

	"rampart/engine/ir/span"
)

// A network without the part that a rule excludes, as the prefixes it comes to.
func Example() {
	nets := func(list ...string) span.Set {
		var prefixes []netip.Prefix
		for _, s := range list {
			prefixes = append(prefixes, netip.MustParsePrefix(s))
		}
		return span.Nets(prefixes, 32)
	}
	for _, s := range nets("10.0.0.0/24").And(nets("10.0.0.64/26").Not(32)) {
		for first, free := range s.Prefixes(32) {
			fmt.Println(netip.PrefixFrom(first.Addr(32), 32-free))
		}
	}
	// Output:
	// 10.0.0.0/26
	// 10.0.0.128/25
}
