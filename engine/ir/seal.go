package ir

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"

	"rampart/model"
)

// Seal brings a program into canonical form: it sorts every list, gives IDs where there are none, and computes the sums
// and the Hash. Call it once, before the program is shared. Objects that already have a Sum come from a sealed program
// and are left untouched, so a program may share unchanged objects with its predecessor.
func Seal(p *Program) {
	sealObjects(p)
	for _, s := range p.Sets {
		SealSet(s)
	}
	slices.SortFunc(p.Sets, func(a, b *Set) int { return cmp.Compare(a.ID, b.ID) })
	slices.SortFunc(p.Endpoints, compareEndpoints)
	slices.SortFunc(p.States, func(a, b PolicyState) int { return a.Key.Compare(b.Key) })
	p.sums = sumsOf(p.Endpoints, nil, nil, 16, (*digest).endpoint)
	p.setSums = sumsOf(p.Sets, nil, nil, 8, (*digest).set)
	p.Hash = hash(p)
}

// SealSorted is Seal for a program whose sets, endpoints and states, which may be many, are in their order already. last is
// the sealed program before, if there is one: nothing is to be done about the sets and endpoints that it has at the same
// places.
func SealSorted(p, last *Program) {
	sealObjects(p)
	if last == nil {
		last = &Program{}
	}
	if p.sums = last.sums; !p.SameEndpoints(last) {
		p.sums = sumsOf(p.Endpoints, last.Endpoints, last.sums, 16, (*digest).endpoint)
	}
	p.setSums = sumsOf(p.Sets, last.Sets, last.setSums, 8, (*digest).set)
	p.Hash = hash(p)
}

// sumsOf has the sums of a list, of so many octets each, given those of an earlier one: mostly a few of many objects are others.
func sumsOf[T any](list, earlier []*T, sums digest, size int, sum func(*digest, *T)) digest {
	if len(list) != len(earlier) {
		d := make(digest, 0, size*len(list))
		for _, x := range list {
			sum(&d, x)
		}
		return d
	}
	cloned := false
	for i, x := range list {
		if x == earlier[i] {
			continue
		}
		if !cloned {
			sums, cloned = slices.Clone(sums), true
		}
		at := sums[size*i : size*i]
		sum(&at, x)
	}
	return sums
}

// endpoint adds an endpoint's sums, 16 octets.
func (d *digest) endpoint(e *Endpoint) {
	SealEndpoint(e)
	d.u64(e.Sum)
	d.u64(e.OriginSum)
}

// set adds a set's sum, 8 octets.
func (d *digest) set(s *Set) {
	SealSet(s)
	d.u64(s.Sum)
}

func sealObjects(p *Program) {
	for _, q := range p.Policies {
		SealPolicy(q)
	}
	for _, q := range p.Profiles {
		SealProfile(q)
	}
	for _, g := range p.Groups {
		if g.ID == "" {
			g.ID = NewGroupID(g)
		}
	}
	slices.SortFunc(p.Policies, func(a, b *Policy) int { return cmp.Compare(a.ID, b.ID) })
	slices.SortFunc(p.Profiles, func(a, b *Profile) int { return cmp.Compare(a.Name, b.Name) })
	slices.SortFunc(p.Groups, func(a, b *Group) int { return cmp.Compare(a.ID, b.ID) })
}

func hash(p *Program) string {
	d := make(digest, 0, 1024+len(p.sums)+len(p.setSums)+64*len(p.States))
	d.string(p.Node)
	d.options(&p.Options)
	d.length(len(p.Sets))
	d = append(d, p.setSums...)
	d.length(len(p.Policies))
	for _, q := range p.Policies {
		d.u64(q.Sum)
		d.u64(q.OriginSum)
	}
	d.length(len(p.Profiles))
	for _, q := range p.Profiles {
		d.u64(q.Sum)
		d.u64(q.OriginSum)
	}
	d.length(len(p.Groups))
	for _, g := range p.Groups {
		d.string(string(g.ID))
	}
	d.length(len(p.Endpoints))
	d = append(d, p.sums...)
	d.length(len(p.States))
	for i := range p.States {
		d.state(&p.States[i])
	}
	return fmt.Sprintf("%016x", d.sum())
}

// SealSet sorts the members and computes ID and Sum; Seal calls it.
func SealSet(s *Set) {
	if s.Sum != 0 {
		return
	}
	if s.ID == "" {
		s.ID = NewSetID(s.Kind, s.Selector, s.PortName, s.Protocol)
	}
	sortUnique(&s.Ports, PortMember.Compare)

	d := make(digest, 0, 256+len(s.Selector)+20*len(s.Ports))
	d.string(string(s.ID))
	d.byte(byte(s.Kind))
	d.string(s.Selector)
	d.string(s.PortName)
	d.byte(s.Protocol)
	d.chunks(s.Nets)
	d.length(len(s.Ports))
	for _, m := range s.Ports {
		d.addr(m.Addr)
		d.byte(m.Protocol)
		d.u16(m.Port)
	}
	s.Sum = d.sum()
}

