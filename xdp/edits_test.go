package xdp_test

import (
	"context"
	"flag"
	"testing"

	"rampart/bench/gen"
	"rampart/bench/kernel"
	"rampart/bench/lab"
	"rampart/engine/compile"
	"rampart/engine/ir"
	"rampart/model"
	"rampart/model/store"
	"rampart/nft/lower"
	"rampart/xdp"
)

var editsFlag = flag.Int("edits", 15, "how many edits follow each other")

// Edits of policies and sets that follow each other, each compiled and planned with the memory of what was before: packets
// fare with the fast path as the oracle says of the resources as they are now.
func TestFastPathFollowsEdits(t *testing.T) {
	links, top, prober, full := surroundings(t, lower.Blocks)
	fast, err := xdp.New(xdp.Config{NetNS: top.Firewall.FD(), Interfaces: hosts, Mode: xdp.Always, Frames: 512})
	if err != nil {
		t.Fatal(err)
	}
	defer fast.Close()
	prober.Settle = func() error { return settled(fast) }
	interfaces := kernel.Interfaces(links)
	host := compile.Host{Node: kernel.Node}
	for _, i := range interfaces {
		host.Interfaces = append(host.Interfaces, compile.Interface(i))
	}
	options := ir.Options{WorkloadPrefixes: []string{"cali"}, EndpointToHost: model.Pass, LogGroup: 1}

	var resources []model.Resource
	for _, name := range hosts {
		h := model.New(model.KindHostEndpoint).(*model.HostEndpoint)
		h.Metadata.Name, h.Metadata.Labels = "h-"+name, map[string]string{"hard": "yes"}
		h.Spec = model.HostEndpointSpec{Node: kernel.Node, InterfaceName: name, Profiles: []string{"last"}}
		resources = append(resources, h)
	}
	e := gen.NewEditor(*seedFlag, resources...)
	s, c := store.New(), compile.NewCompiler(options)
	before, what := count(t, fast), "the start"
	for step := range *editsFlag {
		change, err := s.Apply(&model.Bundle{Source: "test", Resources: e.Resources()})
		if err != nil {
			t.Fatal(err)
		}
		p := c.Compile(s.View(), change, host)
		p.Generation = uint64(step + 1)
		if err := fast.Hold(context.Background(), p); err != nil {
			t.Fatal(err)
		}
		if _, err := full.Apply(context.Background(), p); err != nil {
			t.Fatal(err)
		}
		if _, err := fast.Apply(context.Background(), p); err != nil {
			t.Fatal(err)
		}
		path := kernel.NewPath(e.Resources(), kernel.Node, interfaces, options)
		var wires []kernel.Wire
		var probes []lab.Probe
		for len(wires) < 60 {
			packet := e.Packet()
			in := e.IntN(2)
			for _, g := range links[in].Gateway {
				if g.Addr().Is4() == packet.Src.Is4() {
					packet.Dst = g.Addr()
				}
			}
			if w, ok := kernel.Wires(links, packet, e.Rand); ok && (w.In == hosts[0] || w.In == hosts[1]) {
				wires, probes = append(wires, w), append(probes, w.Probe)
			}
		}
		for run := range 3 { // the third time denials are cached
			arrived, err := prober.Send(probes...)
			if err != nil {
				t.Fatal(err)
			}
			for i, w := range wires {
				outcome, err := path.Walk(w.In, w.Out, w.Packet)
				if err != nil {
					t.Fatal(err)
				}
				if got := arrived[i] == w.To; got != outcome.Arrives && !outcome.Unsure {
					t.Fatalf("seed %d, step %d, after %s, run %d: %s from %s arrived: %v, want %v\n%s",
						*seedFlag, step, what, run, w.Packet, w.From, got, outcome.Arrives, outcome)
				}
			}
		}
		what = e.Edit()
	}
	after := count(t, fast)
	t.Logf("%d packets dropped early, %d given back or allowed from the cache", after.denied-before.denied, after.passed-before.passed)
	if after.denied-before.denied < 10**editsFlag || after.passed-before.passed < *editsFlag {
		t.Error("too few packets met the fast path")
	}
}
