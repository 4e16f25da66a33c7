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

func TestLayers(t *testing.T) {
	policies := []model.Resource{
		global("plain", "", both), global("fwd", "", both, applyOnForward), global("fwd-in", "", applyOnForward),
		global("dnat", "", preDNAT), global("raw", "", both, doNotTrack),
		policyOf(model.KindNetworkPolicy, "prod/np", "", both),
	}
	p := compiled(append(policies,
		workload("w", "10.0.0.1", ""), hostEndpoint("eth0", "eth0", "", ""), hostEndpoint("any", "*", "", ""))...)
	for _, c := range []struct {
		endpoint        string
		layer           model.Layer
		ingress, egress string
	}{
		{"w", model.LayerNormal, "default: fwd-in fwd np plain then Deny", "default: fwd np plain then Deny"},
		{"w", model.LayerForward, "none", "none"},
		{"w", model.LayerPreDNAT, "none", "none"},
		{"w", model.LayerUntracked, "none", "none"},
		{"eth0", model.LayerNormal, "default: fwd-in fwd plain then Deny", "default: fwd plain then Deny"},
		{"eth0", model.LayerForward, "default: fwd-in fwd then Deny", "default: fwd then Deny"},
		{"eth0", model.LayerPreDNAT, "default: dnat then Pass", "none"},
		{"eth0", model.LayerUntracked, "default: raw then Pass", "default: raw then Pass"},
		{"any", model.LayerNormal, "default: fwd-in fwd plain then Deny", "default: fwd plain then Deny"},
		{"any", model.LayerPreDNAT, "default: dnat then Pass", "none"},
		{"any", model.LayerUntracked, "none", "none"},
	} {
		if got := listed(groupOf(t, p, c.endpoint, model.Ingress, c.layer)); got != c.ingress {
			t.Errorf("ingress of %s in layer %s: %s, want %s", c.endpoint, c.layer, got, c.ingress)
		}
		if got := listed(groupOf(t, p, c.endpoint, model.Egress, c.layer)); got != c.egress {
			t.Errorf("egress of %s in layer %s: %s, want %s", c.endpoint, c.layer, got, c.egress)
		}
	}
	if n := len(p.Groups); n != 9 {
		t.Errorf("%d groups, want 9: eth0 and any share theirs", n)
	}
}

func TestHostEndpointInterfaces(t *testing.T) {
	host := compile.Host{Node: "n1", Interfaces: []compile.Interface{
		{Name: "eth0", Addrs: []netip.Addr{netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("fe80::1%eth0")}},
		{Name: "eth1", Addrs: []netip.Addr{netip.MustParseAddr("192.0.2.2"), netip.MustParseAddr("192.0.2.3")}},
	}}
	elsewhere := hostEndpoint("elsewhere", "eth9", "", "")
	elsewhere.Spec.Node = "N1" // node names are compared with their case
	for _, c := range []struct {
		name      string
		endpoints []model.Resource
		want      string
	}{
		{"by name, whether or not it exists", []model.Resource{hostEndpoint("h", "eth7", "192.0.2.1", "")}, "h@eth7"},
		{"by address", []model.Resource{hostEndpoint("h", "", "192.0.2.2 198.51.100.1", "")}, "h@eth1"},
		{"by a link-local address", []model.Resource{hostEndpoint("h", "", "fe80::1", "")}, "h@eth0"},
		{"by addresses of two interfaces", []model.Resource{hostEndpoint("h", "", "192.0.2.1 192.0.2.2", "")}, "h@eth0 h@eth1"},
		{"by an address nobody has", []model.Resource{hostEndpoint("h", "", "198.51.100.1", "")}, "h@"},
		{"the first by name wins an interface", []model.Resource{
			hostEndpoint("b", "eth0", "", ""), hostEndpoint("a", "", "192.0.2.1", ""), hostEndpoint("c", "eth0", "", ""),
		}, "a@eth0 b@ c@"},
		{"the first by name wins all interfaces", []model.Resource{hostEndpoint("b", "*", "", ""), hostEndpoint("a", "*", "", "")}, "a@* b@"},
		{"another node", []model.Resource{elsewhere}, ""},
		{"of two workloads the first by key, before any host endpoint", []model.Resource{
			workload("b", "", "", onInterface("eth0")), workload("c", "", "", onInterface("eth0")), hostEndpoint("a", "", "192.0.2.1", ""),
		}, "a@ b@eth0 c@"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := compile.Compile(store.ViewOf(c.endpoints...), host, ir.Options{})
			var got []string
			for _, e := range p.Endpoints {
				got = append(got, e.Key.Name+"@"+e.Interface)
			}
			if s := strings.Join(got, " "); s != c.want {
				t.Errorf("got %q, want %q", s, c.want)
			}
		})
	}
}

