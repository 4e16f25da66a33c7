package lower_test

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"rampart/conf"
	"rampart/engine/compile"
	"rampart/engine/eval"
	"rampart/engine/ir"
	"rampart/model"
	"rampart/model/store"
	"rampart/nft/blocks"
	"rampart/nft/lower"
	"rampart/nft/ruleset"
)

// neighbours are a workload whose policy is to be filled in, and its peers: in a alone, in b alone, in both, and networks.
const neighbours = `
apiVersion: projectcalico.org/v3
kind: WorkloadEndpoint
metadata: {name: n1-k8s-w-eth0, namespace: prod, labels: {w: ""}}
spec: {node: n1, orchestrator: k8s, pod: w, endpoint: eth0, interfaceName: cali1, ipNetworks: [10.0.0.1/32], ports: [{name: web, port: 80, protocol: TCP}]}
---
apiVersion: projectcalico.org/v3
kind: GlobalNetworkSet
metadata: {name: a, labels: {a: ""}}
spec: {nets: [10.0.1.1/32, "fd00::1/128"]}
---
apiVersion: projectcalico.org/v3
kind: GlobalNetworkSet
metadata: {name: ab, labels: {a: "", b: ""}}
spec: {nets: [10.0.1.2/32]}
---
apiVersion: projectcalico.org/v3
kind: GlobalNetworkSet
metadata: {name: b, labels: {b: ""}}
spec: {nets: [10.0.1.3/32]}
---
apiVersion: projectcalico.org/v3
kind: GlobalNetworkSet
metadata: {name: wide, labels: {wide: ""}}
spec: {nets: [10.2.0.0/16, 10.3.0.1/32]}
---
apiVersion: projectcalico.org/v3
kind: NetworkPolicy
metadata: {name: p, namespace: prod}
spec: {selector: has(w), types: [%[1]s], %[2]s: [%[3]s]}
`

// together makes services of single lists.
func together() lower.GroupFunc {
	costs := blocks.DefaultCosts()
	costs.Together = 1
	return lower.BlocksWith(costs)
}

