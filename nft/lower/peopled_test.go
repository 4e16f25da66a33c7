package lower_test

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"rampart/engine/compile"
	"rampart/model"
	"rampart/model/store"
	"rampart/nft/lower"
)

// ofVersion leaves the addresses of one IP version to endpoints and network sets.
func ofVersion(world []model.Resource, version int) []model.Resource {
	other := func(a netip.Addr) bool { return a.Is4() != (version == 4) }
	nets := func(list []model.Net) []model.Net {
		return slices.DeleteFunc(slices.Clone(list), func(n model.Net) bool { return other(n.Addr()) })
	}
	world = slices.Clone(world)
	for i, r := range world {
		switch r := r.(type) {
		case *model.WorkloadEndpoint:
			with := *r
			with.Spec.IPNetworks = nets(r.Spec.IPNetworks)
			world[i] = &with
		case *model.HostEndpoint:
			with := *r
			with.Spec.ExpectedIPs = slices.DeleteFunc(slices.Clone(r.Spec.ExpectedIPs), other)
			world[i] = &with
		case *model.NetworkSet:
			with := *r
			with.Spec.Nets = nets(r.Spec.Nets)
			world[i] = &with
		}
	}
	return world
}

// TestOneVersionOnly: where nobody has an IPv6 address there are no sets of them.
func TestOneVersionOnly(t *testing.T) {
	for version, word := range map[int]string{4: "addrs6-", 6: "addrs4-"} {
		world := ofVersion(crowd(5), 4)
		if version == 6 {
			for i, r := range world {
				if w, ok := r.(*model.WorkloadEndpoint); ok {
					with := *w
					with.Spec.IPNetworks = []model.Net{{Prefix: netip.MustParsePrefix("fd00::1/128")}}
					world[i] = &with
				}
			}
		}
		p := compile.Compile(store.ViewOf(world...), compile.Host{Node: "n1"}, options)
		for name, group := range map[string]lower.GroupFunc{"walk": lower.Walk, "blocks": lower.Blocks} {
			if text := lower.Lower(p, lower.Options{Group: group}).Text(); strings.Contains(text, word) || !strings.Contains(text, "addrs") {
				t.Errorf("%s, addresses of IPv%d only:\n%s", name, version, text)
			}
		}
	}
}