func onInterface(name string) func(*model.WorkloadEndpoint) {
	return func(w *model.WorkloadEndpoint) { w.Spec.InterfaceName = name }
}

func TestWorkloadAddresses(t *testing.T) {
	w := workload("w", "10.0.0.2 10.0.0.1 fd00::1", "")
	w.Spec.AllowSpoofedSourcePrefixes = []model.Net{{Prefix: netip.MustParsePrefix("192.0.2.9/24")}}
	p := compiled(w, workload("other", "10.0.0.3", "", onNode("N1")))
	if len(p.Endpoints) != 1 {
		t.Fatalf("endpoints of node n1:\n%s", ir.Text(p))
	}
	e := p.Endpoints[0]
	if !e.Workload || e.Interface != "cali-w" || len(e.Addrs) != 3 || e.Addrs[0].String() != "10.0.0.1/32" || e.Addrs[2].String() != "fd00::1/128" {
		t.Errorf("endpoint %+v", e)
	}
	if len(e.SpoofAllowed) != 1 || e.SpoofAllowed[0].String() != "192.0.2.0/24" {
		t.Errorf("allowed sources %v", e.SpoofAllowed)
	}
}

func TestProfiles(t *testing.T) {
	allow := model.Rule{Action: model.Allow}
	p := compiled(
		profileOf("web", "", allow), profileOf("unused", "", allow),
		workload("w", "10.0.0.1", "", withProfiles("web", "gone", "web", model.ProfileAllowAll)),
		workload("bare", "10.0.0.2", ""),
	)
	if got, want := listed(groupOf(t, p, "w", model.Egress, model.LayerNormal)), "profile web; profile gone?; profile "+model.ProfileAllowAll; got != want {
		t.Errorf("profiles %s, want %s", got, want)
	}
	if got := listed(groupOf(t, p, "bare", model.Ingress, model.LayerNormal)); got != "" {
		t.Errorf("an endpoint without policies and profiles has the group %q, want an empty one", got)
	}
	if p.Profile("unused") != nil {
		t.Error("a profile nobody names is in the program")
	}
	builtin := p.Profile(model.ProfileAllowAll)
	if builtin == nil || builtin.Missing || len(builtin.Ingress) != 1 || len(builtin.Egress) != 1 || builtin.Egress[0].Action != model.Allow {
		t.Errorf("the built-in profile: %+v", builtin)
	}
	if gone := p.Profile("gone"); !gone.Missing || len(gone.Ingress)+len(gone.Egress) != 0 {
		t.Errorf("a missing profile: %+v", gone)
	}
}

func TestEqualListsShareGroups(t *testing.T) {
	p := compiled(
		global("a", "app == 'x'", both), global("b", "app == 'x'"),
		workload("w1", "10.0.0.1", "app=x"), workload("w2", "10.0.0.2", "app=x z=1"), workload("w3", "10.0.0.3", "app=y"),
	)
	one, two, three := p.Endpoints[0], p.Endpoints[1], p.Endpoints[2]
	if one.Ingress != two.Ingress || one.Egress != two.Egress {
		t.Error("endpoints with the same policies have groups of their own")
	}
	if one.Ingress == three.Ingress || len(p.Groups) != 4 {
		t.Errorf("%d groups, want 4:\n%s", len(p.Groups), ir.Text(p))
	}
}
