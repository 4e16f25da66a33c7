package blocks

import (
	"cmp"
	"hash/fnv"
	"net/netip"

	"rampart/engine/ir"
	"rampart/engine/ir/flat"
	"rampart/engine/ir/span"
	"rampart/model"
)

// dim is one of the fields that rules look at.
type dim uint8

// The dimensions of a packet.
const (
	src dim = iota
	dst
	proto
	sport
	dport
	dims
)

func (d dim) String() string {
	return [...]string{"source", "destination", "protocol", "source port", "destination port"}[d]
}

// item is an entry of a list, or a part of one, as a box: a packet matches when each field is in its set. The box of an
// opaque item holds everything the entry matches, and more.
type item struct {
	// order is the entry's place in the list. Several items may have it: together they are the entry.
	order int
	box   [dims]span.Set
	// bound are the dimensions that the item restricts, as bits.
	bound uint8
	// sets are the sets of the program that the source and the destination must be in, besides.
	sets [2][]ir.SetID
	// hard items ask for more than a box and sets can say. silent ones decide nothing: they log or count, and the packet
	// goes on. They are hard too.
	hard, silent bool
	// opaque tells that the box is not all: the item is hard or asks for sets.
	opaque bool
	// elements is how many elements of a map the box is; more than are worth counting end at maxElements.
	elements int
	// shape is a hash of the box alone, hash one of the box and the order.
	shape, hash uint64
}

const maxElements = 1 << 30

// seal computes what depends on the box.
func (x *item) seal() *item {
	x.bound, x.shape = 0, 0
	if x.hard {
		x.shape = 0x5bd1e995
	}
	for d, ids := range x.sets {
		x.shape ^= setsHash(d, ids)
	}
	for d := range dims {
		if x.box[d] != nil {
			x.bound |= 1 << d
			x.shape ^= dimHash(d, x.box[d])
		}
	}
	return x.sum()
}

// sum computes what depends on the shape and the number of spans.
func (x *item) sum() *item {
	x.opaque = x.hard || len(x.sets[src])+len(x.sets[dst]) > 0
	x.elements = 1
	for _, s := range x.box {
		if s != nil {
			x.elements = min(maxElements, x.elements*len(s))
		}
	}
	x.hash = mix(x.shape ^ uint64(x.order+1)*0x9e3779b97f4a7c15)
	return x
}

func dimHash(d dim, s span.Set) uint64 { return mix(hashSet(s) + uint64(d)*0x9e3779b97f4a7c15) }

func setsHash(d int, ids []ir.SetID) uint64 {
	h := uint64(0)
	for _, id := range ids {
		f := fnv.New64a()
		f.Write([]byte(id))
		h = mix(h + f.Sum64() + uint64(d) + 1)
	}
	return h
}

// inSets is the item for packets that are known to be in its sets on side d.
func (x *item) inSets(d dim) *item {
	y := *x
	y.shape ^= setsHash(int(d), x.sets[d])
	y.sets[d] = nil
	return y.sum()
}

// with is the item with another set of values in one dimension.
func (x *item) with(d dim, s span.Set) *item {
	y := *x
	if x.box[d] != nil {
		y.shape ^= dimHash(d, x.box[d])
		y.bound &^= 1 << d
	}
	y.box[d] = s
	if s != nil {
		y.shape ^= dimHash(d, s)
		y.bound |= 1 << d
	}
	return y.sum()
}

// byOrder puts items into the order of their entries, and those of one entry into some fixed order.
func byOrder(a, b *item) int {
	if a.order != b.order {
		return a.order - b.order
	}
	return cmp.Compare(a.hash, b.hash)
}

// covers tells that a packet that matches y matches x.
func (x *item) covers(y *item) bool {
	for d := range x.box {
		if !x.box[d].Covers(y.box[d]) {
			return false
		}
	}
	return true
}

// overlaps tells that some packet may match both.
func (x *item) overlaps(y *item) bool {
	for d := range x.box {
		if !x.box[d].Overlaps(y.box[d]) {
			return false
		}
	}
	return true
}

