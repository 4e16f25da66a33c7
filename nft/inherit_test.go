package nft_test

import (
	"testing"

	"rampart/engine/compile"
	"rampart/engine/ir"
	"rampart/model"
	"rampart/model/store"
	"rampart/nft"
	"rampart/nft/lower"
)

// policies is a program with a host endpoint on eth0 and a policy for egress of each name, in the order given.
func policies(names []string, rules ...[]model.Rule) *ir.Program {
	host := model.New(model.KindHostEndpoint).(*model.HostEndpoint)
	host.Metadata.Name, host.Spec = "h1", model.HostEndpointSpec{Node: "n1", InterfaceName: "eth0"}
	resources := []model.Resource{host}
	for i, name := range names {
		p := model.New(model.KindGlobalNetworkPolicy).(*model.Policy)
		order := float64(i)
		p.Metadata.Name, p.Spec.Selector, p.Spec.Order, p.Spec.Types = name, "all()", &order, []model.Direction{model.Egress}
		p.Spec.Egress = rules[i]
		resources = append(resources, p)
	}
	return compile.Compile(store.ViewOf(resources...), compile.Host{Node: "n1"}, options)
}

// What a rule has counted stays with it through a change of the rules around it and a restart, whether it is a rule of nftables
// or elements of a map, and is not put down to another that takes its place.
func TestCountersFollowTheirRulesThroughMaps(t *testing.T) {
	var many []model.Rule
	for port := range uint16(40) {
		many = append(many, udp([]model.Action{model.Allow, model.Deny}[port%2], 1000+port))
	}
	for name, group := range map[string]lower.GroupFunc{"rules": lower.Walk, "lookups": lower.Blocks, "eager": lower.BlocksWith(eager())} {
		t.Run(name, func(t *testing.T) {
			ns := guarded(t)
			b := backend(t, ns, nft.Config{Group: group})
			want := func(when string, want map[string]uint64) {
				t.Helper()
				all := counts(t, b)
				for rule, n := range want {
					if got := all["default/GlobalNetworkPolicy:"+rule]; got != n {
						t.Errorf("%s: %s has counted %d packets, want %d", when, rule, got, n)
					}
				}
			}
			apply(t, b, policies([]string{"a", "b"}, many[:20], many[20:]))
			send(t, ns, 3, 1000, 1001, 1020, 1021)
			want("at first", map[string]uint64{"a[0]": 3, "a[1]": 3, "a[2]": 0, "b[0]": 3, "b[1]": 3, "b[2]": 0})
			apply(t, b, policies([]string{"a", "b"}, many[:21], many[21:]))
			want("a rule of b is one of a", map[string]uint64{"a[0]": 3, "a[1]": 3, "a[20]": 0, "b[0]": 3, "b[1]": 0})
			send(t, ns, 2, 1000, 1020)
			want("more packets", map[string]uint64{"a[0]": 5, "a[1]": 3, "a[20]": 2, "b[0]": 3, "b[1]": 0})
			apply(t, b, policies([]string{"c", "b"}, many[:21], many[21:]))
			want("another policy in a's place", map[string]uint64{"c[0]": 0, "c[1]": 0, "c[20]": 0, "b[0]": 3, "b[1]": 0})
			send(t, ns, 4, 1000, 1021)
			if err := b.Close(); err != nil {
				t.Fatal(err)
			}
			b = backend(t, ns, nft.Config{Group: group})
			apply(t, b, policies([]string{"c", "b"}, many[:21], many[21:]))
			want("daemon restarted", map[string]uint64{"c[0]": 4, "c[1]": 0, "b[0]": 7, "b[1]": 0})
		})
	}
}
