package compile_test

import (
	"net/netip"
	"strings"
	"testing"

	"rampart/engine/compile"
	"rampart/engine/ir"
	"rampart/model"
	"rampart/model/store"
)

func from(e model.EntityRule) model.Rule { return model.Rule{Action: model.Allow, Source: e} }
func to(e model.EntityRule) model.Rule   { return model.Rule{Action: model.Allow, Destination: e} }

func nets(list ...string) []netip.Prefix {
	var out []netip.Prefix
	for _, s := range list {
		out = append(out, netip.MustParsePrefix(s))
	}
	return out
}

// peersOf are the members of the sets one rule's source must be in, and those it must not be in.
func peersOf(t *testing.T, p *ir.Program, policy string) string {
	t.Helper()
	for _, q := range p.Policies {
		if q.Key.Name != policy {
			continue
		}
		var out []string
		src := &q.Ingress[0].Match.Src
		for i, ids := range [][]ir.SetID{src.Sets, src.NotSets} {
			for _, id := range ids {
				s := [2]string{"in", "not in"}[i]
				for n := range p.Set(id).Nets.All() {
					s += " " + strings.TrimSuffix(n.String(), "/32")
				}
				out = append(out, s)
			}
		}
		return strings.Join(out, "; ")
	}
	t.Fatalf("policy %s is not in the program:\n%s", policy, ir.Text(p))
	return ""
}

func TestSelectorMembers(t *testing.T) {
	namespace := model.New(model.KindNamespace)
	namespace.Meta().Name, namespace.Meta().Labels = "test", labels("env=dev")
	account := model.New(model.KindServiceAccount)
	account.Meta().Namespace, account.Meta().Name, account.Meta().Labels = "test", "robot", labels("kind=bot")
	prodSet := model.New(model.KindNetworkSet).(*model.NetworkSet)
	prodSet.Metadata = model.Metadata{Namespace: "prod", Name: "office", Labels: labels("role=client")}
	prodSet.Spec.Nets = []model.Net{{Prefix: netip.MustParsePrefix("10.2.0.9/16")}}
	world := []model.Resource{
		namespace, account, prodSet,
		profileOf("marked", "mark=yes role=client"),
		workload("db", "10.0.0.1", "role=db"),
		workload("client", "10.0.0.2", "role=client"),
		workload("far", "10.0.0.3", "role=client", onNode("n2")),
		workload("tester", "10.0.0.4", "role=client", inNamespace("test"), func(w *model.WorkloadEndpoint) { w.Spec.ServiceAccountName = "robot" }),
		workload("faker", "10.0.0.5", "pcns.env=dev", withProfiles("marked")),
		workload("twin", "10.0.0.2", "role=other"),
		hostEndpoint("gw", "eth0", "10.0.0.6", "role=client"),
		hostEndpoint("bare", "eth1", "", "role=client"),
		globalSet("lan", "role=client", "10.1.0.0/16", "10.1.2.0/24", "10.0.0.2"),
	}
	np := func(e model.EntityRule) *model.Policy {
		return policyOf(model.KindNetworkPolicy, "prod/p", "role == 'db'", ingress(from(e)))
	}
	gnp := func(e model.EntityRule) *model.Policy { return global("p", "role == 'db'", ingress(from(e))) }
	for _, c := range []struct {
		name   string
		policy *model.Policy
		want   string
	}{
		{"no selector is anyone", np(model.EntityRule{}), ""},
		{"in a namespace: its endpoints and sets, of every node, with inherited labels",
			np(model.EntityRule{Selector: "role == 'client'"}), "in 10.0.0.2 10.0.0.3 10.0.0.5 10.2.0.0/16"},
		{"globally: everything known, a host endpoint by its expected addresses only",
			gnp(model.EntityRule{Selector: "role == 'client'"}), "in 10.0.0.2 10.0.0.3 10.0.0.4 10.0.0.5 10.0.0.6 10.1.0.0/16 10.1.2.0/24 10.2.0.0/16"},
		{"a label of a profile", gnp(model.EntityRule{Selector: "mark == 'yes'"}), "in 10.0.0.5"},
		{"a workload's own label cannot name a namespace", gnp(model.EntityRule{NamespaceSelector: "env == 'dev'"}), "in 10.0.0.4"},
		{"a label of the service account",
			gnp(model.EntityRule{ServiceAccounts: &model.ServiceAccountMatch{Selector: "kind == 'bot'"}}), "in 10.0.0.4"},
		{"a service account by name, of the policy's namespace",
			np(model.EntityRule{ServiceAccounts: &model.ServiceAccountMatch{Names: []string{"robot"}}}), "in"},
		{"all namespaces", np(model.EntityRule{NamespaceSelector: "all()", Selector: "role == 'client'"}), "in 10.0.0.2 10.0.0.3 10.0.0.4 10.0.0.5 10.2.0.0/16"},
		{"no namespace", np(model.EntityRule{NamespaceSelector: "global()"}), "in 10.0.0.2 10.0.0.6 10.1.0.0/16 10.1.2.0/24"},
		{"a negated selector in a global policy alone", gnp(model.EntityRule{NotSelector: "role != 'db'"}),
			"not in 10.0.0.2 10.0.0.3 10.0.0.4 10.0.0.5 10.0.0.6 10.1.0.0/16 10.1.2.0/24 10.2.0.0/16"},
		{"a negated selector in a namespace", np(model.EntityRule{NotSelector: "role == 'client'"}),
			"in 10.0.0.1 10.0.0.2 10.0.0.3 10.0.0.5 10.2.0.0/16; not in 10.0.0.2 10.0.0.3 10.0.0.4 10.0.0.5 10.0.0.6 10.1.0.0/16 10.1.2.0/24 10.2.0.0/16"},
		{"nobody", gnp(model.EntityRule{Selector: "role == 'ghost'", NotSelector: "role == 'ghost'"}), "in; not in"},
		{"Services are not known", gnp(model.EntityRule{Services: &model.ServiceMatch{Name: "web", Namespace: "prod"}}), "in"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := compiled(append([]model.Resource{c.policy}, world...)...)
			if got := peersOf(t, p, "p"); got != c.want {
				t.Errorf("\n got %s\nwant %s", got, c.want)
			}
		})
	}
}

