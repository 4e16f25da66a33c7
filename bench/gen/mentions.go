package gen

import (
	"net/netip"
	"slices"

	"rampart/model"
)

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

// lastAddr is the highest address of a prefix.
func lastAddr(p netip.Prefix) netip.Addr {
	b := p.Addr().AsSlice()
	for i := p.Bits(); i < len(b)*8; i++ {
		b[i/8] |= 0x80 >> (i % 8)
	}
	a, _ := netip.AddrFromSlice(b)
	return a
}
