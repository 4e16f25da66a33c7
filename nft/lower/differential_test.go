package lower_test

import (
	"fmt"
	"strings"
	"testing"

	"rampart/bench/gen"
	"rampart/engine/compile"
	"rampart/engine/eval"
	"rampart/engine/ir"
	"rampart/model"
	"rampart/model/store"
	"rampart/nft/lower"
	"rampart/nft/ruleset"
)

var options = ir.Options{WorkloadPrefixes: []string{"cali"}, EndpointToHost: model.Deny, LogGroup: 5, LogPrefix: "rampart"}

func compileWorld(seed uint64, opts ir.Options) ([]model.Resource, *ir.Program) {
	cfg := gen.DefaultConfig()
	world := gen.World(seed, cfg)
	return world, compile.Compile(store.ViewOf(world...), compile.Host{Node: cfg.Node}, opts)
}

// TestMachineEqualsEvaluator runs random programs, lowered, packet by packet through the hooks and compares verdict,
// deciding rule and log messages with the evaluator of programs.
func TestMachineEqualsEvaluator(t *testing.T) {
	for seed := range uint64(300) {
		world, p := compileWorld(seed, options)
		if seed%3 > 0 { // one IP version is all that most networks have
			some := ofVersion(world, []int{0, 4, 6}[seed%3])
			p = compile.Compile(store.ViewOf(some...), compile.Host{Node: gen.DefaultConfig().Node}, options)
		}
		l := lower.Lower(p, lower.Options{})
		if err := l.Validate(); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		m := ruleset.NewMachine(l.Ruleset)
		e := eval.NewEvaluator(p)
		for _, pr := range gen.Probes(seed, gen.DefaultConfig(), world, 200) {
			pr.Packet.HTTP = nil // the kernel sees no requests
			want, err := e.Evaluate(pr)
			if err != nil {
				t.Fatal(err)
			}
			iface := ifaceOf(p, pr.Endpoint)
			if iface == "" || pr.Layer == model.LayerPreDNAT && pr.Direction == model.Egress {
				continue // nowhere in force
			}
			if pr.Packet.Fragment && !model.HasPorts(pr.Packet.Protocol) {
				// A kernel rule "not on these ports" matches such a fragment, the evaluator's does not. Connection tracking
				// puts fragments together before any of our hooks, so no packet shows the difference.
				continue
			}
			if err := compare(l, m, iface, pr, want); err != nil {
				t.Fatalf("seed %d, %+v: %v\nwant %+v\n%s", seed, pr, err, want, l.Text())
			}
		}
	}
}

func ifaceOf(p *ir.Program, key model.Key) string {
	for _, e := range p.Endpoints {
		if e.Key != key {
			continue
		}
		if e.Interface == "*" {
			return "wlan0"
		}
		return e.Interface
	}
	return ""
}

func compare(l *lower.Lowered, m *ruleset.Machine, iface string, pr model.Probe, want model.Verdict) error {
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
	case len(packet.Logged) != len(want.Logged):
		return fmt.Errorf("logged %q", packet.Logged)
	}
	for i, ref := range want.Logged {
		if !strings.Contains(packet.Logged[i], ref[:min(len(ref), 50)]) {
			return fmt.Errorf("logged %q instead of %q", packet.Logged[i], ref)
		}
	}
	return decider(l, trace, want)
}

// decider checks that the rule that counted the packet is the one that decided.
func decider(l *lower.Lowered, trace []ruleset.Step, want model.Verdict) error {
	if want.Decision == model.DecisionContinue || want.DecidedBy == model.WhyForwardDefault {
		return nil
	}
	var last ruleset.Step
	for _, s := range trace {
		if s.Rule.ID != 0 {
			last = s
		}
	}
	if last.Rule == nil {
		return fmt.Errorf("no counted rule decided: %s", steps(trace))
	}
	name := l.Names[last.Rule.ID]
	switch {
	case want.Rule != 0 && last.Rule.ID != want.Rule:
		return fmt.Errorf("decided by %s, not %s: %s", name, want.DecidedBy, steps(trace))
	case want.Rule == 0 && !strings.HasPrefix(name, want.DecidedBy) && !strings.HasPrefix(name, "missing-profile:"):
		return fmt.Errorf("decided by %s, not %s: %s", name, want.DecidedBy, steps(trace))
	}
	return nil
}

// stage is where the packets of a probe are decided.
func stage(pr model.Probe) (hook ruleset.Hook, priority int, in bool) {
	workload := pr.Endpoint.Kind == model.KindWorkloadEndpoint
	ingress := pr.Direction == model.Ingress
	switch {
	case workload && ingress, pr.Layer == model.LayerForward && !ingress:
		return ruleset.HookForward, ruleset.PriorityFilter + 1, false
	case workload, pr.Layer == model.LayerForward:
		return ruleset.HookForward, ruleset.PriorityFilter, true
	case pr.Layer == model.LayerPreDNAT:
		return ruleset.HookPrerouting, ruleset.PriorityMangle, true
	case pr.Layer == model.LayerUntracked && ingress:
		return ruleset.HookPrerouting, ruleset.PriorityRaw, true
	case pr.Layer == model.LayerUntracked:
		return ruleset.HookOutput, ruleset.PriorityRaw, false
	case ingress:
		return ruleset.HookInput, ruleset.PriorityFilter, true
	}
	return ruleset.HookOutput, ruleset.PriorityFilter, false
}

func steps(trace []ruleset.Step) string {
	var b strings.Builder
	for _, s := range trace {
		fmt.Fprintf(&b, "\n  %s: %s", s.Chain, s.Rule.Text())
	}
	return b.String()
}
