package compile_test

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"testing"

	"rampart/engine/compile"
	"rampart/engine/ir"
	"rampart/model"
	"rampart/model/store"
)

// TestNetsIncrementally edits the nets of a network set at random, with repeated, nested, unmasked and reordered ones, and
// compares what is compiled at each step with compiling it afresh.
func TestNetsIncrementally(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	draw := func() model.Net {
		a := netip.AddrFrom4([4]byte{10, 0, byte(rng.IntN(3)), byte(rng.IntN(16) * 16)})
		if rng.IntN(8) == 0 {
			return model.Net{Prefix: netip.MustParsePrefix(fmt.Sprintf("2001:db8::%x/%d", rng.IntN(4), []int{32, 127, 128}[rng.IntN(3)]))}
		}
		return model.Net{Prefix: netip.PrefixFrom(a, []int{0, 8, 23, 24, 28, 32}[rng.IntN(6)])}
	}
	host := model.New(model.KindHostEndpoint).(*model.HostEndpoint)
	host.Metadata.Name, host.Spec = "h", model.HostEndpointSpec{Node: "n", InterfaceName: "eth0"}
	policy := model.New(model.KindGlobalNetworkPolicy).(*model.Policy)
	policy.Metadata.Name = "p"
	policy.Spec = model.PolicySpec{Ingress: []model.Rule{{Action: model.Deny, Source: model.EntityRule{Selector: "list == 'bad'"}}}}
	other := model.New(model.KindGlobalNetworkSet).(*model.NetworkSet)
	other.Metadata = model.Metadata{Name: "other", Labels: map[string]string{"list": "bad"}}
	other.Spec.Nets = []model.Net{{Prefix: netip.MustParsePrefix("10.0.0.0/24")}}

	s, c := store.New(), compile.NewCompiler(ir.Options{})
	var nets []model.Net
	for step := range 400 {
		switch n := rng.IntN(8); {
		case n < 3:
			at := rng.IntN(len(nets) + 1)
			nets = append(nets[:at:at], append([]model.Net{draw()}, nets[at:]...)...)
		case n < 5 && len(nets) > 0:
			at := rng.IntN(len(nets))
			nets = append(nets[:at:at], nets[at+1:]...)
		case n < 6 && len(nets) > 0:
			nets = append([]model.Net(nil), nets...)
			nets[rng.IntN(len(nets))] = draw()
		case n < 7:
			nets = append([]model.Net(nil), nets...)
			rng.Shuffle(len(nets), func(i, j int) { nets[i], nets[j] = nets[j], nets[i] })
		}
		set := model.New(model.KindGlobalNetworkSet).(*model.NetworkSet)
		set.Metadata = model.Metadata{Name: "set", Labels: map[string]string{"list": []string{"bad", "bad", "bad", "good"}[rng.IntN(4)]}}
		set.Spec.Nets = nets
		change, err := s.Apply(&model.Bundle{Source: "test", Resources: []model.Resource{host, policy, other, set}})
		if err != nil {
			t.Fatal(err)
		}
		at := compile.Host{Node: "n"}
		got, want := ir.Text(c.Compile(s.View(), change, at)), ir.Text(compile.Compile(s.View(), at, ir.Options{}))
		if got != want {
			t.Fatalf("step %d, nets %v: compiled incrementally\n%s\nafresh\n%s", step, nets, got, want)
		}
	}
}
