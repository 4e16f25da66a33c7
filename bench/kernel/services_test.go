package kernel

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"

	"rampart/bench/lab"
	"rampart/engine/compile"
	"rampart/engine/ir"
	"rampart/model"
	"rampart/model/store"
)

var streetsFlag = flag.Int("streets", 8, "how many random streets change in eight steps")

// street is a random world of the lab's workloads, their neighbours elsewhere, and rules of which most say who may come to which
// port, so that they are looked up for all workloads together; the others keep those behind them from it. There are few labels
// and few ports, so that rules overlap and their order matters.
type street struct {
	*rand.Rand
	links []lab.Link
	all   map[model.Key]model.Resource
	addrs []netip.Addr // where packets come from and go to
}

func newStreet(seed uint64, links []lab.Link) *street {
	s := &street{Rand: rand.New(rand.NewPCG(seed, 9)), links: links, all: map[model.Key]model.Resource{}}
	for _, l := range links {
		s.addrs = append(s.addrs, l.Addrs...)
	}
	for _, a := range []string{"198.51.100.7", "203.0.113.7", "192.0.2.9", "2001:db8:1::7", "2001:db8:2::9", "2600::7"} {
		s.addrs = append(s.addrs, netip.MustParseAddr(a))
	}
	for i := range streetLength {
		s.build(i)
	}
	return s
}

const streetLength = 12

var streetLabels = []string{"a", "b", "c"}

func (s *street) labels(name string) map[string]string {
	labels := map[string]string{"w": name}
	for _, l := range streetLabels {
		if s.IntN(5) < 2 {
			labels[l] = ""
		}
	}
	return labels
}

// build makes a thing of a street, or another one in its place, or takes it away.
func (s *street) build(i int) {
	var r model.Resource
	switch {
	case i < 3: // a workload of this node
		l := s.links[2+i]
		w := model.New(model.KindWorkloadEndpoint).(*model.WorkloadEndpoint)
		w.Metadata = model.Metadata{Name: l.Peer, Namespace: "prod", Labels: s.labels(l.Peer)}
		w.Spec = model.WorkloadEndpointSpec{Node: Node, InterfaceName: l.Interface, Profiles: draw(s.Rand, nil, []string{model.ProfileAllowAll}, []string{model.ProfileAllowAll})}
		for _, a := range l.Addrs {
			if s.IntN(8) > 0 {
				w.Spec.IPNetworks = append(w.Spec.IPNetworks, single(a))
			}
		}
		w.Spec.Ports = []model.EndpointPort{{Name: "web", Protocol: model.ProtocolNumber(model.ProtoTCP), Port: 81}}
		r = w
	case i < 6: // neighbours elsewhere
		n := model.New(model.KindGlobalNetworkSet).(*model.NetworkSet)
		n.Metadata = model.Metadata{Name: fmt.Sprint("n", i), Labels: s.labels("far")}
		for range 1 + s.IntN(3) {
			n.Spec.Nets = append(n.Spec.Nets, single(draw(s.Rand, s.addrs...)))
		}
		if s.IntN(20) == 0 {
			n.Spec.Nets = append(n.Spec.Nets, model.Net{Prefix: netip.MustParsePrefix("198.51.100.0/24")}) // no set of single addresses
		}
		r = n
	default:
		r = s.policy(fmt.Sprint("p", i))
	}
	if delete(s.all, r.Key()); i < 3 || s.IntN(6) > 0 {
		s.all[r.Key()] = r
	}
}

func single(a netip.Addr) model.Net { return model.Net{Prefix: netip.PrefixFrom(a, a.BitLen())} }

func (s *street) policy(name string) *model.Policy {
	q := model.New(model.KindGlobalNetworkPolicy).(*model.Policy)
	q.Metadata = model.Metadata{Name: name}
	order := float64(s.IntN(4))
	q.Spec = model.PolicySpec{Order: &order, Selector: draw(s.Rand, "w == 'db'", "w == 'web'", "w == 'job'", "w in {'db', 'web'}", "has(w)"), Types: []model.Direction{model.Ingress, model.Egress}}
	for range 1 + s.IntN(4) {
		q.Spec.Ingress = append(q.Spec.Ingress, s.rule(model.Ingress))
		q.Spec.Egress = append(q.Spec.Egress, s.rule(model.Egress))
	}
	return q
}

