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

// target is an endpoint of the node.
type target struct {
	key   model.Key
	host  bool
	addrs []netip.Addr
}

// mentions collects what probes are made from.
type mentions struct {
	*dice
	seen      map[any]bool // what is already in the lists below
	endpoints []target
	addrs     []netip.Addr
	protocols []uint8
	ports     []uint16
	icmp      [][2]uint8
	list      []*model.Rule
	named     []namedPort
}

// namedPort is one endpoint's port with a name, at one of its addresses.
type namedPort struct {
	name     string
	addr     netip.Addr
	protocol uint8
	port     uint16
}

func (m *mentions) resource(r model.Resource) {
	switch r := r.(type) {
	case *model.WorkloadEndpoint:
		var own []netip.Addr
		for _, n := range r.Spec.IPNetworks {
			own = append(own, n.Addr())
		}
		m.endpoint(r.Key(), r.Spec.Node, false, own, r.Spec.Ports)
	case *model.HostEndpoint:
		m.endpoint(r.Key(), r.Spec.Node, true, m.hostAddrs(r), r.Spec.Ports)
	case *model.NetworkSet:
		for _, n := range r.Spec.Nets {
			m.net(n.Masked())
		}
	case *model.Policy:
		m.rules(r.Spec.Ingress)
		m.rules(r.Spec.Egress)
	case *model.Profile:
		m.rules(r.Spec.Ingress)
		m.rules(r.Spec.Egress)
	case *model.KubernetesNetworkPolicy:
		for _, in := range r.Spec.Ingress {
			m.kubernetes(in.Ports, in.From)
		}
		for _, out := range r.Spec.Egress {
			m.kubernetes(out.Ports, out.To)
		}
	}
}

func (m *mentions) endpoint(key model.Key, node string, host bool, own []netip.Addr, ports []model.EndpointPort) {
	for _, a := range own {
		m.addr(a)
	}
	for _, p := range ports {
		m.port(p.Port)
		for _, a := range own {
			m.named = append(m.named, namedPort{p.Name, a, p.Protocol.Number, uint16(p.Port)})
		}
	}
	if node == m.cfg.Node {
		m.endpoints = append(m.endpoints, target{key, host, own})
	}
}

// hostAddrs are the addresses that the caller gave the host's interface, which the resource need not list.
func (m *mentions) hostAddrs(h *model.HostEndpoint) []netip.Addr {
	for _, s := range m.cfg.Slots {
		if s.Host && s.Name == h.Metadata.Name {
			return s.Addrs
		}
	}
	return h.Spec.ExpectedIPs
}

func (m *mentions) rules(rules []model.Rule) {
	for i := range rules {
		r := &rules[i]
		m.list = append(m.list, r)
		m.protocol(r.Protocol)
		m.protocol(r.NotProtocol)
		m.icmpClause(r.ICMP)
		m.icmpClause(r.NotICMP)
		for _, e := range []*model.EntityRule{&r.Source, &r.Destination} {
			for _, n := range slices.Concat(e.Nets, e.NotNets) {
				m.net(n)
			}
			for _, p := range slices.Concat(e.Ports, e.NotPorts) {
				m.portRange(p)
			}
		}
	}
}

func (m *mentions) kubernetes(ports []model.KubernetesPort, peers []model.KubernetesPeer) {
	for _, p := range ports {
		m.protocol(p.Protocol)
		if p.Port != nil {
			m.portRange(*p.Port)
		}
		if p.EndPort != nil {
			m.port(*p.EndPort)
			m.port(*p.EndPort + 1)
		}
	}
	for _, p := range peers {
		if p.IPBlock != nil {
			for _, n := range append([]netip.Prefix{p.IPBlock.CIDR}, p.IPBlock.Except...) {
				m.net(n)
			}
		}
	}
}

// everyday adds what rules rarely mention and packets often have.
func (m *mentions) everyday() {
	for _, a := range m.pool {
		m.addr(a)
	}
	for _, n := range []uint8{model.ProtoTCP, model.ProtoUDP, model.ProtoICMP, model.ProtoICMPv6, model.ProtoSCTP, model.ProtoUDPLite, 47, 253} {
		m.protocol(model.ProtocolNumber(n))
	}
	m.port(80)
	m.port(40000)
	m.icmp = append(m.icmp, [2]uint8{8, 0}, [2]uint8{128, 0}, [2]uint8{3, 4})
}

// once tells whether a value is new.
func (m *mentions) once(v any) bool {
	fresh := !m.seen[v]
	m.seen[v] = true
	return fresh
}

func (m *mentions) addr(a netip.Addr) {
	if a.IsValid() && m.once(a) {
		m.addrs = append(m.addrs, a)
	}
}

func (m *mentions) net(n netip.Prefix) {
	if m.cfg.LabOnly {
		return
	}
	first, last := n.Masked().Addr(), lastAddr(n)
	for _, a := range []netip.Addr{first, last, first.Prev(), last.Next()} {
		m.addr(a)
	}
}

func (m *mentions) protocol(p model.Protocol) {
	if p.Number != 0 && m.once(p.Number) && (m.cfg.Protocols == nil || slices.Contains(m.cfg.Protocols, p.Number)) {
		m.protocols = append(m.protocols, p.Number)
	}
}

func (m *mentions) port(n int) {
	if n > 0 && n < 65536 && m.once(uint16(n)) {
		m.ports = append(m.ports, uint16(n))
	}
}

func (m *mentions) portRange(p model.Port) {
	if p.Name == "" {
		for _, n := range []int{int(p.Min) - 1, int(p.Min), int(p.Max), int(p.Max) + 1} {
			m.port(n)
		}
	}
}

func (m *mentions) icmpClause(c *model.ICMP) {
	if c == nil || c.Type == nil {
		return
	}
	code := 0
	if c.Code != nil {
		code = *c.Code
	}
	for _, pair := range [][2]int{{*c.Type, code}, {*c.Type, code + 1}, {*c.Type + 1, code}} {
		m.icmp = append(m.icmp, [2]uint8{uint8(pair[0]), uint8(pair[1])})
	}
}

func (m *mentions) probe() model.Probe {
	at := one(m.dice, m.endpoints...)
	pr := model.Probe{Endpoint: at.key, Direction: one(m.dice, model.Ingress, model.Egress), Layer: m.layer(at.host)}
	// The endpoint's own address is on its side of the packet, except when traffic is forwarded through a host, or now
	// and then when nothing but the rules' logic is under test.
	own, far := netip.Addr{}, one(m.dice, m.addrs...)
	forwarded := pr.Layer == model.LayerForward
	if len(at.addrs) > 0 && !forwarded && (m.cfg.LabOnly || m.chance(85)) {
		own = one(m.dice, at.addrs...)
	} else {
		own = one(m.dice, m.addrs...)
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

// lastAddr is the highest address of a prefix.
func lastAddr(p netip.Prefix) netip.Addr {
	b := p.Addr().AsSlice()
	for i := p.Bits(); i < len(b)*8; i++ {
		b[i/8] |= 0x80 >> (i % 8)
	}
	a, _ := netip.AddrFromSlice(b)
	return a
}
