package lower

import (
	"cmp"
	"fmt"
	"maps"
	"math/bits"
	"net/netip"
	"slices"
	"strings"

	"rampart/engine/ir"
	"rampart/nft/ruleset"
)

// A short list of prefixes is one sorted array of intervals. The kernel makes such an array anew at each change, which
// takes 0.3 ms for 10 000 and 10 ms for 100 000, and looks through it in a microsecond once it is long. A hash table it
// changes where it changes, in 0.1 ms. So a long list is made in parts: a hash table of first addresses for each common
// length, looked up with that many bits of an address, and an array of the rest. Prefixes may nest as they like, since each
// table has its own; and one prefix more or less is one element more or less.
//
//	20.0.0.0/24 20.0.1.0/24 20.0.1.7/32 … 20.0.0.0/9     addrs4-X              20.0.1.7 …
//	                                                     nets4-24-X            20.0.0.0, 20.0.1.0 …
//	                                                     nets4-but-32-24-X     20.0.0.0/9

// AddressSet is one of the sets that together hold one family of a SetNets. It is looked up with the first Bits bits of an
// address, 0 for all of it.
type AddressSet struct {
	Name string
	Bits int
}

// AddressSets returns the sets that together hold one family of a SetNets: one, or for many prefixes several. With few
// they are two at most, for a rule whose look-ups multiply.
func (b *Builder) AddressSets(id ir.SetID, version uint8, few bool) []AddressSet {
	m := b.use(setKey{id: id, version: version, few: few})
	list := make([]AddressSet, len(m.sets))
	for i, s := range m.sets {
		list[i] = AddressSet{s.Name, m.bits[i]}
	}
	return list
}

const (
	// manyPrefixes is from how many members on a list is made in parts.
	manyPrefixes = 4096
	// commonLength is how many prefixes of a length are worth a table, in binary digits: an array of fewer costs less than
	// one more look-up.
	commonLength = 10
	// maxTables is how many tables a list may have. A packet that is in none of them pays for all, about 0.1 µs each.
	maxTables = 12
)

// byLength are the prefixes of one family by their lengths.
type byLength map[int]ir.Prefixes

// update is the lists of a set of the program, given those of the set it was before.
func (l byLength) update(had, now *ir.Set, version uint8) byLength {
	var before, after ir.Prefixes
	if had != nil {
		before = had.Nets
	}
	if now != nil {
		after = now.Nets
	}
	lists := maps.Clone(l)
	if lists == nil {
		lists = byLength{}
	}
	add, del := after.Since(before)
	come, gone := sorted(add, version), sorted(del, version)
	for length := range gone {
		if come[length] == nil {
			come[length] = nil // to be looked at
		}
	}
	for length := range come {
		if lists[length] = lists[length].Edit(come[length], gone[length]); lists[length].Len() == 0 {
			delete(lists, length)
		}
	}
	return lists
}

func sorted(list []netip.Prefix, version uint8) map[int][]netip.Prefix {
	lists := map[int][]netip.Prefix{}
	for _, n := range list {
		if n.Addr().Is4() == (version == 4) {
			lists[n.Bits()] = append(lists[n.Bits()], n)
		}
	}
	return lists
}

// tables are the lengths that get a table each, the longest first. They depend on how many prefixes there are of each in
// powers of two, so that they seldom change.
func (l byLength) tables(full int, few bool) []int {
	n := 0
	for _, list := range l {
		n += list.Len()
	}
	hosts := l[full].Len()
	switch {
	case n == hosts || few && n >= manyPrefixes && hosts >= n-hosts:
		return []int{full}
	case few || n < manyPrefixes:
		return nil
	}
	size := func(length int) int { return bits.Len(uint(l[length].Len())) }
	var lengths []int
	for length := range l {
		if size(length) >= commonLength {
			lengths = append(lengths, length)
		}
	}
	slices.SortFunc(lengths, func(a, b int) int { return cmp.Or(size(b)-size(a), b-a) })
	lengths = lengths[:min(len(lengths), maxTables)]
	slices.SortFunc(lengths, func(a, b int) int { return b - a })
	return lengths
}

// addresses makes the sets of a list, taking over what has not changed of those it was made of before; had may be nil.
func (had *madeSet) addresses(def *ir.Set, key setKey) *madeSet {
	if had == nil {
		had = &madeSet{}
	}
	f := addrField(key.version, false)
	full := 8 * f.Len()
	m := &madeSet{from: def, lengths: had.lengths.update(had.from, def, key.version)}
	m.rest = maps.Clone(m.lengths)
	tables := m.lengths.tables(full, key.few)
	for _, length := range tables {
		delete(m.rest, length)
		list := m.lengths[length]
		kind := fmt.Sprintf("nets%d-%d", key.version, length)
		if length == full {
			kind = fmt.Sprintf("addrs%d", key.version)
		}
		s := had.set(kind, def, key)
		if s.Fields == nil || !s.Prefixes.Same(list) {
			s = &ruleset.Set{Name: s.Name, Fields: []ruleset.Field{f}, Comment: s.Comment, Size: Size(list.Len()), Prefixes: list}
		}
		m.sets, m.bits = append(m.sets, s), append(m.bits, length%full)
	}
	if len(m.rest) == 0 && len(tables) > 0 {
		return m
	}
	// The name tells what the array lacks. An array that took in what a table loses would do so after the rules have changed
	// over (docs/design/transactions.md).
	kind := fmt.Sprintf("nets%d", key.version)
	if len(tables) > 0 {
		kind += "-but-" + strings.Trim(strings.ReplaceAll(fmt.Sprint(tables), " ", "-"), "[]")
	}
	s := had.set(kind, def, key)
	if s.Fields == nil || !maps.EqualFunc(m.rest, had.rest, ir.Prefixes.Same) {
		var nets []netip.Prefix
		for _, list := range m.rest {
			nets = slices.AppendSeq(nets, list.All())
		}
		s = &ruleset.Set{Name: s.Name, Fields: []ruleset.Field{f}, Comment: s.Comment, Interval: true, Elements: ruleset.Spans(f, nets)}
	}
	m.sets, m.bits = append(m.sets, s), append(m.bits, 0)
	return m
}

// set is the set of the kind, as it was; when there was none, it has a name and a comment and nothing else.
func (had *madeSet) set(kind string, def *ir.Set, key setKey) *ruleset.Set {
	name := kind + "-" + setWord(def, key.id)
	if i := slices.IndexFunc(had.sets, func(s *ruleset.Set) bool { return s.Name == name }); i >= 0 {
		return had.sets[i]
	}
	return &ruleset.Set{Name: name, Comment: setComment(def)}
}
