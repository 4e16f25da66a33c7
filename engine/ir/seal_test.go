package ir_test

import (
	"net/netip"
	"testing"

	"rampart/engine/ir"
	"rampart/model"
)

func rule(action model.Action, port uint16) *ir.Rule {
	r := &ir.Rule{Action: action, Match: ir.Match{Protocol: model.ProtoTCP}}
	r.Match.Dst.Ports = []ir.PortRange{{Min: port, Max: port}}
	return r
}

func policy(name string, ingress ...*ir.Rule) *ir.Policy {
	return &ir.Policy{Key: model.Key{Kind: model.KindGlobalNetworkPolicy, Name: name}, Tier: "default", Ingress: ingress}
}

func TestRuleIDSurvivesOtherRules(t *testing.T) {
	alone := policy("p", rule(model.Allow, 80))
	ir.SealPolicy(alone)
	twice := policy("p", rule(model.Deny, 22), rule(model.Allow, 80), rule(model.Allow, 80))
	ir.SealPolicy(twice)
	if alone.Ingress[0].ID != twice.Ingress[1].ID {
		t.Error("inserting a rule before another changed the other's ID")
	}
	if twice.Ingress[1].ID == twice.Ingress[2].ID {
		t.Error("two equal rules share an ID")
	}
	moved := policy("p", rule(model.Allow, 80))
	moved.Ingress[0].Index, moved.Ingress[0].Origin = 7, model.Origin{File: "x", Line: 9}
	ir.SealPolicy(moved)
	if moved.Ingress[0].ID != alone.Ingress[0].ID {
		t.Error("index or origin is part of the ID")
	}
	ids := map[model.RuleID]string{alone.Ingress[0].ID: "alone"}
	for name, p := range map[string]*ir.Policy{
		"other policy":    policy("q", rule(model.Allow, 80)),
		"other action":    policy("p", rule(model.Deny, 80)),
		"other port":      policy("p", rule(model.Allow, 81)),
		"other direction": {Key: alone.Key, Egress: []*ir.Rule{rule(model.Allow, 80)}},
	} {
		ir.SealPolicy(p)
		id := append(p.Ingress, p.Egress...)[0].ID
		if was, ok := ids[id]; ok {
			t.Errorf("%s has the ID of %s", name, was)
		}
		ids[id] = name
	}
}

func TestSumsIgnoreOriginsOnly(t *testing.T) {
	base := policy("p", rule(model.Allow, 80))
	ir.SealPolicy(base)
	origin := policy("p", rule(model.Allow, 80))
	origin.Origin = model.Origin{File: "a", Line: 1}
	ir.SealPolicy(origin)
	if base.Sum != origin.Sum {
		t.Error("an origin changes the sum")
	}
	empty := policy("p")
	empty.Ingress = []*ir.Rule{}
	none := policy("p")
	ir.SealPolicy(empty)
	ir.SealPolicy(none)
	if empty.Sum == none.Sum {
		t.Error("a policy without rules in a direction it governs equals one that does not govern it")
	}
}

// TestSealLeavesSealedObjects guards the sharing of objects between programs: a reader of the old one must not see a
// write.
func TestSealLeavesSealedObjects(t *testing.T) {
	p := frontendToDatabase("10.0.0.1/32")
	before := *p.Sets[0]
	q := &ir.Program{Node: p.Node, Sets: p.Sets, Policies: p.Policies, Groups: p.Groups, Endpoints: p.Endpoints}
	p.Sets[0].Nets = ir.PrefixesOf(netip.MustParsePrefix("10.9.9.9/32")) // invisible: the sum says sealed
	ir.Seal(q)
	if q.Sets[0].Sum != before.Sum || q.Hash != p.Hash {
		t.Error("a sealed set was computed again")
	}
}

func TestSealOrdersMembers(t *testing.T) {
	a := frontendToDatabase("10.0.0.1/32", "fd00::1/128", "10.0.0.2/32", "10.0.0.0/8")
	b := frontendToDatabase("10.0.0.0/8", "10.0.0.2/32", "10.0.0.2/32", "10.0.0.1/32", "fd00::1/128")
	if a.Hash != b.Hash || ir.Text(a) != ir.Text(b) {
		t.Errorf("order or duplicates of members show:\n%s\n%s", ir.Text(a), ir.Text(b))
	}
	if c := frontendToDatabase("10.0.0.1/32"); c.Hash == a.Hash {
		t.Error("members are not in the hash")
	}
}
