package kernel

import (
	"flag"
	"fmt"
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
)

var (
	shiftSeedsFlag = flag.Int("shiftseeds", 3, "how many random worlds turn into others, for each lowering")
	shiftsFlag     = flag.Int("shifts", 15, "in how many steps")
)

// shift turns one random world into another, a few resources at a time: endpoints, profiles, tiers, policies of all kinds, sets,
// namespaces and accounts come, go and change, and workloads change their interfaces. In some worlds nobody has an address of one
// IP version.
type shift struct {
	*rand.Rand
	now, then map[model.Key]model.Resource
}

func newShift(seed uint64, links []lab.Link) *shift {
	s := &shift{Rand: rand.New(rand.NewPCG(seed, 5))}
	s.now, s.then = s.world(2*seed, links), s.world(2*seed+1, links)
	return s
}

func (s *shift) world(seed uint64, links []lab.Link) map[model.Key]model.Resource {
	cfg := Frame(links, int(seed))
	if s.IntN(3) == 0 {
		cfg.Policies, cfg.Rules = 10, 10 // long enough for maps
	}
	version := draw(s.Rand, 0, 0, 4, 6)
	all := map[model.Key]model.Resource{}
	for _, r := range gen.World(seed, cfg) {
		all[r.Key()] = only(version, r)
	}
	return all
}

// only takes the other IP version's addresses from endpoints and network sets; 0 leaves both.
func only(version int, r model.Resource) model.Resource {
	other := func(a netip.Addr) bool { return version != 0 && a.Is4() != (version == 4) }
	otherNet := func(n model.Net) bool { return other(n.Addr()) }
	switch r := r.(type) {
	case *model.WorkloadEndpoint:
		r.Spec.IPNetworks = slices.DeleteFunc(r.Spec.IPNetworks, otherNet)
	case *model.HostEndpoint:
		r.Spec.ExpectedIPs = slices.DeleteFunc(r.Spec.ExpectedIPs, other)
	case *model.NetworkSet:
		r.Spec.Nets = slices.DeleteFunc(r.Spec.Nets, otherNet)
	}
	return r
}

// resources are those of now, in the order of their keys.
func (s *shift) resources() []model.Resource {
	return slices.SortedFunc(maps.Values(s.now), func(a, b model.Resource) int { return a.Key().Compare(b.Key()) })
}

// step makes a few resources what they will be, and says which.
func (s *shift) step() string {
	keys := slices.SortedFunc(maps.Keys(s.then), model.Key.Compare)
	for k := range s.now {
		if s.then[k] == nil {
			keys = append(keys, k)
		}
	}
	keys = slices.DeleteFunc(keys, func(k model.Key) bool { return s.now[k] == s.then[k] })
	slices.SortFunc(keys, model.Key.Compare)
	s.Shuffle(len(keys), func(i, j int) { keys[i], keys[j] = keys[j], keys[i] })
	var what []string
	for _, k := range keys[:min(len(keys), 1+s.IntN(4))] {
		what = append(what, k.String())
		if r := s.then[k]; r == nil {
			delete(s.now, k)
		} else {
			s.now[k] = r
		}
	}
	if s.IntN(4) == 0 {
		what = append(what, s.swap())
	}
	s.single()
	return strings.Join(what, ", ")
}

// locals are the node's workloads by their interfaces.
func (s *shift) locals() map[string][]*model.WorkloadEndpoint {
	by := map[string][]*model.WorkloadEndpoint{}
	for _, r := range s.resources() {
		if w, ok := r.(*model.WorkloadEndpoint); ok && w.Spec.Node == Node {
			by[w.Spec.InterfaceName] = append(by[w.Spec.InterfaceName], w)
		}
	}
	return by
}

// swap lets two workloads change places.
func (s *shift) swap() string {
	by := s.locals()
	names := slices.Sorted(maps.Keys(by))
	if len(names) < 2 {
		return ""
	}
	s.Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
	for i := range 2 {
		w := *by[names[i]][0]
		w.Spec.InterfaceName = names[1-i]
		s.now[w.Key()] = &w
	}
	return fmt.Sprintf("%s and %s change places", names[0], names[1])
}

// single leaves one workload on each interface, as the walk along a packet's way knows no rule for two.
func (s *shift) single() {
	for _, list := range s.locals() {
		for _, w := range list[1:] {
			delete(s.now, w.Key())
		}
	}
}

// wires are packets that the resources as they are now may tell apart.
func (s *shift) wires(links []lab.Link, n int) (out []Wire) {
	for _, pr := range gen.Probes(s.Uint64(), Frame(links, 0), s.resources(), n) {
		if w, ok := Wires(links, pr.Packet, s.Rand); ok {
			out = append(out, w)
		}
	}
	return out
}

// A random world that turns into another, compiled and lowered with the memory of what was before: what the kernel does with
// packets is what the oracle says of the resources as they are now.
func TestShifts(t *testing.T) {
	links, top, prober := newLab(t)
	var n tally
	eachLowering(t, top, *shiftSeedsFlag, func(name string, seed uint64, fw *firewall) {
		options := optionsOf(seed)
		w := newShift(seed, links)
		w.single()
		s, compiler := store.New(), compile.NewCompiler(options)
		what := "the start"
		for step := range *shiftsFlag {
			resources := w.resources()
			change, err := s.Apply(&model.Bundle{Source: "test", Resources: resources})
			if err != nil {
				t.Fatal(err)
			}
			p := compiler.Compile(s.View(), change, compile.Host{Node: Node, Interfaces: fw.interfaces})
			fw.generation++
			numbered := *p
			numbered.Generation = fw.generation
			if _, err := fw.backend.Apply(t.Context(), &numbered); err != nil {
				t.Fatalf("%s, seed %d, step %d, after %s: %v", name, seed, step, what, err)
			}
			path := NewPath(resources, Node, Interfaces(links), options)
			wires := w.wires(links, 60)
			if wrong := n.compare(t, prober, path, wires); wrong != "" {
				t.Fatalf("%s, seed %d, step %d, after %s: %s", name, seed, step, what, wrong)
			}
			what = w.step()
		}
	})
	n.demand(t, "shifts")
}
