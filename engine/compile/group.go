package compile

import (
	"encoding/binary"
	"maps"
	"slices"

	"rampart/engine/ir"
	"rampart/model"
)

// endpointClass is what decides, besides the selectors, where a policy acts.
type endpointClass uint8

const (
	workload endpointClass = iota
	hostInterface
	hostAny // interfaceName "*": not for untracked policies
)

// shape is what endpoints of the same class with the same policies and profiles share: their groups.
type shape struct {
	key             string
	ingress, egress [model.NumLayers]*group
	// count is how many endpoints have the shape.
	count int
}

// group is a group of the program with the versions it was made of.
type group struct {
	ir       *ir.Group
	key      string
	policies []*policy
	profiles []*profile
	round    uint64
}

// groups finds shapes and groups that exist by what they are made of.
type groups struct {
	shapes map[string]*shape
	byKey  map[string]*group
	// used are the groups of the present endpoints, by ID.
	used []*group
}

// shapeOf finds or makes the shape of an endpoint; policies must be in the order of evaluation.
func (c *Compiler) shapeOf(class endpointClass, policies []*policy, profiles []*profile) *shape {
	key := make([]byte, 0, 2+8*(len(policies)+len(profiles)))
	key = append(key, byte(class))
	for _, p := range policies {
		key = binary.BigEndian.AppendUint64(key, p.serial)
	}
	for _, p := range profiles {
		key = binary.BigEndian.AppendUint64(key, p.serial)
	}
	if s := c.groups.shapes[string(key)]; s != nil {
		return s
	}
	s := &shape{key: string(key)}
	for _, d := range model.Directions() {
		for l := model.LayerNormal; l < model.NumLayers; l++ {
			if class == workload && l != model.LayerNormal || d == model.Egress && l == model.LayerPreDNAT {
				continue
			}
			g := c.groupOf(d, l, class, policies, profiles)
			if d == model.Ingress {
				s.ingress[l] = g
			} else {
				s.egress[l] = g
			}
		}
	}
	c.groups.shapes[s.key] = s
	return s
}

// groupOf finds or makes a group. It is nil where the layer has no say: only the normal layer acts without a policy.
func (c *Compiler) groupOf(d model.Direction, l model.Layer, class endpointClass, policies []*policy, profiles []*profile) *group {
	g := &group{}
	key := []byte{byte(l), d[0]}
	for _, p := range policies {
		if p.governs(d) && p.acts(l, class) {
			g.policies = append(g.policies, p)
			key = binary.BigEndian.AppendUint64(key, p.serial)
		}
	}
	if l == model.LayerNormal {
		g.profiles = profiles
		for _, p := range profiles {
			key = binary.BigEndian.AppendUint64(key, p.serial)
		}
	} else if len(g.policies) == 0 {
		return nil
	}
	if old := c.groups.byKey[string(key)]; old != nil {
		return old
	}
	g.key = string(key)
	g.ir = &ir.Group{Direction: d, Layer: l}
	for i, p := range g.policies {
		if i == 0 || p.tier.name != g.policies[i-1].tier.name {
			g.ir.Tiers = append(g.ir.Tiers, ir.Tier{Name: p.tier.name, Default: p.tier.layerEnd(l), Missing: p.tier.missing})
		}
		t := &g.ir.Tiers[len(g.ir.Tiers)-1]
		t.Policies = append(t.Policies, p.ir)
	}
	for _, p := range g.profiles {
		g.ir.Profiles = append(g.ir.Profiles, p.ir)
	}
	g.ir.ID = ir.NewGroupID(g.ir)
	c.groups.byKey[g.key] = g
	return g
}

// collect finds the groups that the endpoints use and forgets the rest.
func (c *Compiler) collect() {
	t := &c.groups
	t.used = nil
	clear(t.byKey)
	maps.DeleteFunc(t.shapes, func(_ string, s *shape) bool { return s.count == 0 })
	for _, s := range t.shapes {
		for _, list := range [2]*[model.NumLayers]*group{&s.ingress, &s.egress} {
			for _, g := range list {
				if g != nil && g.round != c.round {
					g.round = c.round
					t.byKey[g.key] = g
					t.used = append(t.used, g)
				}
			}
		}
	}
	slices.SortFunc(t.used, func(a, b *group) int {
		if a.ir.ID < b.ir.ID {
			return -1
		}
		return 1
	})
}
