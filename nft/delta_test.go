package nft_test

import (
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"

	"rampart/bench/gen"
	"rampart/engine/compile"
	"rampart/engine/ir"
	"rampart/model"
	"rampart/model/store"
	"rampart/nft"
	"rampart/nft/blocks"
	"rampart/nft/lower"
)

// TestDeltaEqualsFresh walks the kernel through random changes, small and large, and compares the table with one that
// was loaded at once.
func TestDeltaEqualsFresh(t *testing.T) {
	for name, group := range map[string]lower.GroupFunc{"walk": lower.Walk, "blocks": lower.Blocks, "eager blocks": lower.BlocksWith(eager())} {
		t.Run(name, func(t *testing.T) {
			ns := hosts(t, 2)
			walker := backend(t, ns[0], nft.Config{Group: group})
			for seed := range uint64(3) {
				for i, p := range changes(seed, 5) {
					apply(t, walker, p)
					fresh := backend(t, ns[1], nft.Config{Group: group})
					apply(t, fresh, p)
					if err := fresh.Close(); err != nil {
						t.Fatal(err)
					}
					got, want := cli(t, ns[0], "", "list", "ruleset"), cli(t, ns[1], "", "list", "ruleset")
					if d := cmp.Diff(pieces(sizeless(normalise(want))), pieces(sizeless(normalise(got)))); d != "" {
						t.Fatalf("seed %d, step %d: loaded at once (-) and by deltas (+):\n%s", seed, i, d)
					}
				}
			}
		})
	}
}

// eager is a cost model that makes maps and cuts where they would not pay, so that small lists use them.
func eager() blocks.Costs {
	c := blocks.DefaultCosts()
	c.Short, c.Cut, c.Rule, c.Alive, c.Copy, c.MinMap, c.Map, c.Together = 0, 0, 1000, 1000, 0.01, 1, 0, 1
	return c
}

// sizeless leaves out the sizes of sets, which depend on history.
func sizeless(lines []string) []string {
	var out []string
	for _, l := range lines {
		if len(l) < 5 || l[:5] != "size " {
			out = append(out, l)
		}
	}
	return out
}

// changes are programs that differ by a few resources each.
func changes(seed uint64, n int) []*ir.Program {
	cfg := gen.DefaultConfig()
	rng := rand.New(rand.NewPCG(seed, 7))
	all := gen.World(seed, cfg)
	var list []*ir.Program
	for range n {
		var some []model.Resource
		for _, r := range all {
			if rng.IntN(100) < 85 {
				some = append(some, r)
			}
		}
		list = append(list, compile.Compile(store.ViewOf(some...), compile.Host{Node: cfg.Node}, options))
	}
	return list
}
