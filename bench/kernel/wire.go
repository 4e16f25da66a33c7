package kernel

import (
	"math/rand/v2"
	"net/netip"
	"slices"

	"rampart/bench/lab"
	"rampart/model"
)

// Wire is a probe that the lab can send, with the way it takes through the firewall.
type Wire struct {
	lab.Probe
	// In and Out are the firewall's interfaces: In is "" for what the firewall sends, Out "" for what is for itself.
	In, Out string
	// To is where the packet arrives if nothing drops it.
	To string
}

// Wires turns a packet that policy was probed with into one for the wire: its addresses and ports stay when the lab can
// route them, and who sends it follows from them or from chance. It reports false for packets that a network would
// never carry whatever the policy: to or from broadcast, multicast, loopback or unused addresses of a local prefix.
func Wires(links []lab.Link, packet model.Packet, dice *rand.Rand) (Wire, bool) {
	packet.Fragment, packet.HTTP = false, nil
	if !routable(links, packet.Src) || !routable(links, packet.Dst) || packet.Src == packet.Dst {
		return Wire{}, false
	}
	if packet.Protocol == model.ProtoICMP && !packet.Src.Is4() {
		packet.Protocol = model.ProtoICMPv6
	} else if packet.Protocol == model.ProtoICMPv6 && packet.Src.Is4() {
		packet.Protocol = model.ProtoICMP
	}
	w := Wire{Probe: lab.Probe{Packet: packet}}
	w.To, w.Out = target(links, packet.Dst)
	w.From, w.In = sender(links, packet.Src, w.To, dice)
	if w.From == w.To {
		return Wire{}, false
	}
	if dice.IntN(8) == 0 {
		w.Fragments = 2 + dice.IntN(2)
	}
	return w, true
}

// target finds who gets packets for an address, and by which interface.
func target(links []lab.Link, dst netip.Addr) (peer, iface string) {
	if own(links, dst) {
		return lab.FirewallName, ""
	}
	best := -1
	for _, l := range links {
		for _, n := range routes(l) {
			if n.Contains(dst) && n.Bits() > best {
				best, peer, iface = n.Bits(), l.Peer, l.Interface
			}
		}
	}
	return peer, iface
}

// sender picks who sends from an address: whoever has it, or sometimes, and always when nobody has it, somebody else.
func sender(links []lab.Link, src netip.Addr, to string, dice *rand.Rand) (peer, iface string) {
	if own(links, src) {
		return lab.FirewallName, ""
	}
	var all []lab.Link
	for _, l := range links {
		if l.Peer == to {
			continue
		}
		if slices.Contains(l.Addrs, src) && dice.IntN(10) > 0 {
			return l.Peer, l.Interface
		}
		if !l.Workload() || dice.IntN(4) == 0 {
			all = append(all, l)
		}
	}
	l := all[dice.IntN(len(all))]
	return l.Peer, l.Interface
}

// own tells whether an address is the firewall's.
func own(links []lab.Link, a netip.Addr) bool {
	return slices.ContainsFunc(links, func(l lab.Link) bool {
		return slices.ContainsFunc(l.Gateway, func(g netip.Prefix) bool { return g.Addr() == a })
	})
}

// routes are the prefixes that the firewall sends to a link.
func routes(l lab.Link) []netip.Prefix {
	out := slices.Clone(l.Behind)
	for _, g := range l.Gateway {
		out = append(out, g.Masked())
	}
	if l.Workload() {
		for _, a := range l.Addrs {
			out = append(out, netip.PrefixFrom(a, a.BitLen()))
		}
	}
	return out
}

// routable tells whether a router forwards packets to and from an address.
func routable(links []lab.Link, a netip.Addr) bool {
	switch {
	case !a.IsValid(), a.IsMulticast(), a.IsLoopback(), a.IsUnspecified(), a.IsLinkLocalUnicast(), a.Is4In6():
		return false
	case a.Is4() && (a.As4()[0] == 0 || a.As4()[0] >= 224):
		return false
	case a.Is6() && a.As16()[0]>>5 != 1 && a.As16()[0]&0xfe != 0xfc: // neither global nor unique local
		return false
	}
	for _, l := range links {
		for _, g := range l.Gateway {
			if g.Masked().Contains(a) && g.Addr() != a && !slices.Contains(l.Addrs, a) {
				return false
			}
		}
	}
	return true
}
