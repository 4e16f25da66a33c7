package blocks

import (
	"cmp"
	"hash/fnv"
	"maps"
	"net/netip"
	"slices"

	"rampart/engine/ir"
	"rampart/engine/ir/span"
)

// roster sorts addresses by the sets they are in. It is immutable; update makes the next one.
type roster struct {
	ids  []ir.SetID
	sets []*ir.Set // as they were, beside ids
	// entries are ascending. When some set holds prefixes they are nil, and the classes have ranges instead.
	entries []entry
	// classes are in the order of their marks.
	classes []*class
	// changed are the addresses whose entry is not that of the roster before, ascending.
	changed []span.Value
}

// entry is an address; its mark is that of the sets it is in, key the address as a map's key.
type entry struct {
	addr span.Value
	mark uint64
	key  string
}

// class is the addresses that are in the same sets. It says nothing about which they are, unless it has ranges.
type class struct {
	mark   uint64
	sets   []ir.SetID
	ranges span.Set
}

// setMark stands for a set; the mark of several is the exclusive or of theirs.
func setMark(id ir.SetID) uint64 {
	h := fnv.New64a()
	h.Write([]byte(id))
	return mix(h.Sum64())
}

func (p *planner) newRoster(ids []ir.SetID) *roster {
	r := &roster{ids: ids, sets: make([]*ir.Set, len(ids))}
	in := map[span.Value][]int32{} // the sets an address is in
	for i, id := range ids {
		r.sets[i] = p.in.Sets(id)
		for n := range p.ofFamily(r.sets[i]) {
			if !n.IsSingleIP() {
				r.ranges(p)
				return r
			}
			a := span.Addr(n.Addr())
			in[a] = append(in[a], int32(i))
		}
	}
	marks := make([]uint64, len(ids))
	for i, id := range ids {
		marks[i] = setMark(id)
	}
	r.entries = make([]entry, 0, len(in))
	seen := map[uint64]bool{}
	for a, list := range in {
		e := entry{addr: a, key: string(p.key(nil, src, a))}
		for _, i := range list {
			e.mark ^= marks[i]
		}
		r.entries = append(r.entries, e)
		if !seen[e.mark] {
			seen[e.mark] = true
			c := &class{mark: e.mark}
			for _, i := range list {
				c.sets = append(c.sets, ids[i])
			}
			r.classes = append(r.classes, c)
		}
	}
	slices.SortFunc(r.entries, func(a, b entry) int { return a.addr.Compare(b.addr) })
	r.sort()
	return r
}

func (r *roster) sort() {
	slices.SortFunc(r.classes, func(a, b *class) int { return cmp.Compare(a.mark, b.mark) })
}

// ofFamily are the prefixes of a set of the planner's family.
func (p *planner) ofFamily(s *ir.Set) func(yield func(netip.Prefix) bool) {
	return func(yield func(netip.Prefix) bool) {
		if s == nil {
			return
		}
		for n := range s.Nets.All() {
			if n.Addr().Is4() == (p.in.Family == 4) && !yield(n) {
				return
			}
		}
	}
}

// classOf makes the class of an address.
func (r *roster) classOf(p *planner, e entry) *class {
	c := &class{mark: e.mark}
	a := p.addr(e.addr)
	n := netip.PrefixFrom(a, a.BitLen())
	for i, s := range r.sets {
		if s == nil {
			continue
		}
		if s.Nets.Contains(n) {
			c.sets = append(c.sets, r.ids[i])
		}
	}
	return c
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
			x.box[src] = span.Set{span.All(p.geo.width[src])}
		}
		x.sets[src] = []ir.SetID{id}
		list = append(list, part{x.seal(), 1})
	}
	found, _ := slicesOf(list, src, maxElements)
	for _, s := range found {
		c := &class{ranges: s.ranges}
		for _, x := range s.items {
			c.sets = append(c.sets, x.sets[src][0])
			c.mark ^= setMark(x.sets[src][0])
		}
		r.classes = append(r.classes, c)
	}
	r.sort()
}

// update is the roster of the sets as they are now.
func (r *roster) update(p *planner) *roster {
	next := &roster{ids: r.ids, sets: slices.Clone(r.sets)}
	changed := map[span.Value]uint64{}
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
			changed[span.Addr(n.Addr())] ^= mark
		})
		if !exact {
			return p.newRoster(r.ids)
		}
	}
	next.changed = slices.SortedFunc(maps.Keys(changed), span.Value.Compare)
	next.entries = patch(r.entries, next.changed, func(a span.Value, had *entry) (entry, bool) {
		e := entry{addr: a, mark: changed[a]}
		if had != nil {
			e.mark, e.key = e.mark^had.mark, had.key
		} else {
			e.key = string(p.key(nil, src, a))
		}
		return e, e.mark != 0
	})
	next.reclassify(p, r)
	return next
}

// reclassify finds the classes, knowing those of the roster before: a class may be new, or have lost its last address.
func (r *roster) reclassify(p *planner, old *roster) {
	touched := map[uint64]bool{}
	for _, a := range r.changed {
		for _, list := range [][]entry{old.entries, r.entries} {
			if i, ok := findEntry(list, a); ok {
				touched[list[i].mark] = true
			}
		}
	}
	left := make(map[uint64]*entry, len(touched)) // an address of each
	for i := range r.entries {
		if e := &r.entries[i]; touched[e.mark] && left[e.mark] == nil {
			left[e.mark] = e
		}
	}
	for _, c := range old.classes {
		if touched[c.mark] {
			if left[c.mark] == nil {
				continue
			}
			delete(left, c.mark)
		}
		r.classes = append(r.classes, c)
	}
	for _, e := range left {
		r.classes = append(r.classes, r.classOf(p, *e))
	}
	if len(left) > 0 {
		r.sort()
	}
}

func findEntry(list []entry, a span.Value) (int, bool) {
	return slices.BinarySearchFunc(list, a, func(e entry, a span.Value) int { return e.addr.Compare(a) })
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

// patch copies entries with what change says for the addresses in changed; it is given the entry that was there.
func patch(entries []entry, changed []span.Value, change func(a span.Value, had *entry) (entry, bool)) []entry {
	if len(changed) == 0 {
		return entries
	}
	out := make([]entry, 0, len(entries)+len(changed))
	for _, a := range changed {
		i, found := findEntry(entries, a)
		out = append(out, entries[:i]...)
		var had *entry
		if found {
			had = &entries[i]
			i++
		}
		if e, ok := change(a, had); ok {
			out = append(out, e)
		}
		entries = entries[i:]
	}
	return append(out, entries...)
}