// TestServices shows which rules are looked up by service, and that others are not.
func TestServices(t *testing.T) {
	// rule is one about the peer, in either direction; in one that says more of it, protocol is "" for any.
	rule := func(action, protocol, peer, ports string) func(model.Direction) string {
		return func(d model.Direction) string {
			r, peer := "{action: "+action, "namespaceSelector: global(), "+peer
			if protocol != "" {
				r += ", protocol: " + protocol
			}
			to := ""
			if ports != "" {
				to = "ports: [" + ports + "]"
			}
			if d == model.Egress {
				return fmt.Sprintf("%s, destination: {%s, %s}}", r, peer, to)
			}
			return fmt.Sprintf("%s, source: {%s}, destination: {%s}}", r, peer, to)
		}
	}
	// ends is one about peers that says more of the peer's end and of the endpoint's own.
	ends := func(ofPeer, ofOwn string) func(model.Direction) string {
		return func(d model.Direction) string {
			src, dst := "namespaceSelector: global(), selector: has(b)"+ofPeer, strings.TrimPrefix(ofOwn, ", ")
			if d == model.Egress {
				src, dst = dst, src
			}
			return fmt.Sprintf("{action: Deny, protocol: TCP, source: {%s}, destination: {%s}}", src, strings.TrimPrefix(dst+", ports: [80]", ", "))
		}
	}
	raw := func(r string) func(model.Direction) string { return func(model.Direction) string { return r } }
	then := rule("Allow", "TCP", "selector: has(b)", "80")
	type rules []func(model.Direction) string
	for name, c := range map[string]struct {
		rules rules
		want  string
	}{
		"one rule": {rules{rule("Allow", "TCP", "selector: has(a)", "80")}, `
			10.0.1.1 TCP 80 accept p[0]
			10.0.1.2 TCP 80 accept p[0]
			fd00::1 TCP 80 accept p[0]`},
		"several ports and protocols": {rules{
			rule("Allow", "TCP", "selector: has(a) && !has(b)", "80, 443"), rule("Allow", "UDP", "selector: has(b) && !has(a)", "80"),
			rule("Allow", "SCTP", "selector: has(b) && !has(a)", "9"),
		}, `
			10.0.1.1 TCP 443 accept p[0]
			10.0.1.1 TCP 80 accept p[0]
			10.0.1.3 SCTP 9 accept p[2]
			10.0.1.3 UDP 80 accept p[1]
			fd00::1 TCP 443 accept p[0]
			fd00::1 TCP 80 accept p[0]`},
		"the first rule wins": {rules{
			rule("Deny", "TCP", "selector: has(b)", "80"), rule("Allow", "TCP", "selector: has(a)", "80, 81"), rule("Allow", "TCP", "selector: has(b)", "80, 82"),
		}, `
			10.0.1.1 TCP 80 accept p[1]
			10.0.1.1 TCP 81 accept p[1]
			10.0.1.2 TCP 80 drop p[0]
			10.0.1.2 TCP 81 accept p[1]
			10.0.1.2 TCP 82 accept p[2]
			10.0.1.3 TCP 80 drop p[0]
			10.0.1.3 TCP 82 accept p[2]
			fd00::1 TCP 80 accept p[1]
			fd00::1 TCP 81 accept p[1]`},
		"what is in one set and not in another": {rules{rule("Allow", "TCP", "selector: has(a), notSelector: has(b)", "80")}, `
			10.0.1.1 TCP 80 accept p[0]
			fd00::1 TCP 80 accept p[0]`},
		"up to a rule for networks": {rules{then, rule("Deny", "TCP", "selector: has(wide)", "81"), rule("Allow", "TCP", "selector: has(b)", "81")}, `
			10.0.1.2 TCP 80 accept p[0]
			10.0.1.3 TCP 80 accept p[0]`},
		"up to a rule that excludes networks":     {rules{rule("Deny", "TCP", "selector: has(b), notSelector: has(wide)", "80"), then}, ""},
		"up to a rule for no set":                 {rules{rule("Deny", "TCP", "notSelector: has(a)", "80"), then}, ""},
		"up to a rule for all ports":              {rules{rule("Deny", "TCP", "selector: has(b)", ""), then}, ""},
		"up to a rule for a range of ports":       {rules{rule("Deny", "TCP", "selector: has(b)", `"80:81"`), then}, ""},
		"up to a rule for a named port":           {rules{rule("Deny", "TCP", "selector: has(b)", "80, web"), then}, ""},
		"up to a rule that excludes a port":       {rules{rule("Deny", "TCP", "selector: has(b)", "80], notPorts: [81"), then}, ""},
		"up to a rule that excludes a named port": {rules{rule("Deny", "TCP", "selector: has(b)", "80], notPorts: [web"), then}, ""},
		"up to a rule for a source port":          {rules{raw("{action: Deny, protocol: TCP, source: {ports: [1]}, destination: {ports: [80]}}"), then}, ""},
		"up to a rule for a peer's net":           {rules{rule("Deny", "TCP", "selector: has(b), nets: [10.0.1.3/32]", "80"), then}, ""},
		"up to a rule that excludes a peer's net": {rules{rule("Deny", "TCP", "selector: has(b), notNets: [10.0.1.3/32]", "80"), then}, ""},
		"up to a rule for nets of both ends":      {rules{raw("{action: Deny, protocol: TCP, source: {nets: [10.0.0.0/16]}, destination: {nets: [10.0.0.0/16], ports: [80]}}"), then}, ""},
		"up to a rule for sets of both ends":      {rules{raw("{action: Deny, protocol: TCP, source: {namespaceSelector: global(), selector: has(a)}, destination: {namespaceSelector: global(), selector: has(b), ports: [80]}}"), then}, ""},
		"up to a rule that excludes a set at the own end": {rules{func(d model.Direction) string {
			if d == model.Egress {
				return "{action: Deny, protocol: TCP, source: {notSelector: has(a)}, destination: {namespaceSelector: global(), selector: has(b), ports: [80]}}"
			}
			return "{action: Deny, protocol: TCP, source: {namespaceSelector: global(), selector: has(b)}, destination: {notSelector: has(a), ports: [80]}}"
		}, then}, ""},
		"up to a rule that excludes sets at both ends":     {rules{raw("{action: Deny, protocol: TCP, source: {notSelector: has(a)}, destination: {notSelector: has(b), ports: [80]}}"), then}, ""},
		"up to a rule for all peers":                       {rules{raw("{action: Deny, protocol: TCP, destination: {ports: [80]}}"), then}, ""},
		"up to a rule for one IP version":                  {rules{raw("{action: Deny, ipVersion: 6, protocol: TCP, destination: {ports: [80]}}"), then}, ""},
		"up to a rule for any protocol":                    {rules{rule("Deny", "", "selector: has(b)", ""), then}, ""},
		"up to a rule that excludes a protocol":            {rules{raw("{action: Deny, notProtocol: UDP}"), then}, ""},
		"up to a rule for ICMP":                            {rules{raw("{action: Deny, protocol: ICMP, icmp: {type: 8}}"), then}, ""},
		"up to a rule for HTTP":                            {rules{raw("{action: Allow, protocol: TCP, http: {methods: [GET]}}"), then}, ""},
		"up to a rule that logs":                           {rules{rule("Log", "TCP", "selector: has(b)", "80"), then}, ""},
		"up to a rule that passes":                         {rules{rule("Pass", "TCP", "selector: has(b)", "80"), then}, ""},
		"up to a rule for peers of one IP version":         {rules{rule("Deny", "TCP, ipVersion: 4", "selector: has(b)", "80"), then}, ""},
		"up to a rule for peers that excludes a protocol":  {rules{rule("Deny", "TCP, notProtocol: TCP", "selector: has(b)", "80"), then}, ""},
		"up to a rule for peers that excludes ICMP":        {rules{rule("Deny", "TCP, notICMP: {type: 8}", "selector: has(b)", "80"), then}, ""},
		"up to a rule for peers and HTTP":                  {rules{rule("Allow", "TCP, http: {methods: [GET]}", "selector: has(b)", "80"), then}, ""},
		"up to a rule for some addresses of peers":         {rules{ends(", nets: [10.0.1.3/32]", ""), then}, ""},
		"up to a rule for all but some addresses of peers": {rules{ends(", notNets: [10.0.1.3/32]", ""), then}, ""},
		"up to a rule for some addresses of the endpoint":  {rules{ends("", ", nets: [10.0.0.0/16]"), then}, ""},
		"up to a rule that excludes own addresses":         {rules{ends("", ", notNets: [10.0.0.0/16]"), then}, ""},
		"up to a rule for a set of the endpoint's end":     {rules{ends("", ", selector: has(a)"), then}, ""},
		"up to a rule that excludes a set at its end":      {rules{ends("", ", notSelector: has(a)"), then}, ""},
		"up to a rule for peers from a port": {rules{func(d model.Direction) string {
			if d == model.Egress {
				return "{action: Deny, protocol: TCP, source: {ports: [1]}, destination: {namespaceSelector: global(), selector: has(b), ports: [80]}}"
			}
			return "{action: Deny, protocol: TCP, source: {namespaceSelector: global(), selector: has(b), ports: [1]}, destination: {ports: [80]}}"
		}, then}, ""},
		"the first rule wins for its protocol": {rules{rule("Deny", "TCP", "selector: has(b)", "80"), rule("Allow", "UDP", "selector: has(b)", "80")}, `
			10.0.1.2 TCP 80 drop p[0]
			10.0.1.2 UDP 80 accept p[1]
			10.0.1.3 TCP 80 drop p[0]
			10.0.1.3 UDP 80 accept p[1]`},
		"not where a rule would become too many elements": {rules{rule("Allow", "TCP", "selector: has(b)", "1, 2, 3, 4, 5")}, ""},
	} {
		for _, d := range []model.Direction{model.Ingress, model.Egress} {
			var list []string
			for _, r := range c.rules {
				list = append(list, r(d))
			}
			world := fmt.Sprintf(neighbours, d, strings.ToLower(string(d)), strings.Join(list, ", "))
			if strings.Contains(world, "http") && d == model.Egress {
				continue // only for what is received
			}
			l := lower.Lower(compileYAML(t, []byte(world), goldenOptions(t, "")), lower.Options{Group: together()})
			if err := l.Validate(); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			var want, got []string
			for line := range strings.Lines(strings.TrimSpace(c.want)) {
				want = append(want, strings.TrimSpace(line))
			}
			for _, s := range servicesOf(l) {
				protocol := map[uint8]string{model.ProtoTCP: "TCP", model.ProtoUDP: "UDP", model.ProtoSCTP: "SCTP"}[s.protocol]
				got = append(got, fmt.Sprintf("%s %s %d %s %s", s.peer, protocol, s.port, s.verdict, s.name))
			}
			if slices.Sort(got); !slices.Equal(got, want) {
				t.Errorf("%s, %s:\n%s\nwant\n%s\n%s", name, d, strings.Join(got, "\n"), strings.Join(want, "\n"), l.Text())
			}
		}
	}
}

