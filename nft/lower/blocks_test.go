package lower_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"rampart/bench/gen"
	"rampart/engine/compile"
	"rampart/engine/eval"
	"rampart/model"
	"rampart/model/store"
	"rampart/nft/blocks"
	"rampart/nft/lower"
	"rampart/nft/ruleset"
)

// eager makes maps and cuts where they would not pay, so that small lists use them.
func eager() blocks.Costs {
	c := blocks.DefaultCosts()
	c.Short, c.Cut, c.Rule, c.Alive, c.Byte, c.MinMap, c.Map, c.Together = 0, 0, 1000, 1000, 0, 1, 0, 1
	return c
}

// TestBlocksEqualEvaluator runs random programs, looked up in maps, packet by packet and compares verdict, deciding rule
// and log messages with the evaluator.
func TestBlocksEqualEvaluator(t *testing.T) {
	for name, costs := range map[string]blocks.Costs{"default": {}, "eager": eager()} {
		t.Run(name, func(t *testing.T) {
			for seed := range uint64(200) {
				cfg := gen.DefaultConfig()
				if seed%4 == 0 {
					cfg.Policies, cfg.Rules = 12, 12
				}
				world := gen.World(seed, cfg)
				p := compile.Compile(store.ViewOf(world...), compile.Host{Node: cfg.Node}, options)
				l := lower.Lower(p, lower.Options{Group: lower.BlocksWith(costs)})
				if err := l.Validate(); err != nil {
					t.Fatalf("seed %d: %v\n%s", seed, err, l.Text())
				}
				m := ruleset.NewMachine(l.Ruleset)
				e := eval.NewEvaluator(p)
				for _, pr := range gen.Probes(seed, cfg, world, 200) {
					pr.Packet.HTTP = nil
					want, err := e.Evaluate(pr)
					if err != nil {
						t.Fatal(err)
					}
					iface := ifaceOf(p, pr.Endpoint)
					if iface == "" || pr.Layer == model.LayerPreDNAT && pr.Direction == model.Egress {
						continue
					}
					if pr.Packet.Fragment && !model.HasPorts(pr.Packet.Protocol) {
						continue // as in TestMachineEqualsEvaluator
					}
					if err := compareBlocks(l, m, iface, pr, want); err != nil {
						t.Fatalf("seed %d, %+v: %v\nwant %+v\n%s", seed, pr, err, want, l.Text())
					}
				}
			}
		})
	}
}

func compareBlocks(l *lower.Lowered, m *ruleset.Machine, iface string, pr model.Probe, want model.Verdict) error {
	packet := &ruleset.Packet{Packet: pr.Packet, CT: ruleset.CTNew, HopLimit: 64}
	hook, priority, in := stage(pr)
	if in {
		packet.In = iface
	} else {
		packet.Out = iface
	}
	got, trace := m.Run(hook, priority, priority, packet)
	decision := model.DecisionContinue
	early := pr.Layer == model.LayerPreDNAT || pr.Layer == model.LayerUntracked
	switch {
	case got == ruleset.Drop:
		decision = model.DecisionDeny
	case !early && want.Decision != model.DecisionContinue, packet.Mark&lower.DefaultMark != 0:
		decision = model.DecisionAllow
	}
	switch {
	case decision != want.Decision:
		return fmt.Errorf("decision is %s: %s", decision, steps(trace))
	case !slices.EqualFunc(packet.Logged, want.Logged, func(a, b string) bool { return strings.Contains(a, b[:min(len(b), 50)]) }):
		return fmt.Errorf("logged %q instead of %q", packet.Logged, want.Logged)
	}
	if want.Decision == model.DecisionContinue || want.DecidedBy == model.WhyForwardDefault {
		return nil
	}
	var last model.RuleID
	for _, s := range trace {
		switch {
		case s.Element != nil && s.Element.ID != 0:
			last = s.Element.ID
		case s.Rule.ID != 0:
			last = s.Rule.ID
		}
	}
	name := l.Names[last]
	switch {
	case want.Rule != 0 && last != want.Rule:
		return fmt.Errorf("decided by %s, not %s: %s", name, want.DecidedBy, steps(trace))
	case want.Rule == 0 && !strings.HasPrefix(name, want.DecidedBy) && !strings.HasPrefix(name, "missing-profile:"):
		return fmt.Errorf("decided by %s, not %s: %s", name, want.DecidedBy, steps(trace))
	}
	return nil
}
