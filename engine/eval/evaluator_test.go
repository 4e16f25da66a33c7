package eval_test

import (
	"errors"
	"testing"

	"rampart/bench/gen"
	"rampart/conf"
	"rampart/engine/compile"
	"rampart/engine/eval"
	"rampart/engine/ir"
	"rampart/model"
	"rampart/model/store"
)

const stagedWorld = `
apiVersion: projectcalico.org/v3
kind: HostEndpoint
metadata: {name: h, labels: {a: b}}
spec: {node: n1, interfaceName: eth0}
---
apiVersion: projectcalico.org/v3
kind: GlobalNetworkPolicy
metadata: {name: p}
spec:
  ingress:
  - {action: Allow, protocol: TCP}
---
apiVersion: projectcalico.org/v3
kind: StagedGlobalNetworkPolicy
metadata: {name: p}
spec:
  ingress:
  - {action: Log}
  - {action: Deny, protocol: TCP, destination: {ports: [22]}}
  - {action: Allow, protocol: UDP}
---
apiVersion: projectcalico.org/v3
kind: StagedGlobalNetworkPolicy
metadata: {name: gone}
spec: {stagedAction: Delete}
---
apiVersion: projectcalico.org/v3
kind: StagedGlobalNetworkPolicy
metadata: {name: fwd}
spec:
  applyOnForward: true
  selector: a == 'b'
  egress:
  - {action: Deny, protocol: TCP}
`

func evaluatorOf(t *testing.T, text string) *eval.Evaluator {
	t.Helper()
	world, diags := conf.Decode("world.yaml", []byte(text))
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	return eval.NewEvaluator(compile.Compile(store.ViewOf(world...), compile.Host{Node: "n1"}, ir.Options{}))
}

// A staged policy tells what it would do, in place of the enforced one of its name, and changes no verdict.
func TestPending(t *testing.T) {
	e := evaluatorOf(t, stagedWorld)
	for _, tc := range []struct {
		direction model.Direction
		layer     model.Layer
		packet    string
		enforced  string
		pending   string
	}{
		{model.Ingress, model.LayerNormal, "tcp 10.0.0.1:9 > 10.0.0.2:22", "allow default/GlobalNetworkPolicy:p[0]", "would-deny default/StagedGlobalNetworkPolicy:p[1]"},
		{model.Ingress, model.LayerNormal, "udp 10.0.0.1:9 > 10.0.0.2:22", "deny tier-default:default", "would-allow default/StagedGlobalNetworkPolicy:p[2]"},
		{model.Ingress, model.LayerNormal, "tcp 10.0.0.1:9 > 10.0.0.2:80", "allow default/GlobalNetworkPolicy:p[0]", "would-deny tier-default:default"},
		{model.Egress, model.LayerForward, "tcp 10.0.0.1:9 > 10.0.0.2:80", "allow forward-default", "would-deny default/StagedGlobalNetworkPolicy:fwd[0]"},
		{model.Ingress, model.LayerForward, "tcp 10.0.0.1:9 > 10.0.0.2:80", "allow forward-default", ""},
	} {
		packet, err := model.ParsePacket(tc.packet)
		if err != nil {
			t.Fatal(err)
		}
		pr := model.Probe{Endpoint: model.Key{Kind: model.KindHostEndpoint, Name: "h"}, Direction: tc.direction, Layer: tc.layer, Packet: packet}
		v, err := e.Evaluate(pr)
		if err != nil {
			t.Fatal(err)
		}
		if got := string(v.Decision) + " " + v.DecidedBy; got != tc.enforced || len(v.Logged) != 0 {
			t.Errorf("%s %s: %s, logged %v; want %s", tc.layer, tc.packet, got, v.Logged, tc.enforced)
		}
		p, err := e.Pending(pr)
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		if p != nil {
			got = p.Verdict + " " + p.DecidedBy
		}
		if got != tc.pending {
			t.Errorf("%s %s: pending %q, want %q", tc.layer, tc.packet, got, tc.pending)
		}
	}
}

// Probes that make no sense are errors, of both evaluators, not verdicts.
func TestUnanswerable(t *testing.T) {
	world, diags := conf.Decode("world.yaml", []byte(stagedWorld))
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	h := model.Key{Kind: model.KindHostEndpoint, Name: "h"}
	for _, e := range both(world, "n1") {
		if _, err := e.Evaluate(model.Probe{Endpoint: model.Key{Kind: model.KindHostEndpoint, Name: "x"}, Direction: model.Ingress}); !errors.Is(err, eval.ErrUnknownEndpoint) {
			t.Errorf("%s: unknown endpoint: %v", e.name, err)
		}
		if _, err := e.Evaluate(model.Probe{Endpoint: h}); err == nil {
			t.Errorf("%s: no direction: no error", e.name)
		}
		if _, err := e.Evaluate(model.Probe{Endpoint: h, Direction: model.Ingress, Layer: model.NumLayers}); err == nil {
			t.Errorf("%s: no such layer: no error", e.name)
		}
	}
	for _, e := range both(world, "n2") {
		if _, err := e.Evaluate(model.Probe{Endpoint: h, Direction: model.Ingress}); !errors.Is(err, eval.ErrUnknownEndpoint) {
			t.Errorf("%s: endpoint of another node: %v", e.name, err)
		}
	}
}

func BenchmarkEvaluate(b *testing.B) {
	cfg := gen.DefaultConfig()
	world := gen.World(1, cfg)
	probes := gen.Probes(1, cfg, world, 256)
	e := eval.NewEvaluator(compile.Compile(store.ViewOf(world...), compile.Host{Node: cfg.Node}, ir.Options{}))
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if _, err := e.Evaluate(probes[i%len(probes)]); err != nil {
			b.Fatal(err)
		}
	}
}
