package lower_test

import (
	"maps"
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
	return compile.Compile(store.ViewOf(netsResources(nets, rules...)...), compile.Host{Node: "n1"}, options)
}

func netsResources(nets []model.Net, rules ...model.Rule) []model.Resource {
	set := model.New(model.KindGlobalNetworkSet).(*model.NetworkSet)
	set.Metadata.Name, set.Metadata.Labels = "bad", map[string]string{"bad": "yes"}
	set.Spec.Nets = nets
	host := model.New(model.KindHostEndpoint).(*model.HostEndpoint)
	host.Metadata.Name, host.Spec = "h1", model.HostEndpointSpec{Node: "n1", InterfaceName: "eth0"}
	p := model.New(model.KindGlobalNetworkPolicy).(*model.Policy)
	p.Metadata.Name, p.Spec.Selector = "p", "all()"
	p.Spec.Ingress = rules
	return []model.Resource{set, host, p}
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

// lengthsWorld is a list of prefixes that come and go length by length, few or a thousand at once.
type lengthsWorld struct {
	*rand.Rand
	have map[netip.Prefix]bool
}

func (w *lengthsWorld) change() {
	length := []int{0, 3, 9, 15, 16, 17, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32, 32}[w.IntN(20)]
	n := []int{1, 1, 2, 600, 3000}[w.IntN(5)]
	if w.IntN(2) == 0 {
		w.add(4+2*w.IntN(2), length, n)
		return
	}
	for _, p := range w.shuffled() {
		if n > 0 && (p.Bits() == length || w.IntN(10) == 0) {
			delete(w.have, p)
			n--
		}
	}
}

func (w *lengthsWorld) add(family, length, n int) {
	for range n {
		a := w.addr()
		p := netip.PrefixFrom(a, length)
		if b := a.As4(); family == 6 {
			p = netip.PrefixFrom(netip.AddrFrom16([16]byte{0x20, 1, 0xd, 0xb8, b[1], b[2], b[3], 7, 15: b[0]}), 4*length)
		}
		w.have[p.Masked()] = true
	}
}

// shuffled are the prefixes in an order that the seed decides.
func (w *lengthsWorld) shuffled() []netip.Prefix {
	list := slices.SortedFunc(maps.Keys(w.have), ir.ComparePrefixes)
	w.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	return list
}

func (w *lengthsWorld) addr() netip.Addr {
	return netip.AddrFrom4([4]byte{byte(w.IntN(2)) * 20, byte(w.IntN(256)), byte(w.IntN(256)), byte(w.IntN(256))})
}

// TestManyLengths makes long lists of prefixes of all lengths, which nest and touch, from the list before and anew, looks
// sources up in them, and replays the differences between the tables on what the kernel would hold.
func TestManyLengths(t *testing.T) {
	bad := model.EntityRule{Selector: "bad == 'yes'"}
	for name, rules := range map[string][]model.Rule{
		"in":     {{Action: model.Deny, Source: bad}, {Action: model.Allow}},
		"not in": {{Action: model.Allow, Source: model.EntityRule{NotSelector: "bad == 'yes'"}}},
		"twice":  {{Action: model.Log, Source: bad}, {Action: model.Deny, Source: bad, Destination: bad}, {Action: model.Allow}},
	} {
		t.Run(name, func(t *testing.T) {
			w := &lengthsWorld{rand.New(rand.NewPCG(7, uint64(len(name)))), map[netip.Prefix]bool{}}
			s, c := store.New(), compile.NewCompiler(options)
			var previous *lower.Lowered
			kernel := map[string]map[string]ruleset.Element{}
			for length := 20; length <= 32; length++ {
				w.add(4, length, 520)
			}
			most := 0
			for range 12 {
				w.change()
				var nets []model.Net
				for p := range w.have {
					nets = append(nets, model.Net{Prefix: p})
				}
				change, err := s.Apply(&model.Bundle{Source: "test", Resources: netsResources(nets, rules...)})
				if err != nil {
					t.Fatal(err)
				}
				p := c.Compile(s.View(), change, compile.Host{Node: "n1"})
				l, fresh := lower.Lower(p, lower.Options{Previous: previous}), lower.Lower(p, lower.Options{})
				if err := l.Validate(); err != nil {
					t.Fatal(err)
				}
				replay(t, kernel, previous, l)
				sorted := *l
				sorted.Ruleset = &ruleset.Ruleset{Table: l.Table, Sets: slices.Clone(l.Sets), Chains: slices.Clone(l.Chains)}
				sorted.Sort()
				if got, want := sorted.Text(), fresh.Text(); got != want {
					t.Fatalf("%d prefixes: the table made with memory is another one:\n%s", len(nets), cmp.Diff(want, got))
				}
				most = max(most, len(l.Sets))
				previous = l
				w.probe(t, p, l)
			}
			if want := map[string]int{"in": 13, "not in": 13, "twice": 2}[name]; most < want {
				t.Errorf("%d sets at most, which proves little", most)
			}
		})
	}
}

// probe sends packets from in and around the prefixes.
func (w *lengthsWorld) probe(t *testing.T, p *ir.Program, l *lower.Lowered) {
	t.Helper()
	m, e := ruleset.NewMachine(l.Ruleset), eval.NewEvaluator(p)
	sources := []netip.Addr{netip.MustParseAddr("255.255.255.255"), netip.MustParseAddr("2001:db8::1"), w.addr(), w.addr(), w.addr()}
	for _, n := range w.shuffled() {
		if last := ruleset.Spans(ruleset.SrcV4, []netip.Prefix{n}); len(last) == 1 {
			a, _ := netip.AddrFromSlice([]byte(last[0].End))
			sources = append(sources, a, a.Next())
		}
		if sources = append(sources, n.Addr(), n.Addr().Prev()); len(sources) > 40 {
			break
		}
	}
	for _, a := range sources {
		if !a.IsValid() {
			continue
		}
		to := sources[w.IntN(len(sources))]
		if !to.IsValid() || to.Is4() != a.Is4() {
			to = a
		}
		pr := model.Probe{
			Endpoint: model.Key{Kind: model.KindHostEndpoint, Name: "h1"}, Direction: model.Ingress,
			Packet: model.Packet{Src: a, Dst: to, Protocol: model.ProtoTCP, SrcPort: 40000, DstPort: 8080},
		}
		want, err := e.Evaluate(pr)
		if err != nil {
			t.Fatal(err)
		}
		if err := compare(l, m, "eth0", pr, want); err != nil {
			t.Fatalf("%d prefixes, from %s to %s: %v", len(w.have), a, to, err)
		}
	}
}

// replay changes what the kernel holds by the difference between two tables, and compares it with the new one.
func replay(t *testing.T, kernel map[string]map[string]ruleset.Element, old, new *lower.Lowered) {
	t.Helper()
	if old == nil {
		for _, s := range new.Sets {
			kernel[s.Name] = members(s)
		}
		return
	}
	d, ok := ruleset.Diff(old.Ruleset, new.Ruleset)
	if !ok {
		t.Fatal("no difference")
	}
	for _, s := range d.DelSets {
		delete(kernel, s.Name)
	}
	for _, s := range d.AddSets {
		kernel[s.Name] = members(s)
	}
	for _, x := range d.Elements {
		set := kernel[x.Set.Name]
		for _, e := range x.Del {
			if _, had := set[e.Key+e.End]; !had {
				t.Fatalf("set %s: an element goes that is not there", x.Set.Name)
			}
			delete(set, e.Key+e.End)
		}
		for _, e := range x.Add {
			if _, had := set[e.Key+e.End]; had {
				t.Fatalf("set %s: an element comes that is there", x.Set.Name)
			}
			set[e.Key+e.End] = e
		}
	}
	want := map[string]map[string]ruleset.Element{}
	for _, s := range new.Sets {
		want[s.Name] = members(s)
	}
	if diff := cmp.Diff(want, kernel); diff != "" {
		t.Fatalf("the kernel holds something else (-want +got):\n%s", diff)
	}
}

func members(s *ruleset.Set) map[string]ruleset.Element {
	m := map[string]ruleset.Element{}
	for e := range s.All() {
		m[e.Key+e.End] = e
	}
	return m
}
