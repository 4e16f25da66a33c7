package lower_test

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"rampart/bench/gen"
	"rampart/engine/compile"
	"rampart/model"
	"rampart/model/store"
	"rampart/nft/lower"
)

// TestReuseEqualsFresh lowers programs one after the other, each with the memory of the one before, and compares with
// lowering each by itself: text and the names of counters. Nothing that changed may be taken from memory.
func TestReuseEqualsFresh(t *testing.T) {
	for name, group := range map[string]lower.GroupFunc{"walk": lower.Walk, "blocks": lower.Blocks, "eager blocks": lower.BlocksWith(eager())} {
		t.Run(name, func(t *testing.T) {
			cfg := gen.DefaultConfig()
			for seed := range uint64(20) {
				changes(t, seed, group, cfg.Node, gen.World(seed, cfg), gen.World(seed+1000, cfg))
			}
		})
	}
	t.Run("services", func(t *testing.T) {
		for seed := range uint64(40) {
			changes(t, seed, together(), "here", neighbourhood(seed), neighbourhood(seed+1000))
		}
	})
}

// changes alters a world a little at a time: resources go, come back, or are taken from another world of the same names.
func changes(t *testing.T, seed uint64, group lower.GroupFunc, node string, worlds ...[]model.Resource) {
	rng := rand.New(rand.NewPCG(seed, 3))
	ipv4 := map[model.Resource]model.Resource{}
	for _, w := range worlds {
		for i, r := range ofVersion(w, 4) {
			ipv4[w[i]] = r
		}
	}
	s := store.New()
	c := compile.NewCompiler(options)
	current := map[model.Key]model.Resource{}
	for _, r := range worlds[0] {
		current[r.Key()] = r
	}
	var previous *lower.Lowered
	for step := range 12 {
		for range rng.IntN(4) {
			r := worlds[rng.IntN(2)][rng.IntN(len(worlds[0])/2)]
			if rng.IntN(3) == 0 {
				delete(current, r.Key())
			} else {
				current[r.Key()] = r
			}
		}
		var list []model.Resource
		for _, w := range worlds {
			for _, r := range w {
				if current[r.Key()] == r {
					list = append(list, r)
				}
			}
		}
		if seed%2 == 1 && step%3 < 2 { // now and then IPv6 comes and goes altogether
			for i, r := range list {
				list[i] = ipv4[r]
			}
		}
		change, err := s.Apply(&model.Bundle{Source: "test", Resources: list})
		if err != nil {
			t.Fatal(err)
		}
		p := c.Compile(s.View(), change, compile.Host{Node: node})
		fresh := lower.Lower(p, lower.Options{Group: group})
		reused := lower.Lower(p, lower.Options{Group: group, Previous: previous})
		previous = reused
		reused.Sort()
		if d := cmp.Diff(noteless(fresh.Text()), noteless(reused.Text())); d != "" {
			t.Fatalf("seed %d, step %d: fresh (-), with memory (+):\n%s", seed, step, d)
		}
		for id, name := range fresh.Names {
			if reused.Names[id] != name {
				t.Fatalf("seed %d, step %d: counter %s is named %q, not %q", seed, step, id, reused.Names[id], name)
			}
		}
		if fresh.Logs != reused.Logs {
			t.Fatalf("seed %d, step %d: logs: %v, with memory %v", seed, step, fresh.Logs, reused.Logs)
		}
	}
}

// noteless leaves out the lines that are only for readers: a chain that several lists share is described as one of them.
func noteless(text string) string {
	lines := strings.Split(text, "\n")
	return strings.Join(slices.DeleteFunc(lines, func(l string) bool { return strings.HasPrefix(l, "\t#") }), "\n")
}
