package lab

import (
	"fmt"
	"net"
	"net/netip"
)

// FirewallName is the name of the namespace in the middle of every topology, where the program under test runs.
const FirewallName = "firewall"

// PeerInterface is the name of a peer's only interface (besides loopback).
const PeerInterface = "eth0"

// Addresses that workloads use as their gateway, as Calico does: no interface has them, a permanent neighbour entry
// answers for them.
var (
	workloadGateway4 = netip.MustParseAddr("169.254.1.1")
	workloadGateway6 = netip.MustParseAddr("fe80::ecee:eeff:feee:eeee")
)

// Link describes a peer of the firewall and the wire to it.
type Link struct {
	// Peer names the namespace at the far end; Interface is the firewall's end.
	Peer, Interface string
	// Addrs are the peer's addresses.
	Addrs []netip.Addr
	// Gateway holds the firewall's own addresses on a link to another host, with the link's prefix. Without any, the
	// peer is a workload: it has single addresses and the firewall routes each of them to the interface.
	Gateway []netip.Prefix
	// Behind holds prefixes that the firewall routes through the peer.
	Behind []netip.Prefix
}

// Workload tells whether the link leads to a workload.
func (l Link) Workload() bool { return len(l.Gateway) == 0 }

// Peer is a namespace joined to the firewall.
type Peer struct {
	*Namespace
	Link Link
	// MAC and FirewallMAC are the hardware addresses of the two ends.
	MAC, FirewallMAC net.HardwareAddr
}

// Topology is a firewall with its peers around it. Addresses work in both families as soon as Build returns: no
// neighbour discovery, no duplicate address detection.
type Topology struct {
	Firewall *Namespace
	// Peers in the order of the links they were built from.
	Peers []*Peer
}

// Usual is the topology most tests want: two hosts outside, on eth0 and eth1, and the workloads db, web and job. The
// rest of the internet is behind server; the documentation prefixes 198.51.100.0/24 and 2001:db8:1::/48 behind client.
func Usual() []Link {
	a, p := netip.MustParseAddr, netip.MustParsePrefix
	workload := func(name string, n int) Link {
		return Link{
			Peer: name, Interface: "cali" + name,
			Addrs: []netip.Addr{a(fmt.Sprintf("10.65.0.%d", n)), a(fmt.Sprintf("fd65::%d", n))},
		}
	}
	return []Link{
		{Peer: "client", Interface: "eth0", Addrs: []netip.Addr{a("10.10.0.2"), a("fd10::2")},
			Gateway: []netip.Prefix{p("10.10.0.1/24"), p("fd10::1/64")},
			Behind:  []netip.Prefix{p("198.51.100.0/24"), p("2001:db8:1::/48")}},
		{Peer: "server", Interface: "eth1", Addrs: []netip.Addr{a("10.20.0.2"), a("fd20::2")},
			Gateway: []netip.Prefix{p("10.20.0.1/24"), p("fd20::1/64")},
			Behind:  []netip.Prefix{p("0.0.0.0/0"), p("::/0")}},
		workload("db", 2), workload("web", 3), workload("job", 4),
	}
}

// Build makes the firewall's namespace, the peers' and the links between them. The firewall forwards both families
// and filters no source address by itself.
func Build(l *Lab, links []Link) (*Topology, error) {
	fw, err := l.Namespace(FirewallName)
	if err != nil {
		return nil, err
	}
	for _, key := range []string{"net.ipv4.ip_forward", "net.ipv6.conf.all.forwarding"} {
		if err := fw.Sysctl(key, "1"); err != nil {
			return nil, err
		}
	}
	for _, key := range []string{"net.ipv4.conf.all.rp_filter", "net.ipv4.conf.default.rp_filter"} {
		if err := fw.Sysctl(key, "0"); err != nil {
			return nil, err
		}
	}
	t := &Topology{Firewall: fw}
	for _, link := range links {
		ns, err := l.Namespace(link.Peer)
		if err != nil {
			return nil, err
		}
		peer := &Peer{Namespace: ns, Link: link}
		if err := t.join(peer); err != nil {
			return nil, fmt.Errorf("peer %s: %w", link.Peer, err)
		}
		t.Peers = append(t.Peers, peer)
	}
	return t, nil
}

