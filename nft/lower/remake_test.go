package lower_test

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"rampart/engine/compile"
	"rampart/model"
	"rampart/model/store"
	"rampart/nft/lower"
)

// roles are what workloads of other nodes are labelled with.
const roles = 20

// peers is a host whose policy asks for the roles of workloads elsewhere, in rules that become look-ups of sets, maps of
// their members and, for many named ports, sets of the members of several.
func peers() []model.Resource {
	host := model.New(model.KindHostEndpoint).(*model.HostEndpoint)
	host.Metadata.Name, host.Spec = "h", model.HostEndpointSpec{Node: "n1", InterfaceName: "eth0"}
	p := model.New(model.KindGlobalNetworkPolicy).(*model.Policy)
	p.Metadata.Name, p.Spec.Selector = "p", "all()"
	var names []model.Port
	for i := range 9 {
		names = append(names, model.Port{Name: fmt.Sprintf("port-%d", i)})
	}
	for i := range 40 {
		r := model.Rule{Action: model.Allow, Protocol: model.ProtocolNumber(model.ProtoTCP)}
		r.Source.Selector = fmt.Sprintf("role == 'r%d'", i%roles)
		switch {
		case i == 20:
			r.Destination.Ports = names
		case i%6 == 3: // looked up in a set, in the chains of those who have the role
			r.Destination.Selector = fmt.Sprintf("role == 'r%d'", (i+7)%roles)
		case i%2 == 0:
			r.Destination.Ports = []model.Port{{Min: uint16(i), Max: uint16(i)}}
		}
		if i%7 == 0 {
			r.Action = model.Deny
		}
		p.Spec.Ingress = append(p.Spec.Ingress, r)
	}
	return []model.Resource{host, p}
}

// peer is a workload of another node.
func peer(i, role int) *model.WorkloadEndpoint {
	e := model.New(model.KindWorkloadEndpoint).(*model.WorkloadEndpoint)
	e.Metadata = model.Metadata{Name: fmt.Sprintf("w%d", i), Namespace: "prod", Labels: map[string]string{"role": fmt.Sprintf("r%d", role)}}
	e.Spec = model.WorkloadEndpointSpec{Node: "n2", InterfaceName: fmt.Sprintf("cali%d", i), IPNetworks: []model.Net{
		{Prefix: netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 0, 0, byte(i)}), 32)},
		{Prefix: netip.PrefixFrom(netip.AddrFrom16([16]byte{0x20, 1, 0xd, 0xb8, 15: byte(i)}), 128)},
	}}
	e.Spec.Ports = []model.EndpointPort{{Name: fmt.Sprintf("port-%d", role), Protocol: model.ProtocolNumber(model.ProtoTCP), Port: 1000 + 100*role + i}}
	return e
}

// TestMembersAloneEqualFresh changes labels of workloads elsewhere, which changes nothing but members of sets, and compares
// what is made of the last table with a table made anew. Where members went into maps, the maps must follow.
func TestMembersAloneEqualFresh(t *testing.T) {
	for name, group := range map[string]lower.GroupFunc{"walk": lower.Walk, "blocks": lower.Blocks, "eager blocks": lower.BlocksWith(eager())} {
		t.Run(name, func(t *testing.T) {
			membersAlone(t, group, 60)
			membersAlone(t, group, 10) // roles come and go
		})
	}
}

func membersAlone(t *testing.T, group lower.GroupFunc, workloads int) {
	rng := rand.New(rand.NewPCG(1, 2))
	s, c := store.New(), compile.NewCompiler(options)
	list := peers()
	first := len(list)
	for i := range workloads {
		list = append(list, peer(i, rng.IntN(roles)))
	}
	var previous *lower.Lowered
	for step := range 30 {
		change, err := s.Apply(&model.Bundle{Source: "test", Resources: list})
		if err != nil {
			t.Fatal(err)
		}
		p := c.Compile(s.View(), change, compile.Host{Node: "n1"})
		fresh := lower.Lower(p, lower.Options{Group: group})
		reused := lower.Lower(p, lower.Options{Group: group, Previous: previous})
		previous = reused
		reused.Sort()
		if d := cmp.Diff(noteless(fresh.Text()), noteless(reused.Text())); d != "" {
			t.Fatalf("%d workloads, step %d: fresh (-), with memory (+):\n%s", workloads, step, d)
		}
		list = slices.Clone(list)
		i := rng.IntN(workloads)
		list[first+i] = peer(i, rng.IntN(roles))
	}
}
