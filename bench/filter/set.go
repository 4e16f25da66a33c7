package filter

import (
	"fmt"
	"math/rand/v2"
	"net/netip"

	"rampart/bench/classbench"
	"rampart/engine/ir"
	"rampart/model"
)

// Rule is one rule of a list: a box (see classbench.Filter) and what happens to packets in it.
type Rule struct {
	classbench.Filter
	// Action is model.Allow or model.Deny.
	Action model.Action
}

// Set is a first-match list, as plain rules and as policy resources.
type Set struct {
	// Name says what made it: acl, labels, blocklist or the name of a file. Family is 4 or 6.
	Name   string
	Family int
	Seed   uint64
	Rules  []Rule
	// Default is the action for packets that no rule matches.
	Default model.Action

	resources func() []model.Resource
	change    func(number int) *Change
}

// Change is a small edit of a set, such as an operator makes: for the plain list, rules that are put in front.
type Change struct {
	// What was done, in words.
	What  string
	Rules []Rule
	// After is the set with the change.
	After *Set
	// Packet is one whose verdict the change turns round.
	Packet model.Packet
}

// Node, Interface and firewall label of the host endpoint that Resources defines.
const (
	Node      = "bench"
	Interface = "f0"
)

// Resources are the policies, endpoints and sets that mean the same as the plain list for packets forwarded from
// Interface of Node.
func (s *Set) Resources() []model.Resource { return s.resources() }

// Change is the set's usual small edit. Edits with different numbers are about different packets, so that After can be
// edited again.
func (s *Set) Change(number int) *Change { return s.change(number) }

// Generate makes the named set of about n rules: Generators lists the names.
func Generate(name string, family, n int, seed uint64) (*Set, error) {
	if family != 4 && family != 6 {
		return nil, fmt.Errorf("family %d is neither 4 nor 6", family)
	}
	if n < 1 {
		return nil, fmt.Errorf("a set of %d rules", n)
	}
	switch name {
	case "acl":
		return ACL(family, n, seed), nil
	case "labels":
		return Labels(family, n, seed), nil
	case "blocklist":
		return Blocklist(family, n, seed), nil
	}
	return nil, fmt.Errorf("there is no set %q; the sets are %v", name, Generators())
}

// Generators are the names that Generate knows.
func Generators() []string { return []string{"acl", "labels", "blocklist"} }

// FromFilters makes a set of ClassBench filters. The format has no actions: one rule in five, by the seed, denies.
func FromFilters(name string, filters []classbench.Filter, seed uint64) (*Set, error) {
	if len(filters) == 0 {
		return nil, fmt.Errorf("%s holds no filters", name)
	}
	r := rand.New(rand.NewPCG(seed, 11))
	s := &Set{Name: name, Family: 4, Seed: seed, Default: model.Deny, Rules: make([]Rule, len(filters))}
	if filters[0].Src.Addr().Is6() {
		s.Family = 6
	}
	for i, f := range filters {
		// The model has ports only together with one of three protocols; the filter's own translation stands for both
		// forms, and ports of any protocol become TCP's.
		f.Protocol = f.Match().Protocol
		f.AnyProtocol = f.Protocol == 0
		if f.AnyProtocol && (f.SrcPorts != anyPorts || f.DstPorts != anyPorts) {
			f.Protocol, f.AnyProtocol = model.ProtoTCP, false
		}
		s.Rules[i] = Rule{Filter: f, Action: drawAction(r)}
	}
	s.listed()
	return s, nil
}

func drawAction(r *rand.Rand) model.Action {
	if r.IntN(5) == 0 {
		return model.Deny
	}
	return model.Allow
}

// anyPorts is every port.
var anyPorts = ir.PortRange{Min: 0, Max: 65535}

// anyNet is every address of a family.
func anyNet(family int) netip.Prefix {
	if family == 6 {
		return netip.PrefixFrom(netip.IPv6Unspecified(), 0)
	}
	return netip.PrefixFrom(netip.IPv4Unspecified(), 0)
}

// HasSrcPorts and HasDstPorts tell whether the rule restricts the ports.
func (r *Rule) HasSrcPorts() bool { return r.SrcPorts != anyPorts }

// HasDstPorts is HasSrcPorts for the destination.
func (r *Rule) HasDstPorts() bool { return r.DstPorts != anyPorts }