// SealPolicy gives the policy's rules their IDs and computes its Sum; Seal calls it.
func SealPolicy(q *Policy) {
	if q.Sum != 0 {
		return
	}
	if q.ID == "" {
		q.ID = PolicyID(q.Key.String())
	}
	sealRules(q.Key, q.Ingress, q.Egress)
	var d digest
	d.string(string(q.ID))
	d.string(q.Tier)
	d.bool(q.Staged)
	d.rules(q.Ingress)
	d.rules(q.Egress)
	q.Sum = d.sum()
	q.OriginSum = originSum(q.Origin, q.Ingress, q.Egress)
}

// SealProfile gives the profile's rules their IDs and computes its Sum; Seal calls it.
func SealProfile(q *Profile) {
	if q.Sum != 0 {
		return
	}
	sealRules(ProfileKey(q.Name), q.Ingress, q.Egress)
	var d digest
	d.string(q.Name)
	d.bool(q.Missing)
	d.rules(q.Ingress)
	d.rules(q.Egress)
	q.Sum = d.sum()
	q.OriginSum = originSum(q.Origin, q.Ingress, q.Egress)
}

func originSum(own model.Origin, ingress, egress []*Rule) uint64 {
	var d digest
	d.origin(own)
	for _, list := range [2][]*Rule{ingress, egress} {
		for _, r := range list {
			d.origin(r.Origin)
		}
	}
	return d.sum()
}

func sealRules(owner model.Key, ingress, egress []*Rule) {
	for _, list := range [2][]*Rule{ingress, egress} {
		for _, r := range list {
			sealPeer(&r.Match.Src)
			sealPeer(&r.Match.Dst)
		}
	}
	IdentifyRules(owner, model.Ingress, ingress)
	IdentifyRules(owner, model.Egress, egress)
}

func sealPeer(p *Peer) {
	sortUnique(&p.Nets, ComparePrefixes)
	sortUnique(&p.NotNets, ComparePrefixes)
	sortUnique(&p.Sets, cmp.Compare[SetID])
	sortUnique(&p.NotSets, cmp.Compare[SetID])
	sortUnique(&p.Ports, PortRange.Compare)
	sortUnique(&p.PortSets, cmp.Compare[SetID])
	sortUnique(&p.NotPorts, PortRange.Compare)
	sortUnique(&p.NotPortSets, cmp.Compare[SetID])
}

// sortUnique does not write to a list that is in order, since such a list may be shared.
func sortUnique[T comparable](list *[]T, compare func(a, b T) int) {
	for i := 1; i < len(*list); i++ {
		if compare((*list)[i-1], (*list)[i]) >= 0 {
			slices.SortFunc(*list, compare)
			*list = slices.Compact(*list)
			return
		}
	}
}

// compareEndpoints orders by key, then by interface: one host endpoint can be in force on several.
func compareEndpoints(a, b *Endpoint) int {
	return cmp.Or(a.Key.Compare(b.Key), cmp.Compare(a.Interface, b.Interface))
}

// SealEndpoint computes the endpoint's Sum; its groups must have their IDs or be complete. Seal calls it.
func SealEndpoint(e *Endpoint) {
	if e.Sum != 0 {
		return
	}
	sortUnique(&e.Addrs, ComparePrefixes)
	sortUnique(&e.SpoofAllowed, ComparePrefixes)
	var d digest
	d.string(e.Key.String())
	d.string(e.Interface)
	d.bool(e.Workload)
	d.prefixes(e.Addrs)
	d.prefixes(e.SpoofAllowed)
	for _, groups := range [2]*[model.NumLayers]*Group{&e.Ingress, &e.Egress} {
		for _, g := range groups {
			switch {
			case g == nil:
				d.string("")
			case g.ID == "":
				g.ID = NewGroupID(g)
				fallthrough
			default:
				d.string(string(g.ID))
			}
		}
	}
	e.Sum = d.sum()
	d = d[:0]
	d.origin(e.Origin)
	e.OriginSum = d.sum()
}

// ComparePrefixes orders masked prefixes as netip.Prefix.Compare does, which spends most of its time on masking them.
func ComparePrefixes(a, b netip.Prefix) int {
	if c := a.Addr().Compare(b.Addr()); c != 0 {
		return c
	}
	return a.Bits() - b.Bits()
}

// Compare orders members by address, protocol and port.
func (m PortMember) Compare(o PortMember) int {
	return cmp.Or(m.Addr.Compare(o.Addr), cmp.Compare(m.Protocol, o.Protocol), cmp.Compare(m.Port, o.Port))
}

// Compare orders ranges by their first port, then by their last.
func (r PortRange) Compare(o PortRange) int {
	return cmp.Or(cmp.Compare(r.Min, o.Min), cmp.Compare(r.Max, o.Max))
}