// everything tells that every packet matches.
func (x *item) everything() bool {
	return !x.opaque && x.bound == 0
}

// portless tells that the item asks for no port, so that packets without one may match it.
func (x *item) portless() bool { return x.bound&(1<<sport|1<<dport) == 0 }

// geometry turns entries into items for one family.
type geometry struct {
	family uint8
	width  [dims]int
	sets   func(ir.SetID) *ir.Set
	cache  map[ir.SetID]span.Set
}

func newGeometry(family uint8, sets func(ir.SetID) *ir.Set) *geometry {
	w := 32
	if family == 6 {
		w = 128
	}
	return &geometry{family: family, width: [dims]int{w, w, 8, 16, 16}, sets: sets, cache: map[ir.SetID]span.Set{}}
}

var portProtocols = span.Set{span.One(uint64(model.ProtoTCP)), span.One(uint64(model.ProtoUDP)), span.One(uint64(model.ProtoSCTP))}

// item is the box of an entry, nil when no packet of the family matches.
func (g *geometry) item(order int, e *flat.Entry) *item {
	m := &e.Rule.Match
	if e.HTTP || m.IPVersion != 0 && m.IPVersion != g.family || m.Protocol != 0 && m.Protocol == m.NotProtocol {
		return nil
	}
	x := &item{order: order, silent: e.Verdict == flat.Nothing}
	x.hard = x.silent || m.ICMP != nil || m.NotICMP != nil
	switch {
	case m.Protocol != 0:
		x.box[proto] = span.Set{span.One(uint64(m.Protocol))}
	case m.NotProtocol != 0:
		x.box[proto] = span.Set{span.One(uint64(m.NotProtocol))}.Not(8)
	}
	if m.ICMP != nil {
		x.box[proto] = x.box[proto].And(span.Set{span.One(uint64(model.ProtoICMP)), span.One(uint64(model.ProtoICMPv6))})
	}
	if !g.peer(x, &m.Src, src, sport) || !g.peer(x, &m.Dst, dst, dport) {
		return nil
	}
	for _, s := range x.box {
		if s.None() {
			return nil
		}
	}
	return x.seal()
}

func (g *geometry) peer(x *item, p *ir.Peer, addr, port dim) bool {
	if p.IsZero() {
		return true
	}
	if len(p.Nets) > 0 {
		x.box[addr] = g.nets(p.Nets)
		if x.box[addr].None() {
			return false
		}
	}
	if len(p.NotNets) > 0 {
		x.box[addr] = x.box[addr].And(g.nets(p.NotNets).Not(g.width[addr]))
	}
	x.sets[addr] = p.Sets
	x.hard = x.hard || len(p.NotSets) > 0
	if p.HasPorts() {
		g.ports(x, p, port)
	}
	return true
}

func (g *geometry) ports(x *item, p *ir.Peer, port dim) {
	if len(p.Ports)+len(p.PortSets) > 0 {
		x.box[proto] = x.box[proto].And(portProtocols)
		if len(p.PortSets) == 0 {
			x.box[port] = span.Ports(p.Ports)
			// All ports is still a condition: a fragment does not meet it.
			x.hard = x.hard || x.box[port] == nil
		} else {
			x.hard = true
			x.box[port] = nil
		}
	}
	if len(p.NotPorts)+len(p.NotPortSets) == 0 {
		return
	}
	// Without a protocol the rule is also about packets that have no ports; a plain rule knows how to say that.
	if x.box[proto] == nil || !portProtocols.Covers(x.box[proto]) || len(p.NotPortSets) > 0 {
		x.hard = true
		return
	}
	x.box[port] = x.box[port].And(span.Ports(p.NotPorts).Not(16))
}

func (g *geometry) nets(list []netip.Prefix) span.Set { return span.Nets(list, g.width[src]) }

func (g *geometry) set(id ir.SetID) span.Set {
	s, ok := g.cache[id]
	if !ok {
		s = span.Set{}
		if def := g.sets(id); def != nil {
			s = g.nets(def.Nets.Slice())
		}
		g.cache[id] = s
	}
	return s
}