func TestNamedPorts(t *testing.T) {
	world := []model.Resource{
		workload("a", "10.0.0.1 fd00::1", "role=web", withPort("http", tcp, 80), withPort("http", tcp, 8080), withPort("http", udp, 443)),
		workload("b", "10.0.0.2", "role=db", withPort("http", tcp, 81), onNode("n2")),
		workload("c", "10.0.0.3", "role=db", withPort("ping", model.Protocol{Name: "ICMP", Number: 1}, 1)),
		globalSet("net", "role=web", "10.0.0.2"),
	}
	host := hostEndpoint("h", "eth0", "10.0.0.9", "role=web")
	host.Spec.Ports = []model.EndpointPort{{Name: "http", Protocol: model.ProtocolNumber(132), Port: 9}}
	world = append(world, host)
	port := func(names ...string) []model.Port {
		var out []model.Port
		for _, n := range names {
			p, err := model.ParsePort(n)
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, p)
		}
		return out
	}
	for _, c := range []struct {
		name string
		rule model.Rule
		want string
	}{
		{"with a protocol", model.Rule{Action: model.Allow, Protocol: tcp, Destination: model.EntityRule{Ports: port("http")}},
			"Allow protocol tcp to port http/tcp: 10.0.0.1:80/tcp 10.0.0.1:8080/tcp 10.0.0.2:81/tcp [fd00::1]:80/tcp [fd00::1]:8080/tcp"},
		{"with a protocol by number", model.Rule{Action: model.Allow, Protocol: model.ProtocolNumber(17), Destination: model.EntityRule{Ports: port("http")}},
			"Allow protocol udp to port http/udp: 10.0.0.1:443/udp [fd00::1]:443/udp"},
		{"without protocol: TCP, UDP or SCTP", to(model.EntityRule{Ports: port("http")}),
			"Allow to port http: 10.0.0.1:80/tcp 10.0.0.1:8080/tcp 10.0.0.1:443/udp 10.0.0.2:81/tcp 10.0.0.9:9/sctp [fd00::1]:80/tcp [fd00::1]:8080/tcp [fd00::1]:443/udp"},
		{"of the endpoints selected, a net that covers one does not count",
			model.Rule{Action: model.Allow, Protocol: tcp, Source: model.EntityRule{Selector: "role == 'web'", Ports: port("http")}},
			`Allow protocol tcp from port http/tcp{role == "web"}: 10.0.0.1:80/tcp 10.0.0.1:8080/tcp [fd00::1]:80/tcp [fd00::1]:8080/tcp`},
		{"beside a number the selector stays",
			model.Rule{Action: model.Allow, Protocol: tcp, Source: model.EntityRule{Selector: "role == 'db'", Ports: port("http", "53", "6000:6010")}},
			`Allow protocol tcp from {role == "db"} from port 53,6000-6010,http/tcp{role == "db"}: 10.0.0.2:81/tcp`},
		{"negated, of the endpoints selected",
			model.Rule{Action: model.Allow, Protocol: tcp, Source: model.EntityRule{Selector: "role == 'db'", NotPorts: port("http")}},
			`Allow protocol tcp from {role == "db"} from port not http/tcp{role == "db"}: 10.0.0.2:81/tcp`},
		{"of nobody", model.Rule{Action: model.Allow, Protocol: tcp, Source: model.EntityRule{Ports: port("ghost")}},
			"Allow protocol tcp from port ghost/tcp:"},
		{"ICMP has no ports", to(model.EntityRule{Ports: port("ping")}), "Allow to port ping:"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := compiled(append([]model.Resource{global("p", "", ingress(c.rule))}, world...)...)
			r := p.Policies[0].Ingress[0]
			got := p.RuleText(r)
			for _, s := range p.Sets {
				if s.Kind == ir.SetPorts {
					got += ":"
					for _, m := range s.Ports {
						got += " " + netip.AddrPortFrom(m.Addr, m.Port).String() + "/" + model.ProtocolLabel(m.Protocol)
					}
				}
			}
			if got != c.want {
				t.Errorf("\n got %s\nwant %s", got, c.want)
			}
		})
	}
}

