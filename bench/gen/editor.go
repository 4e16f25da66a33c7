package gen

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"net/netip"
	"slices"

	"rampart/model"
)

// Editor holds resources and changes them a little at a time. Its rules crowd together: their prefixes and ports nest, cross,
// touch and repeat, some ask for everything, some for nothing. Lists grow and shrink past the sizes where they are lowered in
// another way, and so does a set.
type Editor struct {
	*rand.Rand
	all map[model.Key]model.Resource
}

const (
	editedSets     = 8
	editedPolicies = 5
)

// NewEditor begins with the given resources, policies for whatever has the label "hard", and a profile "last" that
// endpoints may name.
func NewEditor(seed uint64, resources ...model.Resource) *Editor {
	e := &Editor{rand.New(rand.NewPCG(seed, 99)), map[model.Key]model.Resource{}}
	for _, r := range resources {
		e.put(r)
	}
	e.put(e.tier())
	e.put(e.profile())
	for i := range editedPolicies {
		e.put(e.policy(i))
	}
	for i := range editedSets {
		e.put(e.set(i))
	}
	return e
}

// Resources are all there are, in the order of their keys. They are not changed by later edits.
func (e *Editor) Resources() []model.Resource {
	return slices.SortedFunc(maps.Values(e.all), func(a, b model.Resource) int { return a.Key().Compare(b.Key()) })
}

func (e *Editor) chance(percent int) bool { return e.IntN(100) < percent }

func (e *Editor) put(r model.Resource) { e.all[r.Key()] = r }

var editedPrefixes = []netip.Prefix{
	netip.MustParsePrefix("198.51.100.0/24"), netip.MustParsePrefix("198.51.100.0/24"), netip.MustParsePrefix("10.65.0.0/29"),
	netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("203.0.113.0/24"),
	netip.MustParsePrefix("2001:db8:1::/48"), netip.MustParsePrefix("2001:db8:1::/120"), netip.MustParsePrefix("fd65::/125"),
}

// Addr is an address in one of few prefixes, of a family unless it is 0.
func (e *Editor) Addr(family int) netip.Addr {
	for {
		base := one(e.Rand, editedPrefixes...)
		if family != 0 && base.Addr().Is4() != (family == 4) {
			continue
		}
		b := base.Addr().AsSlice()
		n := len(b)
		b[n-1] = byte(one(e.Rand, 0, 1, 2, 3, 4, 5, 6, 7, 8, 15, 16, 31, 32, 63, 64, 100, 127, 128, 254, 255))
		a, _ := netip.AddrFromSlice(b)
		if base.Contains(a) {
			return a
		}
	}
}

func (e *Editor) prefix(family int) netip.Prefix {
	a := e.Addr(family)
	low := a.BitLen() - 8
	bits := one(e.Rand, a.BitLen(), a.BitLen(), low, low+e.IntN(9), low+e.IntN(9), a.BitLen()/2, a.BitLen()/4)
	if e.chance(3) {
		bits = 0
	}
	p, _ := a.Prefix(bits)
	return p
}

func (e *Editor) nets(n, family int) (out []netip.Prefix) {
	for range 1 + e.IntN(n) {
		out = append(out, e.prefix(family))
	}
	return out
}

func (e *Editor) ports() (out []model.Port) {
	number := func() uint16 {
		return one[uint16](e.Rand, 1, 22, 79, 80, 81, 100, 443, 1000, 1001, 8080, 32768, 65534, 65535)
	}
	for range 1 + e.IntN(4) {
		switch e.IntN(6) {
		case 0, 1, 2:
			out = append(out, model.SinglePort(number()))
		case 3, 4:
			a, b := number(), number()
			out = append(out, model.Port{Min: min(a, b), Max: max(a, b)})
		default:
			out = append(out, model.Port{Name: one(e.Rand, "http", "sql", "admin", "nobody")})
		}
	}
	if e.chance(5) {
		out = []model.Port{{Min: 1, Max: 65535}}
	}
	return out
}

func (e *Editor) selector() string {
	return one(e.Rand, "odd == 's0'", "odd == 's1'", "odd == 's2'", "has(odd)", "odd in {'s1', 's3', 's5'}", "odd != 's2'", "role == 'frontend'", "!has(odd)",
		"odd == 's6'", "odd == 's7'", "all()", "odd == 'nobody'")
}

