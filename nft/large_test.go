package nft_test

import (
	"net/netip"
	"strings"
	"testing"

	"rampart/engine/compile"
	"rampart/engine/ir"
	"rampart/model"
	"rampart/model/store"
	"rampart/nft"
)

// blocklist is a program with a set of n prefixes: half single addresses of both families, half networks.
func blocklist(n int, single bool) *ir.Program {
	set := model.New(model.KindGlobalNetworkSet).(*model.NetworkSet)
	set.Metadata.Name, set.Metadata.Labels = "bad", map[string]string{"bad": "yes"}
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
