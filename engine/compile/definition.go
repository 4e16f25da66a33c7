package compile

import (
	"rampart/engine/ir"
	"rampart/model/selector"
)

// definition is what a set is, before anyone looked for its members.
type definition struct {
	id   ir.SetID
	kind ir.SetKind
	// selector chooses the members; nil for a set of ports of every endpoint, and for a set that is empty always.
	selector *selector.Selector
	text     string
	portName string
	protocol uint8
	// empty marks a set that can have no members: text says what it stands for.
	empty bool
}

// netsOf is the set of everything a selector matches.
func netsOf(s *selector.Selector) definition {
	return definition{id: ir.NewSetID(ir.SetNets, s.String(), "", 0), kind: ir.SetNets, selector: s, text: s.String()}
}

// portsOf is the set of the ports with a name, of the endpoints that a selector matches (nil: of all endpoints), with
// one protocol or, if protocol is 0, with any that has ports.
func portsOf(s *selector.Selector, name string, protocol uint8) definition {
	d := definition{kind: ir.SetPorts, selector: s, portName: name, protocol: protocol}
	if s != nil {
		d.text = s.String()
	}
	d.id = ir.NewSetID(ir.SetPorts, d.text, name, protocol)
	return d
}

// emptyNets is a set without members that says what it stands for. Kubernetes Services are no part of the model, so a
// condition on one never holds.
func emptyNets(text string) definition {
	return definition{id: ir.NewSetID(ir.SetNets, text, "", 0), kind: ir.SetNets, text: text, empty: true}
}

var matchesNothing = selector.Not(selector.All())
