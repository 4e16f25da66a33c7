package lower

import (
	"fmt"
	"hash/fnv"
	"math/bits"
	"net/netip"
	"strings"

	"rampart/engine/ir"
	"rampart/model"
	"rampart/nft/ruleset"
)

// field picks an address field by family and end.
func addrField(version uint8, dst bool) ruleset.Field {
	switch {
	case version == 4 && !dst:
		return ruleset.SrcV4
	case version == 4:
		return ruleset.DstV4
	case !dst:
		return ruleset.SrcV6
	}
	return ruleset.DstV6
}

func portField(dst bool) ruleset.Field {
	if dst {
		return ruleset.DstPort
	}
	return ruleset.SrcPort
}

// AddressSets returns the names of the sets that together hold one family of a SetNets: one, or two if there are many
// prefixes. As long as all members are single addresses it is a hash table, else a sorted array of intervals.
func (b *Builder) AddressSets(id ir.SetID, version uint8) []string {
	m := b.use(setKey{id, version, false})
	names := make([]string, len(m.sets))
	for i, s := range m.sets {
		names[i] = s.Name
	}
	return names
}

// PortSet returns the name of the set that holds one family of a SetPorts: address, protocol and port.
func (b *Builder) PortSet(id ir.SetID, version uint8) string {
	return b.use(setKey{id, version, true}).names()
}

// use adds a set of the program to the table.
func (b *Builder) use(key setKey) *madeSet {
	m := b.made(key)
	for _, s := range m.sets {
		b.addSet(s)
	}
	if b.recording != nil {
		b.recording.used[key] = m.names()
	}
	return m
}

// versions says something of IP versions, by their number.
type versions [7]bool

// peopled tells in which IP versions any set of a program has members. In the other a rule that names a set needs no set:
// most networks have one version only, and the kernel takes its time over sets that are many, whatever they hold.
func peopled(p *ir.Program) (v versions) {
	note := func(a netip.Addr) { v[4], v[6] = v[4] || a.Is4(), v[6] || !a.Is4() }
	for _, s := range p.Sets {
		// Members are in the order of addresses, IPv4 first.
		if n := len(s.Nets); n > 0 {
			note(s.Nets[0].Addr())
			note(s.Nets[n-1].Addr())
		}
		if n := len(s.Ports); n > 0 {
			note(s.Ports[0].Addr)
			note(s.Ports[n-1].Addr)
		}
	}
	return v
}

// manyPrefixes is from how many members on a set of prefixes and single addresses is made in two parts. The kernel makes a
// sorted array of intervals anew at each change, which takes 0.3 ms for 10 000 and 14 ms for 100 000; a hash table it
// changes where it changes. Long lists are mostly single addresses.
const manyPrefixes = 4096

func addressSets(def *ir.Set, key setKey) []*ruleset.Set {
	f := addrField(key.version, false)
	var nets []netip.Prefix
	if def != nil {
		nets = def.Nets
	}
	fields := []ruleset.Field{f}
	hosts := &ruleset.Set{Name: fmt.Sprintf("addrs%d-%s", key.version, setWord(def, key.id)), Fields: fields, Comment: setComment(def)}
	ranges := &ruleset.Set{
		Name: fmt.Sprintf("nets%d-%s", key.version, setWord(def, key.id)), Fields: fields, Comment: setComment(def), Interval: true,
	}
	if elements, exact := ruleset.Addrs(f, nets); exact {
		hosts.Elements, hosts.Size = elements, Size(len(elements))
		return []*ruleset.Set{hosts}
	}
	single, wide := parted(nets, key.version)
	if len(single)+len(wide) < manyPrefixes || len(single) < len(wide) {
		ranges.Elements = ruleset.Spans(f, nets)
		return []*ruleset.Set{ranges}
	}
	ranges.Elements = ruleset.Spans(f, wide)
	hosts.Elements, _ = ruleset.Addrs(f, single)
	hosts.Size = Size(len(hosts.Elements))
	return []*ruleset.Set{hosts, ranges}
}

// parted sorts the prefixes of one family into single addresses and others.
func parted(nets []netip.Prefix, version uint8) (single, wide []netip.Prefix) {
	for _, n := range nets {
		switch {
		case n.Addr().Is4() != (version == 4):
		case n.IsSingleIP():
			single = append(single, n)
		default:
			wide = append(wide, n)
		}
	}
	return single, wide
}

func portSet(def *ir.Set, key setKey) *ruleset.Set {
	s := &ruleset.Set{
		Name: fmt.Sprintf("ports%d-%s", key.version, setWord(def, key.id)), Comment: setComment(def),
		Fields: []ruleset.Field{addrField(key.version, true), ruleset.L4Proto, ruleset.DstPort},
	}
	if def != nil {
		for _, m := range def.Ports {
			if m.Addr.Is4() == (key.version == 4) && model.HasPorts(m.Protocol) {
				s.Elements = append(s.Elements, ruleset.Element{Key: ruleset.Key{}.Addr(m.Addr).Protocol(m.Protocol).Port(m.Port).String()})
			}
		}
	}
	s.Elements = ruleset.SortKeys(s.Elements)
	s.Size = Size(len(s.Elements))
	return s
}

// Size is the room to give a hash set of n elements: twice as much as it needs, in powers of two, so that it is seldom
// outgrown.
func Size(n int) uint32 { return max(64, uint32(1)<<bits.Len(uint(n)*2)) }

// setWord is what a set's name says of it: the words of its selector, and its ID.
func setWord(def *ir.Set, id ir.SetID) string {
	if def == nil {
		return string(id)
	}
	w := def.Selector
	if def.Kind == ir.SetPorts {
		w = strings.TrimSpace(def.PortName + " " + w)
	}
	w = strings.ReplaceAll(w, "projectcalico.org/", "")
	words := strings.FieldsFunc(w, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '.' && r != '_'
	})
	w = strings.Join(words, "-")
	if len(w) > maxWord {
		w = w[:maxWord]
	}
	return strings.Trim(w+"-"+string(id), "-.")
}

func setComment(def *ir.Set) string {
	if def == nil {
		return ""
	}
	s := def.Selector
	if def.Kind == ir.SetPorts {
		s = strings.TrimSpace("port " + def.PortName + " " + s)
	}
	return cut(printable(s), ruleset.MaxCommentLen)
}

// listPrefix begins the names of the sets of lists.
const listPrefix = "list-of-"

// lists gives a rule's list of prefixes or port ranges a set with a name, which equal lists share: only such a set can be
// filled before the rule is in force. Another list has another name. Single values and lists of single values stay in the
// rule.
func (b *Builder) lists(m ruleset.Match) ruleset.Statement {
	s := m.Intervals()
	if s == nil {
		return m
	}
	h := fnv.New64a()
	for _, e := range s.Elements {
		fmt.Fprintf(h, "%x-%x,", e.Key, e.End)
	}
	// A list serves sources and destinations alike.
	word := "ports"
	switch s.Fields = []ruleset.Field{ruleset.DstPort}; m.Field {
	case ruleset.SrcV4, ruleset.DstV4:
		word, s.Fields[0] = "nets4", ruleset.SrcV4
	case ruleset.SrcV6, ruleset.DstV6:
		word, s.Fields[0] = "nets6", ruleset.SrcV6
	}
	s.Name = fmt.Sprintf("%s%s-%016x", listPrefix, word, h.Sum64())
	b.AddSet(s)
	return ruleset.Lookup{Fields: []ruleset.Field{m.Field}, Set: s.Name, Not: m.Not}
}