// saying is what the maps of services say of one peer at one service.
type saying struct {
	stage    string
	iface    string
	peer     netip.Addr
	protocol uint8
	port     uint16
	verdict  ruleset.Verdict
	rule     model.RuleID
	name     string
}

// servicesOf reads the maps of services.
func servicesOf(l *lower.Lowered) []saying {
	chains, sets := map[string]*ruleset.Chain{}, map[string]*ruleset.Set{}
	for _, c := range l.Chains {
		chains[c.Name] = c
	}
	for _, s := range l.Sets {
		sets[s.Name] = s
	}
	var list []saying
	for _, s := range l.Sets {
		stage, version, ok := strings.Cut(s.Name, "-peers")
		if !ok || len(version) != 1 {
			continue
		}
		for _, peer := range s.Elements {
			addr, _ := netip.AddrFromSlice([]byte(peer.Key))
			lookup := chains[peer.Verdict.Chain].Rules[0].Statements[0].(ruleset.VerdictMap)
			if !sets[lookup.Map].Counters {
				panic(lookup.Map + " does not count")
			}
			for _, e := range sets[lookup.Map].Elements {
				name := l.Names[e.ID]
				list = append(list, saying{
					stage, strings.TrimRight(e.Key[:16], "\x00"), addr, e.Key[16], uint16(e.Key[20])<<8 | uint16(e.Key[21]), e.Verdict, e.ID, name[strings.LastIndex(name, "/")+1:],
				})
			}
		}
	}
	return list
}

