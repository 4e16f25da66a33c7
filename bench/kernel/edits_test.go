package kernel

import (
	"flag"
	"maps"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"rampart/bench/gen"
	"rampart/bench/lab"
	"rampart/engine/compile"
	"rampart/model"
	"rampart/model/store"
	"rampart/nft/lower"
)

var editsFlag = flag.Int("edits", 25, "how many edits follow each other for each lowering and seed")
var editSeedsFlag = flag.Int("editseeds", 2, "how many seeds")

// borderWires are packets near the borders of rules.
func borderWires(e *gen.Editor, links []lab.Link, n int) (out []Wire) {
	ends := func(family int) netip.Addr {
		own := []string{"10.65.0.2", "10.65.0.3", "10.10.0.1", "10.20.0.1", "10.10.0.2"}
		if family == 6 {
			own = []string{"fd65::2", "fd65::3", "fd10::1", "fd20::1", "fd10::2"}
		}
		return netip.MustParseAddr(draw(e.Rand, own...))
	}
	for len(out) < n {
		family := draw(e.Rand, 4, 4, 6)
		p := model.Packet{Src: e.Addr(family), Dst: ends(family), Protocol: draw[uint8](e.Rand, 6, 6, 6, 17, 17, 1, 58, 132, 136, 253)}
		if e.IntN(10) < 3 {
			p.Src, p.Dst = p.Dst, p.Src
		} else if e.IntN(5) == 0 {
			p.Src = ends(family)
		}
		switch {
		case p.Protocol == 1 || p.Protocol == 58:
			p.ICMPType, p.ICMPCode = draw[uint8](e.Rand, 0, 3, 8, 8, 128, 128, 129), draw[uint8](e.Rand, 0, 1)
		case model.HasPorts(p.Protocol) || p.Protocol == 136:
			p.SrcPort = draw[uint16](e.Rand, 40000, 40000, 80, 1000)
			p.DstPort = draw[uint16](e.Rand, 1, 2, 22, 78, 79, 80, 81, 82, 100, 443, 999, 1000, 1001, 1002, 8080, 5432, 7001, 7003, 32768, 65534, 65535)
		}
		if w, ok := Wires(links, p, e.Rand); ok {
			out = append(out, w)
		}
	}
	return out
}

// Edits that follow each other, compiled and lowered with the memory of what was before: what the kernel does with packets
// is what the oracle says of the resources as they are now.
func TestEdits(t *testing.T) {
	links, top, prober := newLab(t)
	var n tally
	eachLowering(t, top, *editSeedsFlag, func(name string, seed uint64, fw *firewall) { n.follow(t, name, seed, links, prober, fw) })
	n.demand(t, "edits")
}

// eachLowering calls f with a firewall of its own for each lowering and seed.
func eachLowering(t *testing.T, top *lab.Topology, seeds int, f func(name string, seed uint64, fw *firewall)) {
	t.Helper()
	groups := lowerings()
	groups["lookups"] = lower.Blocks
	for _, name := range slices.Sorted(maps.Keys(groups)) {
		for seed := *seedFlag; seed < *seedFlag+uint64(seeds); seed++ {
			fw := firewallWith(t, top, groups[name])
			f(name, seed, fw)
			if t.Failed() {
				return
			}
			if err := fw.backend.Clear(t.Context()); err != nil {
				t.Fatal(err)
			}
			if err := fw.backend.Close(); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func (n *tally) follow(t *testing.T, name string, seed uint64, links []lab.Link, prober *lab.Prober, fw *firewall) {
	options := rowOptions()
	options.EndpointToHost = model.Pass
	e := newEditor(t, seed)
	s, compiler := store.New(), compile.NewCompiler(options)
	var history []string
	for step := range *editsFlag {
		resources := e.Resources()
		change, err := s.Apply(&model.Bundle{Source: "test", Resources: resources})
		if err != nil {
			t.Fatal(err)
		}
		p := compiler.Compile(s.View(), change, compile.Host{Node: Node, Interfaces: fw.interfaces})
		fw.generation++
		p.Generation = fw.generation
		if _, err := fw.backend.Apply(t.Context(), p); err != nil {
			t.Fatalf("%s, seed %d, step %d: %v\n%s", name, seed, step, err, strings.Join(history, "\n"))
		}
		path := NewPath(resources, Node, Interfaces(links), options)
		wires := borderWires(e, links, 60)
		if wrong := n.compare(t, prober, path, wires); wrong != "" {
			t.Fatalf("%s, seed %d, step %d: %s\n%s", name, seed, step, wrong, strings.Join(history, "\n"))
		}
		history = history[:0]
		for range 1 + e.IntN(2) {
			history = append(history, e.Edit())
		}
	}
}

func draw[T any](r *rand.Rand, from ...T) T { return from[r.IntN(len(from))] }

// newEditor edits policies for two hosts' interfaces and the lab's workloads.
func newEditor(t *testing.T, seed uint64) *gen.Editor {
	resources := baseResources(t)
	for _, r := range resources {
		if w, ok := r.(*model.WorkloadEndpoint); ok {
			w.Metadata.Labels["hard"] = "yes"
			w.Spec.Profiles = []string{"last", model.ProfileAllowAll}
		}
	}
	for _, name := range []string{"eth0", "eth1"} {
		h := model.New(model.KindHostEndpoint).(*model.HostEndpoint)
		h.Metadata.Name, h.Metadata.Labels = "h-"+name, map[string]string{"hard": "yes"}
		h.Spec = model.HostEndpointSpec{Node: Node, InterfaceName: name, Profiles: []string{"last", model.ProfileAllowAll},
			Ports: []model.EndpointPort{{Name: "http", Protocol: model.ProtocolNumber(6), Port: 80}}}
		resources = append(resources, h)
	}
	return gen.NewEditor(seed, resources...)
}
