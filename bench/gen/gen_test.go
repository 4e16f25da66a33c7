package gen

import (
	"encoding/json"
	"net/netip"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"rampart/model"
)

const worlds = 300

func TestWorldIsValid(t *testing.T) {
	for seed := range uint64(worlds) {
		seen := map[model.Key]bool{}
		for _, r := range World(seed, DefaultConfig()) {
			if seen[r.Key()] {
				t.Errorf("seed %d: %s twice", seed, r.Key())
			}
			seen[r.Key()] = true
			for _, e := range model.Validate(r) {
				if !e.Warning {
					b, _ := json.Marshal(r)
					t.Errorf("seed %d: %s: %s: %s\n%s", seed, r.Key(), e.Path, e.Msg, b)
				}
			}
		}
		if t.Failed() {
			t.FailNow()
		}
	}
}

func TestWorldIsRepeatable(t *testing.T) {
	cfg := DefaultConfig()
	a, b := World(7, cfg), World(7, cfg)
	if d := cmp.Diff(Manifests(a), Manifests(b), cmpopts.EquateComparable(netip.Prefix{}, netip.Addr{})); d != "" {
		t.Error(d)
	}
	if !slices.EqualFunc(Probes(7, cfg, a, 50), Probes(7, cfg, b, 50), func(a, b model.Probe) bool { return cmp.Equal(a, b, cmpopts.EquateComparable(netip.Addr{})) }) {
		t.Error("probes differ")
	}
	if cmp.Equal(Manifests(a), Manifests(World(8, cfg)), cmpopts.EquateComparable(netip.Prefix{}, netip.Addr{})) {
		t.Error("another seed gives the same world")
	}
}

// TestWorldVariety fails when a change of the generator stops making something the differential tests live on.
func TestWorldVariety(t *testing.T) {
	want := map[string]bool{}
	note := func(what string, found bool) { want[what] = want[what] || found }
	for seed := range uint64(worlds) {
		w := World(seed, DefaultConfig())
		for _, r := range w {
			note(string(r.Key().Kind), true)
			p, ok := r.(*model.Policy)
			if !ok {
				continue
			}
			note("policy without rules", len(p.Spec.Ingress)+len(p.Spec.Egress) == 0)
			note("missing tier", p.Spec.Tier == "ghost")
			note("untracked", p.Spec.DoNotTrack)
			note("preDNAT", p.Spec.PreDNAT)
			note("forward", p.Spec.ApplyOnForward && !p.Spec.DoNotTrack && !p.Spec.PreDNAT)
			for _, rule := range append(slices.Clone(p.Spec.Ingress), p.Spec.Egress...) {
				note(string(rule.Action), true)
				note("notICMP", rule.NotICMP != nil)
				note("http", rule.HTTP != nil)
				note("udplite", rule.Protocol.Number == model.ProtoUDPLite)
				for _, e := range []model.EntityRule{rule.Source, rule.Destination} {
					note("hole", len(e.Nets) > 0 && len(e.NotNets) > 0)
					note("global()", e.NamespaceSelector == "global()")
					note("service accounts", e.ServiceAccounts != nil)
					note("negated named port", slices.ContainsFunc(e.NotPorts, func(p model.Port) bool { return p.Name != "" }))
				}
			}
		}
		for _, pr := range Probes(seed, DefaultConfig(), w, 40) {
			note("probe "+pr.Layer.String()+" "+string(pr.Direction), true)
			note("probe "+model.ProtocolLabel(pr.Packet.Protocol), true)
			note("fragment", pr.Packet.Fragment)
			note("request", pr.Packet.HTTP != nil)
			if err := pr.Packet.Valid(); err != nil {
				t.Errorf("seed %d: %v: %v", seed, pr.Packet, err)
			}
		}
	}
	for _, k := range model.Kinds() {
		note(string(k), false)
	}
	for what, found := range want {
		if !found {
			t.Errorf("no world has %s", what)
		}
	}
}

func TestLabOnly(t *testing.T) {
	cfg := DefaultConfig()
	cfg.LabOnly = true
	cfg.Protocols = []uint8{model.ProtoTCP, model.ProtoUDP, model.ProtoICMP, model.ProtoICMPv6}
	known := cfg.pool()
	for seed := range uint64(50) {
		w := World(seed, cfg)
		for _, pr := range Probes(seed, cfg, w, 40) {
			p := pr.Packet
			if !slices.Contains(known, p.Src) || !slices.Contains(known, p.Dst) || p.Fragment || p.HTTP != nil || !slices.Contains(cfg.Protocols, p.Protocol) {
				t.Fatalf("seed %d: a lab cannot send %v", seed, p)
			}
		}
	}
}

func TestCaseRoundTrip(t *testing.T) {
	cfg := DefaultConfig()
	for seed := range uint64(20) {
		w := World(seed, cfg)
		c := &Case{About: "test", Seed: seed, Node: cfg.Node, Resources: Manifests(w), Probe: Probes(seed, cfg, w, 1)[0], Want: model.Verdict{Decision: model.DecisionDeny}}
		path := filepath.Join(t.TempDir(), "case.json")
		if err := c.Write(path); err != nil {
			t.Fatal(err)
		}
		back, err := ReadCase(path)
		if err != nil {
			t.Fatal(err)
		}
		noOrigins := cmp.FilterPath(func(p cmp.Path) bool { return p.Last().String() == ".Origin" }, cmp.Ignore())
		if d := cmp.Diff(c, back, noOrigins, cmpopts.EquateEmpty(), cmpopts.EquateComparable(netip.Prefix{}, netip.Addr{})); d != "" {
			t.Fatalf("seed %d: %s", seed, d)
		}
	}
}

// TestShrink looks for the smallest world that has a policy which denies TCP.
func TestShrink(t *testing.T) {
	cfg := DefaultConfig()
	deniesTCP := func(w []model.Resource, _ model.Probe) bool {
		for _, r := range w {
			if p, ok := r.(*model.Policy); ok {
				for _, rule := range p.Spec.Ingress {
					if rule.Action == model.Deny && rule.Protocol.Number == model.ProtoTCP {
						return true
					}
				}
			}
		}
		return false
	}
	shrunk := 0
	for seed := range uint64(60) {
		w := World(seed, cfg)
		pr := Probes(seed, cfg, w, 1)[0]
		if !deniesTCP(w, pr) {
			continue
		}
		small, _ := Shrink(w, pr, deniesTCP)
		if len(small) != 1 {
			t.Fatalf("seed %d: %d resources left", seed, len(small))
		}
		p := small[0].(*model.Policy)
		if len(p.Spec.Ingress) != 1 || len(p.Spec.Egress) != 0 || p.Spec.Selector != "" || len(p.Spec.Ingress[0].Source.Nets) != 0 {
			b, _ := json.MarshalIndent(Manifest{p}, "", " ")
			t.Fatalf("seed %d: not small: %s", seed, b)
		}
		shrunk++
	}
	if shrunk == 0 {
		t.Error("no world denies TCP")
	}
}