func (s *street) rule(d model.Direction) model.Rule {
	has := func() string { return fmt.Sprintf("has(%s)", draw(s.Rand, streetLabels...)) }
	r := model.Rule{Action: draw(s.Rand, model.Allow, model.Allow, model.Deny)}
	r.Protocol = model.ProtocolNumber(draw(s.Rand, model.ProtoTCP, model.ProtoTCP, model.ProtoUDP, model.ProtoSCTP))
	for range draw(s.Rand, 1, 1, 1, 2) {
		r.Destination.Ports = append(r.Destination.Ports, model.SinglePort(uint16(80+s.IntN(3))))
	}
	peer, own := &r.Source, &r.Destination
	if d == model.Egress {
		peer, own = own, peer
	}
	peer.Selector = has()
	switch s.IntN(70) {
	case 0, 1, 2, 3, 4, 5:
		peer.NotSelector = has()
	case 6, 7, 8, 9:
		peer.NamespaceSelector = draw(s.Rand, "all()", "global()")
	case 10, 11, 12, 13:
		peer.Selector += " && !" + has()
	case 14:
		peer.Selector, peer.NotSelector = "", has()
	case 15:
		own.Selector = has()
	case 16:
		own.NotSelector = has()
	case 17:
		r.Action = model.Log
	case 18:
		r.Action = model.Pass
	case 19:
		r.Destination.Ports = nil
	case 20:
		r.Destination.Ports = append(r.Destination.Ports, model.Port{Min: 81, Max: 82})
	case 21:
		r.Destination.Ports = append(r.Destination.Ports, model.Port{Name: "web"})
	case 22:
		r.Destination.NotPorts = []model.Port{model.SinglePort(81)}
	case 23:
		r.Source.Ports = []model.Port{model.SinglePort(40000)}
	case 24:
		r.Protocol, r.Destination.Ports = model.Protocol{}, nil
	case 25:
		r.IPVersion = 4
	case 26:
		r.Destination.NotPorts, r.Destination.Ports = []model.Port{{Name: "web"}}, nil
	case 27:
		peer.NotNets = []netip.Prefix{netip.MustParsePrefix("10.10.0.0/24")}
	}
	return r
}

func (s *street) resources() []model.Resource { return (&shift{now: s.all}).resources() }

// wires are packets to and from the workloads, few of a kind.
func (s *street) wires(n int) (out []Wire) {
	seen := map[model.Packet]bool{}
	var known []netip.Addr
	for _, r := range s.resources() {
		if r, ok := r.(*model.NetworkSet); ok {
			for _, net := range r.Spec.Nets {
				known = append(known, net.Addr())
			}
		}
	}
	for len(out) < n {
		ends := [][]netip.Addr{s.addrs, s.links[2+s.IntN(3)].Addrs, append(known, s.addrs...)}
		s.Shuffle(len(ends), func(i, j int) { ends[i], ends[j] = ends[j], ends[i] })
		p := model.Packet{Src: draw(s.Rand, ends[0]...), Dst: draw(s.Rand, ends[1]...), Protocol: draw(s.Rand, model.ProtoTCP, model.ProtoTCP, model.ProtoUDP, model.ProtoSCTP)}
		p.SrcPort, p.DstPort = draw[uint16](s.Rand, 40000, 40001), uint16(80+s.IntN(4))
		if p.Src.Is4() != p.Dst.Is4() || seen[flow(p)] {
			continue
		}
		if w, ok := Wires(s.links, p, s.Rand); ok && w.In != "" && w.Out != "" && !Invalid(p) {
			seen[flow(p)], w.Fragments = true, 0 // what is in fragments is counted more than once
			out = append(out, w)
		}
	}
	return out
}