// Peer is the peer of that name; it panics when there is none, as the names are the caller's own.
func (t *Topology) Peer(name string) *Peer {
	for _, p := range t.Peers {
		if p.Name == name {
			return p
		}
	}
	panic("lab: no peer " + name)
}

// Addr is the peer's first address of the family: 4 or 6. It panics when there is none.
func (p *Peer) Addr(family int) netip.Addr {
	for _, a := range p.Link.Addrs {
		if a.Is4() == (family == 4) {
			return a
		}
	}
	panic(fmt.Sprintf("lab: peer %s has no IPv%d address", p.Name, family))
}

// Addr is an address of the firewall itself, of the family: its first on a link to a host.
func (t *Topology) Addr(family int) netip.Addr {
	for _, p := range t.Peers {
		for _, g := range p.Link.Gateway {
			if g.Addr().Is4() == (family == 4) {
				return g.Addr()
			}
		}
	}
	panic(fmt.Sprintf("lab: the firewall has no IPv%d address", family))
}

func (t *Topology) join(p *Peer) (err error) {
	link := p.Link
	near := End{Namespace: t.Firewall, Interface: link.Interface, Addrs: link.Gateway}
	far := End{Namespace: p.Namespace, Interface: PeerInterface, Addrs: link.prefixes()}
	if err := Veth(near, far); err != nil {
		return err
	}
	if p.MAC, err = p.Namespace.MAC(PeerInterface); err != nil {
		return err
	}
	if p.FirewallMAC, err = t.Firewall.MAC(link.Interface); err != nil {
		return err
	}
	for _, addr := range link.Addrs {
		if err := t.reach(p, addr); err != nil {
			return err
		}
	}
	for _, dst := range link.Behind {
		via := p.Addr(6)
		if dst.Addr().Is4() {
			via = p.Addr(4)
		}
		if err := t.Firewall.AddRoute(link.Interface, dst, via); err != nil {
			return err
		}
	}
	for _, gw := range link.gateways() {
		if err := p.AddNeighbour(PeerInterface, gw, p.FirewallMAC); err != nil {
			return err
		}
		if err := p.AddRoute(PeerInterface, netip.PrefixFrom(unspecified(gw), 0), gw); err != nil {
			return err
		}
	}
	return nil
}

// reach lets the firewall find one of the peer's addresses.
func (t *Topology) reach(p *Peer, addr netip.Addr) error {
	if p.Link.Workload() {
		if err := t.Firewall.AddRoute(p.Link.Interface, netip.PrefixFrom(addr, addr.BitLen()), netip.Addr{}); err != nil {
			return err
		}
	}
	return t.Firewall.AddNeighbour(p.Link.Interface, addr, p.MAC)
}

// prefixes are the peer's addresses with the prefix length they have on this link.
func (l Link) prefixes() []netip.Prefix {
	out := make([]netip.Prefix, 0, len(l.Addrs))
	for _, a := range l.Addrs {
		bits := a.BitLen()
		for _, g := range l.Gateway {
			if g.Contains(a) {
				bits = g.Bits()
			}
		}
		out = append(out, netip.PrefixFrom(a, bits))
	}
	return out
}

// gateways are the addresses the peer sends everything to, one a family.
func (l Link) gateways() []netip.Addr {
	if l.Workload() {
		return []netip.Addr{workloadGateway4, workloadGateway6}
	}
	out := make([]netip.Addr, 0, len(l.Gateway))
	for _, g := range l.Gateway {
		out = append(out, g.Addr())
	}
	return out
}

func unspecified(a netip.Addr) netip.Addr {
	if a.Is4() {
		return netip.IPv4Unspecified()
	}
	return netip.IPv6Unspecified()
}