// neighbourhood is a random world of workloads on one node, their peers elsewhere, and policies of rules that mostly are
// looked up by service: with few labels, so that rules overlap.
func neighbourhood(seed uint64) []model.Resource {
	r := rand.New(rand.NewPCG(seed, 7))
	var world []model.Resource
	labels := []string{"a", "b", "c", "d"}
	for i := range 12 {
		w := model.New(model.KindWorkloadEndpoint).(*model.WorkloadEndpoint)
		w.Metadata = model.Metadata{Name: fmt.Sprint("w", i), Namespace: "prod", Labels: map[string]string{"w": fmt.Sprint(i)}}
		for _, l := range labels {
			if r.IntN(3) == 0 {
				w.Metadata.Labels[l] = ""
			}
		}
		w.Spec = model.WorkloadEndpointSpec{Node: "here", InterfaceName: fmt.Sprint("cali", i)}
		if i >= 4 {
			w.Spec.Node = "elsewhere"
		}
		if i%3 < 2 {
			w.Spec.IPNetworks = append(w.Spec.IPNetworks, model.Net{Prefix: netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 0, 0, byte(i)}), 32)})
		}
		if i%3 > 0 {
			w.Spec.IPNetworks = append(w.Spec.IPNetworks, model.Net{Prefix: netip.PrefixFrom(netip.AddrFrom16([16]byte{0xfd, 15: byte(i)}), 128)})
		}
		world = append(world, w)
	}
	n := model.New(model.KindGlobalNetworkSet).(*model.NetworkSet)
	n.Metadata = model.Metadata{Name: "n", Labels: map[string]string{labels[r.IntN(len(labels))]: ""}}
	n.Spec.Nets = []model.Net{{Prefix: netip.MustParsePrefix("10.0.1.0/32")}}
	if r.IntN(4) == 0 {
		n.Spec.Nets[0] = model.Net{Prefix: netip.MustParsePrefix("10.0.0.0/28")} // then its set is not one of addresses
	}
	world = append(world, n)
	rule := func(d model.Direction) model.Rule {
		actions := []model.Action{model.Allow, model.Allow, model.Allow, model.Deny, model.Deny, model.Deny, model.Pass, model.Log}
		x := model.Rule{Action: actions[r.IntN(len(actions))], Protocol: model.ProtocolNumber([]uint8{model.ProtoTCP, model.ProtoTCP, model.ProtoUDP}[r.IntN(3)])}
		for range 1 + r.IntN(2) {
			x.Destination.Ports = append(x.Destination.Ports, model.SinglePort(uint16(80+r.IntN(4))))
		}
		peer := &x.Source
		if d == model.Egress {
			peer = &x.Destination
		}
		peer.Selector = fmt.Sprintf("has(%s)", labels[r.IntN(len(labels))])
		switch r.IntN(10) {
		case 0, 1, 2:
			peer.NotSelector = fmt.Sprintf("has(%s)", labels[r.IntN(len(labels))])
		case 3, 4:
			peer.Selector += fmt.Sprintf(" && has(%s)", labels[r.IntN(len(labels))])
		case 5:
			peer.NamespaceSelector = "all()"
		case 6:
			x.Destination.Ports = nil
		case 7:
			peer.Nets = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/29")}
		}
		return x
	}
	for i := range 8 {
		q := model.New(model.KindGlobalNetworkPolicy).(*model.Policy)
		q.Metadata = model.Metadata{Name: fmt.Sprint("p", i)}
		order := float64(r.IntN(4))
		q.Spec = model.PolicySpec{Order: &order, Selector: fmt.Sprintf("w == '%d' || w == '%d'", r.IntN(4), r.IntN(6)), Types: []model.Direction{model.Ingress, model.Egress}}
		for range 1 + r.IntN(5) {
			q.Spec.Ingress = append(q.Spec.Ingress, rule(model.Ingress))
			q.Spec.Egress = append(q.Spec.Egress, rule(model.Egress))
		}
		world = append(world, q)
	}
	r.Shuffle(len(world), func(i, j int) { world[i], world[j] = world[j], world[i] })
	return world
}

