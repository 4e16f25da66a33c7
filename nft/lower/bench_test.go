package lower_test

import (
	"fmt"
	"testing"

	"rampart/bench/filter"
	"rampart/engine/compile"
	"rampart/engine/ir"
	"rampart/model/store"
	"rampart/nft/lower"
)

// BenchmarkLower turns access lists into tables, by look-ups and a rule each.
func BenchmarkLower(b *testing.B) {
	for name, group := range map[string]lower.GroupFunc{"blocks": lower.Blocks, "walk": lower.Walk} {
		for _, n := range []int{100, 1000, 10_000} {
			set := filter.ACL(4, n, 1)
			p := compile.Compile(store.ViewOf(set.Resources()...), compile.Host{Node: filter.Node}, ir.Options{})
			b.Run(fmt.Sprintf("%s/rules=%d", name, n), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					lower.Lower(p, lower.Options{Group: group})
				}
			})
		}
	}
}
