package gen

import (
	"slices"

	"rampart/model"
)

// ruleNumbers are ports that rules, definitions and probes share.
var ruleNumbers = []uint16{1, 22, 53, 80, 81, 443, 6379, 8080, 32768, 65535}

// rules are up to as many rules as the Config allows, for one direction.
func (d *dice) rules(dir model.Direction) []model.Rule {
	var out []model.Rule
	for range d.IntN(d.cfg.Rules + 1) {
		out = append(out, d.rule(dir))
	}
	return out
}

// rule is a valid rule. Every condition is rare, so that rules match often enough to matter.
func (d *dice) rule(dir model.Direction) model.Rule {
	r := model.Rule{Origin: d.origin()}
	r.Action = one(d, model.Allow, model.Allow, model.Allow, model.Deny, model.Deny, model.Pass, model.Log)
	family := one(d, 0, 0, 4, 4, 6) // of nets and ipVersion
	d.protocols(&r, family)
	if family != 0 && d.chance(25) {
		r.IPVersion = model.IPVersion(family)
	}
	if d.chance(45) {
		d.entity(&r.Source, &r, family)
	}
	if d.chance(45) {
		d.entity(&r.Destination, &r, family)
	}
	plain := r.Protocol.IsZero() && r.NotProtocol.IsZero() || r.Protocol.Number == model.ProtoTCP && r.Protocol.Name != ""
	if dir == model.Ingress && r.Action == model.Allow && plain && d.chance(10) {
		r.HTTP = d.http()
	}
	return r
}

// protocols sets protocol, notProtocol and the ICMP clauses.
func (d *dice) protocols(r *model.Rule, family int) {
	if d.chance(55) {
		r.Protocol = one(d,
			model.Protocol{Name: "TCP", Number: 6}, model.Protocol{Name: "TCP", Number: 6}, model.Protocol{Name: "UDP", Number: 17},
			model.Protocol{Name: "SCTP", Number: 132}, model.Protocol{Name: "UDPLite", Number: 136}, model.Protocol{Name: "ICMP", Number: 1},
			model.Protocol{Name: "ICMPv6", Number: 58}, model.ProtocolNumber(6), model.ProtocolNumber(17), model.ProtocolNumber(1),
			model.ProtocolNumber(58), model.ProtocolNumber(47), model.ProtocolNumber(132), model.ProtocolNumber(253))
	}
	if d.chance(12) {
		r.NotProtocol = one(d,
			model.Protocol{Name: "TCP", Number: 6}, model.Protocol{Name: "UDP", Number: 17}, model.Protocol{Name: "ICMP", Number: 1},
			model.Protocol{Name: "ICMPv6", Number: 58}, model.ProtocolNumber(47), model.Protocol{Name: "UDPLite", Number: 136})
	}
	// The names ICMP and ICMPv6 contradict the other IP version, also when negated.
	for _, p := range []*model.Protocol{&r.Protocol, &r.NotProtocol} {
		if p.Name == "ICMP" && family == 6 || p.Name == "ICMPv6" && family == 4 {
			*p = model.Protocol{}
		}
	}
	if n := r.Protocol.Number; (n == model.ProtoICMP || n == model.ProtoICMPv6) && d.chance(60) {
		r.ICMP = d.icmp()
	}
	if d.chance(6) {
		r.NotICMP = d.icmp()
	}
}

func (d *dice) icmp() *model.ICMP {
	m := &model.ICMP{}
	if d.chance(90) {
		t := one(d, 0, 3, 8, 8, 128, 129, 254)
		m.Type = &t
		if d.chance(40) {
			c := one(d, 0, 1, 4, 255)
			m.Code = &c
		}
	}
	return m
}

func (d *dice) entity(e *model.EntityRule, r *model.Rule, family int) {
	if family != 0 && d.chance(35) {
		e.Nets = d.nets(3, family, true)
	}
	if family != 0 && d.chance(20) {
		e.NotNets = d.nets(2, family, false)
		if len(e.Nets) > 0 && d.chance(50) { // a hole in one of the nets
			n := e.Nets[0]
			if hole, err := n.Addr().Prefix(min(n.Bits()+1, n.Addr().BitLen())); err == nil && hole.Bits() > 0 {
				e.NotNets = append(e.NotNets, hole)
			}
		}
	}
	if d.chance(25) {
		e.Selector = d.endpointSelector()
	}
	if d.chance(15) {
		e.NotSelector = d.endpointSelector()
	}
	if d.chance(15) {
		e.NamespaceSelector = d.spaceSelector()
		if d.chance(15) {
			e.NamespaceSelector = "global()"
		}
	}
	if d.chance(12) {
		e.ServiceAccounts = &model.ServiceAccountMatch{}
		if d.chance(60) {
			e.ServiceAccounts.Names = some(d, 2, []string{"web", "db", "nobody"})
		}
		if d.chance(50) {
			e.ServiceAccounts.Selector = d.accountSelector()
		}
	}
	d.ports(e, r)
	named := func(p model.Port) bool { return p.Name != "" }
	if e.Selector == "" && (slices.ContainsFunc(e.Ports, named) || slices.ContainsFunc(e.NotPorts, named)) && d.chance(40) {
		e.Selector = d.endpointSelector() // which then says whose ports of that name
	}
}

// ports sets ports and notPorts where the protocol has them: numbers need TCP, UDP or SCTP, names go without protocol.
func (d *dice) ports(e *model.EntityRule, r *model.Rule) {
	numbers := model.HasPorts(r.Protocol.Number)
	names := numbers || r.Protocol.IsZero()
	if !names {
		return
	}
	if d.chance(35) {
		e.Ports = d.portList(numbers)
	}
	if d.chance(15) {
		e.NotPorts = d.portList(numbers)
	}
}

func (d *dice) portList(numbers bool) []model.Port {
	var out []model.Port
	for range 1 + d.IntN(3) {
		switch {
		case !numbers || d.chance(30):
			out = append(out, model.Port{Name: one(d, portNames...)})
		case d.chance(40):
			lo, hi := one(d, ruleNumbers...), one(d, ruleNumbers...)
			out = append(out, model.Port{Min: min(lo, hi), Max: max(lo, hi)})
		default:
			out = append(out, model.SinglePort(one(d, ruleNumbers...)))
		}
	}
	return out
}

// httpPaths are shared by rules and probes.
var httpPaths = []string{"/", "/a", "/a/b", "/ab", "/a/../b", "/%61"}

func (d *dice) http() *model.HTTPMatch {
	m := &model.HTTPMatch{}
	if d.chance(60) {
		m.Methods = one(d, []string{"GET"}, []string{"GET", "PUT"}, []string{"*"})
	}
	if d.chance(70) {
		for range 1 + d.IntN(2) {
			if p := one(d, httpPaths[:4]...); d.chance(50) {
				m.Paths = append(m.Paths, model.HTTPPaths{Exact: p})
			} else {
				m.Paths = append(m.Paths, model.HTTPPaths{Prefix: p})
			}
		}
	}
	return m
}
