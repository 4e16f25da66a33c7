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

// PortSet returns the name of the set that holds one family of a SetPorts: address, protocol and port.
func (b *Builder) PortSet(id ir.SetID, version uint8) string {
	return b.use(setKey{id: id, version: version, ports: true}).names()
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

// versions counts something by IP versions, which are their own places.
type versions [7]int

// peopled tells how many sets of a program have members in each IP version. In one where none has any, a rule that names a set
// needs no set: most networks have one version only, and the kernel takes its time over sets that are many, whatever they
// hold.
func peopled(p *ir.Program) (v versions) {
	for _, s := range p.Sets {
		v.people(s, 1)
	}
	return v
}

// people counts a set so many times.
func (v *versions) people(s *ir.Set, times int) {
	if s == nil {
		return
	}
	var first, last netip.Addr // members are in the order of addresses, IPv4 first
	if a, z, ok := s.Nets.Ends(); ok {
		first, last = a.Addr(), z.Addr()
	} else if n := len(s.Ports); n > 0 {
		first, last = s.Ports[0].Addr, s.Ports[n-1].Addr
	}
	if first.Is4() {
		v[4] += times
	}
	if last.Is6() {
		v[6] += times
	}
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
