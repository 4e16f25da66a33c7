package gen

import (
	"net/netip"
	"slices"

	"rampart/model"
)

// Probes makes n probes at the node's endpoints, aimed at the borders of what the resources mention: the first and last
// address of every net and their neighbours, every port and the ones beside it, every protocol, ICMP type and code.
func Probes(seed uint64, cfg Config, resources []model.Resource, n int) []model.Probe {
	d := newDice(seed, streamProbes, cfg)
	m := mentions{dice: d, seen: map[any]bool{}}
	for _, r := range resources {
		m.resource(r)
	}
	m.everyday()
	out := make([]model.Probe, 0, n)
	for len(out) < n && len(m.endpoints) > 0 {
		out = append(out, m.probe())
	}
	return out
}

func (m *mentions) probe() model.Probe {
	at := one(m.dice, m.endpoints...)
	pr := model.Probe{Endpoint: at.key, Direction: one(m.dice, model.Ingress, model.Egress), Layer: m.layer(at.host)}
	// The endpoint's own address is on its side of the packet, except when traffic is forwarded through a host, or now
	// and then when nothing but the rules' logic is under test.
	own, far := one(m.dice, m.addrs...), one(m.dice, m.addrs...)
	forwarded := pr.Layer == model.LayerForward
	if len(at.addrs) > 0 && !forwarded && (m.cfg.LabOnly || m.chance(85)) {
		own = one(m.dice, at.addrs...)
	}
	for range 50 {
		if own.Is4() == far.Is4() && own != far {
			break
		}
		far = one(m.dice, m.addrs...)
	}
	if own.Is4() != far.Is4() {
		far = own
	}
	p := &pr.Packet
	if p.Src, p.Dst = far, own; pr.Direction == model.Egress {
		p.Src, p.Dst = own, far
	}
	m.upperLayer(p)
	if len(m.list) > 0 && m.chance(60) {
		m.aim(p, one(m.dice, m.list...))
	}
	return pr
}

// aim changes a packet so that it meets a rule's protocol, ports and nets, or just misses one of them.
func (m *mentions) aim(p *model.Packet, r *model.Rule) {
	if n := r.Protocol.Number; n != 0 && slices.Contains(m.protocols, n) && !(m.cfg.LabOnly && (n == model.ProtoICMP || n == model.ProtoICMPv6)) {
		p.Protocol = n
		m.payload(p)
	}
	if p.HasPorts() {
		p.SrcPort = m.portOf(p.SrcPort, r.Source.Ports)
		p.DstPort = m.portOf(p.DstPort, r.Destination.Ports)
	}
	if c := r.ICMP; c != nil && c.Type != nil && !p.Fragment && (p.Protocol == model.ProtoICMP || p.Protocol == model.ProtoICMPv6) {
		p.ICMPType, p.ICMPCode = uint8(*c.Type), 0
		if c.Code != nil {
			p.ICMPCode = uint8(*c.Code)
		}
	}
	if m.cfg.LabOnly {
		return
	}
	m.aimEnd(&r.Source, p, &p.Src, &p.SrcPort)
	m.aimEnd(&r.Destination, p, &p.Dst, &p.DstPort)
}

// aimEnd moves one end of a packet into one of a rule's nets, or to an endpoint that defines one of its named ports.
func (m *mentions) aimEnd(e *model.EntityRule, p *model.Packet, addr *netip.Addr, port *uint16) {
	if len(e.Nets) > 0 {
		if n := one(m.dice, e.Nets...); n.Addr().Is4() == p.Src.Is4() {
			*addr = one(m.dice, n.Addr(), lastAddr(n))
		}
	}
	names := slices.Concat(e.Ports, e.NotPorts)
	if len(names) == 0 || len(m.named) == 0 {
		return
	}
	want := one(m.dice, names...).Name
	for range 10 {
		if def := one(m.dice, m.named...); def.name == want && def.addr.Is4() == p.Src.Is4() && (def.protocol == p.Protocol || !p.HasPorts()) {
			if p.Protocol != def.protocol {
				p.Protocol, p.Fragment = def.protocol, false
				m.payload(p)
			}
			*addr, *port = def.addr, def.port
			return
		}
	}
}

func (m *mentions) portOf(port uint16, list []model.Port) uint16 {
	if len(list) == 0 || m.chance(10) {
		return port
	}
	if p := one(m.dice, list...); p.Name == "" {
		return one(m.dice, p.Min, p.Max)
	}
	return port
}

func (m *mentions) layer(host bool) model.Layer {
	if !host {
		return model.LayerNormal
	}
	if m.cfg.Layers != nil {
		return one(m.dice, m.cfg.Layers...)
	}
	return one(m.dice, model.LayerNormal, model.LayerNormal, model.LayerNormal, model.LayerForward, model.LayerPreDNAT, model.LayerUntracked)
}

func (m *mentions) upperLayer(p *model.Packet) {
	p.Protocol = one(m.dice, m.protocols...)
	if m.chance(40) && slices.Contains(m.protocols, model.ProtoTCP) {
		p.Protocol = model.ProtoTCP
	}
	// On a wire the two ICMPs do not cross families.
	if m.cfg.LabOnly && (p.Protocol == model.ProtoICMP || p.Protocol == model.ProtoICMPv6) {
		if p.Protocol = model.ProtoICMP; !p.Src.Is4() {
			p.Protocol = model.ProtoICMPv6
		}
	}
	p.Fragment = !m.cfg.LabOnly && m.chance(4)
	m.payload(p)
}

// payload gives the packet what its protocol shows of itself.
func (m *mentions) payload(p *model.Packet) {
	p.SrcPort, p.DstPort, p.ICMPType, p.ICMPCode, p.HTTP = 0, 0, 0, 0, nil
	switch {
	case p.Fragment:
	case p.Protocol == model.ProtoICMP || p.Protocol == model.ProtoICMPv6:
		pair := one(m.dice, m.icmp...)
		p.ICMPType, p.ICMPCode = pair[0], pair[1]
	case model.HasPorts(p.Protocol) || p.Protocol == model.ProtoUDPLite:
		p.SrcPort, p.DstPort = one(m.dice, m.ports...), one(m.dice, m.ports...)
		if p.Protocol == model.ProtoTCP && !m.cfg.LabOnly && m.chance(15) {
			p.HTTP = &model.HTTPRequest{Method: one(m.dice, "GET", "PUT", "get"), Path: one(m.dice, httpPaths...)}
		}
	}
}
