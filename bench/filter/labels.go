package filter

import (
	"fmt"
	"math/rand/v2"
	"net/netip"

	"rampart/engine/ir"
	"rampart/model"
)

// Shape of the Labels sets: how many endpoints an app has, how many rules select it as their source, and how many rules
// a policy has.
const (
	appSize        = 8
	appRules       = 4
	policyOfLabels = 20
)

// labelRule is a rule by label: members of an app may reach a service.
type labelRule struct {
	app      int
	service  netip.Addr
	protocol uint8
	port     uint16
}

// estate is what a Labels set is made from.
type estate struct {
	family int
	seed   uint64
	// apps lists the members' addresses of each app.
	apps  [][]netip.Addr
	rules []labelRule
}

// Labels makes an estate of endpoints and label rules that is worth n plain rules: each rule by label stands for one
// plain rule per member of the app it selects.
func Labels(family, n int, seed uint64) *Set {
	r := rand.New(rand.NewPCG(seed, 3))
	e := &estate{family: family, seed: seed}
	used := map[netip.Addr]bool{}
	draw := func(p netip.Prefix) netip.Addr {
		for {
			if a := randomIn(r, p); !used[a] {
				used[a] = true
				return a
			}
		}
	}
	for left := n; left > 0; {
		app := make([]netip.Addr, 0, appSize)
		for range min(appSize, left) {
			app = append(app, draw(space(family, senders4, senders6)))
		}
		e.apps = append(e.apps, app)
		for range appRules {
			if left < len(app) {
				break
			}
			e.rules = append(e.rules, labelRule{
				app: len(e.apps) - 1, service: draw(space(family, receivers4, receivers6)),
				protocol: [...]uint8{model.ProtoTCP, model.ProtoUDP}[r.IntN(2)], port: aclPorts[r.IntN(len(aclPorts))],
			})
			left -= len(app)
		}
	}
	r.Shuffle(len(e.rules), func(i, j int) { e.rules[i], e.rules[j] = e.rules[j], e.rules[i] })
	return e.set()
}

func (e *estate) set() *Set {
	s := &Set{Name: "labels", Family: e.family, Seed: e.seed, Default: model.Deny, resources: e.resources}
	for _, rule := range e.rules {
		for _, a := range e.apps[rule.app] {
			s.Rules = append(s.Rules, e.plain(rule, a))
		}
	}
	s.change = e.change
	return s
}

func (e *estate) plain(rule labelRule, member netip.Addr) Rule {
	r := Rule{Action: model.Allow}
	r.Src, r.Dst = netip.PrefixFrom(member, member.BitLen()), netip.PrefixFrom(rule.service, rule.service.BitLen())
	r.SrcPorts, r.DstPorts, r.Protocol = anyPorts, ir.PortRange{Min: rule.port, Max: rule.port}, rule.protocol
	return r
}

func (e *estate) resources() []model.Resource {
	out := []model.Resource{hostEndpoint()}
	for i, members := range e.apps {
		for j, a := range members {
			w := model.New(model.KindWorkloadEndpoint).(*model.WorkloadEndpoint)
			w.Metadata = model.Metadata{
				Name: fmt.Sprintf("app%d-%d", i, j), Namespace: model.DefaultNamespace,
				Labels: map[string]string{"app": fmt.Sprintf("app%d", i)},
			}
			w.Spec = model.WorkloadEndpointSpec{
				Node: "elsewhere", InterfaceName: fmt.Sprintf("cali%d.%d", i, j),
				IPNetworks: []model.Net{{Prefix: netip.PrefixFrom(a, a.BitLen())}},
			}
			out = append(out, w)
		}
	}
	for i := 0; i < len(e.rules); i += policyOfLabels {
		p := policy(fmt.Sprintf("labels-%04d", i/policyOfLabels), i/policyOfLabels)
		for _, rule := range e.rules[i:min(i+policyOfLabels, len(e.rules))] {
			p.Spec.Ingress = append(p.Spec.Ingress, model.Rule{
				Action: model.Allow, Protocol: model.ProtocolNumber(rule.protocol),
				Source: model.EntityRule{Selector: fmt.Sprintf("app == 'app%d'", rule.app)},
				Destination: model.EntityRule{
					Nets:  []netip.Prefix{netip.PrefixFrom(rule.service, rule.service.BitLen())},
					Ports: []model.Port{model.SinglePort(rule.port)},
				},
			})
		}
		out = append(out, p)
	}
	return out
}

// change gives the first app one more member: an endpoint gets a label.
func (e *estate) change(number int) *Change {
	added := stranger(e.family, number)
	after := *e
	after.apps = append([][]netip.Addr{append([]netip.Addr{added}, e.apps[0]...)}, e.apps[1:]...)
	c := &Change{What: "one more endpoint with a label", After: after.set()}
	for _, rule := range e.rules {
		if rule.app == 0 {
			c.Rules = append(c.Rules, e.plain(rule, added))
			c.Packet = model.Packet{Src: added, Dst: rule.service, Protocol: rule.protocol, SrcPort: 40000, DstPort: rule.port}
		}
	}
	return c
}