// rule is a valid rule.
func (e *Editor) rule(d model.Direction) model.Rule {
	for {
		r := model.Rule{Action: one(e.Rand, model.Allow, model.Allow, model.Allow, model.Allow, model.Deny, model.Deny, model.Deny, model.Deny, model.Pass, model.Log)}
		family := one(e.Rand, 0, 4, 4, 6)
		if e.chance(70) {
			r.Protocol = one(e.Rand, model.Protocol{Name: "TCP", Number: 6}, model.Protocol{Name: "TCP", Number: 6}, model.Protocol{Name: "UDP", Number: 17},
				model.Protocol{Name: "SCTP", Number: 132}, model.Protocol{Name: "ICMP", Number: 1}, model.Protocol{Name: "ICMPv6", Number: 58},
				model.Protocol{Name: "UDPLite", Number: 136}, model.ProtocolNumber(6), model.ProtocolNumber(1), model.ProtocolNumber(253))
		}
		if e.chance(8) {
			r.NotProtocol = one(e.Rand, model.Protocol{Name: "TCP", Number: 6}, model.ProtocolNumber(17), model.ProtocolNumber(253))
		}
		icmp := func() *model.ICMP {
			t, c := one(e.Rand, 0, 3, 8, 128, 129, 254), one(e.Rand, 0, 1, 255)
			i := &model.ICMP{Type: &t}
			if e.chance(50) {
				i.Code = &c
			}
			return i
		}
		if n := r.Protocol.Number; (n == 1 || n == 58) && e.chance(70) {
			r.ICMP = icmp()
		}
		if e.chance(5) {
			r.NotICMP = icmp()
		}
		if family != 0 && e.chance(10) {
			r.IPVersion = model.IPVersion(family)
		}
		ported := model.HasPorts(r.Protocol.Number)
		for i, end := range []*model.EntityRule{&r.Source, &r.Destination} {
			near := i == 0 == (d == model.Ingress) // the peer's end
			if family != 0 && e.chance(map[bool]int{true: 50, false: 12}[near]) {
				end.Nets = e.nets(4, family)
			}
			if family != 0 && e.chance(10) {
				end.NotNets = e.nets(3, family)
			}
			if e.chance(map[bool]int{true: 25, false: 5}[near]) {
				end.Selector = e.selector()
			}
			if e.chance(6) {
				end.NotSelector = e.selector()
			}
			if ported && e.chance(map[bool]int{true: 60, false: 8}[i == 1]) {
				end.Ports = e.ports()
			}
			if ported && e.chance(6) {
				end.NotPorts = e.ports()
			}
		}
		p := model.New(model.KindGlobalNetworkPolicy).(*model.Policy)
		p.Metadata.Name, p.Spec.Ingress = "x", []model.Rule{r}
		if d == model.Egress {
			p.Spec.Ingress, p.Spec.Egress = nil, []model.Rule{r}
		}
		if !slices.ContainsFunc(model.Validate(p), func(f model.FieldError) bool { return !f.Warning }) {
			return r
		}
	}
}

func (e *Editor) rules(n int, d model.Direction) (out []model.Rule) {
	for range n {
		out = append(out, e.rule(d))
	}
	return out
}

func (e *Editor) size() int { return one(e.Rand, 0, 1, 3, 6, 12, 13, 14, 20, 40, 120) }

func (e *Editor) policy(i int) *model.Policy {
	p := model.New(model.KindGlobalNetworkPolicy).(*model.Policy)
	p.Metadata.Name = fmt.Sprintf("hard-%d", i)
	order := float64(e.IntN(5))
	p.Spec = model.PolicySpec{Order: &order, Selector: one(e.Rand, "has(hard)", "has(hard)", "role == 'database'", "has(hard) && !has(role)"),
		Ingress: e.rules(e.size(), model.Ingress), Egress: e.rules(e.size(), model.Egress),
		Types: one(e.Rand, []model.Direction{model.Ingress, model.Egress}, []model.Direction{model.Ingress}, nil)}
	if i == 0 {
		p.Spec.Tier = "first"
	}
	if i == 1 {
		p.Spec.ApplyOnForward = e.chance(50)
	}
	return p
}

func (e *Editor) set(i int) *model.NetworkSet {
	s := model.New(model.KindGlobalNetworkSet).(*model.NetworkSet)
	s.Metadata.Name, s.Metadata.Labels = fmt.Sprintf("s%d", i), map[string]string{"odd": fmt.Sprintf("s%d", i)}
	for range e.IntN(12) {
		s.Spec.Nets = append(s.Spec.Nets, model.Net{Prefix: e.prefix(0)})
	}
	if i == editedSets-1 {
		e.crowd(s)
	}
	return s
}

// crowd makes a set as large as those that are made in parts, or a little smaller.
func (e *Editor) crowd(s *model.NetworkSet) {
	n := one(e.Rand, 100, 4000, 4090, 4100)
	for i := range n {
		a := netip.AddrFrom4([4]byte{11, byte(i >> 8), byte(i), 1})
		s.Spec.Nets = append(s.Spec.Nets, model.Net{Prefix: netip.PrefixFrom(a, one(e.Rand, 32, 32, 32, 30))})
	}
}

