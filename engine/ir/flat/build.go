package flat

import (
	"encoding/binary"
	"encoding/hex"
	"hash/fnv"
	"slices"

	"rampart/engine/ir"
)

// Build flattens every group of a program. The result depends on the groups alone, not on the members of sets.
func Build(p *ir.Program) *Program {
	b := builder{lists: map[ID]*List{}}
	out := &Program{Heads: make(map[ir.GroupID]*List, len(p.Groups))}
	for _, g := range p.Groups {
		out.Heads[g.ID] = b.group(g)
	}
	visited := map[*List]bool{}
	for _, g := range p.Groups {
		visit(out.Heads[g.ID], visited, &out.Lists)
	}
	slices.Reverse(out.Lists)
	return out
}

// Of flattens one group.
func Of(g *ir.Group) *List {
	b := builder{lists: map[ID]*List{}}
	return b.group(g)
}

// visit appends a list after all it goes to.
func visit(l *List, visited map[*List]bool, out *[]*List) {
	if visited[l] {
		return
	}
	visited[l] = true
	for _, next := range l.Nexts() {
		visit(next, visited, out)
	}
	*out = append(*out, l)
}

// Nexts are the lists that l goes to, each once.
func (l *List) Nexts() []*List {
	var out []*List
	add := func(n *List) {
		if n != nil && !slices.Contains(out, n) {
			out = append(out, n)
		}
	}
	for i := range l.Entries {
		add(l.Entries[i].Next)
	}
	add(l.End.Next)
	return out
}

// builder shares equal lists.
type builder struct{ lists map[ID]*List }

// group builds from the last stage to the first, so that a Pass has a list to go to.
func (b *builder) group(g *ir.Group) *List {
	stages, end := stagesOf(g)
	tail := &List{Name: "end", End: end}
	for _, s := range slices.Backward(stages) {
		tail = b.prepend(s, tail)
	}
	return b.share(tail)
}

// prepend puts a stage before what follows it.
func (b *builder) prepend(s stage, tail *List) *List {
	l := &List{Name: s.name, Entries: s.entries}
	falls := s.end == nil
	if i := slices.IndexFunc(l.Entries, matchesAll); i >= 0 {
		l.Shadowed = l.Entries[i+1:]
		l.Entries = l.Entries[: i+1 : i+1]
		switch last := &l.Entries[i]; last.Verdict {
		case Goto:
			falls = true
		default:
			// What follows is out of reach; the end only repeats the rule.
			s.end, falls = &End{Verdict: last.Verdict, Why: last.Why, Origin: last.Rule.Origin}, false
		}
	}
	// The last Pass before a fall is no more than a count. Any other Pass skips something.
	if n := len(l.Entries); falls && n > 0 && l.Entries[n-1].Verdict == Goto {
		l.Entries[n-1].Verdict = Nothing
	}
	skips := slices.ContainsFunc(l.Entries, func(e Entry) bool { return e.Verdict == Goto })
	switch {
	case skips:
		next := b.share(tail)
		for i := range l.Entries {
			if l.Entries[i].Verdict == Goto {
				l.Entries[i].Next = next
			}
		}
		l.End = End{Verdict: Goto, Next: next}
		if !falls {
			l.End = *s.end
		}
	case falls:
		if len(l.Entries) == 0 {
			l.Name = tail.Name
		}
		l.Entries = append(l.Entries, tail.Entries...)
		l.Shadowed = append(l.Shadowed, tail.Shadowed...)
		l.End = tail.End
	default:
		l.End = *s.end
	}
	return l
}

// share returns the one list with this content.
func (b *builder) share(l *List) *List {
	l.ID = l.digest()
	if same := b.lists[l.ID]; same != nil {
		return same
	}
	b.lists[l.ID] = l
	return l
}

// digest is a hash of what the list decides, wherever it is written. A RuleID stands for the rule's content.
func (l *List) digest() ID {
	buf := make([]byte, 0, 64+len(l.Entries)*20)
	for i := range l.Entries {
		e := &l.Entries[i]
		buf = binary.LittleEndian.AppendUint64(buf, uint64(e.Rule.ID))
		buf = binary.LittleEndian.AppendUint32(buf, uint32(e.Rule.Index))
		buf = append(buf, byte(e.Verdict))
		if e.Next != nil {
			buf = append(buf, e.Next.ID...)
		}
	}
	buf = append(buf, 0xff, byte(l.End.Verdict))
	buf = append(buf, l.End.Why...)
	buf = append(buf, l.End.Of.String()...)
	if l.End.Next != nil {
		buf = append(buf, l.End.Next.ID...)
	}
	h := fnv.New128a()
	h.Write(buf)
	return ID(hex.EncodeToString(h.Sum(nil)[:8]))
}
