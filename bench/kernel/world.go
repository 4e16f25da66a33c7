package kernel

import (
	"net/netip"

	"rampart/bench/gen"
	"rampart/bench/lab"
)

// Node is the name of the node the lab's firewall plays.
const Node = "n1"

// Links is the lab of the kernel tests: the usual topology, one more host behind an interface that never has a host
// endpoint of its own, and one more workload that no resource knows.
func Links() []lab.Link {
	a, p := netip.MustParseAddr, netip.MustParsePrefix
	links := append(lab.Usual(),
		lab.Link{Peer: "other", Interface: "eth2", Addrs: []netip.Addr{a("10.30.0.2"), a("fd30::2")},
			Gateway: []netip.Prefix{p("10.30.0.1/24"), p("fd30::1/64")},
			Behind:  []netip.Prefix{p("192.0.2.0/24"), p("2001:db8:2::/48")}},
		lab.Link{Peer: "ghost", Interface: "calighost", Addrs: []netip.Addr{a("10.65.0.9"), a("fd65::9")}},
	)
	for i := range links {
		if links[i].Peer == "job" {
			links[i].Addrs = append(links[i].Addrs, a("10.65.1.4")) // a workload with two addresses of one family
		}
	}
	return links
}

// Interfaces are the firewall's interfaces in a lab with these links.
func Interfaces(links []lab.Link) []Interface {
	out := make([]Interface, 0, len(links))
	for _, l := range links {
		i := Interface{Name: l.Interface}
		for _, g := range l.Gateway {
			i.Addrs = append(i.Addrs, g.Addr())
		}
		out = append(out, i)
	}
	return out
}

// Frame is the generator's configuration for the lab: workloads and host endpoints where the links are. The variant
// leaves some host endpoints out, so that interfaces without one, and with none but the wildcard, are tried too.
func Frame(links []lab.Link, variant int) gen.Config {
	cfg := gen.Config{
		Node: Node, Policies: 7, Rules: 4,
		Protocols: []uint8{1, 6, 17, 58, 132, 136, 253},
	}
	for _, l := range links {
		slot := gen.Slot{Name: l.Peer, Interface: l.Interface, Addrs: l.Addrs}
		switch {
		case l.Peer == "ghost", l.Peer == "other":
			cfg.Remotes = append(cfg.Remotes, l.Addrs...)
			continue
		case !l.Workload():
			cfg.Remotes = append(cfg.Remotes, l.Addrs...)
			if l.Peer == "server" && variant%3 == 2 {
				continue
			}
			slot.Host, slot.Addrs = true, nil
			for _, g := range l.Gateway {
				slot.Addrs = append(slot.Addrs, g.Addr())
			}
		}
		cfg.Slots = append(cfg.Slots, slot)
	}
	if variant%2 == 0 {
		cfg.Slots = append(cfg.Slots, gen.Slot{Name: "zz-all", Host: true, Interface: "*"})
	}
	for _, s := range []string{"198.51.100.7", "203.0.113.7", "8.8.8.8", "192.0.2.9", "2001:db8:1::7", "2001:db8:2::9", "2600::7"} {
		cfg.Remotes = append(cfg.Remotes, netip.MustParseAddr(s))
	}
	return cfg
}
