package eval

import (
	"cmp"
	"iter"
	"maps"
	"net/netip"
	"slices"

	"rampart/engine/ir"
	"rampart/engine/ir/flat"
	"rampart/model"
)

// ruleIndex finds the entries of a list that a packet may match. Each entry stands under the keys of one of its conditions,
// the one whose keys it shares with the fewest others: a packet that matches the entry has at least one of them. What is
// left to try for a packet is what shares its keys; entries that differ in nothing but what is no key, such as what they
// exclude, are all tried.
type ruleIndex struct {
	entries map[ruleKey][]int // ascending
	rest    []int             // entries without a key
	// bits are the lengths of the prefixes among the keys, by end.
	bits [2][]int
	// members are the sets among the keys by the prefixes in them, for as many sets as fit, and memberBits the lengths of
	// these prefixes. The other sets are asked.
	members    map[netip.Prefix][]ir.SetID
	memberBits []int
	asked      []ir.SetID
	scratch    [][]int
}

// ruleKey is something that a packet has and a rule asks for: a net or a set that an end's address is in, an end's port,
// or the protocol. The other fields are zero.
type ruleKey struct {
	end      end
	net      netip.Prefix
	set      ir.SetID
	port     uint16
	protocol uint8
}

type end uint8

const (
	source end = iota
	destination
)

// maxKeys is how many keys an entry may stand under.
const maxKeys = 256

func newRuleIndex(l *flat.List, sets map[ir.SetID]*lazySet, memberLimit int) *ruleIndex {
	x := &ruleIndex{entries: map[ruleKey][]int{}, members: map[netip.Prefix][]ir.SetID{}}
	sharing := map[ruleKey]int{}
	for i := range l.Entries {
		for _, keys := range keysOf(&l.Entries[i].Rule.Match) {
			for _, k := range keys {
				sharing[k]++
			}
		}
	}
	for i := range l.Entries {
		keys := fewest(keysOf(&l.Entries[i].Rule.Match), sharing)
		if keys == nil {
			x.rest = append(x.rest, i)
		}
		for _, k := range keys {
			if at := x.entries[k]; len(at) == 0 || at[len(at)-1] != i {
				x.entries[k] = append(at, i)
			}
		}
	}
	x.survey(sets, memberLimit)
	return x
}

// keysOf are the conditions of a rule that are keys, each as a choice.
func keysOf(m *ir.Match) [][]ruleKey {
	var choices [][]ruleKey
	for e, p := range []*ir.Peer{&m.Src, &m.Dst} {
		if n := len(p.Nets); n > 0 && n <= maxKeys {
			keys := make([]ruleKey, n)
			for i, net := range p.Nets {
				keys[i] = ruleKey{end: end(e), net: net.Masked()}
			}
			choices = append(choices, keys)
		}
		for _, id := range p.Sets {
			choices = append(choices, []ruleKey{{end: end(e), set: id}})
		}
		if keys := portKeys(end(e), p); keys != nil {
			choices = append(choices, keys)
		}
	}
	if m.Protocol != 0 {
		choices = append(choices, []ruleKey{{protocol: m.Protocol}})
	}
	return choices
}

// portKeys are the numbers of an end's ports, if they are few and there are no others.
func portKeys(e end, p *ir.Peer) []ruleKey {
	const few = 64
	if len(p.PortSets) > 0 {
		return nil
	}
	var keys []ruleKey
	for _, r := range p.Ports {
		if int(r.Max)-int(r.Min) >= few-len(keys) {
			return nil
		}
		for port := int(r.Min); port <= int(r.Max); port++ {
			keys = append(keys, ruleKey{end: e, port: uint16(port)})
		}
	}
	return keys
}

// fewest is the choice whose keys are shared least, nil when there is none.
func fewest(choices [][]ruleKey, sharing map[ruleKey]int) []ruleKey {
	most := func(keys []ruleKey) int {
		n := 0
		for _, k := range keys {
			n = max(n, sharing[k])
		}
		return n
	}
	if len(choices) == 0 {
		return nil
	}
	return slices.MinFunc(choices, func(a, b []ruleKey) int { return cmp.Compare(most(a), most(b)) })
}

// survey notes what to look up for a packet. Sets are kept by their members from the smallest on.
func (x *ruleIndex) survey(sets map[ir.SetID]*lazySet, memberLimit int) {
	bits, memberBits, ids := [2]map[int]bool{{}, {}}, map[int]bool{}, map[ir.SetID]bool{}
	for k := range x.entries {
		if k.net.IsValid() {
			bits[k.end][k.net.Bits()] = true
		} else if s := sets[k.set]; s != nil {
			ids[k.set] = true
		}
	}
	size := func(id ir.SetID) int { return sets[id].set.Nets.Len() }
	for _, id := range slices.SortedFunc(maps.Keys(ids), func(a, b ir.SetID) int { return cmp.Or(cmp.Compare(size(a), size(b)), cmp.Compare(a, b)) }) {
		if memberLimit -= size(id); memberLimit < 0 {
			x.asked = append(x.asked, id)
			continue
		}
		for n := range sets[id].set.Nets.All() {
			n = n.Masked()
			memberBits[n.Bits()] = true
			x.members[n] = append(x.members[n], id)
		}
	}
	x.bits = [2][]int{slices.Sorted(maps.Keys(bits[source])), slices.Sorted(maps.Keys(bits[destination]))}
	x.memberBits = slices.Sorted(maps.Keys(memberBits))
}

// candidates are the entries that share a key with the packet and those without one, in order. Only one walk at a time.
func (x *ruleIndex) candidates(e *Evaluator, p *model.Packet) iter.Seq[int] {
	x.scratch = x.scratch[:0]
	x.add(x.rest)
	x.add(x.entries[ruleKey{protocol: p.Protocol}])
	x.addEnd(e, source, p.Src, p.SrcPort, p.HasPorts())
	x.addEnd(e, destination, p.Dst, p.DstPort, p.HasPorts())
	return merge(x.scratch)
}

func (x *ruleIndex) add(entries []int) {
	if len(entries) > 0 {
		x.scratch = append(x.scratch, entries)
	}
}

func (x *ruleIndex) addEnd(e *Evaluator, at end, a netip.Addr, port uint16, hasPort bool) {
	if hasPort {
		x.add(x.entries[ruleKey{end: at, port: port}])
	}
	for _, bits := range x.bits[at] {
		if n, err := a.Prefix(bits); err == nil {
			x.add(x.entries[ruleKey{end: at, net: n}])
		}
	}
	for _, bits := range x.memberBits {
		if n, err := a.Prefix(bits); err == nil {
			for _, id := range x.members[n] {
				x.add(x.entries[ruleKey{end: at, set: id}])
			}
		}
	}
	for _, id := range x.asked {
		if e.sets[id].holds(a) {
			x.add(x.entries[ruleKey{end: at, set: id}])
		}
	}
}

// merge goes through ascending lists in ascending order, each number once. It consumes the lists.
func merge(lists [][]int) iter.Seq[int] {
	return func(yield func(int) bool) {
		for len(lists) > 0 {
			least := lists[0][0]
			for _, l := range lists[1:] {
				least = min(least, l[0])
			}
			for i, l := range lists {
				if l[0] == least {
					lists[i] = l[1:]
				}
			}
			lists = slices.DeleteFunc(lists, func(l []int) bool { return len(l) == 0 })
			if !yield(least) {
				return
			}
		}
	}
}
