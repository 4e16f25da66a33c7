package compile

import (
	"cmp"
	"fmt"
	"maps"
	"net/netip"
	"slices"

	"rampart/engine/ir"
	"rampart/model"
	"rampart/model/selector"
)

// ruleCompiler compiles the rules of one policy or profile and collects what they refer to.
type ruleCompiler struct {
	namespace  string
	namespaced bool

	sets  map[ir.SetID]definition
	notes []string
	ports []portReference
}

// portReference is a named port in a rule, for the report on names that nobody defines.
type portReference struct {
	path string
	name string
	set  ir.SetID
}

// definitions are the sets the rules refer to, by ID.
func (c *ruleCompiler) definitions() []definition {
	return slices.SortedFunc(maps.Values(c.sets), func(a, b definition) int { return cmp.Compare(a.id, b.id) })
}

// compile never returns nil: no rules is different from not governing the direction.
func (c *ruleCompiler) compile(rules []model.Rule, list string) []*ir.Rule {
	out := make([]*ir.Rule, len(rules))
	for i := range rules {
		out[i] = c.rule(&rules[i], i, list)
	}
	return out
}

func (c *ruleCompiler) rule(r *model.Rule, index int, list string) *ir.Rule {
	path := fmt.Sprintf("%s[%d]", list, index)
	out := &ir.Rule{Action: r.Action, Index: index, Origin: r.Origin}
	m := &out.Match
	m.Protocol, m.NotProtocol = r.Protocol.Number, r.NotProtocol.Number
	m.ICMP, m.NotICMP = icmp(r.ICMP), icmp(r.NotICMP)
	m.HTTP = r.HTTP
	m.Src = c.peer(&r.Source, m.Protocol, path+".source")
	m.Dst = c.peer(&r.Destination, m.Protocol, path+".destination")

	version, ok := ipVersion(r)
	m.IPVersion = version
	if !ok {
		c.note(path, "its nets, ipVersion and protocol belong to different IP versions, so it matches nothing")
	}
	if !r.Protocol.IsZero() && r.Protocol.Number == 0 {
		c.note(path, fmt.Sprintf("protocol %s is unknown, so it matches nothing", r.Protocol))
		ok = false
	}
	if !ok {
		m.Src.Sets = append(m.Src.Sets, c.refer(netsOf(matchesNothing)))
	}
	if r.HTTP != nil {
		c.note(path, "http needs layer 7 enforcement; without it the rule matches nothing")
	}
	return out
}

func (c *ruleCompiler) note(path, text string) { c.notes = append(c.notes, path+": "+text) }

func (c *ruleCompiler) refer(d definition) ir.SetID {
	if c.sets == nil {
		c.sets = map[ir.SetID]definition{}
	}
	c.sets[d.id] = d
	return d.id
}

func (c *ruleCompiler) peer(e *model.EntityRule, protocol uint8, path string) ir.Peer {
	p := ir.Peer{Nets: masked(e.Nets), NotNets: masked(e.NotNets)}
	pos, neg := model.EntitySelector(c.namespace, c.namespaced, e)
	p.Ports, p.PortSets = c.portList(e.Ports, pos, protocol, path+".ports")
	p.NotPorts, p.NotPortSets = c.portList(e.NotPorts, pos, protocol, path+".notPorts")
	if pos != nil && (len(p.PortSets) == 0 || len(p.Ports) > 0) {
		// With named ports only, the sets of ports already confine the peer to pos.
		p.Sets = append(p.Sets, c.refer(netsOf(pos)))
	}
	if neg != nil {
		p.NotSets = append(p.NotSets, c.refer(netsOf(neg)))
	}
	if s := e.Services; s != nil && *s != (model.ServiceMatch{}) {
		p.Sets = append(p.Sets, c.refer(emptyNets(fmt.Sprintf("service %s/%s", s.Namespace, s.Name))))
		c.note(path, "services needs Kubernetes Services, which are not known here, so the rule matches nothing")
	}
	return p
}

// portList splits numbers from names. A name stands for the ports of that name of the endpoints that the positive
// selector matches, also where it is negated.
func (c *ruleCompiler) portList(ports []model.Port, pos *selector.Selector, protocol uint8, path string) ([]ir.PortRange, []ir.SetID) {
	var ranges []ir.PortRange
	var sets []ir.SetID
	for _, p := range ports {
		if p.Name == "" {
			ranges = append(ranges, ir.PortRange{Min: p.Min, Max: p.Max})
			continue
		}
		id := c.refer(portsOf(pos, p.Name, protocol))
		sets = append(sets, id)
		c.ports = append(c.ports, portReference{path: path, name: p.Name, set: id})
	}
	return ranges, sets
}

// icmp without a type restricts nothing.
func icmp(m *model.ICMP) *ir.ICMP {
	if m == nil || m.Type == nil {
		return nil
	}
	out := &ir.ICMP{Type: uint8(*m.Type)}
	if m.Code != nil {
		out.Code, out.HasCode = uint8(*m.Code), true
	}
	return out
}

// masked copies the list, since resources are constants.
func masked(nets []netip.Prefix) []netip.Prefix {
	if len(nets) == 0 {
		return nil
	}
	out := make([]netip.Prefix, len(nets))
	for i, n := range nets {
		out[i] = n.Masked()
	}
	return out
}

// ipVersion is 4 or 6 when the rule can only match packets of that version: by ipVersion, by a list of nets, negated
// ones included, that holds only one family, or by the NAME of ICMP or ICMPv6. It is false when no version is left.
func ipVersion(r *model.Rule) (uint8, bool) {
	v4, v6 := true, true
	only := func(is4, is6 bool) { v4, v6 = v4 && is4, v6 && is6 }
	if r.IPVersion != 0 {
		only(r.IPVersion == 4, r.IPVersion == 6)
	}
	switch r.Protocol.Name {
	case "ICMP":
		only(true, false)
	case "ICMPv6":
		only(false, true)
	}
	for _, nets := range [][]netip.Prefix{r.Source.Nets, r.Source.NotNets, r.Destination.Nets, r.Destination.NotNets} {
		if len(nets) > 0 {
			is4 := func(n netip.Prefix) bool { return n.Addr().Is4() }
			is6 := func(n netip.Prefix) bool { return n.Addr().Is6() }
			only(slices.ContainsFunc(nets, is4), slices.ContainsFunc(nets, is6))
		}
	}
	switch {
	case v4 && v6:
		return 0, true
	case v4:
		return 4, true
	case v6:
		return 6, true
	}
	return 0, false
}
