package flat

import (
	"rampart/engine/ir"
	"rampart/model"
)

// Verdict is what an entry or the end of a list decides.
type Verdict uint8

// The verdicts.
const (
	// Nothing decides nothing: the packet is counted, or logged, and the next entry is tried.
	Nothing Verdict = iota
	Allow
	Deny
	// Continue leaves the decision to the next layer.
	Continue
	// Goto goes on with another list and does not come back.
	Goto
)

// String is the verdict in lower case.
func (v Verdict) String() string {
	switch v {
	case Nothing:
		return "nothing"
	case Allow:
		return "allow"
	case Deny:
		return "deny"
	case Continue:
		return "continue"
	case Goto:
		return "goto"
	}
	return "unknown"
}

// ID names a list by its content: 16 hexadecimal digits.
type ID string

// List is a first-match list.
type List struct {
	ID ID
	// Name is for people: the tier or profile that the list begins with. It is not unique.
	Name    string
	Entries []Entry
	End     End
	// Shadowed are the rules that no packet reaches, because an earlier rule matches everything.
	Shadowed []Entry
}

// Entry is one rule in its place.
type Entry struct {
	Rule *ir.Rule
	// Owner is the policy or profile the rule comes from, and Why the rule, as model.RuleRef and model.ProfileRef say it.
	Owner   model.Key
	Why     string
	Verdict Verdict
	// Next is set for Goto.
	Next *List
	// Log tells that the packet is logged.
	Log bool
	// HTTP tells that the rule matches only with a layer 7 proxy, and without one not at all.
	HTTP bool
}

// End is the decision for packets that no entry decided. It is never Nothing.
type End struct {
	Verdict Verdict
	// Next is set for Goto.
	Next *List
	// Why and Origin say whose default it is, as in model.Verdict. They are empty for Goto.
	Why    string
	Origin model.Origin
	// Of is the policy at Origin, the last of a tier whose default this is.
	Of model.Key
}

// Program is all lists of a program.
type Program struct {
	// Lists has every list once, each before the lists it goes to.
	Lists []*List
	// Heads has the list of every group.
	Heads map[ir.GroupID]*List
}