// TestServicesSayWhatPolicySays asks the evaluator, for every peer and service in the maps of random programs, what policy
// says of that packet. What they leave out is for the lists, which TestBlocksEqualEvaluator is about.
func TestServicesSayWhatPolicySays(t *testing.T) {
	said := map[string]int{}
	for seed := range uint64(400) {
		p := compile.Compile(store.ViewOf(neighbourhood(seed)...), compile.Host{Node: "here"}, options)
		l := lower.Lower(p, lower.Options{Group: together()})
		if err := l.Validate(); err != nil {
			t.Fatal(err)
		}
		e := eval.NewEvaluator(p)
		for _, s := range servicesOf(l) {
			i := slices.IndexFunc(p.Endpoints, func(e *ir.Endpoint) bool { return e.Interface == s.iface })
			pr := model.Probe{
				Endpoint: p.Endpoints[i].Key, Direction: model.Ingress,
				Packet: model.Packet{Src: s.peer, Dst: anotherAddress(s.peer), Protocol: s.protocol, SrcPort: 1, DstPort: s.port},
			}
			if s.stage == "forward-from" {
				pr.Direction, pr.Packet.Src, pr.Packet.Dst = model.Egress, pr.Packet.Dst, pr.Packet.Src
			}
			want, err := e.Evaluate(pr)
			if err != nil {
				t.Fatal(err)
			}
			verdict := ruleset.Verdict{Kind: ruleset.Accept}
			if want.Decision == model.DecisionDeny {
				verdict.Kind = ruleset.Drop
			}
			if s.verdict != verdict || s.rule != want.Rule || len(want.Logged) > 0 {
				t.Fatalf("seed %d: %+v, policy says %+v\n%s", seed, s, want, ir.Text(p))
			}
			said[fmt.Sprintf("%s %s of IPv4 %v", s.stage, s.verdict, s.peer.Is4())]++
		}
	}
	for _, stage := range []string{"forward-from", "forward-to"} {
		for _, verdict := range []string{"accept", "drop"} {
			for _, v4 := range []bool{false, true} {
				if word := fmt.Sprintf("%s %s of IPv4 %v", stage, verdict, v4); said[word] < 100 {
					t.Errorf("%s is said %d times", word, said[word])
				}
			}
		}
	}
}

