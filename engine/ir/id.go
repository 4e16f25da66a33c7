package ir

import (
	"fmt"

	"rampart/model"
)

// NewSetID names the set with this definition: a letter for the kind and 16 hexadecimal digits. Members do not count.
func NewSetID(kind SetKind, selector, portName string, protocol uint8) SetID {
	var d digest
	d.byte(byte(kind))
	d.string(selector)
	d.string(portName)
	d.byte(protocol)
	letter := "s"
	if kind == SetPorts {
		letter = "p"
	}
	return SetID(fmt.Sprintf("%s%016x", letter, d.sum()))
}

// NewGroupID names a group by what it lists.
func NewGroupID(g *Group) GroupID {
	var d digest
	d.string(string(g.Direction))
	d.byte(byte(g.Layer))
	d.length(len(g.Tiers))
	for _, t := range g.Tiers {
		d.string(t.Name)
		d.string(string(t.Default))
		d.bool(t.Missing)
		d.length(len(t.Policies))
		for _, p := range t.Policies {
			d.string(string(p.ID))
			d.bool(p.Staged)
		}
	}
	d.length(len(g.Profiles))
	for _, p := range g.Profiles {
		d.string(p.Name)
		d.bool(p.Missing)
	}
	return GroupID(fmt.Sprintf("g%016x", d.sum()))
}

// IdentifyRules gives every rule of one list its RuleID: a hash of the owner (a policy's or profile's key), the
// direction, the rule's content and its ordinal among equal rules. Rules that have an ID keep it.
func IdentifyRules(owner model.Key, dir model.Direction, rules []*Rule) {
	var seen map[string]uint64
	var d digest
	for _, r := range rules {
		d = d[:0]
		d.string(owner.String())
		d.string(string(dir))
		d.rule(r)
		if len(rules) > 1 {
			if seen == nil {
				seen = make(map[string]uint64, len(rules))
			}
			ordinal := seen[string(d)]
			seen[string(d)] = ordinal + 1
			d.u64(ordinal)
		} else {
			d.u64(0)
		}
		if r.ID == 0 {
			r.ID = model.RuleID(d.sum())
		}
	}
}

// ProfileKey is the key of a profile, the owner of its rules.
func ProfileKey(name string) model.Key { return model.Key{Kind: model.KindProfile, Name: name} }
