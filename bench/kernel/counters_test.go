package kernel

import (
	"strings"
	"testing"

	"rampart/bench/gen"
	"rampart/bench/lab"
	"rampart/engine/ir"
	"rampart/model"
	"rampart/nft/lower"
)

// What each rule counts in the kernel is what the oracle says it decided or logged, in every lowering.
func TestRuleCounters(t *testing.T) {
	links, top, prober := newLab(t)
	hushListeners(t, top)
	groups := lowerings()
	groups["lookups"] = lower.Blocks
	for name, group := range groups {
		t.Run(name, func(t *testing.T) {
			fw := firewallWith(t, top, group)
			counted := 0
			for seed := uint64(1); seed <= 40; seed++ {
				cfg := Frame(links, int(seed))
				if seed%3 == 0 {
					cfg.Policies, cfg.Rules = 10, 10 // long enough for maps
				}
				world := gen.World(seed, cfg)
				if untracks(world) {
					continue // answers meet policy too there, and the oracle is asked about first packets only
				}
				options := optionsOf(seed)
				options.KeepInvalid = false // answers to what conntrack cannot place belong to no connection either
				path := NewPath(world, Node, Interfaces(links), options)
				p := fw.apply(t, world, options)
				before := ruleCounts(t, fw, p)
				want := map[string]uint64{}
				var wires []Wire
				seen := map[model.Packet]bool{}
				for _, w := range wiresOf(seed, links, 40) {
					outcome, err := path.Walk(w.In, w.Out, w.Packet)
					if err != nil {
						t.Fatal(err)
					}
					// What conntrack calls invalid is dropped before policy; for a preDNAT policy that denies it, too, that is no matter,
					// and the walk names the policy.
					if Invalid(w.Packet) || outcome.Unsure || w.Fragments > 1 || seen[flow(w.Packet)] {
						continue
					}
					seen[flow(w.Packet)] = true
					wires = append(wires, w)
					for _, s := range outcome.Steps {
						for _, ref := range append(s.Verdict.Logged, s.Verdict.DecidedBy) {
							want[ref]++
						}
					}
				}
				if _, err := prober.Send(probesOf(wires)...); err != nil {
					t.Fatal(err)
				}
				for ref, n := range ruleCounts(t, fw, p) {
					got := n - before[ref]
					counted += int(got)
					if got != want[ref] {
						t.Errorf("seed %d: %s has counted %d packets, want %d", seed, ref, got, want[ref])
					}
				}
				if t.Failed() {
					return
				}
			}
			if counted < 200 {
				t.Errorf("only %d packets were counted", counted)
			}
			if err := fw.backend.Clear(t.Context()); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// hushListeners keeps IPv6 multicast listener reports from the firewall. Every address makes its host send some, the last of them
// two seconds and more later, and preDNAT policy counts those of the hosts outside.
func hushListeners(t *testing.T, top *lab.Topology) {
	t.Helper()
	const table = `table inet hush {
	chain arriving { type filter hook prerouting priority -500; ip6 hoplimit 1 icmpv6 type { 130, 131, 132, 143 } drop; }
	chain own { type filter hook output priority -500; ip6 hoplimit 1 icmpv6 type { 130, 131, 132, 143 } drop; }
}
`
	if _, err := top.Firewall.Run(t.Context(), table, "nft", "-f", "-"); err != nil {
		t.Fatal(err)
	}
}

// flow stands for all packets of a connection, in both directions.
func flow(p model.Packet) model.Packet {
	f := model.Packet{Src: p.Src, Dst: p.Dst, Protocol: p.Protocol, SrcPort: p.SrcPort, DstPort: p.DstPort}
	if f.Dst.Less(f.Src) {
		f.Src, f.Dst, f.SrcPort, f.DstPort = f.Dst, f.Src, f.DstPort, f.SrcPort
	}
	return f
}

// untracks tells whether some policy acts before connection tracking.
func untracks(world []model.Resource) bool {
	for _, r := range world {
		if p, ok := r.(*model.Policy); ok && p.Spec.DoNotTrack {
			return true
		}
	}
	return false
}

// ruleCounts reads the counters of all rules that can decide or log, by their names.
func ruleCounts(t *testing.T, fw *firewall, p *ir.Program) map[string]uint64 {
	t.Helper()
	all, err := fw.backend.Counters(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	passes := map[model.RuleID]bool{}
	for _, d := range model.Directions() {
		for _, q := range p.Policies {
			for _, r := range q.Rules(d) {
				passes[r.ID] = r.Action == model.Pass
			}
		}
		for _, q := range p.Profiles {
			for _, r := range q.Rules(d) {
				passes[r.ID] = r.Action == model.Pass
			}
		}
	}
	counts := map[string]uint64{}
	for id, n := range all {
		if pass, ok := passes[id]; ok && !pass {
			if name := fw.backend.CounterName(id); strings.Contains(name, "[") {
				counts[name] += n.Packets
			}
		}
	}
	return counts
}
