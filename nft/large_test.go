package nft_test

import (
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"rampart/engine/compile"
	"rampart/engine/ir"
	"rampart/model"
	"rampart/model/store"
	"rampart/nft"
)

// blocklist is a program with a set of n prefixes: half single addresses of both families, half networks.
func blocklist(n int, single bool) *ir.Program {
	set := model.New(model.KindGlobalNetworkSet).(*model.NetworkSet)
	for i := range n {
		var p netip.Prefix
		switch a := [4]byte{11, byte(i >> 15), byte(i >> 7), byte(i << 1)}; {
		case i%4 == 3:
			p = netip.PrefixFrom(netip.AddrFrom16([16]byte{0x20, 1, 0x0d, 0xb8, byte(i >> 16), byte(i >> 8), byte(i)}), 64)
			if single {
				p = netip.PrefixFrom(p.Addr(), 128)
			}
		case i%2 == 0 || single:
			p = netip.PrefixFrom(netip.AddrFrom4(a), 32)
		default:
			p = netip.PrefixFrom(netip.AddrFrom4([4]byte{12, byte(i >> 12), byte(i >> 4), byte(i << 4)}), 29).Masked()
		}
		set.Spec.Nets = append(set.Spec.Nets, model.Net{Prefix: p})
	}
	return blocking(set)
}

// blocking is a program that denies what comes from a network set.
func blocking(set *model.NetworkSet) *ir.Program {
	set.Metadata.Name, set.Metadata.Labels = "bad", map[string]string{"bad": "yes"}
	host := model.New(model.KindHostEndpoint).(*model.HostEndpoint)
	host.Metadata.Name, host.Spec = "h1", model.HostEndpointSpec{Node: "n1", InterfaceName: "eth0"}
	p := model.New(model.KindGlobalNetworkPolicy).(*model.Policy)
	p.Metadata.Name, p.Spec.Selector = "block", "all()"
	p.Spec.Ingress = []model.Rule{{Action: model.Deny, Source: model.EntityRule{Selector: "bad == 'yes'"}}, {Action: model.Allow}}
	return compile.Compile(store.ViewOf(set, host, p), compile.Host{Node: "n1"}, options)
}

// TestHundredThousandElements loads large sets in one transaction, changes them a little, and counts what the kernel
// has: a batch that is too long for one message must not lose its end.
func TestHundredThousandElements(t *testing.T) {
	ns := hosts(t, 1)[0]
	b := backend(t, ns, nft.Config{})
	for _, single := range []bool{false, true} {
		n := 100_000
		apply(t, b, blocklist(n, single))
		n -= 3
		apply(t, b, blocklist(n, single))
		if got := elements(cli(t, ns, "", "list", "table", "inet", "rampart")); got != n {
			t.Errorf("%d prefixes (single: %v): the kernel has %d", n, single, got)
		}
	}
}

// elements counts the elements of sets of addresses in a listing.
func elements(listing string) int {
	n := 0
	for _, set := range strings.Split(listing, "\tset ")[1:] {
		if !strings.HasPrefix(set, "addrs") && !strings.HasPrefix(set, "nets") {
			continue
		}
		if _, list, ok := strings.Cut(set, "elements = {"); ok {
			list, _, _ = strings.Cut(list, "}")
			n += strings.Count(list, ",") + 1
		}
	}
	return n
}

// TestKernelHoldsWhatIsListed changes a long list of prefixes of many lengths, a few at a time and by the thousand, and
// compares the elements of each set with those of the table as it would be loaded anew.
func TestKernelHoldsWhatIsListed(t *testing.T) {
	ns := hosts(t, 1)[0]
	b := backend(t, ns, nft.Config{})
	rng := rand.New(rand.NewPCG(1, 2))
	have := map[netip.Prefix]bool{}
	for step, n := range []int{5000, 1, 3000, -1, 2, -3500, 4000, -4000, -3000, 1} {
		for ; n > 0; n-- {
			length := []int{0, 1, 8, 16, 19, 20, 22, 23, 24, 24, 24, 25, 28, 31, 32, 32}[rng.IntN(16)]
			a := netip.AddrFrom4([4]byte{20, byte(rng.IntN(64)), byte(rng.IntN(256)), byte(rng.IntN(256))})
			p := netip.PrefixFrom(a, length)
			if rng.IntN(3) == 0 {
				p = netip.PrefixFrom(netip.AddrFrom16([16]byte{0x20, 1, 2: byte(rng.IntN(64)), 3: byte(rng.IntN(256)), 5: byte(rng.IntN(256))}), 4*length)
			}
			have[p.Masked()] = true
		}
		for p := range have {
			if n == 0 {
				break
			}
			delete(have, p)
			n++
		}
		set := model.New(model.KindGlobalNetworkSet).(*model.NetworkSet)
		for p := range have {
			set.Spec.Nets = append(set.Spec.Nets, model.Net{Prefix: p})
		}
		p := blocking(set)
		apply(t, b, p)
		text, err := nft.Render(p)
		if err != nil {
			t.Fatal(err)
		}
		listed, want := setsIn(cli(t, ns, "", "list", "table", "inet", "rampart")), setsIn(text)
		if diff := cmp.Diff(want, listed); diff != "" {
			t.Fatalf("step %d, %d prefixes (-want +listed):\n%s", step, len(have), diff)
		}
	}
}

// setsIn are the elements of each set in a listing, sorted.
func setsIn(listing string) map[string][]string {
	sets := map[string][]string{}
	for _, set := range strings.Split(listing, "\tset ")[1:] {
		set, _, _ = strings.Cut(set, "\n\t}")
		name, _, _ := strings.Cut(set, " ")
		_, list, _ := strings.Cut(set, "elements = {")
		list, _, _ = strings.Cut(list, "}")
		words := strings.FieldsFunc(list, func(r rune) bool { return strings.ContainsRune(" ,\t\n", r) })
		slices.Sort(words)
		sets[name] = words
	}
	return sets
}