func (e *Editor) tier() *model.Tier {
	t := model.New(model.KindTier).(*model.Tier)
	order := float64(one(e.Rand, 1, 2_000_000))
	t.Metadata.Name, t.Spec = "first", model.TierSpec{Order: &order, DefaultAction: one(e.Rand, model.Deny, model.Pass, model.Pass)}
	return t
}

func (e *Editor) profile() *model.Profile {
	p := model.New(model.KindProfile).(*model.Profile)
	p.Metadata.Name = "last"
	p.Spec = model.ProfileSpec{Ingress: e.rules(e.size()/3, model.Ingress), Egress: e.rules(e.size()/3, model.Egress)}
	return p
}

// policyOf copies one of the policies.
func (e *Editor) policyOf() *model.Policy {
	i := e.IntN(editedPolicies)
	had, ok := e.all[e.policy(i).Key()].(*model.Policy)
	if !ok {
		return e.policy(i)
	}
	p := *had
	p.Spec.Ingress, p.Spec.Egress = slices.Clone(p.Spec.Ingress), slices.Clone(p.Spec.Egress)
	return &p
}

// Edit changes something, and says what.
func (e *Editor) Edit() string {
	switch n := e.IntN(20); {
	case n < 8:
		p := e.policyOf()
		list, d := &p.Spec.Ingress, model.Ingress
		if e.chance(40) {
			list, d = &p.Spec.Egress, model.Egress
		}
		what := "replace"
		if len(*list) == 0 {
			*list = e.rules(3, d)
		} else {
			at := e.IntN(len(*list))
			switch e.IntN(6) {
			case 0:
				what, *list = "insert", slices.Insert(*list, at, e.rule(d))
			case 1:
				what, *list = "delete", slices.Delete(*list, at, at+1)
			case 2:
				other := e.IntN(len(*list))
				what = "swap"
				(*list)[at], (*list)[other] = (*list)[other], (*list)[at]
			case 3:
				what = "action"
				(*list)[at].Action = one(e.Rand, model.Allow, model.Deny, model.Pass, model.Log)
			case 4:
				what, *list = "cut", (*list)[:at]
			default:
				(*list)[at] = e.rule(d)
			}
		}
		e.put(p)
		return what + " a rule of " + p.Metadata.Name
	case n < 10:
		p := e.policy(e.IntN(editedPolicies))
		e.put(p)
		return "another " + p.Metadata.Name
	case n < 11:
		p := e.policyOf()
		delete(e.all, p.Key())
		return "no " + p.Metadata.Name
	case n < 12:
		p := e.policyOf()
		p.Spec.Ingress = append(p.Spec.Ingress, e.rules(one(e.Rand, 1, 13, 60), model.Ingress)...)
		e.put(p)
		return "more rules for " + p.Metadata.Name
	case n < 17:
		i := e.IntN(editedSets)
		had := e.all[e.set(i).Key()].(*model.NetworkSet)
		s := *had
		s.Spec.Nets = slices.Clone(s.Spec.Nets)
		for range 1 + e.IntN(3) {
			if len(s.Spec.Nets) > 0 && e.chance(50) {
				at := e.IntN(len(s.Spec.Nets))
				s.Spec.Nets = slices.Delete(s.Spec.Nets, at, at+1)
			} else {
				s.Spec.Nets = append(s.Spec.Nets, model.Net{Prefix: e.prefix(0)})
			}
		}
		e.put(&s)
		return "members of " + s.Metadata.Name
	case n < 18:
		s := e.set(e.IntN(editedSets))
		e.put(s)
		return "another " + s.Metadata.Name
	case n < 19:
		e.put(e.profile())
		return "profile"
	}
	e.put(e.tier())
	return "tier"
}

// Packet is a packet near the borders of rules.
func (e *Editor) Packet() model.Packet {
	family := one(e.Rand, 4, 4, 6)
	p := model.Packet{Src: e.Addr(family), Dst: e.Addr(family), Protocol: one[uint8](e.Rand, 6, 6, 6, 17, 17, 1, 58, 132, 136, 253)}
	switch {
	case p.Protocol == model.ProtoICMP || p.Protocol == model.ProtoICMPv6:
		p.ICMPType, p.ICMPCode = one[uint8](e.Rand, 0, 3, 8, 8, 128, 128, 129, 254), one[uint8](e.Rand, 0, 1, 255)
	case model.HasPorts(p.Protocol) || p.Protocol == model.ProtoUDPLite:
		ports := []uint16{1, 2, 21, 22, 23, 78, 79, 80, 81, 82, 99, 100, 101, 443, 999, 1000, 1001, 1002, 8079, 8080, 32767, 32768, 65534, 65535}
		p.SrcPort, p.DstPort = one(e.Rand, append(ports, 40000, 40000, 40000, 40000)...), one(e.Rand, ports...)
	}
	return p
}
