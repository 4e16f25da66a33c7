package lower

import (
	"fmt"
	"hash/fnv"

	"rampart/engine/ir"
	"rampart/nft/ruleset"
)

// maxPortSets is how many named ports a rule looks up one by one at either end. Each look-up takes four expressions, and a
// rule may have 128 (NFT_RULE_MAXEXPRS); more named ports go into one set together.
const maxPortSets = 6

// union is what such a set is made of.
type union struct {
	ids     []ir.SetID
	version uint8
}

func (u union) name() string {
	h := fnv.New64a()
	for _, id := range u.ids {
		fmt.Fprintf(h, "%s ", id)
	}
	return fmt.Sprintf("ports%d-of-%d-names-%016x", u.version, len(u.ids), h.Sum64())
}

// PortUnion returns the name of the set that holds one family of several SetPorts.
func (b *Builder) PortUnion(ids []ir.SetID, version uint8) string {
	u := union{ids, version}
	set := &ruleset.Set{
		Name: u.name(), Fields: []ruleset.Field{addrField(version, true), ruleset.L4Proto, ruleset.DstPort}, Comment: fmt.Sprintf("any of %d named ports", len(ids)),
	}
	for _, id := range ids {
		if def := b.Members(id); def != nil {
			set.Elements = append(set.Elements, portSet(def, setKey{id: id, version: version, ports: true}).Elements...)
		}
	}
	set.Elements = ruleset.SortKeys(set.Elements)
	set.Size = Size(len(set.Elements))
	b.AddSet(set)
	if b.recording != nil {
		b.recording.unions = append(b.recording.unions, u)
	}
	return set.Name
}
