package lower_test

import (
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"rampart/engine/compile"
	"rampart/engine/eval"
	"rampart/engine/ir"
	"rampart/model"
	"rampart/model/store"
	"rampart/nft/lower"
	"rampart/nft/ruleset"
)

// manyNets are n single addresses, networks around some of them and beside them, and one that repeats.
func manyNets(n int) []model.Net {
	var list []model.Net
	for i := range n {
		a := netip.AddrFrom4([4]byte{20, byte(i >> 8), byte(i), 1})
		list = append(list, model.Net{Prefix: netip.PrefixFrom(a, 32)})
	}
	for _, s := range []string{"20.0.0.0/24", "20.0.1.0/24", "20.0.0.0/23", "30.0.0.0/8", "30.1.0.0/16", "20.0.0.1/32", "2001:db8::/32"} {
		list = append(list, model.Net{Prefix: netip.MustParsePrefix(s)})
	}
	return list
}

func manyNetsProgram(n int, rules ...model.Rule) *ir.Program {
	return netsProgram(manyNets(n), rules...)
}

func netsProgram(nets []model.Net, rules ...model.Rule) *ir.Program {
	set := model.New(model.KindGlobalNetworkSet).(*model.NetworkSet)
	set.Metadata.Name, set.Metadata.Labels = "bad", map[string]string{"bad": "yes"}
	set.Spec.Nets = nets
	host := model.New(model.KindHostEndpoint).(*model.HostEndpoint)
	host.Metadata.Name, host.Spec = "h1", model.HostEndpointSpec{Node: "n1", InterfaceName: "eth0"}
	p := model.New(model.KindGlobalNetworkPolicy).(*model.Policy)
	p.Metadata.Name, p.Spec.Selector = "p", "all()"
	p.Spec.Ingress = rules
	return compile.Compile(store.ViewOf(set, host, p), compile.Host{Node: "n1"}, options)
}

// TestManyPrefixes looks up sources in a list that is made in two parts: addresses and networks, also where a rule says
// "not in the list", and where it logs, which it must do once.
func TestManyPrefixes(t *testing.T) {
	bad := model.EntityRule{Selector: "bad == 'yes'"}
	for name, rules := range map[string][]model.Rule{
		"in":     {{Action: model.Deny, Source: bad}, {Action: model.Allow}},
		"not in": {{Action: model.Allow, Source: model.EntityRule{NotSelector: "bad == 'yes'"}}},
		"log":    {{Action: model.Log, Source: bad}, {Action: model.Allow}},
	} {
		for _, n := range []int{100, 5000} {
			p := manyNetsProgram(n, rules...)
			for word, group := range map[string]lower.GroupFunc{"walk": lower.Walk, "blocks": lower.Blocks} {
				l := lower.Lower(p, lower.Options{Group: group})
				if err := l.Validate(); err != nil {
					t.Fatal(err)
				}
				if parts := strings.Count(l.Text(), "\tset addrs4-bad"); word == "walk" && n > 4096 && parts != 1 {
					t.Errorf("%s, %d prefixes: %d sets of addresses", name, n, parts)
				}
				m, e := ruleset.NewMachine(l.Ruleset), eval.NewEvaluator(p)
				for _, src := range []string{"20.0.9.1", "20.0.9.2", "20.0.0.1", "20.0.1.77", "30.1.2.3", "31.0.0.1", "20.1.0.1", "20.19.135.1", "20.19.136.1"} {
					pr := model.Probe{
						Endpoint: model.Key{Kind: model.KindHostEndpoint, Name: "h1"}, Direction: model.Ingress,
						Packet: model.Packet{Src: netip.MustParseAddr(src), Dst: netip.MustParseAddr("10.0.0.1"), Protocol: model.ProtoTCP, SrcPort: 40000, DstPort: 8080},
					}
					want, err := e.Evaluate(pr)
					if err != nil {
						t.Fatal(err)
					}
					if err := compare(l, m, "eth0", pr, want); err != nil {
						t.Errorf("%s, %d prefixes, from %s: %v", name, n, src, err)
					}
				}
			}
		}
	}
}

// TestManyPrefixesGrow crosses the size from which on there are two parts, with the memory of the lowering before.
func TestManyPrefixesGrow(t *testing.T) {
	var previous *lower.Lowered
	rule := model.Rule{Action: model.Deny, Source: model.EntityRule{Selector: "bad == 'yes'"}}
	for _, n := range []int{4000, 5000, 5001, 4000} {
		p := manyNetsProgram(n, rule)
		previous = lower.Lower(p, lower.Options{Previous: previous})
		previous.Sort()
		if got, want := previous.Text(), lower.Lower(p, lower.Options{}).Text(); got != want {
			t.Errorf("%d prefixes: the table made with memory is another one", n)
		}
	}
}

// TestManyPrefixesEdited lowers lists that differ in a few members, with the memory of the list before.
func TestManyPrefixesEdited(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	rule := model.Rule{Action: model.Deny, Source: model.EntityRule{Selector: "bad == 'yes'"}}
	pool := manyNets(5000)
	for _, s := range []string{"2001:db8::1/128", "2001:db8::2/128", "40.0.0.1/32", "40.0.0.0/31", "40.0.0.0/30", "0.0.0.0/0", "255.255.255.255/32"} {
		pool = append(pool, model.Net{Prefix: netip.MustParsePrefix(s)})
	}
	for _, n := range []int{10, 4096, len(pool)} {
		list := pool[len(pool)-n:]
		var previous *lower.Lowered
		for step := range 12 {
			next := slices.Clone(list)
			for range rng.IntN(4) {
				// Mostly from the end, where networks and addresses of both families are.
				at := max(0, len(next)-1-rng.IntN(20))
				next = slices.Delete(next, at, at+1)
			}
			if step == 8 {
				next = slices.DeleteFunc(next, func(n model.Net) bool { return !n.IsSingleIP() })
			}
			p := netsProgram(next, rule)
			previous = lower.Lower(p, lower.Options{Previous: previous})
			sorted := *previous
			fresh := lower.Lower(p, lower.Options{})
			sorted.Ruleset = &ruleset.Ruleset{Table: previous.Table, Sets: slices.Clone(previous.Sets), Chains: slices.Clone(previous.Chains)}
			sorted.Sort()
			if got, want := sorted.Text(), fresh.Text(); got != want {
				t.Fatalf("%d prefixes, step %d: the table made with memory is another one:\n%s", n, step, cmp.Diff(want, got))
			}
		}
	}
}
