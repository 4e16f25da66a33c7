package blocks

import (
	"cmp"
	"hash/fnv"
	"maps"
	"net/netip"
	"slices"

	"rampart/engine/ir"
)

// roster sorts addresses by the sets they are in. It is immutable; update makes the next one.
type roster struct {
	ids  []ir.SetID
	sets []*ir.Set // as they were, beside ids
	// entries are ascending. When some set holds prefixes they are nil, and the classes have ranges instead.
	entries []entry
	// classes by mark.
	classes map[uint64]*class
}

// entry is an address; its mark is that of the sets it is in, key the address as a map's key.
type entry struct {
	addr num
	mark uint64
	key  string
}

// class is the addresses that are in the same sets. It says nothing about which they are, unless it has ranges.
type class struct {
	mark   uint64
	sets   []ir.SetID
	ranges spans
}

// setMark stands for a set; the mark of several is the exclusive or of theirs.
func setMark(id ir.SetID) uint64 {
	h := fnv.New64a()
	h.Write([]byte(id))
	return mix(h.Sum64())
}

func (p *planner) newRoster(ids []ir.SetID) *roster {
	r := &roster{ids: ids, sets: make([]*ir.Set, len(ids))}
	total := 0
	for i, id := range ids {
		if r.sets[i] = p.in.Sets(id); r.sets[i] != nil {
			total += len(r.sets[i].Nets)
		}
	}
	marks := make(map[num]uint64, total/4)
	for i, s := range r.sets {
		mark := setMark(ids[i])
		for n := range p.ofFamily(s) {
			if !n.IsSingleIP() {
				r.ranges(p)
				return r
			}
			marks[addrNum(n.Addr())] ^= mark
		}
	}
	r.entries = make([]entry, 0, len(marks))
	for a, mark := range marks {
		r.entries = append(r.entries, entry{a, mark, string(p.key(nil, src, a))})
	}
	slices.SortFunc(r.entries, func(a, b entry) int { return a.addr.compare(b.addr) })
	r.classify(p, nil)
	return r
}

// ofFamily are the prefixes of a set of the planner's family.
func (p *planner) ofFamily(s *ir.Set) func(yield func(netip.Prefix) bool) {
	return func(yield func(netip.Prefix) bool) {
		if s == nil {
			return
		}
		for _, n := range s.Nets {
			if n.Addr().Is4() == (p.in.Family == 4) && !yield(n) {
				return
			}
		}
	}
}

// classify finds the classes of the entries; those in had are taken over.
func (r *roster) classify(p *planner, had map[uint64]*class) {
	r.classes = make(map[uint64]*class, len(had))
	for _, e := range r.entries {
		if r.classes[e.mark] != nil {
			continue
		}
		if c := had[e.mark]; c != nil {
			r.classes[e.mark] = c
			continue
		}
		c := &class{mark: e.mark}
		a := p.addr(e.addr)
		n := netip.PrefixFrom(a, a.BitLen())
		for i, s := range r.sets {
			if s == nil {
				continue
			}
			if _, ok := slices.BinarySearchFunc(s.Nets, n, comparePrefix); ok {
				c.sets = append(c.sets, r.ids[i])
			}
		}
		r.classes[e.mark] = c
	}
}

// comparePrefix is the order of a set's prefixes.
func comparePrefix(a, b netip.Prefix) int {
	return cmp.Or(a.Addr().Compare(b.Addr()), cmp.Compare(a.Bits(), b.Bits()))
}

// ranges makes the classes of sets that hold prefixes.
func (r *roster) ranges(p *planner) {
	var list []part
	for _, id := range r.ids {
		x := &item{}
		if x.box[src] = p.geo.set(id); x.box[src] == nil {
			x.box[src] = spans{{num{}, maxNum(p.geo.width[src])}}
		}
		x.sets[src] = []ir.SetID{id}
		list = append(list, part{x.seal(), 1})
	}
	r.classes = map[uint64]*class{}
	found, _ := slicesOf(list, src, maxElements)
	for _, s := range found {
		c := &class{ranges: s.ranges}
		for _, x := range s.items {
			c.sets = append(c.sets, x.sets[src][0])
			c.mark ^= setMark(x.sets[src][0])
		}
		slices.Sort(c.sets)
		r.classes[c.mark] = c
	}
}

// update is the roster of the sets as they are now.
func (r *roster) update(p *planner) *roster {
	next := &roster{ids: r.ids, sets: slices.Clone(r.sets)}
	changed := map[num]uint64{}
	for i, id := range r.ids {
		now := p.in.Sets(id)
		if same(r.sets[i], now) {
			continue
		}
		next.sets[i] = now
		mark := setMark(id)
		exact := r.entries != nil
		difference(p.ofFamily(r.sets[i]), p.ofFamily(now), func(n netip.Prefix) {
			exact = exact && n.IsSingleIP()
			changed[addrNum(n.Addr())] ^= mark
		})
		if !exact {
			return p.newRoster(r.ids)
		}
	}
	next.entries = p.patch(r.entries, changed)
	next.classify(p, r.classes)
	return next
}

// same tells that a set has not changed.
func same(a, b *ir.Set) bool { return a == b || a != nil && b != nil && a.Sum != 0 && a.Sum == b.Sum }

// difference calls f for the prefixes that are in one of two ascending sequences and not in the other.
func difference(a, b func(func(netip.Prefix) bool), f func(netip.Prefix)) {
	x, y := slices.Collect(a), slices.Collect(b)
	for len(x) > 0 && len(y) > 0 {
		switch c := comparePrefix(x[0], y[0]); {
		case c < 0:
			f(x[0])
			x = x[1:]
		case c > 0:
			f(y[0])
			y = y[1:]
		default:
			x, y = x[1:], y[1:]
		}
	}
	for _, n := range append(x, y...) {
		f(n)
	}
}

// patch changes the marks of some addresses; an address without a mark is in no set and goes.
func (p *planner) patch(entries []entry, changed map[num]uint64) []entry {
	if len(changed) == 0 {
		return entries
	}
	addrs := slices.SortedFunc(maps.Keys(changed), num.compare)
	out := make([]entry, 0, len(entries)+len(addrs))
	for _, a := range addrs {
		i, found := slices.BinarySearchFunc(entries, a, func(e entry, a num) int { return e.addr.compare(a) })
		out = append(out, entries[:i]...)
		e := entry{addr: a, mark: changed[a]}
		if found {
			e.mark, e.key = e.mark^entries[i].mark, entries[i].key
			i++
		} else {
			e.key = string(p.key(nil, src, a))
		}
		if e.mark != 0 {
			out = append(out, e)
		}
		entries = entries[i:]
	}
	return append(out, entries...)
}

// ordered are the classes in a fixed order.
func (r *roster) ordered() []*class {
	return slices.SortedFunc(maps.Values(r.classes), func(a, b *class) int { return cmp.Compare(a.mark, b.mark) })
}
