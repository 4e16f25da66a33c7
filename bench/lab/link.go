package lab

import (
	"errors"
	"fmt"
	"hash/fnv"
	"net"
	"net/netip"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// End is one end of a veth pair: an interface of a namespace, with its addresses.
type End struct {
	Namespace *Namespace
	Interface string
	Addrs     []netip.Prefix
	// Queues is how many receive and transmit queues it has, 0 for one.
	Queues int
}

// Veth joins two namespaces with a veth pair, gives each end its addresses and brings both up.
func Veth(a, b End) error {
	link := &netlink.Veth{
		LinkAttrs:        netlink.LinkAttrs{Name: a.Interface, HardwareAddr: mac(a)},
		PeerName:         b.Interface,
		PeerHardwareAddr: mac(b),
		PeerNamespace:    netlink.NsFd(b.Namespace.handle),
	}
	link.NumTxQueues, link.NumRxQueues = max(1, a.Queues), max(1, a.Queues)
	link.PeerNumTxQueues, link.PeerNumRxQueues = uint32(max(1, b.Queues)), uint32(max(1, b.Queues))
	if err := a.Namespace.links.LinkAdd(link); err != nil {
		return fmt.Errorf("veth %s/%s to %s/%s: %w", a.Namespace.Name, a.Interface, b.Namespace.Name, b.Interface, err)
	}
	for _, e := range []End{a, b} {
		if err := e.up(); err != nil {
			return fmt.Errorf("interface %s/%s: %w", e.Namespace.Name, e.Interface, err)
		}
	}
	return errors.Join(a.ready(), b.ready())
}

// ready waits until an interface carries packets. The end of a pair that comes up first learns from a kernel worker
// that the other is up too; what it is given before is thrown away.
func (e End) ready() error {
	return patient(fmt.Sprintf("interface %s/%s to come up", e.Namespace.Name, e.Interface), func() (bool, error) {
		link, err := e.Namespace.links.LinkByName(e.Interface)
		return err == nil && link.Attrs().OperState == netlink.OperUp, err
	})
}

func (e End) up() error {
	link, err := e.Namespace.links.LinkByName(e.Interface)
	if err != nil {
		return err
	}
	if err := e.Namespace.links.LinkSetUp(link); err != nil {
		return err
	}
	for _, p := range e.Addrs {
		if err := e.Namespace.AddAddr(e.Interface, p); err != nil {
			return err
		}
	}
	return nil
}

// mac makes a locally administered hardware address out of an interface's place, so that runs are alike.
func mac(e End) net.HardwareAddr {
	h := fnv.New32a()
	fmt.Fprintf(h, "%s/%s", e.Namespace.Name, e.Interface)
	s := h.Sum32()
	return net.HardwareAddr{0x02, 0x52, byte(s >> 24), byte(s >> 16), byte(s >> 8), byte(s)}
}

// MAC is the hardware address of an interface.
func (n *Namespace) MAC(iface string) (net.HardwareAddr, error) {
	link, err := n.links.LinkByName(iface)
	if err != nil {
		return nil, fmt.Errorf("interface %s/%s: %w", n.Name, iface, err)
	}
	return link.Attrs().HardwareAddr, nil
}

// AddAddr gives an interface an address and its prefix. The address is usable at once.
func (n *Namespace) AddAddr(iface string, p netip.Prefix) error {
	link, err := n.links.LinkByName(iface)
	if err != nil {
		return err
	}
	addr := &netlink.Addr{IPNet: ipNet(p)}
	if p.Addr().Is6() {
		addr.Flags = unix.IFA_F_NODAD
	}
	if err := n.links.AddrReplace(link, addr); err != nil {
		return fmt.Errorf("address %s on %s/%s: %w", p, n.Name, iface, err)
	}
	if p.Addr().Is4() {
		return nil
	}
	// A kernel worker makes an IPv6 address local, a moment later even without duplicate address detection.
	local := &netlink.Route{Table: unix.RT_TABLE_LOCAL, Dst: ipNet(netip.PrefixFrom(p.Addr(), 128))}
	return patient(fmt.Sprintf("address %s on %s/%s to be local", p, n.Name, iface), func() (bool, error) {
		routes, err := n.links.RouteListFiltered(netlink.FAMILY_V6, local, netlink.RT_FILTER_TABLE|netlink.RT_FILTER_DST)
		return len(routes) > 0, err
	})
}

// patient waits for what the kernel does by itself soon.
func patient(what string, done func() (bool, error)) error {
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(200 * time.Microsecond) {
		if ok, err := done(); ok || err != nil {
			return err
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("waited in vain for %s", what)
		}
	}
}

// AddRoute routes a prefix out of an interface, through a gateway unless that is the zero Addr. The gateway need not
// be in a prefix of the interface.
func (n *Namespace) AddRoute(iface string, dst netip.Prefix, via netip.Addr) error {
	link, err := n.links.LinkByName(iface)
	if err != nil {
		return err
	}
	route := &netlink.Route{LinkIndex: link.Attrs().Index, Dst: ipNet(dst)}
	if via.IsValid() {
		route.Gw = net.IP(via.AsSlice())
		route.Flags = int(netlink.FLAG_ONLINK)
	} else {
		route.Scope = netlink.SCOPE_LINK
	}
	if err := n.links.RouteReplace(route); err != nil {
		return fmt.Errorf("route %s on %s/%s: %w", dst, n.Name, iface, err)
	}
	return nil
}

// AddNeighbour tells the namespace for good which hardware address an address has on an interface, so that no
// neighbour discovery is needed (and none can be lost or delay a packet).
func (n *Namespace) AddNeighbour(iface string, addr netip.Addr, hw net.HardwareAddr) error {
	link, err := n.links.LinkByName(iface)
	if err != nil {
		return err
	}
	family := netlink.FAMILY_V4
	if addr.Is6() {
		family = netlink.FAMILY_V6
	}
	neigh := &netlink.Neigh{
		LinkIndex:    link.Attrs().Index,
		Family:       family,
		State:        netlink.NUD_PERMANENT,
		IP:           net.IP(addr.AsSlice()),
		HardwareAddr: hw,
	}
	if err := n.links.NeighSet(neigh); err != nil {
		return fmt.Errorf("neighbour %s on %s/%s: %w", addr, n.Name, iface, err)
	}
	return nil
}

// DeleteLink removes an interface, and with it the other end of its pair.
func (n *Namespace) DeleteLink(iface string) error {
	link, err := n.links.LinkByName(iface)
	if err != nil {
		return err
	}
	return n.links.LinkDel(link)
}

func ipNet(p netip.Prefix) *net.IPNet {
	return &net.IPNet{IP: net.IP(p.Addr().AsSlice()), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())}
}
