package lower_test

import (
	"flag"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"rampart/bench/gen"
	"rampart/engine/compile"
	"rampart/engine/eval"
	"rampart/model"
	"rampart/model/store"
	"rampart/nft/lower"
	"rampart/nft/ruleset"
)

var (
	editSeedFlag  = flag.Uint64("editseed", 1, "first seed of the edits")
	editSeedsFlag = flag.Int("editseeds", 3, "how many seeds of edits are tried for each lowering")
)

// TestEditsEqualFresh follows edits of policies and sets with the memory of what was before: the table is one that a fresh
// lowering makes, the kernel would take it, and packets fare in it as the evaluator says.
func TestEditsEqualFresh(t *testing.T) {
	for name, group := range map[string]lower.GroupFunc{"walk": lower.Walk, "blocks": lower.Blocks, "eager blocks": lower.BlocksWith(eager())} {
		t.Run(name, func(t *testing.T) {
			for seed := *editSeedFlag; seed < *editSeedFlag+uint64(*editSeedsFlag); seed++ {
				followEdits(t, seed, group)
			}
		})
	}
}

func followEdits(t *testing.T, seed uint64, group lower.GroupFunc) {
	host := model.New(model.KindHostEndpoint).(*model.HostEndpoint)
	host.Metadata.Name, host.Metadata.Labels = "h", map[string]string{"hard": "yes"}
	host.Spec = model.HostEndpointSpec{Node: "n1", InterfaceName: "eth0", Profiles: []string{"last"}}
	e := gen.NewEditor(seed, host, peer(1, 3), peer(2, 3))
	s, c := store.New(), compile.NewCompiler(options)
	var previous *lower.Lowered
	what := "the start"
	for step := range 25 {
		change, err := s.Apply(&model.Bundle{Source: "test", Resources: e.Resources()})
		if err != nil {
			t.Fatal(err)
		}
		p := c.Compile(s.View(), change, compile.Host{Node: "n1"})
		fresh := lower.Lower(p, lower.Options{Group: group})
		reused := lower.Lower(p, lower.Options{Group: group, Previous: previous})
		previous = reused
		reused.Sort()
		if err := reused.Validate(); err != nil {
			if fresh.Validate() == nil {
				t.Fatalf("seed %d, step %d, after %s: %v", seed, step, what, err)
			}
			previous = nil
			what = e.Edit()
			continue
		}
		if d := cmp.Diff(noteless(asked(fresh).Text()), noteless(asked(reused).Text())); d != "" {
			t.Fatalf("seed %d, step %d, after %s: fresh (-), with memory (+):\n%s", seed, step, what, d)
		}
		m, judge := ruleset.NewMachine(reused.Ruleset), eval.NewEvaluator(p)
		for range 60 {
			pr := model.Probe{Endpoint: host.Key(), Layer: model.LayerNormal, Direction: one(e.Rand, model.Ingress, model.Egress), Packet: e.Packet()}
			want, err := judge.Evaluate(pr)
			if err != nil {
				t.Fatal(err)
			}
			if err := compareBlocks(reused, m, "eth0", pr, want); err != nil {
				t.Fatalf("seed %d, step %d, after %s: %+v: %v\nwant %+v", seed, step, what, pr, err, want)
			}
		}
		what = e.Edit()
	}
}

// asked is a table without the sets that no rule asks: when members changed the rules that asked them, some may be left.
func asked(l *lower.Lowered) *ruleset.Ruleset {
	names := map[string]bool{}
	for _, c := range l.Chains {
		for _, r := range c.Rules {
			for _, st := range r.Statements {
				switch st := st.(type) {
				case ruleset.Lookup:
					names[st.Set] = true
				case ruleset.VerdictMap:
					names[st.Map] = true
				}
			}
		}
	}
	rs := *l.Ruleset
	rs.Sets = slices.DeleteFunc(slices.Clone(rs.Sets), func(s *ruleset.Set) bool { return !names[s.Name] })
	return &rs
}

func one[T any](r *rand.Rand, from ...T) T { return from[r.IntN(len(from))] }
