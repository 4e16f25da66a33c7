package ruleset

import "slices"

// Equal tells that two rules are one to the kernel and to who reads its comment.
func (r *Rule) Equal(o *Rule) bool {
	return r == o || r.ID == o.ID && r.Comment == o.Comment && slices.EqualFunc(r.Statements, o.Statements, sameStatement)
}

func sameStatement(a, b Statement) bool {
	switch a := a.(type) {
	case Match:
		b, ok := b.(Match)
		return ok && a.Field == b.Field && a.Not == b.Not && slices.Equal(a.Values, b.Values)
	case Lookup:
		b, ok := b.(Lookup)
		return ok && a.Set == b.Set && a.Bits == b.Bits && a.Not == b.Not && slices.Equal(a.Fields, b.Fields)
	case VerdictMap:
		b, ok := b.(VerdictMap)
		return ok && a.Map == b.Map && a.Bits == b.Bits && slices.Equal(a.Fields, b.Fields)
	}
	return a == b
}

// Requires tells that a match is one of those that the rule asks for.
func (r *Rule) Requires(m Match) bool {
	return slices.ContainsFunc(r.Statements, func(st Statement) bool { return sameStatement(st, m) })
}

// refers tells whether a rule uses one of the named sets.
func (r *Rule) refers(names map[string]bool) bool {
	return len(names) > 0 && slices.ContainsFunc(r.Statements, func(st Statement) bool {
		switch st := st.(type) {
		case Lookup:
			return names[st.Set]
		case VerdictMap:
			return names[st.Map]
		}
		return false
	})
}