func TestRuleMatches(t *testing.T) {
	number := func(n int) *int { return &n }
	icmp, icmp6 := model.Protocol{Name: "ICMP", Number: 1}, model.Protocol{Name: "ICMPv6", Number: 58}
	for _, c := range []struct {
		name string
		rule model.Rule
		want string
	}{
		{"anything", model.Rule{}, "Allow"},
		{"nets of IPv4", from(model.EntityRule{Nets: nets("10.0.0.0/8", "10.0.0.0/8", "9.0.0.0/8")}), "Allow ipv4 from 9.0.0.0/8,10.0.0.0/8"},
		{"negated nets of IPv6 only", to(model.EntityRule{NotNets: nets("fd00::/8")}), "Allow ipv6 to not fd00::/8"},
		{"ipVersion", model.Rule{IPVersion: 6}, "Allow ipv6"},
		{"ICMP by name is IPv4", model.Rule{Protocol: icmp}, "Allow ipv4 protocol icmp"},
		{"ICMPv6 by name is IPv6", model.Rule{Protocol: icmp6}, "Allow ipv6 protocol icmpv6"},
		{"ICMP by number is both", model.Rule{Protocol: model.ProtocolNumber(1)}, "Allow protocol icmp"},
		{"not ICMP is both", model.Rule{NotProtocol: icmp}, "Allow protocol not icmp"},
		{"ICMP type", model.Rule{Protocol: icmp, ICMP: &model.ICMP{Type: number(8)}}, "Allow ipv4 protocol icmp icmp type 8"},
		{"ICMP type and code 0", model.Rule{Protocol: icmp, NotICMP: &model.ICMP{Type: number(3), Code: number(0)}},
			"Allow ipv4 protocol icmp icmp not type 3 code 0"},
		{"an empty ICMP restricts nothing", model.Rule{Protocol: icmp, ICMP: &model.ICMP{}, NotICMP: &model.ICMP{}}, "Allow ipv4 protocol icmp"},
		{"two families", model.Rule{Source: model.EntityRule{Nets: nets("10.0.0.0/8")}, Destination: model.EntityRule{NotNets: nets("fd00::/8")}},
			"Allow from 10.0.0.0/8 from {!all()} to not fd00::/8"},
		{"ports", model.Rule{Protocol: udp, Destination: model.EntityRule{
			Ports: []model.Port{{Min: 80, Max: 90}, model.SinglePort(53)}, NotPorts: []model.Port{model.SinglePort(85)}}},
			"Allow protocol udp to port 53,80-90 to port not 85"},
		{"HTTP", model.Rule{HTTP: &model.HTTPMatch{Methods: []string{"GET"}, Paths: []model.HTTPPaths{{Exact: "/a"}, {Prefix: "/b"}}}},
			"Allow http GET path /a path /b/…"},
	} {
		c.rule.Action = model.Allow
		p := compiled(global("p", "", ingress(c.rule)), workload("w", "10.0.0.1", ""))
		if got := p.RuleText(p.Policies[0].Ingress[0]); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}

// TestOnlyNeededSets guards that a node holds the members of what its own endpoints' policies name, and no others.
func TestOnlyNeededSets(t *testing.T) {
	p := compiled(
		global("here", "app == 'x'", ingress(from(model.EntityRule{Selector: "role == 'a'"}))),
		global("there", "app == 'y'", ingress(from(model.EntityRule{Selector: "role == 'b'"}))),
		workload("w1", "10.0.0.1", "app=x role=b"), workload("w2", "10.0.0.2", "app=y role=a", onNode("n2")),
	)
	if len(p.Sets) != 1 || len(p.Policies) != 1 || p.Sets[0].Selector != `role == "a"` || p.Sets[0].Len() != 1 {
		t.Errorf("the program has more, or less, than node n1 needs:\n%s", ir.Text(p))
	}
}

// TestCompileLeavesResourcesAlone guards that resources are constants.
func TestCompileLeavesResourcesAlone(t *testing.T) {
	p := global("p", "", ingress(from(model.EntityRule{Nets: nets("10.0.0.0/8", "9.0.0.0/8")})))
	w := workload("w", "10.0.0.2 10.0.0.1", "")
	v := store.ViewOf(p, w)
	for range 2 {
		compile.Compile(v, compile.Host{Node: "n1"}, ir.Options{})
	}
	if p.Spec.Ingress[0].Source.Nets[0].String() != "10.0.0.0/8" || w.Spec.IPNetworks[0].String() != "10.0.0.2/32" {
		t.Error("compiling sorted the resource's own lists")
	}
}
