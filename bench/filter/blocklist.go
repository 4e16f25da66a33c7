package filter

import (
	"math/rand/v2"
	"net/netip"

	"rampart/model"
)

// Shares of prefix lengths in block lists: mostly single hosts, as published lists of attackers have.
var (
	blocked4 = lengths{{16, 1}, {20, 2}, {22, 2}, {24, 15}, {32, 80}}
	blocked6 = lengths{{32, 2}, {48, 18}, {64, 40}, {128, 40}}
)

// Blocklist makes n different prefixes that may not send; everybody else may. In the model they are one network set,
// denied by one rule.
func Blocklist(family, n int, seed uint64) *Set {
	r := rand.New(rand.NewPCG(seed, 2))
	src := nets{space: space(family, senders4, senders6), bits: blocked4}
	if family == 6 {
		src.bits = blocked6
	}
	seen := map[netip.Prefix]bool{}
	var list []netip.Prefix
	for len(list) < n {
		if p := src.draw(r); !seen[p] {
			seen[p] = true
			list = append(list, p)
		}
	}
	return blocklist(family, seed, list)
}

func blocklist(family int, seed uint64, list []netip.Prefix) *Set {
	s := &Set{Name: "blocklist", Family: family, Seed: seed, Default: model.Allow, Rules: make([]Rule, len(list))}
	for i, p := range list {
		s.Rules[i] = denySource(p)
	}
	s.resources = func() []model.Resource {
		set := model.New(model.KindGlobalNetworkSet).(*model.NetworkSet)
		set.Metadata = model.Metadata{Name: "blocked", Labels: map[string]string{"blocked": "yes"}}
		for _, p := range list {
			set.Spec.Nets = append(set.Spec.Nets, model.Net{Prefix: p})
		}
		p := policy("blocklist", 0)
		p.Spec.Ingress = []model.Rule{
			{Action: model.Deny, Source: model.EntityRule{Selector: "blocked == 'yes'"}},
			{Action: model.Allow},
		}
		return []model.Resource{hostEndpoint(), set, p}
	}
	s.change = func(number int) *Change {
		a := stranger(family, number)
		added := netip.PrefixFrom(a, a.BitLen())
		return &Change{
			What: "one more prefix", Rules: []Rule{denySource(added)},
			After:  blocklist(family, seed, append([]netip.Prefix{added}, list...)),
			Packet: model.Packet{Src: a, Dst: receiver(family), Protocol: model.ProtoUDP, SrcPort: 40000, DstPort: 9},
		}
	}
	return s
}

func denySource(p netip.Prefix) Rule {
	r := Rule{Action: model.Deny}
	r.Src, r.Dst, r.SrcPorts, r.DstPorts, r.AnyProtocol = p, anyNet(familyOf(p)), anyPorts, anyPorts, true
	return r
}

func familyOf(p netip.Prefix) int {
	if p.Addr().Is6() {
		return 6
	}
	return 4
}

// receiver is a receiver that no list names on its own.
func receiver(family int) netip.Addr {
	return space(family, receivers4, receivers6).Addr().Next()
}