// anotherAddress is one of the same family that no rule is about.
func anotherAddress(a netip.Addr) netip.Addr {
	if a.Is4() {
		return netip.MustParseAddr("198.18.255.254")
	}
	return netip.MustParseAddr("2001:2::fffe")
}

// TestServicesNeedManyLists checks from how many lists on there are services, and that a list that many endpoints share is
// not among them.
func TestServicesNeedManyLists(t *testing.T) {
	world := func(lists, sharers int, ports string) []byte {
		var b strings.Builder
		b.WriteString("apiVersion: projectcalico.org/v3\nkind: GlobalNetworkSet\nmetadata: {name: a, labels: {a: \"\"}}\nspec: {nets: [10.1.0.1/32]}\n")
		for i := range lists {
			for k := range sharers {
				fmt.Fprintf(&b, "---\napiVersion: projectcalico.org/v3\nkind: WorkloadEndpoint\nmetadata: {name: n1-k8s-w%[1]d.%[2]d-eth0, namespace: prod, labels: {w: w%[1]d}}\n"+
					"spec: {node: n1, orchestrator: k8s, pod: w%[1]d.%[2]d, endpoint: eth0, interfaceName: cali%[1]d.%[2]d}\n", i, k)
			}
			fmt.Fprintf(&b, "---\napiVersion: projectcalico.org/v3\nkind: GlobalNetworkPolicy\nmetadata: {name: p%[1]d}\nspec: {selector: w == 'w%[1]d', ingress: [{action: Allow, protocol: TCP, source: {selector: has(a)}, destination: {ports: [%[2]s]}}]}\n", i, ports)
		}
		return []byte(b.String())
	}
	for _, c := range []struct {
		lists, sharers int
		ports          string
		want           int
	}{
		{63, 1, "80", 0}, {64, 1, "80", 64}, {64, 4, "80", 256}, {64, 5, "80", 0},
		{64, 2, "80, 81", 256}, {64, 3, "80, 81", 0}, {64, 1, "80, 81, 82, 83", 256},
	} {
		l := lower.Lower(compileYAML(t, world(c.lists, c.sharers, c.ports), goldenOptions(t, "")), lower.Options{Group: lower.Blocks})
		if got := len(servicesOf(l)); got != c.want {
			t.Errorf("%d lists of %d endpoints each with ports %s: %d services, want %d", c.lists, c.sharers, c.ports, got, c.want)
		}
	}
	l := lower.Lower(compileYAML(t, world(64, 1, "80"), goldenOptions(t, "")), lower.Options{Group: lower.Walk})
	if got := len(servicesOf(l)); got != 0 {
		t.Errorf("%d services of plain rules", got)
	}
}

