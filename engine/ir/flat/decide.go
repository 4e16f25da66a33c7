package flat

import "rampart/engine/ir"

// Decision is how a list decided a packet.
type Decision struct {
	Verdict Verdict
	// Entry is the deciding entry, nil when the end of List decided.
	Entry *Entry
	List  *List
	// Passed are the entries that matched before the deciding one without deciding, in order, and those that led from
	// one list to another.
	Passed []*Entry
}

// Decide walks the list and those it goes to. matches tells whether a rule matches the packet; rules with an HTTP
// clause are asked too, so it is up to matches what they do. This is the slow and obvious form, for tests and checks.
func (l *List) Decide(matches func(*ir.Rule) bool) Decision {
	var d Decision
	for {
		next := l.End.Next
		hit := (*Entry)(nil)
		for i := range l.Entries {
			e := &l.Entries[i]
			if !matches(e.Rule) {
				continue
			}
			if e.Verdict == Nothing {
				d.Passed = append(d.Passed, e)
				continue
			}
			hit = e
			break
		}
		switch {
		case hit == nil && l.End.Verdict != Goto:
			d.Verdict, d.List = l.End.Verdict, l
			return d
		case hit != nil && hit.Verdict != Goto:
			d.Verdict, d.Entry, d.List = hit.Verdict, hit, l
			return d
		case hit != nil:
			d.Passed = append(d.Passed, hit)
			next = hit.Next
		}
		l = next
	}
}
