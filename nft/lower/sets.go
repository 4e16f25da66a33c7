package lower

import (
	"cmp"
	"fmt"
	"math/bits"
	"net/netip"
	"slices"
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

// AddressSet returns the name of the set that holds one family of a SetNets, making it the first time. As long as all
// members are single addresses it is a hash table, else a sorted array of intervals.
func (b *Builder) AddressSet(id ir.SetID, version uint8) string {
	def := b.defs[id]
	f := addrField(version, false)
	var nets []netip.Prefix
	if def != nil {
		nets = def.Nets
	}
	elements, exact := ruleset.Addrs(f, nets)
	kind := "addrs"
	if !exact {
		kind, elements = "nets", ruleset.Spans(f, nets)
	}
	name := fmt.Sprintf("%s%d-%s", kind, version, setWord(def, id))
	if b.HasSet(name) {
		return name
	}
	s := &ruleset.Set{Name: name, Fields: []ruleset.Field{f}, Interval: !exact, Elements: elements, Comment: setComment(def)}
	if exact {
		s.Size = Size(len(elements))
	}
	b.AddSet(s)
	return name
}

// PortSet returns the name of the set that holds one family of a SetPorts: address, protocol and port.
func (b *Builder) PortSet(id ir.SetID, version uint8) string {
	def := b.defs[id]
	name := fmt.Sprintf("ports%d-%s", version, setWord(def, id))
	if b.HasSet(name) {
		return name
	}
	s := &ruleset.Set{
		Name: name, Comment: setComment(def),
		Fields: []ruleset.Field{addrField(version, true), ruleset.L4Proto, ruleset.DstPort},
	}
	if def != nil {
		for _, m := range def.Ports {
			if m.Addr.Is4() == (version == 4) && model.HasPorts(m.Protocol) {
				s.Elements = append(s.Elements, ruleset.Element{Key: ruleset.Key{}.Addr(m.Addr).Protocol(m.Protocol).Port(m.Port).String()})
			}
		}
	}
	s.Elements = ruleset.SortKeys(s.Elements)
	s.Size = Size(len(s.Elements))
	b.AddSet(s)
	return name
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

// verdictMap adds a map from interface names to verdicts.
func (b *Builder) interfaceMap(name string, f ruleset.Field, entries map[string]ruleset.Verdict) {
	s := &ruleset.Set{Name: name, Fields: []ruleset.Field{f}, Verdicts: true, Size: Size(len(entries))}
	for iface, v := range entries {
		s.Elements = append(s.Elements, ruleset.Element{Key: ruleset.Key{}.Interface(iface).String(), Verdict: v})
	}
	slices.SortFunc(s.Elements, func(x, y ruleset.Element) int { return cmp.Compare(x.Key, y.Key) })
	b.AddSet(s)
}