// TestServicesAreBounded checks that a list that is not short is not looked up by service, and that too many peers or elements are
// not either.
func TestServicesAreBounded(t *testing.T) {
	services := func(rules, peers, lists int) int {
		var world []model.Resource
		for _, label := range []string{"a", "b"} { // rules ask for one and then the other, each has half the peers
			n := model.New(model.KindGlobalNetworkSet).(*model.NetworkSet)
			n.Metadata = model.Metadata{Name: label, Labels: map[string]string{label: ""}}
			for i := range peers {
				if (i%2 == 0) == (label == "a") {
					n.Spec.Nets = append(n.Spec.Nets, model.Net{Prefix: netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}), 32)})
				}
			}
			world = append(world, n)
		}
		for i := range lists {
			w := model.New(model.KindWorkloadEndpoint).(*model.WorkloadEndpoint)
			w.Metadata = model.Metadata{Name: fmt.Sprint("w", i), Namespace: "prod", Labels: map[string]string{"w": fmt.Sprint(i)}}
			w.Spec = model.WorkloadEndpointSpec{Node: "n1", InterfaceName: fmt.Sprint("cali", i)}
			q := model.New(model.KindGlobalNetworkPolicy).(*model.Policy)
			q.Metadata = model.Metadata{Name: fmt.Sprint("p", i)}
			q.Spec = model.PolicySpec{Selector: fmt.Sprintf("w == '%d'", i), Types: []model.Direction{model.Ingress}}
			for r := range rules {
				x := model.Rule{Action: model.Allow, Protocol: model.ProtocolNumber(model.ProtoTCP)}
				x.Source.Selector = []string{"has(a)", "has(b)"}[r%2]
				x.Destination.Ports = []model.Port{model.SinglePort(uint16(1000 + r))}
				q.Spec.Ingress = append(q.Spec.Ingress, x)
			}
			world = append(world, w, q)
		}
		p := compile.Compile(store.ViewOf(world...), compile.Host{Node: "n1"}, options)
		elements := 0
		for _, rules := range lower.Lower(p, lower.Options{Group: together()}).Services() {
			elements += len(rules)
		}
		return elements
	}
	for _, c := range []struct{ rules, peers, lists, want int }{
		{32, 2, 1, 32}, {33, 2, 1, 0},
		{2, 1 << 16, 1, 2}, {2, 1<<16 + 1, 1, 0},
		{32, 2, 2048, 1 << 16}, {32, 2, 2049, 0},
	} {
		if got := services(c.rules, c.peers, c.lists); got != c.want {
			t.Errorf("%d lists of %d rules, %d peers: %d services, want %d", c.lists, c.rules, c.peers, got, c.want)
		}
	}
}

// A set that nobody was in gets a network: what lists say behind the rule that asks for it is no longer looked up by service,
// although the peers are of the same classes as before.
func TestServicesOfSetThatWidens(t *testing.T) {
	const set = "apiVersion: projectcalico.org/v3\nkind: GlobalNetworkSet\nmetadata: {name: x, labels: {x: \"\"}}\nspec: {nets: [%s]}\n"
	rules := `{action: Deny, protocol: TCP, source: {namespaceSelector: global(), selector: has(x)}, destination: {ports: [80]}},
		{action: Allow, protocol: TCP, source: {namespaceSelector: global(), selector: has(b)}, destination: {ports: [80]}}`
	s, c := store.New(), compile.NewCompiler(goldenOptions(t, ""))
	var last *lower.Lowered
	for i, nets := range []string{"", "10.0.0.0/8", ""} {
		resources, diags := conf.Decode("world.yaml", []byte(fmt.Sprintf(neighbours, model.Ingress, "ingress", rules)+"---\n"+fmt.Sprintf(set, nets)))
		if diags.HasErrors() {
			t.Fatal(diags)
		}
		change, err := s.Apply(&model.Bundle{Source: "test", Resources: resources})
		if err != nil {
			t.Fatal(err)
		}
		last = lower.Lower(c.Compile(s.View(), change, compile.Host{Node: "n1"}), lower.Options{Group: together(), Previous: last})
		if got, want := len(servicesOf(last)), []int{2, 0, 2}[i]; got != want {
			t.Errorf("with [%s] in the set: %d services, want %d", nets, got, want)
		}
	}
}

// A global policy may exclude a set at the endpoint's own end and ask for none there.
func TestServicesOfOwnEnd(t *testing.T) {
	for d, rule := range map[model.Direction]string{
		model.Ingress: "{action: Deny, protocol: TCP, source: {selector: has(b)}, destination: {notSelector: has(w), ports: [80]}}",
		model.Egress:  "{action: Deny, protocol: TCP, source: {notSelector: has(w)}, destination: {selector: has(b), ports: [80]}}",
	} {
		world := strings.Replace(fmt.Sprintf(neighbours, d, strings.ToLower(string(d)), rule), "kind: NetworkPolicy\nmetadata: {name: p, namespace: prod}",
			"kind: GlobalNetworkPolicy\nmetadata: {name: p}", 1)
		if got := servicesOf(lower.Lower(compileYAML(t, []byte(world), goldenOptions(t, "")), lower.Options{Group: together()})); len(got) > 0 {
			t.Errorf("%s: %+v", d, got)
		}
	}
}
