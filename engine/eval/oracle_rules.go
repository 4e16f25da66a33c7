package eval

import (
	"net/netip"

	"rampart/model"
	"rampart/model/selector"
)

// ruleMatches holds a rule against a packet. namespace is that of the rule's policy, "" for none.
func (o *Oracle) ruleMatches(r *model.Rule, namespace string, p *model.Packet) bool {
	version := 6
	if p.Src.Is4() {
		version = 4
	}
	if r.IPVersion != 0 && int(r.IPVersion) != version {
		return false
	}
	// The names ICMP and ICMPv6 imply the IP version; the numbers 1 and 58 do not.
	if r.Protocol.Name == "ICMP" && version != 4 || r.Protocol.Name == "ICMPv6" && version != 6 {
		return false
	}
	// A rule with nets of one family never applies to the other, even if all of them are negated.
	for _, nets := range [][]netip.Prefix{r.Source.Nets, r.Source.NotNets, r.Destination.Nets, r.Destination.NotNets} {
		for _, n := range nets {
			if n.Addr().Is4() != p.Src.Is4() {
				return false
			}
		}
	}
	if !r.Protocol.IsZero() && r.Protocol.Number != p.Protocol {
		return false
	}
	if !r.NotProtocol.IsZero() && r.NotProtocol.Number == p.Protocol {
		return false
	}
	if r.ICMP != nil && r.ICMP.Type != nil {
		if matches, known := oracleICMP(r.ICMP, p); !known || !matches {
			return false
		}
	}
	if r.NotICMP != nil && r.NotICMP.Type != nil && (p.Protocol == 1 || p.Protocol == 58) {
		if matches, known := oracleICMP(r.NotICMP, p); !known || matches {
			return false
		}
	}
	return o.entityMatches(&r.Source, namespace, p.Src, p.SrcPort, p) &&
		o.entityMatches(&r.Destination, namespace, p.Dst, p.DstPort, p) &&
		MatchHTTP(r.HTTP, p.HTTP)
}

// oracleICMP compares type and code; known is false when the packet shows none.
func oracleICMP(m *model.ICMP, p *model.Packet) (matches, known bool) {
	if p.Fragment || p.Protocol != 1 && p.Protocol != 58 {
		return false, false
	}
	return *m.Type == int(p.ICMPType) && (m.Code == nil || *m.Code == int(p.ICMPCode)), true
}

// entityMatches holds one end of a rule against one end of a packet.
func (o *Oracle) entityMatches(e *model.EntityRule, namespace string, addr netip.Addr, port uint16, p *model.Packet) bool {
	if e.Services != nil && *e.Services != (model.ServiceMatch{}) {
		return false // Kubernetes Services are not resources here, so none has endpoints
	}
	if len(e.Nets) > 0 && !anyNet(e.Nets, addr) || anyNet(e.NotNets, addr) {
		return false
	}
	selected, restricted := false, false
	notSelected := true
	for i := range o.peers {
		peer := &o.peers[i]
		yes, given := o.entitySelects(e, namespace, peer.labels)
		restricted = restricted || given
		if yes && peer.has(addr) {
			selected = true
		}
		if e.NotSelector != "" && peer.has(addr) && o.match(e.NotSelector, selector.Map(peer.labels)) {
			notSelected = false
		}
	}
	if len(o.peers) == 0 {
		_, restricted = o.entitySelects(e, namespace, nil)
	}
	if restricted && !selected || !notSelected {
		return false
	}
	if len(e.Ports)+len(e.NotPorts) == 0 {
		return true
	}
	if p.Fragment {
		return false // a fragment shows no port: neither "this one" nor "not this one" can be said
	}
	if len(e.Ports) > 0 && !o.portListed(e.Ports, e, namespace, addr, port, p) {
		return false
	}
	return !o.portListed(e.NotPorts, e, namespace, addr, port, p)
}

// portListed tells whether a packet's port is one of a list. A name means the ports of that name of the endpoint at this
// address, by the packet's protocol, if the rule's selector fields select it.
func (o *Oracle) portListed(list []model.Port, e *model.EntityRule, namespace string, addr netip.Addr, port uint16, p *model.Packet) bool {
	if p.Protocol != 6 && p.Protocol != 17 && p.Protocol != 132 {
		return false
	}
	for _, want := range list {
		if want.Name == "" {
			if want.Min <= port && port <= want.Max {
				return true
			}
			continue
		}
		for i := range o.peers {
			peer := &o.peers[i]
			if !peer.has(addr) {
				continue
			}
			if yes, _ := o.entitySelects(e, namespace, peer.labels); !yes {
				continue
			}
			for _, def := range peer.ports {
				if def.Name == want.Name && def.Port == int(port) && def.Protocol.Number == p.Protocol {
					return true
				}
			}
		}
	}
	return false
}