// What short lists say of peers and ports, looked up for all workloads together, is what the oracle says, while labels, members,
// rules and policies come and go. Each rule counts what it decides, and what it has counted stays with it.
func TestStreets(t *testing.T) {
	links, top, prober := newLab(t)
	hushListeners(t, top)
	fw := firewallWith(t, top, lowerings()["eager"])
	var n tally
	served := 0
	for seed := *seedFlag; seed < *seedFlag+uint64(*streetsFlag); seed++ {
		options := optionsOf(seed)
		options.Reject, options.KeepInvalid = seed%3 == 0, false // answers to what conntrack cannot place meet policy too
		s := newStreet(seed, links)
		resources, compiler := store.New(), compile.NewCompiler(options)
		var had map[model.RuleID]string
		var counted map[model.RuleID]ir.Counter
		for step := range 8 {
			now := s.resources()
			change, err := resources.Apply(&model.Bundle{Source: "test", Resources: now})
			if err != nil {
				t.Fatal(err)
			}
			compiled := *compiler.Compile(resources.View(), change, compile.Host{Node: Node, Interfaces: fw.interfaces})
			p := &compiled
			fw.generation++
			p.Generation = fw.generation
			if _, err := fw.backend.Apply(t.Context(), p); err != nil {
				t.Fatal(err)
			}
			at := fmt.Sprintf("seed %d, step %d", seed, step)
			start, err := fw.backend.Counters(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			for id, name := range rulesOf(fw, p) {
				if _, ok := had[id]; ok && start[id].Packets != counted[id].Packets {
					t.Errorf("%s: %s had counted %d packets before the change, and %d after", at, name, counted[id].Packets, start[id].Packets)
				}
			}
			path := NewPath(now, Node, Interfaces(links), options)
			wires := s.wires(50)
			if wrong := n.compare(t, prober, path, wires); wrong != "" {
				t.Fatalf("%s: %s\n%s", at, wrong, ir.Text(p))
			}
			want := map[string]uint64{}
			for _, w := range wires {
				outcome, err := path.Walk(w.In, w.Out, w.Packet)
				if err != nil {
					t.Fatal(err)
				}
				for _, step := range outcome.Steps {
					for _, ref := range append(step.Verdict.Logged, step.Verdict.DecidedBy) {
						want[ref]++
					}
				}
			}
			if counted, err = fw.backend.Counters(t.Context()); err != nil {
				t.Fatal(err)
			}
			got := map[string]uint64{} // rules of both directions have one name
			for id, name := range rulesOf(fw, p) {
				got[name] += counted[id].Packets - start[id].Packets
			}
			for name, n := range got {
				if n != want[name] {
					t.Errorf("%s: %s has counted %d packets, want %d", at, name, n, want[name])
				}
			}
			if t.Failed() {
				t.Fatal(ir.Text(p))
			}
			served += hits(t, top)
			had = rulesOf(fw, p)
			for range 1 + s.IntN(3) {
				s.build(s.IntN(streetLength))
			}
		}
	}
	if n.demand(t, "streets"); served < 10**streetsFlag {
		t.Errorf("only %d of the elements for services have counted a packet", served)
	}
}

// rulesOf names the rules of the program in force that decide or log as the oracle does.
func rulesOf(fw *firewall, p *ir.Program) map[model.RuleID]string {
	rules := map[model.RuleID]string{}
	for _, d := range model.Directions() {
		for _, q := range p.Policies {
			for _, r := range q.Rules(d) {
				if name := fw.backend.CounterName(r.ID); r.Action != model.Pass && strings.Contains(name, "[") {
					rules[r.ID] = name
				}
			}
		}
	}
	return rules
}

// hits is how many elements of the maps of services have counted packets.
func hits(t *testing.T, top *lab.Topology) (n int) {
	t.Helper()
	out, err := top.Firewall.Run(t.Context(), "", "nft", "list", "table", "inet", "rampart")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range strings.Split(string(out), "\tmap services-")[1:] {
		m, _, _ = strings.Cut(m, "\n\t}")
		n += strings.Count(m, "counter packets") - strings.Count(m, "counter packets 0 ")
	}
	return n
}
