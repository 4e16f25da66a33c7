package kernel

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"rampart/conf"
	"rampart/model"
	"rampart/nft/lower"
)

// oddPrefixes nest, touch, repeat and lie at both ends of the address space. The lab's client has addresses at the borders
// of many of them.
var oddPrefixes = strings.Fields(`
	0.0.0.0/0 0.0.0.0/0 0.0.0.0/1 128.0.0.0/1 0.0.0.0/32 255.255.255.255/32 255.255.255.254/31 192.0.0.0/2 198.51.0.0/16
	198.51.100.0/24 198.51.100.0/25 198.51.100.128/25 198.51.100.0/26 198.51.100.64/26 198.51.100.96/27 198.51.100.7/32 198.51.100.8/32
	198.51.100.8/29 198.51.100.9/24 198.51.100.255/32 203.0.113.0/24 203.0.113.0/25 203.0.113.7/32 10.10.0.2/32 10.0.0.0/8
	::/0 ::/0 ::/1 8000::/1 ::/128 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff/128 2000::/3 2001:db8:1::/48 2001:db8:1::/49 2001:db8:1:8000::/49
	2001:db8:1::/64 2001:db8:1:0:8000::/65 2001:db8:1::7/128 2001:db8:1::8/128 2001:db8:1::8/125 2001:db8:1::9/64 fd10::2/128 fd10::/64`)

// oddSources are borders of the prefixes, as far as a host can have them.
var oddSources = strings.Fields(`
	198.51.100.0 198.51.100.1 198.51.100.6 198.51.100.7 198.51.100.8 198.51.100.15 198.51.100.16 198.51.100.63 198.51.100.64 198.51.100.95
	198.51.100.96 198.51.100.127 198.51.100.128 198.51.100.254 198.51.100.255 203.0.113.1 203.0.113.7 203.0.113.127 203.0.113.128 10.10.0.2
	2001:db8:1:: 2001:db8:1::6 2001:db8:1::7 2001:db8:1::8 2001:db8:1::f 2001:db8:1::10 2001:db8:1:0:8000:: 2001:db8:1:1:: 2001:db8:1:7fff::1
	2001:db8:1:8000:: 2001:db8:1:ffff:ffff:ffff:ffff:ffff fd10::2`)

// oddWorld has rules for one port each, whose nets, notNets and network sets are drawn from the odd prefixes.
func oddWorld(t *testing.T, seed uint64, rules int) []model.Resource {
	rng := rand.New(rand.NewPCG(seed, 77))
	draw := func(n, family int, all bool) []string {
		var list []string
		for range n {
			p := oddPrefixes[rng.IntN(len(oddPrefixes))]
			if !all && strings.HasSuffix(p, "/0") {
				continue
			}
			if family == 0 || family == 4 == strings.Contains(p, ".") {
				list = append(list, `"`+p+`"`)
			}
		}
		return list
	}
	var b strings.Builder
	for i := range 6 {
		fmt.Fprintf(&b, "apiVersion: projectcalico.org/v3\nkind: GlobalNetworkSet\nmetadata: {name: s%d, labels: {odd: s%d}}\nspec: {nets: [%s]}\n---\n",
			i, i, strings.Join(draw(1+rng.IntN(8), 0, true), ", "))
	}
	const head = "apiVersion: projectcalico.org/v3\nkind: GlobalNetworkPolicy\nmetadata: {name: odd}\n" +
		"spec:\n  selector: role == 'database'\n  types: [Ingress]\n  ingress:\n"
	b.WriteString(head)
	for rules > 0 {
		family := 4 + 2*rng.IntN(2)
		var source []string
		if nets := draw(rng.IntN(6), family, true); len(nets) > 0 {
			source = append(source, "nets: ["+strings.Join(nets, ", ")+"]")
		}
		if nets := draw(rng.IntN(4), family, false); len(nets) > 0 {
			source = append(source, "notNets: ["+strings.Join(nets, ", ")+"]")
		}
		switch rng.IntN(4) {
		case 0:
			source = append(source, fmt.Sprintf("selector: odd == 's%d'", rng.IntN(6)))
		case 1:
			source = append(source, fmt.Sprintf("selector: has(odd), notSelector: odd == 's%d'", rng.IntN(6)))
		}
		action := []string{"Allow", "Deny", "Log"}[min(rng.IntN(9)/4, 2)]
		rule := fmt.Sprintf("  - {action: %s, protocol: TCP, source: {%s}, destination: {ports: [%d]}}\n", action, strings.Join(source, ", "), 1+rng.IntN(3))
		if _, diags := conf.Decode("rule.yaml", []byte(head+rule)); diags.HasErrors() {
			continue // it could match nothing
		}
		b.WriteString(rule)
		rules--
	}
	return override(baseResources(t), decode(t, "odd.yaml", []byte(b.String())))
}

// Rules and sets of prefixes that nest, overlap, touch, repeat or hold everything load and decide as the oracle says, in
// every lowering; so does each change from one lot to the next.
func TestOddPrefixes(t *testing.T) {
	links, top, prober := newLab(t)
	var wires []Wire
	for _, src := range oddSources {
		for port := 1; port <= 3; port++ {
			shots, err := ParseShots(links, fmt.Sprintf("pass client > db tcp:%d src=%s", port, src))
			if err != nil {
				t.Fatal(err)
			}
			wires = append(wires, shots[0].Wire)
		}
	}
	groups := lowerings()
	groups["lookups"] = lower.Blocks
	for name, group := range groups {
		fw := firewallWith(t, top, group)
		var n tally
		for seed := range uint64(15) {
			world := oddWorld(t, seed, []int{4, 12, 40}[seed%3])
			path := NewPath(world, Node, Interfaces(links), rowOptions())
			fw.apply(t, world, rowOptions())
			if wrong := n.compare(t, prober, path, wires); wrong != "" {
				t.Fatalf("%s, seed %d: %s", name, seed, wrong)
			}
		}
		if n.demand(t, name); n.compared != n.sent {
			t.Errorf("%s: %d of %d packets compared", name, n.compared, n.sent)
		}
		if err := fw.backend.Clear(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}

// TestOddPrefixesAreOdd checks the list: among the prefixes are some that hold others, some that touch, some that repeat.
func TestOddPrefixesAreOdd(t *testing.T) {
	nest, touch := 0, 0
	for i, a := range oddPrefixes {
		p := netip.MustParsePrefix(a).Masked()
		for _, b := range oddPrefixes[i+1:] {
			q := netip.MustParsePrefix(b).Masked()
			if p.Overlaps(q) {
				nest++
			}
			if p.Bits() == q.Bits() && p.Bits() > 0 && p != q && netip.PrefixFrom(p.Addr(), p.Bits()-1).Masked() == netip.PrefixFrom(q.Addr(), q.Bits()-1).Masked() {
				touch++
			}
		}
	}
	sorted := slices.Sorted(slices.Values(oddPrefixes))
	if repeated := len(sorted) - len(slices.Compact(sorted)); nest < 100 || touch < 5 || repeated < 2 {
		t.Errorf("%d pairs overlap, %d touch, %d prefixes repeat", nest, touch, repeated)
	}
}
